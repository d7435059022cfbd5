//! `if_nameindex(3)`, `if_nametoindex(3)` and `if_indextoname(3)`.

use std::ffi::CStr;

use nix::net::if_;

use crate::Errno;

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

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

fn errno(errno: nix::Error) -> Errno {
    Errno::from_raw(errno as i32)
}
