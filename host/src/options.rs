//! The one table of socket options.

use std::time::Duration;

use crate::AddressFamily;

/// Calls `$callback!` with the tables of options: variant, level, name. The
/// variants have the names of the WIT enums, so that the conversions are
/// generated from these tables too.
macro_rules! for_each_option {
    ($callback:ident) => {
        $callback! {
            FlagOption {
                ReuseAddress SOL_SOCKET SO_REUSEADDR,
                ReusePort SOL_SOCKET SO_REUSEPORT,
                Keepalive SOL_SOCKET SO_KEEPALIVE,
                Broadcast SOL_SOCKET SO_BROADCAST,
                DontRoute SOL_SOCKET SO_DONTROUTE,
                OutOfBandInline SOL_SOCKET SO_OOBINLINE,
                AcceptsConnections SOL_SOCKET SO_ACCEPTCONN,
                PassCredentials SOL_SOCKET SO_PASSCRED,
                Timestamp SOL_SOCKET SO_TIMESTAMPNS,
                ZeroCopy SOL_SOCKET SO_ZEROCOPY,
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
                UdpCork IPPROTO_UDP UDP_CORK,
                UdpReceiveOffload IPPROTO_UDP UDP_GRO,
                MulticastAll IPPROTO_IP IP_MULTICAST_ALL,
                Ipv6MulticastAll IPPROTO_IPV6 IPV6_MULTICAST_ALL,
                Ipv6DontFragment IPPROTO_IPV6 IPV6_DONTFRAG,
                ReceiveOverflow SOL_SOCKET SO_RXQ_OVFL,
            }
            NumberOption {
                SendBufferSize SOL_SOCKET SO_SNDBUF,
                ReceiveBufferSize SOL_SOCKET SO_RCVBUF,
                ReceiveLowWaterMark SOL_SOCKET SO_RCVLOWAT,
                Priority SOL_SOCKET SO_PRIORITY,
                Mark SOL_SOCKET SO_MARK,
                IncomingCpu SOL_SOCKET SO_INCOMING_CPU,
                PeekOffset SOL_SOCKET SO_PEEK_OFF,
                MaxSegmentSize IPPROTO_TCP TCP_MAXSEG,
                KeepaliveCount IPPROTO_TCP TCP_KEEPCNT,
                SynCount IPPROTO_TCP TCP_SYNCNT,
                WindowClamp IPPROTO_TCP TCP_WINDOW_CLAMP,
                FastOpenQueue IPPROTO_TCP TCP_FASTOPEN,
                NotSentLowWaterMark IPPROTO_TCP TCP_NOTSENT_LOWAT,
                TimeToLive IPPROTO_IP IP_TTL,
                TypeOfService IPPROTO_IP IP_TOS,
                MulticastTimeToLive IPPROTO_IP IP_MULTICAST_TTL,
                Mtu IPPROTO_IP IP_MTU,
                MtuDiscovery IPPROTO_IP IP_MTU_DISCOVER,
                Ipv6UnicastHops IPPROTO_IPV6 IPV6_UNICAST_HOPS,
                Ipv6MulticastHops IPPROTO_IPV6 IPV6_MULTICAST_HOPS,
                Ipv6MulticastInterface IPPROTO_IPV6 IPV6_MULTICAST_IF,
                Ipv6TrafficClass IPPROTO_IPV6 IPV6_TCLASS,
                Ipv6MtuDiscovery IPPROTO_IPV6 IPV6_MTU_DISCOVER,
                UdpSegmentSize IPPROTO_UDP UDP_SEGMENT,
                Timestamping SOL_SOCKET SO_TIMESTAMPING,
                MaxPacingRate SOL_SOCKET SO_MAX_PACING_RATE,
                MinTimeToLive IPPROTO_IP IP_MINTTL,
                Ipv6MinHopCount IPPROTO_IPV6 IPV6_MINHOPCOUNT,
                Ipv6Mtu IPPROTO_IPV6 IPV6_MTU,
            }
            DurationOption {
                KeepaliveIdle IPPROTO_TCP TCP_KEEPIDLE,
                KeepaliveInterval IPPROTO_TCP TCP_KEEPINTVL,
                UserTimeout IPPROTO_TCP TCP_USER_TIMEOUT,
                FinTimeout IPPROTO_TCP TCP_LINGER2,
                DeferAccept IPPROTO_TCP TCP_DEFER_ACCEPT,
                BusyPoll SOL_SOCKET SO_BUSY_POLL,
            }
            TextOption {
                CongestionControl IPPROTO_TCP TCP_CONGESTION,
                BindToDevice SOL_SOCKET SO_BINDTODEVICE,
            }
        }
    };
}
pub(crate) use for_each_option;

macro_rules! define {
    ($($kind:ident { $($variant:ident $level:ident $name:ident,)* })*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $kind {
            $($variant,)*
        }

        impl $kind {
            /// The level and the name for setsockopt(2).
            pub(crate) fn number(self) -> OptionNumber {
                match self {
                    $(Self::$variant => OptionNumber { level: libc::$level, name: libc::$name },)*
                }
            }

            /// The option that has this number.
            pub(crate) fn of(number: OptionNumber) -> Option<Self> {
                [$(Self::$variant),*].into_iter().find(|option| option.number() == number)
            }
        }
    )*};
}
for_each_option!(define);

/// An option as setsockopt(2) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OptionNumber {
    pub(crate) level: i32,
    pub(crate) name: i32,
}

impl OptionNumber {
    /// `SO_BINDTOIFINDEX`: what `SO_BINDTODEVICE` does, by the interface's number.
    pub(crate) const BIND_TO_INDEX: Self = Self {
        level: libc::SOL_SOCKET,
        name: libc::SO_BINDTOIFINDEX,
    };

    /// Whether the level is what its number says: Bluetooth has SOL_HCI,
    /// SOL_L2CAP and SOL_SCO with those of IP, TCP and UDP.
    pub(crate) fn is_of(self, family: AddressFamily) -> bool {
        let doubled = [libc::IPPROTO_IP, libc::IPPROTO_TCP, libc::IPPROTO_UDP];
        family != AddressFamily::Bluetooth || !doubled.contains(&self.level)
    }

    /// Whether the option is in the table.
    pub(crate) fn has_name(self) -> bool {
        FlagOption::of(self).is_some()
            || NumberOption::of(self).is_some()
            || DurationOption::of(self).is_some()
            || TextOption::of(self).is_some()
    }
}

impl FlagOption {
    /// The grant that setting it needs; most need none.
    pub(crate) fn grant(self) -> Option<&'static str> {
        match self {
            Self::FreeBind => Some("ip-freebind"),
            Self::Transparent => Some("ip-transparent"),
            // What the flag MSG_FASTOPEN does, for each connect.
            Self::FastOpenConnect => Some(FAST_OPEN_GRANT),
            _ => None,
        }
    }
}

impl NumberOption {
    /// The grant that setting it needs; most need none.
    pub(crate) fn grant(self) -> Option<&'static str> {
        match self {
            Self::Mark => Some("so-mark"),
            _ => None,
        }
    }
}

impl TextOption {
    /// The grant that setting it needs.
    pub(crate) fn grant(self) -> Option<&'static str> {
        match self {
            Self::BindToDevice => Some("so-bindtodevice"),
            Self::CongestionControl => None,
        }
    }
}

impl DurationOption {
    /// What the kernel counts it in.
    pub(crate) fn unit(self) -> Duration {
        match self {
            Self::KeepaliveIdle
            | Self::KeepaliveInterval
            | Self::FinTimeout
            | Self::DeferAccept => Duration::from_secs(1),
            Self::UserTimeout => Duration::from_millis(1),
            Self::BusyPoll => Duration::from_micros(1),
        }
    }
}

/// The grant that the flag `MSG_FASTOPEN` needs, and `TCP_FASTOPEN_CONNECT`.
pub(crate) const FAST_OPEN_GRANT: &str = "msg-fastopen";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bluetooth_has_no_options_of_ip_tcp_and_udp() {
        for option in [
            FlagOption::FreeBind.number(),
            FlagOption::NoDelay.number(),
            FlagOption::UdpCork.number(),
        ] {
            assert!(!option.is_of(AddressFamily::Bluetooth));
            assert!(option.is_of(AddressFamily::Inet));
        }
        let reuse = FlagOption::ReuseAddress.number();
        assert!(reuse.is_of(AddressFamily::Bluetooth));
    }
}
