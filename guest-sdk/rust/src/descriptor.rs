//! The numbers of sockets: what C calls file descriptors, for programs that pass
//! them around. They mean something in this guest only.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use crate::bindings::inherited;
use crate::bindings::socket as wit;
use crate::bindings::types::{self, ErrorCode};
use crate::constants::{
    AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, AddressFamily, SOCK_DGRAM, SOCK_RAW, SOCK_RDM,
    SOCK_SEQPACKET, SOCK_STREAM, SocketKind,
};
use crate::error::{Error, Result};

/// Who a number belongs to.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A socket that lives.
    Open(Weak<wit::Socket>),
    /// None: the table alone keeps it open.
    Detached(Detached),
}

/// All of a socket but its number.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) host: Arc<wit::Socket>,
    pub(crate) family: AddressFamily,
    pub(crate) kind: SocketKind,
    pub(crate) proto: i32,
}

/// A number that a socket holds; given back on drop.
#[derive(Debug)]
pub(crate) struct Number(AtomicI32);

const NONE: i32 = -1;
/// After standard input, output and error.
const FIRST: i32 = 3;

static TABLE: LazyLock<Mutex<BTreeMap<i32, Entry>>> =
    LazyLock::new(|| Mutex::new(inherited_listeners()));

/// What the guest was given has the first numbers, as systemd has it.
fn inherited_listeners() -> BTreeMap<i32, Entry> {
    let listeners = inherited::listeners();
    let entries = (0..).zip(FIRST..).zip(listeners);
    entries
        .filter_map(|((place, fd), listener)| {
            // Where the host has no socket left, the number leads nowhere.
            let host = inherited::open(place).ok()?;
            let (family, kind, proto) = kind(&listener);
            let detached = Detached {
                host: Arc::new(host),
                family,
                kind,
                proto,
            };
            Some((fd, Entry::Detached(detached)))
        })
        .collect()
}

/// What a listener's socket is.
pub(crate) fn kind(listener: &inherited::Listener) -> (AddressFamily, SocketKind, i32) {
    let family = match listener.family {
        types::AddressFamily::Inet => AF_INET,
        types::AddressFamily::Inet6 => AF_INET6,
        types::AddressFamily::Unix => AF_UNIX,
        _ => AF_UNSPEC,
    };
    let kind = match listener.type_ {
        types::SocketType::Stream => SOCK_STREAM,
        types::SocketType::Datagram => SOCK_DGRAM,
        types::SocketType::Raw => SOCK_RAW,
        types::SocketType::Rdm => SOCK_RDM,
        types::SocketType::Seqpacket => SOCK_SEQPACKET,
    };
    let proto = i32::try_from(listener.protocol).unwrap_or_default();
    (family, kind, proto)
}

fn table() -> MutexGuard<'static, BTreeMap<i32, Entry>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes a detached socket by its number: Python's `socket.close(fd)`.
///
/// # Errors
/// `EBADF` where no detached socket has the number; what `close(2)` reports.
pub fn close(fd: i32) -> Result<()> {
    let detached = attach(fd).ok_or(Error::new("close", ErrorCode::BadDescriptor))?;
    detached
        .host
        .close()
        .map_err(|code| Error::new("close", code))
}

/// Gives a number to a socket that only the table has.
pub(crate) fn insert(detached: Detached) -> i32 {
    // The table keeps the number, so it must not be given back on drop.
    Number::new(Entry::Detached(detached)).forget()
}

/// The socket that has a number, if it is open.
pub(crate) fn lookup(fd: i32) -> Option<Arc<wit::Socket>> {
    match table().get(&fd)? {
        Entry::Open(host) => host.upgrade(),
        Entry::Detached(detached) => Some(detached.host.clone()),
    }
}

/// Takes a detached socket out of the table.
pub(crate) fn attach(fd: i32) -> Option<Detached> {
    let mut table = table();
    match table.remove(&fd)? {
        Entry::Detached(detached) => Some(detached),
        open => {
            table.insert(fd, open);
            None
        }
    }
}

impl Number {
    /// The lowest that is free, as POSIX has it.
    pub(crate) fn new(entry: Entry) -> Self {
        let mut table = table();
        let taken = table
            .keys()
            .zip(FIRST..)
            .take_while(|(fd, next)| *fd == next)
            .count();
        let fd = FIRST + i32::try_from(taken).unwrap_or(i32::MAX - FIRST);
        table.insert(fd, entry);
        Self(AtomicI32::new(fd))
    }

    /// A number that is free.
    pub(crate) fn take(fd: i32, entry: Entry) -> Self {
        table().insert(fd, entry);
        Self(AtomicI32::new(fd))
    }

    pub(crate) fn get(&self) -> i32 {
        self.0.load(Ordering::Relaxed)
    }

    fn forget(self) -> i32 {
        self.0.swap(NONE, Ordering::Relaxed)
    }

    /// Gives the number back.
    pub(crate) fn release(&self) {
        let fd = self.0.swap(NONE, Ordering::Relaxed);
        if fd != NONE {
            table().remove(&fd);
        }
    }

    /// Leaves the number to the table, with the socket.
    pub(crate) fn detach(self, detached: Detached) -> i32 {
        let fd = self.0.swap(NONE, Ordering::Relaxed);
        if fd != NONE {
            table().insert(fd, Entry::Detached(detached));
        }
        fd
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        self.release();
    }
}
