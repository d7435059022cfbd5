//! Socket addresses, families and kinds of sockets, as the core knows them.

mod protocol;
mod special;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::path::{Path, PathBuf};

use crate::Errno;
use crate::escape;

pub(crate) use special::{netlink_name, netlink_number};

pub use protocol::{BluetoothProtocol, CanProtocol, Protocol};
pub use special::{
    AlgAddress, BluetoothAddress, BluetoothDevice, CanAddress, CanProtocolAddress, NetlinkAddress,
    PacketAddress, TipcAddress, TipcTarget, VsockAddress,
};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// `AF_INET`
    Inet,
    /// `AF_INET6`
    Inet6,
    /// `AF_UNIX`
    Unix,
    /// `AF_NETLINK`
    Netlink,
    /// `AF_VSOCK`
    Vsock,
    /// `AF_PACKET`
    Packet,
    /// `AF_CAN`
    Can,
    /// `AF_TIPC`
    Tipc,
    /// `AF_BLUETOOTH`
    Bluetooth,
    /// `AF_ALG`
    Alg,
    /// `AF_RDS`
    Rds,
    /// `AF_SYSTEM`, of macOS.
    System,
    /// `AF_LINK`, of macOS and the BSDs.
    Link,
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

/// A socket address in the form of its family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// IPv4: ip(7).
    Inet(SocketAddrV4),
    /// IPv6: ipv6(7).
    Inet6(SocketAddrV6),
    /// Unix: unix(7).
    Unix(UnixAddress),
    /// Netlink: netlink(7).
    Netlink(NetlinkAddress),
    /// Between a virtual machine and its host: vsock(7).
    Vsock(VsockAddress),
    /// A network device: packet(7).
    Packet(PacketAddress),
    /// Controller area network.
    Can(CanAddress),
    /// TIPC.
    Tipc(TipcAddress),
    /// Bluetooth.
    Bluetooth(BluetoothAddress),
    /// The kernel's cryptography.
    Alg(AlgAddress),
    /// Reliable datagrams, with the addresses of IPv4.
    Rds(SocketAddrV4),
    /// A kernel control of macOS; no use on Linux.
    SystemControl,
    /// A link-level address of macOS and the BSDs; no use on Linux.
    Link,
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

/// The size of `sun_path` (unix(7)). A path may fill it, without a NUL at its
/// end; an abstract name needs a byte of it for the NUL that it starts with.
const SUN_PATH: usize = 108;

impl Address {
    /// The family that the address belongs to.
    pub fn family(&self) -> AddressFamily {
        match self {
            Self::Inet(_) => AddressFamily::Inet,
            Self::Inet6(_) => AddressFamily::Inet6,
            Self::Unix(_) => AddressFamily::Unix,
            Self::Netlink(_) => AddressFamily::Netlink,
            Self::Vsock(_) => AddressFamily::Vsock,
            Self::Packet(_) => AddressFamily::Packet,
            Self::Can(_) => AddressFamily::Can,
            Self::Tipc(_) => AddressFamily::Tipc,
            Self::Bluetooth(_) => AddressFamily::Bluetooth,
            Self::Alg(_) => AddressFamily::Alg,
            Self::Rds(_) => AddressFamily::Rds,
            Self::SystemControl => AddressFamily::System,
            Self::Link => AddressFamily::Link,
        }
    }

    /// What the kernel would have to cut or misread: names that are too long for
    /// their place, or have a NUL.
    pub fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Unix(address) => address.fault(),
            Self::Packet(address) => address.fault(),
            Self::Tipc(address) => address.fault(),
            Self::Bluetooth(address) => address.fault(),
            Self::Alg(address) => address.fault(),
            _ => None,
        }
    }

    /// The internet address and port, with an IPv4-mapped or IPv4-compatible
    /// IPv6 address as the IPv4 address that it stands for.
    pub fn canonical(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) | Self::Rds(address) => Some(SocketAddr::V4(*address)),
            Self::Inet6(address) => {
                Some(SocketAddr::new(canonical_ip(*address.ip()), address.port()))
            }
            _ => None,
        }
    }

    /// The internet address alone, as it is written.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Inet(address) => Some(IpAddr::V4(*address.ip())),
            Self::Inet6(address) => Some(IpAddr::V6(*address.ip())),
            _ => None,
        }
    }

    /// The port of an internet address; 0 for others.
    pub fn port(&self) -> u16 {
        self.canonical().map_or(0, |endpoint| endpoint.port())
    }

    /// The same internet address with another port.
    pub fn with_port(mut self, port: u16) -> Self {
        match &mut self {
            Self::Inet(address) => address.set_port(port),
            Self::Inet6(address) => address.set_port(port),
            _ => {}
        }
        self
    }

    /// What the kernel binds a socket to that was never bound: every interface
    /// and an ephemeral port, or what is like it. `None` where it does not.
    pub fn unspecified(family: AddressFamily) -> Option<Self> {
        const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        Some(match family {
            AddressFamily::Inet => Self::Inet(ANY),
            AddressFamily::Inet6 => Self::Inet6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0)),
            AddressFamily::Vsock => Self::Vsock(VsockAddress {
                cid: VsockAddress::ANY,
                port: VsockAddress::ANY,
            }),
            _ => return None,
        })
    }

    /// The part of a rule's target that follows the scheme of `protocol`.
    pub fn text(&self, protocol: Protocol) -> String {
        match (self, protocol) {
            (Self::Netlink(address), Protocol::Netlink(number)) => address.text(number),
            (Self::Inet(_) | Self::Inet6(_), protocol) if !protocol.has_ports() => self
                .canonical()
                .map_or_else(String::new, |endpoint| host_text(endpoint.ip())),
            _ => self.to_string(),
        }
    }

    /// The whole target of a rule for the address.
    pub fn target(&self, protocol: Protocol) -> String {
        let text = self.text(protocol);
        match protocol.scheme() {
            Some(scheme) => format!("{scheme}://{text}"),
            None => text,
        }
    }
}

impl UnixAddress {
    /// The most bytes of a path.
    pub const LONGEST_PATH: usize = SUN_PATH;

    /// Checks what the kernel would have to cut or misread.
    ///
    /// # Errors
    /// [`Errno::InvalidArgument`] for a path that is empty, has a NUL or is
    /// longer than 108 bytes, and for an abstract name longer than 107.
    pub fn validate(&self) -> Result<(), Errno> {
        self.fault().map_or(Ok(()), |_| Err(Errno::InvalidArgument))
    }

    fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Unnamed => None,
            Self::Pathname(path) => match path.as_os_str().as_encoded_bytes() {
                [] => Some("a path is not empty"),
                bytes if bytes.len() > Self::LONGEST_PATH => Some("a path has at most 108 bytes"),
                bytes if bytes.contains(&0) => Some("a path has no NUL"),
                _ => None,
            },
            Self::Abstract(name) if name.len() >= SUN_PATH => {
                Some("an abstract name has at most 107 bytes")
            }
            Self::Abstract(_) => None,
        }
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

/// The part of a rule's target that follows the protocol or family, as the
/// policy's grammar writes it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(address) => write!(f, "{address}"),
            Self::Netlink(address) => write!(f, "{}", address.port_id),
            Self::Vsock(address) => write!(f, "{address}"),
            Self::Packet(address) => write!(f, "{address}"),
            Self::Can(address) => write!(f, "{address}"),
            Self::Tipc(address) => write!(f, "{address}"),
            Self::Bluetooth(address) => write!(f, "{address}"),
            Self::Alg(address) => write!(f, "{address}"),
            Self::SystemControl => f.write_str("system-control"),
            Self::Link => f.write_str("link"),
            Self::Inet(_) | Self::Inet6(_) | Self::Rds(_) => {
                let address = self.canonical().ok_or(fmt::Error)?;
                write!(f, "{}:", host_text(address.ip()))?;
                match address.port() {
                    0 => f.write_str("ephemeral"),
                    port => write!(f, "{port}"),
                }
            }
        }
    }
}

/// An address as a rule's host.
pub(crate) fn host_text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("unix:"),
            Self::Pathname(path) => {
                write!(f, "unix:{}", escape(path.as_os_str().as_encoded_bytes()))
            }
            Self::Abstract(name) => write!(f, "unix-abstract:{}", escape(name)),
        }
    }
}

/// `::ffff:a.b.c.d` and the deprecated `::a.b.c.d` (RFC 4291, 2.5.5) reach the
/// IPv4 address that they hold.
pub fn canonical_ip(ip: Ipv6Addr) -> IpAddr {
    let groups = ip.segments();
    let compatible = groups[..6] == [0; 6] && groups[6] != 0;
    match ip.to_ipv4_mapped() {
        Some(mapped) => IpAddr::V4(mapped),
        None if compatible => ip.to_ipv4().map_or(IpAddr::V6(ip), IpAddr::V4),
        None => IpAddr::V6(ip),
    }
}
