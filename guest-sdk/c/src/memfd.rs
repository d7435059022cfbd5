//! Files in the guest's memory: memfd_create(2).

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int};
use std::time::UNIX_EPOCH;

use crate::errno::{self, Errno, Result};
use crate::memory;
use crate::regular::{Regular, Status};
use crate::table::{self, Kind, O_APPEND, O_CLOEXEC, O_RDWR};

struct MemoryFile {
    inode: u64,
    data: RefCell<Vec<u8>>,
    position: Cell<u64>,
    appends: Cell<bool>,
    /// When it was read and written last.
    accessed: Cell<i64>,
    modified: Cell<i64>,
}

fn now() -> i64 {
    UNIX_EPOCH
        .elapsed()
        .map_or(0, |since| since.as_secs().cast_signed())
}

impl MemoryFile {
    fn new() -> Self {
        Self {
            inode: table::next_id(),
            data: RefCell::default(),
            position: Cell::new(0),
            appends: Cell::new(false),
            accessed: Cell::new(now()),
            modified: Cell::new(now()),
        }
    }
}

/// Makes room for more, as far as there is memory.
fn grow(data: &mut Vec<u8>, end: u64) -> Result<()> {
    let end = usize::try_from(end).map_err(|_large| Errno::ENOSPC)?;
    if let Some(more) = end.checked_sub(data.len()) {
        // Where there is no room for twice as much, there may be for this.
        data.try_reserve(more)
            .or_else(|_full| data.try_reserve_exact(more))
            .map_err(|_full| Errno::ENOSPC)?;
        data.resize(end, 0);
    }
    Ok(())
}

impl Regular for MemoryFile {
    fn mode(&self) -> c_int {
        O_RDWR | if self.appends() { O_APPEND } else { 0 }
    }

    fn read_at(&self, room: &mut [u8], position: u64) -> Result<usize> {
        let data = self.data.borrow();
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        let rest = data.get(start..).unwrap_or_default();
        let count = rest.len().min(room.len());
        room[..count].copy_from_slice(&rest[..count]);
        self.accessed.set(now());
        Ok(count)
    }

    fn write_at(&self, written: &[u8], position: u64) -> Result<usize> {
        if written.is_empty() {
            return Ok(0);
        }
        let mut data = self.data.borrow_mut();
        // Also of pwrite(2), as in Linux.
        let start = if self.appends() {
            data.len() as u64
        } else {
            position
        };
        let end = start.checked_add(written.len() as u64);
        let end = end.filter(|end| i64::try_from(*end).is_ok());
        grow(&mut data, end.ok_or(Errno::EFBIG)?)?;
        // What has grown to the end is no larger than memory.
        let start = start as usize;
        data[start..start + written.len()].copy_from_slice(written);
        self.modified.set(now());
        Ok(written.len())
    }

    fn size(&self) -> Result<u64> {
        Ok(self.data.borrow().len() as u64)
    }

    fn position(&self) -> u64 {
        self.position.get()
    }

    fn set_position(&self, position: u64) {
        self.position.set(position);
    }

    fn set_size(&self, size: u64) -> Result<()> {
        let mut data = self.data.borrow_mut();
        grow(&mut data, size)?;
        data.truncate(size as usize);
        if data.is_empty() {
            *data = Vec::new();
        }
        self.modified.set(now());
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn status(&self) -> Result<Status> {
        let modified = self.modified.get();
        Ok(Status {
            is_memory: true,
            size: self.size()?,
            inode: self.inode,
            links: 0,
            times: [self.accessed.get(), modified, modified],
        })
    }

    fn set_appends(&self, appends: bool) {
        self.appends.set(appends);
    }

    fn appends(&self) -> bool {
        self.appends.get()
    }

    fn allocate(&self, end: u64) -> Result<()> {
        grow(&mut self.data.borrow_mut(), end)
    }
}

const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;
/// Without its NUL.
const LONGEST_NAME: usize = 249;

/// memfd_create(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_memfd_create(name: *const c_char, flags: u32) -> c_int {
    let create = || {
        let known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
        let both = MFD_NOEXEC_SEAL | MFD_EXEC;
        if flags & !known != 0 || flags & both == both {
            return Err(Errno::EINVAL);
        }
        // SAFETY: as memfd_create(2) says.
        let name = unsafe { memory::string(name) }.ok_or(Errno::EFAULT)?;
        if name.len() > LONGEST_NAME {
            return Err(Errno::EINVAL);
        }
        let closes = if flags & MFD_CLOEXEC == 0 {
            0
        } else {
            O_CLOEXEC
        };
        table::open(Kind::File(Box::new(MemoryFile::new())), closes)
    };
    errno::int(create())
}
