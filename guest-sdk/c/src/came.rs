//! What comes over Unix sockets beside sockets: files and pipes. libc has no
//! numbers for them.

use std::ffi::c_int;
use std::io::{self, ErrorKind};

use capsock_guest::{File, PipeReader, PipeWriter};

use crate::bindings::poll::Pollable;
use crate::errno::{Errno, Result};
use crate::regular::{Regular, Status};
use crate::table::{O_RDONLY, O_RDWR, O_WRONLY};
use crate::thread::scheduler::{self, Sources};
use crate::thread::signal;

/// A regular file.
pub(crate) struct CameFile {
    file: File,
    reads: bool,
    writes: bool,
}

impl CameFile {
    pub(crate) fn new(file: File) -> Self {
        let (reads, writes) = file.access().unwrap_or_default();
        Self {
            file,
            reads,
            writes,
        }
    }
}

impl Regular for CameFile {
    fn mode(&self) -> c_int {
        match (self.reads, self.writes) {
            (true, true) => O_RDWR,
            (false, true) => O_WRONLY,
            _ => O_RDONLY,
        }
    }

    fn read_at(&self, room: &mut [u8], position: u64) -> Result<usize> {
        match self.reads {
            true => told(self.file.read_at(room, position)),
            false => Err(Errno::EBADF),
        }
    }

    fn write_at(&self, data: &[u8], position: u64) -> Result<usize> {
        match self.writes {
            true => told(self.file.write_at(data, position)),
            false => Err(Errno::EBADF),
        }
    }

    fn size(&self) -> Result<u64> {
        Ok(told(self.file.size())?.unwrap_or(0))
    }

    fn position(&self) -> u64 {
        self.file.position()
    }

    fn set_position(&self, position: u64) {
        self.file.set_position(position);
    }

    fn set_size(&self, size: u64) -> Result<()> {
        match self.writes {
            true => told(self.file.set_len(size)),
            false => Err(Errno::EINVAL),
        }
    }

    fn sync(&self) -> Result<()> {
        told(self.file.sync_all())
    }

    fn status(&self) -> Result<Status> {
        let told = told(self.file.stat())?;
        let (_, inode) = self.file.identity().unwrap_or_default();
        let times = [
            told.data_access_timestamp,
            told.data_modification_timestamp,
            told.status_change_timestamp,
        ];
        Ok(Status {
            is_memory: false,
            size: told.size,
            inode,
            links: told.link_count,
            times: times.map(|time| time.map_or(0, |time| time.seconds.cast_signed())),
        })
    }

    fn number_to_send(&self) -> Option<c_int> {
        Some(self.file.fileno())
    }
}

/// Lets other threads run until a pipe is ready.
fn wait(subscribe: impl Fn() -> Pollable) -> Result<()> {
    while scheduler::are_many_or_signals() && !subscribe().ready() {
        signal::restarting(Sources::default().and([subscribe()]).wait(None))?;
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
