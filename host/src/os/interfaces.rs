//! `if_nameindex(3)`, `if_nametoindex(3)`, `if_indextoname(3)` and
//! `getifaddrs(3)`.

#![allow(
    unsafe_code,
    reason = "no library that is here has the ioctl that tells the MTU"
)]

use std::ffi::{CStr, c_char};
use std::mem::zeroed;
use std::net::{SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};

use nix::ifaddrs::getifaddrs;
use nix::net::if_;
use nix::sys::socket::SockaddrStorage;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::{Address, CanAddress, Errno, PacketAddress};

/// An interface with one of its addresses: `struct ifaddrs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceAddress {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// `IFF_*`
    pub(crate) flags: i32,
    pub(crate) mtu: u32,
    pub(crate) address: Option<Address>,
    pub(crate) netmask: Option<Address>,
    pub(crate) broadcast: Option<Address>,
    pub(crate) peer: Option<Address>,
}

/// Index and name of each network interface.
pub(crate) fn list() -> Result<Vec<(u32, String)>, Errno> {
    let interfaces = if_::if_nameindex().map_err(errno)?;
    Ok(interfaces
        .iter()
        .map(|interface| (interface.index(), text(interface.name())))
        .collect())
}

/// The addresses of each network interface. One that goes meanwhile is left out.
pub(crate) fn addresses() -> Result<Vec<InterfaceAddress>, Errno> {
    // Any socket will do (netdevice(7)).
    let asked = socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let found = getifaddrs().map_err(errno)?;
    let found = found.filter_map(|item| {
        let name = item.interface_name;
        // The label of an address has the interface before the colon.
        let interface = name.split(':').next().unwrap_or_default();
        Some(InterfaceAddress {
            index: index(interface).ok()?,
            flags: item.flags.bits(),
            mtu: mtu(asked.as_fd(), interface).ok()?,
            address: item.address.and_then(address),
            netmask: item.netmask.and_then(address),
            broadcast: item.broadcast.and_then(address),
            peer: item.destination.and_then(address),
            name,
        })
    });
    Ok(found.collect())
}

fn address(address: SockaddrStorage) -> Option<Address> {
    if let Some(inet) = address.as_sockaddr_in() {
        return Some(Address::Inet(SocketAddrV4::from(*inet)));
    }
    if let Some(inet6) = address.as_sockaddr_in6() {
        return Some(Address::Inet6(SocketAddrV6::from(*inet6)));
    }
    let link: &libc::sockaddr_ll = address.as_link_addr()?.as_ref();
    let length = usize::from(link.sll_halen).min(link.sll_addr.len());
    Some(Address::Packet(PacketAddress {
        protocol: u16::from_be(link.sll_protocol),
        interface: name_or_any(link.sll_ifindex.cast_unsigned()),
        hardware_type: link.sll_hatype,
        packet_type: link.sll_pkttype,
        hardware_address: link.sll_addr.get(..length)?.to_vec(),
    }))
}

/// `SIOCGIFMTU`
fn mtu(asked: impl AsFd, name: &str) -> Result<u32, Errno> {
    // SAFETY: all zero is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { zeroed() };
    // The last byte stays NUL.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().take(room).zip(name.bytes()) {
        *to = from as c_char;
    }
    let fd = asked.as_fd().as_raw_fd();
    // SAFETY: netdevice(7): this request takes an `ifreq` and writes its MTU.
    let mtu = unsafe {
        match libc::ioctl(fd, libc::SIOCGIFMTU, &raw mut request) {
            0 => request.ifr_ifru.ifru_mtu,
            _failed => return Err(std::io::Error::last_os_error().into()),
        }
    };
    Ok(mtu.unsigned_abs())
}

/// The index of an interface.
pub(crate) fn index(name: &str) -> Result<u32, Errno> {
    if name.len() >= libc::IFNAMSIZ {
        return Err(Errno::NoDevice);
    }
    if_::if_nametoindex(name).map_err(errno)
}

/// The name of an interface.
pub(crate) fn name(index: u32) -> Result<String, Errno> {
    let name = if_::if_indextoname(index).map_err(errno)?;
    // nix 0.31 does not see the C library's NULL; no interface has no name.
    match name.is_empty() {
        true => Err(Errno::NoSuchDeviceOrAddress),
        false => Ok(text(&name)),
    }
}

/// The index for an address: 0, for any, of the empty name.
///
/// # Errors
/// [`Errno::NoDevice`] where there is none of that name.
pub(crate) fn index_or_any(name: &str) -> Result<u32, Errno> {
    match name {
        "" => Ok(0),
        // The kernel would take what stands before the colon.
        name if name.len() < libc::IFNAMSIZ && name.contains(':') => Err(Errno::NoDevice),
        name => index(name),
    }
}

/// The name in an address: empty for 0, any; the number for one that is gone.
pub(super) fn name_or_any(index: u32) -> String {
    match index {
        0 => String::new(),
        index => name(index).unwrap_or_else(|_gone| format!("#{index}")),
    }
}

/// The address with its interface by the kernel's own name for it, which is told
/// of it; one that there is not is left as it is.
pub(crate) fn with_own_name(mut address: Address) -> Address {
    if let Address::Packet(PacketAddress { interface, .. })
    | Address::Can(CanAddress { interface, .. }) = &mut address
        && let Ok(index) = index_or_any(interface)
    {
        *interface = name_or_any(index);
    }
    address
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

fn errno(errno: nix::Error) -> Errno {
    Errno::from_raw(errno as i32)
}
