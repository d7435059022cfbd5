//! Receives that wait in the system call itself, where the guest has the thread
//! to itself: one call instead of a try, a `poll(2)` and another try.

use std::os::fd::{AsFd, BorrowedFd};

use super::Socket;
use super::wait::Deadline;
use crate::os::{self, Descriptor, Interest, ReceiveFlags};
use crate::{AddressFamily, Errno};

/// How many receives of a socket come before it is worth two system calls to
/// have the others wait in the kernel.
const FIRST: u8 = 2;

/// Whether receives of a socket wait in the kernel (no `O_NONBLOCK`, and
/// `SO_RCVTIMEO` so that they end).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Not yet, after so many.
    After(u8),
    Waits,
    /// The guest or another process may set `SO_RCVTIMEO` as it likes.
    Never,
}

impl Default for Hold {
    fn default() -> Self {
        Self::After(0)
    }
}

impl Socket {
    /// Receives, and waits where the deadline allows. An error that the kernel
    /// has told before comes first.
    pub(super) async fn attempt_receive<T>(
        &self,
        deadline: Deadline,
        receive: &mut impl FnMut(BorrowedFd<'_>, ReceiveFlags) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let descriptor = self.open()?;
        if !self.waits_in_kernel(deadline, descriptor)? {
            let at_once = |fd: BorrowedFd<'_>| receive(fd, ReceiveFlags::DONTWAIT);
            return deadline
                .attempt(descriptor, Interest::READABLE, at_once)
                .await;
        }
        tokio::task::coop::consume_budget().await;
        match receive(descriptor.as_fd(), ReceiveFlags::empty()) {
            // The time to hold the thread is over.
            Err(Errno::WouldBlock | Errno::Interrupted) => {
                let at_once = |fd: BorrowedFd<'_>| receive(fd, ReceiveFlags::DONTWAIT);
                deadline
                    .retry(descriptor, Interest::READABLE, at_once)
                    .await
            }
            result => result,
        }
    }

    /// Whether the next receive may wait in the kernel, which has been told how
    /// long.
    fn waits_in_kernel(&self, deadline: Deadline, descriptor: &Descriptor) -> Result<bool, Errno> {
        let mut state = self.state();
        if let Some(errno) = state.error.take() {
            return Err(errno);
        }
        let Some(hold) = deadline.hold(descriptor.held()) else {
            return Ok(false);
        };
        if descriptor.held() != Some(hold) || !self.family_keeps_time() {
            return Ok(false);
        }
        match state.hold {
            Hold::Waits => return Ok(true),
            Hold::Never => return Ok(false),
            Hold::After(FIRST..) if !state.shared => {}
            Hold::After(count) => {
                state.hold = Hold::After(count.saturating_add(1));
                return Ok(false);
            }
        }
        os::set_receive_timeout(descriptor.as_fd(), Some(hold))?;
        os::set_nonblocking(descriptor.as_fd(), false)?;
        state.hold = Hold::Waits;
        Ok(true)
    }

    /// Not all of the kernel's families heed `SO_RCVTIMEO`.
    fn family_keeps_time(&self) -> bool {
        matches!(
            self.family,
            AddressFamily::Inet | AddressFamily::Inet6 | AddressFamily::Unix
        )
    }

    /// Before a call that has no flag not to wait: the descriptor does not wait.
    /// Who shares the socket may have made it wait too.
    pub(super) fn keep_nonblocking(&self) -> Result<(), Errno> {
        let mut state = self.state();
        if state.shared || state.hold == Hold::Waits {
            os::set_nonblocking(self.open()?.as_fd(), true)?;
        }
        if state.hold == Hold::Waits {
            state.hold = Hold::default();
        }
        Ok(())
    }

    /// Before others may do with the socket's timeout what they like, who get it
    /// as sockets are when they are made.
    pub(super) fn end_hold(&self) -> Result<(), Errno> {
        self.keep_nonblocking()?;
        let hold = std::mem::replace(&mut self.state().hold, Hold::Never);
        if hold != Hold::Never {
            os::set_receive_timeout(self.open()?.as_fd(), None)?;
        }
        Ok(())
    }
}
