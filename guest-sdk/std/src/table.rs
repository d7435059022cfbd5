//! The descriptors of sockets.
//!
//! Their numbers begin where the C library's never come to, so a number says
//! whose it is.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use capsock_guest::{SOCK_STREAM, Socket};

use crate::errno::{Errno, Result};

/// The number of the first socket.
const FIRST: RawFd = 1 << 20;

/// What a timeout of the host is to be.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// What POSIX calls an open file description, of a socket. The host has one
/// timeout for all operations, so it is told where it differs.
pub(crate) struct Sock {
    /// One that no other of this program has, ever.
    pub(crate) id: u64,
    pub(crate) host: Socket,
    pub(crate) is_nonblocking: Cell<bool>,
    pub(crate) receive_timeout: Cell<Option<Duration>>,
    pub(crate) send_timeout: Cell<Option<Duration>>,
    told: Cell<Option<Duration>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Receive,
    Send,
}

thread_local! {
    static TABLE: RefCell<Vec<Option<Rc<Sock>>>> = const { RefCell::new(Vec::new()) };
    static LAST: Cell<u64> = const { Cell::new(0) };
}

impl Sock {
    /// A socket that waits for ever, as every new one.
    pub(crate) fn new(host: Socket, is_nonblocking: bool) -> Self {
        let id = LAST.get() + 1;
        LAST.set(id);
        Self {
            id,
            host,
            is_nonblocking: Cell::new(is_nonblocking),
            receive_timeout: Cell::new(None),
            send_timeout: Cell::new(None),
            told: Cell::new(None),
        }
    }

    /// The host's socket, which waits as long as this operation may.
    pub(crate) fn ready_to(&self, direction: Direction) -> Result<&Socket> {
        let time = match direction {
            _ if self.is_nonblocking.get() => AT_ONCE,
            Direction::Receive => self.receive_timeout.get(),
            Direction::Send => self.send_timeout.get(),
        };
        if self.told.get() != time {
            self.host.settimeout(time)?;
            self.told.set(time);
        }
        Ok(&self.host)
    }

    /// Does what must not wait.
    pub(crate) fn at_once<T>(
        &self,
        act: impl FnOnce(&Socket) -> capsock_guest::Result<T>,
    ) -> Result<T> {
        let was = self.is_nonblocking.replace(true);
        let host = self.ready_to(Direction::Receive);
        self.is_nonblocking.set(was);
        Ok(act(host?)?)
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.host.kind() == SOCK_STREAM
    }
}

/// Whether a number is that of a socket of this table, or would be.
pub(crate) fn is_ours(fd: RawFd) -> bool {
    fd >= FIRST
}

/// What a number leads to.
pub(crate) fn lookup(fd: RawFd) -> Result<Rc<Sock>> {
    TABLE.with_borrow(|table| {
        let place = usize::try_from(fd.wrapping_sub(FIRST)).ok();
        let entry = place.and_then(|place| table.get(place)?.clone());
        entry.ok_or(Errno(if is_ours(fd) {
            libc::EBADF
        } else {
            libc::ENOTSOCK
        }))
    })
}

/// Gives a socket the lowest free number.
pub(crate) fn insert(socket: Rc<Sock>) -> RawFd {
    TABLE.with_borrow_mut(|table| {
        let free = table.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            table.push(None);
            table.len() - 1
        });
        table[place] = Some(socket);
        // The host has a limit far below.
        FIRST + place as RawFd
    })
}

/// Takes a number from what has it. The last one closes the socket.
pub(crate) fn remove(fd: RawFd) -> Result<()> {
    let removed = TABLE.with_borrow_mut(|table| {
        let place = usize::try_from(fd.wrapping_sub(FIRST)).ok();
        place.and_then(|place| table.get_mut(place)?.take())
    });
    match Rc::into_inner(removed.ok_or(Errno(libc::EBADF))?) {
        Some(last) => Ok(last.host.close()?),
        None => Ok(()),
    }
}

/// Makes a descriptor of a socket of `capsock-guest`, which `TcpStream`,
/// `TcpListener` and `UdpSocket` can be made of: of one with options that `std`
/// has no name for, or a listener that the guest was given.
///
/// ```ignore
/// let listener = TcpListener::from(into_fd(Socket::inherited("http")?)?);
/// ```
///
/// # Errors
/// `EBADF` where it was closed.
pub fn into_fd(socket: Socket) -> io::Result<OwnedFd> {
    let timeout = socket.gettimeout()?;
    let sock = Sock::new(socket, timeout == AT_ONCE);
    let limit = timeout.filter(|time| !time.is_zero());
    sock.receive_timeout.set(limit);
    sock.send_timeout.set(limit);
    sock.told.set(timeout);
    Ok(own(Rc::new(sock)))
}

/// Does something with the socket of `capsock-guest` that a descriptor leads to:
/// setting an option, for instance. What it is told of timeouts lasts until the
/// next operation of the descriptor.
///
/// ```ignore
/// with_socket(&stream, |socket| socket.setsockopt(IPPROTO_TCP, TCP_CORK, 1))??;
/// ```
///
/// # Errors
/// `ENOTSOCK` where it is no socket of this crate.
pub fn with_socket<T>(fd: &impl AsFd, act: impl FnOnce(&Socket) -> T) -> io::Result<T> {
    let sock = lookup(fd.as_fd().as_raw_fd())?;
    let done = act(&sock.host);
    // It may have been told another one.
    sock.told.set(sock.host.gettimeout()?);
    Ok(done)
}

/// Another descriptor of the same socket: `dup(2)`. The `try_clone` of `std`
/// itself is [`io::ErrorKind::Unsupported`] on WASI, whatever is beneath.
///
/// ```ignore
/// let reader = BufReader::new(try_clone(&stream)?);
/// ```
///
/// # Errors
/// `ENOTSOCK` where it is no socket of this crate.
pub fn try_clone<T: AsFd + From<OwnedFd>>(of: &T) -> io::Result<T> {
    Ok(own(lookup(of.as_fd().as_raw_fd())?).into())
}

pub(crate) fn own(socket: Rc<Sock>) -> OwnedFd {
    // SAFETY: nobody else has the number.
    unsafe { OwnedFd::from_raw_fd(insert(socket)) }
}
