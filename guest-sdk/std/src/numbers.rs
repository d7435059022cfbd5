//! The C library's numbers, where they are not Linux's.

use std::ffi::c_int;

use capsock_guest::{
    AF_INET, AF_INET6, AF_UNSPEC, AddressFamily, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_DOMAIN, SO_TYPE,
    SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, Shutdown, SocketKind,
};

use crate::errno::{Errno, Result};

/// `AF_INET` and its like.
pub(crate) fn family(number: c_int) -> Result<AddressFamily> {
    match number {
        libc::AF_UNSPEC => Ok(AF_UNSPEC),
        libc::AF_INET => Ok(AF_INET),
        libc::AF_INET6 => Ok(AF_INET6),
        _ => Err(Errno(libc::EAFNOSUPPORT)),
    }
}

pub(crate) fn family_number(family: AddressFamily) -> c_int {
    match family {
        AF_INET => libc::AF_INET,
        AF_INET6 => libc::AF_INET6,
        _ => libc::AF_UNSPEC,
    }
}

/// `SOCK_STREAM` and its like, and whether the socket waits.
pub(crate) fn kind(number: c_int) -> Result<(SocketKind, bool)> {
    let is_nonblocking = number & libc::SOCK_NONBLOCK != 0;
    let kind = match number & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC) {
        libc::SOCK_STREAM => SOCK_STREAM,
        libc::SOCK_DGRAM => SOCK_DGRAM,
        _ => return Err(Errno(libc::EPROTOTYPE)),
    };
    Ok((kind, is_nonblocking))
}

/// 0 for what the C library has no number for.
pub(crate) fn kind_number(kind: SocketKind) -> c_int {
    match kind {
        SOCK_STREAM => libc::SOCK_STREAM,
        SOCK_DGRAM => libc::SOCK_DGRAM,
        _ => 0,
    }
}

pub(crate) fn shutdown(how: c_int) -> Result<Shutdown> {
    match how {
        libc::SHUT_RD => Ok(SHUT_RD),
        libc::SHUT_WR => Ok(SHUT_WR),
        libc::SHUT_RDWR => Ok(SHUT_RDWR),
        _ => Err(Errno(libc::EINVAL)),
    }
}

/// The names of options are Linux's, but for the level of the socket.
pub(crate) fn level(level: c_int) -> c_int {
    match level {
        libc::SOL_SOCKET => SOL_SOCKET,
        level => level,
    }
}

/// What an option tells that is itself a number.
pub(crate) fn told(level: c_int, option: c_int, value: c_int) -> c_int {
    match (level, option) {
        (SOL_SOCKET, SO_TYPE) => SocketKind::from_number(value).map_or(0, kind_number),
        (SOL_SOCKET, SO_DOMAIN) => family_number(AddressFamily::from_number(value)),
        _ => value,
    }
}
