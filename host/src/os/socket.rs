//! Socket system calls, one function a call.

use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::io::retry_on_intr;
use rustix::net::{self, SocketAddrAny, SocketFlags};
use socket2::SockRef;

use super::UnixDirectories;
use super::recorder::{self, Call};
use super::sockaddr::{Form, decode, encode, path_address};
use super::unix_path::{Place, ProcPath, SocketStatus};
use crate::policy::Vetted;
use crate::policy::operation::{Bind, Listen, Operation};
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
    let bind = |address: &SocketAddrAny| bind_to(fd, local, address);
    match encode(local.address())? {
        Form::Whole(address) => {
            recorder::pass(Call::Bind, &address)?;
            bind(&address)
        }
        Form::Path(path) => {
            let place = directories.place(local.unix_path())?;
            recorder::pass(Call::Bind, &path_address(path)?)?;
            place.bind(path, bind, || end(fd))
        }
    }
}

/// `bind(2)` of what was bound to port 0 once, to the port that the kernel chose
/// for it then.
pub(crate) fn bind_again(
    fd: BorrowedFd<'_>,
    local: &Vetted<Bind>,
    chosen: u16,
) -> Result<(), Errno> {
    match encode(&local.address().clone().with_port(chosen))? {
        Form::Whole(address) => {
            recorder::pass(Call::Bind, &address)?;
            bind_to(fd, local, &address)
        }
        Form::Path(_) => Err(Errno::AddressFamilyNotSupported),
    }
}

/// `bind(2)` to how the kernel is given a vetted address.
fn bind_to(
    fd: BorrowedFd<'_>,
    _local: &Vetted<Bind>,
    address: &SocketAddrAny,
) -> Result<(), Errno> {
    Ok(net::bind(fd, address)?)
}

/// Makes a socket that is bound where it must not be one that nobody reaches.
fn end(fd: BorrowedFd<'_>) {
    if let Err(error) = shutdown(fd, Shutdown::Both) {
        tracing::debug!(%error, "shutdown");
    }
}

/// `unlink(2)` of a socket's file, if no socket is bound to it any more.
///
/// What is to be removed is moved aside first, and looked at once more there: a
/// bind(2) under way has ended by then, and nobody puts another file in its place.
pub(crate) fn unlink(local: &Vetted<Bind>, directories: &UnixDirectories) -> Result<(), Errno> {
    let place = directories.place(local.unix_path())?;
    check_unbound(local, &place)?;
    let aside = place.moved_aside()?;
    match check_unbound(local, &aside) {
        Ok(()) => aside.unlink(),
        Err(in_use) => aside.move_to(&place).and(Err(in_use)),
    }
}

/// `lstat(2)` of a socket's file.
pub(crate) fn stat(
    local: &Vetted<Bind>,
    directories: &UnixDirectories,
) -> Result<SocketStatus, Errno> {
    directories.place(local.unix_path())?.socket_status()
}

/// Whether no socket is bound to a file: then `connect(2)` is refused. The kernel
/// finds the socket before it compares the types, so that one that listens does not
/// notice.
fn check_unbound(local: &Vetted<Bind>, place: &Place) -> Result<(), Errno> {
    let probe = create(AddressFamily::Unix, SocketType::Datagram, 0)?;
    match connect_to(probe.as_fd(), local, &Encoded::Path(place.socket()?)) {
        Err(Errno::ConnectionRefused) => Ok(()),
        Ok(()) | Err(Errno::ProtocolWrongType) => Err(Errno::AddressInUse),
        failed => failed,
    }
}

/// Does `work`, which has the kernel choose a port, so that it is nobody else's:
/// of datagram sockets Linux shares one between sockets that have `SO_REUSEADDR` or
/// `SO_REUSEPORT`, whoever they are of, and the newest receives.
pub(crate) fn with_own_port<T>(
    fd: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let address = net::sockopt::socket_reuseaddr(fd)?;
    let port = net::sockopt::socket_reuseport(fd)?;
    net::sockopt::set_socket_reuseaddr(fd, false)?;
    net::sockopt::set_socket_reuseport(fd, false)?;
    let done = work();
    net::sockopt::set_socket_reuseaddr(fd, address)?;
    net::sockopt::set_socket_reuseport(fd, port)?;
    done
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
    connect_to(fd, remote, &peer(remote, directories)?)
}

/// `connect(2)` to how the kernel is given a vetted address.
fn connect_to<O: Operation>(
    fd: BorrowedFd<'_>,
    _remote: &Vetted<O>,
    address: &Encoded,
) -> Result<(), Errno> {
    Ok(net::connect(fd, &address.given_to(Call::Connect)?)?)
}

/// `connect(2)` to no address (`AF_UNSPEC`), which ends an association.
pub(crate) fn disconnect(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    Ok(net::connect_unspec(fd)?)
}

/// `accept4(2)`, non-blocking and close-on-exec. It waits where the listener
/// does, and a signal ends it.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> Result<(OwnedFd, Address), Errno> {
    let (accepted, peer) = net::acceptfrom_with(fd, FLAGS)?;
    let peer = peer.map_or(Ok(Address::Unix(UnixAddress::Unnamed)), decode)?;
    Ok((accepted, peer))
}

/// `recvfrom(2)` of at most `length` bytes. Without `MSG_DONTWAIT` it may wait,
/// and a signal end it.
pub(crate) fn receive_from(
    fd: BorrowedFd<'_>,
    length: usize,
    flags: ReceiveFlags,
) -> Result<(Vec<u8>, Option<Address>), Errno> {
    let mut data = Vec::with_capacity(length);
    let sender = match length {
        // `spare_capacity` has to have some; an empty buffer is given as it is.
        0 => net::recvfrom(fd, &mut [0u8; 0][..], flags)?.2,
        _ => net::recvfrom(fd, spare_capacity(&mut data), flags)?.2,
    };
    Ok((data, sender.map(decode).transpose()?))
}

/// `recv(2)` of at most `length` bytes of a stream or its like; as
/// [`receive_from`].
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    length: usize,
    flags: ReceiveFlags,
) -> Result<Vec<u8>, Errno> {
    let mut data = Vec::with_capacity(length);
    match length {
        0 => _ = net::recv(fd, &mut [0u8; 0][..], flags)?,
        _ => _ = net::recv(fd, spare_capacity(&mut data), flags)?,
    }
    Ok(data)
}

/// How many bytes of a stream can be received at once (`FIONREAD`, tcp(7), unix(7)).
pub(crate) fn unread(fd: BorrowedFd<'_>) -> Result<usize, Errno> {
    let count = rustix::io::ioctl_fionread(fd)?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// `recv(2)` into memory that is there, of what has arrived.
pub(crate) fn receive_into(fd: BorrowedFd<'_>, memory: &mut [u8]) -> Result<usize, Errno> {
    let at_once = ReceiveFlags::DONTWAIT;
    Ok(retry_on_intr(|| net::recv(fd, &mut *memory, at_once))?.0)
}

/// `send(2)`. A closed connection is an error, never a signal. Without
/// `MSG_DONTWAIT` it may wait, and a signal end it.
pub(crate) fn send(fd: BorrowedFd<'_>, data: &[u8], flags: SendFlags) -> Result<usize, Errno> {
    Ok(net::send(fd, data, flags | SendFlags::NOSIGNAL)?)
}

/// `MSG_FASTOPEN`, which rustix has no name for.
pub(crate) const FAST_OPEN: SendFlags =
    SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());

/// `sendto(2)`, which with [`FAST_OPEN`] connects.
pub(crate) fn send_to<O: Operation>(
    fd: BorrowedFd<'_>,
    data: &[u8],
    flags: SendFlags,
    remote: &Vetted<O>,
    directories: &UnixDirectories,
) -> Result<usize, Errno> {
    let flags = flags | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let remote = peer(remote, directories)?;
    let address = remote.given_to(Call::Send)?;
    Ok(retry_on_intr(|| net::sendto(fd, data, flags, &address))?)
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

/// Whether `length` bytes of a file from `offset` on, as far as it has them, are
/// in the page cache, so that nobody waits for a disk (`cachestat(2)`, Linux
/// 6.5). False where nothing tells.
#[allow(unsafe_code, reason = "no library has this call")]
pub(crate) fn is_in_memory(file: BorrowedFd<'_>, offset: u64, length: usize) -> bool {
    // libc has no name for it yet; the number is every architecture's.
    const CACHESTAT: libc::c_long = 451;
    #[repr(C)]
    struct Range {
        offset: u64,
        length: u64,
    }
    #[repr(C)]
    #[derive(Default)]
    struct Cached {
        pages: u64,
        dirty: u64,
        writeback: u64,
        evicted: u64,
        recently_evicted: u64,
    }
    let Ok(stat) = rustix::fs::fstat(file) else {
        return false;
    };
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    let length = size.saturating_sub(offset).min(length as u64);
    if length == 0 {
        return rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
    }
    let range = Range { offset, length };
    let mut cached = Cached::default();
    // SAFETY: the kernel reads the one struct and writes the other, which are as
    // it has them.
    let result = unsafe {
        libc::syscall(
            CACHESTAT,
            file.as_raw_fd(),
            &raw const range,
            &raw mut cached,
            0,
        )
    };
    let page = rustix::param::page_size() as u64;
    let pages = (offset + length).div_ceil(page) - offset / page;
    result == 0 && cached.pages >= pages
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
    if let Err(error) = SockRef::from(&connection).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "SO_LINGER");
    }
}

/// How much memory of a Unix socket the messages take that its peer has not
/// received (`SIOCOUTQ`): unix(7).
#[allow(unsafe_code, reason = "no library has this call")]
pub(crate) fn unreceived(fd: BorrowedFd<'_>) -> Result<i32, Errno> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the kernel writes one integer. On Linux it has this name too.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    match result {
        0 => Ok(bytes),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// The kernel's number of a socket, whichever descriptors it has (`SO_COOKIE`,
/// Linux 4.12).
pub(crate) fn cookie(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    Ok(net::sockopt::socket_cookie(fd)?)
}

/// What a socket is that this process did not make (`SO_DOMAIN`, `SO_TYPE`,
/// `SO_PROTOCOL`, `SO_ACCEPTCONN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) family: AddressFamily,
    pub(crate) kind: SocketType,
    pub(crate) protocol: u32,
    pub(crate) listens: bool,
    /// A TCP connect is under way, so that its peer cannot be told yet.
    pub(crate) connecting: bool,
}

/// Finds out what a descriptor is.
///
/// # Errors
/// [`Errno::NotSocket`] for what is no socket.
pub(crate) fn identify(fd: BorrowedFd<'_>) -> Result<Identity, Errno> {
    let family = match net::sockopt::socket_domain(fd)? {
        net::AddressFamily::INET => AddressFamily::Inet,
        net::AddressFamily::INET6 => AddressFamily::Inet6,
        net::AddressFamily::UNIX => AddressFamily::Unix,
        _ => return Err(Errno::AddressFamilyNotSupported),
    };
    let kind = match net::sockopt::socket_type(fd)? {
        net::SocketType::STREAM => SocketType::Stream,
        net::SocketType::DGRAM => SocketType::Datagram,
        net::SocketType::RAW => SocketType::Raw,
        net::SocketType::RDM => SocketType::Rdm,
        net::SocketType::SEQPACKET => SocketType::Seqpacket,
        _ => return Err(Errno::SocketTypeNotSupported),
    };
    let protocol = net::sockopt::socket_protocol(fd)?;
    Ok(Identity {
        family,
        kind,
        protocol: protocol.map_or(0, |protocol| protocol.as_raw().get()),
        listens: net::sockopt::socket_acceptconn(fd)?,
        connecting: protocol == Some(net::ipproto::TCP) && tcp_connecting(fd)?,
    })
}

/// Whether the state of a TCP socket is `TCP_SYN_SENT` (tcp(7), `TCP_INFO`).
fn tcp_connecting(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    const TCP_SYN_SENT: i32 = 2;
    // The first byte of `struct tcp_info`; the kernel cuts it to what there is
    // room for.
    let state = super::option::get_byte(fd, libc::IPPROTO_TCP, libc::TCP_INFO)?;
    Ok(i32::from(state) == TCP_SYN_SENT)
}

/// Sets `O_NONBLOCK`, which belongs to everybody who has the socket.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> Result<(), Errno> {
    Ok(rustix::io::ioctl_fionbio(fd, nonblocking)?)
}

/// `SO_RCVTIMEO` and `SO_SNDTIMEO`: how long a call waits at most, or without end.
pub(crate) fn set_timeouts(fd: BorrowedFd<'_>, time: Option<Duration>) -> Result<(), Errno> {
    use net::sockopt::{Timeout, set_socket_timeout};
    set_socket_timeout(fd, Timeout::Recv, time)?;
    Ok(set_socket_timeout(fd, Timeout::Send, time)?)
}

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

fn raw_family(family: AddressFamily) -> Result<net::AddressFamily, Errno> {
    match family {
        AddressFamily::Inet => Ok(net::AddressFamily::INET),
        AddressFamily::Inet6 => Ok(net::AddressFamily::INET6),
        AddressFamily::Unix => Ok(net::AddressFamily::UNIX),
        AddressFamily::Netlink => Ok(net::AddressFamily::NETLINK),
        AddressFamily::Vsock => Ok(net::AddressFamily::VSOCK),
        AddressFamily::Packet => Ok(net::AddressFamily::PACKET),
        AddressFamily::Can => Ok(net::AddressFamily::CAN),
        AddressFamily::Tipc => Ok(net::AddressFamily::TIPC),
        AddressFamily::Bluetooth => Ok(net::AddressFamily::BLUETOOTH),
        AddressFamily::Alg => Ok(net::AddressFamily::from_raw(libc::AF_ALG as u16)),
        AddressFamily::Rds => Ok(net::AddressFamily::RDS),
        AddressFamily::System | AddressFamily::Link => Err(Errno::NotSupported),
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
    /// The address as the call takes it.
    pub(super) fn given_to(&self, call: Call) -> Result<SocketAddrAny, Errno> {
        let address = match self {
            Self::Plain(address) => address.clone(),
            Self::Path(path) => path.address().clone(),
        };
        recorder::pass(call, &address)?;
        Ok(address)
    }
}

/// The address of a peer, whose path, if it is one, is opened beneath its
/// directory.
pub(super) fn peer<O: Operation>(
    remote: &Vetted<O>,
    directories: &UnixDirectories,
) -> Result<Encoded, Errno> {
    Ok(match encode(remote.address())? {
        Form::Whole(address) => Encoded::Plain(address),
        Form::Path(_) => Encoded::Path(directories.socket_at(remote.unix_path())?),
    })
}
