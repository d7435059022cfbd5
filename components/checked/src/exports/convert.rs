//! The types of the exported `wasi:sockets/network`, and the host's of the same
//! names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::ErrorCode as Outer;
use crate::bindings::wasi::sockets0_2_12::network::IpAddressFamily as OuterFamily;

use super::bindings::exports::wasi::sockets0_2_12::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};

macro_rules! same {
    ($($name:ident)*) => {
        impl From<Outer> for ErrorCode {
            fn from(code: Outer) -> Self {
                match code {
                    $(Outer::$name => Self::$name,)*
                }
            }
        }
    };
}
same! {
    Unknown AccessDenied NotSupported InvalidArgument OutOfMemory Timeout ConcurrencyConflict
    NotInProgress WouldBlock InvalidState NewSocketLimit AddressNotBindable AddressInUse
    RemoteUnreachable ConnectionRefused ConnectionReset ConnectionAborted DatagramTooLarge
    NameUnresolvable TemporaryResolverFailure PermanentResolverFailure
}

impl From<IpAddressFamily> for OuterFamily {
    fn from(family: IpAddressFamily) -> Self {
        match family {
            IpAddressFamily::Ipv4 => Self::Ipv4,
            IpAddressFamily::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<OuterFamily> for IpAddressFamily {
    fn from(family: OuterFamily) -> Self {
        match family {
            OuterFamily::Ipv4 => Self::Ipv4,
            OuterFamily::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<IpSocketAddress> for SocketAddr {
    fn from(address: IpSocketAddress) -> Self {
        match address {
            IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port,
                address: (a, b, c, d),
            }) => SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into(),
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port,
                flow_info,
                address: (a, b, c, d, e, f, g, h),
                scope_id,
            }) => {
                let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                SocketAddrV6::new(ip, port, flow_info, scope_id).into()
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
