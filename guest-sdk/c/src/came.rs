//! What comes over Unix sockets beside sockets: files and pipes. libc has no
//! numbers for them.

use std::ffi::c_int;
use std::io::{self, ErrorKind};

use capsock_guest::{File, PipeReader, PipeWriter};

use crate::bindings::poll::Pollable;
use crate::errno::{Errno, Result};
use crate::table::{O_RDONLY, O_RDWR, O_WRONLY};
use crate::thread::scheduler::{self, Sources};

/// A regular file.
pub(crate) struct CameFile {
    pub(crate) file: File,
    reads: bool,
    writes: bool,
}

const SEEK_SET: c_int = 0;
const SEEK_CUR: c_int = 1;
const SEEK_END: c_int = 2;

impl CameFile {
    pub(crate) fn new(file: File) -> Self {
        let (reads, writes) = file.access().unwrap_or_default();
        Self {
            file,
            reads,
            writes,
        }
    }

    /// What it is open for, as fcntl(2) tells it.
    pub(crate) fn mode(&self) -> c_int {
        match (self.reads, self.writes) {
            (true, true) => O_RDWR,
            (false, true) => O_WRONLY,
            _ => O_RDONLY,
        }
    }

    pub(crate) fn read_at(&self, room: &mut [u8], position: u64) -> Result<usize> {
        match self.reads {
            true => told(self.file.read_at(room, position)),
            false => Err(Errno::EBADF),
        }
    }

    pub(crate) fn write_at(&self, data: &[u8], position: u64) -> Result<usize> {
        match self.writes {
            true => told(self.file.write_at(data, position)),
            false => Err(Errno::EBADF),
        }
    }

    pub(crate) fn read(&self, room: &mut [u8]) -> Result<usize> {
        let position = self.file.position();
        let count = self.read_at(room, position)?;
        self.file.set_position(position + count as u64);
        Ok(count)
    }

    pub(crate) fn write(&self, data: &[u8]) -> Result<usize> {
        let position = self.file.position();
        let count = self.write_at(data, position)?;
        self.file.set_position(position + count as u64);
        Ok(count)
    }

    fn size(&self) -> Result<u64> {
        Ok(told(self.file.size())?.unwrap_or(0))
    }

    /// How much is after the position.
    pub(crate) fn rest(&self) -> Result<usize> {
        let rest = self.size()?.saturating_sub(self.file.position());
        Ok(usize::try_from(rest).unwrap_or(usize::MAX))
    }

    pub(crate) fn seek(&self, offset: i64, whence: c_int) -> Result<i64> {
        let start = match whence {
            SEEK_SET => Some(0),
            SEEK_CUR => Some(self.file.position()),
            SEEK_END => Some(self.size()?),
            _ => None,
        };
        let position = start.and_then(|start| start.checked_add_signed(offset));
        let position = position.ok_or(Errno::EINVAL)?;
        let told = i64::try_from(position).map_err(|_large| Errno::EINVAL)?;
        self.file.set_position(position);
        Ok(told)
    }

    pub(crate) fn truncate(&self, length: i64) -> Result<()> {
        let length = u64::try_from(length).map_err(|_negative| Errno::EINVAL)?;
        match self.writes {
            true => told(self.file.set_len(length)),
            false => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn sync(&self) -> Result<()> {
        told(self.file.sync_all())
    }
}

/// Lets other threads run until a pipe is ready.
fn wait(subscribe: impl Fn() -> Pollable) -> Result<()> {
    while scheduler::are_many() && !subscribe().ready() {
        Sources::default().and([subscribe()]).wait(None)?;
    }
    Ok(())
}

/// read(2) from a pipe.
pub(crate) fn read(pipe: &PipeReader, room: &mut [u8], waits: bool) -> Result<usize> {
    if waits {
        wait(|| pipe.subscribe())?;
    }
    told(pipe.read_some(room, waits))
}

/// write(2) to a pipe: all of it, where it may wait.
pub(crate) fn write(pipe: &PipeWriter, data: &[u8], waits: bool) -> Result<usize> {
    if waits {
        wait(|| pipe.subscribe())?;
    }
    let mut sent = told(pipe.write_some(data, waits))?;
    while waits && sent < data.len() {
        wait(|| pipe.subscribe())?;
        match pipe.write_some(&data[sent..], waits) {
            Ok(count) => sent += count,
            Err(_later) => break,
        }
    }
    Ok(sent)
}

/// The errno of what the Rust SDK tells as the standard library does.
pub(crate) fn told<T>(result: io::Result<T>) -> Result<T> {
    result.map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => Errno::EAGAIN,
        ErrorKind::BrokenPipe => Errno::EPIPE,
        ErrorKind::PermissionDenied => Errno::EACCES,
        ErrorKind::NotFound => Errno::ENOENT,
        ErrorKind::IsADirectory => Errno::EISDIR,
        ErrorKind::InvalidInput => Errno::EINVAL,
        ErrorKind::StorageFull => Errno::ENOSPC,
        ErrorKind::FileTooLarge => Errno::EFBIG,
        _ => Errno::EIO,
    })
}
