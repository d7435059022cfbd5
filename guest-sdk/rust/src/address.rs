//! Addresses, in the forms that Python takes them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::bindings::names::NameError;
use crate::bindings::types as wit;
use crate::constants::{AF_INET, AF_INET6, AF_UNIX, AddressFamily, SOCK_DGRAM};
use crate::error::{Error, Result};
use crate::names::getaddrinfo;

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
    /// An address of a family that this version of the SDK cannot name.
    Other,
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
            _ => {
                let message = format!("`{host}` is not an address of the socket's family");
                Err(Error::invalid("address", message))
            }
        }
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
            Self::Unix(_) | Self::Other => None,
        }
    }

    /// The port of an internet address.
    pub fn port(&self) -> Option<u16> {
        self.to_socket_addr().map(|address| address.port())
    }

    /// The family that the address belongs to.
    pub fn family(&self) -> Option<AddressFamily> {
        match self {
            Self::Inet(_) => Some(AF_INET),
            Self::Inet6(_) => Some(AF_INET6),
            Self::Unix(_) => Some(AF_UNIX),
            Self::Other => None,
        }
    }

    pub(crate) fn to_wit(&self) -> Option<wit::Address> {
        Some(match self {
            Self::Inet(address) => {
                let [a, b, c, d] = address.ip().octets();
                wit::Address::Inet(wit::InetAddress {
                    address: (a, b, c, d),
                    port: address.port(),
                })
            }
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
                UnixAddress::Pathname(path) => wit::UnixAddress::Pathname(path.clone()),
                UnixAddress::Abstract(name) => wit::UnixAddress::Abstract(name.clone()),
            }),
            Self::Other => return None,
        })
    }
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
            wit::Address::Inet(inet) => {
                let (a, b, c, d) = inet.address;
                Self::Inet(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), inet.port))
            }
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
            _ => Self::Other,
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
            Self::Other => f.write_str("unknown address"),
        }
    }
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
