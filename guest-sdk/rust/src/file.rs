//! Files that can be sent without reading them.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use crate::bindings::files::send_file;
use crate::bindings::filesystem::preopens::get_directories;
use crate::bindings::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode as FileError, OpenFlags, PathFlags,
};
use crate::constants::SOCK_STREAM;
use crate::error::{Error, Result};
use crate::socket::Socket;

/// A file that is open for reading, for [`Socket::sendfile`].
///
/// It is not `std::fs::File`, since that does not tell which of WASI's
/// descriptors it stands for.
pub struct File {
    descriptor: Descriptor,
    position: u64,
}

impl File {
    /// Opens a file for reading, beneath one of the directories that the guest
    /// was given.
    ///
    /// # Errors
    /// Where there is no such file, or it is outside of those directories.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_str().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a path that is not UTF-8")
        })?;
        let Some((directory, rest)) = preopened(path) else {
            let message = format!("no directory that was given to the guest has `{path}`");
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        };
        let descriptor = directory
            .open_at(
                PathFlags::SYMLINK_FOLLOW,
                &rest,
                OpenFlags::empty(),
                DescriptorFlags::READ,
            )
            .map_err(|code| failed("open", path, code))?;
        Ok(Self {
            descriptor,
            position: 0,
        })
    }

    /// The length in bytes; `None` for what is not a regular file.
    ///
    /// # Errors
    /// What the host's file system reports.
    pub fn size(&self) -> io::Result<Option<u64>> {
        let stat = self
            .descriptor
            .stat()
            .map_err(|code| failed("stat", "", code))?;
        Ok((stat.type_ == DescriptorType::RegularFile).then_some(stat.size))
    }

    /// What tells whether two files are the same, for other languages' SDKs.
    #[doc(hidden)]
    pub fn identity(&self) -> Option<(u64, u64)> {
        let hash = self.descriptor.metadata_hash().ok()?;
        Some((hash.upper, hash.lower))
    }

    /// Sends as sendfile(2) does, with how much was sent and what ended it, for
    /// other languages' SDKs.
    #[doc(hidden)]
    pub fn send(&self, socket: &Socket, offset: u64, count: u64) -> (u64, Option<Error>) {
        match send_file(socket.host(), &self.descriptor, offset, Some(count)) {
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
        let read = self.descriptor.read(buffer.len() as u64, self.position);
        let (data, _end) = read.map_err(|code| failed("read", "", code))?;
        buffer[..data.len()].copy_from_slice(&data);
        self.position += data.len() as u64;
        Ok(data.len())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size()?.unwrap_or(0).checked_add_signed(by),
        };
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the start");
        self.position = position.ok_or_else(invalid)?;
        Ok(self.position)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("position", &self.position)
            .finish_non_exhaustive()
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
        let sent = send_file(self.host(), &file.descriptor, offset, count).map_err(failed)?;
        if sent.length > 0 {
            file.position = offset + sent.length;
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
