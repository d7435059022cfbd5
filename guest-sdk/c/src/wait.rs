//! Waiting: sockets by the host's poller, and the rest by what this library
//! knows itself. Timers bound the wait, and standard input is waited for with
//! the poller.

use std::rc::Rc;
use std::time::Duration;

use capsock_guest::raw::poller::{Event, Poller, Readiness};

use crate::bindings::monotonic_clock::{now, subscribe_instant};
use crate::bindings::poll::{Pollable, poll};
use crate::errno::Result;
use crate::event::nanoseconds;
use crate::table::{Kind, Object};
use crate::thread::scheduler::{self, Source, Sources};
use crate::thread::signal;

pub(crate) const IN: u32 = 0x1;
pub(crate) const PRI: u32 = 0x2;
pub(crate) const OUT: u32 = 0x4;
pub(crate) const ERR: u32 = 0x8;
pub(crate) const HUP: u32 = 0x10;
const RDNORM: u32 = 0x40;
const WRNORM: u32 = 0x100;
const RDHUP: u32 = 0x2000;

const TABLE: [(Readiness, u32); 6] = [
    (Readiness::READABLE, IN | RDNORM),
    (Readiness::PRIORITY, PRI),
    (Readiness::WRITABLE, OUT | WRNORM),
    (Readiness::READ_HANG_UP, RDHUP),
    (Readiness::ERROR, ERR),
    (Readiness::HANG_UP, HUP),
];

/// How the host's events of an object are those of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// As the host has them.
    Both,
    /// The end of a pipe that is read.
    Reads,
    /// The end of a pipe that is written: it has an error where a socket is hung
    /// up.
    Writes,
}

impl Side {
    pub(crate) fn of(object: &Object) -> Self {
        match &object.kind {
            Kind::Pipe(pipe) if pipe.writes => Self::Writes,
            Kind::Pipe(_) => Self::Reads,
            _ => Self::Both,
        }
    }

    /// What the host is to wait for.
    pub(crate) fn interest(self, events: u32) -> Readiness {
        let events = match self {
            Self::Both => events,
            Self::Reads => events & !(OUT | WRNORM),
            Self::Writes => events & (OUT | WRNORM),
        };
        let asked = TABLE.iter().filter(|(_, bits)| events & bits != 0);
        asked.fold(Readiness::empty(), |all, (readiness, _)| all | *readiness)
    }

    /// What the host told, of what was asked for.
    pub(crate) fn told(self, ready: Readiness, events: u32) -> u32 {
        let told = all_of(ready) & (events | ERR | HUP);
        match self {
            Self::Writes if told & HUP != 0 => told & !(HUP | IN | RDNORM | RDHUP) | ERR,
            Self::Writes => told & !(IN | RDNORM | RDHUP),
            Self::Reads => told & !(OUT | WRNORM),
            Self::Both => told,
        }
    }
}

/// All that the host told.
pub(crate) fn all_of(ready: Readiness) -> u32 {
    let told = TABLE
        .iter()
        .filter(|(readiness, _)| ready.contains(*readiness));
    told.fold(0, |all, (_, bits)| all | bits)
}

/// A poller of the host, and what the scheduler knows it by.
pub(crate) struct Set {
    pub(crate) poller: Poller,
    source: Source,
}

impl Set {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            poller: Poller::create()?,
            source: Source::new(),
        })
    }

    fn as_source(&self) -> Result<Sources<'_>> {
        Sources::of(&self.source, IN, |all, key, interest, trigger| {
            Ok(all.register_poller(&self.poller, key, interest, trigger)?)
        })
    }
}

/// A member that the host's poller does not have.
pub(crate) struct Local {
    pub(crate) key: u64,
    pub(crate) object: Rc<Object>,
    pub(crate) events: u32,
}

/// What an object is, as far as the host's poller does not tell it.
pub(crate) fn ready(object: &Object) -> u32 {
    let both = IN | RDNORM | OUT | WRNORM;
    match &object.kind {
        Kind::Libc(_) | Kind::Special(_) | Kind::Directory(_) | Kind::File(_) => both,
        Kind::Reader(pipe) if pipe.subscribe().ready() => IN | RDNORM,
        Kind::Writer(pipe) if pipe.subscribe().ready() => OUT | WRNORM,
        Kind::Stdin(stdin) if stdin.is_ready() => IN | RDNORM,
        Kind::Timer(timer) if timer.is_ready() => IN | RDNORM,
        Kind::Epoll(epoll) if epoll.has_local_event() => IN | RDNORM,
        _ => 0,
    }
}

/// When the object becomes ready by the clock alone.
pub(crate) fn end(object: &Object) -> Option<u64> {
    match &object.kind {
        Kind::Timer(timer) => timer.end(),
        Kind::Epoll(epoll) => epoll
            .locals()
            .iter()
            .filter_map(|local| end(&local.object))
            .min(),
        _ => None,
    }
}

/// Waits until a member is ready or the time has passed, and tells keys and
/// events.
pub(crate) fn wait(
    set: Option<&Set>,
    locals: &[Local],
    maximum: u32,
    timeout: Option<Duration>,
) -> Result<Vec<(u64, Readiness, u32)>> {
    let is_of_host = locals.is_empty() && set.is_some();
    if scheduler::are_many() || (!is_of_host && signal::are_caught()) {
        return wait_among_others(set, locals, maximum, timeout);
    }
    let poller = set.map(|set| &set.poller);
    let by_host = |timeout: Option<u64>| -> Result<Vec<Event>> {
        match (poller, timeout) {
            (Some(poller), timeout) => {
                let stop = timeout.map(|time| now().saturating_add(time));
                signal::uninterrupted(false, || {
                    let left = stop.map(|stop| stop.saturating_sub(now()));
                    Ok(poller.wait(maximum, left)?)
                })
            }
            (None, Some(time)) => {
                std::thread::sleep(Duration::from_nanos(time));
                Ok(Vec::new())
            }
            // Nothing ever comes.
            (None, None) => {
                std::thread::sleep(Duration::from_secs(3600));
                Ok(Vec::new())
            }
        }
    };
    if locals.is_empty() && (poller.is_some() || timeout.is_some()) {
        let events = by_host(timeout.map(nanoseconds))?;
        return Ok(events
            .into_iter()
            .map(|event| (event.key, event.ready, 0))
            .collect());
    }
    let stop = timeout.map(|timeout| now().saturating_add(nanoseconds(timeout)));
    let is_over = |at: u64| stop.is_some_and(|stop| stop <= at);
    let mut events = Vec::new();
    loop {
        let mut found = found_here(locals);
        let at = now();
        if events.is_empty() && (!found.is_empty() || is_over(at)) && poller.is_some() {
            events = by_host(Some(0))?;
        }
        found.extend(events.drain(..).map(|event| (event.key, event.ready, 0)));
        if !found.is_empty() || is_over(at) {
            found.truncate(maximum as usize);
            return Ok(found);
        }
        let ends = locals.iter().filter_map(|local| end(&local.object));
        let until = ends.chain(stop).min();
        let mut pollables: Vec<Pollable> = Vec::new();
        locals
            .iter()
            .for_each(|local| pollables_of(&local.object, &mut pollables));
        if pollables.is_empty() {
            events = by_host(until.map(|until| until.saturating_sub(at)))?;
        } else {
            pollables.extend(poller.map(Poller::subscribe));
            pollables.extend(until.map(subscribe_instant));
            poll(&pollables.iter().collect::<Vec<_>>());
            // It may be the poller that is ready.
            if poller.is_some() {
                events = by_host(Some(0))?;
            }
        }
    }
}

/// The same where others can run meanwhile: it is tried first.
fn wait_among_others(
    set: Option<&Set>,
    locals: &[Local],
    maximum: u32,
    timeout: Option<Duration>,
) -> Result<Vec<(u64, Readiness, u32)>> {
    let stop = timeout.map(|timeout| now().saturating_add(nanoseconds(timeout)));
    loop {
        let mut found = found_here(locals);
        if let Some(set) = set {
            let events = set.poller.wait(maximum, Some(0))?;
            found.extend(events.iter().map(|event| (event.key, event.ready, 0)));
        }
        if !found.is_empty() || stop.is_some_and(|stop| stop <= now()) {
            found.truncate(maximum as usize);
            if timeout == Some(Duration::ZERO) {
                // A program that asks again and again waits by that.
                scheduler::yield_now();
            }
            return Ok(found);
        }
        let mut pollables = Vec::new();
        locals
            .iter()
            .for_each(|local| pollables_of(&local.object, &mut pollables));
        let ends = locals.iter().filter_map(|local| end(&local.object));
        let until = ends.chain(stop).min();
        let sources = match set {
            Some(set) => set.as_source()?,
            None => Sources::default(),
        };
        sources.and(pollables).and_local().wait(until)?;
    }
}

/// What is ready of the members that the host does not know.
fn found_here(locals: &[Local]) -> Vec<(u64, Readiness, u32)> {
    let is_ready = |local: &Local| {
        let ready = ready(&local.object);
        (local.events & ready != 0).then_some((local.key, Readiness::empty(), ready))
    };
    locals.iter().filter_map(is_ready).collect()
}

fn pollables_of(object: &Object, to: &mut Vec<Pollable>) {
    match &object.kind {
        Kind::Stdin(stdin) => to.push(stdin.subscribe()),
        Kind::Reader(pipe) => to.push(pipe.subscribe()),
        Kind::Writer(pipe) => to.push(pipe.subscribe()),
        Kind::Epoll(epoll) => {
            epoll
                .locals()
                .iter()
                .for_each(|local| pollables_of(&local.object, to));
        }
        _ => {}
    }
}
