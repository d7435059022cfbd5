//! Counters of what guests use, which they cannot get beyond: each guest for
//! itself, and all that share a [`Quota`] together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use crate::{Errno, Limits, os};

/// What all guests of a process look up at a time: each look-up has a thread.
const LOOKUPS: u32 = 64;

/// What the buffers of all guests of a process take beyond what the kernel gives
/// by itself, and what is kept for them, in bytes.
const BUFFERS: u64 = 1 << 30;
const KEPT: u64 = 1 << 30;

/// What several guests may use together, each of them within its own
/// [`Limits`]. A clone is the same quota.
///
/// Of the limits it has those on what the host has to share: `sockets`,
/// `lookups`, `socket_buffers`, and `memory` for the data that the host keeps for
/// guests that wait for all of it. Over it an operation fails as it does over the
/// guest's own.
///
/// All quotas of a process together have 80 % of its descriptors
/// (`RLIMIT_NOFILE`).
///
/// ```
/// use capsock_host::cap_std::ambient_authority;
/// use capsock_host::{CapsockCtx, Limits, Policy, Quota};
///
/// let mut together = Limits::default();
/// together.sockets = 100;
/// let tenant = Quota::new(&together);
/// let guests: Vec<CapsockCtx> = (0..10)
///     .map(|_| CapsockCtx::new(Policy::default(), ambient_authority()).with_quota(&tenant))
///     .collect();
/// # _ = guests;
/// ```
#[derive(Clone, Debug)]
pub struct Quota(Arc<Shares>);

#[derive(Debug)]
struct Shares {
    counters: [Counter; 4],
    /// What it is a part of.
    parent: Option<Quota>,
}

#[derive(Debug)]
struct Counter {
    used: AtomicU64,
    limit: AtomicU64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Descriptors that guests hold.
    Sockets,
    Lookups,
    /// Bytes.
    Buffers,
    /// Bytes of data that guests wait for all of.
    Kept,
}

/// A part of a quota, which dropping it gives back.
#[derive(Debug)]
pub(crate) struct Taken {
    quota: Quota,
    what: What,
    amount: u64,
}

impl Quota {
    /// A quota of these limits, for guests that share it.
    pub fn new(limits: &Limits) -> Self {
        Self::machine().within(limits)
    }

    /// The quota of all guests that were given no other: 64 look-ups at a time,
    /// and 1 GiB each of buffers and of data that is kept.
    pub fn process() -> Self {
        static PROCESS: LazyLock<Quota> = LazyLock::new(|| {
            let mut limits = Limits::default();
            limits.sockets = u32::MAX;
            limits.lookups = LOOKUPS;
            limits.socket_buffers = BUFFERS;
            limits.memory = KEPT;
            Quota::new(&limits)
        });
        Self::machine();
        PROCESS.clone()
    }

    /// A part of this quota: what it has is counted here too.
    pub fn within(&self, limits: &Limits) -> Self {
        Self::of(
            [
                limits.sockets.into(),
                limits.lookups.into(),
                limits.socket_buffers,
                limits.memory,
            ],
            Some(self.clone()),
        )
    }

    /// What there is: descriptors.
    fn machine() -> Self {
        static MACHINE: LazyLock<Quota> = LazyLock::new(|| Quota::of([u64::MAX; 4], None));
        // The process may have been given more since the last time.
        let share = os::descriptor_limit().map_or(u64::MAX, |limit| limit / 5 * 4);
        let counter = MACHINE.counter(What::Sockets);
        counter.limit.store(share, Ordering::Relaxed);
        MACHINE.clone()
    }

    fn of(limits: [u64; 4], parent: Option<Self>) -> Self {
        let counters = limits.map(|limit| Counter {
            used: AtomicU64::new(0),
            limit: AtomicU64::new(limit),
        });
        Self(Arc::new(Shares { counters, parent }))
    }

    /// What it is a part of.
    pub(crate) fn parent(&self) -> Self {
        self.0.parent.clone().unwrap_or_else(Self::machine)
    }

    /// A place for one descriptor of a guest.
    ///
    /// # Errors
    /// [`Errno::TooManyOpenFiles`] where none is left.
    pub(crate) fn take_socket(&self) -> Result<Taken, Errno> {
        self.take(What::Sockets, 1).ok_or(Errno::TooManyOpenFiles)
    }

    /// All of the amount, or nothing.
    pub(crate) fn take(&self, what: What, amount: u64) -> Option<Taken> {
        let mut taken = self.nothing(what);
        taken.grow(amount).then_some(taken)
    }

    /// Nothing, so far.
    pub(crate) fn nothing(&self, what: What) -> Taken {
        Taken {
            quota: self.clone(),
            what,
            amount: 0,
        }
    }

    fn counter(&self, what: What) -> &Counter {
        let [sockets, lookups, buffers, kept] = &self.0.counters;
        match what {
            What::Sockets => sockets,
            What::Lookups => lookups,
            What::Buffers => buffers,
            What::Kept => kept,
        }
    }

    /// This quota, and all that it is a part of.
    fn line(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |quota| quota.0.parent.as_ref())
    }

    fn give_back(&self, what: What, amount: u64) {
        for quota in self.line() {
            quota
                .counter(what)
                .used
                .fetch_sub(amount, Ordering::Relaxed);
        }
    }
}

impl Counter {
    fn take(&self, amount: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let more = |used: u64| used.checked_add(amount).filter(|used| *used <= limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    fn room(&self) -> u64 {
        let limit = self.limit.load(Ordering::Relaxed);
        limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }
}

impl Taken {
    /// Takes more, all of it or nothing.
    fn grow(&mut self, more: u64) -> bool {
        let full = |quota: &&Quota| !quota.counter(self.what).take(more);
        match self.quota.line().find(full) {
            None => {
                self.amount += more;
                true
            }
            Some(full) => {
                let taken = self
                    .quota
                    .line()
                    .take_while(|quota| !Arc::ptr_eq(&quota.0, &full.0));
                for quota in taken {
                    quota
                        .counter(self.what)
                        .used
                        .fetch_sub(more, Ordering::Relaxed);
                }
                false
            }
        }
    }

    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }

    pub(crate) fn amount(&self) -> u64 {
        self.amount
    }

    /// Has this amount from now on, or as much of it as there is. How much that
    /// is.
    pub(crate) fn resize(&mut self, amount: u64) -> u64 {
        if let Some(less) = self.amount.checked_sub(amount) {
            self.quota.give_back(self.what, less);
            self.amount = amount;
        } else {
            let room = self
                .quota
                .line()
                .map(|quota| quota.counter(self.what).room());
            let more = (amount - self.amount).min(room.min().unwrap_or_default());
            // Another guest may have been faster: then there is nothing.
            self.grow(more);
        }
        self.amount
    }

    /// Has this amount at least, whether there is as much or not. Whether there is
    /// room for more.
    pub(crate) fn reaches(&mut self, amount: usize) -> bool {
        let more = (amount as u64).saturating_sub(self.amount);
        self.amount += more;
        let mut room = true;
        for quota in self.quota.line() {
            let counter = quota.counter(self.what);
            let before = counter.used.fetch_add(more, Ordering::Relaxed);
            room &= before.saturating_add(more) < counter.limit.load(Ordering::Relaxed);
        }
        room
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.quota.give_back(self.what, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(set: impl Fn(&mut Limits)) -> Quota {
        let mut limits = Limits::default();
        set(&mut limits);
        Quota::new(&limits)
    }

    fn used(quota: &Quota, what: What) -> u64 {
        quota.counter(what).used.load(Ordering::Relaxed)
    }

    #[test]
    fn kept_data_is_bounded_over_all_calls_and_given_back() {
        let quota = quota(|limits| limits.memory = 10);
        let (mut one, mut other) = (quota.nothing(What::Kept), quota.nothing(What::Kept));
        assert!(one.reaches(4) && other.reaches(5) && one.reaches(4));
        assert!(!one.reaches(5));
        drop(other);
        assert!(one.reaches(9));
        assert!(!one.reaches(usize::MAX));
        drop(one);
        assert_eq!(used(&quota, What::Kept), 0);
    }

    #[test]
    fn a_dropped_permit_makes_room_and_the_limit_holds() {
        let quota = quota(|limits| limits.sockets = 2);
        let first = quota.take_socket().expect("first");
        let _second = quota.take_socket().expect("second");
        let third = quota.take_socket().expect_err("third");
        assert_eq!(third, Errno::TooManyOpenFiles);
        drop(first);
        quota.take_socket().expect("the place of the first");
    }

    #[test]
    fn guests_that_share_a_quota_have_it_together() {
        let shared = quota(|limits| limits.sockets = 3);
        let mut limits = Limits::default();
        limits.sockets = 2;
        let (one, other) = (shared.within(&limits), shared.within(&limits));
        let first = one.take_socket().expect("first");
        let _second = one.take_socket().expect("second");
        one.take_socket().expect_err("its own limit");
        let _third = other.take_socket().expect("third");
        other.take_socket().expect_err("the limit of both");
        // What failed has taken nothing.
        assert_eq!(used(&other, What::Sockets), 1);
        assert_eq!(used(&shared, What::Sockets), 3);
        drop(first);
        other.take_socket().expect("the place of the first");
    }

    #[test]
    fn a_resize_takes_what_there_is() {
        let shared = quota(|limits| limits.socket_buffers = 10);
        let guest = shared.within(&Limits::default());
        let (mut one, mut other) = (guest.nothing(What::Buffers), guest.nothing(What::Buffers));
        assert_eq!(one.resize(6), 6);
        assert_eq!(other.resize(u64::MAX), 4);
        assert_eq!(one.resize(2), 2);
        assert_eq!(other.resize(7), 7);
        drop((one, other));
        assert_eq!(used(&shared, What::Buffers), 0);
    }
}
