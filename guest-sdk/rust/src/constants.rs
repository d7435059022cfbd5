//! The constants of Python's `socket` module, with Linux's numbers on every
//! host.

use std::ops::{BitOr, BitOrAssign};

use crate::bindings::{socket, types};

/// An address family: `AF_INET` and its like.
///
/// Source: address_families(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressFamily(i32);

/// A socket type: `SOCK_STREAM` and its like.
///
/// Source: socket(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketKind(i32);

/// Flags of a new socket, joined with its type by `|`: `SOCK_STREAM |
/// SOCK_NONBLOCK`.
///
/// Source: socket(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketFlags(i32);

/// Flags of one call: `MSG_PEEK` and its like, joined with `|`.
///
/// Source: send(2), recv(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MsgFlag(i32);

/// Which half of a connection `shutdown` ends.
///
/// Source: shutdown(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shutdown(i32);

macro_rules! constants {
    ($($name:ident: $type:ident = $number:literal, $doc:literal;)*) => {
        $(
            #[doc = $doc]
            pub const $name: $type = $type($number);
        )*

        /// Their names and numbers, for tests and for other languages' SDKs.
        #[doc(hidden)]
        pub const TYPED_CONSTANTS: &[(&str, i64)] = &[$((stringify!($name), $number),)*];
    };
}

constants! {
    AF_ALG: AddressFamily = 38, "The kernel's cryptography.";
    AF_APPLETALK: AddressFamily = 5, "A family of Linux that no version of the interface has: address_families(7).";
    AF_ASH: AddressFamily = 18, "A family of Linux that no version of the interface has: address_families(7).";
    AF_ATMPVC: AddressFamily = 8, "A family of Linux that no version of the interface has: address_families(7).";
    AF_ATMSVC: AddressFamily = 20, "A family of Linux that no version of the interface has: address_families(7).";
    AF_AX25: AddressFamily = 3, "A family of Linux that no version of the interface has: address_families(7).";
    AF_BLUETOOTH: AddressFamily = 31, "Bluetooth.";
    AF_BRIDGE: AddressFamily = 7, "A family of Linux that no version of the interface has: address_families(7).";
    AF_CAN: AddressFamily = 29, "Controller area network.";
    AF_ECONET: AddressFamily = 19, "A family of Linux that no version of the interface has: address_families(7).";
    AF_INET: AddressFamily = 2, "IPv4: ip(7).";
    AF_INET6: AddressFamily = 10, "IPv6: ipv6(7).";
    AF_IPX: AddressFamily = 4, "A family of Linux that no version of the interface has: address_families(7).";
    AF_IRDA: AddressFamily = 23, "A family of Linux that no version of the interface has: address_families(7).";
    AF_KEY: AddressFamily = 15, "A family of Linux that no version of the interface has: address_families(7).";
    AF_LLC: AddressFamily = 26, "A family of Linux that no version of the interface has: address_families(7).";
    AF_NETBEUI: AddressFamily = 13, "A family of Linux that no version of the interface has: address_families(7).";
    AF_NETLINK: AddressFamily = 16, "The kernel's interface to processes: netlink(7).";
    AF_NETROM: AddressFamily = 6, "A family of Linux that no version of the interface has: address_families(7).";
    AF_PACKET: AddressFamily = 17, "Frames at the device level: packet(7).";
    AF_PPPOX: AddressFamily = 24, "A family of Linux that no version of the interface has: address_families(7).";
    AF_QIPCRTR: AddressFamily = 42, "A family of Linux that no version of the interface has: address_families(7).";
    AF_RDS: AddressFamily = 21, "Reliable datagram sockets.";
    AF_ROSE: AddressFamily = 11, "A family of Linux that no version of the interface has: address_families(7).";
    AF_ROUTE: AddressFamily = 16, "A family of Linux that no version of the interface has: address_families(7).";
    AF_SECURITY: AddressFamily = 14, "A family of Linux that no version of the interface has: address_families(7).";
    AF_SNA: AddressFamily = 22, "A family of Linux that no version of the interface has: address_families(7).";
    AF_TIPC: AddressFamily = 30, "Cluster communication.";
    AF_UNIX: AddressFamily = 1, "Between processes of one machine: unix(7).";
    AF_UNSPEC: AddressFamily = 0, "Any family, where names are resolved.";
    AF_VSOCK: AddressFamily = 40, "Between a virtual machine and its host: vsock(7).";
    AF_WANPIPE: AddressFamily = 25, "A family of Linux that no version of the interface has: address_families(7).";
    AF_X25: AddressFamily = 9, "A family of Linux that no version of the interface has: address_families(7).";

    SOCK_DGRAM: SocketKind = 2, "Messages that may be lost or reordered.";
    SOCK_RAW: SocketKind = 3, "The network protocol itself: raw(7).";
    SOCK_RDM: SocketKind = 4, "Reliable messages, in any order.";
    SOCK_SEQPACKET: SocketKind = 5, "Reliable messages, in order.";
    SOCK_STREAM: SocketKind = 1, "A reliable stream of bytes, in order.";

    SOCK_CLOEXEC: SocketFlags = 0x80000, "Close-on-exec; a host's sockets always are.";
    SOCK_NONBLOCK: SocketFlags = 0x800, "The socket does not wait: as after `setblocking(false)`.";

    MSG_OOB: MsgFlag = 0x1, "Urgent data.";
    MSG_PEEK: MsgFlag = 0x2, "Leave the data in the queue.";
    MSG_DONTROUTE: MsgFlag = 0x4, "Only to hosts on a directly connected network.";
    MSG_CTRUNC: MsgFlag = 0x8, "Ancillary data was cut.";
    MSG_TRUNC: MsgFlag = 0x20, "A datagram was cut.";
    MSG_DONTWAIT: MsgFlag = 0x40, "This one call does not wait.";
    MSG_EOR: MsgFlag = 0x80, "End a record.";
    MSG_WAITALL: MsgFlag = 0x100, "Return less than asked for only at the end or on an error.";
    MSG_CONFIRM: MsgFlag = 0x800, "The peer has answered.";
    MSG_ERRQUEUE: MsgFlag = 0x2000, "Receive from the error queue.";
    MSG_NOSIGNAL: MsgFlag = 0x4000, "No SIGPIPE; guests never get one.";
    MSG_MORE: MsgFlag = 0x8000, "More data follows at once.";
    MSG_FASTOPEN: MsgFlag = 0x20000000, "Connect and send in one: TCP fast open.";
    MSG_CMSG_CLOEXEC: MsgFlag = 0x40000000, "Received descriptors are close-on-exec; a host's always are.";

    SHUT_RD: Shutdown = 0, "No more receiving.";
    SHUT_WR: Shutdown = 1, "No more sending; the peer reads the end of the stream.";
    SHUT_RDWR: Shutdown = 2, "Neither.";
}

impl AddressFamily {
    /// A family by its number, for other languages' SDKs.
    #[doc(hidden)]
    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// Linux's number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Those without a number on Linux are told as `AF_UNSPEC`.
    pub(crate) fn from_wit(family: types::AddressFamily) -> Self {
        use types::AddressFamily as Wit;
        match family {
            Wit::Inet => AF_INET,
            Wit::Inet6 => AF_INET6,
            Wit::Unix => AF_UNIX,
            Wit::Netlink => AF_NETLINK,
            Wit::Vsock => AF_VSOCK,
            Wit::Packet => AF_PACKET,
            Wit::Can => AF_CAN,
            Wit::Tipc => AF_TIPC,
            Wit::Bluetooth => AF_BLUETOOTH,
            Wit::Alg => AF_ALG,
            Wit::Rds => AF_RDS,
            Wit::System | Wit::Link => AF_UNSPEC,
        }
    }

    /// `None` for a family that the interface does not have.
    pub(crate) fn to_wit(self) -> Option<types::AddressFamily> {
        use types::AddressFamily as Wit;
        Some(match self {
            AF_INET => Wit::Inet,
            AF_INET6 => Wit::Inet6,
            AF_UNIX => Wit::Unix,
            AF_NETLINK => Wit::Netlink,
            AF_VSOCK => Wit::Vsock,
            AF_PACKET => Wit::Packet,
            AF_CAN => Wit::Can,
            AF_TIPC => Wit::Tipc,
            AF_BLUETOOTH => Wit::Bluetooth,
            AF_ALG => Wit::Alg,
            AF_RDS => Wit::Rds,
            _ => return None,
        })
    }
}

impl SocketKind {
    /// A type by its number, for other languages' SDKs; `None` for one that
    /// there is not.
    #[doc(hidden)]
    pub const fn from_number(number: i32) -> Option<Self> {
        match Self(number).without_flags().0 {
            1..=5 => Some(Self(number)),
            _ => None,
        }
    }

    /// Linux's number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The type alone, as a socket's `type` has it.
    pub const fn without_flags(self) -> Self {
        Self(self.0 & !(SOCK_CLOEXEC.0 | SOCK_NONBLOCK.0))
    }

    /// Whether the flag is joined to the type.
    pub const fn contains(self, flag: SocketFlags) -> bool {
        self.0 & flag.0 == flag.0
    }

    pub(crate) fn from_wit(kind: types::SocketType) -> Self {
        match kind {
            types::SocketType::Stream => SOCK_STREAM,
            types::SocketType::Datagram => SOCK_DGRAM,
            types::SocketType::Raw => SOCK_RAW,
            types::SocketType::Rdm => SOCK_RDM,
            types::SocketType::Seqpacket => SOCK_SEQPACKET,
        }
    }

    pub(crate) fn to_wit(self) -> types::SocketType {
        match self.without_flags() {
            SOCK_STREAM => types::SocketType::Stream,
            SOCK_DGRAM => types::SocketType::Datagram,
            SOCK_RAW => types::SocketType::Raw,
            SOCK_RDM => types::SocketType::Rdm,
            // The constants above are all the values there are.
            _ => types::SocketType::Seqpacket,
        }
    }
}

impl Shutdown {
    pub(crate) fn to_wit(self) -> socket::ShutdownType {
        match self {
            SHUT_RD => socket::ShutdownType::Receive,
            SHUT_WR => socket::ShutdownType::Send,
            _ => socket::ShutdownType::Both,
        }
    }
}

impl MsgFlag {
    /// Flags by their bits, for other languages' SDKs.
    #[doc(hidden)]
    pub const fn from_bits(bits: i32) -> Self {
        Self(bits)
    }

    /// The bits of the flags, for other languages' SDKs.
    #[doc(hidden)]
    pub const fn bits(self) -> i32 {
        self.0
    }

    /// No flag: what Python writes as 0.
    pub const NONE: Self = Self(0);

    /// Whether the flag is set.
    pub const fn contains(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// The flags that a receive knows; the kernel ignores the others as well.
    pub(crate) fn to_receive(self) -> socket::ReceiveFlags {
        use socket::ReceiveFlags as Wit;
        let mut flags = Wit::empty();
        flags.set(Wit::OUT_OF_BAND, self.contains(MSG_OOB));
        flags.set(Wit::PEEK, self.contains(MSG_PEEK));
        flags.set(Wit::WAIT_ALL, self.contains(MSG_WAITALL));
        flags.set(Wit::DONT_WAIT, self.contains(MSG_DONTWAIT));
        flags.set(Wit::ERROR_QUEUE, self.contains(MSG_ERRQUEUE));
        flags.set(Wit::TRUNCATE, self.contains(MSG_TRUNC));
        flags
    }

    /// The flags that a send knows; the kernel ignores the others as well.
    pub(crate) fn to_send(self) -> socket::SendFlags {
        use socket::SendFlags as Wit;
        let mut flags = Wit::empty();
        flags.set(Wit::OUT_OF_BAND, self.contains(MSG_OOB));
        flags.set(Wit::DONT_ROUTE, self.contains(MSG_DONTROUTE));
        flags.set(Wit::DONT_WAIT, self.contains(MSG_DONTWAIT));
        flags.set(Wit::END_OF_RECORD, self.contains(MSG_EOR));
        flags.set(Wit::MORE, self.contains(MSG_MORE));
        flags.set(Wit::CONFIRM, self.contains(MSG_CONFIRM));
        flags.set(Wit::FAST_OPEN, self.contains(MSG_FASTOPEN));
        flags
    }
}

impl SocketFlags {
    /// Linux's number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl BitOr for SocketFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr<SocketFlags> for SocketKind {
    type Output = Self;

    fn bitor(self, flags: SocketFlags) -> Self {
        Self(self.0 | flags.0)
    }
}

impl BitOr for MsgFlag {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for MsgFlag {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
