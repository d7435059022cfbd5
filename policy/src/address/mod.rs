//! Socket addresses, families and kinds of sockets, as the core knows them.

mod special;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::path::{Path, PathBuf};

use crate::Errno;
use crate::escape;

pub(crate) use special::netlink_protocol;
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

/// What a socket speaks, as far as the policy tells sockets apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP over IPv4 or IPv6.
    Tcp,
    /// UDP over IPv4 or IPv6.
    Udp,
    /// Multipath TCP (RFC 8684).
    Mptcp,
    /// UDP-Lite (RFC 3828).
    UdpLite,
    /// ICMP or ICMPv6 echoes, on a datagram socket: icmp(7).
    Icmp,
    /// A protocol of IP by its number, on a raw socket: raw(7).
    Raw(u8),
    /// Reliable datagrams (RDS) over IPv4.
    Rds,
    /// A Unix stream or seqpacket socket.
    UnixConnection,
    /// A Unix datagram socket.
    UnixDatagram,
    /// A protocol of netlink by its number.
    Netlink(u32),
    /// A vsock stream or seqpacket socket.
    VsockConnection,
    /// A vsock datagram socket.
    VsockDatagram,
    /// Frames of a network device.
    Packet,
    /// Frames of a controller area network, whatever the protocol above them.
    Can,
    /// A TIPC stream or seqpacket socket.
    TipcConnection,
    /// A TIPC datagram or rdm socket.
    TipcDatagram,
    /// A Bluetooth stream or seqpacket socket.
    BluetoothConnection,
    /// A Bluetooth datagram or raw socket.
    BluetoothDatagram,
    /// The kernel's cryptography.
    Alg,
}

impl Protocol {
    /// What a socket of this kind speaks.
    ///
    /// # Errors
    /// What socket(2) says of kinds that do not exist, and
    /// [`Errno::AccessDenied`] for those that no rule can grant.
    pub fn of(family: AddressFamily, kind: SocketType, number: u32) -> Result<Self, Errno> {
        use AddressFamily::{Inet, Inet6};
        use SocketType::{Datagram, Raw, Rdm, Seqpacket, Stream};
        // As IANA numbers them; MPTCP's is Linux's.
        const ICMP: u32 = 1;
        const TCP: u32 = 6;
        const UDP: u32 = 17;
        const ICMPV6: u32 = 58;
        const UDPLITE: u32 = 136;
        const MPTCP: u32 = 262;
        Ok(match (family, kind, number) {
            (Inet | Inet6, Stream, 0 | TCP) => Self::Tcp,
            (Inet | Inet6, Datagram, 0 | UDP) => Self::Udp,
            (Inet | Inet6, Stream, MPTCP) => Self::Mptcp,
            (Inet | Inet6, Datagram, UDPLITE) => Self::UdpLite,
            (Inet, Datagram, ICMP) | (Inet6, Datagram, ICMPV6) => Self::Icmp,
            (Inet | Inet6, Raw, number) => {
                Self::Raw(u8::try_from(number).map_err(|_large| Errno::InvalidArgument)?)
            }
            (Inet | Inet6, Stream, UDP | UDPLITE | ICMP | ICMPV6)
            | (Inet | Inet6, Datagram, TCP | MPTCP | ICMP | ICMPV6) => {
                return Err(Errno::ProtocolNotSupported);
            }
            (Inet | Inet6, Rdm | Seqpacket, _) => return Err(Errno::SocketTypeNotSupported),
            (AddressFamily::Unix, Stream | Seqpacket, 0) => Self::UnixConnection,
            // The kernel makes a datagram socket of a raw one.
            (AddressFamily::Unix, Datagram | Raw, 0) => Self::UnixDatagram,
            (AddressFamily::Unix, Rdm, _) => return Err(Errno::SocketTypeNotSupported),
            (AddressFamily::Unix, _, 1..) => return Err(Errno::ProtocolNotSupported),
            (AddressFamily::Netlink, Raw | Datagram, number) => Self::Netlink(number),
            (AddressFamily::Vsock, Stream | Seqpacket, 0) => Self::VsockConnection,
            (AddressFamily::Vsock, Datagram, 0) => Self::VsockDatagram,
            (AddressFamily::Packet, Raw | Datagram, _) => Self::Packet,
            (AddressFamily::Can, Raw | Datagram, _) => Self::Can,
            (AddressFamily::Tipc, Stream | Seqpacket, 0) => Self::TipcConnection,
            (AddressFamily::Tipc, Datagram | Rdm, 0) => Self::TipcDatagram,
            (AddressFamily::Bluetooth, Stream | Seqpacket, _) => Self::BluetoothConnection,
            (AddressFamily::Bluetooth, Datagram | Raw, _) => Self::BluetoothDatagram,
            (AddressFamily::Alg, Seqpacket, 0) => Self::Alg,
            (AddressFamily::Rds, Seqpacket, 0) => Self::Rds,
            (AddressFamily::System | AddressFamily::Link, _, _) => {
                return Err(Errno::NotSupported);
            }
            (AddressFamily::Vsock | AddressFamily::Tipc, _, 1..) => {
                return Err(Errno::ProtocolNotSupported);
            }
            (
                AddressFamily::Netlink
                | AddressFamily::Vsock
                | AddressFamily::Packet
                | AddressFamily::Can
                | AddressFamily::Bluetooth
                | AddressFamily::Alg
                | AddressFamily::Rds,
                _,
                _,
            ) => return Err(Errno::SocketTypeNotSupported),
            _ => return Err(Errno::AccessDenied),
        })
    }

    /// Whether sockets of it listen and accept.
    pub fn has_connections(self) -> bool {
        matches!(
            self,
            Self::Tcp
                | Self::Mptcp
                | Self::UnixConnection
                | Self::VsockConnection
                | Self::TipcConnection
                | Self::BluetoothConnection
        )
    }

    /// Whether anybody may make a socket of it: making one reaches nobody, and
    /// every use of an address is checked. The others open parts of the kernel
    /// that few programs need, or see traffic as soon as they exist.
    pub fn is_ordinary(self) -> bool {
        matches!(
            self,
            Self::Tcp | Self::Udp | Self::UnixConnection | Self::UnixDatagram
        )
    }

    /// Whether it is beneath the transport layer, so that the operation `raw`
    /// grants all that is done with it.
    pub fn is_raw(self) -> bool {
        matches!(
            self,
            Self::Raw(_) | Self::Netlink(_) | Self::Packet | Self::Can
        )
    }

    /// Whether its internet addresses have ports.
    pub fn has_ports(self) -> bool {
        !matches!(self, Self::Icmp | Self::Raw(_))
    }

    /// What stands before `://` in a rule's target; `None` for Unix sockets.
    pub fn scheme(self) -> Option<String> {
        let name = match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Mptcp => "mptcp",
            Self::UdpLite => "udplite",
            Self::Icmp => "icmp",
            Self::Raw(number) => return Some(format!("raw/{number}")),
            Self::Rds => "rds",
            Self::UnixConnection | Self::UnixDatagram => return None,
            Self::Netlink(_) => "netlink",
            Self::VsockConnection | Self::VsockDatagram => "vsock",
            Self::Packet => "packet",
            Self::Can => "can",
            Self::TipcConnection | Self::TipcDatagram => "tipc",
            Self::BluetoothConnection | Self::BluetoothDatagram => "bluetooth",
            Self::Alg => "alg",
        };
        Some(name.to_owned())
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
