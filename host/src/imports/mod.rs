//! One adapter a WIT interface: look up, convert, delegate, convert.

/// Conversions of the addresses of `wasi:sockets`, which are alike in both its
/// versions, and which bindgen makes for each of them.
macro_rules! wasi_addresses {
    () => {
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
                        SocketAddrV6::new(ip, address.port, address.flow_info, address.scope_id)
                            .into()
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

        impl From<IpAddr> for IpAddress {
            fn from(ip: IpAddr) -> Self {
                match ip {
                    IpAddr::V4(ip) => Self::Ipv4(ip.octets().into()),
                    IpAddr::V6(ip) => Self::Ipv6(ip.segments().into()),
                }
            }
        }
    };
}
use wasi_addresses;

mod authority;
pub(crate) mod direct;
mod files;
mod inherited;
mod interfaces;
mod messages;
mod names;
mod options;
mod poller;
mod socket;
mod types;
pub(crate) mod wasi_p2;
mod wasi_p3;
