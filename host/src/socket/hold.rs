//! Calls that wait in the kernel, where the guest has the thread to itself: one
//! system call instead of a try, a `poll(2)` and another try.

use std::os::fd::{AsFd, BorrowedFd};

use super::Socket;
use super::wait::Deadline;
use crate::os::{self, Descriptor, Interest, ReceiveFlags};
use crate::{Errno, Protocol};

/// How many calls of a socket come before it is worth three system calls to have
/// the others wait in the kernel.
const FIRST: u8 = 2;

/// Whether calls of a socket wait in the kernel: no `O_NONBLOCK`, and
/// `SO_RCVTIMEO` and `SO_SNDTIMEO` so that they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Not yet, after so many.
    After(u8),
    Waits,
    /// The guest or another process may set those times as it likes.
    Never,
}

impl Default for Hold {
    fn default() -> Self {
        Self::After(0)
    }
}

impl Socket {
    /// Does `operation`, and waits for data or connections where the deadline
    /// allows. It is told `MSG_DONTWAIT` where it must not wait itself. An error
    /// that the kernel has told before comes first.
    pub(super) async fn attempt_held<T>(
        &self,
        deadline: Deadline,
        operation: &mut impl FnMut(BorrowedFd<'_>, ReceiveFlags) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let descriptor = self.open()?;
        self.tell_error()?;
        let held = self.waits_in_kernel(deadline, descriptor)?;
        let operation = |fd: BorrowedFd<'_>, at_once| {
            let mut flags = ReceiveFlags::empty();
            flags.set(ReceiveFlags::DONTWAIT, at_once);
            operation(fd, flags)
        };
        let readable = Interest::READABLE;
        deadline
            .attempt_held(held, descriptor, readable, operation)
            .await
    }

    /// The error that the kernel has told before.
    pub(super) fn tell_error(&self) -> Result<(), Errno> {
        self.state().error.take().map_or(Ok(()), Err)
    }

    /// Whether the next call may wait in the kernel, which has been told how
    /// long.
    pub(super) fn waits_in_kernel(
        &self,
        deadline: Deadline,
        descriptor: &Descriptor,
    ) -> Result<bool, Errno> {
        let Some(hold) = deadline.hold(descriptor.held()) else {
            return Ok(false);
        };
        if descriptor.held() != Some(hold) || !self.keeps_time() {
            return Ok(false);
        }
        let mut state = self.state();
        match state.hold {
            Hold::Waits => return Ok(true),
            Hold::Never => return Ok(false),
            Hold::After(FIRST..) if state.shared.is_none() => {}
            Hold::After(count) => {
                state.hold = Hold::After(count.saturating_add(1));
                return Ok(false);
            }
        }
        os::set_timeouts(descriptor.as_fd(), Some(hold))?;
        os::set_nonblocking(descriptor.as_fd(), false)?;
        state.hold = Hold::Waits;
        Ok(true)
    }

    /// Not all that the kernel speaks heeds the times.
    fn keeps_time(&self) -> bool {
        matches!(
            self.protocol,
            Protocol::Tcp | Protocol::Udp | Protocol::UnixConnection | Protocol::UnixDatagram
        )
    }

    /// Before a call that has no flag not to wait: the descriptor does not wait.
    /// Who shares the socket may have made it wait too.
    pub(super) fn keep_nonblocking(&self) -> Result<(), Errno> {
        let mut state = self.state();
        if state.shared.is_some() || state.hold == Hold::Waits {
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
            os::set_timeouts(self.open()?.as_fd(), None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::OptionNumber;
    use crate::socket::{Data, Passed, RawValue, Receive, Timeout, Transmit};
    use crate::{CapsockCtx, Op, Policy, SocketType};
    use cap_std::ambient_authority;
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::net::sockopt::{Timeout as Which, socket_timeout};
    use std::io::IoSlice;
    use std::time::{Duration, Instant};

    const LONGEST: Duration = Duration::from_millis(20);

    const AT_ONCE: Transmit = Transmit {
        flags: os::SendFlags::empty(),
        dont_wait: false,
        fast_open: false,
    };

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    }

    fn holding() -> CapsockCtx {
        let policy = Policy::default()
            .allow(Op::Listen, "tcp://127.0.0.1:ephemeral")
            .unwrap();
        let policy = policy.allow(Op::Connect, "tcp://127.0.0.1:*").unwrap();
        let policy = policy.allow(Op::Option, "raw=1/20").unwrap();
        CapsockCtx::new(policy, ambient_authority()).holding_thread(LONGEST)
    }

    fn pair(ctx: &CapsockCtx, kind: SocketType) -> (Socket, Socket) {
        Socket::create_pair(ctx, crate::AddressFamily::Unix, kind, 0).unwrap()
    }

    /// Whether the descriptor waits, and how long its receives do.
    fn waits(socket: &Socket) -> (bool, Option<Duration>) {
        let fd = socket.open().unwrap().as_fd();
        let flags = fcntl_getfl(fd).unwrap();
        let time = socket_timeout(fd, Which::Recv).unwrap();
        (!flags.contains(OFlags::NONBLOCK), time)
    }

    async fn exchange(ctx: &CapsockCtx, (one, other): &(Socket, Socket)) {
        other.send(ctx, b"x", AT_ONCE).await.unwrap();
        let (data, _) = one.receive(ctx, 1, Receive::default()).await.unwrap();
        assert_eq!(data, b"x");
    }

    #[rstest::rstest]
    #[case::stream(SocketType::Stream)]
    #[case::datagram(SocketType::Datagram)]
    fn a_socket_waits_in_the_kernel_until_others_may_have_it(#[case] kind: SocketType) {
        runtime().block_on(async {
            let ctx = holding();
            let pair = pair(&ctx, kind);
            for _ in 0..FIRST {
                exchange(&ctx, &pair).await;
                assert_eq!(waits(&pair.0), (false, None));
            }
            exchange(&ctx, &pair).await;
            assert!(waits(&pair.0).0);
            assert!(waits(&pair.0).1.is_some_and(|time| time >= LONGEST));
            pair.0.keep_nonblocking().unwrap();
            assert!(!waits(&pair.0).0);
            for _ in 0..=FIRST {
                exchange(&ctx, &pair).await;
            }
            // Its duplicate is the same socket.
            let duplicate = pair.0.duplicate(&ctx).unwrap();
            assert!(waits(&duplicate).0);
            // To pass it on is to let others have it.
            let (carrier, _far) = self::pair(&ctx, SocketType::Stream);
            let (parts, passed) = ([IoSlice::new(b"x")], [Passed::Socket(&duplicate)]);
            let data = Data::new(&parts, false);
            let sent = carrier.send_message(&ctx, data, Vec::new(), &passed, AT_ONCE, None);
            assert_eq!(sent.await.unwrap(), 1);
            assert_eq!(waits(&pair.0), (false, None));
            for _ in 0..=FIRST {
                exchange(&ctx, &pair).await;
            }
            assert_eq!(waits(&pair.0), (false, None));
        });
    }

    /// An option by its number may be one of those times, and it stays.
    #[test]
    fn a_socket_does_not_wait_in_the_kernel_after_an_option_by_number() {
        runtime().block_on(async {
            let ctx = holding();
            let pair = pair(&ctx, SocketType::Stream);
            for _ in 0..=FIRST {
                exchange(&ctx, &pair).await;
            }
            assert!(waits(&pair.0).0);
            let option = OptionNumber {
                level: libc::SOL_SOCKET,
                name: libc::SO_RCVTIMEO,
            };
            let time = [3_i64, 0].map(i64::to_ne_bytes).concat();
            let value = RawValue::Bytes(time);
            pair.0.set_raw(&ctx, option, &value).unwrap();
            let set = (false, Some(Duration::from_secs(3)));
            for _ in 0..=FIRST {
                assert_eq!(waits(&pair.0), set);
                exchange(&ctx, &pair).await;
            }
            assert_eq!(waits(&pair.0), set);
        });
    }

    /// What cannot be done at once is not waited for where the guest says so.
    #[test]
    fn a_socket_that_waits_still_does_not_where_it_is_told() {
        runtime().block_on(async {
            let ctx = holding();
            let mut pair = pair(&ctx, SocketType::Stream);
            for _ in 0..=FIRST {
                exchange(&ctx, &pair).await;
            }
            let dont_wait = Receive {
                dont_wait: true,
                ..Receive::default()
            };
            let start = Instant::now();
            let result = pair.0.receive(&ctx, 1, dont_wait).await;
            assert_eq!(result.unwrap_err(), Errno::WouldBlock);
            let short = LONGEST / 4;
            pair.0.set_timeout(Timeout::After(short)).unwrap();
            let result = pair.0.receive(&ctx, 1, Receive::default()).await;
            assert_eq!(result.unwrap_err(), Errno::DeadlineExceeded);
            assert!(start.elapsed() >= short);
        });
    }

    /// What the thread has to do besides comes late, but it comes.
    #[rstest::rstest]
    #[case::in_poll(0)]
    #[case::in_the_kernel(FIRST + 1)]
    fn a_wait_gives_the_thread_back(#[case] before: u8) {
        runtime().block_on(async {
            let ctx = holding();
            let pair = pair(&ctx, SocketType::Stream);
            for _ in 0..before {
                exchange(&ctx, &pair).await;
            }
            let other = async {
                // The first poll is after the receive has begun.
                tokio::task::yield_now().await;
                pair.1.send(&ctx, b"x", AT_ONCE).await.unwrap();
            };
            let receive = pair.0.receive(&ctx, 1, Receive::default());
            let (received, ()) = tokio::join!(biased; receive, other);
            assert_eq!(received.unwrap().0, b"x");
        });
    }

    /// A listener waits too, and what it accepts does not.
    #[test]
    fn a_listener_waits_in_the_kernel_after_a_few_accepts() {
        runtime().block_on(async {
            let ctx = holding();
            let (inet, stream) = (crate::AddressFamily::Inet, SocketType::Stream);
            let socket = || Socket::create(&ctx, inet, stream, 0).unwrap();
            let listener = socket();
            let local: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
            listener.bind(&ctx, local.into()).unwrap();
            listener.listen(&ctx, 8).unwrap();
            let address = listener.local_address().unwrap();
            for count in 0..=FIRST {
                let client = socket();
                client.connect(&ctx, address.clone()).await.unwrap();
                let (accepted, _peer) = listener.accept(&ctx).await.unwrap();
                assert!(!waits(&accepted).0);
                assert_eq!(waits(&listener).0, count == FIRST);
            }
            // Nobody comes: after the deadline it does not wait.
            let start = Instant::now();
            let late = Deadline::new(Timeout::After(LONGEST * 2));
            let result = listener.accept_until(&ctx, late).await;
            assert_eq!(result.unwrap_err(), Errno::DeadlineExceeded);
            assert!(start.elapsed() >= LONGEST * 2);
            let result = listener.accept_until(&ctx, Deadline::Now).await;
            assert_eq!(result.unwrap_err(), Errno::WouldBlock);
        });
    }
}
