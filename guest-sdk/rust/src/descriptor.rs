//! The numbers of sockets, and of files and pipes that go over them: what C calls
//! file descriptors, for programs that pass them around. They mean something in
//! this guest only.

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
use crate::file::OpenFile;
use crate::pipe::{PipeReader, PipeWriter};

/// Who a number belongs to.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A socket that lives.
    Open(Weak<wit::Socket>),
    /// None: the table alone keeps it open.
    Detached(Detached),
    /// A file that lives.
    OpenFile(Weak<OpenFile>),
    /// What came over a socket, and nobody has taken yet.
    Came(Came),
}

/// What comes over a socket beside sockets.
#[derive(Debug)]
pub(crate) enum Came {
    File(Arc<OpenFile>),
    Reader(PipeReader),
    Writer(PipeWriter),
}

/// What can be sent over a socket.
#[derive(Debug)]
pub(crate) enum Passable {
    Socket(Arc<wit::Socket>),
    File(Arc<OpenFile>),
}

/// All of a socket but its number.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) host: Arc<wit::Socket>,
    pub(crate) family: AddressFamily,
    pub(crate) kind: SocketKind,
    pub(crate) proto: i32,
}

impl Passable {
    pub(crate) fn file(&self) -> Option<&OpenFile> {
        match self {
            Self::Socket(_) => None,
            Self::File(file) => Some(file),
        }
    }
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

/// Closes a detached socket by its number, or a file or a pipe that came over a
/// socket: Python's `socket.close(fd)`.
///
/// # Errors
/// `EBADF` where none of them has the number; what `close(2)` reports.
pub fn close(fd: i32) -> Result<()> {
    if take_came(fd, Ok).is_some() {
        return Ok(());
    }
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

/// Gives a number to what came over a socket.
pub(crate) fn insert_came(came: Came) -> i32 {
    Number::new(Entry::Came(came)).forget()
}

/// Takes what came over a socket out of the table, if it is what is wanted.
pub(crate) fn take_came<T>(
    fd: i32,
    want: impl FnOnce(Came) -> std::result::Result<T, Came>,
) -> Option<T> {
    let mut table = table();
    match table.remove(&fd)? {
        Entry::Came(came) => match want(came) {
            Ok(wanted) => Some(wanted),
            Err(other) => {
                table.insert(fd, Entry::Came(other));
                None
            }
        },
        other => {
            table.insert(fd, other);
            None
        }
    }
}

/// What has a number and can be sent, if it is open.
pub(crate) fn lookup_passable(fd: i32) -> std::result::Result<Passable, ErrorCode> {
    let passable = match table().get(&fd) {
        Some(Entry::Open(host)) => host.upgrade().map(Passable::Socket),
        Some(Entry::Detached(detached)) => Some(Passable::Socket(detached.host.clone())),
        Some(Entry::OpenFile(file)) => file.upgrade().map(Passable::File),
        Some(Entry::Came(Came::File(file))) => Some(Passable::File(file.clone())),
        // A stream of the host's is not sent on.
        Some(Entry::Came(Came::Reader(_) | Came::Writer(_))) => {
            return Err(ErrorCode::AccessDenied);
        }
        None => None,
    };
    passable.ok_or(ErrorCode::BadDescriptor)
}

/// The socket that has a number, if it is open.
pub(crate) fn lookup(fd: i32) -> Option<Arc<wit::Socket>> {
    match table().get(&fd)? {
        Entry::Open(host) => host.upgrade(),
        Entry::Detached(detached) => Some(detached.host.clone()),
        Entry::OpenFile(_) | Entry::Came(_) => None,
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
