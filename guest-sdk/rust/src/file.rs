//! Files that can be sent: what is in them without reading it, or themselves.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::bindings::files::send_file;
use crate::bindings::filesystem::preopens::get_directories;
use crate::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode as FileError, OpenFlags, PathFlags,
};
use crate::bindings::types::ErrorCode;
use crate::constants::SOCK_STREAM;
use crate::descriptor::{Came, Entry, Number, take_came};
use crate::error::{Error, Result};
use crate::socket::Socket;

/// A file for [`Socket::sendfile`] and [`send_fds`](crate::send_fds), or one that
/// [`recv_fds`](crate::recv_fds) received.
///
/// It is not `std::fs::File`, since that does not tell which of WASI's
/// descriptors it stands for.
pub struct File {
    open: Arc<OpenFile>,
    number: OnceLock<Number>,
}

/// A file with its position, which whoever has the file has too.
pub(crate) struct OpenFile {
    descriptor: Descriptor,
    position: AtomicU64,
}

impl OpenFile {
    pub(crate) fn new(descriptor: Descriptor, position: u64) -> Self {
        let position = AtomicU64::new(position);
        Self {
            descriptor,
            position,
        }
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    fn set_position(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
    }
}

impl File {
    /// Opens a file for reading, beneath one of the directories that the guest
    /// was given.
    ///
    /// # Errors
    /// Where there is no such file, or it is outside of those directories.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_as(path.as_ref(), DescriptorFlags::READ)
    }

    /// Opens a file that is there for reading and writing, as
    /// [`open`](Self::open) does.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); `PermissionDenied` where the directory is
    /// only to be read.
    pub fn open_to_write(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::open_as(
            path.as_ref(),
            DescriptorFlags::READ | DescriptorFlags::WRITE,
        )
    }

    /// Opens a file that is there for one or both, for other languages' SDKs.
    #[doc(hidden)]
    pub fn open_for(path: &str, reads: bool, writes: bool) -> io::Result<Self> {
        let mut flags = DescriptorFlags::empty();
        flags.set(DescriptorFlags::READ, reads);
        flags.set(DescriptorFlags::WRITE, writes);
        Self::open_as(Path::new(path), flags)
    }

    fn open_as(path: &Path, flags: DescriptorFlags) -> io::Result<Self> {
        let path = path.to_str().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a path that is not UTF-8")
        })?;
        let Some((directory, rest)) = preopened(path) else {
            let message = format!("no directory that was given to the guest has `{path}`");
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        };
        let descriptor = directory
            .open_at(PathFlags::SYMLINK_FOLLOW, &rest, OpenFlags::empty(), flags)
            .map_err(|code| failed("open", path, code))?;
        Ok(Self::of(Arc::new(OpenFile::new(descriptor, 0))))
    }

    fn of(open: Arc<OpenFile>) -> Self {
        Self {
            open,
            number: OnceLock::new(),
        }
    }

    /// The file that came over a socket under a number, at the position that its
    /// sender has.
    ///
    /// # Errors
    /// `EBADF` where the number is not one of such a file.
    pub fn from_fileno(fd: i32) -> Result<Self> {
        let open = take_came(fd, |came| match came {
            Came::File(open) => Ok(open),
            other => Err(other),
        });
        open.map(Self::of)
            .ok_or(Error::new("File", ErrorCode::BadDescriptor))
    }

    /// A number, by which [`send_fds`](crate::send_fds) knows the file as long as
    /// it lives. It is sent with its position.
    pub fn fileno(&self) -> i32 {
        let number = || Number::new(Entry::OpenFile(Arc::downgrade(&self.open)));
        self.number.get_or_init(number).get()
    }

    /// Whether the file can be read, and whether it can be written.
    ///
    /// # Errors
    /// What the host's file system reports.
    pub fn access(&self) -> io::Result<(bool, bool)> {
        let flags = self.open.descriptor.get_flags();
        let flags = flags.map_err(|code| failed("get-flags", "", code))?;
        Ok((
            flags.contains(DescriptorFlags::READ),
            flags.contains(DescriptorFlags::WRITE),
        ))
    }

    /// Cuts the file, or fills it with zeros, to so many bytes: ftruncate(2).
    ///
    /// # Errors
    /// What the host's file system reports.
    pub fn set_len(&self, length: u64) -> io::Result<()> {
        let set = self.open.descriptor.set_size(length);
        set.map_err(|code| failed("ftruncate", "", code))
    }

    /// Waits until what was written is on the disk: fsync(2).
    ///
    /// # Errors
    /// What the host's file system reports.
    pub fn sync_all(&self) -> io::Result<()> {
        let synced = self.open.descriptor.sync();
        synced.map_err(|code| failed("fsync", "", code))
    }

    /// Reads at a position, which stays: pread(2).
    ///
    /// # Errors
    /// What the host's file system reports.
    pub fn read_at(&self, room: &mut [u8], position: u64) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        let read = self.open.descriptor.read(room.len() as u64, position);
        let (data, _end) = read.map_err(|code| failed("read", "", code))?;
        room[..data.len()].copy_from_slice(&data);
        Ok(data.len())
    }

    /// Writes at a position, which stays: pwrite(2).
    ///
    /// # Errors
    /// What the host's file system reports.
    pub fn write_at(&self, data: &[u8], position: u64) -> io::Result<usize> {
        let written = self.open.descriptor.write(data, position);
        let written = written.map_err(|code| failed("write", "", code))?;
        Ok(usize::try_from(written).unwrap_or(data.len()))
    }

    /// Where the file's position is: lseek(2).
    pub fn position(&self) -> u64 {
        self.open.position()
    }

    /// Puts the position somewhere, for other languages' SDKs.
    #[doc(hidden)]
    pub fn set_position(&self, position: u64) {
        self.open.set_position(position);
    }

    /// What stat(2) tells that the host tells, for other languages' SDKs.
    #[doc(hidden)]
    pub fn stat(&self) -> io::Result<crate::bindings::filesystem::types::DescriptorStat> {
        let stat = self.open.descriptor.stat();
        stat.map_err(|code| failed("stat", "", code))
    }

    /// The length in bytes; `None` for what is not a regular file.
    ///
    /// # Errors
    /// What the host's file system reports.
    pub fn size(&self) -> io::Result<Option<u64>> {
        let stat = self.stat()?;
        Ok((stat.type_ == DescriptorType::RegularFile).then_some(stat.size))
    }

    /// What tells whether two files are the same, for other languages' SDKs.
    #[doc(hidden)]
    pub fn identity(&self) -> Option<(u64, u64)> {
        let hash = self.open.descriptor.metadata_hash().ok()?;
        Some((hash.upper, hash.lower))
    }

    /// Sends as sendfile(2) does, with how much was sent and what ended it, for
    /// other languages' SDKs.
    #[doc(hidden)]
    pub fn send(&self, socket: &Socket, offset: u64, count: u64) -> (u64, Option<Error>) {
        match send_file(socket.host(), &self.open.descriptor, offset, Some(count)) {
            Ok(sent) => (
                sent.length,
                sent.error.map(|code| Error::new("sendfile", code)),
            ),
            Err(code) => (0, Some(Error::new("sendfile", code))),
        }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let position = self.position();
        let count = self.read_at(buffer, position)?;
        self.set_position(position + count as u64);
        Ok(count)
    }
}

impl Write for File {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let position = self.position();
        let count = self.write_at(data, position)?;
        self.set_position(position + count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position().checked_add_signed(by),
            SeekFrom::End(by) => self.size()?.unwrap_or(0).checked_add_signed(by),
        };
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the start");
        let position = position.ok_or_else(invalid)?;
        self.set_position(position);
        Ok(position)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("position", &self.position())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFile").finish_non_exhaustive()
    }
}

impl Socket {
    /// Sends `count` bytes of a file from `offset` on, or all to its end, and
    /// returns how many were sent: `sendfile(2)`. The data does not go through
    /// the guest. The file's position is then where the sending ended, also
    /// after an error. The timeout is the total.
    ///
    /// # Errors
    /// Those of [`Socket::sendall`]; a socket that is not a stream, or does not
    /// wait; a `count` of 0; `EINVAL` for what is not a regular file.
    pub fn sendfile(
        &self,
        file: &mut File,
        offset: u64,
        count: impl Into<Option<u64>>,
    ) -> Result<u64> {
        let count = count.into();
        let invalid = |message: &str| Err(Error::invalid("sendfile", message.to_owned()));
        if self.kind() != SOCK_STREAM {
            return invalid("only SOCK_STREAM type sockets are supported");
        }
        if count == Some(0) {
            return invalid("count must be a positive integer (got 0)");
        }
        if self.gettimeout()? == Some(Duration::ZERO) {
            return invalid("non-blocking sockets are not supported");
        }
        let failed = |code| Error::new("sendfile", code);
        let sent = send_file(self.host(), &file.open.descriptor, offset, count).map_err(failed)?;
        if sent.length > 0 {
            file.set_position(offset + sent.length);
        }
        match sent.error {
            Some(code) => Err(failed(code)),
            None => Ok(sent.length),
        }
    }
}

/// The directory that a path is beneath, and the rest of the path: the longest
/// one that fits, as wasi-libc has it.
fn preopened(path: &str) -> Option<(Descriptor, String)> {
    get_directories()
        .into_iter()
        .filter_map(|(directory, name)| Some((directory, beneath(path, &name)?, name.len())))
        .max_by_key(|(_, _, length)| *length)
        .map(|(directory, rest, _)| (directory, rest))
}

/// What follows a directory in a path; `.` for the directory itself. A relative
/// path is one in the directory `.`.
fn beneath(path: &str, directory: &str) -> Option<String> {
    let rest = match directory.trim_end_matches('/') {
        "." | "" if !path.starts_with('/') && directory != "/" => path,
        directory => {
            let rest = path.strip_prefix(directory)?;
            if !rest.is_empty() && !rest.starts_with('/') {
                return None;
            }
            rest
        }
    };
    let rest = rest.trim_start_matches('/');
    Some(if rest.is_empty() { "." } else { rest }.to_owned())
}

fn failed(operation: &str, path: &str, code: FileError) -> io::Error {
    let kind = match code {
        FileError::NoEntry => io::ErrorKind::NotFound,
        FileError::Access | FileError::NotPermitted => io::ErrorKind::PermissionDenied,
        FileError::IsDirectory => io::ErrorKind::IsADirectory,
        FileError::NotDirectory => io::ErrorKind::NotADirectory,
        FileError::Invalid | FileError::IllegalByteSequence => io::ErrorKind::InvalidInput,
        FileError::InsufficientSpace => io::ErrorKind::StorageFull,
        FileError::FileTooLarge => io::ErrorKind::FileTooLarge,
        _ => io::ErrorKind::Other,
    };
    let path = if path.is_empty() {
        String::new()
    } else {
        format!(" `{path}`")
    };
    io::Error::new(kind, format!("{operation}{path}: {}", code.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_beneath_a_directory_by_whole_names() {
        for (path, directory, rest) in [
            ("/srv/a", "/srv", Some("a")),
            ("/srv/a/b", "/srv/", Some("a/b")),
            ("/srv", "/srv", Some(".")),
            ("/srvx/a", "/srv", None),
            ("/srv/a", "/", Some("srv/a")),
            ("a/b", ".", Some("a/b")),
            ("a/b", "/", None),
            ("srv/a", "srv", Some("a")),
            ("/a", ".", None),
        ] {
            assert_eq!(
                beneath(path, directory).as_deref(),
                rest,
                "{path} in {directory}"
            );
        }
    }
}
