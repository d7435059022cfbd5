//! Between the generated types and the core's. Nothing is decided here.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use crate::bindings::{
    files as wit_files, inherited as wit_inherited, interfaces as wit_interfaces,
    messages as wit_messages, names as wit_names, options as wit_options, poller as wit_poller,
    signals as wit_signals, socket as wit_socket, types as wit,
};
use crate::error::SocketError;
use crate::imports::pipes::{PipeInput, PipeOutput};
use crate::lookup::{Answer, HostEntry, HostError, LookupFlags, NameError, NameFlags};
use crate::options::for_each_option;
use crate::os::interfaces::InterfaceAddress;
use crate::os::message::{ExtendedError, Message, MessageFlags, ReceivedControl, SentControl};
use crate::os::{Credentials, Event, Events, Interest, SendFlags, Shutdown};
use crate::policy::for_each_errno;
use crate::signals::{self, Signal};
use crate::socket::{
    Inherited, MulticastInterface, RawValue, Receive, SentFile, TakenDescriptor, TakenFile,
    TakenPipe, TakenSocket, Timeout, Transmit,
};
use crate::{
    Address, AddressFamily, AlgAddress, BluetoothAddress, BluetoothDevice, CanAddress,
    CanProtocolAddress, Errno, NetlinkAddress, PacketAddress, SocketType, TipcAddress, TipcTarget,
    UnixAddress, VsockAddress,
};

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

impl From<InterfaceAddress> for wit_interfaces::InterfaceAddress {
    fn from(item: InterfaceAddress) -> Self {
        // Those that interfaces have all have a form there.
        let address = |address: Option<Address>| address.and_then(|known| known.try_into().ok());
        Self {
            index: item.index,
            name: item.name,
            flags: interface_flags(item.flags),
            mtu: item.mtu,
            address: address(item.address),
            netmask: address(item.netmask),
            broadcast: address(item.broadcast),
            peer: address(item.peer),
        }
    }
}

/// Of what the kernel has, what the WIT has a name for.
fn interface_flags(bits: i32) -> wit_interfaces::InterfaceFlags {
    use wit_interfaces::InterfaceFlags as Flags;
    let mut flags = Flags::empty();
    for (bit, flag) in [
        (libc::IFF_UP, Flags::UP),
        (libc::IFF_BROADCAST, Flags::BROADCAST),
        (libc::IFF_DEBUG, Flags::DEBUG),
        (libc::IFF_LOOPBACK, Flags::LOOPBACK),
        (libc::IFF_POINTOPOINT, Flags::POINT_TO_POINT),
        (libc::IFF_NOTRAILERS, Flags::NO_TRAILERS),
        (libc::IFF_RUNNING, Flags::RUNNING),
        (libc::IFF_NOARP, Flags::NO_ARP),
        (libc::IFF_PROMISC, Flags::PROMISCUOUS),
        (libc::IFF_ALLMULTI, Flags::ALL_MULTICAST),
        (libc::IFF_MASTER, Flags::MASTER),
        (libc::IFF_SLAVE, Flags::SLAVE),
        (libc::IFF_MULTICAST, Flags::MULTICAST),
        (libc::IFF_PORTSEL, Flags::PORT_SELECTION),
        (libc::IFF_AUTOMEDIA, Flags::AUTOMATIC_MEDIA),
        (libc::IFF_DYNAMIC, Flags::DYNAMIC),
        (libc::IFF_LOWER_UP, Flags::LOWER_UP),
        (libc::IFF_DORMANT, Flags::DORMANT),
        (libc::IFF_ECHO, Flags::ECHO),
    ] {
        if bits & bit != 0 {
            flags |= flag;
        }
    }
    flags
}

impl From<wit::AddressFamily> for AddressFamily {
    fn from(family: wit::AddressFamily) -> Self {
        match family {
            wit::AddressFamily::Inet => Self::Inet,
            wit::AddressFamily::Inet6 => Self::Inet6,
            wit::AddressFamily::Unix => Self::Unix,
            wit::AddressFamily::Netlink => Self::Netlink,
            wit::AddressFamily::Vsock => Self::Vsock,
            wit::AddressFamily::Packet => Self::Packet,
            wit::AddressFamily::Can => Self::Can,
            wit::AddressFamily::Tipc => Self::Tipc,
            wit::AddressFamily::Bluetooth => Self::Bluetooth,
            wit::AddressFamily::Alg => Self::Alg,
            wit::AddressFamily::Rds => Self::Rds,
            wit::AddressFamily::System => Self::System,
            wit::AddressFamily::Link => Self::Link,
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

/// How many bytes of a name in an address are looked at: more than any can have,
/// so that what is cut is still too long, and refused.
const NAME: usize = 512;

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(NAME));
    text
}

fn cut_bytes(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(NAME);
    bytes
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
                    UnixAddress::Pathname(OsStr::from_bytes(&cut_bytes(path)).into())
                }
                wit::UnixAddress::Abstract(name) => UnixAddress::Abstract(cut_bytes(name)),
            }),
            wit::Address::Netlink(address) => {
                let wit::NetlinkAddress { port_id, groups } = address;
                Self::Netlink(NetlinkAddress { port_id, groups })
            }
            wit::Address::Vsock(wit::VsockAddress { cid, port }) => {
                Self::Vsock(VsockAddress { cid, port })
            }
            wit::Address::Packet(address) => Self::Packet(PacketAddress {
                interface: cut(address.interface),
                protocol: address.protocol,
                hardware_type: address.hardware_type,
                packet_type: address.packet_type,
                hardware_address: cut_bytes(address.hardware_address),
            }),
            wit::Address::Can(address) => Self::Can(CanAddress {
                interface: cut(address.interface),
                protocol: address.protocol_address.into(),
            }),
            wit::Address::Tipc(address) => Self::Tipc(TipcAddress {
                target: address.target.into(),
                scope: address.scope,
            }),
            wit::Address::Bluetooth(address) => Self::Bluetooth(address.into()),
            wit::Address::Alg(address) => Self::Alg(AlgAddress {
                algorithm_type: cut(address.algorithm_type),
                name: cut(address.name),
                feature: address.feature,
                mask: address.mask,
            }),
            wit::Address::Rds(inet) => {
                let (a, b, c, d) = inet.address;
                Self::Rds(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), inet.port))
            }
            wit::Address::SystemControl(_) => Self::SystemControl,
            wit::Address::Link(_) => Self::Link,
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
            Address::Netlink(NetlinkAddress { port_id, groups }) => {
                Self::Netlink(wit::NetlinkAddress { port_id, groups })
            }
            Address::Vsock(VsockAddress { cid, port }) => {
                Self::Vsock(wit::VsockAddress { cid, port })
            }
            Address::Packet(address) => Self::Packet(wit::PacketAddress {
                interface: address.interface,
                protocol: address.protocol,
                hardware_type: address.hardware_type,
                packet_type: address.packet_type,
                hardware_address: address.hardware_address,
            }),
            Address::Can(address) => Self::Can(wit::CanAddress {
                interface: address.interface,
                protocol_address: address.protocol.into(),
            }),
            Address::Tipc(address) => Self::Tipc(wit::TipcAddress {
                target: address.target.into(),
                scope: address.scope,
            }),
            Address::Bluetooth(address) => Self::Bluetooth(address.into()),
            Address::Alg(address) => Self::Alg(wit::AlgAddress {
                algorithm_type: address.algorithm_type,
                name: address.name,
                feature: address.feature,
                mask: address.mask,
            }),
            Address::Rds(address) => {
                let [a, b, c, d] = address.ip().octets();
                Self::Rds(wit::InetAddress {
                    address: (a, b, c, d),
                    port: address.port(),
                })
            }
            // No socket of such a family can be made.
            Address::SystemControl | Address::Link => return Err(Errno::NotSupported),
        })
    }
}

impl From<wit::CanProtocolAddress> for CanProtocolAddress {
    fn from(address: wit::CanProtocolAddress) -> Self {
        match address {
            wit::CanProtocolAddress::None => Self::None,
            wit::CanProtocolAddress::Isotp(ids) => Self::Isotp {
                receive_id: ids.receive_id,
                transmit_id: ids.transmit_id,
            },
            wit::CanProtocolAddress::J1939(address) => Self::J1939 {
                name: address.name,
                parameter_group_number: address.parameter_group_number,
                address: address.address,
            },
        }
    }
}

impl From<CanProtocolAddress> for wit::CanProtocolAddress {
    fn from(address: CanProtocolAddress) -> Self {
        match address {
            CanProtocolAddress::None => Self::None,
            CanProtocolAddress::Isotp {
                receive_id,
                transmit_id,
            } => Self::Isotp(wit::CanTransportAddress {
                receive_id,
                transmit_id,
            }),
            CanProtocolAddress::J1939 {
                name,
                parameter_group_number,
                address,
            } => Self::J1939(wit::CanJ1939Address {
                name,
                parameter_group_number,
                address,
            }),
        }
    }
}

impl From<wit::TipcTarget> for TipcTarget {
    fn from(target: wit::TipcTarget) -> Self {
        match target {
            wit::TipcTarget::Id(wit::TipcSocketId { reference, node }) => {
                Self::Id { reference, node }
            }
            wit::TipcTarget::Name(name) => Self::Name {
                service_type: name.service_type,
                instance: name.instance,
                domain: name.domain,
            },
            wit::TipcTarget::NameSequence(sequence) => Self::NameSequence {
                service_type: sequence.service_type,
                lower: sequence.lower,
                upper: sequence.upper,
            },
        }
    }
}

impl From<TipcTarget> for wit::TipcTarget {
    fn from(target: TipcTarget) -> Self {
        match target {
            TipcTarget::Id { reference, node } => Self::Id(wit::TipcSocketId { reference, node }),
            TipcTarget::Name {
                service_type,
                instance,
                domain,
            } => Self::Name(wit::TipcName {
                service_type,
                instance,
                domain,
            }),
            TipcTarget::NameSequence {
                service_type,
                lower,
                upper,
            } => Self::NameSequence(wit::TipcNameSequence {
                service_type,
                lower,
                upper,
            }),
        }
    }
}

impl From<wit::BluetoothAddress> for BluetoothAddress {
    fn from(address: wit::BluetoothAddress) -> Self {
        match address {
            wit::BluetoothAddress::L2cap(address) => Self::L2cap {
                device: BluetoothDevice(address.device.into()),
                psm: address.psm,
                cid: address.cid,
                device_type: address.device_type,
            },
            wit::BluetoothAddress::Rfcomm(address) => Self::Rfcomm {
                device: BluetoothDevice(address.device.into()),
                channel: address.channel,
            },
            wit::BluetoothAddress::Hci(address) => Self::Hci {
                device_id: address.device_id,
                channel: address.channel,
            },
            wit::BluetoothAddress::Sco(device) => Self::Sco(BluetoothDevice(device.into())),
        }
    }
}

impl From<BluetoothAddress> for wit::BluetoothAddress {
    fn from(address: BluetoothAddress) -> Self {
        match address {
            BluetoothAddress::L2cap {
                device,
                psm,
                cid,
                device_type,
            } => Self::L2cap(wit::BluetoothL2capAddress {
                device: device.0.into(),
                psm,
                cid,
                device_type,
            }),
            BluetoothAddress::Rfcomm { device, channel } => {
                Self::Rfcomm(wit::BluetoothRfcommAddress {
                    device: device.0.into(),
                    channel,
                })
            }
            BluetoothAddress::Hci { device_id, channel } => {
                Self::Hci(wit::BluetoothHciAddress { device_id, channel })
            }
            BluetoothAddress::Sco(device) => Self::Sco(device.0.into()),
        }
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
            error_queue: flags.contains(Wit::ERROR_QUEUE),
            truncate: flags.contains(Wit::TRUNCATE),
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
            fast_open: flags.contains(Wit::FAST_OPEN),
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

impl From<wit_options::IpAddress> for IpAddr {
    fn from(address: wit_options::IpAddress) -> Self {
        match address {
            wit_options::IpAddress::Ipv4(ip) => Self::V4(ipv4(ip)),
            wit_options::IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
                Self::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h))
            }
        }
    }
}

impl From<wit_options::MulticastInterface> for MulticastInterface {
    fn from(interface: wit_options::MulticastInterface) -> Self {
        match interface {
            wit_options::MulticastInterface::Index(index) => Self::Index(index),
            wit_options::MulticastInterface::Address(ip) => Self::Address(ipv4(ip)),
        }
    }
}

impl From<wit_options::RawValue> for RawValue {
    fn from(value: wit_options::RawValue) -> Self {
        match value {
            wit_options::RawValue::Bytes(bytes) => Self::Bytes(bytes),
            wit_options::RawValue::Null(length) => Self::Null(length),
        }
    }
}

fn ipv4((a, b, c, d): wit::Ipv4Address) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

impl From<wit_messages::SentControl> for SentControl<Address> {
    fn from(control: wit_messages::SentControl) -> Self {
        use wit_messages::SentControl as Wit;
        match control {
            Wit::Credentials(credentials) => Self::Credentials(credentials.into()),
            Wit::TypeOfService(value) => Self::TypeOfService(value),
            Wit::TimeToLive(value) => Self::TimeToLive(value),
            Wit::Ipv6TrafficClass(value) => Self::Ipv6TrafficClass(value),
            Wit::Ipv6HopLimit(value) => Self::Ipv6HopLimit(value),
            Wit::UdpSegmentSize(value) => Self::UdpSegmentSize(value),
            Wit::AlgorithmOperation(value) => Self::AlgorithmOperation(value),
            Wit::AlgorithmInitializationVector(vector) => {
                Self::AlgorithmInitializationVector(vector)
            }
            Wit::AlgorithmAssociatedLength(value) => Self::AlgorithmAssociatedLength(value),
            Wit::PacketInfo(packet) => {
                let (a, b, c, d) = packet.source;
                let ip = Ipv4Addr::new(a, b, c, d);
                let source = Address::Inet(SocketAddrV4::new(ip, 0));
                Self::PacketInfo {
                    interface_index: packet.interface_index,
                    source: (!ip.is_unspecified()).then_some(source),
                }
            }
            Wit::Ipv6PacketInfo(packet) => {
                let (a, b, c, d, e, f, g, h) = packet.source;
                let ip = Ipv6Addr::new(a, b, c, d, e, f, g, h);
                let source = Address::Inet6(SocketAddrV6::new(ip, 0, 0, 0));
                Self::Ipv6PacketInfo {
                    interface_index: packet.interface_index,
                    source: (!ip.is_unspecified()).then_some(source),
                }
            }
        }
    }
}

impl From<ExtendedError> for wit_messages::ExtendedError {
    fn from(error: ExtendedError) -> Self {
        Self {
            error: error.error.into(),
            origin: error.origin,
            type_: error.kind,
            code: error.code,
            info: error.info,
            data: error.data,
            offender: error.offender.map(Into::into),
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
            ReceivedControl::ExtendedError(error) => Self::ExtendedError(error.into()),
            ReceivedControl::Ipv6ExtendedError(error) => Self::Ipv6ExtendedError(error.into()),
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
            (flags.error_queue, Self::ERROR_QUEUE),
        ] {
            if is {
                wit |= flag;
            }
        }
        wit
    }
}

impl From<AddressFamily> for wit::AddressFamily {
    fn from(family: AddressFamily) -> Self {
        match family {
            AddressFamily::Inet => Self::Inet,
            AddressFamily::Inet6 => Self::Inet6,
            AddressFamily::Unix => Self::Unix,
            AddressFamily::Netlink => Self::Netlink,
            AddressFamily::Vsock => Self::Vsock,
            AddressFamily::Packet => Self::Packet,
            AddressFamily::Can => Self::Can,
            AddressFamily::Tipc => Self::Tipc,
            AddressFamily::Bluetooth => Self::Bluetooth,
            AddressFamily::Alg => Self::Alg,
            AddressFamily::Rds => Self::Rds,
            AddressFamily::System => Self::System,
            AddressFamily::Link => Self::Link,
        }
    }
}

impl wit_messages::ReceivedSocket {
    /// Puts the socket into the guest's table. What does not fit is closed.
    pub(crate) fn new(taken: TakenSocket, table: &mut ResourceTable) -> Result<Self, SocketError> {
        Ok(Self {
            family: taken.family.into(),
            type_: taken.kind.into(),
            protocol: taken.protocol,
            socket: table.push(taken.socket)?,
        })
    }
}

impl wit_messages::ReceivedDescriptor {
    /// Puts it into the guest's table. What does not fit is closed.
    fn new(taken: TakenDescriptor, table: &mut ResourceTable) -> Result<Self, SocketError> {
        Ok(match taken {
            TakenDescriptor::Socket(taken) => {
                Self::Socket(wit_messages::ReceivedSocket::new(taken, table)?)
            }
            TakenDescriptor::File(TakenFile { file, position }) => {
                Self::File(wit_messages::ReceivedFile {
                    file: table.push(file)?,
                    position,
                })
            }
            TakenDescriptor::Pipe(TakenPipe::Input(pipe)) => {
                let stream: DynInputStream = Box::new(PipeInput::new(pipe));
                Self::PipeInput(table.push(stream)?)
            }
            TakenDescriptor::Pipe(TakenPipe::Output(pipe)) => {
                let stream: DynOutputStream = Box::new(PipeOutput::new(pipe));
                Self::PipeOutput(table.push(stream)?)
            }
        })
    }
}

impl wit_messages::Message {
    /// Adds the descriptors that came along. Those that the table has no room for
    /// are closed, and that is told.
    pub(crate) fn with_descriptors(
        mut self,
        taken: Vec<TakenDescriptor>,
        table: &mut ResourceTable,
    ) -> Self {
        for taken in taken {
            match wit_messages::ReceivedDescriptor::new(taken, table) {
                Ok(descriptor) => self.descriptors.push(descriptor),
                Err(error) => {
                    tracing::debug!(?error, "a descriptor that a peer sent");
                    self.flags |= wit_messages::MessageFlags::CONTROL_TRUNCATED;
                }
            }
        }
        self
    }
}

impl TryFrom<Message> for wit_messages::Message {
    type Error = Errno;

    fn try_from(message: Message) -> Result<Self, Errno> {
        Ok(Self {
            data: message.data,
            length: u32::try_from(message.length).unwrap_or(u32::MAX),
            descriptors: Vec::new(),
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

impl From<HostError> for wit_names::HostError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::HostNotFound => Self::HostNotFound,
            HostError::TryAgain => Self::TryAgain,
            HostError::NoRecovery => Self::NoRecovery,
            HostError::NoData => Self::NoData,
            HostError::AccessDenied => Self::AccessDenied,
        }
    }
}

impl From<HostEntry> for wit_names::HostEntry {
    fn from(entry: HostEntry) -> Self {
        let addresses = entry.addresses.into_iter();
        Self {
            name: entry.name,
            aliases: entry.aliases,
            addresses: addresses.map(|ip| SocketAddr::new(ip, 0).into()).collect(),
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

impl From<&Inherited> for wit_inherited::Listener {
    fn from(listener: &Inherited) -> Self {
        Self {
            name: listener.name.clone(),
            family: listener.family.into(),
            type_: listener.kind.into(),
            protocol: listener.number,
        }
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

/// What epoll is told to wait for, and how.
pub(crate) fn events(interest: wit_poller::Readiness, trigger: wit_poller::Trigger) -> Events {
    let mut events = Events::empty();
    for (wit, flag) in READINESS {
        events.set(flag, interest.contains(wit));
    }
    events.set(Events::ET, trigger.contains(wit_poller::Trigger::EDGE));
    events.set(
        Events::ONESHOT,
        trigger.contains(wit_poller::Trigger::ONESHOT),
    );
    events
}

const READINESS: [(wit_poller::Readiness, Events); 6] = [
    (wit_poller::Readiness::READABLE, Events::IN),
    (wit_poller::Readiness::WRITABLE, Events::OUT),
    (wit_poller::Readiness::PRIORITY, Events::PRI),
    (wit_poller::Readiness::READ_HANG_UP, Events::RDHUP),
    (wit_poller::Readiness::ERROR, Events::ERR),
    (wit_poller::Readiness::HANG_UP, Events::HUP),
];

impl From<Event> for wit_poller::Event {
    fn from(Event { key, ready }: Event) -> Self {
        let mut told = wit_poller::Readiness::empty();
        for (wit, flag) in READINESS {
            if ready.contains(flag) {
                told |= wit;
            }
        }
        Self { key, ready: told }
    }
}

const SIGNALS: [(wit_signals::SignalSet, Signal); 6] = [
    (wit_signals::SignalSet::HANGUP, Signal::Hangup),
    (wit_signals::SignalSet::INTERRUPT, Signal::Interrupt),
    (wit_signals::SignalSet::USER1, Signal::User1),
    (wit_signals::SignalSet::USER2, Signal::User2),
    (wit_signals::SignalSet::TERMINATE, Signal::Terminate),
    (wit_signals::SignalSet::WINDOW_CHANGE, Signal::WindowChange),
];

impl From<wit_signals::SignalSet> for signals::Set {
    fn from(set: wit_signals::SignalSet) -> Self {
        let of_set = SIGNALS.iter().filter(|(wit, _)| set.contains(*wit));
        of_set.map(|(_, signal)| *signal).collect()
    }
}

impl From<signals::Set> for wit_signals::SignalSet {
    fn from(set: signals::Set) -> Self {
        let of_set = SIGNALS.iter().filter(|(_, signal)| set.contains(*signal));
        of_set.fold(Self::empty(), |all, (wit, _)| all | *wit)
    }
}

/// A time as the WIT has it; 584 years are as good as more.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
