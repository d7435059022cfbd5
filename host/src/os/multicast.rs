//! Multicast groups of a socket: ip(7), ipv6(7), RFC 3678.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::BorrowedFd;

use super::option::{get, set};
use crate::options::OptionNumber;
use crate::policy::Vetted;
use crate::policy::operation::{Bind, Recv};
use crate::{Address, Errno};

/// Which interface a group is heard on, or multicasts leave by.
#[derive(Debug)]
pub(crate) enum Interface {
    /// By index; 0 is what the routes say.
    Index(u32),
    /// By one of its IPv4 addresses, which the packets that leave by it then
    /// have as their source.
    Address(Vetted<Bind>),
}

/// A change that makes a socket hear less, or again what it heard before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Leave,
    BlockSource,
    UnblockSource,
}

/// `MCAST_JOIN_GROUP`, or with a source `MCAST_JOIN_SOURCE_GROUP`.
pub(crate) fn join_group(
    fd: BorrowedFd<'_>,
    group: &Vetted<Recv>,
    interface: &Interface,
    source: Option<IpAddr>,
) -> Result<(), Errno> {
    let group = group.address().ip().ok_or(Errno::InvalidArgument)?;
    let names = match source {
        None => (libc::MCAST_JOIN_GROUP, libc::IP_ADD_MEMBERSHIP),
        Some(_) => (
            libc::MCAST_JOIN_SOURCE_GROUP,
            libc::IP_ADD_SOURCE_MEMBERSHIP,
        ),
    };
    request(fd, names, group, interface, source)
}

/// `MCAST_LEAVE_GROUP`, or with a source `MCAST_LEAVE_SOURCE_GROUP`;
/// `MCAST_BLOCK_SOURCE`, `MCAST_UNBLOCK_SOURCE`. The group is not a vetted
/// address: nothing more is heard of one that was not joined.
pub(crate) fn change_group(
    fd: BorrowedFd<'_>,
    change: Change,
    group: IpAddr,
    interface: &Interface,
    source: Option<IpAddr>,
) -> Result<(), Errno> {
    let names = match (change, source) {
        (Change::Leave, None) => (libc::MCAST_LEAVE_GROUP, libc::IP_DROP_MEMBERSHIP),
        (Change::Leave, Some(_)) => (
            libc::MCAST_LEAVE_SOURCE_GROUP,
            libc::IP_DROP_SOURCE_MEMBERSHIP,
        ),
        (Change::BlockSource, _) => (libc::MCAST_BLOCK_SOURCE, libc::IP_BLOCK_SOURCE),
        (Change::UnblockSource, _) => (libc::MCAST_UNBLOCK_SOURCE, libc::IP_UNBLOCK_SOURCE),
    };
    request(fd, names, group, interface, source)
}

/// `IP_MULTICAST_IF`, as the kernel tells it: an address, unspecified for none.
pub(crate) fn multicast_interface(fd: BorrowedFd<'_>) -> Result<Ipv4Addr, Errno> {
    let mut address = [0; 4];
    get(fd, INTERFACE, &mut address)?;
    Ok(Ipv4Addr::from(address))
}

/// `IP_MULTICAST_IF`
pub(crate) fn set_multicast_interface(
    fd: BorrowedFd<'_>,
    interface: &Interface,
) -> Result<(), Errno> {
    // `struct ip_mreqn`: the group, which counts for nothing here, the address
    // and the index.
    let mut bytes = [0; 12];
    match interface {
        Interface::Index(index) => bytes[8..].copy_from_slice(&index.to_ne_bytes()),
        Interface::Address(local) => bytes[4..8].copy_from_slice(&local_octets(local)?),
    }
    set(fd, INTERFACE, &bytes)
}

const INTERFACE: OptionNumber = OptionNumber {
    level: libc::IPPROTO_IP,
    name: libc::IP_MULTICAST_IF,
};

/// The option by its names: in the form that takes an interface by index, for
/// both versions of IP, and in the one of IPv4 that takes an address.
fn request(
    fd: BorrowedFd<'_>,
    (by_index, by_address): (i32, i32),
    group: IpAddr,
    interface: &Interface,
    source: Option<IpAddr>,
) -> Result<(), Errno> {
    let level = match group {
        IpAddr::V4(_) => libc::IPPROTO_IP,
        IpAddr::V6(_) => libc::IPPROTO_IPV6,
    };
    let (name, bytes) = match interface {
        Interface::Index(index) => (by_index, by_index_bytes(*index, group, source)),
        Interface::Address(local) => (
            by_address,
            by_address_bytes(local_octets(local)?, group, source)?,
        ),
    };
    set(fd, OptionNumber { level, name }, &bytes)
}

/// `struct group_req` or `struct group_source_req`.
fn by_index_bytes(index: u32, group: IpAddr, source: Option<IpAddr>) -> Vec<u8> {
    let mut bytes = index.to_ne_bytes().to_vec();
    for address in std::iter::once(group).chain(source) {
        // A `sockaddr_storage` is aligned like the longest integer.
        bytes.resize(bytes.len().next_multiple_of(align_of::<u64>()), 0);
        bytes.extend(storage(address));
    }
    bytes
}

/// `struct ip_mreqn` or `struct ip_mreq_source`.
fn by_address_bytes(
    local: [u8; 4],
    group: IpAddr,
    source: Option<IpAddr>,
) -> Result<Vec<u8>, Errno> {
    let IpAddr::V4(group) = group else {
        return Err(Errno::InvalidArgument);
    };
    Ok(match source {
        None => [group.octets(), local, [0; 4]].concat(),
        Some(IpAddr::V4(source)) => [group.octets(), local, source.octets()].concat(),
        Some(IpAddr::V6(_)) => return Err(Errno::InvalidArgument),
    })
}

/// A `sockaddr_storage`: the family, the port, then the address, in IPv6 after
/// the flow information.
fn storage(address: IpAddr) -> [u8; 128] {
    let mut bytes = [0; 128];
    let family = match address {
        IpAddr::V4(ip) => {
            bytes[4..8].copy_from_slice(&ip.octets());
            libc::AF_INET
        }
        IpAddr::V6(ip) => {
            bytes[8..24].copy_from_slice(&ip.octets());
            libc::AF_INET6
        }
    };
    // The families are small numbers.
    bytes[..2].copy_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
    bytes
}

fn local_octets(local: &Vetted<Bind>) -> Result<[u8; 4], Errno> {
    match local.address() {
        Address::Inet(address) => Ok(address.ip().octets()),
        _ => Err(Errno::InvalidArgument),
    }
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;
    use std::net::Ipv6Addr;

    use super::*;

    /// The layout is the C library's.
    #[test]
    fn requests_are_laid_out_as_in_c() {
        let group = IpAddr::V4(Ipv4Addr::new(239, 1, 2, 3));
        let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
        let any = by_index_bytes(7, group, None);
        assert_eq!(any.len(), size_of::<libc::group_req>());
        let at = offset_of!(libc::group_req, gr_group);
        assert_eq!(any[..4], 7u32.to_ne_bytes());
        assert_eq!(any[at..at + 128], storage(group));
        let specific = by_index_bytes(7, group, Some(source));
        assert_eq!(specific.len(), size_of::<libc::group_source_req>());
        let at = offset_of!(libc::group_source_req, gsr_source);
        assert_eq!(specific[at..], storage(source));

        let address = offset_of!(libc::sockaddr_in, sin_addr);
        assert_eq!(storage(group)[address..address + 4], [239, 1, 2, 3]);
        let ip = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1234);
        let address = offset_of!(libc::sockaddr_in6, sin6_addr);
        assert_eq!(storage(IpAddr::V6(ip))[address..address + 16], ip.octets());
        assert_eq!(size_of::<libc::sockaddr_storage>(), 128);

        let by_address = |source| by_address_bytes([127, 0, 0, 1], group, source).unwrap();
        assert_eq!(by_address(None).len(), size_of::<libc::ip_mreqn>());
        assert_eq!(by_address(Some(source))[8..], [192, 0, 2, 9]);
        assert_eq!(
            by_address(Some(source)).len(),
            size_of::<libc::ip_mreq_source>()
        );
        let at = offset_of!(libc::ip_mreq_source, imr_interface);
        assert_eq!(by_address(None)[at..at + 4], [127, 0, 0, 1]);
    }
}
