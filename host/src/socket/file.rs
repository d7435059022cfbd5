//! Sending files without their data passing through here.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;

use tokio::task::spawn_blocking;
use wasmtime_wasi::OpenMode;
use wasmtime_wasi::filesystem::Descriptor as WasiDescriptor;

use super::Socket;
use super::wait::Deadline;
use crate::ctx::CapsockCtx;
use crate::os::{self, Descriptor, Interest};
use crate::{Errno, SocketType};

/// How much one system call sends at most: what a guest that was given up still
/// keeps a thread busy with.
const PIECE: usize = 1 << 20;

/// What was sent, and why it ended early if it did.
#[derive(Debug)]
pub(crate) struct SentFile {
    pub(crate) length: u64,
    pub(crate) error: Option<Errno>,
}

impl Socket {
    /// `sendfile(2)` until everything is sent, against one deadline.
    pub(crate) async fn send_file(
        &self,
        ctx: &CapsockCtx,
        file: &WasiDescriptor,
        offset: u64,
        length: Option<u64>,
    ) -> Result<SentFile, Errno> {
        let descriptor = self.open()?;
        let file = match file {
            WasiDescriptor::File(file) if file.open_mode.contains(OpenMode::READ) => &file.file,
            WasiDescriptor::File(_) => return Err(Errno::BadDescriptor),
            // As the kernel has it.
            WasiDescriptor::Dir(_) => return Err(Errno::InvalidArgument),
        };
        if self.kind != SocketType::Stream {
            return Err(Errno::InvalidArgument);
        }
        self.vet_connected(ctx)?;
        let deadline = self.deadline(false);
        let mut sent = 0;
        loop {
            self.keep_nonblocking()?;
            let rest = length.map_or(u64::MAX, |length| length - sent);
            let piece = usize::try_from(rest).map_or(PIECE, |rest| rest.min(PIECE));
            let position = offset.checked_add(sent).ok_or(Errno::InvalidArgument)?;
            // Who shares the socket may make it block again at any moment.
            let in_place = self.state().shared.is_none();
            match send_piece(deadline, descriptor, file, position, piece, in_place).await {
                Ok(0) => break,
                Ok(count) => sent += count as u64,
                Err(errno) if sent == 0 => return Err(errno),
                Err(errno) => {
                    return Ok(SentFile {
                        length: sent,
                        error: Some(errno),
                    });
                }
            }
        }
        Ok(SentFile {
            length: sent,
            error: None,
        })
    }
}

/// Sends what the kernel takes of a piece. Where it may have to read the disk
/// first, another thread asks it.
async fn send_piece(
    deadline: Deadline,
    descriptor: &Arc<Descriptor>,
    file: &Arc<File>,
    offset: u64,
    length: usize,
    in_place: bool,
) -> Result<usize, Errno> {
    loop {
        if in_place && os::is_in_memory(file.as_fd(), offset, length) {
            let attempt = deadline.attempt(descriptor, Interest::WRITABLE, |socket| {
                os::send_file(socket, file.as_fd(), offset, length)
            });
            return attempt.await;
        }
        let (socket, source) = (descriptor.clone(), file.clone());
        let attempt =
            spawn_blocking(move || os::send_file(socket.as_fd(), source.as_fd(), offset, length));
        match attempt.await {
            Ok(Err(Errno::WouldBlock)) if deadline.waits() => {
                deadline.until_ready(descriptor, Interest::WRITABLE).await?;
            }
            Ok(result) => return result,
            Err(error) => {
                tracing::error!(%error, "sending a file");
                return Err(Errno::Io);
            }
        }
    }
}
