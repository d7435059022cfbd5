//! Counters that a guest cannot exceed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Errno, os};

/// What one guest may use. Over a limit an operation fails with the errno of
/// the real thing; it never waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Open sockets: 1,024, and never over 80 % of the process's descriptors
    /// (`RLIMIT_NOFILE`). One more is `EMFILE`.
    pub sockets: u32,
    /// Bytes that one receive returns at most: 1 MiB. A longer receive is cut
    /// to it.
    pub receive: u32,
    /// The longest queue of a listener: 1,024. A longer one is cut to it.
    pub backlog: u32,
    /// `SO_SNDBUF` and `SO_RCVBUF`, in bytes: 4 MiB. A larger one is cut to it.
    pub socket_buffer: u32,
    /// Look-ups of names under way: 8, those included that took too long and
    /// were given up. One more is `EAI_AGAIN`.
    pub lookups: u32,
    /// Descriptors in one message: 8. To send more is `EINVAL`; what more comes
    /// is closed.
    pub descriptors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sockets: 1024,
            receive: 1 << 20,
            backlog: 1024,
            socket_buffer: 4 << 20,
            lookups: 8,
            descriptors: 8,
        }
    }
}

/// The open sockets of one guest.
#[derive(Clone, Debug)]
pub(crate) struct SocketQuota {
    used: Arc<AtomicU32>,
    limit: u32,
}

/// A place for one open socket; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct SocketPermit(Arc<AtomicU32>);

impl SocketQuota {
    pub(crate) fn new(limits: &Limits) -> Self {
        let share = os::descriptor_limit().map_or(u64::MAX, |limit| limit / 5 * 4);
        Self {
            used: Arc::default(),
            limit: limits.sockets.min(u32::try_from(share).unwrap_or(u32::MAX)),
        }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Errno::TooManyOpenFiles`] where none is left.
    pub(crate) fn take(&self) -> Result<SocketPermit, Errno> {
        let more = |used| (used < self.limit).then_some(used + 1);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map(|_| SocketPermit(self.used.clone()))
            .map_err(|_full| Errno::TooManyOpenFiles)
    }
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_permit_makes_room_and_the_limit_holds() {
        let quota = SocketQuota::new(&Limits {
            sockets: 2,
            ..Limits::default()
        });
        let first = quota.take().expect("first");
        let _second = quota.take().expect("second");
        assert_eq!(quota.take().expect_err("third"), Errno::TooManyOpenFiles);
        drop(first);
        quota.take().expect("the place of the first");
    }
}
