//! Socket options by Linux's numbers, over the interface that names them.

use std::time::Duration;

use crate::bindings::options::{
    self as wit, DurationOption, FlagOption, NumberOption, RawValue, TextOption,
};
use crate::bindings::types::ErrorCode;
use crate::errno::Errno;
use crate::error::{Error, Result};
use crate::multicast::{self, GroupOption};
use crate::numbers::*;
use crate::socket::Socket;

/// An option that the interface has.
#[derive(Clone, Copy, Debug)]
enum SocketOption {
    Flag(FlagOption),
    Number(NumberOption),
    Duration(DurationOption),
    Text(TextOption),
    Group(GroupOption),
    Linger,
    Error,
    Type,
    Domain,
    Protocol,
    PeerCredentials,
    /// By number, which needs a grant.
    Raw,
}

macro_rules! table {
    ($($form:ident $kind:ident { $($variant:ident $level:ident $number:tt,)* })*) => {
        impl SocketOption {
            fn of(level: i32, number: i32) -> Self {
                $($(if (level, number) == ($level, $number) {
                    return Self::$form($kind::$variant);
                })*)*
                match (level, number) {
                    (SOL_SOCKET, SO_LINGER) => Self::Linger,
                    (SOL_SOCKET, SO_ERROR) => Self::Error,
                    (SOL_SOCKET, SO_TYPE) => Self::Type,
                    (SOL_SOCKET, SO_DOMAIN) => Self::Domain,
                    (SOL_SOCKET, SO_PROTOCOL) => Self::Protocol,
                    (SOL_SOCKET, SO_PEERCRED) => Self::PeerCredentials,
                    _ => GroupOption::of(level, number).map_or(Self::Raw, Self::Group),
                }
            }
        }
    };
}

table! {
    Flag FlagOption {
        ReuseAddress SOL_SOCKET SO_REUSEADDR,
        ReusePort SOL_SOCKET SO_REUSEPORT,
        Keepalive SOL_SOCKET SO_KEEPALIVE,
        Broadcast SOL_SOCKET SO_BROADCAST,
        DontRoute SOL_SOCKET SO_DONTROUTE,
        OutOfBandInline SOL_SOCKET SO_OOBINLINE,
        AcceptsConnections SOL_SOCKET SO_ACCEPTCONN,
        PassCredentials SOL_SOCKET SO_PASSCRED,
        Timestamp SOL_SOCKET 35, // SO_TIMESTAMPNS
        ZeroCopy SOL_SOCKET 60, // SO_ZEROCOPY
        NoDelay IPPROTO_TCP TCP_NODELAY,
        Cork IPPROTO_TCP TCP_CORK,
        QuickAck IPPROTO_TCP TCP_QUICKACK,
        FastOpenConnect IPPROTO_TCP TCP_FASTOPEN_CONNECT,
        MulticastLoop IPPROTO_IP IP_MULTICAST_LOOP,
        PacketInfo IPPROTO_IP IP_PKTINFO,
        ReceiveTypeOfService IPPROTO_IP IP_RECVTOS,
        ReceiveTimeToLive IPPROTO_IP IP_RECVTTL,
        ReceiveErrors IPPROTO_IP IP_RECVERR,
        BindAddressNoPort IPPROTO_IP IP_BIND_ADDRESS_NO_PORT,
        FreeBind IPPROTO_IP IP_FREEBIND,
        Transparent IPPROTO_IP IP_TRANSPARENT,
        Ipv6Only IPPROTO_IPV6 IPV6_V6ONLY,
        Ipv6MulticastLoop IPPROTO_IPV6 IPV6_MULTICAST_LOOP,
        Ipv6PacketInfo IPPROTO_IPV6 IPV6_RECVPKTINFO,
        Ipv6ReceiveTrafficClass IPPROTO_IPV6 IPV6_RECVTCLASS,
        Ipv6ReceiveHopLimit IPPROTO_IPV6 IPV6_RECVHOPLIMIT,
        Ipv6ReceiveErrors IPPROTO_IPV6 IPV6_RECVERR,
        UdpCork IPPROTO_UDP 1, // UDP_CORK
        UdpReceiveOffload IPPROTO_UDP 104, // UDP_GRO
        MulticastAll IPPROTO_IP 49, // IP_MULTICAST_ALL
        Ipv6MulticastAll IPPROTO_IPV6 29, // IPV6_MULTICAST_ALL
        Ipv6DontFragment IPPROTO_IPV6 IPV6_DONTFRAG,
        ReceiveOverflow SOL_SOCKET 40, // SO_RXQ_OVFL
    }
    Number NumberOption {
        SendBufferSize SOL_SOCKET SO_SNDBUF,
        ReceiveBufferSize SOL_SOCKET SO_RCVBUF,
        ReceiveLowWaterMark SOL_SOCKET SO_RCVLOWAT,
        Priority SOL_SOCKET SO_PRIORITY,
        Mark SOL_SOCKET SO_MARK,
        IncomingCpu SOL_SOCKET SO_INCOMING_CPU,
        PeekOffset SOL_SOCKET 42, // SO_PEEK_OFF
        MaxSegmentSize IPPROTO_TCP TCP_MAXSEG,
        KeepaliveCount IPPROTO_TCP TCP_KEEPCNT,
        SynCount IPPROTO_TCP TCP_SYNCNT,
        WindowClamp IPPROTO_TCP TCP_WINDOW_CLAMP,
        FastOpenQueue IPPROTO_TCP TCP_FASTOPEN,
        NotSentLowWaterMark IPPROTO_TCP TCP_NOTSENT_LOWAT,
        TimeToLive IPPROTO_IP IP_TTL,
        TypeOfService IPPROTO_IP IP_TOS,
        MulticastTimeToLive IPPROTO_IP IP_MULTICAST_TTL,
        Mtu IPPROTO_IP 14, // IP_MTU
        MtuDiscovery IPPROTO_IP 10, // IP_MTU_DISCOVER
        Ipv6UnicastHops IPPROTO_IPV6 IPV6_UNICAST_HOPS,
        Ipv6MulticastHops IPPROTO_IPV6 IPV6_MULTICAST_HOPS,
        Ipv6MulticastInterface IPPROTO_IPV6 IPV6_MULTICAST_IF,
        Ipv6TrafficClass IPPROTO_IPV6 IPV6_TCLASS,
        Ipv6MtuDiscovery IPPROTO_IPV6 23, // IPV6_MTU_DISCOVER
        UdpSegmentSize IPPROTO_UDP 103, // UDP_SEGMENT
        Timestamping SOL_SOCKET 37, // SO_TIMESTAMPING
        MaxPacingRate SOL_SOCKET 47, // SO_MAX_PACING_RATE
        MinTimeToLive IPPROTO_IP 21, // IP_MINTTL
        Ipv6MinHopCount IPPROTO_IPV6 73, // IPV6_MINHOPCOUNT
        Ipv6Mtu IPPROTO_IPV6 24, // IPV6_MTU
    }
    Duration DurationOption {
        KeepaliveIdle IPPROTO_TCP TCP_KEEPIDLE,
        KeepaliveInterval IPPROTO_TCP TCP_KEEPINTVL,
        UserTimeout IPPROTO_TCP TCP_USER_TIMEOUT,
        FinTimeout IPPROTO_TCP TCP_LINGER2,
        DeferAccept IPPROTO_TCP TCP_DEFER_ACCEPT,
        BusyPoll SOL_SOCKET 46, // SO_BUSY_POLL
    }
    Text TextOption {
        CongestionControl IPPROTO_TCP TCP_CONGESTION,
        BindToDevice SOL_SOCKET SO_BINDTODEVICE,
    }
}

impl Socket {
    /// An option that is a number: `getsockopt(2)`. Its unit is the kernel's:
    /// seconds for `TCP_KEEPIDLE`, milliseconds for `TCP_USER_TIMEOUT`.
    ///
    /// # Errors
    /// `ENOPROTOOPT` for an option that the interface does not have, or that is
    /// no number.
    pub fn getsockopt(&self, level: i32, optname: i32) -> Result<i32> {
        let host = self.host();
        let value = match SocketOption::of(level, optname) {
            SocketOption::Flag(option) => wit::get_flag(host, option).map(i32::from),
            SocketOption::Number(option) => wit::get_number(host, option),
            SocketOption::Duration(option) => wit::get_duration(host, option).map(|value| {
                saturated((Duration::from_nanos(value).as_nanos() / unit(option).as_nanos()) as u64)
            }),
            SocketOption::Raw => wit::get_raw(host, level, optname, 4).map(|mut bytes| {
                // The kernel writes what it has, as into a C `int` of 0.
                bytes.resize(4, 0);
                integer(&bytes).unwrap_or(0)
            }),
            SocketOption::Error => wit::take_error(host).map(|error| error.map_or(0, number_of)),
            SocketOption::Type => Ok(self.kind().number()),
            SocketOption::Domain => Ok(self.family().number()),
            SocketOption::Protocol => Ok(self.protocol_number()),
            SocketOption::Linger => wit::linger(host).map(|linger| linger.is_some().into()),
            SocketOption::Group(GroupOption::Interface) => {
                multicast::interface(self).map(i32::from_ne_bytes)
            }
            SocketOption::Group(GroupOption::Change(..))
            | SocketOption::Text(_)
            | SocketOption::PeerCredentials => Err(ErrorCode::ProtocolNotAvailable),
        };
        value.map_err(|code| Error::new("getsockopt", code))
    }

    /// An option as at most `buflen` bytes: `getsockopt(2)`. `SO_LINGER` and
    /// `SO_PEERCRED` are structures of integers in native order, text is as it
    /// is, and a number is four bytes.
    ///
    /// # Errors
    /// Those of [`Socket::getsockopt`]; where `buflen` is 0 or over 1,024, as
    /// in Python.
    pub fn getsockopt_bytes(&self, level: i32, optname: i32, buflen: usize) -> Result<Vec<u8>> {
        if !(1..=1024).contains(&buflen) {
            return Err(Error::invalid(
                "getsockopt",
                format!("buflen out of range: {buflen}"),
            ));
        }
        let failed = |code| Error::new("getsockopt", code);
        let integers = |integers: &[i32]| {
            integers
                .iter()
                .flat_map(|value| value.to_ne_bytes())
                .collect()
        };
        let mut bytes: Vec<u8> = match SocketOption::of(level, optname) {
            SocketOption::Raw => {
                let length = u32::try_from(buflen).unwrap_or(u32::MAX);
                wit::get_raw(self.host(), level, optname, length).map_err(failed)?
            }
            SocketOption::Text(option) => {
                let mut text = wit::get_text(self.host(), option)
                    .map_err(failed)?
                    .into_bytes();
                text.push(0);
                text
            }
            SocketOption::Linger => {
                let linger = wit::linger(self.host()).map_err(failed)?;
                let seconds =
                    linger.map_or(0, |value| saturated(Duration::from_nanos(value).as_secs()));
                integers(&[linger.is_some().into(), seconds])
            }
            SocketOption::PeerCredentials => {
                let peer = wit::peer_credentials(self.host()).map_err(failed)?;
                integers(&[peer.pid, peer.uid.cast_signed(), peer.gid.cast_signed()])
            }
            _ => integers(&[self.getsockopt(level, optname)?]),
        };
        bytes.truncate(buflen);
        Ok(bytes)
    }

    /// Sets an option that is a number: `setsockopt(2)`.
    ///
    /// # Errors
    /// `ENOPROTOOPT` for an option that the interface does not have, that is
    /// read-only or no number; `EINVAL` for a value that the kernel does not
    /// take; `EACCES` where the host wants a grant for it.
    pub fn setsockopt(&self, level: i32, optname: i32, value: i32) -> Result<()> {
        let host = self.host();
        let result = match SocketOption::of(level, optname) {
            SocketOption::Flag(option) => wit::set_flag(host, option, value != 0),
            SocketOption::Number(option) => wit::set_number(host, option, value),
            SocketOption::Duration(option) => match u32::try_from(value) {
                Ok(count) => wit::set_duration(host, option, wit_duration(unit(option) * count)),
                Err(_negative) => Err(ErrorCode::InvalidArgument),
            },
            SocketOption::Group(option) => multicast::set(self, option, &value.to_ne_bytes()),
            SocketOption::Raw => {
                let value = RawValue::Bytes(value.to_ne_bytes().to_vec());
                wit::set_raw(host, level, optname, &value)
            }
            SocketOption::Linger => Err(ErrorCode::InvalidArgument),
            SocketOption::Text(_)
            | SocketOption::Error
            | SocketOption::Type
            | SocketOption::Domain
            | SocketOption::Protocol
            | SocketOption::PeerCredentials => Err(ErrorCode::ProtocolNotAvailable),
        };
        result.map_err(|code| Error::new("setsockopt", code))
    }

    /// Sets an option from bytes, in the forms of
    /// [`Socket::getsockopt_bytes`]: `setsockopt(2)`. Multicast groups are the
    /// structures of Linux on 64-bit machines: `ip_mreq`, `ip_mreqn`,
    /// `ip_mreq_source`, `ipv6_mreq`, `group_req`, `group_source_req`.
    ///
    /// # Errors
    /// Those of [`Socket::setsockopt`]; `EINVAL` for a wrong number of bytes.
    pub fn setsockopt_bytes(&self, level: i32, optname: i32, value: &[u8]) -> Result<()> {
        let failed = |code| Error::new("setsockopt", code);
        let wrong_size = || failed(ErrorCode::InvalidArgument);
        match SocketOption::of(level, optname) {
            SocketOption::Raw => {
                let value = RawValue::Bytes(value.to_vec());
                wit::set_raw(self.host(), level, optname, &value).map_err(failed)
            }
            SocketOption::Text(option) => {
                let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = str::from_utf8(text).map_err(|_encoding| wrong_size())?;
                wit::set_text(self.host(), option, text).map_err(failed)
            }
            SocketOption::Group(option) => multicast::set(self, option, value).map_err(failed),
            SocketOption::Linger => {
                let (on, seconds) = value.split_at_checked(4).ok_or_else(wrong_size)?;
                let (on, seconds) = (
                    integer(on).ok_or_else(wrong_size)?,
                    integer(seconds).ok_or_else(wrong_size)?,
                );
                // The kernel takes a negative time for the longest.
                let seconds = Duration::from_secs(u64::from(
                    u32::try_from(seconds).unwrap_or(i32::MAX.unsigned_abs()),
                ));
                let linger = (on != 0).then(|| wit_duration(seconds));
                wit::set_linger(self.host(), linger).map_err(failed)
            }
            // The kernel takes the options of IPv4 as a byte too (ip(7)), and
            // cuts what is longer than an integer.
            _ => match value {
                [byte, rest @ ..] if level == IPPROTO_IP && rest.len() < 3 => {
                    self.setsockopt(level, optname, i32::from(*byte))
                }
                _ => {
                    let first = value.get(..4).and_then(integer);
                    self.setsockopt(level, optname, first.ok_or_else(wrong_size)?)
                }
            },
        }
    }

    /// Python's `setsockopt(level, optname, None, optlen)`: an option from no
    /// bytes but a length. It is for `AF_ALG`.
    ///
    /// # Errors
    /// Those of [`Socket::setsockopt`]; `EFAULT` for an option that needs its bytes, as the kernel
    /// has it.
    pub fn setsockopt_none(&self, level: i32, optname: i32, optlen: u32) -> Result<()> {
        let code = match SocketOption::of(level, optname) {
            SocketOption::Raw => {
                let value = RawValue::Null(optlen);
                let result = wit::set_raw(self.host(), level, optname, &value);
                return result.map_err(|code| Error::new("setsockopt", code));
            }
            _ if optlen == 0 => ErrorCode::InvalidArgument,
            _ => ErrorCode::BadAddress,
        };
        Err(Error::new("setsockopt", code))
    }
}

/// What the kernel counts the option in.
fn unit(option: DurationOption) -> Duration {
    match option {
        DurationOption::KeepaliveIdle
        | DurationOption::KeepaliveInterval
        | DurationOption::FinTimeout
        | DurationOption::DeferAccept => Duration::from_secs(1),
        DurationOption::UserTimeout => Duration::from_millis(1),
        DurationOption::BusyPoll => Duration::from_micros(1),
    }
}

fn wit_duration(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn saturated(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn integer(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().ok().map(i32::from_ne_bytes)
}

/// An error without an errno is still one.
fn number_of(code: ErrorCode) -> i32 {
    const EIO: i32 = 5;
    Errno::of(code).map_or(EIO, |errno| errno.number)
}
