//! Addresses of the families beside internet and Unix sockets, as rules have
//! them: each part is one, or all.

use std::fmt;

use super::{Effect, PortItem, is_in};
use crate::address::{BluetoothProtocol, netlink_name};
use crate::facts::Facts;
use crate::text::escape;
use crate::{
    Address, AlgAddress, BluetoothAddress, BluetoothDevice, CanAddress, NetlinkAddress,
    PacketAddress, Protocol, TipcAddress, TipcTarget, VsockAddress,
};

/// A family whose name stands before `://`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    Netlink,
    Vsock,
    Packet,
    Can,
    Tipc,
    Bluetooth,
    Alg,
}

/// What is meant of a family.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Special {
    Netlink {
        protocol: u32,
        port: NetlinkPort,
    },
    Vsock {
        cid: Option<u32>,
        ports: Vec<PortItem<u32>>,
    },
    /// By a name of it, of packet and CAN sockets.
    Interface(String),
    TipcId {
        node: Option<u32>,
        reference: Option<u32>,
    },
    TipcName {
        service_type: Option<u32>,
        /// The first and the last.
        instances: (u32, u32),
    },
    Bluetooth {
        protocol: BluetoothProtocol,
        device: Option<Device>,
        channel: Option<Channel>,
    },
    Alg {
        algorithm_type: String,
        name: Option<String>,
    },
}

/// `netlink://route` is a protocol's own end, the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NetlinkPort {
    Kernel,
    One(u32),
    Any,
}

/// Whose end it is: another's by its address, this machine's by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Device {
    Address(BluetoothDevice),
    Number(u16),
}

/// What tells the ends of a device apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    /// Of RFCOMM and HCI; of L2CAP the protocol and service multiplexer.
    Number(u16),
    /// A fixed channel of L2CAP, by its identifier.
    Fixed(u16),
}

impl Family {
    pub(crate) const ALL: [Self; 7] = [
        Self::Netlink,
        Self::Vsock,
        Self::Packet,
        Self::Can,
        Self::Tipc,
        Self::Bluetooth,
        Self::Alg,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Netlink => "netlink",
            Self::Vsock => "vsock",
            Self::Packet => "packet",
            Self::Can => "can",
            Self::Tipc => "tipc",
            Self::Bluetooth => "bluetooth",
            Self::Alg => "alg",
        }
    }

    pub(crate) fn of(protocol: Protocol) -> Option<Self> {
        Some(match protocol {
            Protocol::Netlink(_) => Self::Netlink,
            Protocol::VsockConnection | Protocol::VsockDatagram => Self::Vsock,
            Protocol::Packet => Self::Packet,
            Protocol::Can(_) => Self::Can,
            Protocol::TipcConnection | Protocol::TipcDatagram => Self::Tipc,
            Protocol::BluetoothConnection(_) | Protocol::BluetoothDatagram(_) => Self::Bluetooth,
            Protocol::Alg => Self::Alg,
            _ => return None,
        })
    }
}

impl Special {
    /// Whether a rule for it is about an address. A denial is about what a part
    /// of it is denied of.
    pub(super) fn covers(
        &self,
        effect: Effect,
        protocol: Protocol,
        address: &Address,
        facts: &Facts,
    ) -> bool {
        match (self, address) {
            (
                Self::Netlink {
                    protocol: granted,
                    port,
                },
                Address::Netlink(NetlinkAddress { port_id, .. }),
            ) => {
                let is_port = match port {
                    NetlinkPort::Any => true,
                    // Whatever port a socket is bound to, it talks with the kernel.
                    NetlinkPort::Kernel => effect == Effect::Deny || *port_id == 0,
                    NetlinkPort::One(port) => port == port_id,
                };
                protocol == Protocol::Netlink(*granted) && is_port
            }
            (
                Self::Vsock { cid, ports },
                Address::Vsock(VsockAddress {
                    cid: asked_cid,
                    port,
                }),
            ) => {
                // A socket that is bound to all of them is bound to each.
                let is_all = effect == Effect::Deny && *asked_cid == VsockAddress::ANY;
                (is_all || cid.is_none_or(|cid| cid == *asked_cid))
                    && is_in(ports, *port, VsockAddress::ANY)
            }
            (
                Self::Interface(name),
                Address::Packet(PacketAddress { interface, .. })
                | Address::Can(CanAddress { interface, .. }),
            ) => {
                // The empty name is every interface.
                let is_all = effect == Effect::Deny && interface.is_empty();
                is_all || (!interface.is_empty() && facts.is_same_interface(name, interface))
            }
            (
                Self::TipcId { node, reference },
                Address::Tipc(TipcAddress {
                    target:
                        TipcTarget::Id {
                            reference: asked_reference,
                            node: asked_node,
                        },
                    ..
                }),
            ) => {
                node.is_none_or(|node| node == *asked_node)
                    && reference.is_none_or(|reference| reference == *asked_reference)
            }
            (
                Self::TipcName {
                    service_type,
                    instances: (first, last),
                },
                Address::Tipc(TipcAddress { target, .. }),
            ) => {
                let (asked_type, lower, upper) = match *target {
                    TipcTarget::Id { .. } => return false,
                    TipcTarget::Name {
                        service_type,
                        instance,
                        domain: _,
                    } => (service_type, instance, instance),
                    TipcTarget::NameSequence {
                        service_type,
                        lower,
                        upper,
                    } => (service_type, lower, upper),
                };
                let is_instance = match effect {
                    Effect::Allow => *first <= lower && upper <= *last,
                    Effect::Deny => *first <= upper && lower <= *last,
                };
                service_type.is_none_or(|granted| granted == asked_type) && is_instance
            }
            (
                Self::Bluetooth {
                    protocol,
                    device,
                    channel,
                },
                Address::Bluetooth(address),
            ) => {
                let (asked, asked_device, asked_channel) = parts(address);
                // To bind to no device is to bind to every one.
                let is_all = effect == Effect::Deny
                    && asked_device == Some(Device::Address(BluetoothDevice([0; 6])));
                *protocol == asked
                    && (is_all || device.is_none() || *device == asked_device)
                    && (channel.is_none() || *channel == asked_channel)
            }
            (
                Self::Alg {
                    algorithm_type,
                    name,
                },
                Address::Alg(AlgAddress {
                    algorithm_type: asked_type,
                    name: asked_name,
                    ..
                }),
            ) => {
                algorithm_type == asked_type && name.as_ref().is_none_or(|name| name == asked_name)
            }
            _ => false,
        }
    }

    /// Whether a socket of the protocol may have such an address.
    pub(super) fn speaks(&self, protocol: Protocol) -> bool {
        match (self, protocol) {
            (Self::Netlink { protocol, .. }, Protocol::Netlink(number)) => *protocol == number,
            (
                Self::Bluetooth { protocol, .. },
                Protocol::BluetoothConnection(asked) | Protocol::BluetoothDatagram(asked),
            ) => *protocol == asked,
            _ => true,
        }
    }

    /// Whether it is all that a socket of the protocol may have.
    pub(super) fn is_all_of(&self, protocol: Protocol) -> bool {
        self.speaks(protocol)
            && match self {
                Self::Netlink { port, .. } => !matches!(port, NetlinkPort::One(_)),
                Self::Bluetooth {
                    device, channel, ..
                } => device.is_none() && channel.is_none(),
                _ => false,
            }
    }
}

/// The protocol of an address, the device and the channel.
fn parts(address: &BluetoothAddress) -> (BluetoothProtocol, Option<Device>, Option<Channel>) {
    let device = |device| Some(Device::Address(device));
    let protocol = address.protocol();
    match *address {
        BluetoothAddress::L2cap {
            device: peer,
            psm,
            cid: 0,
            ..
        } => (protocol, device(peer), Some(Channel::Number(psm))),
        BluetoothAddress::L2cap {
            device: peer, cid, ..
        } => (protocol, device(peer), Some(Channel::Fixed(cid))),
        BluetoothAddress::Rfcomm {
            device: peer,
            channel,
        } => (
            protocol,
            device(peer),
            Some(Channel::Number(channel.into())),
        ),
        BluetoothAddress::Hci { device_id, channel } => (
            protocol,
            Some(Device::Number(device_id)),
            Some(Channel::Number(channel)),
        ),
        BluetoothAddress::Sco(peer) => (protocol, device(peer), None),
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn or_all(part: Option<impl fmt::Display>) -> String {
            part.map_or_else(|| "*".to_owned(), |part| part.to_string())
        }
        match self {
            Self::Netlink { protocol, port } => {
                f.write_str(&netlink_name(*protocol))?;
                match port {
                    NetlinkPort::Kernel => Ok(()),
                    NetlinkPort::One(port) => write!(f, "/{port}"),
                    NetlinkPort::Any => f.write_str("/*"),
                }
            }
            Self::Vsock { cid, ports } => {
                match cid {
                    Some(VsockAddress::ANY) => f.write_str("any:")?,
                    cid => write!(f, "{}:", or_all(*cid))?,
                }
                super::print::write_ports(f, ports)
            }
            Self::Interface(name) => f.write_str(&escape(name.as_bytes())),
            Self::TipcId {
                node: None,
                reference: None,
            } => f.write_str("id:*"),
            Self::TipcId { node, reference } => {
                write!(f, "id:{}:{}", or_all(*node), or_all(*reference))
            }
            Self::TipcName {
                service_type: None,
                instances: (0, u32::MAX),
            } => f.write_str("name:*"),
            Self::TipcName {
                service_type,
                instances,
            } => {
                write!(f, "name:{}:", or_all(*service_type))?;
                match *instances {
                    (0, u32::MAX) => f.write_str("*"),
                    (first, last) if first == last => write!(f, "{first}"),
                    (first, last) => write!(f, "{first}-{last}"),
                }
            }
            Self::Bluetooth {
                protocol,
                device,
                channel,
            } => {
                write!(f, "{}/{}", protocol.name(), or_all(*device))?;
                match (device, channel, protocol) {
                    (_, _, BluetoothProtocol::Sco) | (None, None, _) => Ok(()),
                    (_, channel, _) => write!(f, "/{}", or_all(*channel)),
                }
            }
            Self::Alg {
                algorithm_type,
                name,
            } => {
                let name = name.as_ref().map(|name| escape(name.as_bytes()));
                write!(f, "{}/{}", escape(algorithm_type.as_bytes()), or_all(name))
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Fixed(id) => write!(f, "cid-{id}"),
        }
    }
}
