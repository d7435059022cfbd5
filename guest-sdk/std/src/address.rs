//! `struct sockaddr`, in the C library's layout.

use std::ffi::c_void;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use libc::{in_addr, in6_addr, sockaddr_in, sockaddr_in6, socklen_t};

use crate::errno::{Errno, Result};
use crate::memory;

/// `struct sockaddr_in` or `struct sockaddr_in6`: an address with its length.
#[derive(Clone, Copy)]
pub(crate) enum Formatted {
    V4(sockaddr_in),
    V6(sockaddr_in6),
}

/// An address that C hands over.
///
/// # Safety
/// `start` is null or has `length` bytes.
pub(crate) unsafe fn read(start: *const c_void, length: socklen_t) -> Result<SocketAddr> {
    let invalid = Errno(libc::EINVAL);
    let length = length as usize;
    if length < size_of::<sockaddr_in>().min(size_of::<sockaddr_in6>()) {
        return Err(invalid);
    }
    // SAFETY: by this function's condition, here and below; both begin with the
    // family.
    match i32::from(unsafe { memory::get(start.cast::<sockaddr_in>())? }.sin_family) {
        libc::AF_INET => {
            // SAFETY: the same.
            let address = unsafe { memory::get(start.cast::<sockaddr_in>())? };
            let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
            Ok(SocketAddrV4::new(ip, u16::from_be(address.sin_port)).into())
        }
        libc::AF_INET6 if length >= size_of::<sockaddr_in6>() => {
            // SAFETY: the same.
            let address = unsafe { memory::get(start.cast::<sockaddr_in6>())? };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            let port = u16::from_be(address.sin6_port);
            Ok(SocketAddrV6::new(ip, port, address.sin6_flowinfo, address.sin6_scope_id).into())
        }
        libc::AF_INET6 => Err(invalid),
        _ => Err(Errno(libc::EAFNOSUPPORT)),
    }
}

/// Tells an address as accept(2) and its like do: cut to the room that there
/// is, with its whole length.
///
/// # Safety
/// `start` is null or has `*length` bytes; `length` is null or a length.
pub(crate) unsafe fn write(
    start: *mut c_void,
    length: *mut socklen_t,
    address: Option<SocketAddr>,
) -> Result<()> {
    if start.is_null() {
        return Ok(());
    }
    let formatted = address.map(Formatted::from);
    let bytes = formatted.as_ref().map_or(&[][..], Formatted::bytes);
    // SAFETY: by this function's condition.
    unsafe {
        let room = memory::get(length)? as usize;
        let cut = bytes.len().min(room);
        memory::room(start, cut)?.copy_from_slice(&bytes[..cut]);
        memory::put(length, bytes.len() as socklen_t)
    }
}

impl From<SocketAddr> for Formatted {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => Self::V4(sockaddr_in {
                sin_family: libc::AF_INET as _,
                sin_port: address.port().to_be(),
                sin_addr: in_addr {
                    s_addr: u32::from_ne_bytes(address.ip().octets()),
                },
            }),
            SocketAddr::V6(address) => Self::V6(sockaddr_in6 {
                sin6_family: libc::AF_INET6 as _,
                sin6_port: address.port().to_be(),
                sin6_flowinfo: address.flowinfo(),
                sin6_addr: in6_addr {
                    s6_addr: address.ip().octets(),
                },
                sin6_scope_id: address.scope_id(),
            }),
        }
    }
}

impl Formatted {
    pub(crate) fn bytes(&self) -> &[u8] {
        let (start, length) = match self {
            Self::V4(address) => ((&raw const *address).cast::<u8>(), size_of_val(address)),
            Self::V6(address) => ((&raw const *address).cast::<u8>(), size_of_val(address)),
        };
        // SAFETY: it is the structure that this borrows.
        unsafe { std::slice::from_raw_parts(start, length) }
    }
}
