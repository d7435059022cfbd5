//! poll(2) and select(2).
//!
//! The host's poller keeps its members between two calls that ask for the same:
//! most programs do, and each then is one call of the host.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::rc::Rc;
use std::time::Duration;

use capsock_guest::raw::poller::{Readiness, Trigger};

use crate::epoll;
use crate::errno::{self, Errno, Result};
use crate::event::Timespec;
use crate::memory;
use crate::table::{self, Kind, Object};
use crate::thread::{scheduler, signal};
use crate::wait::{self, ERR, HUP, IN, Local, OUT, PRI, Set, Side};

/// `struct pollfd`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pollfd {
    fd: c_int,
    events: i16,
    revents: i16,
}

const POLLNVAL: i16 = 0x20;

/// A poller with its members: what an object is by number, and its events.
struct Known {
    set: Set,
    members: Vec<(u64, u32)>,
}

/// How many pollers are kept: of so many threads that poll at once.
const KEPT: usize = 16;

thread_local! {
    /// The last one used is the last one.
    static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// A member of the host's poller, once where several numbers lead to it.
struct Member {
    object: Rc<Object>,
    events: u32,
}

/// Fills in what is ready, and returns how many are.
fn poll(fds: &mut [Pollfd], timeout: Option<Duration>) -> Result<c_int> {
    let mut members: Vec<Member> = Vec::new();
    let mut members_by_id = BTreeMap::new();
    let mut locals = Vec::new();
    // Where each entry finds its events.
    let mut places: Vec<Option<usize>> = vec![None; fds.len()];
    let mut is_told = false;
    for (place, entry) in fds.iter_mut().enumerate() {
        entry.revents = 0;
        if entry.fd < 0 {
            continue;
        }
        let Ok(object) = table::lookup(entry.fd) else {
            entry.revents = POLLNVAL;
            is_told = true;
            continue;
        };
        let events = u32::from(entry.events.cast_unsigned());
        if object.waitable().is_none() {
            locals.push(Local {
                key: place as u64,
                object: object.clone(),
                events: events | HUP | ERR,
            });
        }
        if object.waitable().is_some() || matches!(object.kind, Kind::Epoll(_)) {
            let next = members.len();
            let member = *members_by_id.entry(object.id).or_insert(next);
            match members.get_mut(member) {
                Some(member) => member.events |= events,
                None => members.push(Member { object, events }),
            }
            places[place] = Some(member);
        }
    }
    let timeout = if is_told {
        Some(Duration::ZERO)
    } else {
        timeout
    };
    let set = match members.is_empty() {
        true => None,
        false => Some(set_of(&members)?),
    };
    let maximum = u32::try_from(members.len() + locals.len())
        .unwrap_or(u32::MAX)
        .max(1);
    let found = wait::wait(
        set.as_ref().map(|known| &known.set),
        &locals,
        maximum,
        timeout,
    );
    if let Some(known) = set {
        keep(known);
    }
    // A member of the host's poller has its place in `members` as its key, and the
    // others that of their entry.
    let mut by_host = vec![Readiness::empty(); members.len()];
    let mut here = vec![0; fds.len()];
    for (key, ready, local) in found? {
        let key = usize::try_from(key).unwrap_or(usize::MAX);
        if local != 0 {
            here[key] |= local;
        } else {
            by_host[key] |= ready;
        }
    }
    for (place, entry) in fds.iter_mut().enumerate() {
        let events = u32::from(entry.events.cast_unsigned());
        let mut told = here[place] & (events | ERR | HUP);
        if let Some(member) = places[place] {
            let side = Side::of(&members[member].object);
            told |= side.told(by_host[member], events);
        }
        entry.revents |= told as i16;
    }
    let ready = fds.iter().filter(|entry| entry.revents != 0).count();
    Ok(c_int::try_from(ready).unwrap_or(c_int::MAX))
}

/// For the next call: one where this thread is the only one.
fn keep(known: Known) {
    let most = if scheduler::are_many() { KEPT } else { 1 };
    let dropped = KNOWN.with_borrow_mut(|all| {
        let surplus = (all.len() + 1).saturating_sub(most);
        let dropped: Vec<_> = all.drain(..surplus).collect();
        all.push(known);
        dropped
    });
    drop(dropped);
}

/// The poller that has these members: one that is kept, or a new one.
fn set_of(members: &[Member]) -> Result<Known> {
    let wanted = members
        .iter()
        .map(|member| (member.object.id, member.events));
    let kept = KNOWN.with_borrow_mut(|all| {
        let is_it = |known: &Known| wanted.clone().eq(known.members.iter().copied());
        let place = all.iter().rposition(is_it)?;
        Some(all.remove(place))
    });
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let set = Set::new()?;
    for (place, member) in members.iter().enumerate() {
        epoll::register(
            &set.poller,
            &member.object,
            place as u64,
            member.events,
            Trigger::empty(),
        )?;
    }
    Ok(Known {
        set,
        members: wanted.collect(),
    })
}

/// poll(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_poll(fds: *mut Pollfd, count: usize, timeout: c_int) -> c_int {
    let timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
    // SAFETY: as poll(2) says.
    errno::int(unsafe { poll_array(fds, count, timeout) })
}

/// ppoll(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_ppoll(
    fds: *mut Pollfd,
    count: usize,
    timeout: *const Timespec,
    mask: *const signal::Set,
) -> c_int {
    let wait = || {
        // SAFETY: as ppoll(2) says.
        let timeout = unsafe { timespec(timeout)? };
        // SAFETY: the same.
        unsafe { poll_array(fds, count, timeout) }
    };
    // SAFETY: the same.
    errno::int(unsafe { signal::masked(mask, wait) })
}

unsafe fn poll_array(fds: *mut Pollfd, count: usize, timeout: Option<Duration>) -> Result<c_int> {
    if count > table::MOST as usize {
        return Err(Errno::EINVAL);
    }
    // SAFETY: as the callers say.
    poll(unsafe { memory::array(fds, count)? }, timeout)
}

/// Null is no time.
pub(crate) unsafe fn timespec(time: *const Timespec) -> Result<Option<Duration>> {
    if time.is_null() {
        return Ok(None);
    }
    // SAFETY: as the callers say.
    unsafe { memory::get(time)? }.duration().map(Some)
}

/// `struct timeval`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Timeval {
    seconds: i64,
    microseconds: i64,
}

impl Timeval {
    /// EINVAL where it is no time. More than a second of microseconds is one to
    /// Linux.
    fn duration(self) -> Result<Duration> {
        let (seconds, microseconds) = match (
            u64::try_from(self.seconds),
            u64::try_from(self.microseconds),
        ) {
            (Ok(seconds), Ok(microseconds)) => (seconds, microseconds),
            _ => return Err(Errno::EINVAL),
        };
        let seconds = Duration::from_secs(seconds);
        Ok(seconds.saturating_add(Duration::from_micros(microseconds)))
    }
}

/// FD_SETSIZE
const LARGEST: c_int = 1024;
const BYTES: usize = LARGEST as usize / 8;

/// `fd_set`: a bit each.
type FdSet = [u8; BYTES];

/// select(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_select(
    count: c_int,
    read: *mut FdSet,
    write: *mut FdSet,
    except: *mut FdSet,
    timeout: *const Timeval,
) -> c_int {
    let wait = || {
        let timeout = match timeout.is_null() {
            true => None,
            // SAFETY: as select(2) says.
            false => Some(unsafe { memory::get(timeout)? }.duration()?),
        };
        // SAFETY: the same.
        unsafe { select(count, [read, write, except], timeout) }
    };
    errno::int(wait())
}

/// pselect(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pselect(
    count: c_int,
    read: *mut FdSet,
    write: *mut FdSet,
    except: *mut FdSet,
    timeout: *const Timespec,
    mask: *const signal::Set,
) -> c_int {
    let wait = || {
        // SAFETY: as pselect(2) says.
        let timeout = unsafe { timespec(timeout)? };
        // SAFETY: the same.
        unsafe { select(count, [read, write, except], timeout) }
    };
    // SAFETY: the same.
    errno::int(unsafe { signal::masked(mask, wait) })
}

/// What each of the three sets asks for, and is told by.
const SETS: [(u32, u32); 3] = [(IN, IN | HUP | ERR), (OUT, OUT | ERR), (PRI, PRI)];

unsafe fn select(count: c_int, sets: [*mut FdSet; 3], timeout: Option<Duration>) -> Result<c_int> {
    if !(0..=LARGEST).contains(&count) {
        return Err(Errno::EINVAL);
    }
    let mut fds: Vec<Pollfd> = Vec::new();
    // SAFETY: as select(2) says: each is null or a set.
    let mut sets = sets.map(|set| unsafe { set.as_mut() });
    for fd in 0..count {
        let asked = sets.iter().zip(SETS);
        let events = asked.filter(|(set, _)| set.as_ref().is_some_and(|set| has(set, fd)));
        let events = events.fold(0, |all, (_, (asks, _))| all | asks);
        if events != 0 {
            table::lookup(fd)?;
            fds.push(Pollfd {
                fd,
                events: events as i16,
                revents: 0,
            });
        }
    }
    poll(&mut fds, timeout)?;
    let mut total = 0;
    for (set, (asks, told)) in sets.iter_mut().zip(SETS) {
        let Some(set) = set else { continue };
        set.fill(0);
        for entry in &fds {
            let (events, revents) = (entry.events as u32, entry.revents as u32);
            if events & asks != 0 && revents & told != 0 {
                set[entry.fd as usize / 8] |= 1 << (entry.fd % 8);
                total += 1;
            }
        }
    }
    Ok(total)
}

fn has(set: &FdSet, fd: c_int) -> bool {
    set[fd as usize / 8] & 1 << (fd % 8) != 0
}
