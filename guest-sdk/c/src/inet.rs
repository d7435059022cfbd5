//! inet(3): addresses as text. Those of libc that know no family are libc's.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::net::{Ipv4Addr, Ipv6Addr};

use capsock_guest::{AF_INET, AF_INET6, AddressFamily, inet_ntop};

use crate::errno::{self, Errno};
use crate::memory;

/// inet_pton(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_inet_pton(
    family: c_int,
    text: *const c_char,
    address: *mut c_void,
) -> c_int {
    // SAFETY: as inet_pton(3) says.
    let text = unsafe { memory::text(text) }.unwrap_or_default();
    let bytes = match AddressFamily::from_number(family) {
        AF_INET => text.parse().map(|ip: Ipv4Addr| ip.octets().to_vec()),
        AF_INET6 => text.parse().map(|ip: Ipv6Addr| ip.octets().to_vec()),
        _ => return errno::int(Err(Errno::EAFNOSUPPORT)),
    };
    let Ok(bytes) = bytes else {
        return 0;
    };
    // SAFETY: the same: there is room for an address of the family.
    errno::int(unsafe { memory::room(address, bytes.len()) }.map(|room| {
        room.copy_from_slice(&bytes);
        1
    }))
}

/// inet_ntop(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_inet_ntop(
    family: c_int,
    address: *const c_void,
    text: *mut c_char,
    length: u32,
) -> *const c_char {
    let convert = || {
        let family = AddressFamily::from_number(family);
        let size = match family {
            AF_INET => 4,
            AF_INET6 => 16,
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        // SAFETY: as inet_ntop(3) says.
        let printed = inet_ntop(family, unsafe { memory::bytes(address, size)? })?;
        // SAFETY: the same.
        let room = unsafe { memory::room(text.cast(), length as usize)? };
        match memory::copy_string(room, printed.as_bytes()) {
            true => Ok(text.cast_const()),
            false => Err(Errno::ENOSPC),
        }
    };
    convert().unwrap_or_else(|errno| {
        errno::set(errno);
        std::ptr::null()
    })
}

thread_local! {
    static TEXT: RefCell<[u8; 16]> = const { RefCell::new([0; 16]) };
}

/// inet_ntoa(3): of the bytes in network order.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_inet_ntoa(address: u32) -> *const c_char {
    let printed = Ipv4Addr::from(address.to_ne_bytes()).to_string();
    TEXT.with_borrow_mut(|text| {
        memory::copy_string(text, printed.as_bytes());
        text.as_ptr().cast()
    })
}
