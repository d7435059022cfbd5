//! Waiting for many sockets: Python's `select` module, over the host's poller.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bindings::poller as wit;
use crate::bindings::types::ErrorCode;
use crate::error::{Error, Result};
use crate::socket::Socket;

/// There is data to read.
pub const POLLIN: i16 = 0x1;
/// Urgent data to read.
pub const POLLPRI: i16 = 0x2;
/// Ready for output: writing will not block.
pub const POLLOUT: i16 = 0x4;
/// An error waits.
pub const POLLERR: i16 = 0x8;
/// Hung up: both halves are shut down, or the socket was never connected.
pub const POLLHUP: i16 = 0x10;
/// The peer has shut down its sending half.
pub const POLLRDHUP: i16 = 0x2000;

/// A set of sockets to wait for: `epoll(7)`. A wait costs what is ready, not
/// what is registered.
///
/// Events are told by the number of the socket ([`Socket::fileno`]).
#[derive(Debug)]
pub struct Poller {
    host: wit::Poller,
}

/// When a registered socket is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// At every wait while it is ready.
    #[default]
    Level,
    /// Once each time it becomes ready.
    Edge,
    /// Once, until it is modified.
    Oneshot,
    /// Once, as it becomes ready, until it is modified.
    EdgeOneshot,
}

impl Poller {
    /// An empty set: `epoll_create1(2)`.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn new() -> Result<Self> {
        let host = wit::Poller::create().map_err(failed("poller"))?;
        Ok(Self { host })
    }

    /// Adds a socket: `POLLIN`, `POLLOUT`, `POLLPRI` and `POLLRDHUP` joined with
    /// `|`. `POLLERR` and `POLLHUP` are told in any case.
    ///
    /// # Errors
    /// `EEXIST`; `EBADF` for a closed socket.
    pub fn register(&self, socket: &Socket, events: i16, trigger: Trigger) -> Result<()> {
        let registered =
            self.host
                .register(socket.host(), key(socket), interest(events), trigger.into());
        registered.map_err(failed("register"))
    }

    /// Changes what is waited for.
    ///
    /// # Errors
    /// `ENOENT` where it is not registered; `EBADF` for a closed socket.
    pub fn modify(&self, socket: &Socket, events: i16, trigger: Trigger) -> Result<()> {
        let modified =
            self.host
                .modify(socket.host(), key(socket), interest(events), trigger.into());
        modified.map_err(failed("modify"))
    }

    /// Removes a socket.
    ///
    /// # Errors
    /// `ENOENT` where it is not registered; `EBADF` for a closed socket.
    pub fn unregister(&self, socket: &Socket) -> Result<()> {
        self.host
            .unregister(socket.host())
            .map_err(failed("unregister"))
    }

    /// Adds another set, which is `POLLIN` while any of its members is ready. Its
    /// events are told by `key`.
    ///
    /// # Errors
    /// `EEXIST`; `EINVAL` for itself; `ELOOP` for sets in each other.
    pub fn register_poller(
        &self,
        member: &Self,
        key: i32,
        events: i16,
        trigger: Trigger,
    ) -> Result<()> {
        let key = u64::from(key.unsigned_abs());
        let registered =
            self.host
                .register_poller(&member.host, key, interest(events), trigger.into());
        registered.map_err(failed("register"))
    }

    /// Changes what another set is waited for.
    ///
    /// # Errors
    /// `ENOENT` where it is not registered.
    pub fn modify_poller(
        &self,
        member: &Self,
        key: i32,
        events: i16,
        trigger: Trigger,
    ) -> Result<()> {
        let key = u64::from(key.unsigned_abs());
        let modified = self
            .host
            .modify_poller(&member.host, key, interest(events), trigger.into());
        modified.map_err(failed("modify"))
    }

    /// Removes another set.
    ///
    /// # Errors
    /// `ENOENT` where it is not registered.
    pub fn unregister_poller(&self, member: &Self) -> Result<()> {
        self.host
            .unregister_poller(&member.host)
            .map_err(failed("unregister"))
    }

    /// Waits, and returns the numbers of at most `maximum` sockets that are
    /// ready, with their events; nothing after the timeout.
    ///
    /// # Errors
    /// `EINVAL` where `maximum` is 0.
    pub fn wait(
        &self,
        maximum: u32,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Vec<(i32, i16)>> {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let events = self.host.wait(maximum, timeout.into().map(nanoseconds));
        Ok(events
            .map_err(failed("wait"))?
            .into_iter()
            .map(event)
            .collect())
    }
}

/// Python's `select.poll()`: what is registered is kept until it is
/// unregistered.
#[derive(Debug)]
pub struct Poll {
    poller: Poller,
    registered: BTreeMap<i32, i16>,
}

impl Poll {
    /// An empty set.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn new() -> Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            registered: BTreeMap::new(),
        })
    }

    /// Adds a socket, or changes what is waited for.
    ///
    /// # Errors
    /// `EBADF` for a closed socket.
    pub fn register(&mut self, socket: &Socket, eventmask: i16) -> Result<()> {
        match self.poller.register(socket, eventmask, Trigger::Level) {
            Err(error) if error.name() == Some("EEXIST") => {
                self.poller.modify(socket, eventmask, Trigger::Level)?
            }
            result => result?,
        }
        self.registered.insert(socket.fileno(), eventmask);
        Ok(())
    }

    /// Changes what is waited for.
    ///
    /// # Errors
    /// `ENOENT` where it is not registered.
    pub fn modify(&mut self, socket: &Socket, eventmask: i16) -> Result<()> {
        self.poller.modify(socket, eventmask, Trigger::Level)?;
        self.registered.insert(socket.fileno(), eventmask);
        Ok(())
    }

    /// Removes a socket.
    ///
    /// # Errors
    /// `ENOENT` where it is not registered; Python's `KeyError`.
    pub fn unregister(&mut self, socket: &Socket) -> Result<()> {
        self.poller.unregister(socket)?;
        self.registered.remove(&socket.fileno());
        Ok(())
    }

    /// Waits, and returns the numbers of all that are ready, with their events.
    ///
    /// # Errors
    /// Only what the host cannot do.
    pub fn poll(&self, timeout: impl Into<Option<Duration>>) -> Result<Vec<(i32, i16)>> {
        let maximum = u32::try_from(self.registered.len())
            .unwrap_or(u32::MAX)
            .max(1);
        self.poller.wait(maximum, timeout)
    }
}

/// What [`select`] returns: those that are ready to read, to write, and those
/// with urgent data or an error.
pub type Ready<'a> = (Vec<&'a Socket>, Vec<&'a Socket>, Vec<&'a Socket>);

/// Waits until a socket is ready: Python's `select.select`. Its cost grows with
/// the sockets that are given; a [`Poller`] has none for those that are not
/// ready.
///
/// # Errors
/// `EBADF` for a closed socket; `EMFILE`.
pub fn select<'a>(
    rlist: &[&'a Socket],
    wlist: &[&'a Socket],
    xlist: &[&'a Socket],
    timeout: impl Into<Option<Duration>>,
) -> Result<Ready<'a>> {
    let mut wanted: BTreeMap<i32, (&Socket, i16)> = BTreeMap::new();
    for (list, event) in [(rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLPRI)] {
        for socket in list {
            let fd = socket.fileno();
            if fd < 0 {
                return Err(Error::new("select", ErrorCode::BadDescriptor));
            }
            wanted.entry(fd).or_insert((socket, 0)).1 |= event;
        }
    }
    let poller = Poller::new()?;
    for (socket, events) in wanted.values() {
        poller.register(socket, *events, Trigger::Level)?;
    }
    let maximum = u32::try_from(wanted.len()).unwrap_or(u32::MAX).max(1);
    let ready: BTreeMap<i32, i16> = poller.wait(maximum, timeout)?.into_iter().collect();
    let pick = |list: &[&'a Socket], events: i16| {
        let is_ready = |socket: &&&Socket| {
            ready
                .get(&socket.fileno())
                .is_some_and(|ready| ready & events != 0)
        };
        list.iter().filter(is_ready).copied().collect()
    };
    Ok((
        pick(rlist, POLLIN | POLLHUP | POLLERR),
        pick(wlist, POLLOUT | POLLERR),
        pick(xlist, POLLPRI),
    ))
}

impl From<Trigger> for wit::Trigger {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Level => Self::empty(),
            Trigger::Edge => Self::EDGE,
            Trigger::Oneshot => Self::ONESHOT,
            Trigger::EdgeOneshot => Self::EDGE | Self::ONESHOT,
        }
    }
}

fn failed(operation: &'static str) -> impl FnOnce(ErrorCode) -> Error {
    move |code| Error::new(operation, code)
}

/// A closed socket has none, and the host says so.
fn key(socket: &Socket) -> u64 {
    u64::from(socket.fileno().unsigned_abs())
}

const READINESS: [(wit::Readiness, i16); 6] = [
    (wit::Readiness::READABLE, POLLIN),
    (wit::Readiness::PRIORITY, POLLPRI),
    (wit::Readiness::WRITABLE, POLLOUT),
    (wit::Readiness::READ_HANG_UP, POLLRDHUP),
    (wit::Readiness::ERROR, POLLERR),
    (wit::Readiness::HANG_UP, POLLHUP),
];

fn interest(events: i16) -> wit::Readiness {
    let asked = READINESS.iter().filter(|(_, flag)| events & flag != 0);
    asked.fold(wit::Readiness::empty(), |all, (readiness, _)| {
        all | *readiness
    })
}

fn event(event: wit::Event) -> (i32, i16) {
    let told = READINESS.iter();
    let told = told.filter(|(readiness, _)| event.ready.contains(*readiness));
    let events = told.fold(0, |all, (_, flag)| all | flag);
    // It is the number that it was registered with.
    (i32::try_from(event.key).unwrap_or(i32::MAX), events)
}
