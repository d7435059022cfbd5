//! Regular files that libc has no numbers for: those that came over a socket, and
//! those in memory.

use std::ffi::c_int;

use crate::errno::{Errno, Result};

const SEEK_SET: c_int = 0;
const SEEK_CUR: c_int = 1;
const SEEK_END: c_int = 2;

/// What fstat(2) tells.
pub(crate) struct Status {
    pub(crate) is_memory: bool,
    pub(crate) size: u64,
    pub(crate) inode: u64,
    pub(crate) links: u64,
    /// Of access, modification and change, in seconds.
    pub(crate) times: [i64; 3],
}

/// A trait and no variants, so that a program has the code of what it makes alone.
pub(crate) trait Regular {
    /// What it is open for, as fcntl(2) tells it.
    fn mode(&self) -> c_int;
    fn read_at(&self, room: &mut [u8], position: u64) -> Result<usize>;
    fn write_at(&self, data: &[u8], position: u64) -> Result<usize>;
    fn size(&self) -> Result<u64>;
    fn position(&self) -> u64;
    fn set_position(&self, position: u64);
    fn set_size(&self, size: u64) -> Result<()>;
    fn sync(&self) -> Result<()>;
    fn status(&self) -> Result<Status>;

    /// `O_APPEND`, where it can be set.
    fn set_appends(&self, _appends: bool) {}

    fn appends(&self) -> bool {
        false
    }

    /// posix_fallocate(3)
    fn allocate(&self, _end: u64) -> Result<()> {
        Err(Errno::ENOTSUP)
    }

    /// The number by which the Rust SDK sends it, if it can.
    fn number_to_send(&self) -> Option<c_int> {
        None
    }

    fn read(&self, room: &mut [u8]) -> Result<usize> {
        let position = self.position();
        let count = self.read_at(room, position)?;
        self.set_position(position + count as u64);
        Ok(count)
    }

    fn write(&self, data: &[u8]) -> Result<usize> {
        let position = if self.appends() {
            self.size()?
        } else {
            self.position()
        };
        let count = self.write_at(data, position)?;
        self.set_position(position + count as u64);
        Ok(count)
    }

    /// How much is after the position.
    fn rest(&self) -> Result<usize> {
        let rest = self.size()?.saturating_sub(self.position());
        Ok(usize::try_from(rest).unwrap_or(usize::MAX))
    }

    fn seek(&self, offset: i64, whence: c_int) -> Result<i64> {
        let start = match whence {
            SEEK_SET => Some(0),
            SEEK_CUR => Some(self.position()),
            SEEK_END => Some(self.size()?),
            _ => None,
        };
        let position = start.and_then(|start| start.checked_add_signed(offset));
        let position = position.ok_or(Errno::EINVAL)?;
        let told = i64::try_from(position).map_err(|_large| Errno::EINVAL)?;
        self.set_position(position);
        Ok(told)
    }

    fn truncate(&self, length: i64) -> Result<()> {
        self.set_size(u64::try_from(length).map_err(|_negative| Errno::EINVAL)?)
    }
}
