//! The ends of pipes as streams of `wasi:io`.

use bytes::{Buf, Bytes};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::Errno;
use crate::os::Interest;
use crate::socket::Pipe;
use crate::wasi::Failure;

/// How many bytes one call reads at most.
const AT_ONCE: usize = 64 << 10;

/// How many bytes a pipe that is ready takes without waiting: pipe(7), `PIPE_BUF`.
const ROOM: usize = 4096;

/// The end that is read.
pub(crate) struct PipeInput(Option<Pipe>);

/// The end that is written.
pub(crate) struct PipeOutput {
    /// `None` once nobody reads it.
    pipe: Option<Pipe>,
    /// So much was permitted.
    permit: usize,
    /// What another writer has left no room for.
    rest: Bytes,
}

impl PipeInput {
    pub(crate) fn new(pipe: Pipe) -> Self {
        Self(Some(pipe))
    }
}

#[async_trait]
impl InputStream for PipeInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let pipe = self.0.as_ref().ok_or(StreamError::Closed)?;
        if size == 0 {
            return Ok(Bytes::new());
        }
        match pipe.read(size.min(AT_ONCE)) {
            Ok(data) if data.is_empty() => {
                self.0 = None;
                Err(StreamError::Closed)
            }
            Ok(data) => Ok(data.into()),
            Err(Errno::WouldBlock) => Ok(Bytes::new()),
            Err(errno) => Err(failure(errno)),
        }
    }
}

#[async_trait]
impl Pollable for PipeInput {
    async fn ready(&mut self) {
        if let Some(pipe) = &self.0 {
            pipe.ready(Interest::READABLE).await;
        }
    }
}

impl PipeOutput {
    pub(crate) fn new(pipe: Pipe) -> Self {
        Self {
            pipe: Some(pipe),
            permit: 0,
            rest: Bytes::new(),
        }
    }

    /// Writes what is left, as far as there is room.
    fn write_rest(&mut self) -> StreamResult<()> {
        let pipe = self.pipe.as_ref().ok_or(StreamError::Closed)?;
        while !self.rest.is_empty() {
            match pipe.write(&self.rest) {
                Ok(count) => self.rest.advance(count),
                Err(Errno::WouldBlock) => return Ok(()),
                Err(errno) => {
                    self.pipe = None;
                    self.rest.clear();
                    return Err(match errno {
                        Errno::BrokenPipe => StreamError::Closed,
                        errno => failure(errno),
                    });
                }
            }
        }
        Ok(())
    }
}

#[async_trait]
impl OutputStream for PipeOutput {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.write_rest()?;
        let has_room = self.rest.is_empty() && self.pipe.as_ref().is_some_and(Pipe::has_room);
        self.permit = if has_room { ROOM } else { 0 };
        Ok(self.permit)
    }

    fn write(&mut self, data: Bytes) -> StreamResult<()> {
        if data.len() > self.permit {
            return Err(StreamError::Trap(wasmtime::format_err!(
                "a write of more than `check-write` permitted"
            )));
        }
        self.permit = 0;
        self.rest = data;
        self.write_rest()
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.write_rest()
    }
}

#[async_trait]
impl Pollable for PipeOutput {
    async fn ready(&mut self) {
        loop {
            if let Some(pipe) = &self.pipe {
                pipe.ready(Interest::WRITABLE).await;
            }
            // After an error it is closed, which the next call tells.
            if self.write_rest().is_err() || self.rest.is_empty() {
                return;
            }
        }
    }
}

fn failure(errno: Errno) -> StreamError {
    StreamError::LastOperationFailed(Failure(errno).into())
}
