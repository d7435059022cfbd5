//! `gethostbyname2_r(3)`, `gethostbyaddr_r(3)`, `getservbyname_r(3)`,
//! `getservbyport_r(3)` and `getprotobyname_r(3)`, each of which may block.

#![allow(
    unsafe_code,
    reason = "no library has the reentrant forms of these calls"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;
use std::sync::Once;

use libc::{hostent, protoent, servent, size_t, socklen_t};

use super::search_list;
use crate::lookup::{Asked, HostEntry, HostError, NameError};

/// The longest answer that is taken, in bytes.
const LONGEST: usize = 64 << 10;

// glibc's netdb.h, and nss.h; not in the libc crate.
unsafe extern "C" {
    fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;

    fn gethostbyname2_r(
        name: *const c_char,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        length: size_t,
        result: *mut *mut hostent,
        error: *mut c_int,
    ) -> c_int;

    fn gethostbyaddr_r(
        address: *const c_void,
        address_length: socklen_t,
        family: c_int,
        entry: *mut hostent,
        buffer: *mut c_char,
        length: size_t,
        result: *mut *mut hostent,
        error: *mut c_int,
    ) -> c_int;

    fn getservbyname_r(
        name: *const c_char,
        protocol: *const c_char,
        entry: *mut servent,
        buffer: *mut c_char,
        length: size_t,
        result: *mut *mut servent,
    ) -> c_int;

    fn getservbyport_r(
        port: c_int,
        protocol: *const c_char,
        entry: *mut servent,
        buffer: *mut c_char,
        length: size_t,
        result: *mut *mut servent,
    ) -> c_int;

    fn getprotobyname_r(
        name: *const c_char,
        entry: *mut protoent,
        buffer: *mut c_char,
        length: size_t,
        result: *mut *mut protoent,
    ) -> c_int;
}

/// `gethostbyname2_r(3)` for IPv4.
pub(crate) fn host_by_name(asked: &Asked) -> Result<HostEntry, HostError> {
    let is_absent = |error: &HostError| *error == HostError::HostNotFound;
    search_list::look_up(asked, is_absent, |name| {
        let name = CString::new(name).map_err(|_nul| HostError::HostNotFound)?;
        host(|entry, buffer, result, error| {
            // SAFETY: every pointer is valid for the call, and the name ends in
            // NUL.
            unsafe {
                gethostbyname2_r(
                    name.as_ptr(),
                    libc::AF_INET,
                    entry,
                    buffer.as_mut_ptr(),
                    buffer.len(),
                    result,
                    error,
                )
            }
        })
    })
}

/// `gethostbyaddr_r(3)`
pub(crate) fn host_by_address(address: IpAddr) -> Result<HostEntry, HostError> {
    let (family, bytes) = match address {
        IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
        IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
    };
    host(|entry, buffer, result, error| {
        // SAFETY: every pointer is valid for the call, and there are as many
        // bytes of the address as the length says.
        unsafe {
            gethostbyaddr_r(
                bytes.as_ptr().cast(),
                bytes.len() as socklen_t,
                family,
                entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                result,
                error,
            )
        }
    })
}

/// Has this process take services and protocols from their files alone,
/// whatever nsswitch.conf(5) says: other sources may ask a server, and no rule
/// was asked about that.
pub(super) fn keep_to_files() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for database in [c"services", c"protocols"] {
            // SAFETY: both texts end in NUL.
            let code = unsafe { __nss_configure_lookup(database.as_ptr(), c"files".as_ptr()) };
            if code != 0 {
                let error = std::io::Error::last_os_error();
                tracing::warn!(%error, ?database, "looking up in the files alone");
            }
        }
    });
}

/// `getservbyname_r(3)`; no protocol means any.
pub(crate) fn service_by_name(name: &str, protocol: Option<&str>) -> Result<u16, NameError> {
    keep_to_files();
    let name = text(name)?;
    let protocol = protocol.map(text).transpose()?;
    // SAFETY: of all the fields, zero is a value.
    let mut entry: servent = unsafe { std::mem::zeroed() };
    sized(|buffer| {
        let mut result = ptr::null_mut();
        // SAFETY: every pointer is valid for the call, the texts end in NUL, and
        // no protocol is NULL.
        let code = unsafe {
            getservbyname_r(
                name.as_ptr(),
                protocol.as_ref().map_or(ptr::null(), |text| text.as_ptr()),
                &raw mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut result,
            )
        };
        found(code, result)?;
        Ok(u16::from_be(entry.s_port as u16))
    })
    .map_err(name_error)
}

/// `getservbyport_r(3)`; no protocol means any.
pub(crate) fn service_by_port(port: u16, protocol: Option<&str>) -> Result<String, NameError> {
    keep_to_files();
    let protocol = protocol.map(text).transpose()?;
    // SAFETY: of all the fields, zero is a value.
    let mut entry: servent = unsafe { std::mem::zeroed() };
    sized(|buffer| {
        let mut result = ptr::null_mut();
        // SAFETY: as above.
        let code = unsafe {
            getservbyport_r(
                c_int::from(port.to_be()),
                protocol.as_ref().map_or(ptr::null(), |text| text.as_ptr()),
                &raw mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut result,
            )
        };
        found(code, result)?;
        // SAFETY: the call has made it a text that ends in NUL, in the buffer.
        Ok(unsafe { owned(entry.s_name) })
    })
    .map_err(name_error)
}

/// `getprotobyname_r(3)`
pub(crate) fn protocol_by_name(name: &str) -> Result<u32, NameError> {
    keep_to_files();
    let name = text(name)?;
    // SAFETY: of all the fields, zero is a value.
    let mut entry: protoent = unsafe { std::mem::zeroed() };
    let number = sized(|buffer| {
        let mut result = ptr::null_mut();
        // SAFETY: every pointer is valid for the call, and the name ends in NUL.
        let code = unsafe {
            getprotobyname_r(
                name.as_ptr(),
                &raw mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut result,
            )
        };
        found(code, result)?;
        Ok(entry.p_proto)
    });
    u32::try_from(number.map_err(name_error)?).map_err(|_negative| NameError::NoName)
}

/// Calls for a host, and copies what was found.
fn host(
    mut call: impl FnMut(*mut hostent, &mut [c_char], *mut *mut hostent, *mut c_int) -> c_int,
) -> Result<HostEntry, HostError> {
    // SAFETY: of all the fields, zero is a value.
    let mut entry: hostent = unsafe { std::mem::zeroed() };
    let mut error = 0;
    let result = sized(|buffer| {
        let mut result = ptr::null_mut();
        let code = call(&raw mut entry, buffer, &raw mut result, &raw mut error);
        found(code, result)?;
        // SAFETY: the call succeeded, so the entry's fields are what netdb.h
        // says of them; what they point to is in the buffer, which lives on.
        unsafe {
            Ok(HostEntry {
                name: owned(entry.h_name),
                aliases: list(entry.h_aliases).map(|alias| owned(alias)).collect(),
                addresses: list(entry.h_addr_list)
                    .filter_map(|address| ip(entry.h_addrtype, address.cast()))
                    .collect(),
            })
        }
    });
    // Not in the libc crate: glibc's netdb.h.
    const HOST_NOT_FOUND: c_int = 1;
    const TRY_AGAIN: c_int = 2;
    const NO_DATA: c_int = 4;
    result.map_err(|_code| match error {
        HOST_NOT_FOUND => HostError::HostNotFound,
        TRY_AGAIN => HostError::TryAgain,
        NO_DATA => HostError::NoData,
        _ => HostError::NoRecovery,
    })
}

/// Calls with a larger buffer as long as the call says `ERANGE`.
fn sized<T>(mut call: impl FnMut(&mut [c_char]) -> Result<T, c_int>) -> Result<T, c_int> {
    let mut buffer = vec![0; 1 << 10];
    loop {
        match call(&mut buffer) {
            Err(libc::ERANGE) if buffer.len() < LONGEST => buffer.resize(buffer.len() * 4, 0),
            result => return result,
        }
    }
}

/// The error of a call; 0 where it only found nothing.
fn found<T>(code: c_int, result: *const T) -> Result<(), c_int> {
    if code == 0 && !result.is_null() {
        return Ok(());
    }
    Err(code)
}

fn name_error(code: c_int) -> NameError {
    match code {
        0 | libc::ENOENT => NameError::NoName,
        libc::EAGAIN => NameError::Again,
        libc::ENOMEM => NameError::Memory,
        _ => NameError::System,
    }
}

/// No name in the databases has a NUL.
fn text(text: &str) -> Result<CString, NameError> {
    CString::new(text).map_err(|_nul| NameError::NoName)
}

/// # Safety
/// `text` ends in NUL, or is NULL.
unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller says so.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_string_lossy().into_owned()
}

/// # Safety
/// `list` points to pointers, the last of which is NULL; or it is NULL.
unsafe fn list(list: *mut *mut c_char) -> impl Iterator<Item = *mut c_char> {
    let mut next = list;
    std::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: the one before was not the last.
        let item = unsafe { *next };
        // SAFETY: this one is, or is before, the last.
        next = if item.is_null() {
            ptr::null_mut()
        } else {
            unsafe { next.add(1) }
        };
        (!item.is_null()).then_some(item)
    })
}

/// # Safety
/// `address` points to an address of the family.
unsafe fn ip(family: c_int, address: *const u8) -> Option<IpAddr> {
    // SAFETY: the caller says so, and bytes need no alignment.
    unsafe {
        match family {
            libc::AF_INET => Some(Ipv4Addr::from(*address.cast::<[u8; 4]>()).into()),
            libc::AF_INET6 => Some(Ipv6Addr::from(*address.cast::<[u8; 16]>()).into()),
            _ => None,
        }
    }
}
