//! getaddrinfo(3)

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

use capsock_guest::{AF_UNSPEC, Error, getaddrinfo};
use libc::addrinfo;

use crate::address::Formatted;
use crate::errno;
use crate::{memory, numbers};

// The C library's, and of Linux: netdb.h.
const EAI_BADFLAGS: c_int = -1;
const EAI_NONAME: c_int = -2;
const EAI_FAIL: c_int = -4;
const EAI_FAMILY: c_int = -6;
const EAI_SOCKTYPE: c_int = -7;

/// All that getaddrinfo(3) knows here: `AI_*`, which are Linux's.
const FLAGS: c_int = 0x3f | 0x400;
/// As much of a name as is needed to see that it is too long.
const LONGEST: usize = 1024;

/// What one block has: the entry, then the address that it points to.
#[repr(C)]
struct Block {
    entry: addrinfo,
    address: Formatted,
}

/// The number of an error; a denial is `EAI_SYSTEM` with `EACCES`.
fn failed(error: Error) -> c_int {
    let number = error.gai_errno();
    number.unwrap_or_else(|| {
        errno::set(error.into());
        libc::EAI_SYSTEM
    })
}

unsafe fn look_up(
    host: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
) -> Result<*mut addrinfo, c_int> {
    // SAFETY: as getaddrinfo(3) says.
    let hints = unsafe { hints.as_ref() };
    let (flags, family, kind, protocol) = hints.map_or((0, 0, 0, 0), |hints| {
        let kind = hints.ai_socktype;
        (hints.ai_flags, hints.ai_family, kind, hints.ai_protocol)
    });
    // SAFETY: the same.
    let (host, service) = unsafe { (text(host)?, text(service)?) };
    if flags & !FLAGS != 0 {
        return Err(EAI_BADFLAGS);
    }
    let kind = match kind {
        0 => None,
        kind => Some(numbers::kind(kind).map_err(|_unknown| EAI_SOCKTYPE)?.0),
    };
    let family = match family {
        libc::AF_UNSPEC => AF_UNSPEC,
        family => numbers::family(family).map_err(|_unknown| EAI_FAMILY)?,
    };
    let found = getaddrinfo(host, service, family, kind, protocol, flags).map_err(failed)?;
    let mut next = null_mut();
    for info in found.iter().rev() {
        let Some(address) = info.sockaddr.to_socket_addr() else {
            continue;
        };
        let block = Box::into_raw(Box::new(Block {
            entry: addrinfo {
                ai_flags: 0,
                ai_family: numbers::family_number(info.family),
                ai_socktype: numbers::kind_number(info.kind),
                ai_protocol: info.proto,
                ai_addrlen: 0,
                ai_addr: null_mut(),
                ai_canonname: null_mut(),
                ai_next: next,
            },
            address: address.into(),
        }));
        // SAFETY: it was made just now, and lives until it is freed.
        unsafe {
            let bytes = (*block).address.bytes();
            (*block).entry.ai_addrlen = bytes.len() as libc::socklen_t;
            (*block).entry.ai_addr = bytes.as_ptr().cast_mut().cast();
        }
        next = block.cast();
    }
    Ok(next)
}

/// # Safety
/// `at` is null or ends with a NUL.
unsafe fn text<'a>(at: *const c_char) -> Result<Option<&'a str>, c_int> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: by this function's condition.
    match unsafe { CStr::from_ptr(at) }.to_str() {
        Ok(text) if text.len() <= LONGEST => Ok(Some(text)),
        _ => Err(EAI_NONAME),
    }
}

/// getaddrinfo(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    found: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: as getaddrinfo(3) says.
    match unsafe { look_up(host, service, hints) } {
        // SAFETY: the same.
        Ok(list) => match unsafe { memory::put(found, list) } {
            Ok(()) => 0,
            Err(_null) => EAI_FAIL,
        },
        Err(number) => number,
    }
}

/// freeaddrinfo(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_freeaddrinfo(mut list: *mut addrinfo) {
    while !list.is_null() {
        // SAFETY: as freeaddrinfo(3) says: what getaddrinfo(3) gave, each with a
        // block of its own.
        let block = unsafe { Box::from_raw(list.cast::<Block>()) };
        list = block.entry.ai_next;
    }
}
