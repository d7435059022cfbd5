//! A set of sockets to wait for.

use std::os::fd::AsFd;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::Errno;
use crate::ctx::CapsockCtx;
use crate::os::{self, Descriptor, Event, Events, Interest};
use crate::quota::Taken;
use crate::socket::{Deadline, Readiness, Socket, Timeout};

/// How many events one wait returns at most.
const EVENTS: u32 = 1024;

/// A set of sockets of one guest.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct Poller {
    set: Arc<Descriptor>,
    held: Option<Duration>,
    _permit: Taken,
}

impl Poller {
    /// `epoll_create1(2)`
    pub(crate) fn create(ctx: &CapsockCtx) -> Result<Self, Errno> {
        let permit = ctx.take_socket()?;
        let (signals, quota) = (ctx.signals().clone(), ctx.quota().clone());
        let set = Descriptor::new(os::epoll::create()?, None, signals, quota);
        Ok(Self {
            set: Arc::new(set),
            held: ctx.held(),
            _permit: permit,
        })
    }

    /// `EPOLL_CTL_ADD`
    pub(crate) fn register(&self, socket: &Socket, key: u64, events: Events) -> Result<(), Errno> {
        os::epoll::add(self.set.as_fd(), socket.open()?.as_fd(), key, events)?;
        socket.joined(&self.set);
        Ok(())
    }

    /// `EPOLL_CTL_MOD`
    pub(crate) fn modify(&self, socket: &Socket, key: u64, events: Events) -> Result<(), Errno> {
        os::epoll::modify(self.set.as_fd(), socket.open()?.as_fd(), key, events)
    }

    /// `EPOLL_CTL_DEL`
    pub(crate) fn unregister(&self, socket: &Socket) -> Result<(), Errno> {
        os::epoll::delete(self.set.as_fd(), socket.open()?.as_fd())?;
        socket.left(&self.set);
        Ok(())
    }

    /// `EPOLL_CTL_ADD` of another set, which leaves this one as it is closed: it
    /// has one descriptor.
    pub(crate) fn register_poller(
        &self,
        member: &Self,
        key: u64,
        events: Events,
    ) -> Result<(), Errno> {
        os::epoll::add(self.set.as_fd(), member.set.as_fd(), key, events)
    }

    /// `EPOLL_CTL_MOD` of another set.
    pub(crate) fn modify_poller(
        &self,
        member: &Self,
        key: u64,
        events: Events,
    ) -> Result<(), Errno> {
        os::epoll::modify(self.set.as_fd(), member.set.as_fd(), key, events)
    }

    /// `EPOLL_CTL_DEL` of another set.
    pub(crate) fn unregister_poller(&self, member: &Self) -> Result<(), Errno> {
        os::epoll::delete(self.set.as_fd(), member.set.as_fd())
    }

    /// Those that are ready; none after the timeout.
    pub(crate) async fn wait(
        &self,
        maximum: u32,
        timeout: Option<Duration>,
    ) -> Result<Vec<Event>, Errno> {
        if maximum == 0 {
            return Err(Errno::InvalidArgument);
        }
        let maximum = maximum.min(EVENTS) as usize;
        let deadline = Deadline::new(timeout.map_or(Timeout::Blocking, Timeout::After));
        // The first try waits too, where it may hold the thread.
        let mut time = deadline.hold(self.held).unwrap_or_default();
        let attempt = deadline.attempt(&self.set, Interest::READABLE, |set| {
            os::epoll::wait(set, maximum, std::mem::take(&mut time))
        });
        match attempt.await {
            Err(Errno::WouldBlock | Errno::DeadlineExceeded) => Ok(Vec::new()),
            result => result,
        }
    }

    /// What becomes ready as a member does.
    pub(crate) fn readiness(&self) -> Readiness {
        let set: Weak<Descriptor> = Arc::downgrade(&self.set);
        Readiness::new(set, Interest::READABLE)
    }
}
