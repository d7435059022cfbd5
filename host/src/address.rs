//! Socket addresses, families and kinds of sockets, as the core knows them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::Errno;
use crate::policy::escape;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// `AF_INET`
    Inet,
    /// `AF_INET6`
    Inet6,
    /// `AF_UNIX`
    Unix,
    /// A family of the interface that this host does not serve.
    Other(&'static str),
}

/// How a socket carries data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketType {
    /// `SOCK_STREAM`
    Stream,
    /// `SOCK_DGRAM`
    Datagram,
    /// `SOCK_RAW`
    Raw,
    /// `SOCK_RDM`
    Rdm,
    /// `SOCK_SEQPACKET`
    Seqpacket,
}

/// What a socket speaks, as far as the policy tells sockets apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// UDP over IPv4 or IPv6.
    Udp,
    /// A Unix stream or seqpacket socket.
    UnixConnection,
    /// A Unix datagram socket.
    UnixDatagram,
}

impl Protocol {
    /// Whether sockets of it listen and accept.
    pub fn has_connections(self) -> bool {
        matches!(self, Self::Tcp | Self::UnixConnection)
    }
}

/// A socket address in the form of its family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// IPv4: ip(7).
    Inet(SocketAddrV4),
    /// IPv6: ipv6(7).
    Inet6(SocketAddrV6),
    /// Unix: unix(7).
    Unix(UnixAddress),
    /// An address of a family that this host does not serve.
    Other(&'static str),
}

/// A Unix socket address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixAddress {
    /// A socket that is not bound.
    Unnamed,
    /// A path in the host's file system.
    Pathname(PathBuf),
    /// A name in the abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
}

/// The size of `sun_path` (unix(7)). A path needs a byte of it for its NUL, an
/// abstract name one for the NUL it starts with.
const SUN_PATH: usize = 108;

impl Address {
    /// The family that the address belongs to.
    pub fn family(&self) -> AddressFamily {
        match self {
            Self::Inet(_) => AddressFamily::Inet,
            Self::Inet6(_) => AddressFamily::Inet6,
            Self::Unix(_) => AddressFamily::Unix,
            Self::Other(name) => AddressFamily::Other(name),
        }
    }

    /// The internet address and port, with an IPv4-mapped or IPv4-compatible
    /// IPv6 address as the IPv4 address that it stands for.
    pub fn canonical(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(SocketAddr::V4(*address)),
            Self::Inet6(address) => {
                Some(SocketAddr::new(canonical_ip(*address.ip()), address.port()))
            }
            Self::Unix(_) | Self::Other(_) => None,
        }
    }

    /// The port of an internet address; 0 for others.
    pub(crate) fn port(&self) -> u16 {
        self.canonical().map_or(0, |endpoint| endpoint.port())
    }

    /// The same internet address with another port.
    pub(crate) fn with_port(mut self, port: u16) -> Self {
        match &mut self {
            Self::Inet(address) => address.set_port(port),
            Self::Inet6(address) => address.set_port(port),
            Self::Unix(_) | Self::Other(_) => {}
        }
        self
    }

    /// Every interface and an ephemeral port: what the kernel binds a socket to
    /// that was never bound.
    pub fn unspecified(family: AddressFamily) -> Self {
        match family {
            AddressFamily::Inet => Self::Inet(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
            AddressFamily::Inet6 => Self::Inet6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0)),
            AddressFamily::Unix => Self::Unix(UnixAddress::Unnamed),
            AddressFamily::Other(name) => Self::Other(name),
        }
    }
}

impl UnixAddress {
    /// Checks what the kernel would have to cut or misread.
    ///
    /// # Errors
    /// [`Errno::InvalidArgument`] for a path that is empty, has a NUL or is
    /// longer than 107 bytes, and for an abstract name longer than that.
    pub fn validate(&self) -> Result<(), Errno> {
        let fits = match self {
            Self::Unnamed => true,
            Self::Pathname(path) => {
                let bytes = path.as_os_str().as_bytes();
                !bytes.is_empty() && bytes.len() < SUN_PATH && !bytes.contains(&0)
            }
            Self::Abstract(name) => name.len() < SUN_PATH,
        };
        fits.then_some(()).ok_or(Errno::InvalidArgument)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::Inet(address),
            SocketAddr::V6(address) => Self::Inet6(address),
        }
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Unix(UnixAddress::Pathname(path.to_owned()))
    }
}

/// The part of a grant's target that follows the protocol, as the policy's
/// grammar writes it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(address) => write!(f, "{address}"),
            Self::Other(name) => write!(f, "{name}"),
            Self::Inet(_) | Self::Inet6(_) => {
                let address = self.canonical().ok_or(fmt::Error)?;
                match address.ip() {
                    IpAddr::V4(ip) => write!(f, "{ip}:")?,
                    IpAddr::V6(ip) => write!(f, "[{ip}]:")?,
                }
                match address.port() {
                    0 => f.write_str("ephemeral"),
                    port => write!(f, "{port}"),
                }
            }
        }
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("unix:"),
            Self::Pathname(path) => write!(f, "unix:{}", escape(path.as_os_str().as_bytes())),
            Self::Abstract(name) => write!(f, "unix-abstract:{}", escape(name)),
        }
    }
}

/// `::ffff:a.b.c.d` and the deprecated `::a.b.c.d` (RFC 4291, 2.5.5) reach the
/// IPv4 address that they hold.
fn canonical_ip(ip: Ipv6Addr) -> IpAddr {
    let groups = ip.segments();
    let compatible = groups[..6] == [0; 6] && groups[6] != 0;
    match ip.to_ipv4_mapped() {
        Some(mapped) => IpAddr::V4(mapped),
        None if compatible => ip.to_ipv4().map_or(IpAddr::V6(ip), IpAddr::V4),
        None => IpAddr::V6(ip),
    }
}
