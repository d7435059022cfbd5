//! Unix sockets, which `std` does not have on WASI: the types of
//! `std::os::unix::net`, by the same names.
//!
//! ```ignore
//! use capsock_std::unix::UnixStream;
//!
//! let mut stream = UnixStream::connect("/run/app/db.sock")?;
//! stream.write_all(b"hello")?;
//! ```
//!
//! A path is absolute, as for every Unix socket of a guest.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use capsock_guest::{
    AF_UNIX, Address, MSG_PEEK, MsgFlag, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_ERROR, SOCK_DGRAM,
    SOCK_STREAM, SOL_SOCKET, Socket, SocketKind, UnixAddress, socketpair,
};

use crate::errno::{Errno, Result};
use crate::table::{self, Direction, Sock};

/// The backlog that `std` has.
const BACKLOG: i32 = 128;

/// A stream between two processes: unix(7).
pub struct UnixStream(OwnedFd);

/// A listener for [`UnixStream`]s.
pub struct UnixListener(OwnedFd);

/// A socket for datagrams: unix(7).
pub struct UnixDatagram(OwnedFd);

/// The address of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketAddr(UnixAddress);

/// What [`UnixListener::incoming`] returns.
#[derive(Debug)]
pub struct Incoming<'a>(&'a UnixListener);

impl UnixStream {
    /// Connects to a path: `connect(2)`.
    ///
    /// # Errors
    /// `EACCES` without a grant, and what the kernel reports.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Connects to an address: `connect(2)`.
    ///
    /// # Errors
    /// Those of [`UnixStream::connect`].
    pub fn connect_addr(address: &SocketAddr) -> io::Result<Self> {
        let socket = new(SOCK_STREAM)?;
        connect(&socket, address)?;
        Ok(Self(table::own(socket)))
    }

    /// Two streams that are connected: `socketpair(2)`.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (first, second) = pair(SOCK_STREAM)?;
        Ok((Self(first), Self(second)))
    }

    /// The address of the peer: `getpeername(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        peer_addr(&self.0)
    }

    /// Ends one or both halves: `shutdown(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        shutdown(&self.0, how)
    }

    /// Receives without taking: `recv(2)` with `MSG_PEEK`.
    ///
    /// # Errors
    /// As of reading.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(lookup(&self.0)?.receive(buffer, MSG_PEEK)?)
    }
}

impl Read for &UnixStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match buffer {
            [] => Ok(0),
            buffer => Ok(lookup(&self.0)?.receive(buffer, MsgFlag::NONE)?),
        }
    }
}

impl Write for &UnixStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(lookup(&self.0)?.send(data, MsgFlag::NONE)?)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let buffers: Vec<&[u8]> = buffers.iter().map(|buffer| &**buffer).collect();
        Ok(lookup(&self.0)?.send_all_of(&buffers)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for UnixStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for UnixStream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl UnixListener {
    /// Listens at a path: `bind(2)` and `listen(2)`.
    ///
    /// # Errors
    /// `EACCES` without a grant; `EADDRINUSE` where the path is there.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Listens at an address: `bind(2)` and `listen(2)`.
    ///
    /// # Errors
    /// Those of [`UnixListener::bind`].
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        let socket = new(SOCK_STREAM)?;
        bind(&socket, address)?;
        socket.host.listen(BACKLOG).map_err(Errno::from)?;
        Ok(Self(table::own(socket)))
    }

    /// Waits for a connection: `accept(2)`.
    ///
    /// # Errors
    /// `EAGAIN` for a non-blocking one; `EMFILE`.
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (connection, peer) = lookup(&self.0)?.accept(false)?;
        Ok((UnixStream(table::own(connection)), unix(peer)?))
    }

    /// The connections, for ever.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(self)
    }
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.accept().map(|(stream, _peer)| stream))
    }
}

impl UnixDatagram {
    /// A socket with a path: `bind(2)`.
    ///
    /// # Errors
    /// `EACCES` without a grant; `EADDRINUSE` where the path is there.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// A socket with an address: `bind(2)`.
    ///
    /// # Errors
    /// Those of [`UnixDatagram::bind`].
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        let socket = new(SOCK_DGRAM)?;
        bind(&socket, address)?;
        Ok(Self(table::own(socket)))
    }

    /// A socket without a name: `socket(2)`.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn unbound() -> io::Result<Self> {
        Ok(Self(table::own(new(SOCK_DGRAM)?)))
    }

    /// Two sockets that are connected: `socketpair(2)`.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (first, second) = pair(SOCK_DGRAM)?;
        Ok((Self(first), Self(second)))
    }

    /// Whom [`UnixDatagram::send`] sends to: `connect(2)`.
    ///
    /// # Errors
    /// `EACCES` without a grant, and what the kernel reports.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let address = SocketAddr::from_pathname(path)?;
        Ok(connect(&*lookup(&self.0)?, &address)?)
    }

    /// The address of the peer: `getpeername(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        peer_addr(&self.0)
    }

    /// Sends to whom it is connected: `send(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`, and what the kernel reports.
    pub fn send(&self, data: &[u8]) -> io::Result<usize> {
        Ok(lookup(&self.0)?.send(data, MsgFlag::NONE)?)
    }

    /// Sends to a path: `sendto(2)`.
    ///
    /// # Errors
    /// `EACCES` without a grant, and what the kernel reports.
    pub fn send_to(&self, data: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let address = SocketAddr::from_pathname(path)?;
        let sent = lookup(&self.0)?.send_to(data, MsgFlag::NONE, Address::Unix(address.0));
        Ok(sent?)
    }

    /// Receives: `recv(2)`.
    ///
    /// # Errors
    /// `EAGAIN` for a non-blocking one, or where the time is up.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(lookup(&self.0)?.receive(buffer, MsgFlag::NONE)?)
    }

    /// Receives, with the sender's address: `recvfrom(2)`.
    ///
    /// # Errors
    /// Those of [`UnixDatagram::recv`].
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, sender) = lookup(&self.0)?.receive_from(buffer, MsgFlag::NONE)?;
        let sender = sender.map_or(Ok(SocketAddr(UnixAddress::Unnamed)), unix)?;
        Ok((count, sender))
    }

    /// Ends one or both halves: `shutdown(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        shutdown(&self.0, how)
    }
}

impl SocketAddr {
    /// The address of a path.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where there is a NUL in it.
    pub fn from_pathname(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().as_os_str().as_encoded_bytes();
        if path.contains(&0) {
            let error = "paths must not contain interior null bytes";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
        }
        Ok(Self(match path {
            [] => UnixAddress::Unnamed,
            path => UnixAddress::Pathname(path.to_vec()),
        }))
    }

    /// The address of a name in the abstract namespace.
    pub fn from_abstract_name(name: impl AsRef<[u8]>) -> Self {
        Self(UnixAddress::Abstract(name.as_ref().to_vec()))
    }

    /// The path, if it is one, and UTF-8, which is all that WASI has paths of.
    pub fn as_pathname(&self) -> Option<&Path> {
        match &self.0 {
            UnixAddress::Pathname(path) => str::from_utf8(path).ok().map(Path::new),
            _ => None,
        }
    }

    /// The name in the abstract namespace, if it is one.
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match &self.0 {
            UnixAddress::Abstract(name) => Some(name),
            _ => None,
        }
    }

    /// Whether there is no name.
    pub fn is_unnamed(&self) -> bool {
        self.0 == UnixAddress::Unnamed
    }
}

/// What every kind has.
macro_rules! sockets {
    ($($name:ident)*) => {$(
        impl $name {
            /// Another one of the same socket: `dup(2)`.
            ///
            /// # Errors
            /// None that is known.
            pub fn try_clone(&self) -> io::Result<Self> {
                table::try_clone(self)
            }

            /// The local address: `getsockname(2)`.
            ///
            /// # Errors
            /// Only what the host cannot do.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                unix(lookup(&self.0)?.host.getsockname().map_err(Errno::from)?)
            }

            /// Whether operations wait: `O_NONBLOCK`.
            ///
            /// # Errors
            /// None that is known.
            pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
                lookup(&self.0)?.is_nonblocking.set(nonblocking);
                Ok(())
            }

            /// The error that is pending, which is none afterwards: `SO_ERROR`.
            ///
            /// # Errors
            /// Only what the host cannot do.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                let error = lookup(&self.0)?.host.getsockopt(SOL_SOCKET, SO_ERROR);
                Ok(match error.map_err(Errno::from)? {
                    0 => None,
                    linux => Some(Errno::of_linux(linux).into()),
                })
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut built = f.debug_struct(stringify!($name));
                built.field("fd", &self.as_raw_fd());
                if let Ok(local) = self.local_addr() {
                    built.field("local", &local);
                }
                built.finish()
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.as_raw_fd()
            }
        }

        impl From<OwnedFd> for $name {
            fn from(fd: OwnedFd) -> Self {
                Self(fd)
            }
        }

        impl From<$name> for OwnedFd {
            fn from(socket: $name) -> Self {
                socket.0
            }
        }

        impl FromRawFd for $name {
            unsafe fn from_raw_fd(fd: RawFd) -> Self {
                // SAFETY: by the function's condition.
                Self(unsafe { OwnedFd::from_raw_fd(fd) })
            }
        }

        impl IntoRawFd for $name {
            fn into_raw_fd(self) -> RawFd {
                self.0.into_raw_fd()
            }
        }
    )*};
}

sockets! { UnixStream UnixListener UnixDatagram }

/// What waits has.
macro_rules! timeouts {
    ($($name:ident)*) => {$(
        impl $name {
            /// How long receiving waits; `None` is for ever.
            ///
            /// # Errors
            /// [`io::ErrorKind::InvalidInput`] for no time at all.
            pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                lookup(&self.0)?.receive_timeout.set(limit(timeout)?);
                Ok(())
            }

            /// How long sending waits; `None` is for ever.
            ///
            /// # Errors
            /// [`io::ErrorKind::InvalidInput`] for no time at all.
            pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
                lookup(&self.0)?.send_timeout.set(limit(timeout)?);
                Ok(())
            }

            /// How long receiving waits.
            ///
            /// # Errors
            /// None that is known.
            pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(lookup(&self.0)?.receive_timeout.get())
            }

            /// How long sending waits.
            ///
            /// # Errors
            /// None that is known.
            pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(lookup(&self.0)?.send_timeout.get())
            }
        }
    )*};
}

timeouts! { UnixStream UnixDatagram }

fn new(kind: SocketKind) -> Result<Rc<Sock>> {
    Ok(Rc::new(Sock::new(Socket::new(AF_UNIX, kind)?, false)))
}

fn pair(kind: SocketKind) -> Result<(OwnedFd, OwnedFd)> {
    let (first, second) = socketpair(kind)?;
    let own = |socket| table::own(Rc::new(Sock::new(socket, false)));
    Ok((own(first), own(second)))
}

fn lookup(fd: &OwnedFd) -> Result<Rc<Sock>> {
    table::lookup(fd.as_raw_fd())
}

fn bind(socket: &Sock, address: &SocketAddr) -> Result<()> {
    Ok(socket.host.bind(Address::Unix(address.0.clone()))?)
}

fn connect(socket: &Sock, address: &SocketAddr) -> Result<()> {
    let host = socket.ready_to(Direction::Send)?;
    Ok(host.connect(Address::Unix(address.0.clone()))?)
}

fn peer_addr(fd: &OwnedFd) -> io::Result<SocketAddr> {
    unix(lookup(fd)?.host.getpeername().map_err(Errno::from)?)
}

fn shutdown(fd: &OwnedFd, how: Shutdown) -> io::Result<()> {
    let how = match how {
        Shutdown::Read => SHUT_RD,
        Shutdown::Write => SHUT_WR,
        Shutdown::Both => SHUT_RDWR,
    };
    Ok(lookup(fd)?.host.shutdown(how).map_err(Errno::from)?)
}

/// Of a Unix socket it is one.
fn unix(address: Address) -> io::Result<SocketAddr> {
    match address {
        Address::Unix(address) => Ok(SocketAddr(address)),
        _ => Err(Errno(libc::EAFNOSUPPORT).into()),
    }
}

fn limit(timeout: Option<Duration>) -> io::Result<Option<Duration>> {
    if timeout == Some(Duration::ZERO) {
        let error = "cannot set a 0 duration timeout";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    Ok(timeout)
}
