//! `epoll(7)`: the readiness of many descriptors, at the cost of those that are
//! ready.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData};

use super::reactor::timespec;
use crate::Errno;

/// What a member is waited for, how, and what it is: `EPOLL*`.
pub(crate) use rustix::event::epoll::EventFlags as Events;

/// One member that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) key: u64,
    pub(crate) ready: Events,
}

/// `epoll_create1(2)`. The set is a descriptor itself, readable while any
/// member is ready.
pub(crate) fn create() -> Result<OwnedFd, Errno> {
    Ok(epoll::create(CreateFlags::CLOEXEC)?)
}

/// `EPOLL_CTL_ADD`
pub(crate) fn add(
    set: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    key: u64,
    events: Events,
) -> Result<(), Errno> {
    Ok(epoll::add(set, fd, EventData::new_u64(key), events)?)
}

/// `EPOLL_CTL_MOD`
pub(crate) fn modify(
    set: BorrowedFd<'_>,
    fd: BorrowedFd<'_>,
    key: u64,
    events: Events,
) -> Result<(), Errno> {
    Ok(epoll::modify(set, fd, EventData::new_u64(key), events)?)
}

/// `EPOLL_CTL_DEL`
pub(crate) fn delete(set: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> Result<(), Errno> {
    Ok(epoll::delete(set, fd)?)
}

/// `epoll_wait(2)`: at most `maximum` of those that are ready, or become so in
/// time, or `WouldBlock`. A signal ends the wait.
pub(crate) fn wait(
    set: BorrowedFd<'_>,
    maximum: usize,
    time: Duration,
) -> Result<Vec<Event>, Errno> {
    let mut events: Vec<epoll::Event> = Vec::with_capacity(maximum);
    match epoll::wait(set, spare_capacity(&mut events), Some(&timespec(time))) {
        Ok(1..) => Ok(events.iter().map(event).collect()),
        Ok(0) | Err(rustix::io::Errno::INTR) => Err(Errno::WouldBlock),
        Err(error) => Err(error.into()),
    }
}

fn event(event: &epoll::Event) -> Event {
    Event {
        key: event.data.u64(),
        ready: event.flags,
    }
}
