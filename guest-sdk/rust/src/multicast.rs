//! Multicast groups, in the structures of Linux on 64-bit machines that Python
//! programs pack: ip(7), ipv6(7), RFC 3678.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bindings::options::{self as wit, IpAddress, MulticastInterface};
use crate::bindings::types::ErrorCode;
use crate::constants::{AF_INET, AF_INET6};
use crate::numbers::*;
use crate::socket::Socket;

/// An option that is about groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupOption {
    Change(Change, Layout),
    /// `IP_MULTICAST_IF`
    Interface,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Join,
    Leave,
    Block,
    Unblock,
}

/// The structure that says which group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `ip_mreq` or `ip_mreqn`: group, interface's address, index if it is
    /// there.
    Mreq,
    /// `ip_mreq_source`: group, interface's address, source.
    MreqSource,
    /// `ipv6_mreq`: group, interface's index.
    Ipv6Mreq,
    /// `group_req`: interface's index, group as a `sockaddr_storage`.
    GroupReq,
    /// `group_source_req`: the same and the source.
    GroupSourceReq,
}

impl GroupOption {
    pub(crate) fn of(level: i32, number: i32) -> Option<Self> {
        use Change::{Block, Join, Leave, Unblock};
        use Layout::{GroupReq, GroupSourceReq, Ipv6Mreq, Mreq, MreqSource};
        let (change, layout) = match (level, number) {
            (IPPROTO_IP, IP_MULTICAST_IF) => return Some(Self::Interface),
            (IPPROTO_IP, IP_ADD_MEMBERSHIP) => (Join, Mreq),
            (IPPROTO_IP, IP_DROP_MEMBERSHIP) => (Leave, Mreq),
            (IPPROTO_IP, IP_UNBLOCK_SOURCE) => (Unblock, MreqSource),
            (IPPROTO_IP, IP_BLOCK_SOURCE) => (Block, MreqSource),
            (IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP) => (Join, MreqSource),
            (IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP) => (Leave, MreqSource),
            (IPPROTO_IPV6, IPV6_JOIN_GROUP) => (Join, Ipv6Mreq),
            (IPPROTO_IPV6, IPV6_LEAVE_GROUP) => (Leave, Ipv6Mreq),
            (IPPROTO_IP | IPPROTO_IPV6, 42) => (Join, GroupReq), // MCAST_JOIN_GROUP
            (IPPROTO_IP | IPPROTO_IPV6, 43) => (Block, GroupSourceReq), // MCAST_BLOCK_SOURCE
            (IPPROTO_IP | IPPROTO_IPV6, 44) => (Unblock, GroupSourceReq), // MCAST_UNBLOCK_SOURCE
            (IPPROTO_IP | IPPROTO_IPV6, 45) => (Leave, GroupReq), // MCAST_LEAVE_GROUP
            (IPPROTO_IP | IPPROTO_IPV6, 46) => (Join, GroupSourceReq), // MCAST_JOIN_SOURCE_GROUP
            (IPPROTO_IP | IPPROTO_IPV6, 47) => (Leave, GroupSourceReq), // MCAST_LEAVE_SOURCE_GROUP
            _ => return None,
        };
        Some(Self::Change(change, layout))
    }
}

/// `IP_MULTICAST_IF`, an `in_addr`.
pub(crate) fn interface(socket: &Socket) -> Result<[u8; 4], ErrorCode> {
    let (a, b, c, d) = wit::get_multicast_interface(socket.host())?;
    Ok([a, b, c, d])
}

/// Sets an option from its structure.
pub(crate) fn set(socket: &Socket, option: GroupOption, value: &[u8]) -> Result<(), ErrorCode> {
    let host = socket.host();
    let (change, layout) = match option {
        GroupOption::Interface => {
            let interface = multicast_interface(value).ok_or(ErrorCode::InvalidArgument)?;
            return wit::set_multicast_interface(host, interface);
        }
        GroupOption::Change(change, layout) => (change, layout),
    };
    let (group, interface, source) = layout.parse(value).ok_or(ErrorCode::InvalidArgument)?;
    let group = address(group);
    match (change, source.map(address)) {
        (Change::Join, source) => wit::join_group(host, group, interface, source),
        (Change::Leave, source) => wit::leave_group(host, group, interface, source),
        (Change::Block, Some(source)) => wit::block_source(host, group, interface, source),
        (Change::Unblock, Some(source)) => wit::unblock_source(host, group, interface, source),
        (Change::Block | Change::Unblock, None) => Err(ErrorCode::InvalidArgument),
    }
}

type Group = (IpAddr, MulticastInterface, Option<IpAddr>);

impl Layout {
    /// As the kernel reads it: what is longer than the structure is cut, what
    /// is shorter is none.
    fn parse(self, value: &[u8]) -> Option<Group> {
        Some(match self {
            Self::Mreq => {
                let local = by_address_or_index(value, 4)?;
                (IpAddr::V4(ipv4(value, 0)?), local, None)
            }
            Self::MreqSource => {
                let local = by_address(ipv4(value, 4)?);
                let source = IpAddr::V4(ipv4(value, 8)?);
                (IpAddr::V4(ipv4(value, 0)?), local, Some(source))
            }
            Self::Ipv6Mreq => {
                let index = MulticastInterface::Index(u32_at(value, 16)?);
                (IpAddr::V6(ipv6(value, 0)?), index, None)
            }
            Self::GroupReq => {
                let index = MulticastInterface::Index(u32_at(value, 0)?);
                (storage(value, 8)?, index, None)
            }
            Self::GroupSourceReq => {
                let index = MulticastInterface::Index(u32_at(value, 0)?);
                (storage(value, 8)?, index, Some(storage(value, 136)?))
            }
        })
    }
}

/// `IP_MULTICAST_IF` takes an `in_addr`, an `ip_mreq` or an `ip_mreqn`.
fn multicast_interface(value: &[u8]) -> Option<MulticastInterface> {
    match value.len() {
        0..8 => Some(by_address(ipv4(value, 0)?)),
        _ => by_address_or_index(value, 4),
    }
}

/// The end of an `ip_mreqn`: an index that is not 0 counts for more than the
/// address before it.
fn by_address_or_index(value: &[u8], at: usize) -> Option<MulticastInterface> {
    let local = by_address(ipv4(value, at)?);
    Some(match u32_at(value, at + 4) {
        None | Some(0) => local,
        Some(index) => MulticastInterface::Index(index),
    })
}

fn by_address(ip: Ipv4Addr) -> MulticastInterface {
    let [a, b, c, d] = ip.octets();
    if ip.is_unspecified() {
        MulticastInterface::Index(0)
    } else {
        MulticastInterface::Address((a, b, c, d))
    }
}

/// A `sockaddr_storage`.
fn storage(value: &[u8], at: usize) -> Option<IpAddr> {
    let value = value.get(at..at + 128)?;
    let family = i32::from(u16::from_ne_bytes(array(value, 0)?));
    if family == AF_INET.number() {
        Some(IpAddr::V4(ipv4(value, 4)?))
    } else if family == AF_INET6.number() {
        Some(IpAddr::V6(ipv6(value, 8)?))
    } else {
        None
    }
}

fn ipv4(value: &[u8], at: usize) -> Option<Ipv4Addr> {
    Some(Ipv4Addr::from(array::<4>(value, at)?))
}

fn ipv6(value: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(array::<16>(value, at)?))
}

fn u32_at(value: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(array(value, at)?))
}

fn array<const N: usize>(value: &[u8], at: usize) -> Option<[u8; N]> {
    value.get(at..at + N)?.try_into().ok()
}

fn address(ip: IpAddr) -> IpAddress {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            IpAddress::Ipv4((a, b, c, d))
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, h] = ip.segments();
            IpAddress::Ipv6((a, b, c, d, e, f, g, h))
        }
    }
}
