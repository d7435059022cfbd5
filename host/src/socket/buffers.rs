//! The kernel's memory for what a socket sends and receives.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Socket;
use crate::ctx::CapsockCtx;
use crate::options::{NumberOption, OptionNumber};
use crate::os;
use crate::quota::{Quota, Taken, What};
use crate::{Errno, Protocol};

/// What the kernel gives by itself, in bytes as it counts them:
/// `net.core.wmem_default` and `net.core.rmem_default`.
const FREE: u64 = 212_992;

/// How much a TCP socket takes that it cannot send yet, in bytes
/// (`TCP_NOTSENT_LOWAT`). By itself the kernel takes up to 4 MiB for a peer that
/// takes nothing; what is on its way to one that does is not bounded by it.
pub(super) const UNSENT: i32 = 256 << 10;

/// Which buffers do not size themselves any more; the bits are
/// `SOCK_SNDBUF_LOCK` and `SOCK_RCVBUF_LOCK`.
const SO_BUF_LOCK: OptionNumber = OptionNumber {
    level: libc::SOL_SOCKET,
    name: 72,
};

const BOTH: [(NumberOption, i32); 2] = [
    (NumberOption::SendBufferSize, 1),
    (NumberOption::ReceiveBufferSize, 2),
];

/// What the buffers of one socket take of the guest's quota.
#[derive(Debug)]
pub(super) struct Buffers {
    send: Taken,
    receive: Taken,
    /// How many sockets have such buffers: a listener's connections get them,
    /// long before anybody accepts them.
    sockets: u64,
}

/// Duplicates have them together, and so do those on their way to somebody.
#[derive(Clone, Debug)]
pub(super) struct SharedBuffers(Arc<Mutex<Buffers>>);

impl SharedBuffers {
    pub(super) fn new(quota: &Quota) -> Self {
        Self(Arc::new(Mutex::new(Buffers {
            send: quota.nothing(What::Buffers),
            receive: quota.nothing(What::Buffers),
            sockets: 1,
        })))
    }

    /// Of a socket that is closed.
    pub(super) fn none(&self) -> Self {
        let quota = self.lock().send.quota().clone();
        Self::new(&quota)
    }

    fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    /// Sets the size of a buffer, as far as the limits go.
    pub(super) fn set_buffer(
        &self,
        ctx: &CapsockCtx,
        option: NumberOption,
        size: i32,
    ) -> Result<(), Errno> {
        // The kernel takes a negative size for a huge one.
        let size = u32::try_from(size).map_err(|_negative| Errno::InvalidArgument)?;
        let fd = self.open()?;
        let size = size.min(ctx.limits().socket_buffer);
        self.buffers.lock().set(fd.as_fd(), option, size)
    }

    /// Bounds what the kernel takes by itself, of sockets that only this guest
    /// has.
    pub(super) fn bound_unsent(&self) -> Result<(), Errno> {
        match self.protocol {
            Protocol::Tcp | Protocol::Mptcp => {
                let option = NumberOption::NotSentLowWaterMark.number();
                let set = os::set_number(self.open()?.as_fd(), option, UNSENT);
                // Not every kernel has it for MPTCP.
                set.or_else(|error| match self.protocol {
                    Protocol::Mptcp => Ok(()),
                    _ => Err(error),
                })
            }
            _ => Ok(()),
        }
    }

    /// Takes what the connections take that wait to be accepted, before a listen.
    pub(super) fn buffer_queue(&self, backlog: u32) -> Result<(), Errno> {
        let fd = self.open()?.as_fd();
        let mut buffers = self.buffers.lock();
        buffers.sockets = u64::from(backlog) + 1;
        for (option, _) in BOTH {
            if buffers.of(option).amount() > 0 {
                let size = os::get_number(fd, option.number())?.unsigned_abs() / 2;
                buffers.set(fd, option, size)?;
            }
        }
        Ok(())
    }

    /// Takes what an accepted socket has of its listener's.
    pub(super) fn inherit_buffers(&self, listener: &Self) -> Result<(), Errno> {
        let fd = self.open()?.as_fd();
        for (option, _) in BOTH {
            if listener.buffers.lock().of(option).amount() > 0 {
                let size = os::get_number(fd, option.number())?.unsigned_abs() / 2;
                self.buffers.lock().set(fd, option, size)?;
            }
        }
        Ok(())
    }

    /// Takes what a received socket has, which is another's too and is left as it
    /// is.
    ///
    /// # Errors
    /// [`Errno::NoBufferSpace`] where there is not as much.
    pub(super) fn adopt_buffers(&self) -> Result<(), Errno> {
        let fd = self.open()?.as_fd();
        // Kernels before 5.14 do not tell.
        let locked = os::get_number(fd, SO_BUF_LOCK).unwrap_or(3);
        let mut buffers = self.buffers.lock();
        for (option, bit) in BOTH {
            if locked & bit != 0 {
                let size = os::get_number(fd, option.number())?.unsigned_abs();
                let more = u64::from(size).saturating_sub(FREE);
                if buffers.of(option).resize(more) < more {
                    return Err(Errno::NoBufferSpace);
                }
            }
        }
        Ok(())
    }
}

impl Buffers {
    fn of(&mut self, option: NumberOption) -> &mut Taken {
        match option {
            NumberOption::SendBufferSize => &mut self.send,
            _ => &mut self.receive,
        }
    }

    /// Sets a size, of which the kernel makes twice as much.
    fn set(&mut self, fd: BorrowedFd<'_>, option: NumberOption, size: u32) -> Result<(), Errno> {
        let sockets = self.sockets;
        let more = (u64::from(size) * 2).saturating_sub(FREE);
        let got = self.of(option).resize(more * sockets) / sockets;
        let size = match got < more {
            true => u32::try_from((FREE + got) / 2).unwrap_or(size),
            false => size,
        };
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        os::set_number(fd, option.number(), size)?;
        // The kernel has a limit of its own: `net.core.wmem_max`.
        let told = os::get_number(fd, option.number())?.unsigned_abs();
        let more = u64::from(told).saturating_sub(FREE).min(got);
        self.of(option).resize(more * sockets);
        Ok(())
    }
}
