//! getsockopt(2) and setsockopt(2), by Linux's numbers.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use crate::address::Length;
use crate::errno::{self, Errno, Result};
use crate::memory;
use crate::socket::Sock;
use crate::table;

const SOL_SOCKET: c_int = 1;
const IPPROTO_IP: c_int = 0;
const IPPROTO_IPV6: c_int = 41;
const SO_ERROR: c_int = 4;
const SO_TIMESTAMPNS_OLD: c_int = 35;
const SO_TIMESTAMPING_OLD: c_int = 37;

/// The largest value that the interface has.
const MOST: usize = 1024;

/// What of the socket level this library does itself. Those with a time have two
/// numbers on Linux, where `time_t` has 64 bits on 32-bit machines.
enum Own {
    ReceiveTimeout,
    SendTimeout,
    /// The time of arrival, in the older form or the newer one.
    Timestamp {
        is_timeval: bool,
    },
}

impl Own {
    fn of(level: c_int, option: c_int) -> Option<Self> {
        Some(match (level, option) {
            (SOL_SOCKET, 20 | 66) => Self::ReceiveTimeout,
            (SOL_SOCKET, 21 | 67) => Self::SendTimeout,
            (SOL_SOCKET, 29 | 63) => Self::Timestamp { is_timeval: true },
            (SOL_SOCKET, 35 | 64) => Self::Timestamp { is_timeval: false },
            _ => return None,
        })
    }
}

/// The number that the Rust SDK has.
fn number(level: c_int, option: c_int) -> c_int {
    match (level, option) {
        (SOL_SOCKET, 65) => SO_TIMESTAMPING_OLD,
        _ => option,
    }
}

fn get(socket: &Sock, level: c_int, option: c_int, length: usize) -> Result<Vec<u8>> {
    let host = &socket.host;
    let mut bytes = match Own::of(level, option) {
        Some(Own::ReceiveTimeout) => timeval(socket.receive_timeout.get()),
        Some(Own::SendTimeout) => timeval(socket.send_timeout.get()),
        Some(Own::Timestamp { is_timeval }) => {
            let is_on = host.getsockopt(SOL_SOCKET, SO_TIMESTAMPNS_OLD)? != 0;
            let is_it = is_on && socket.wants_timeval.get() == is_timeval;
            c_int::from(is_it).to_ne_bytes().to_vec()
        }
        None if (level, option) == (SOL_SOCKET, SO_ERROR) => {
            let error = match host.getsockopt(level, option)? {
                0 => 0,
                linux => Errno::of_linux(linux).0,
            };
            error.to_ne_bytes().to_vec()
        }
        None if length == 0 => Vec::new(),
        None => host.getsockopt_bytes(level, number(level, option), length.min(MOST))?,
    };
    bytes.truncate(length);
    Ok(bytes)
}

fn set(socket: &Sock, level: c_int, option: c_int, value: &[u8]) -> Result<()> {
    let host = &socket.host;
    match Own::of(level, option) {
        Some(Own::ReceiveTimeout) => socket.receive_timeout.set(duration(value)?),
        Some(Own::SendTimeout) => socket.send_timeout.set(duration(value)?),
        Some(Own::Timestamp { is_timeval }) => {
            host.setsockopt_bytes(SOL_SOCKET, SO_TIMESTAMPNS_OLD, value)?;
            socket.wants_timeval.set(is_timeval);
        }
        None => {
            let option = number(level, option);
            let padded = padded_group(level, option, value);
            host.setsockopt_bytes(level, option, padded.as_deref().unwrap_or(value))?;
        }
    }
    Ok(())
}

/// `struct group_req` and its kin have padding after their first member on 64-bit
/// machines, which is how the Rust SDK reads them.
fn padded_group(level: c_int, option: c_int, value: &[u8]) -> Option<Vec<u8>> {
    let is_group = matches!(level, IPPROTO_IP | IPPROTO_IPV6) && (42..=47).contains(&option);
    let (index, rest) = value.split_at_checked(4)?;
    (is_group && size_of::<usize>() == 4).then(|| [index, &[0; 4], rest].concat())
}

/// `struct timeval`
fn timeval(time: Option<Duration>) -> Vec<u8> {
    let time = time.unwrap_or_default();
    let parts = [time.as_secs(), u64::from(time.subsec_micros())];
    parts.iter().flat_map(|part| part.to_ne_bytes()).collect()
}

/// `struct timeval`, or that of a 32-bit machine, which a program makes that does not have
/// it from a header; 0 is no limit: socket(7).
fn duration(value: &[u8]) -> Result<Option<Duration>> {
    let part = |at: usize| -> Option<i64> {
        if value.len() == 8 {
            let bytes = value[at / 2..at / 2 + 4].try_into().ok()?;
            return Some(i32::from_ne_bytes(bytes).into());
        }
        Some(i64::from_ne_bytes(value.get(at..at + 8)?.try_into().ok()?))
    };
    let (seconds, microseconds) = part(0).zip(part(8)).ok_or(Errno::EINVAL)?;
    if !(0..1_000_000).contains(&microseconds) {
        return Err(Errno::EDOM);
    }
    // The kernel takes a negative time for no waiting, which is the shortest
    // one here.
    let time = match u64::try_from(seconds) {
        Ok(seconds) => Duration::from_secs(seconds) + Duration::from_micros(microseconds as u64),
        Err(_negative) => Duration::from_nanos(1),
    };
    Ok((!time.is_zero()).then_some(time))
}

/// getsockopt(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getsockopt(
    fd: c_int,
    level: c_int,
    option: c_int,
    value: *mut c_void,
    length: *mut Length,
) -> c_int {
    let tell = || {
        let object = table::lookup(fd)?;
        let socket = object.socket()?;
        // SAFETY: as getsockopt(2) says.
        let room = unsafe { memory::get(length)? };
        if room > i32::MAX.unsigned_abs() {
            return Err(Errno::EINVAL);
        }
        let bytes = get(socket, level, option, room as usize)?;
        // SAFETY: the same.
        unsafe {
            memory::room(value, bytes.len())?.copy_from_slice(&bytes);
            memory::put(length, bytes.len() as Length)
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
    length: Length,
) -> c_int {
    let change = || {
        let object = table::lookup(fd)?;
        let socket = object.socket()?;
        if value.is_null() {
            return Ok(socket
                .host
                .setsockopt_none(level, number(level, option), length)?);
        }
        if length as usize > MOST {
            return Err(Errno::EINVAL);
        }
        // SAFETY: as setsockopt(2) says.
        set(socket, level, option, unsafe {
            memory::bytes(value, length as usize)?
        })
    };
    errno::nothing(change())
}
