//! Files and pipes that are sent and received over Unix sockets.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use wasmtime_wasi::filesystem::{
    Descriptor as WasiDescriptor, File as WasiFile, FsPerms, OpenMode,
};

use super::Socket;
use crate::ctx::CapsockCtx;
use crate::os::file::{self, Opened, OpenedKind};
use crate::os::{self, Descriptor, Interest};
use crate::policy::DescriptorKind;
use crate::quota::Taken;
use crate::signals::Signals;
use crate::{Address, Errno, Protocol};

/// What a guest sends along with a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passed<'a> {
    Socket(&'a Socket),
    File(&'a FileDescription),
}

/// An open file description that a guest sends.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct FileDescription {
    fd: OwnedFd,
    _place: Taken,
}

/// A regular file that a peer sent.
pub(crate) struct TakenFile {
    pub(crate) file: WasiDescriptor,
    pub(crate) position: u64,
}

/// An end of a pipe that a peer sent.
#[derive(Debug)]
pub(crate) struct Pipe {
    descriptor: Descriptor,
    _place: Taken,
}

/// What a peer sent of a pipe.
#[derive(Debug)]
pub(crate) enum TakenPipe {
    Input(Pipe),
    Output(Pipe),
}

/// What the guest may take of one message: each kind is asked for once.
pub(super) struct Takes<'a> {
    ctx: &'a CapsockCtx,
    protocol: Protocol,
    /// `None`: the guest itself has sent it.
    over: Option<Address>,
    asked: Vec<(DescriptorKind, Result<(), Errno>)>,
}

impl<'a> Passed<'a> {
    pub(super) fn socket(&self) -> Option<&'a Socket> {
        match self {
            Self::Socket(socket) => Some(socket),
            Self::File(_) => None,
        }
    }

    /// # Errors
    /// [`Errno::BadDescriptor`] for a socket that is closed.
    pub(super) fn as_fd(&self) -> Result<BorrowedFd<'a>, Errno> {
        match self {
            Self::Socket(socket) => Ok(socket.open()?.as_fd()),
            Self::File(file) => Ok(file.fd.as_fd()),
        }
    }
}

impl FileDescription {
    /// Opens a file anew, for what the guest may do with it.
    pub(crate) fn open(
        ctx: &CapsockCtx,
        file: &WasiDescriptor,
        position: u64,
    ) -> Result<Self, Errno> {
        let (fd, rights) = rights(file)?;
        let place = ctx.take_socket()?;
        Ok(Self {
            fd: open_as(fd, rights, position)?,
            _place: place,
        })
    }
}

/// What the guest may do with a regular file: what it opened it for, as far as its
/// directory lets it, and as the system has it open.
///
/// # Errors
/// [`Errno::AccessDenied`] for a directory, by which a peer could reach what is
/// outside of it, and for anything else that is no regular file.
fn rights(file: &WasiDescriptor) -> Result<(BorrowedFd<'_>, Opened), Errno> {
    let WasiDescriptor::File(file) = file else {
        return Err(Errno::AccessDenied);
    };
    let fd = file.file.as_fd();
    match file::opened(fd) {
        Ok(opened) if opened.kind == OpenedKind::File => {
            let may_write = !file.perms.write_not_permitted();
            let rights = Opened {
                readable: opened.readable && file.open_mode.contains(OpenMode::READ),
                writable: opened.writable && file.open_mode.contains(OpenMode::WRITE) && may_write,
                ..opened
            };
            match rights.readable || rights.writable {
                true => Ok((fd, rights)),
                false => Err(Errno::AccessDenied),
            }
        }
        _ => Err(Errno::AccessDenied),
    }
}

fn open_as(fd: BorrowedFd<'_>, rights: Opened, position: u64) -> Result<OwnedFd, Errno> {
    match file::open_anew(fd, rights) {
        Ok(anew) => {
            file::seek(anew.as_fd(), position)?;
            Ok(anew)
        }
        // Its position is somebody else's too, and stays.
        Err(_) if file::opened(fd)? == rights => Ok(fd.try_clone_to_owned()?),
        Err(error) => {
            tracing::debug!(%error, "a file that is open for more than the guest may do");
            Err(Errno::AccessDenied)
        }
    }
}

impl<'a> Takes<'a> {
    pub(super) fn new(ctx: &'a CapsockCtx, protocol: Protocol, over: Option<Address>) -> Self {
        Self {
            ctx,
            protocol,
            over,
            asked: Vec::new(),
        }
    }

    /// Whether a descriptor of a kind may be taken.
    pub(super) fn vet(&mut self, kind: DescriptorKind) -> Result<(), Errno> {
        let Some(over) = &self.over else {
            return Ok(());
        };
        if let Some((_, verdict)) = self.asked.iter().find(|(asked, _)| *asked == kind) {
            return *verdict;
        }
        let verdict = self.ctx.vet_take(self.protocol, over, kind);
        self.asked.push((kind, verdict));
        verdict
    }

    /// Whether a file may be written that could be read alone: that is not told as
    /// a denial.
    fn may_write(&mut self) -> bool {
        let kind = DescriptorKind::WritableFile;
        match &self.over {
            None => true,
            Some(over) if !self.ctx.may_take(self.protocol, over, kind) => false,
            Some(_) => self.vet(kind).is_ok(),
        }
    }

    /// Makes a file of `wasi:filesystem` of a descriptor.
    pub(super) fn file(&mut self, fd: OwnedFd, opened: Opened) -> Result<TakenFile, Errno> {
        let writable = match opened.readable {
            true => opened.writable && self.may_write(),
            false => {
                self.vet(DescriptorKind::WritableFile)?;
                true
            }
        };
        if !writable {
            self.vet(DescriptorKind::File)?;
        }
        let position = file::position(fd.as_fd())?;
        let mut mode = OpenMode::empty();
        mode.set(OpenMode::READ, opened.readable);
        mode.set(OpenMode::WRITE, writable);
        let perms = match writable {
            true => FsPerms::ReadWrite,
            false => FsPerms::ReadOnly,
        };
        let file = WasiFile::new(File::from(fd), perms, mode, false);
        Ok(TakenFile {
            file: WasiDescriptor::File(file),
            position,
        })
    }

    /// Makes a stream of a descriptor.
    pub(super) fn pipe(&mut self, fd: OwnedFd, opened: Opened) -> Result<TakenPipe, Errno> {
        self.vet(match opened.readable {
            true => DescriptorKind::Pipe,
            false => DescriptorKind::WritablePipe,
        })?;
        let place = self.ctx.take_socket()?;
        os::set_nonblocking(fd.as_fd(), true)?;
        let pipe = Pipe {
            descriptor: Descriptor::new(fd, None, Signals::default(), self.ctx.quota().clone()),
            _place: place,
        };
        Ok(match opened.readable {
            true => TakenPipe::Input(pipe),
            false => TakenPipe::Output(pipe),
        })
    }
}

impl Pipe {
    /// At most `length` bytes; none is the end.
    ///
    /// # Errors
    /// [`Errno::WouldBlock`] where there are none yet.
    pub(crate) fn read(&self, length: usize) -> Result<Vec<u8>, Errno> {
        (self.descriptor).try_once(Interest::READABLE, |fd| file::read(fd, length))
    }

    /// # Errors
    /// [`Errno::WouldBlock`] where there is no room.
    pub(crate) fn write(&self, data: &[u8]) -> Result<usize, Errno> {
        (self.descriptor).try_once(Interest::WRITABLE, |fd| file::write(fd, data))
    }

    /// Whether it takes `PIPE_BUF` bytes now; also where it takes none any more.
    pub(crate) fn has_room(&self) -> bool {
        let ready = self.descriptor.poll(Interest::WRITABLE, Duration::ZERO);
        ready.unwrap_or(true)
    }

    /// Waits until it can be read, or written. An error ends the wait too.
    pub(crate) async fn ready(&self, interest: Interest) {
        // The reactor does not know it yet, where it is asked the first time.
        if self
            .descriptor
            .poll(interest, Duration::ZERO)
            .unwrap_or(true)
        {
            return;
        }
        if let Err(error) = self.descriptor.ready(interest).await {
            tracing::debug!(%error, "a pipe");
        }
    }
}
