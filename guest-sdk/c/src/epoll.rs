//! epoll(7), on the host's poller.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::ptr::null;
use std::rc::Rc;
use std::time::Duration;

use capsock_guest::Socket;
use capsock_guest::raw::poller::{Poller, Trigger};

use crate::errno::{self, Errno, Result};
use crate::event::Timespec;
use crate::memory;
use crate::poll::timespec;
use crate::table::{self, Kind, Object, WeakObject};
use crate::thread::signal;
use crate::wait::{self, ERR, HUP, Local, Set, Side};

const EPOLLET: u32 = 1 << 31;
const EPOLLONESHOT: u32 = 1 << 30;

/// `struct epoll_event`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EpollEvent {
    events: u32,
    data: u64,
}

/// A set of descriptors to wait for.
pub(crate) struct Epoll {
    set: Set,
    members: RefCell<BTreeMap<u64, Member>>,
    /// The key of a number and what it led to.
    keys: RefCell<BTreeMap<(c_int, u64), u64>>,
    next: Cell<u64>,
    /// How many members there are when those that were closed are looked for.
    crowded: Cell<usize>,
}

struct Member {
    fd: c_int,
    object: WeakObject,
    id: u64,
    events: u32,
    data: u64,
    side: Side,
    /// Another handle, where the host's poller has the socket already.
    duplicate: Option<Socket>,
    /// With EPOLLET or EPOLLONESHOT, of what only this library knows.
    is_told: bool,
}

impl Epoll {
    fn new() -> Result<Self> {
        Ok(Self {
            set: Set::new()?,
            members: RefCell::default(),
            keys: RefCell::default(),
            next: Cell::new(0),
            crowded: Cell::new(64),
        })
    }

    /// The members that the host's poller does not have.
    pub(crate) fn locals(&self) -> Vec<Local> {
        let members = self.members.borrow();
        let locals = members.iter().filter_map(|(key, member)| {
            if member.is_told && member.events & EPOLLONESHOT != 0 {
                return None;
            }
            let object = member.object.upgrade()?;
            object.waitable().is_none().then_some(Local {
                key: *key,
                object,
                events: member.events | ERR | HUP,
            })
        });
        locals.collect()
    }

    pub(crate) fn has_local_event(&self) -> bool {
        self.locals()
            .iter()
            .any(|local| wait::ready(&local.object) & local.events != 0)
    }

    fn add(&self, fd: c_int, object: &Rc<Object>, event: EpollEvent) -> Result<()> {
        if self.keys.borrow().contains_key(&(fd, object.id)) {
            return Err(Errno::EEXIST);
        }
        let key = self.next.get();
        let trigger = trigger(event.events);
        let duplicate = match register(&self.set.poller, object, key, event.events, trigger) {
            Ok(()) => None,
            Err(Errno::EEXIST) => {
                let socket = object.waitable().ok_or(Errno::EEXIST)?.dup()?;
                let interest = Side::of(object).interest(event.events);
                self.set
                    .poller
                    .register(socket.as_resource(), key, interest, trigger)?;
                Some(socket)
            }
            Err(errno) => return Err(errno),
        };
        self.next.set(key + 1);
        self.forget_closed();
        self.keys.borrow_mut().insert((fd, object.id), key);
        let member = Member {
            fd,
            object: Rc::downgrade(object),
            id: object.id,
            events: event.events,
            data: event.data,
            side: Side::of(object),
            duplicate,
            is_told: false,
        };
        self.members.borrow_mut().insert(key, member);
        Ok(())
    }

    fn modify(&self, fd: c_int, object: &Object, event: EpollEvent) -> Result<()> {
        let key = self.key(fd, object)?;
        let mut members = self.members.borrow_mut();
        let member = members.get_mut(&key).ok_or(Errno::ENOENT)?;
        let (interest, trigger) = (
            Side::of(object).interest(event.events),
            trigger(event.events),
        );
        match (&member.duplicate, object.waitable(), &object.kind) {
            (Some(socket), ..) | (None, Some(socket), _) => {
                self.set
                    .poller
                    .modify(socket.as_resource(), key, interest, trigger)?;
            }
            (None, None, Kind::Epoll(other)) => {
                self.set
                    .poller
                    .modify_poller(&other.set.poller, key, interest, trigger)?;
            }
            _ => {}
        }
        member.events = event.events;
        member.data = event.data;
        member.is_told = false;
        Ok(())
    }

    fn delete(&self, fd: c_int, object: &Object) -> Result<()> {
        let key = self.key(fd, object)?;
        let member = self
            .members
            .borrow_mut()
            .remove(&key)
            .ok_or(Errno::ENOENT)?;
        self.keys.borrow_mut().remove(&(fd, object.id));
        match (&member.duplicate, object.waitable(), &object.kind) {
            (Some(socket), ..) | (None, Some(socket), _) => {
                self.set.poller.unregister(socket.as_resource())?;
            }
            (None, None, Kind::Epoll(other)) => {
                self.set.poller.unregister_poller(&other.set.poller)?
            }
            _ => {}
        }
        Ok(())
    }

    fn key(&self, fd: c_int, object: &Object) -> Result<u64> {
        let keys = self.keys.borrow();
        keys.get(&(fd, object.id)).copied().ok_or(Errno::ENOENT)
    }

    /// What is closed has left the host's poller by itself.
    fn forget_closed(&self) {
        let mut members = self.members.borrow_mut();
        if members.len() < self.crowded.get() {
            return;
        }
        let mut keys = self.keys.borrow_mut();
        members.retain(|_, member| {
            let is_open = member.object.strong_count() > 0;
            if !is_open {
                keys.remove(&(member.fd, member.id));
            }
            is_open
        });
        self.crowded.set(members.len().max(32) * 2);
    }

    fn wait(&self, room: &mut [EpollEvent], timeout: Option<Duration>) -> Result<usize> {
        let maximum = u32::try_from(room.len()).unwrap_or(u32::MAX);
        let mut locals = self.locals();
        // With EPOLLET, what was told and is ready still is not waited for.
        locals.retain(|local| {
            let mut members = self.members.borrow_mut();
            let Some(member) = members.get_mut(&local.key) else {
                return false;
            };
            if member.events & EPOLLET == 0 {
                return true;
            }
            member.is_told &= wait::ready(&local.object) & local.events != 0;
            !member.is_told
        });
        let found = wait::wait(Some(&self.set), &locals, maximum, timeout)?;
        let mut count = 0;
        let mut members = self.members.borrow_mut();
        for (key, ready, local) in found {
            let Some(member) = members.get_mut(&key) else {
                continue;
            };
            let told = member.side.told(ready, member.events);
            let events = told | local & (member.events | ERR | HUP);
            if events == 0 {
                continue;
            }
            member.is_told = member.events & (EPOLLET | EPOLLONESHOT) != 0;
            room[count] = EpollEvent {
                events,
                data: member.data,
            };
            count += 1;
        }
        Ok(count)
    }
}

fn trigger(events: u32) -> Trigger {
    let mut trigger = Trigger::empty();
    if events & EPOLLET != 0 {
        trigger |= Trigger::EDGE;
    }
    if events & EPOLLONESHOT != 0 {
        trigger |= Trigger::ONESHOT;
    }
    trigger
}

/// Adds what the host can wait for to its poller.
pub(crate) fn register(
    poller: &Poller,
    object: &Object,
    key: u64,
    events: u32,
    trigger: Trigger,
) -> Result<()> {
    let interest = Side::of(object).interest(events);
    match (&object.kind, object.waitable()) {
        (_, Some(socket)) => poller.register(socket.as_resource(), key, interest, trigger)?,
        (Kind::Epoll(other), None) => {
            poller.register_poller(&other.set.poller, key, interest, trigger)?;
        }
        _ => {}
    }
    Ok(())
}

/// epoll_create1(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_epoll_create1(flags: c_int) -> c_int {
    // EPOLL_CLOEXEC
    let make = || match flags & !table::O_CLOEXEC {
        0 => table::open(Kind::Epoll(Epoll::new()?), flags),
        _ => Err(Errno::EINVAL),
    };
    errno::int(make())
}

/// epoll_create(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_epoll_create(size: c_int) -> c_int {
    __wrap_epoll_create1(if size > 0 { 0 } else { -1 })
}

const EXCLUSIVE: u32 = 1 << 28;
/// EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLWAKEUP, EPOLLET and itself.
const WITH_EXCLUSIVE: u32 = 0x1d | 1 << 29 | 1 << 31 | EXCLUSIVE;
const EPOLL_CTL_ADD: c_int = 1;
const EPOLL_CTL_DEL: c_int = 2;
const EPOLL_CTL_MOD: c_int = 3;

/// epoll_ctl(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_epoll_ctl(
    set: c_int,
    operation: c_int,
    fd: c_int,
    event: *const EpollEvent,
) -> c_int {
    let change = || {
        let set = table::lookup(set)?;
        let object = table::lookup(fd)?;
        let Kind::Epoll(epoll) = &set.kind else {
            return Err(Errno::EINVAL);
        };
        if set.id == object.id {
            return Err(Errno::EINVAL);
        }
        // A regular file is always ready: Linux refuses it. 1 and 2 are libc's
        // numbers of standard output and error.
        match object.kind {
            Kind::Libc(number) if number > 2 => return Err(Errno::EPERM),
            Kind::File(_) => return Err(Errno::EPERM),
            _ => {}
        }
        // SAFETY: as epoll_ctl(2) says.
        let event = || unsafe { memory::get(event) };
        let is_exclusive = |event: &EpollEvent| event.events & EXCLUSIVE != 0;
        match operation {
            EPOLL_CTL_ADD => {
                let event = event()?;
                let is_set = matches!(object.kind, Kind::Epoll(_));
                if is_exclusive(&event) && (is_set || event.events & !WITH_EXCLUSIVE != 0) {
                    return Err(Errno::EINVAL);
                }
                epoll.add(fd, &object, event)
            }
            EPOLL_CTL_MOD => {
                let event = event()?;
                if is_exclusive(&event) {
                    return Err(Errno::EINVAL);
                }
                epoll.modify(fd, &object, event)
            }
            EPOLL_CTL_DEL => epoll.delete(fd, &object),
            _ => Err(Errno::EINVAL),
        }
    };
    errno::nothing(change())
}

/// epoll_wait(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_epoll_wait(
    set: c_int,
    events: *mut EpollEvent,
    maximum: c_int,
    timeout: c_int,
) -> c_int {
    // SAFETY: as epoll_wait(2) says.
    unsafe { __wrap_epoll_pwait(set, events, maximum, timeout, null()) }
}

/// epoll_pwait(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_epoll_pwait(
    set: c_int,
    events: *mut EpollEvent,
    maximum: c_int,
    timeout: c_int,
    mask: *const signal::Set,
) -> c_int {
    let timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
    // SAFETY: as epoll_pwait(2) says.
    let wait = || unsafe { wait_in(set, events, maximum, timeout) };
    // SAFETY: the same.
    errno::int(unsafe { signal::masked(mask, wait) })
}

/// epoll_pwait2(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_epoll_pwait2(
    set: c_int,
    events: *mut EpollEvent,
    maximum: c_int,
    timeout: *const Timespec,
    mask: *const signal::Set,
) -> c_int {
    let wait = || {
        // SAFETY: as epoll_pwait2(2) says.
        let timeout = unsafe { timespec(timeout)? };
        // SAFETY: the same.
        unsafe { wait_in(set, events, maximum, timeout) }
    };
    // SAFETY: the same.
    errno::int(unsafe { signal::masked(mask, wait) })
}

unsafe fn wait_in(
    set: c_int,
    events: *mut EpollEvent,
    maximum: c_int,
    timeout: Option<Duration>,
) -> Result<c_int> {
    let set = table::lookup(set)?;
    let Kind::Epoll(epoll) = &set.kind else {
        return Err(Errno::EINVAL);
    };
    let maximum = usize::try_from(maximum).ok().filter(|maximum| *maximum > 0);
    // The host tells no more at once.
    let maximum = maximum.ok_or(Errno::EINVAL)?.min(1024);
    // SAFETY: as epoll_wait(2) says.
    let room = unsafe { memory::array(events, maximum)? };
    let count = epoll.wait(room, timeout)?;
    Ok(c_int::try_from(count).unwrap_or(c_int::MAX))
}
