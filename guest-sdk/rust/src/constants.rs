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

        #[cfg(test)]
        mod tests {
            #[test]
            fn numbers_are_those_of_linux() {
                $(assert_eq!(super::$name.0, libc::$name, stringify!($name));)*
            }
        }
    };
}

constants! {
    AF_INET: AddressFamily = 2, "IPv4: ip(7).";
    AF_INET6: AddressFamily = 10, "IPv6: ipv6(7).";
    AF_UNIX: AddressFamily = 1, "Between processes of one machine: unix(7).";

    SOCK_STREAM: SocketKind = 1, "A reliable stream of bytes, in order.";
    SOCK_DGRAM: SocketKind = 2, "Messages that may be lost or reordered.";
    SOCK_SEQPACKET: SocketKind = 5, "Reliable messages, in order.";

    MSG_OOB: MsgFlag = 0x1, "Urgent data.";
    MSG_PEEK: MsgFlag = 0x2, "Leave the data in the queue.";
    MSG_DONTROUTE: MsgFlag = 0x4, "Only to hosts on a directly connected network.";
    MSG_DONTWAIT: MsgFlag = 0x40, "This one call does not wait.";
    MSG_EOR: MsgFlag = 0x80, "End a record.";
    MSG_WAITALL: MsgFlag = 0x100, "Return less than asked for only at the end or on an error.";
    MSG_CONFIRM: MsgFlag = 0x800, "The peer has answered.";
    MSG_NOSIGNAL: MsgFlag = 0x4000, "No SIGPIPE; guests never get one.";
    MSG_MORE: MsgFlag = 0x8000, "More data follows at once.";

    SHUT_RD: Shutdown = 0, "No more receiving.";
    SHUT_WR: Shutdown = 1, "No more sending; the peer reads the end of the stream.";
    SHUT_RDWR: Shutdown = 2, "Neither.";
}

/// The longest queue of a listener that Linux allows by default.
pub const SOMAXCONN: i32 = 4096;

impl AddressFamily {
    /// Linux's number.
    pub const fn number(self) -> i32 {
        self.0
    }

    pub(crate) fn to_wit(self) -> types::AddressFamily {
        match self {
            AF_INET => types::AddressFamily::Inet,
            AF_INET6 => types::AddressFamily::Inet6,
            // The constants above are all the values there are.
            _ => types::AddressFamily::Unix,
        }
    }
}

impl SocketKind {
    /// Linux's number.
    pub const fn number(self) -> i32 {
        self.0
    }

    pub(crate) fn to_wit(self) -> types::SocketType {
        match self {
            SOCK_STREAM => types::SocketType::Stream,
            SOCK_DGRAM => types::SocketType::Datagram,
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
    /// No flag: what Python writes as 0.
    pub const NONE: Self = Self(0);

    const fn contains(self, flag: Self) -> bool {
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
        flags
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
