//! The ends of pipes that come over Unix sockets.

use std::fmt;
use std::io::{self, Read, Write};

use crate::bindings::io::poll::Pollable;
use crate::bindings::io::streams::{InputStream, OutputStream, StreamError};
use crate::bindings::types::ErrorCode;
use crate::descriptor::{Came, take_came};
use crate::error::{Error, Result};

/// How much the host hands over at once.
const PIECE: usize = 64 << 10;

/// The most that `blocking-write-and-flush` takes.
const MOST_WRITTEN: usize = 4096;

/// The end of a pipe that is read, which a peer sent: [`recv_fds`](crate::recv_fds)
/// has its number.
pub struct PipeReader(InputStream);

/// The end of a pipe that is written, which a peer sent:
/// [`recv_fds`](crate::recv_fds) has its number.
pub struct PipeWriter(OutputStream);

impl PipeReader {
    pub(crate) fn new(stream: InputStream) -> Self {
        Self(stream)
    }

    /// The pipe that came under a number.
    ///
    /// # Errors
    /// `EBADF` where the number is not one of such a pipe.
    pub fn from_fileno(fd: i32) -> Result<Self> {
        let reader = take_came(fd, |came| match came {
            Came::Reader(reader) => Ok(reader),
            other => Err(other),
        });
        reader.ok_or(Error::new("PipeReader", ErrorCode::BadDescriptor))
    }

    /// What tells that there is something, for other languages' SDKs.
    #[doc(hidden)]
    pub fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }

    /// Reads what there is, and waits for it if `waits`; for other languages' SDKs.
    ///
    /// # Errors
    /// `WouldBlock` where nothing is there, without a wait.
    #[doc(hidden)]
    pub fn read_some(&self, room: &mut [u8], waits: bool) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        let length = room.len().min(PIECE) as u64;
        let read = match waits {
            true => self.0.blocking_read(length),
            false => self.0.read(length),
        };
        match read {
            Ok(data) if data.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            Ok(data) => {
                room[..data.len()].copy_from_slice(&data);
                Ok(data.len())
            }
            Err(StreamError::Closed) => Ok(0),
            Err(error) => Err(failed(error)),
        }
    }
}

impl PipeWriter {
    pub(crate) fn new(stream: OutputStream) -> Self {
        Self(stream)
    }

    /// The pipe that came under a number.
    ///
    /// # Errors
    /// `EBADF` where the number is not one of such a pipe.
    pub fn from_fileno(fd: i32) -> Result<Self> {
        let writer = take_came(fd, |came| match came {
            Came::Writer(writer) => Ok(writer),
            other => Err(other),
        });
        writer.ok_or(Error::new("PipeWriter", ErrorCode::BadDescriptor))
    }

    /// What tells that there is room, for other languages' SDKs.
    #[doc(hidden)]
    pub fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }

    /// Writes some of it, and waits until it can if `waits`; for other languages'
    /// SDKs.
    ///
    /// # Errors
    /// `BrokenPipe` where nobody reads it; `WouldBlock` where there is no room,
    /// without a wait.
    #[doc(hidden)]
    pub fn write_some(&self, data: &[u8], waits: bool) -> io::Result<usize> {
        let piece = &data[..data.len().min(MOST_WRITTEN)];
        if waits {
            self.0.blocking_write_and_flush(piece).map_err(failed)?;
            return Ok(piece.len());
        }
        let room = self.0.check_write().map_err(failed)?;
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        if room == 0 && !piece.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let piece = &piece[..piece.len().min(room)];
        self.0.write(piece).map_err(failed)?;
        Ok(piece.len())
    }
}

impl Read for PipeReader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.read_some(room, true)
    }
}

impl Write for PipeWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_some(data, true)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
        StreamError::LastOperationFailed(error) => io::Error::other(error.to_debug_string()),
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeWriter").finish_non_exhaustive()
    }
}
