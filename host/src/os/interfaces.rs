//! `if_nameindex(3)`, `if_nametoindex(3)` and `if_indextoname(3)`.

use std::ffi::CStr;

use nix::net::if_;

use crate::{Address, CanAddress, Errno, PacketAddress};

/// Index and name of each network interface.
pub(crate) fn list() -> Result<Vec<(u32, String)>, Errno> {
    let interfaces = if_::if_nameindex().map_err(errno)?;
    Ok(interfaces
        .iter()
        .map(|interface| (interface.index(), text(interface.name())))
        .collect())
}

/// The index of an interface.
pub(crate) fn index(name: &str) -> Result<u32, Errno> {
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
pub(super) fn index_or_any(name: &str) -> Result<u32, Errno> {
    match name {
        "" => Ok(0),
        // The kernel would take what stands before the colon.
        name if name.contains(':') => Err(Errno::NoDevice),
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

/// Gives the interface of an address the kernel's own name for it: rules compare
/// names, and an interface may have several.
///
/// # Errors
/// [`Errno::NoDevice`] where there is none of that name; the address is as it
/// was.
pub(crate) fn use_own_name(address: &mut Address) -> Result<(), Errno> {
    if let Address::Packet(PacketAddress { interface, .. })
    | Address::Can(CanAddress { interface, .. }) = address
    {
        *interface = name_or_any(index_or_any(interface)?);
    }
    Ok(())
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

fn errno(errno: nix::Error) -> Errno {
    Errno::from_raw(errno as i32)
}
