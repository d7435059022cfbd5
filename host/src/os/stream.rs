//! A TCP connection as a stream of bytes, for what speaks a protocol over it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{UnixDirectories, connect, create, take_error};
use crate::policy::Vetted;
use crate::policy::operation::Connect;
use crate::{Errno, SocketType};

/// A connection, without a delay of small segments.
#[derive(Debug)]
pub(crate) struct Stream(TcpStream);

impl Stream {
    /// `socket(2)` and `connect(2)`, until it is connected.
    pub(crate) async fn connect(
        remote: &Vetted<Connect>,
        directories: &UnixDirectories,
    ) -> Result<Self, Errno> {
        let fd = create(remote.address().family(), SocketType::Stream, 0)?;
        let started = connect(std::os::fd::AsFd::as_fd(&fd), remote, directories);
        if !matches!(started, Ok(()) | Err(Errno::InProgress)) {
            return Err(started.err().unwrap_or(Errno::InvalidArgument));
        }
        let stream = TcpStream::from_std(fd.into())?;
        stream.writable().await?;
        if let Some(error) = take_error(std::os::fd::AsFd::as_fd(&stream))? {
            return Err(error);
        }
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
