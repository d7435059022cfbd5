//! Which addresses `wasi:sockets` has, whatever is granted: for who serves it.

use std::net::IpAddr;

use crate::{AddressFamily, Errno, canonical_ip};

/// Checks that a socket of a family can have to do with an address: WASI has
/// neither sockets of two families nor IPv4 addresses within IPv6 ones.
///
/// # Errors
/// [`Errno::InvalidArgument`] where it cannot.
pub fn check_family(family: AddressFamily, ip: IpAddr) -> Result<(), Errno> {
    let fits = match (family, ip) {
        (AddressFamily::Inet, IpAddr::V4(_)) => true,
        (AddressFamily::Inet6, IpAddr::V6(ip)) => !canonical_ip(ip).is_ipv4(),
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(Errno::InvalidArgument),
    }
}

/// Checks that an address is one of TCP, which has one peer.
///
/// # Errors
/// [`Errno::InvalidArgument`] for multicast and broadcast.
pub fn check_unicast(ip: IpAddr) -> Result<(), Errno> {
    let many = match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    match many {
        true => Err(Errno::InvalidArgument),
        false => Ok(()),
    }
}
