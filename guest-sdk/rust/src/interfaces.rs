//! The machine's network interfaces, where the host grants `interfaces`.

use crate::address::Address;
use crate::bindings::interfaces::{self as wit, InterfaceFlags};
use crate::bindings::types::ErrorCode;
use crate::error::{Error, Result};

/// Index and name of each network interface: if_nameindex(3).
///
/// # Errors
/// `EACCES` where the host does not grant it.
pub fn if_nameindex() -> Result<Vec<(u32, String)>> {
    let found = wit::list_interfaces().map_err(|code| Error::new("if_nameindex", code))?;
    Ok(found
        .into_iter()
        .map(|interface| (interface.index, interface.name))
        .collect())
}

/// A network interface with one of its addresses: `struct ifaddrs`. The ports of
/// addresses are 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InterfaceAddress {
    /// The interface's index.
    pub index: u32,
    /// Its name, or the label of the address, such as `eth0:1`.
    pub name: String,
    /// `IFF_*`, in Linux's numbers.
    pub flags: u32,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// The address: of IPv4, of IPv6 with its scope, or the one of the link layer
    /// ([`Address::Packet`]).
    pub address: Option<Address>,
    /// The netmask of an IPv4 or IPv6 address.
    pub netmask: Option<Address>,
    /// The broadcast address, where the interface has broadcasts.
    pub broadcast: Option<Address>,
    /// The address of the other end of a point-to-point interface.
    pub peer: Option<Address>,
}

/// The addresses of all network interfaces, each with its interface:
/// getifaddrs(3). Python has no such function.
///
/// # Errors
/// `EACCES` where the host does not grant it.
pub fn getifaddrs() -> Result<Vec<InterfaceAddress>> {
    let found = wit::list_addresses().map_err(|code| Error::new("getifaddrs", code))?;
    let items = found.into_iter().map(|item| InterfaceAddress {
        index: item.index,
        name: item.name,
        flags: bits(item.flags),
        mtu: item.mtu,
        address: item.address.map(Address::from),
        netmask: item.netmask.map(Address::from),
        broadcast: item.broadcast.map(Address::from),
        peer: item.peer.map(Address::from),
    });
    Ok(items.collect())
}

/// `IFF_*`
fn bits(flags: InterfaceFlags) -> u32 {
    let known = [
        (InterfaceFlags::UP, 0x1),
        (InterfaceFlags::BROADCAST, 0x2),
        (InterfaceFlags::DEBUG, 0x4),
        (InterfaceFlags::LOOPBACK, 0x8),
        (InterfaceFlags::POINT_TO_POINT, 0x10),
        (InterfaceFlags::NO_TRAILERS, 0x20),
        (InterfaceFlags::RUNNING, 0x40),
        (InterfaceFlags::NO_ARP, 0x80),
        (InterfaceFlags::PROMISCUOUS, 0x100),
        (InterfaceFlags::ALL_MULTICAST, 0x200),
        (InterfaceFlags::MASTER, 0x400),
        (InterfaceFlags::SLAVE, 0x800),
        (InterfaceFlags::MULTICAST, 0x1000),
        (InterfaceFlags::PORT_SELECTION, 0x2000),
        (InterfaceFlags::AUTOMATIC_MEDIA, 0x4000),
        (InterfaceFlags::DYNAMIC, 0x8000),
        (InterfaceFlags::LOWER_UP, 0x1_0000),
        (InterfaceFlags::DORMANT, 0x2_0000),
        (InterfaceFlags::ECHO, 0x4_0000),
    ];
    let set = known.iter().filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, bit)| bit).sum()
}

/// The index of a network interface by its name: if_nametoindex(3).
///
/// # Errors
/// `EACCES` where the host does not grant it; one without an errno, as in
/// Python, where no interface has the name.
pub fn if_nametoindex(if_name: &str) -> Result<u32> {
    const OPERATION: &str = "if_nametoindex";
    if if_name.contains('\0') {
        return Err(Error::invalid(OPERATION, "embedded null byte".to_owned()));
    }
    wit::name_to_index(if_name).map_err(|code| match code {
        ErrorCode::NoDevice => Error::invalid(
            OPERATION,
            format!("no interface with this name: `{if_name}`"),
        ),
        code => Error::new(OPERATION, code),
    })
}

/// The name of a network interface by its index: if_indextoname(3).
///
/// # Errors
/// `EACCES` where the host does not grant it; `ENXIO` where no interface has
/// the index.
pub fn if_indextoname(if_index: u32) -> Result<String> {
    wit::index_to_name(if_index).map_err(|code| Error::new("if_indextoname", code))
}
