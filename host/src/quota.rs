//! Counters of what one guest uses, which it cannot get beyond.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::{Errno, Limits, os};

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

/// What the host keeps of data that one guest waits for all of, in bytes: as much
/// as its memory may be, since that is where it goes.
#[derive(Clone, Debug)]
pub(crate) struct DataQuota {
    used: Arc<AtomicU64>,
    limit: u64,
}

/// What one call keeps; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct KeptData {
    quota: DataQuota,
    length: u64,
}

impl DataQuota {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            used: Arc::default(),
            limit: limits.memory,
        }
    }

    /// Nothing, so far.
    pub(crate) fn keep(&self) -> KeptData {
        KeptData {
            quota: self.clone(),
            length: 0,
        }
    }
}

impl KeptData {
    /// Keeps `length` bytes in all. Whether there is room for more.
    pub(crate) fn reaches(&mut self, length: usize) -> bool {
        let more = (length as u64).saturating_sub(self.length);
        self.length += more;
        let before = self.quota.used.fetch_add(more, Ordering::Relaxed);
        before.saturating_add(more) < self.quota.limit
    }
}

impl Drop for KeptData {
    fn drop(&mut self) {
        self.quota.used.fetch_sub(self.length, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_data_is_bounded_over_all_calls_and_given_back() {
        let mut limits = Limits::default();
        limits.memory = 10;
        let quota = DataQuota::new(&limits);
        let (mut one, mut other) = (quota.keep(), quota.keep());
        assert!(one.reaches(4) && other.reaches(5) && one.reaches(4));
        assert!(!one.reaches(5));
        drop(other);
        assert!(one.reaches(9));
        assert!(!one.reaches(usize::MAX));
        drop(one);
        assert_eq!(quota.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_dropped_permit_makes_room_and_the_limit_holds() {
        let mut limits = Limits::default();
        limits.sockets = 2;
        let quota = SocketQuota::new(&limits);
        let first = quota.take().expect("first");
        let _second = quota.take().expect("second");
        assert_eq!(quota.take().expect_err("third"), Errno::TooManyOpenFiles);
        drop(first);
        quota.take().expect("the place of the first");
    }
}
