//! Network interfaces by name and index.

use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice, socket_with};

use crate::{Address, Errno};

/// The index of an interface; 0, for any, of the empty name.
///
/// # Errors
/// [`Errno::NoDevice`] where there is none of that name.
pub(crate) fn index(name: &str) -> Result<u32, Errno> {
    match name {
        "" => Ok(0),
        // What the kernel would cut, or read no further than to.
        name if name.len() > 15 || name.contains(['\0', ':']) => Err(Errno::NoDevice),
        name => Ok(netdevice::name_to_index(control()?, name)?),
    }
}

/// The name of an interface; empty for 0, any. One that is gone has its number
/// for a name.
pub(crate) fn name(index: u32) -> Result<String, Errno> {
    match index {
        0 => Ok(String::new()),
        index => match netdevice::index_to_name(control()?, index) {
            Ok(name) => Ok(name),
            Err(rustix::io::Errno::NODEV | rustix::io::Errno::NXIO) => Ok(format!("#{index}")),
            Err(error) => Err(error.into()),
        },
    }
}

/// The address with its interface by the kernel's own name for it: rules
/// compare names, and an interface may have several.
///
/// # Errors
/// [`Errno::NoDevice`] where there is none of that name.
pub(crate) fn with_own_name(mut address: Address) -> Result<Address, Errno> {
    let (Address::Packet(crate::PacketAddress { interface, .. })
    | Address::Can(crate::CanAddress { interface, .. })) = &mut address
    else {
        return Ok(address);
    };
    *interface = name(index(interface)?)?;
    Ok(address)
}

/// Any socket will do to ask about interfaces: netdevice(7).
fn control() -> Result<OwnedFd, Errno> {
    let kind = SocketType::DGRAM;
    Ok(socket_with(
        AddressFamily::UNIX,
        kind,
        SocketFlags::CLOEXEC,
        None,
    )?)
}
