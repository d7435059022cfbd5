//! if_nameindex(3) and if_nametoindex(3), where the host grants `interfaces`.

use std::ffi::{c_char, c_void};
use std::ptr::null_mut;

use crate::errno::{self, Errno, Result};
use crate::memory;

/// `struct if_nameindex`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NameIndex {
    index: u32,
    name: *mut c_char,
}

/// The index of an interface. The Rust SDK's error for a name that nothing has
/// is one without an errno, as Python's.
pub(crate) fn index(name: &str) -> Result<u32> {
    capsock_guest::if_nametoindex(name).map_err(|error| match error.name() {
        Some(_) => error.into(),
        None => Errno::ENODEV,
    })
}

/// if_nametoindex(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_if_nametoindex(name: *const c_char) -> u32 {
    // SAFETY: as if_nametoindex(3) says.
    let name = unsafe { memory::text(name) }.ok_or(Errno::ENODEV);
    name.and_then(index).unwrap_or_else(|errno| {
        errno::set(errno);
        0
    })
}

/// if_indextoname(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_if_indextoname(index: u32, name: *mut [u8; 16]) -> *mut c_char {
    let tell = || {
        let found = capsock_guest::if_indextoname(index)?;
        let mut padded = [0; 16];
        memory::copy_string(&mut padded, found.as_bytes());
        // SAFETY: as if_indextoname(3) says: IF_NAMESIZE bytes.
        unsafe { memory::put(name, padded) }
    };
    match tell() {
        Ok(()) => name.cast(),
        Err(errno) => {
            errno::set(errno);
            null_mut()
        }
    }
}

/// if_nameindex(3): one block, with the names after the array.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_if_nameindex() -> *mut NameIndex {
    let make = || -> Result<*mut NameIndex> {
        let found = capsock_guest::if_nameindex()?;
        let array = (found.len() + 1) * size_of::<NameIndex>();
        let mut block = vec![0; array];
        let mut places = Vec::new();
        for (_, name) in &found {
            places.push(block.len());
            block.extend(name.as_bytes());
            block.push(0);
        }
        let start = memory::allocate(&block)?.cast::<u8>();
        for (at, ((index, _), place)) in found.iter().zip(places).enumerate() {
            let entry = NameIndex {
                index: *index,
                // SAFETY: within the block.
                name: unsafe { start.add(place) }.cast(),
            };
            // SAFETY: the block begins with that many.
            unsafe { memory::put(start.cast::<NameIndex>().add(at), entry)? };
        }
        Ok(start.cast())
    };
    make().unwrap_or_else(|errno| {
        errno::set(errno);
        null_mut()
    })
}

/// if_freenameindex(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_if_freenameindex(start: *mut NameIndex) {
    // SAFETY: what if_nameindex(3) gave, which is one block.
    unsafe { memory::free(start.cast::<c_void>()) };
}
