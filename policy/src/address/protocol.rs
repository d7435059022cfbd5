//! What sockets speak, by which the policy tells them apart.

use super::{AddressFamily, SocketType};
use crate::Errno;

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
    /// Frames of a controller area network, or what a protocol makes of them.
    Can(CanProtocol),
    /// A TIPC stream or seqpacket socket.
    TipcConnection,
    /// A TIPC datagram or rdm socket.
    TipcDatagram,
    /// A Bluetooth stream or seqpacket socket.
    BluetoothConnection(BluetoothProtocol),
    /// A Bluetooth datagram or raw socket.
    BluetoothDatagram(BluetoothProtocol),
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
            (AddressFamily::Can, Raw | Datagram, number) => Self::Can(CanProtocol::of(number)?),
            (AddressFamily::Tipc, Stream | Seqpacket, 0) => Self::TipcConnection,
            (AddressFamily::Tipc, Datagram | Rdm, 0) => Self::TipcDatagram,
            (AddressFamily::Bluetooth, Stream | Seqpacket, number) => {
                Self::BluetoothConnection(BluetoothProtocol::of(number)?)
            }
            (AddressFamily::Bluetooth, Datagram | Raw, number) => {
                Self::BluetoothDatagram(BluetoothProtocol::of(number)?)
            }
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
                | Self::BluetoothConnection(_)
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
            Self::Raw(_) | Self::Netlink(_) | Self::Packet | Self::Can(_)
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
            Self::Can(_) => "can",
            Self::TipcConnection | Self::TipcDatagram => "tipc",
            Self::BluetoothConnection(_) | Self::BluetoothDatagram(_) => "bluetooth",
            Self::Alg => "alg",
        };
        Some(name.to_owned())
    }
}

/// A protocol of Bluetooth that has addresses: `BTPROTO_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BluetoothProtocol {
    /// `BTPROTO_L2CAP`
    L2cap,
    /// `BTPROTO_HCI`
    Hci,
    /// `BTPROTO_SCO`
    Sco,
    /// `BTPROTO_RFCOMM`
    Rfcomm,
}

impl BluetoothProtocol {
    pub(crate) const ALL: [Self; 4] = [Self::L2cap, Self::Hci, Self::Sco, Self::Rfcomm];

    /// What stands before the address in a rule.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::L2cap => "l2cap",
            Self::Hci => "hci",
            Self::Sco => "sco",
            Self::Rfcomm => "rfcomm",
        }
    }

    fn of(number: u32) -> Result<Self, Errno> {
        Ok(match number {
            0 => Self::L2cap,
            1 => Self::Hci,
            2 => Self::Sco,
            3 => Self::Rfcomm,
            // BNEP, CMTP, HIDP and AVDTP are used by ioctl(2) alone, which no rule
            // is about; the addresses of ISO are not known here.
            _ => return Err(Errno::ProtocolNotSupported),
        })
    }
}

/// A protocol of controller area networks, each with addresses of its own:
/// `CAN_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CanProtocol {
    /// `CAN_RAW`
    Raw,
    /// `CAN_BCM`
    Broadcast,
    /// `CAN_ISOTP`
    Isotp,
    /// `CAN_J1939`
    J1939,
}

impl CanProtocol {
    fn of(number: u32) -> Result<Self, Errno> {
        Ok(match number {
            1 => Self::Raw,
            2 => Self::Broadcast,
            6 => Self::Isotp,
            7 => Self::J1939,
            _ => return Err(Errno::ProtocolNotSupported),
        })
    }
}
