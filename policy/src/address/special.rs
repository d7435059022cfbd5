//! Addresses of the families beside internet and Unix sockets, each as the
//! kernel's headers have it.
//!
//! Their `Display` is the text of a rule's target, after `FAMILY://`.

use std::fmt;

use super::{BluetoothProtocol, CanProtocol};
use crate::escape;

/// `struct sockaddr_nl`: netlink(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetlinkAddress {
    /// The port id; 0 is the kernel.
    pub port_id: u32,
    /// The multicast groups, a bit each.
    pub groups: u32,
}

/// `struct sockaddr_vm`: vsock(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VsockAddress {
    /// The context id of the machine.
    pub cid: u32,
    /// The port; [`VsockAddress::ANY`] asks for an ephemeral one.
    pub port: u32,
}

/// `struct sockaddr_ll`: packet(7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PacketAddress {
    /// The network interface by name; empty is any.
    pub interface: String,
    /// The EtherType, in host order.
    pub protocol: u16,
    /// `ARPHRD_*`
    pub hardware_type: u16,
    /// `PACKET_*`
    pub packet_type: u8,
    /// At most 8 bytes.
    pub hardware_address: Vec<u8>,
}

/// `struct sockaddr_can`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanAddress {
    /// The interface by name; empty is every one.
    pub interface: String,
    /// What the protocol adds.
    pub protocol: CanProtocolAddress,
}

/// The part of a CAN address that depends on the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CanProtocolAddress {
    /// `CAN_RAW` and `CAN_BCM`.
    None,
    /// `CAN_ISOTP`
    Isotp {
        /// The identifier that is received.
        receive_id: u32,
        /// The identifier that is sent.
        transmit_id: u32,
    },
    /// `CAN_J1939`
    J1939 {
        /// The name; 0 is none.
        name: u64,
        /// The parameter group number.
        parameter_group_number: u32,
        /// The address.
        address: u8,
    },
}

/// `struct sockaddr_tipc`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TipcAddress {
    /// Which of the three forms.
    pub target: TipcTarget,
    /// `TIPC_*_SCOPE`
    pub scope: i8,
}

/// The forms of a TIPC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TipcTarget {
    /// `TIPC_ADDR_ID`
    Id {
        /// The port.
        reference: u32,
        /// The node.
        node: u32,
    },
    /// `TIPC_ADDR_NAME`
    Name {
        /// The type of the service.
        service_type: u32,
        /// The instance of it.
        instance: u32,
        /// Where it is looked up; 0 is everywhere.
        domain: u32,
    },
    /// `TIPC_ADDR_NAMESEQ`
    NameSequence {
        /// The type of the service.
        service_type: u32,
        /// The first instance.
        lower: u32,
        /// The last instance.
        upper: u32,
    },
}

/// A Bluetooth device address as it is printed: most significant byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BluetoothDevice(pub [u8; 6]);

/// A Bluetooth endpoint in the form of its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BluetoothAddress {
    /// `struct sockaddr_l2`
    L2cap {
        /// The device.
        device: BluetoothDevice,
        /// The protocol and service multiplexer.
        psm: u16,
        /// The channel.
        cid: u16,
        /// `BDADDR_*`
        device_type: u8,
    },
    /// `struct sockaddr_rc`
    Rfcomm {
        /// The device.
        device: BluetoothDevice,
        /// The channel.
        channel: u8,
    },
    /// `struct sockaddr_hci`
    Hci {
        /// The adapter's number.
        device_id: u16,
        /// `HCI_CHANNEL_*`
        channel: u16,
    },
    /// `struct sockaddr_sco`
    Sco(BluetoothDevice),
}

/// `struct sockaddr_alg`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlgAddress {
    /// The kind of algorithm, such as `hash`; at most 13 bytes.
    pub algorithm_type: String,
    /// Its name, such as `sha256`; at most 63 bytes.
    pub name: String,
    /// `feat`
    pub feature: u32,
    /// `mask`
    pub mask: u32,
}

/// Netlink's protocols, as rules name them: `NETLINK_*`.
const NETLINK_PROTOCOLS: [(u32, &str); 12] = [
    (0, "route"),
    (2, "usersock"),
    (4, "sock-diag"),
    (6, "xfrm"),
    (9, "audit"),
    (11, "connector"),
    (12, "netfilter"),
    (15, "kobject-uevent"),
    (16, "generic"),
    (18, "scsi-transport"),
    (20, "rdma"),
    (21, "crypto"),
];

/// The word for a netlink protocol in rules, or its number.
pub(crate) fn netlink_name(number: u32) -> String {
    let known = NETLINK_PROTOCOLS.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

/// The netlink protocol that a word names.
pub(crate) fn netlink_number(name: &str) -> Option<u32> {
    let known = NETLINK_PROTOCOLS.iter().find(|(_, known)| *known == name);
    known.map(|(number, _)| *number)
}

impl NetlinkAddress {
    /// With its protocol, which is the socket's.
    pub fn text(&self, protocol: u32) -> String {
        let protocol = netlink_name(protocol);
        match self.port_id {
            0 => protocol,
            port_id => format!("{protocol}/{port_id}"),
        }
    }
}

impl VsockAddress {
    /// `VMADDR_CID_ANY` and `VMADDR_PORT_ANY`.
    pub const ANY: u32 = u32::MAX;
}

impl PacketAddress {
    /// The longest name of an interface, in bytes: `IFNAMSIZ` without its NUL.
    pub const LONGEST_INTERFACE: usize = 15;

    /// Every interface.
    pub const EVERYWHERE: Self = Self {
        interface: String::new(),
        protocol: 0,
        hardware_type: 0,
        packet_type: 0,
        hardware_address: Vec::new(),
    };

    pub(super) fn fault(&self) -> Option<&'static str> {
        let fits = self.hardware_address.len() <= 8;
        (!fits).then_some("a hardware address has at most 8 bytes")
    }
}

impl BluetoothAddress {
    /// The protocol whose form it has.
    pub fn protocol(&self) -> BluetoothProtocol {
        match self {
            Self::L2cap { .. } => BluetoothProtocol::L2cap,
            Self::Rfcomm { .. } => BluetoothProtocol::Rfcomm,
            Self::Hci { .. } => BluetoothProtocol::Hci,
            Self::Sco(_) => BluetoothProtocol::Sco,
        }
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        let both = matches!(
            self,
            Self::L2cap {
                psm: 1..,
                cid: 1..,
                ..
            }
        );
        both.then_some("a channel of L2CAP has a PSM or a fixed identifier, not both")
    }
}

impl CanProtocolAddress {
    /// Whether sockets of a protocol have such an address: `linux/can.h`.
    pub fn is_of(&self, protocol: CanProtocol) -> bool {
        match self {
            Self::None => true,
            Self::Isotp { .. } => protocol == CanProtocol::Isotp,
            Self::J1939 { .. } => protocol == CanProtocol::J1939,
        }
    }
}

impl TipcAddress {
    pub(super) fn fault(&self) -> Option<&'static str> {
        match self.target {
            TipcTarget::NameSequence { lower, upper, .. } if lower > upper => {
                Some("the range of instances ends before it starts")
            }
            _ => None,
        }
    }
}

impl AlgAddress {
    pub(super) fn fault(&self) -> Option<&'static str> {
        let fits = |text: &str, room: usize| text.len() < room && !text.contains('\0');
        let fits = fits(&self.algorithm_type, 14)
            && fits(&self.name, 64)
            && !self.algorithm_type.contains('/');
        (!fits).then_some(
            "the type of an algorithm has at most 13 bytes without `/`, and its name 63, without NUL",
        )
    }
}

impl fmt::Display for VsockAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cid {
            Self::ANY => f.write_str("any:")?,
            cid => write!(f, "{cid}:")?,
        }
        match self.port {
            Self::ANY => f.write_str("ephemeral"),
            port => write!(f, "{port}"),
        }
    }
}

impl fmt::Display for PacketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_interface(f, &self.interface)
    }
}

impl fmt::Display for CanAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_interface(f, &self.interface)
    }
}

impl fmt::Display for TipcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target {
            TipcTarget::Id { reference, node } => write!(f, "id:{node}:{reference}"),
            TipcTarget::Name {
                service_type,
                instance,
                domain: _,
            } => write!(f, "name:{service_type}:{instance}"),
            TipcTarget::NameSequence {
                service_type,
                lower,
                upper,
            } => write!(f, "name:{service_type}:{lower}-{upper}"),
        }
    }
}

impl fmt::Display for BluetoothDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{g:02X}")
    }
}

impl fmt::Display for BluetoothAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::L2cap {
                device,
                psm,
                cid: 0,
                ..
            } => write!(f, "l2cap/{device}/{psm}"),
            Self::L2cap { device, cid, .. } => write!(f, "l2cap/{device}/cid-{cid}"),
            Self::Rfcomm { device, channel } => write!(f, "rfcomm/{device}/{channel}"),
            Self::Hci { device_id, channel } => write!(f, "hci/{device_id}/{channel}"),
            Self::Sco(device) => write!(f, "sco/{device}"),
        }
    }
}

impl fmt::Display for AlgAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            algorithm_type,
            name,
            ..
        } = self;
        let part = |text: &str| escape(text.as_bytes());
        write!(f, "{}/{}", part(algorithm_type), part(name))
    }
}

fn write_interface(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    match name {
        "" => f.write_str("*"),
        name => f.write_str(&escape(name.as_bytes())),
    }
}
