//! Where a server listens.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net as unix;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// Where to listen: `http://ADDRESS:PORT`, `https://ADDRESS:PORT`, or `unix:PATH`.
///
/// ```
/// use capsock_serve::Place;
///
/// let place: Place = "http://127.0.0.1:8080".parse()?;
/// assert_eq!(place.to_string(), "http://127.0.0.1:8080");
/// assert!("127.0.0.1:8080".parse::<Place>().is_err());
/// # Ok::<(), capsock_serve::PlaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// TCP, at this address; port 0 is one of the kernel's choice.
    Http(SocketAddr),
    /// TCP with TLS, at this address.
    Https(SocketAddr),
    /// A Unix socket with this path, which must not be there; HTTP without TLS.
    Unix(PathBuf),
}

/// A text that is no [`Place`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceError(String);

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}`: expected http://ADDRESS:PORT or https://ADDRESS:PORT, such as \
             http://127.0.0.1:8080 or https://[::]:443, or unix:PATH",
            self.0
        )
    }
}

impl std::error::Error for PlaceError {}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let place = match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Some(Self::Unix(path.into())),
            Some((scheme @ ("http" | "https"), rest)) => rest
                .strip_prefix("//")
                .and_then(|address| address.parse().ok())
                .map(if scheme == "http" {
                    Self::Http
                } else {
                    Self::Https
                }),
            _ => None,
        };
        place.ok_or_else(|| PlaceError(text.to_owned()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address) => write!(f, "http://{address}"),
            Self::Https(address) => write!(f, "https://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    is_tls: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(std::net::TcpListener),
    Unix(unix::UnixListener),
}

impl Listener {
    /// `bind(2)` and `listen(2)`. The file of a Unix socket is left behind at the end.
    ///
    /// # Errors
    /// Of the kernel.
    pub fn bind(place: &Place) -> io::Result<Self> {
        let socket = match place {
            Place::Http(address) | Place::Https(address) => {
                let listener = std::net::TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Socket::Tcp(listener)
            }
            Place::Unix(path) => {
                let listener = unix::UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Socket::Unix(listener)
            }
        };
        let is_tls = matches!(place, Place::Https(_));
        Ok(Self { socket, is_tls })
    }

    /// Where it listens, with the port that the kernel chose.
    ///
    /// # Errors
    /// Of the kernel.
    pub fn place(&self) -> io::Result<Place> {
        Ok(match &self.socket {
            Socket::Tcp(listener) if self.is_tls => Place::Https(listener.local_addr()?),
            Socket::Tcp(listener) => Place::Http(listener.local_addr()?),
            Socket::Unix(listener) => {
                let address = listener.local_addr()?;
                Place::Unix(address.as_pathname().map(PathBuf::from).unwrap_or_default())
            }
        })
    }

    /// Whether its connections are to speak TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// For this thread's runtime; all accept from the same queue.
    pub(crate) fn accepting(&self) -> io::Result<Accepting> {
        Ok(match &self.socket {
            Socket::Tcp(listener) => Accepting::Tcp(TcpListener::from_std(listener.try_clone()?)?),
            Socket::Unix(listener) => {
                Accepting::Unix(UnixListener::from_std(listener.try_clone()?)?)
            }
        })
    }
}

#[derive(Debug)]
pub(crate) enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Accepting {
    /// A connection, and who is at its other end, where that is an address.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((Stream::Tcp(stream), Some(peer.ip().to_canonical())))
            }
            Self::Unix(listener) => {
                let (stream, _peer) = listener.accept().await?;
                Ok((Stream::Unix(stream), None))
            }
        }
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! of_either {
    ($self:ident, $stream:ident => $act:expr) => {
        match $self.get_mut() {
            Stream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $act
            }
            Stream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $act
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        of_either!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        of_either!(self, stream => stream.poll_write(cx, data))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        of_either!(self, stream => stream.poll_write_vectored(cx, data))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, stream => stream.poll_shutdown(cx))
    }
}
