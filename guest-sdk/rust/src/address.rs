//! Addresses, in the forms that Python takes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::bindings::names::NameError;
use crate::bindings::types as wit;
pub use crate::bindings::types::{
    AlgAddress, BluetoothAddress, BluetoothDeviceAddress, BluetoothHciAddress,
    BluetoothL2capAddress, BluetoothRfcommAddress, CanAddress, CanJ1939Address, CanProtocolAddress,
    CanTransportAddress, LinkAddress, NetlinkAddress, PacketAddress, SystemControlAddress,
    TipcAddress, TipcName, TipcNameSequence, TipcSocketId, TipcTarget, VsockAddress,
};
use crate::constants::{
    AF_ALG, AF_BLUETOOTH, AF_CAN, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_RDS, AF_TIPC,
    AF_UNIX, AF_VSOCK, AddressFamily, SOCK_DGRAM,
};
use crate::error::{Error, Result};
use crate::names::getaddrinfo;
use crate::numbers::{TIPC_ADDR_ID, TIPC_ADDR_NAME, TIPC_ADDR_NAMESEQ, TIPC_CLUSTER_SCOPE};

/// A socket address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// Python's `(host, port)`.
    Inet(SocketAddrV4),
    /// Python's `(host, port, flowinfo, scope_id)`.
    Inet6(SocketAddrV6),
    /// A Unix address.
    Unix(UnixAddress),
    /// Python's `(pid, groups)`.
    Netlink(NetlinkAddress),
    /// Python's `(CID, port)`.
    Vsock(VsockAddress),
    /// Python's `(ifname, proto[, pkttype[, hatype[, addr]]])`.
    Packet(PacketAddress),
    /// Python's `(interface, )`, or `(interface, rx_addr, tx_addr)` for ISO-TP.
    Can(CanAddress),
    /// Python's `(addr_type, v1, v2, v3[, scope])`.
    Tipc(TipcAddress),
    /// Python's `(bdaddr, psm)`, `(bdaddr, channel)`, `(device_id,)` or bdaddr.
    Bluetooth(BluetoothAddress),
    /// Python's `(type, name[, feat[, mask]])`.
    Alg(AlgAddress),
    /// Python's `(host, port)`, on a socket of `AF_RDS`.
    Rds(SocketAddrV4),
    /// A kernel control of macOS.
    SystemControl(SystemControlAddress),
    /// A link-level address of macOS and the BSDs.
    Link(LinkAddress),
}

/// A Unix address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnixAddress {
    /// A socket that is not bound.
    Unnamed,
    /// A path, in the file system's encoding.
    Pathname(Vec<u8>),
    /// A name in the abstract namespace, without the leading NUL.
    Abstract(Vec<u8>),
}

/// What `bind`, `connect` and `sendto` take for an address:
///
/// - `(host, port)`; the host an address as text, a name that the host grants,
///   `""` for every interface, or `"<broadcast>"`
/// - `(host, port, flowinfo, scope_id)` for IPv6
/// - a path, or with a leading NUL an abstract name, for Unix sockets
/// - `std`'s socket addresses, and [`Address`]
pub trait ToAddress {
    /// The address, for a socket of `family`.
    ///
    /// # Errors
    /// Where the host is an address of another family, or a name that cannot be
    /// looked up.
    fn to_address(&self, family: AddressFamily) -> Result<Address>;
}

impl ToAddress for (&str, u16) {
    fn to_address(&self, family: AddressFamily) -> Result<Address> {
        (self.0, self.1, 0, 0).to_address(family)
    }
}

impl ToAddress for (&str, u16, u32, u32) {
    fn to_address(&self, family: AddressFamily) -> Result<Address> {
        let (host, port, flowinfo, scope_id) = *self;
        if family == AF_PACKET {
            return (host, port, 0, 0, &[][..]).to_address(family);
        }
        let ip = match (host, family) {
            ("", AF_INET6) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            ("", _) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            ("<broadcast>", AF_INET) => IpAddr::V4(Ipv4Addr::BROADCAST),
            _ => match host.parse() {
                Ok(ip) => ip,
                Err(_name) => return look_up(host, port, family),
            },
        };
        match (ip, family) {
            (IpAddr::V6(ip), AF_INET6) => {
                let address = SocketAddrV6::new(ip, port, flowinfo, scope_id);
                Ok(Address::Inet6(address))
            }
            (IpAddr::V4(ip), AF_INET) => Ok(Address::Inet(SocketAddrV4::new(ip, port))),
            (IpAddr::V4(ip), AF_RDS) => Ok(Address::Rds(SocketAddrV4::new(ip, port))),
            _ => {
                let message = format!("`{host}` is not an address of the socket's family");
                Err(Error::invalid("address", message))
            }
        }
    }
}

/// Netlink's `(pid, groups)`, and vsock's `(CID, port)`.
impl ToAddress for (u32, u32) {
    fn to_address(&self, family: AddressFamily) -> Result<Address> {
        match (*self, family) {
            ((port_id, groups), AF_NETLINK) => {
                Ok(Address::Netlink(NetlinkAddress { port_id, groups }))
            }
            ((cid, port), AF_VSOCK) => Ok(Address::Vsock(VsockAddress { cid, port })),
            _ => Err(wrong_form("two numbers", "netlink and vsock")),
        }
    }
}

/// `AF_PACKET`'s `(ifname, proto, pkttype, hatype, addr)`.
impl ToAddress for (&str, u16, u8, u16, &[u8]) {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        let (interface, protocol, packet_type, hardware_type, hardware_address) = *self;
        Ok(Address::Packet(PacketAddress {
            interface: interface.to_owned(),
            protocol,
            hardware_type,
            packet_type,
            hardware_address: hardware_address.to_vec(),
        }))
    }
}

/// `AF_CAN`'s `(interface,)`.
impl ToAddress for (&str,) {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        Ok(Address::Can(CanAddress {
            interface: self.0.to_owned(),
            protocol_address: CanProtocolAddress::None,
        }))
    }
}

/// ISO-TP's `(interface, rx_addr, tx_addr)`.
impl ToAddress for (&str, u32, u32) {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        let (interface, receive_id, transmit_id) = *self;
        Ok(Address::Can(CanAddress {
            interface: interface.to_owned(),
            protocol_address: CanProtocolAddress::Isotp(CanTransportAddress {
                receive_id,
                transmit_id,
            }),
        }))
    }
}

/// `AF_TIPC`'s `(addr_type, v1, v2, v3, scope)`.
impl ToAddress for (i32, u32, u32, u32, i8) {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        let (form, v1, v2, v3, scope) = *self;
        let target = match form {
            TIPC_ADDR_NAMESEQ => TipcTarget::NameSequence(TipcNameSequence {
                service_type: v1,
                lower: v2,
                upper: v3,
            }),
            TIPC_ADDR_NAME => TipcTarget::Name(TipcName {
                service_type: v1,
                instance: v2,
                domain: v3,
            }),
            TIPC_ADDR_ID => TipcTarget::Id(TipcSocketId {
                node: v1,
                reference: v2,
            }),
            _ => {
                let message = format!("`{form}` is no TIPC_ADDR_*");
                return Err(Error::invalid("address", message));
            }
        };
        Ok(Address::Tipc(TipcAddress { target, scope }))
    }
}

/// `AF_TIPC`'s `(addr_type, v1, v2, v3)`, in the scope of the cluster.
impl ToAddress for (i32, u32, u32, u32) {
    fn to_address(&self, family: AddressFamily) -> Result<Address> {
        let (form, v1, v2, v3) = *self;
        (form, v1, v2, v3, TIPC_CLUSTER_SCOPE as i8).to_address(family)
    }
}

/// `AF_ALG`'s `(type, name, feat, mask)`.
impl ToAddress for (&str, &str, u32, u32) {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        let (algorithm_type, name, feature, mask) = *self;
        Ok(Address::Alg(AlgAddress {
            algorithm_type: algorithm_type.to_owned(),
            name: name.to_owned(),
            feature,
            mask,
        }))
    }
}

impl ToAddress for (String, u16) {
    fn to_address(&self, family: AddressFamily) -> Result<Address> {
        (self.0.as_str(), self.1).to_address(family)
    }
}

impl ToAddress for str {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        Ok(Address::Unix(UnixAddress::from_bytes(self.as_bytes())))
    }
}

impl ToAddress for [u8] {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        Ok(Address::Unix(UnixAddress::from_bytes(self)))
    }
}

impl ToAddress for SocketAddr {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        Ok(Address::from(*self))
    }
}

impl ToAddress for Address {
    fn to_address(&self, _family: AddressFamily) -> Result<Address> {
        Ok(self.clone())
    }
}

impl<T: ToAddress + ?Sized> ToAddress for &T {
    fn to_address(&self, family: AddressFamily) -> Result<Address> {
        (**self).to_address(family)
    }
}

impl Address {
    /// The address as an internet address.
    pub fn to_socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some((*address).into()),
            Self::Inet6(address) => Some((*address).into()),
            _ => None,
        }
    }

    /// The port of an internet address.
    pub fn port(&self) -> Option<u16> {
        self.to_socket_addr().map(|address| address.port())
    }

    /// The family that the address belongs to.
    /// Linux has none for those of macOS.
    pub fn family(&self) -> Option<AddressFamily> {
        Some(match self {
            Self::Inet(_) => AF_INET,
            Self::Inet6(_) => AF_INET6,
            Self::Unix(_) => AF_UNIX,
            Self::Netlink(_) => AF_NETLINK,
            Self::Vsock(_) => AF_VSOCK,
            Self::Packet(_) => AF_PACKET,
            Self::Can(_) => AF_CAN,
            Self::Tipc(_) => AF_TIPC,
            Self::Bluetooth(_) => AF_BLUETOOTH,
            Self::Alg(_) => AF_ALG,
            Self::Rds(_) => AF_RDS,
            Self::SystemControl(_) | Self::Link(_) => return None,
        })
    }

    pub(crate) fn to_wit(&self) -> wit::Address {
        match self {
            Self::Inet(address) => wit::Address::Inet(wit_inet(*address)),
            Self::Inet6(address) => {
                let [a, b, c, d, e, f, g, h] = address.ip().segments();
                wit::Address::Inet6(wit::Inet6Address {
                    address: (a, b, c, d, e, f, g, h),
                    port: address.port(),
                    flow_info: address.flowinfo(),
                    scope_id: address.scope_id(),
                })
            }
            Self::Unix(address) => wit::Address::Unix(match address {
                UnixAddress::Unnamed => wit::UnixAddress::Unnamed,
                UnixAddress::Pathname(path) => wit::UnixAddress::Pathname(bounded(path)),
                UnixAddress::Abstract(name) => wit::UnixAddress::Abstract(bounded(name)),
            }),
            Self::Netlink(address) => wit::Address::Netlink(*address),
            Self::Vsock(address) => wit::Address::Vsock(*address),
            Self::Packet(address) => wit::Address::Packet(address.clone()),
            Self::Can(address) => wit::Address::Can(address.clone()),
            Self::Tipc(address) => wit::Address::Tipc(*address),
            Self::Bluetooth(address) => wit::Address::Bluetooth(*address),
            Self::Alg(address) => wit::Address::Alg(address.clone()),
            Self::Rds(address) => wit::Address::Rds(wit_inet(*address)),
            Self::SystemControl(address) => wit::Address::SystemControl(*address),
            Self::Link(address) => wit::Address::Link(address.clone()),
        }
    }
}

/// As much of a name as is needed to see that it is too long: a call may hand
/// over only so much, and `sun_path` has 108 bytes.
fn bounded(name: &[u8]) -> Vec<u8> {
    const TOO_LONG: usize = 128;
    name[..name.len().min(TOO_LONG)].to_vec()
}

impl UnixAddress {
    /// As Python writes them: a leading NUL makes it abstract, nothing is
    /// unnamed.
    fn from_bytes(name: &[u8]) -> Self {
        match name {
            [] => Self::Unnamed,
            [0, name @ ..] => Self::Abstract(name.to_vec()),
            path => Self::Pathname(path.to_vec()),
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

impl From<wit::Address> for Address {
    fn from(address: wit::Address) -> Self {
        match address {
            wit::Address::Inet(inet) => Self::Inet(std_inet(inet)),
            wit::Address::Inet6(inet) => {
                let (a, b, c, d, e, f, g, h) = inet.address;
                let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                Self::Inet6(SocketAddrV6::new(
                    ip,
                    inet.port,
                    inet.flow_info,
                    inet.scope_id,
                ))
            }
            wit::Address::Unix(address) => Self::Unix(match address {
                wit::UnixAddress::Unnamed => UnixAddress::Unnamed,
                wit::UnixAddress::Pathname(path) => UnixAddress::Pathname(path),
                wit::UnixAddress::Abstract(name) => UnixAddress::Abstract(name),
            }),
            wit::Address::Netlink(address) => Self::Netlink(address),
            wit::Address::Vsock(address) => Self::Vsock(address),
            wit::Address::Packet(address) => Self::Packet(address),
            wit::Address::Can(address) => Self::Can(address),
            wit::Address::Tipc(address) => Self::Tipc(address),
            wit::Address::Bluetooth(address) => Self::Bluetooth(address),
            wit::Address::Alg(address) => Self::Alg(address),
            wit::Address::Rds(inet) => Self::Rds(std_inet(inet)),
            wit::Address::SystemControl(address) => Self::SystemControl(address),
            wit::Address::Link(address) => Self::Link(address),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Inet6(address) => address.fmt(f),
            Self::Unix(UnixAddress::Unnamed) => f.write_str("unnamed"),
            Self::Unix(UnixAddress::Pathname(path)) => path.escape_ascii().fmt(f),
            Self::Unix(UnixAddress::Abstract(name)) => write!(f, "\\0{}", name.escape_ascii()),
            Self::Netlink(address) => write!(f, "({}, {})", address.port_id, address.groups),
            Self::Vsock(address) => write!(f, "({}, {})", address.cid, address.port),
            Self::Packet(address) => {
                write!(f, "({}, {:#06x})", address.interface, address.protocol)
            }
            Self::Can(address) => write!(f, "({},)", address.interface),
            Self::Tipc(address) => write!(f, "{:?}", address.target),
            Self::Bluetooth(address) => write!(f, "{address:?}"),
            Self::Alg(address) => write!(f, "({}, {})", address.algorithm_type, address.name),
            Self::Rds(address) => address.fmt(f),
            Self::SystemControl(address) => write!(f, "({}, {})", address.id, address.unit),
            Self::Link(address) => f.write_str(&address.interface_name),
        }
    }
}

fn wit_inet(address: SocketAddrV4) -> wit::InetAddress {
    let [a, b, c, d] = address.ip().octets();
    wit::InetAddress {
        address: (a, b, c, d),
        port: address.port(),
    }
}

fn std_inet(inet: wit::InetAddress) -> SocketAddrV4 {
    let (a, b, c, d) = inet.address;
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), inet.port)
}

fn wrong_form(form: &str, families: &str) -> Error {
    let message = format!("{form} are an address of {families} only");
    Error::invalid("address", message)
}

/// The first address of a name, as Python has it.
fn look_up(host: &str, port: u16, family: AddressFamily) -> Result<Address> {
    let found = getaddrinfo(host, port, family, SOCK_DGRAM, 0, 0)?;
    let first = found.into_iter().next().map(|info| info.sockaddr);
    first.ok_or(Error::lookup("getaddrinfo", Some(host), NameError::NoName))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_for_the_family_of_the_socket() {
        for (host, family, expected) in [
            ("", AF_INET, Some("0.0.0.0:7")),
            ("<broadcast>", AF_INET, Some("255.255.255.255:7")),
            ("127.0.0.1", AF_INET, Some("127.0.0.1:7")),
            ("::1", AF_INET, None),
            ("", AF_INET6, Some("[::]:7")),
            ("::1", AF_INET6, Some("[::1]:7")),
            ("127.0.0.1", AF_INET6, None),
        ] {
            let address = (host, 7).to_address(family).ok();
            assert_eq!(
                address.map(|address| address.to_string()).as_deref(),
                expected,
                "{host}"
            );
        }
    }

    #[test]
    fn a_leading_nul_makes_a_unix_name_abstract() {
        let unix = |name: &str| name.to_address(AF_UNIX).expect("any name will do");
        assert_eq!(
            unix("\0a"),
            Address::Unix(UnixAddress::Abstract(b"a".to_vec()))
        );
        assert_eq!(
            unix("/a"),
            Address::Unix(UnixAddress::Pathname(b"/a".to_vec()))
        );
        assert_eq!(unix(""), Address::Unix(UnixAddress::Unnamed));
    }
}
