//! Socket options by number: which of them a guest may be granted, and how.
//!
//! The kernel reads the value of some options as pointers into this process or
//! as its descriptors, so what is not known here is refused.

use crate::options::OptionNumber;

/// What it takes to use an option by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawAccess {
    /// Any grant of `raw`.
    Any,
    /// A grant of `raw` with this very number: the option gets around a rule or
    /// a limit.
    Named,
    /// Nothing helps: the value holds a pointer, a descriptor or an address
    /// that has to be vetted.
    Never,
    /// No option that this host knows.
    Unknown,
}

// Not in the C library's bindings.
const SOL_RAW: i32 = 255;
const SOL_CAN_ISOTP: i32 = 106;
const SOL_CAN_J1939: i32 = 107;
const SOL_RFCOMM: i32 = 18;
const SOL_MPTCP: i32 = 284;
const VSOCK: i32 = libc::AF_VSOCK;

/// The most bytes of a value.
pub(crate) const MAX_VALUE: usize = 1024;

impl OptionNumber {
    /// How reading the option is granted.
    pub(crate) fn read_access(self) -> RawAccess {
        match (self.level, self.name) {
            // SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST: an address to read.
            (libc::IPPROTO_IP | libc::IPPROTO_IPV6, 80) => RawAccess::Any,
            _ => self.write_access(),
        }
    }

    /// How setting the option is granted.
    pub(crate) fn write_access(self) -> RawAccess {
        // The last name of the level that this list was made from: Linux 6.18.
        let (last, access) = match self.level {
            libc::SOL_SOCKET => (84, socket(self.name)),
            libc::IPPROTO_IP => (255, ip(self.name)),
            libc::IPPROTO_IPV6 => (255, ipv6(self.name)),
            libc::IPPROTO_TCP => (46, tcp(self.name)),
            libc::IPPROTO_UDP | libc::IPPROTO_UDPLITE => (104, udp(self.name)),
            // ICMP_FILTER, ICMPV6_FILTER.
            SOL_RAW | libc::IPPROTO_ICMPV6 => (1, RawAccess::Any),
            libc::SOL_NETLINK => (12, netlink(self.name)),
            libc::SOL_PACKET => (24, packet(self.name)),
            libc::SOL_CAN_RAW | SOL_CAN_ISOTP | SOL_CAN_J1939 => (10, RawAccess::Any),
            libc::SOL_ALG => (7, alg(self.name)),
            libc::SOL_TIPC => (140, tipc(self.name)),
            libc::SOL_RDS => (9, rds(self.name)),
            VSOCK => (8, vsock(self.name)),
            libc::SOL_BLUETOOTH => (20, RawAccess::Any),
            SOL_RFCOMM => (3, RawAccess::Any),
            SOL_MPTCP => (4, mptcp(self.name)),
            _ => return RawAccess::Unknown,
        };
        if (0..=last).contains(&self.name) {
            access
        } else {
            RawAccess::Unknown
        }
    }
}

fn socket(name: i32) -> RawAccess {
    match name {
        // A program with a pointer to it, or the descriptor of one. What
        // SO_GET_FILTER writes is not bounded by the length in bytes.
        libc::SO_ATTACH_FILTER
        | libc::SO_ATTACH_BPF
        | libc::SO_ATTACH_REUSEPORT_CBPF
        | libc::SO_ATTACH_REUSEPORT_EBPF => RawAccess::Never,
        // Descriptors of processes: SO_PASSPIDFD, SO_PEERPIDFD.
        76 | 77 => RawAccess::Never,
        // Device memory: SO_DEVMEM_LINEAR, SO_DEVMEM_DMABUF,
        // SO_DEVMEM_DONTNEED.
        78..=80 => RawAccess::Never,
        // The host's own filters.
        libc::SO_DETACH_FILTER | libc::SO_LOCK_FILTER | libc::SO_DETACH_REUSEPORT_BPF => {
            RawAccess::Named
        }
        // Memory beyond the host's bounds; the last are SO_BUF_LOCK and
        // SO_RESERVE_MEM.
        libc::SO_SNDBUFFORCE | libc::SO_RCVBUFFORCE | 72 | 73 => RawAccess::Named,
        // As SO_BINDTODEVICE.
        libc::SO_BINDTOIFINDEX => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn ip(name: i32) -> RawAccess {
    match name {
        // Addresses that have to be vetted; there is `join-group` and its like.
        libc::IP_MULTICAST_IF | 35..=48 => RawAccess::Never,
        // netfilter, IPVS and multicast routing: pointers and tables.
        64.. => RawAccess::Never,
        libc::IP_OPTIONS          // a route over other addresses
        | libc::IP_HDRINCL
        | libc::IP_ROUTER_ALERT
        | 16                      // IP_IPSEC_POLICY
        | 17                      // IP_XFRM_POLICY
        | libc::IP_UNICAST_IF     // as SO_BINDTODEVICE
        | 51                      // IP_LOCAL_PORT_RANGE: a bind to a port
        => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn ipv6(name: i32) -> RawAccess {
    match name {
        // It makes an IPv4 socket of an IPv6 one.
        libc::IPV6_ADDRFORM => RawAccess::Never,
        // Addresses that have to be vetted: groups, anycast, and the lists of
        // sources.
        libc::IPV6_ADD_MEMBERSHIP | libc::IPV6_DROP_MEMBERSHIP | 27 | 28 | 42..=48 => {
            RawAccess::Never
        }
        // netfilter and multicast routing: pointers and tables.
        64 | 65 | 68 | 69 | 79.. => RawAccess::Never,
        6                              // IPV6_2292PKTOPTIONS
        | libc::IPV6_NEXTHOP
        | libc::IPV6_ROUTER_ALERT
        | 32                           // IPV6_FLOWLABEL_MGR
        | 34                           // IPV6_IPSEC_POLICY
        | 35                           // IPV6_XFRM_POLICY
        | libc::IPV6_HDRINCL
        | libc::IPV6_PKTINFO           // a source address
        | libc::IPV6_HOPOPTS
        | libc::IPV6_RTHDRDSTOPTS
        | libc::IPV6_RTHDR             // a route over other addresses
        | libc::IPV6_DSTOPTS
        | libc::IPV6_TRANSPARENT
        | 76                           // IPV6_UNICAST_IF
        | libc::IPV6_FREEBIND
        => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn tcp(name: i32) -> RawAccess {
    match name {
        // A pointer to memory to map.
        35 => RawAccess::Never,
        // TCP_AO_GET_KEYS writes as much as its value says.
        41 => RawAccess::Never,
        libc::TCP_REPAIR
        | libc::TCP_REPAIR_QUEUE
        | libc::TCP_QUEUE_SEQ
        | libc::TCP_REPAIR_OPTIONS
        | 29 // TCP_REPAIR_WINDOW
        | libc::TCP_ULP
        // TCP_AO_ADD_KEY, TCP_AO_DEL_KEY, TCP_AO_INFO, TCP_AO_REPAIR
        | 38..=40
        | 42 => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn udp(name: i32) -> RawAccess {
    match name {
        // UDP_ENCAP hands packets to other protocols.
        100 => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn netlink(name: i32) -> RawAccess {
    match name {
        // NETLINK_RX_RING, NETLINK_TX_RING: memory to map.
        6 | 7 => RawAccess::Never,
        // NETLINK_ADD_MEMBERSHIP, NETLINK_LISTEN_ALL_NSID
        1 | 8 => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn packet(name: i32) -> RawAccess {
    match name {
        // PACKET_RX_RING, PACKET_TX_RING: memory to map; PACKET_FANOUT_DATA: a
        // pointer or a descriptor.
        5 | 13 | 22 => RawAccess::Never,
        // PACKET_ADD_MEMBERSHIP makes an interface promiscuous; PACKET_FANOUT
        // takes frames from other sockets.
        1 | 18 => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn alg(name: i32) -> RawAccess {
    match name {
        // ALG_SET_KEY_BY_KEY_SERIAL: a key of the host's.
        7 => RawAccess::Never,
        _ => RawAccess::Any,
    }
}

fn tipc(name: i32) -> RawAccess {
    match name {
        // TIPC_GROUP_JOIN: an address, to which all goes that has none.
        135 => RawAccess::Never,
        _ => RawAccess::Any,
    }
}

fn rds(name: i32) -> RawAccess {
    match name {
        // RDS_GET_MR, RDS_GET_MR_FOR_DEST: a pointer to memory.
        2 | 7 => RawAccess::Never,
        _ => RawAccess::Any,
    }
}

fn vsock(name: i32) -> RawAccess {
    match name {
        // The size of the buffer, and its bounds, which no limit holds.
        0..=2 => RawAccess::Named,
        _ => RawAccess::Any,
    }
}

fn mptcp(name: i32) -> RawAccess {
    match name {
        // MPTCP_FULL_INFO: pointers.
        4 => RawAccess::Never,
        _ => RawAccess::Any,
    }
}
