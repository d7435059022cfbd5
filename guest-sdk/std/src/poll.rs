//! poll(2), on the host's poller, which keeps its members between two calls that
//! ask for the same.

use std::cell::RefCell;
use std::ffi::c_int;
use std::rc::Rc;
use std::time::{Duration, Instant};

use capsock_guest::raw::poller::{Poller, Readiness, Trigger};
use libc::{c_short, pollfd};

use crate::errno::{self, Result};
use crate::memory;
use crate::table::{self, Sock};

/// Sockets and the C library's descriptors cannot be waited for at once: they are
/// asked in turns, which last so long.
const TURN: Duration = Duration::from_millis(5);

/// A poller with its members: what a socket is by number, and its events.
struct Known {
    poller: Poller,
    members: Vec<(u64, c_short)>,
}

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
}

unsafe extern "C" {
    fn __real_poll(fds: *mut pollfd, count: libc::nfds_t, timeout: c_int) -> c_int;
}

/// poll(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_poll(
    start: *mut pollfd,
    count: libc::nfds_t,
    timeout: c_int,
) -> c_int {
    let wait = || {
        // SAFETY: as poll(2) says.
        let fds = unsafe { memory::array_mut(start, count as usize)? };
        let ours = fds.iter().filter(|entry| table::is_ours(entry.fd)).count();
        if ours == 0 && !fds.is_empty() {
            return of_libc(fds, timeout);
        }
        let timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
        if ours == fds.len()
            || fds
                .iter()
                .all(|entry| is_left_out(entry) || table::is_ours(entry.fd))
        {
            return of_sockets(fds, timeout);
        }
        in_turns(fds, timeout)
    };
    errno::int(wait())
}

/// poll(2) has it so.
fn is_left_out(entry: &pollfd) -> bool {
    entry.fd < 0
}

fn of_libc(fds: &mut [pollfd], timeout: c_int) -> Result<c_int> {
    // SAFETY: it is the caller's array.
    match unsafe { __real_poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout) } {
        -1 => Err(errno::last()),
        count => Ok(count),
    }
}

fn of_sockets(fds: &mut [pollfd], timeout: Option<Duration>) -> Result<c_int> {
    let mut sockets: Vec<(Rc<Sock>, c_short)> = Vec::new();
    // Where each entry finds its events.
    let mut places = Vec::with_capacity(fds.len());
    let mut is_told = false;
    for entry in fds.iter_mut() {
        entry.revents = 0;
        places.push(match table::lookup(entry.fd) {
            _ if is_left_out(entry) => None,
            Err(_closed) => {
                entry.revents = libc::POLLNVAL;
                is_told = true;
                None
            }
            Ok(socket) => {
                let known = sockets.iter().position(|(known, _)| known.id == socket.id);
                let place = known.unwrap_or(sockets.len());
                match sockets.get_mut(place) {
                    Some((_, events)) => *events |= entry.events,
                    None => sockets.push((socket, entry.events)),
                }
                Some(place)
            }
        });
    }
    let timeout = if is_told {
        Some(Duration::ZERO)
    } else {
        timeout
    };
    let ready = wait(&sockets, timeout)?;
    for (entry, place) in fds.iter_mut().zip(places) {
        if let Some(place) = place {
            entry.revents = told(ready[place], entry.events);
        }
    }
    Ok(count(fds))
}

/// Waits, and tells of each socket what it is ready for.
fn wait(sockets: &[(Rc<Sock>, c_short)], timeout: Option<Duration>) -> Result<Vec<Readiness>> {
    let known = known(sockets)?;
    let nanoseconds = timeout.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let maximum = u32::try_from(sockets.len()).unwrap_or(u32::MAX).max(1);
    let events = known.poller.wait(maximum, nanoseconds);
    KNOWN.set(Some(known));
    let mut ready = vec![Readiness::empty(); sockets.len()];
    for event in events.map_err(errno::of_code)? {
        if let Some(ready) = usize::try_from(event.key)
            .ok()
            .and_then(|key| ready.get_mut(key))
        {
            *ready = event.ready;
        }
    }
    Ok(ready)
}

/// The poller of these sockets: the last one, or another.
fn known(sockets: &[(Rc<Sock>, c_short)]) -> Result<Known> {
    let members = sockets.iter().map(|(socket, events)| (socket.id, *events));
    if let Some(known) = KNOWN.take()
        && members.clone().eq(known.members.iter().copied())
    {
        return Ok(known);
    }
    let poller = Poller::create().map_err(errno::of_code)?;
    for (place, (socket, events)) in sockets.iter().enumerate() {
        let mut interest = Readiness::empty();
        interest.set(
            Readiness::READABLE | Readiness::READ_HANG_UP,
            events & libc::POLLIN != 0,
        );
        interest.set(Readiness::WRITABLE, events & libc::POLLOUT != 0);
        let member = socket.host.as_resource();
        let registered = poller.register(member, place as u64, interest, Trigger::empty());
        registered.map_err(errno::of_code)?;
    }
    Ok(Known {
        poller,
        members: members.collect(),
    })
}

fn told(ready: Readiness, events: c_short) -> c_short {
    let readable = Readiness::READABLE | Readiness::READ_HANG_UP;
    let asked = [
        (readable, libc::POLLIN),
        (Readiness::WRITABLE, libc::POLLOUT),
    ];
    let always = [
        (Readiness::ERROR, libc::POLLERR),
        (Readiness::HANG_UP, libc::POLLHUP),
    ];
    let asked = asked.iter().filter(|(_, event)| events & event != 0);
    asked
        .chain(&always)
        .filter(|(readiness, _)| ready.intersects(*readiness))
        .fold(0, |all, (_, event)| all | event)
}

/// Of both kinds at once.
fn in_turns(fds: &mut [pollfd], timeout: Option<Duration>) -> Result<c_int> {
    let start = Instant::now();
    let (mut sockets, mut others) = (fds.to_vec(), fds.to_vec());
    for (socket, other) in sockets.iter_mut().zip(&mut others) {
        let theirs = if table::is_ours(socket.fd) {
            other
        } else {
            socket
        };
        theirs.fd = -1;
    }
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        // The C library does not know that one is left out.
        let mut named: Vec<pollfd> = others
            .iter()
            .filter(|other| !is_left_out(other))
            .copied()
            .collect();
        let mut ready = of_libc(&mut named, 0)?;
        let mut named = named.iter();
        for other in others.iter_mut().filter(|other| !is_left_out(other)) {
            other.revents = named.next().map_or(0, |told| told.revents);
        }
        let turn = match ready {
            0 => left.map_or(TURN, |left| left.min(TURN)),
            _ => Duration::ZERO,
        };
        ready += of_sockets(&mut sockets, Some(turn))?;
        if ready > 0 || left.is_some_and(|left| left.is_zero()) {
            for ((entry, socket), other) in fds.iter_mut().zip(&sockets).zip(&others) {
                entry.revents = if table::is_ours(entry.fd) {
                    socket.revents
                } else {
                    other.revents
                };
            }
            return Ok(ready);
        }
    }
}

fn count(fds: &[pollfd]) -> c_int {
    let ready = fds.iter().filter(|entry| entry.revents != 0).count();
    c_int::try_from(ready).unwrap_or(c_int::MAX)
}
