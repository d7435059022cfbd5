//! Between the generated types and the core's. Nothing is decided here.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use crate::bindings::{
    files as wit_files, inherited as wit_inherited, messages as wit_messages, names as wit_names,
    options as wit_options, poller as wit_poller, socket as wit_socket, types as wit,
};
use crate::errno::for_each_errno;
use crate::options::for_each_option;
use crate::os::message::{Message, MessageFlags, ReceivedControl, SentControl};
use crate::os::{Credentials, Event, Interest, SendFlags, Shutdown, Trigger};
use crate::resolve::{Answer, LookupFlags, NameError, NameFlags};
use crate::socket::{Inherited, Receive, SentFile, Timeout, Transmit};
use crate::{Address, AddressFamily, Errno, SocketType, UnixAddress};

macro_rules! errno_conversion {
    ($($variant:ident $posix:ident $message:literal,)*) => {
        impl From<Errno> for wit::ErrorCode {
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
for_each_errno!(errno_conversion);

macro_rules! option_conversions {
    ($($kind:ident { $($variant:ident $level:ident $name:ident,)* })*) => {$(
        impl From<wit_options::$kind> for crate::options::$kind {
            fn from(option: wit_options::$kind) -> Self {
                match option {
                    $(wit_options::$kind::$variant => Self::$variant,)*
                }
            }
        }
    )*};
}
for_each_option!(option_conversions);

impl From<Credentials> for wit_options::Credentials {
    fn from(credentials: Credentials) -> Self {
        let Credentials { pid, uid, gid } = credentials;
        Self { pid, uid, gid }
    }
}

impl From<wit::AddressFamily> for AddressFamily {
    fn from(family: wit::AddressFamily) -> Self {
        match family {
            wit::AddressFamily::Inet => Self::Inet,
            wit::AddressFamily::Inet6 => Self::Inet6,
            wit::AddressFamily::Unix => Self::Unix,
            wit::AddressFamily::Netlink => Self::Other("netlink"),
            wit::AddressFamily::Vsock => Self::Other("vsock"),
            wit::AddressFamily::Packet => Self::Other("packet"),
            wit::AddressFamily::Can => Self::Other("can"),
            wit::AddressFamily::Tipc => Self::Other("tipc"),
            wit::AddressFamily::Bluetooth => Self::Other("bluetooth"),
            wit::AddressFamily::Alg => Self::Other("alg"),
            wit::AddressFamily::Rds => Self::Other("rds"),
            wit::AddressFamily::System => Self::Other("system"),
            wit::AddressFamily::Link => Self::Other("link"),
        }
    }
}

impl From<wit::SocketType> for SocketType {
    fn from(kind: wit::SocketType) -> Self {
        match kind {
            wit::SocketType::Stream => Self::Stream,
            wit::SocketType::Datagram => Self::Datagram,
            wit::SocketType::Raw => Self::Raw,
            wit::SocketType::Rdm => Self::Rdm,
            wit::SocketType::Seqpacket => Self::Seqpacket,
        }
    }
}

impl From<SocketType> for wit::SocketType {
    fn from(kind: SocketType) -> Self {
        match kind {
            SocketType::Stream => Self::Stream,
            SocketType::Datagram => Self::Datagram,
            SocketType::Raw => Self::Raw,
            SocketType::Rdm => Self::Rdm,
            SocketType::Seqpacket => Self::Seqpacket,
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
                wit::UnixAddress::Pathname(path) => {
                    UnixAddress::Pathname(OsStr::from_bytes(&path).into())
                }
                wit::UnixAddress::Abstract(name) => UnixAddress::Abstract(name),
            }),
            wit::Address::Netlink(_) => Self::Other("netlink"),
            wit::Address::Vsock(_) => Self::Other("vsock"),
            wit::Address::Packet(_) => Self::Other("packet"),
            wit::Address::Can(_) => Self::Other("can"),
            wit::Address::Tipc(_) => Self::Other("tipc"),
            wit::Address::Bluetooth(_) => Self::Other("bluetooth"),
            wit::Address::Alg(_) => Self::Other("alg"),
            wit::Address::Rds(_) => Self::Other("rds"),
            wit::Address::SystemControl(_) => Self::Other("system"),
            wit::Address::Link(_) => Self::Other("link"),
        }
    }
}

impl TryFrom<Address> for wit::Address {
    type Error = Errno;

    fn try_from(address: Address) -> Result<Self, Errno> {
        Ok(match address {
            Address::Inet(inet) => SocketAddr::V4(inet).into(),
            Address::Inet6(inet) => SocketAddr::V6(inet).into(),
            Address::Unix(address) => Self::Unix(match address {
                UnixAddress::Unnamed => wit::UnixAddress::Unnamed,
                UnixAddress::Pathname(path) => {
                    wit::UnixAddress::Pathname(path.into_os_string().into_vec())
                }
                UnixAddress::Abstract(name) => wit::UnixAddress::Abstract(name),
            }),
            // No socket of such a family can be made.
            Address::Other(_) => return Err(Errno::AddressFamilyNotSupported),
        })
    }
}

impl From<SocketAddr> for wit::Address {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(inet) => {
                let [a, b, c, d] = inet.ip().octets();
                Self::Inet(wit::InetAddress {
                    address: (a, b, c, d),
                    port: inet.port(),
                })
            }
            SocketAddr::V6(inet) => {
                let [a, b, c, d, e, f, g, h] = inet.ip().segments();
                Self::Inet6(wit::Inet6Address {
                    address: (a, b, c, d, e, f, g, h),
                    port: inet.port(),
                    flow_info: inet.flowinfo(),
                    scope_id: inet.scope_id(),
                })
            }
        }
    }
}

impl From<wit_socket::Timeout> for Timeout {
    fn from(timeout: wit_socket::Timeout) -> Self {
        match timeout {
            wit_socket::Timeout::Blocking => Self::Blocking,
            wit_socket::Timeout::NonBlocking => Self::NonBlocking,
            wit_socket::Timeout::After(nanoseconds) => {
                Self::After(Duration::from_nanos(nanoseconds))
            }
        }
    }
}

impl From<Timeout> for wit_socket::Timeout {
    fn from(timeout: Timeout) -> Self {
        match timeout {
            Timeout::Blocking => Self::Blocking,
            Timeout::NonBlocking => Self::NonBlocking,
            Timeout::After(duration) => Self::After(nanoseconds(duration)),
        }
    }
}

impl From<wit_socket::ShutdownType> for Shutdown {
    fn from(how: wit_socket::ShutdownType) -> Self {
        match how {
            wit_socket::ShutdownType::Receive => Self::Read,
            wit_socket::ShutdownType::Send => Self::Write,
            wit_socket::ShutdownType::Both => Self::Both,
        }
    }
}

impl From<wit_socket::ReceiveFlags> for Receive {
    fn from(flags: wit_socket::ReceiveFlags) -> Self {
        use wit_socket::ReceiveFlags as Wit;
        Self {
            out_of_band: flags.contains(Wit::OUT_OF_BAND),
            peek: flags.contains(Wit::PEEK),
            wait_all: flags.contains(Wit::WAIT_ALL),
            dont_wait: flags.contains(Wit::DONT_WAIT),
        }
    }
}

impl From<wit_socket::SendFlags> for Transmit {
    fn from(flags: wit_socket::SendFlags) -> Self {
        use wit_socket::SendFlags as Wit;
        let mut os = SendFlags::empty();
        os.set(SendFlags::OOB, flags.contains(Wit::OUT_OF_BAND));
        os.set(SendFlags::DONTROUTE, flags.contains(Wit::DONT_ROUTE));
        os.set(SendFlags::EOR, flags.contains(Wit::END_OF_RECORD));
        os.set(SendFlags::MORE, flags.contains(Wit::MORE));
        os.set(SendFlags::CONFIRM, flags.contains(Wit::CONFIRM));
        Self {
            flags: os,
            dont_wait: flags.contains(Wit::DONT_WAIT),
        }
    }
}

impl From<wit_socket::Interest> for Interest {
    fn from(interest: wit_socket::Interest) -> Self {
        Self {
            readable: interest.contains(wit_socket::Interest::READABLE),
            writable: interest.contains(wit_socket::Interest::WRITABLE),
        }
    }
}

impl From<wit_options::Credentials> for Credentials {
    fn from(credentials: wit_options::Credentials) -> Self {
        let wit_options::Credentials { pid, uid, gid } = credentials;
        Self { pid, uid, gid }
    }
}

impl From<wit_messages::SentControl> for SentControl {
    fn from(control: wit_messages::SentControl) -> Self {
        use wit_messages::SentControl as Wit;
        match control {
            Wit::Credentials(credentials) => Self::Credentials(credentials.into()),
            Wit::TypeOfService(value) => Self::TypeOfService(value),
            Wit::TimeToLive(value) => Self::TimeToLive(value),
            Wit::Ipv6TrafficClass(value) => Self::Ipv6TrafficClass(value),
            Wit::Ipv6HopLimit(value) => Self::Ipv6HopLimit(value),
            Wit::UdpSegmentSize(value) => Self::UdpSegmentSize(value),
        }
    }
}

impl From<ReceivedControl> for wit_messages::ReceivedControl {
    fn from(control: ReceivedControl) -> Self {
        match control {
            ReceivedControl::Credentials(credentials) => Self::Credentials(credentials.into()),
            ReceivedControl::Timestamp {
                seconds,
                nanoseconds,
            } => Self::Timestamp(wit_messages::Arrival {
                seconds,
                nanoseconds,
            }),
            ReceivedControl::PacketInfo {
                interface_index,
                destination,
            } => {
                let [a, b, c, d] = destination.octets();
                Self::PacketInfo(wit_messages::PacketInfo {
                    interface_index,
                    destination: (a, b, c, d),
                })
            }
            ReceivedControl::TypeOfService(value) => Self::TypeOfService(value),
            ReceivedControl::TimeToLive(value) => Self::TimeToLive(value),
            ReceivedControl::Ipv6PacketInfo {
                interface_index,
                destination,
            } => {
                let [a, b, c, d, e, f, g, h] = destination.segments();
                let destination = (a, b, c, d, e, f, g, h);
                Self::Ipv6PacketInfo(wit_messages::Ipv6PacketInfo {
                    interface_index,
                    destination,
                })
            }
            ReceivedControl::Ipv6TrafficClass(value) => Self::Ipv6TrafficClass(value),
            ReceivedControl::Ipv6HopLimit(value) => Self::Ipv6HopLimit(value),
            ReceivedControl::UdpSegmentSize(value) => Self::UdpSegmentSize(value),
        }
    }
}

impl From<MessageFlags> for wit_messages::MessageFlags {
    fn from(flags: MessageFlags) -> Self {
        let mut wit = Self::empty();
        for (is, flag) in [
            (flags.end_of_record, Self::END_OF_RECORD),
            (flags.truncated, Self::TRUNCATED),
            (flags.control_truncated, Self::CONTROL_TRUNCATED),
            (flags.out_of_band, Self::OUT_OF_BAND),
        ] {
            if is {
                wit |= flag;
            }
        }
        wit
    }
}

impl TryFrom<Message> for wit_messages::Message {
    type Error = Errno;

    fn try_from(message: Message) -> Result<Self, Errno> {
        Ok(Self {
            data: message.data,
            control: message.control.into_iter().map(Into::into).collect(),
            flags: message.flags.into(),
            sender: message.sender.map(TryInto::try_into).transpose()?,
        })
    }
}

impl From<NameError> for wit_names::NameError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::AddressFamily => Self::AddressFamily,
            NameError::Again => Self::Again,
            NameError::BadFlags => Self::BadFlags,
            NameError::Fail => Self::Fail,
            NameError::Family => Self::Family,
            NameError::Memory => Self::Memory,
            NameError::NoData => Self::NoData,
            NameError::NoName => Self::NoName,
            NameError::Service => Self::Service,
            NameError::SocketType => Self::SocketType,
            NameError::System => Self::System,
            NameError::AccessDenied => Self::AccessDenied,
        }
    }
}

impl From<wit_names::LookupFlags> for LookupFlags {
    fn from(flags: wit_names::LookupFlags) -> Self {
        use wit_names::LookupFlags as Wit;
        Self {
            passive: flags.contains(Wit::PASSIVE),
            canonical_name: flags.contains(Wit::CANONICAL_NAME),
            numeric_host: flags.contains(Wit::NUMERIC_HOST),
            v4_mapped: flags.contains(Wit::V4_MAPPED),
            all: flags.contains(Wit::ALL),
            address_config: flags.contains(Wit::ADDRESS_CONFIG),
            numeric_service: flags.contains(Wit::NUMERIC_SERVICE),
        }
    }
}

impl From<wit_names::NameFlags> for NameFlags {
    fn from(flags: wit_names::NameFlags) -> Self {
        use wit_names::NameFlags as Wit;
        Self {
            numeric_host: flags.contains(Wit::NUMERIC_HOST),
            numeric_service: flags.contains(Wit::NUMERIC_SERVICE),
            no_domain: flags.contains(Wit::NO_DOMAIN),
            name_required: flags.contains(Wit::NAME_REQUIRED),
            datagram: flags.contains(Wit::DATAGRAM),
        }
    }
}

impl From<Answer> for wit_names::AddressInfo {
    fn from(answer: Answer) -> Self {
        let inet6 = answer.address.is_ipv6();
        Self {
            family: if inet6 {
                wit::AddressFamily::Inet6
            } else {
                wit::AddressFamily::Inet
            },
            type_: answer.kind.into(),
            protocol: answer.protocol,
            canonical_name: answer.canonical_name,
            address: answer.address.into(),
        }
    }
}

impl TryFrom<&Inherited> for wit_inherited::Listener {
    type Error = Errno;

    fn try_from(listener: &Inherited) -> Result<Self, Errno> {
        Ok(Self {
            name: listener.name.clone(),
            family: match listener.family {
                AddressFamily::Inet => wit::AddressFamily::Inet,
                AddressFamily::Inet6 => wit::AddressFamily::Inet6,
                AddressFamily::Unix => wit::AddressFamily::Unix,
                // No listener of such a family is taken.
                AddressFamily::Other(_) => return Err(Errno::AddressFamilyNotSupported),
            },
            type_: listener.kind.into(),
            protocol: listener.number,
        })
    }
}

impl From<SentFile> for wit_files::SentFile {
    fn from(sent: SentFile) -> Self {
        let SentFile { length, error } = sent;
        Self {
            length,
            error: error.map(Into::into),
        }
    }
}

impl From<wit_poller::Trigger> for Trigger {
    fn from(trigger: wit_poller::Trigger) -> Self {
        match trigger {
            wit_poller::Trigger::Level => Self::Level,
            wit_poller::Trigger::Edge => Self::Edge,
            wit_poller::Trigger::Oneshot => Self::Oneshot,
        }
    }
}

impl From<Event> for wit_poller::Event {
    fn from(event: Event) -> Self {
        let Event {
            key,
            readable,
            writable,
            priority,
            error,
            hang_up,
        } = event;
        Self {
            key,
            readable,
            writable,
            priority,
            error,
            hang_up,
        }
    }
}

/// A time as the WIT has it; 584 years are as good as more.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
