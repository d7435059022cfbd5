//! The machine's network interfaces, where the host grants `interfaces`.

use crate::bindings::interfaces as wit;
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
