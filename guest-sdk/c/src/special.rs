//! Files that programs open, and a guest does not have.

use std::cell::Cell;

use crate::errno::{Errno, Result};
use crate::table::{O_ACCMODE, O_RDONLY, O_WRONLY};

pub(crate) struct Special {
    what: What,
    /// `O_RDONLY`, `O_WRONLY` or `O_RDWR`.
    pub(crate) mode: i32,
}

enum What {
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
    /// `None` where the path names none.
    pub(crate) fn open(path: &[u8], flags: i32) -> Option<Result<Self>> {
        let mode = flags & O_ACCMODE;
        let what = match path {
            b"/dev/null" => What::Null,
            b"/dev/zero" => What::Zero,
            b"/dev/random" | b"/dev/urandom" => What::Random,
            b"/etc/resolv.conf" if mode != O_RDONLY => return Some(Err(Errno::EROFS)),
            b"/etc/resolv.conf" => What::Text(RESOLV_CONF, Cell::new(0)),
            _ => return None,
        };
        Some(Ok(Self { what, mode }))
    }

    pub(crate) fn read(&self, room: &mut [u8]) -> Result<usize> {
        match &self.what {
            _ if self.mode == O_WRONLY => Err(Errno::EBADF),
            What::Null => Ok(0),
            What::Zero => {
                room.fill(0);
                Ok(room.len())
            }
            What::Random => random(room),
            What::Text(text, position) => {
                let rest = &text[position.get()..];
                let length = rest.len().min(room.len());
                room[..length].copy_from_slice(&rest[..length]);
                position.set(position.get() + length);
                Ok(length)
            }
        }
    }

    pub(crate) fn write(&self, data: &[u8]) -> Result<usize> {
        match self.mode {
            O_RDONLY => Err(Errno::EBADF),
            _ => Ok(data.len()),
        }
    }

    pub(crate) fn seek(&self, offset: i64, whence: i32) -> Result<i64> {
        let What::Text(text, position) = &self.what else {
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
        matches!(self.what, What::Text(..))
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
