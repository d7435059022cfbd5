//! The types of the exported interfaces, as Rust's and the policy's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

use capsock_policy::{AddressFamily, Errno, SocketType, for_each_errno};

use crate::bindings::exports::capsock::sockets::names::{HostError, NameError as WitNameError};
use crate::bindings::exports::capsock::sockets::socket::{
    ReceiveFlags, SendFlags, ShutdownType, Timeout as WitTimeout,
};
use crate::bindings::exports::capsock::sockets::types::{
    Address, AddressFamily as WitFamily, ErrorCode, Inet6Address, InetAddress,
    SocketType as WitType,
};
use crate::names::NameError;
use crate::socket::{Receive, Shutdown, Transmit};
use crate::wait::Timeout;

macro_rules! errors {
    ($($variant:ident $posix:ident $message:literal,)*) => {
        impl From<Errno> for ErrorCode {
            fn from(errno: Errno) -> Self {
                match errno {
                    $(Errno::$variant => Self::$variant,)*
                    Errno::DeadlineExceeded => Self::DeadlineExceeded,
                    Errno::Other => Self::Other,
                }
            }
        }
    };
}
for_each_errno!(errors);

macro_rules! same {
    ($from:ty, $to:ident { $($variant:ident)* }) => {
        impl From<$from> for $to {
            fn from(one: $from) -> Self {
                match one {
                    $(<$from>::$variant => Self::$variant,)*
                }
            }
        }
    };
}
same!(WitFamily, AddressFamily {
    Inet Inet6 Unix Netlink Vsock Packet Can Tipc Bluetooth Alg Rds System Link
});
same!(WitType, SocketType { Stream Datagram Raw Rdm Seqpacket });
same!(SocketType, WitType { Stream Datagram Raw Rdm Seqpacket });
same!(ShutdownType, Shutdown { Receive Send Both });
same!(NameError, WitNameError {
    AddressFamily Again BadFlags Fail Family NoData NoName Service SocketType AccessDenied
});

impl From<NameError> for HostError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::NoName => Self::HostNotFound,
            NameError::Again => Self::TryAgain,
            NameError::NoData | NameError::AddressFamily => Self::NoData,
            NameError::AccessDenied => Self::AccessDenied,
            NameError::BadFlags
            | NameError::Fail
            | NameError::Family
            | NameError::Service
            | NameError::SocketType => Self::NoRecovery,
        }
    }
}

impl From<WitTimeout> for Timeout {
    fn from(timeout: WitTimeout) -> Self {
        match timeout {
            WitTimeout::Blocking => Self::Blocking,
            WitTimeout::NonBlocking => Self::NonBlocking,
            WitTimeout::After(time) => Self::After(Duration::from_nanos(time)),
        }
    }
}

impl From<Timeout> for WitTimeout {
    fn from(timeout: Timeout) -> Self {
        match timeout {
            Timeout::Blocking => Self::Blocking,
            Timeout::NonBlocking => Self::NonBlocking,
            Timeout::After(time) => Self::After(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

impl From<ReceiveFlags> for Receive {
    fn from(flags: ReceiveFlags) -> Self {
        Self {
            out_of_band: flags.contains(ReceiveFlags::OUT_OF_BAND),
            peek: flags.contains(ReceiveFlags::PEEK),
            wait_all: flags.contains(ReceiveFlags::WAIT_ALL),
            dont_wait: flags.contains(ReceiveFlags::DONT_WAIT),
            error_queue: flags.contains(ReceiveFlags::ERROR_QUEUE),
            truncate: flags.contains(ReceiveFlags::TRUNCATE),
        }
    }
}

impl From<SendFlags> for Transmit {
    fn from(flags: SendFlags) -> Self {
        Self {
            out_of_band: flags.contains(SendFlags::OUT_OF_BAND),
            dont_route: flags.contains(SendFlags::DONT_ROUTE),
            dont_wait: flags.contains(SendFlags::DONT_WAIT),
            more: flags.contains(SendFlags::MORE),
            fast_open: flags.contains(SendFlags::FAST_OPEN),
        }
    }
}

/// An address of the guest's.
///
/// # Errors
/// Those of a socket of WASI's for an address of another family.
pub(crate) fn endpoint(address: Address) -> Result<SocketAddr, Errno> {
    match address {
        Address::Inet(InetAddress { address, port }) => {
            let (a, b, c, d) = address;
            Ok(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into())
        }
        Address::Inet6(Inet6Address {
            address: (a, b, c, d, e, f, g, h),
            port,
            flow_info,
            scope_id,
        }) => {
            let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
            Ok(SocketAddrV6::new(ip, port, flow_info, scope_id).into())
        }
        Address::SystemControl(_) | Address::Link(_) => Err(Errno::NotSupported),
        _ => Err(Errno::AddressFamilyNotSupported),
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::Inet(InetAddress {
                address: address.ip().octets().into(),
                port: address.port(),
            }),
            SocketAddr::V6(address) => Self::Inet6(Inet6Address {
                address: address.ip().segments().into(),
                port: address.port(),
                flow_info: address.flowinfo(),
                scope_id: address.scope_id(),
            }),
        }
    }
}

/// The family of an address.
pub(crate) fn family(ip: IpAddr) -> WitFamily {
    match ip {
        IpAddr::V4(_) => WitFamily::Inet,
        IpAddr::V6(_) => WitFamily::Inet6,
    }
}
