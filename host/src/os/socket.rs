//! Socket system calls, one function a call.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::buffer::spare_capacity;
use rustix::io::retry_on_intr;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{self, SocketAddrAny, SocketAddrUnix, SocketFlags};
use socket2::SockRef;

use super::UnixDirectories;
use super::unix_path::ProcPath;
use crate::policy::Vetted;
use crate::policy::operation::{Bind, Listen, Operation, Send};
use crate::{Address, AddressFamily, Errno, SocketType, UnixAddress};

pub(crate) use rustix::net::{RecvFlags as ReceiveFlags, SendFlags, Shutdown};

/// `socket(2)`, non-blocking and close-on-exec.
pub(crate) fn create(
    family: AddressFamily,
    kind: SocketType,
    protocol: u32,
) -> Result<OwnedFd, Errno> {
    let protocol = NonZeroU32::new(protocol).map(net::Protocol::from_raw);
    Ok(net::socket_with(
        raw_family(family)?,
        raw_type(kind),
        FLAGS,
        protocol,
    )?)
}

/// `socketpair(2)`, non-blocking and close-on-exec.
pub(crate) fn create_pair(
    family: AddressFamily,
    kind: SocketType,
    protocol: u32,
) -> Result<(OwnedFd, OwnedFd), Errno> {
    let protocol = NonZeroU32::new(protocol).map(net::Protocol::from_raw);
    Ok(net::socketpair(
        raw_family(family)?,
        raw_type(kind),
        FLAGS,
        protocol,
    )?)
}

/// `dup(2)`, close-on-exec.
pub(crate) fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    Ok(fd.try_clone_to_owned()?)
}

/// `bind(2)`
pub(crate) fn bind(
    fd: BorrowedFd<'_>,
    local: &Vetted<Bind>,
    directories: &UnixDirectories,
) -> Result<(), Errno> {
    let local = match encode(local.address())? {
        Some(address) => Encoded::Plain(address),
        None => Encoded::Path(directories.place_to_bind(local.unix_path())?),
    };
    Ok(net::bind(fd, &local.address())?)
}

/// `listen(2)`, which binds an inet socket that is not bound yet: hence the
/// vetted address.
pub(crate) fn listen(
    fd: BorrowedFd<'_>,
    _local: &Vetted<Listen>,
    backlog: u32,
) -> Result<(), Errno> {
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    Ok(net::listen(fd, backlog)?)
}

/// `connect(2)` of a stream to a vetted peer, or of a datagram socket to a peer
/// that it may send to.
pub(crate) fn connect<O: Operation>(
    fd: BorrowedFd<'_>,
    remote: &Vetted<O>,
    directories: &UnixDirectories,
) -> Result<(), Errno> {
    Ok(net::connect(fd, &peer(remote, directories)?.address())?)
}

/// `accept4(2)`, non-blocking and close-on-exec.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, Address), Errno> {
    let (accepted, peer) = retry_on_intr(|| net::acceptfrom_with(fd, FLAGS))?;
    let peer = peer.map_or(Ok(Address::Unix(UnixAddress::Unnamed)), decode)?;
    Ok((accepted, peer))
}

/// `recvfrom(2)` of at most `length` bytes. A stream has no sender.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    length: usize,
    flags: ReceiveFlags,
) -> Result<(Vec<u8>, Option<Address>), Errno> {
    let mut data = Vec::with_capacity(length);
    let sender = match length {
        // `spare_capacity` has to have some; an empty buffer is given as it is.
        0 => retry_on_intr(|| net::recvfrom(fd, &mut [0u8; 0][..], flags))?.2,
        _ => retry_on_intr(|| net::recvfrom(fd, spare_capacity(&mut data), flags))?.2,
    };
    Ok((data, sender.map(decode).transpose()?))
}

/// `send(2)`. A closed connection is an error, never a signal.
pub(crate) fn send(fd: BorrowedFd<'_>, data: &[u8], flags: SendFlags) -> Result<usize, Errno> {
    Ok(retry_on_intr(|| {
        net::send(fd, data, flags | SendFlags::NOSIGNAL)
    })?)
}

/// `sendto(2)`
pub(crate) fn send_to(
    fd: BorrowedFd<'_>,
    data: &[u8],
    flags: SendFlags,
    remote: &Vetted<Send>,
    directories: &UnixDirectories,
) -> Result<usize, Errno> {
    let flags = flags | SendFlags::NOSIGNAL;
    let remote = peer(remote, directories)?;
    Ok(retry_on_intr(|| {
        net::sendto(fd, data, flags, &remote.address())
    })?)
}

/// `sendfile(2)` of at most `length` bytes. `MSG_NOSIGNAL` cannot be said here;
/// Rust programs ignore SIGPIPE.
pub(crate) fn send_file(
    fd: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    mut offset: u64,
    length: usize,
) -> Result<usize, Errno> {
    Ok(retry_on_intr(|| {
        rustix::fs::sendfile(fd, file, Some(&mut offset), length)
    })?)
}

/// `shutdown(2)`
pub(crate) fn shutdown(fd: BorrowedFd<'_>, how: Shutdown) -> Result<(), Errno> {
    Ok(net::shutdown(fd, how)?)
}

/// `getsockname(2)`
pub(crate) fn local_address(fd: BorrowedFd<'_>) -> Result<Address, Errno> {
    decode(net::getsockname(fd)?)
}

/// `getpeername(2)`
pub(crate) fn remote_address(fd: BorrowedFd<'_>) -> Result<Address, Errno> {
    net::getpeername(fd)?.map_or(Ok(Address::Unix(UnixAddress::Unnamed)), decode)
}

/// Closes a connection with a reset (`SO_LINGER` of 0, socket(7)), so that its
/// peer learns at once that it is not wanted.
pub(crate) fn reset(connection: OwnedFd) {
    // A Unix socket has no reset; for it this is a plain close.
    if let Err(error) = SockRef::from(&connection).set_linger(Some(std::time::Duration::ZERO)) {
        tracing::debug!(%error, "SO_LINGER");
    }
}

/// `close(2)`, with the error that dropping the descriptor would swallow.
#[allow(
    unsafe_code,
    reason = "close(2) has no safe form that reports its error"
)]
pub(crate) fn close(fd: OwnedFd) -> Result<(), Errno> {
    // SAFETY: the descriptor was owned, and is given up here.
    let result = unsafe { libc::close(fd.into_raw_fd()) };
    match result {
        0 => Ok(()),
        // Linux has closed it all the same (close(2)).
        _ => match Errno::from(std::io::Error::last_os_error()) {
            Errno::Interrupted => Ok(()),
            errno => Err(errno),
        },
    }
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

fn raw_family(family: AddressFamily) -> Result<net::AddressFamily, Errno> {
    match family {
        AddressFamily::Inet => Ok(net::AddressFamily::INET),
        AddressFamily::Inet6 => Ok(net::AddressFamily::INET6),
        AddressFamily::Unix => Ok(net::AddressFamily::UNIX),
        AddressFamily::Other(_) => Err(Errno::AddressFamilyNotSupported),
    }
}

fn raw_type(kind: SocketType) -> net::SocketType {
    match kind {
        SocketType::Stream => net::SocketType::STREAM,
        SocketType::Datagram => net::SocketType::DGRAM,
        SocketType::Raw => net::SocketType::RAW,
        SocketType::Rdm => net::SocketType::RDM,
        SocketType::Seqpacket => net::SocketType::SEQPACKET,
    }
}

/// An address for the kernel.
pub(super) enum Encoded {
    Plain(SocketAddrAny),
    /// Held open for as long as the address is used.
    Path(ProcPath),
}

impl Encoded {
    pub(super) fn address(&self) -> SocketAddrAny {
        match self {
            Self::Plain(address) => address.clone(),
            Self::Path(path) => path.address().as_any(),
        }
    }
}

/// The address of a peer, whose path, if it is one, is opened beneath its
/// directory.
pub(super) fn peer<O: Operation>(
    remote: &Vetted<O>,
    directories: &UnixDirectories,
) -> Result<Encoded, Errno> {
    Ok(match encode(remote.address())? {
        Some(address) => Encoded::Plain(address),
        None => Encoded::Path(directories.socket_at(remote.unix_path())?),
    })
}

/// `None` for a path, which is never given to the kernel as it is.
fn encode(address: &Address) -> Result<Option<SocketAddrAny>, Errno> {
    Ok(Some(match address {
        Address::Inet(address) => address.as_any(),
        Address::Inet6(address) => address.as_any(),
        Address::Unix(UnixAddress::Unnamed) => SocketAddrUnix::new_unnamed().as_any(),
        Address::Unix(UnixAddress::Abstract(name)) => {
            SocketAddrUnix::new_abstract_name(name)?.as_any()
        }
        Address::Unix(UnixAddress::Pathname(_)) => return Ok(None),
        Address::Other(_) => return Err(Errno::AddressFamilyNotSupported),
    }))
}

pub(super) fn decode(address: SocketAddrAny) -> Result<Address, Errno> {
    if address.address_family() != net::AddressFamily::UNIX {
        return Ok(Address::from(SocketAddr::try_from(address)?));
    }
    // Not by rustix's `SocketAddrUnix`: it takes an unnamed address for an
    // abstract one, and panics at a path that fills `sun_path`.
    let name = bytes(&address).get(size_of::<libc::sa_family_t>()..);
    Ok(Address::Unix(match name.unwrap_or_default() {
        [] => UnixAddress::Unnamed,
        [0, name @ ..] => UnixAddress::Abstract(name.to_vec()),
        path => {
            let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
            UnixAddress::Pathname(OsStr::from_bytes(path).into())
        }
    }))
}

#[allow(unsafe_code, reason = "rustix has no safe view of an address as bytes")]
fn bytes(address: &SocketAddrAny) -> &[u8] {
    // SAFETY: the pointer leads to that many bytes, which the kernel wrote, and
    // which live as long as `address`.
    unsafe {
        std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), address.addr_len() as usize)
    }
}
