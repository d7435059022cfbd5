//! getsockopt(2) and setsockopt(2).

use std::ffi::{c_int, c_void};
use std::time::Duration;

use capsock_guest::{SO_ERROR, SOL_SOCKET};
use libc::socklen_t;

use crate::errno::{self, Errno, Result};
use crate::table::{self, Sock};
use crate::{memory, numbers};

/// The largest value that the interface has.
const MOST: usize = 1024;

fn get(socket: &Sock, level: c_int, option: c_int, length: usize) -> Result<Vec<u8>> {
    let level = numbers::level(level);
    let mut bytes = match (level, option) {
        (SOL_SOCKET, libc::SO_RCVTIMEO) => timeval(socket.receive_timeout.get()),
        (SOL_SOCKET, libc::SO_SNDTIMEO) => timeval(socket.send_timeout.get()),
        (SOL_SOCKET, SO_ERROR) => {
            let error = match socket.host.getsockopt(level, option)? {
                0 => 0,
                linux => Errno::of_linux(linux).0,
            };
            error.to_ne_bytes().to_vec()
        }
        _ if length == 0 => Vec::new(),
        _ => {
            let mut bytes = socket
                .host
                .getsockopt_bytes(level, option, length.min(MOST))?;
            if let Ok(number) = bytes[..].try_into() {
                let told = numbers::told(level, option, c_int::from_ne_bytes(number));
                bytes = told.to_ne_bytes().to_vec();
            }
            bytes
        }
    };
    bytes.truncate(length);
    Ok(bytes)
}

fn set(socket: &Sock, level: c_int, option: c_int, value: &[u8]) -> Result<()> {
    let level = numbers::level(level);
    match (level, option) {
        (SOL_SOCKET, libc::SO_RCVTIMEO) => socket.receive_timeout.set(duration(value)?),
        (SOL_SOCKET, libc::SO_SNDTIMEO) => socket.send_timeout.set(duration(value)?),
        _ => socket.host.setsockopt_bytes(level, option, value)?,
    }
    Ok(())
}

/// `struct timeval`
fn timeval(time: Option<Duration>) -> Vec<u8> {
    let time = time.unwrap_or_default();
    let parts = [time.as_secs(), u64::from(time.subsec_micros())];
    parts.iter().flat_map(|part| part.to_ne_bytes()).collect()
}

/// `struct timeval`; 0 is no limit: socket(7).
fn duration(value: &[u8]) -> Result<Option<Duration>> {
    let part = |at: usize| -> Result<u64> {
        let bytes = value
            .get(at..at + 8)
            .and_then(|bytes| bytes.try_into().ok());
        let part = bytes.map(i64::from_ne_bytes).ok_or(Errno(libc::EINVAL))?;
        u64::try_from(part).map_err(|_negative| Errno(libc::EDOM))
    };
    let (seconds, microseconds) = (part(0)?, part(8)?);
    if microseconds >= 1_000_000 {
        return Err(Errno(libc::EDOM));
    }
    let time = Duration::from_secs(seconds) + Duration::from_micros(microseconds);
    Ok((!time.is_zero()).then_some(time))
}

/// getsockopt(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    let tell = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as getsockopt(2) says.
        let room = unsafe { memory::get(length)? };
        let bytes = get(&socket, level, option, room as usize)?;
        // SAFETY: the same.
        unsafe {
            memory::room(value, bytes.len())?.copy_from_slice(&bytes);
            memory::put(length, bytes.len() as socklen_t)
        }
    };
    errno::nothing(tell())
}

/// setsockopt(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_setsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    let change = || {
        let socket = table::lookup(fd)?;
        if length as usize > MOST {
            return Err(Errno(libc::EINVAL));
        }
        // SAFETY: as setsockopt(2) says.
        set(&socket, level, option, unsafe {
            memory::bytes(value, length as usize)?
        })
    };
    errno::nothing(change())
}
