//! `getsockopt(2)` and `setsockopt(2)`.

#![allow(
    unsafe_code,
    reason = "no library has these calls for an option by number"
)]

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

use socket2::SockRef;

use crate::Errno;
use crate::options::OptionNumber;

/// Who is at the other end of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) pid: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// An option that is a C `int`.
pub(crate) fn get_number(fd: BorrowedFd<'_>, option: OptionNumber) -> Result<i32, Errno> {
    let mut bytes = [0; size_of::<i32>()];
    match get(fd, option, &mut bytes)? {
        // Some options of IP are a byte where they are small (ip(7)).
        1 => Ok(i32::from(bytes[0])),
        _ => Ok(i32::from_ne_bytes(bytes)),
    }
}

/// An option that is a C `int`.
pub(crate) fn set_number(
    fd: BorrowedFd<'_>,
    option: OptionNumber,
    value: i32,
) -> Result<(), Errno> {
    set(fd, option, &value.to_ne_bytes())
}

/// An option that is a string.
pub(crate) fn get_text(fd: BorrowedFd<'_>, option: OptionNumber) -> Result<String, Errno> {
    // The longest names are those of algorithms and interfaces, 16 bytes.
    let mut bytes = [0; 64];
    let length = get(fd, option, &mut bytes)?;
    let text = bytes[..length]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// An option that is a string.
pub(crate) fn set_text(fd: BorrowedFd<'_>, option: OptionNumber, value: &str) -> Result<(), Errno> {
    set(fd, option, value.as_bytes())
}

/// Whether a process without privileges may set a congestion control algorithm:
/// one that the administrator allows, or the one that the socket has. The kernel
/// lets `CAP_NET_ADMIN` set any, and loads modules for it.
///
/// # Errors
/// As tcp(7) has them: [`Errno::NoEntry`] for one that is not there,
/// [`Errno::NotPermitted`] for one that is not allowed.
pub(crate) fn check_congestion_control(
    fd: BorrowedFd<'_>,
    option: OptionNumber,
    name: &str,
) -> Result<(), Errno> {
    static ALLOWED: OnceLock<Vec<String>> = OnceLock::new();
    static AVAILABLE: OnceLock<Vec<String>> = OnceLock::new();
    let listed = |list: &'static OnceLock<_>, file: &str| {
        let list: &Vec<String> = list.get_or_init(|| algorithms(file));
        list.iter().any(|listed| listed == name)
    };
    if listed(&ALLOWED, "tcp_allowed_congestion_control") || get_text(fd, option)? == name {
        return Ok(());
    }
    match listed(&AVAILABLE, "tcp_available_congestion_control") {
        true => Err(Errno::NotPermitted),
        false => Err(Errno::NoEntry),
    }
}

/// What a list of the kernel's names; nothing where it cannot be read.
fn algorithms(file: &str) -> Vec<String> {
    let list = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{file}"));
    let list = list.unwrap_or_else(|error| {
        tracing::debug!(%error, file, "reading");
        String::new()
    });
    list.split_whitespace().map(str::to_owned).collect()
}

/// Any option, of which the kernel writes no more than `length` bytes. What it
/// reads of the buffer first is zeros.
pub(crate) fn get_bytes(
    fd: BorrowedFd<'_>,
    option: OptionNumber,
    length: usize,
) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; length];
    let written = get(fd, option, &mut bytes)?;
    bytes.truncate(written);
    Ok(bytes)
}

/// Any option whose value has no pointers or descriptors in it.
pub(crate) fn set_bytes(
    fd: BorrowedFd<'_>,
    option: OptionNumber,
    value: &[u8],
) -> Result<(), Errno> {
    set(fd, option, value)
}

/// An option that is a length and no bytes, as `ALG_SET_AEAD_AUTHSIZE`.
pub(crate) fn set_null(fd: BorrowedFd<'_>, option: OptionNumber, length: u32) -> Result<(), Errno> {
    // SAFETY: the kernel cannot read from a null pointer: that is EFAULT.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            option.level,
            option.name,
            std::ptr::null(),
            length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// `SO_LINGER`
pub(crate) fn linger(fd: BorrowedFd<'_>) -> Result<Option<Duration>, Errno> {
    Ok(SockRef::from(&fd).linger()?)
}

/// `SO_LINGER`
pub(crate) fn set_linger(fd: BorrowedFd<'_>, value: Option<Duration>) -> Result<(), Errno> {
    Ok(SockRef::from(&fd).set_linger(value)?)
}

/// Makes closing it not wait, whoever set `SO_LINGER`: it may be another process
/// that has the socket too, or the listener that it was accepted by. A time of
/// zero, a reset, does not wait.
pub(super) fn end_linger(fd: BorrowedFd<'_>) {
    if let Ok(Some(Duration::ZERO) | None) = linger(fd) {
        return;
    }
    // It fails where it is no socket, which has no such option.
    if let Err(error) = set_linger(fd, None) {
        tracing::trace!(%error, "SO_LINGER");
    }
}

/// `SO_ERROR`
pub(crate) fn take_error(fd: BorrowedFd<'_>) -> Result<Option<Errno>, Errno> {
    Ok(SockRef::from(&fd).take_error()?.map(Errno::from))
}

/// `SO_PEERCRED`
pub(crate) fn peer_credentials(fd: BorrowedFd<'_>) -> Result<Credentials, Errno> {
    // `struct ucred`: three integers of 32 bits.
    let mut bytes = [0; 12];
    let option = OptionNumber {
        level: libc::SOL_SOCKET,
        name: libc::SO_PEERCRED,
    };
    get(fd, option, &mut bytes)?;
    let field = |at: usize| {
        let mut field = [0; 4];
        field.copy_from_slice(&bytes[at..at + 4]);
        field
    };
    Ok(Credentials {
        pid: i32::from_ne_bytes(field(0)),
        uid: u32::from_ne_bytes(field(4)),
        gid: u32::from_ne_bytes(field(8)),
    })
}

/// The first byte of an option.
pub(super) fn get_byte(fd: BorrowedFd<'_>, level: i32, name: i32) -> Result<u8, Errno> {
    let mut bytes = [0];
    get(fd, OptionNumber { level, name }, &mut bytes)?;
    Ok(bytes[0])
}

/// Reads an option into `bytes`, and returns how much the kernel wrote.
pub(super) fn get(
    fd: BorrowedFd<'_>,
    option: OptionNumber,
    bytes: &mut [u8],
) -> Result<usize, Errno> {
    let mut length =
        libc::socklen_t::try_from(bytes.len()).map_err(|_length| Errno::InvalidArgument)?;
    // SAFETY: `bytes` may be written for `length` bytes, and the kernel writes
    // no more.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            option.level,
            option.name,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    match result {
        0 => Ok((length as usize).min(bytes.len())),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

pub(super) fn set(fd: BorrowedFd<'_>, option: OptionNumber, bytes: &[u8]) -> Result<(), Errno> {
    let length =
        libc::socklen_t::try_from(bytes.len()).map_err(|_length| Errno::InvalidArgument)?;
    // SAFETY: `bytes` may be read for `length` bytes.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            option.level,
            option.name,
            bytes.as_ptr().cast(),
            length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}
