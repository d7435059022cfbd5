//! Files that programs open, and a guest does not have.

use std::sync::OnceLock;

use crate::embedded::{File, Found};
use crate::errno::{Errno, Result};
use crate::table::{O_ACCMODE, O_RDONLY, O_WRONLY};

/// What is at one of the paths.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    Device(Device),
    /// What is to be read there.
    Text(Text),
}

#[derive(Clone, Copy)]
pub(crate) enum Device {
    Null,
    Zero,
    Random,
}

#[derive(Clone, Copy)]
pub(crate) enum Text {
    Resolver,
    Authorities,
}

/// The last two are where OpenSSL looks by itself, and where Debian's programs do.
const PATHS: [(&[u8], Named); 7] = [
    (b"/dev/null", Named::Device(Device::Null)),
    (b"/dev/zero", Named::Device(Device::Zero)),
    (b"/dev/random", Named::Device(Device::Random)),
    (b"/dev/urandom", Named::Device(Device::Random)),
    (b"/etc/resolv.conf", Named::Text(Text::Resolver)),
    (b"/etc/ssl/cert.pem", Named::Text(Text::Authorities)),
    (
        b"/etc/ssl/certs/ca-certificates.crt",
        Named::Text(Text::Authorities),
    ),
];

/// The host looks names up; a program that reads this finds no server.
const RESOLV_CONF: &[u8] = b"# The host looks names up, where it grants them: getaddrinfo(3).\n";

/// Whom the host trusts, once something has read it.
static AUTHORITIES: OnceLock<Vec<u8>> = OnceLock::new();

unsafe extern "C" {
    fn getentropy(start: *mut std::ffi::c_void, length: usize) -> i32;
}

/// `None` where the path names nothing.
pub(crate) fn find(path: &[u8]) -> Option<Named> {
    let mut paths = PATHS.iter();
    paths
        .find(|(named, _)| *named == path)
        .map(|(_, named)| *named)
}

impl Named {
    /// What stat(2) tells. A text that the host has not been asked for yet has no size,
    /// as many files of proc(5).
    pub(crate) fn found(self) -> Found {
        match self {
            Self::Device(_) => Found::Device,
            Self::Text(Text::Resolver) => Found::File(File::stored(RESOLV_CONF)),
            Self::Text(Text::Authorities) => {
                let text = AUTHORITIES.get().map_or(&[][..], Vec::as_slice);
                Found::File(File::stored(text))
            }
        }
    }
}

impl Text {
    pub(crate) fn read(self) -> &'static [u8] {
        match self {
            Self::Resolver => RESOLV_CONF,
            Self::Authorities => AUTHORITIES.get_or_init(capsock_guest::trust::certificates),
        }
    }
}

/// A device that is open.
pub(crate) struct Special {
    device: Device,
    /// `O_RDONLY`, `O_WRONLY` or `O_RDWR`.
    pub(crate) mode: i32,
}

impl Special {
    pub(crate) fn new(device: Device, flags: i32) -> Self {
        let mode = flags & O_ACCMODE;
        Self { device, mode }
    }

    pub(crate) fn read(&self, room: &mut [u8]) -> Result<usize> {
        match self.device {
            _ if self.mode == O_WRONLY => Err(Errno::EBADF),
            Device::Null => Ok(0),
            Device::Zero => {
                room.fill(0);
                Ok(room.len())
            }
            Device::Random => random(room),
        }
    }

    pub(crate) fn write(&self, data: &[u8]) -> Result<usize> {
        match self.mode {
            O_RDONLY => Err(Errno::EBADF),
            _ => Ok(data.len()),
        }
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
