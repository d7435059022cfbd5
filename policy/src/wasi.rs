//! Which addresses `wasi:sockets` has, whatever is granted: for who serves it.

use std::net::{IpAddr, Ipv6Addr};

use crate::{AddressFamily, Errno, canonical_ip};

/// Checks that a socket of a family can have to do with an address: WASI has
/// neither sockets of two families nor IPv4 addresses within IPv6 ones.
///
/// # Errors
/// [`Errno::InvalidArgument`] where it cannot.
pub fn check_family(family: AddressFamily, ip: IpAddr) -> Result<(), Errno> {
    let fits = match (family, ip) {
        (AddressFamily::Inet, IpAddr::V4(_)) => true,
        (AddressFamily::Inet6, IpAddr::V6(ip)) => !canonical_ip(ip).is_ipv4(),
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(Errno::InvalidArgument),
    }
}

/// Checks that an address is one of TCP, which has one peer.
///
/// # Errors
/// [`Errno::InvalidArgument`] for multicast and broadcast.
pub fn check_unicast(ip: IpAddr) -> Result<(), Errno> {
    let many = match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    match many {
        true => Err(Errno::InvalidArgument),
        false => Ok(()),
    }
}

/// The address that a name of `wasi:sockets/ip-name-lookup` is, if it is one; it may
/// stand in brackets as in a URL.
pub fn numeric_host(name: &str) -> Option<IpAddr> {
    let bracketed = name.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
    match bracketed {
        Some(ip) => ip.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    }
}

/// Conversions of the addresses of `wasi:sockets`, which are alike in both its
/// versions, and which the generators of bindings make anew for each of them: from and
/// to those of the standard library, for the types of the module that is named.
#[doc(hidden)]
#[macro_export]
macro_rules! wasi_addresses {
    ($($module:tt)+) => {
        const _: () = {
            use $crate::AddressFamily;
            use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
            use $($module)+::{
                IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress,
                Ipv6SocketAddress,
            };

            impl From<IpAddressFamily> for AddressFamily {
                fn from(family: IpAddressFamily) -> Self {
                    match family {
                        IpAddressFamily::Ipv4 => Self::Inet,
                        IpAddressFamily::Ipv6 => Self::Inet6,
                    }
                }
            }

            impl From<AddressFamily> for IpAddressFamily {
                fn from(family: AddressFamily) -> Self {
                    match family {
                        AddressFamily::Inet6 => Self::Ipv6,
                        // WASI has no other.
                        _ => Self::Ipv4,
                    }
                }
            }

            impl From<IpAddress> for IpAddr {
                fn from(address: IpAddress) -> Self {
                    match address {
                        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
                        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
                            [a, b, c, d, e, f, g, h].into()
                        }
                    }
                }
            }

            impl From<IpAddr> for IpAddress {
                fn from(ip: IpAddr) -> Self {
                    match ip {
                        IpAddr::V4(ip) => Self::Ipv4(ip.octets().into()),
                        IpAddr::V6(ip) => Self::Ipv6(ip.segments().into()),
                    }
                }
            }

            impl From<IpSocketAddress> for SocketAddr {
                fn from(address: IpSocketAddress) -> Self {
                    match address {
                        IpSocketAddress::Ipv4(address) => {
                            let (a, b, c, d) = address.address;
                            SocketAddrV4::new([a, b, c, d].into(), address.port).into()
                        }
                        IpSocketAddress::Ipv6(address) => {
                            let (a, b, c, d, e, f, g, h) = address.address;
                            let ip = [a, b, c, d, e, f, g, h].into();
                            let (flow, scope) = (address.flow_info, address.scope_id);
                            SocketAddrV6::new(ip, address.port, flow, scope).into()
                        }
                    }
                }
            }

            impl From<SocketAddr> for IpSocketAddress {
                fn from(address: SocketAddr) -> Self {
                    match address {
                        SocketAddr::V4(address) => Self::Ipv4(Ipv4SocketAddress {
                            port: address.port(),
                            address: address.ip().octets().into(),
                        }),
                        SocketAddr::V6(address) => Self::Ipv6(Ipv6SocketAddress {
                            port: address.port(),
                            flow_info: address.flowinfo(),
                            address: address.ip().segments().into(),
                            scope_id: address.scope_id(),
                        }),
                    }
                }
            }
        };
    };
}
