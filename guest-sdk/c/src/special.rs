//! Files that programs open, and a guest does not have.

use std::cell::Cell;

use crate::errno::{Errno, Result};

pub(crate) enum Special {
    /// `/dev/null`
    Null,
    /// `/dev/zero`
    Zero,
    /// `/dev/random` and `/dev/urandom`
    Random,
    /// A text, and how much of it was read.
    Text(&'static [u8], Cell<usize>),
}

/// The host looks names up; a program that reads this finds no server.
const RESOLV_CONF: &[u8] = b"# The host looks names up, where it grants them: getaddrinfo(3).\n";

unsafe extern "C" {
    fn getentropy(start: *mut std::ffi::c_void, length: usize) -> i32;
}

impl Special {
    pub(crate) fn named(path: &[u8]) -> Option<Self> {
        match path {
            b"/dev/null" => Some(Self::Null),
            b"/dev/zero" => Some(Self::Zero),
            b"/dev/random" | b"/dev/urandom" => Some(Self::Random),
            b"/etc/resolv.conf" => Some(Self::Text(RESOLV_CONF, Cell::new(0))),
            _ => None,
        }
    }

    pub(crate) fn read(&self, room: &mut [u8]) -> Result<usize> {
        match self {
            Self::Null => Ok(0),
            Self::Zero => {
                room.fill(0);
                Ok(room.len())
            }
            Self::Random => random(room),
            Self::Text(text, position) => {
                let rest = &text[position.get()..];
                let length = rest.len().min(room.len());
                room[..length].copy_from_slice(&rest[..length]);
                position.set(position.get() + length);
                Ok(length)
            }
        }
    }

    pub(crate) fn write(&self, data: &[u8]) -> Result<usize> {
        match self {
            Self::Null | Self::Zero | Self::Random => Ok(data.len()),
            Self::Text(..) => Err(Errno::EBADF),
        }
    }

    pub(crate) fn seek(&self, offset: i64, whence: i32) -> Result<i64> {
        let Self::Text(text, position) = self else {
            return Ok(0);
        };
        let from = match whence {
            0 => 0,
            1 => position.get(),
            2 => text.len(),
            _ => return Err(Errno::EINVAL),
        };
        let to = i64::try_from(from)
            .ok()
            .and_then(|from| from.checked_add(offset));
        let to = to
            .and_then(|to| usize::try_from(to).ok())
            .ok_or(Errno::EINVAL)?;
        position.set(to.min(text.len()));
        Ok(to as i64)
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Text(..))
    }
}

/// Fills `room` from the host's generator.
pub(crate) fn random(room: &mut [u8]) -> Result<usize> {
    for part in room.chunks_mut(256) {
        // SAFETY: getentropy(3), of at most 256 bytes.
        if unsafe { getentropy(part.as_mut_ptr().cast(), part.len()) } != 0 {
            return Err(crate::errno::last());
        }
    }
    Ok(room.len())
}

/// getrandom(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getrandom(
    start: *mut std::ffi::c_void,
    length: usize,
    _flags: u32,
) -> isize {
    // SAFETY: as getrandom(2) says.
    let room = unsafe { crate::memory::room(start, length) };
    crate::errno::count(room.and_then(random))
}
