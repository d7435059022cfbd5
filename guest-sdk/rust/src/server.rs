//! Servers: Python's `socketserver`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::address::{Address, ToAddress, UnixAddress};
use crate::constants::{AF_UNIX, AddressFamily, SOCK_DGRAM, SOCK_STREAM};
use crate::create::{ServerOptions, create_server};
use crate::error::{Error, Result};
use crate::socket::Socket;

/// The longest datagram there is.
const DATAGRAM: usize = 65_536;

/// Serves connections; a closure does too.
pub trait Handle {
    /// Serves one connection to its end. An error ends this connection only.
    ///
    /// # Errors
    /// Whatever goes wrong with it.
    fn handle(&mut self, request: Socket, client: Address) -> Result<()>;

    /// Is told of an error of one connection; prints it to standard error if it is
    /// not written.
    fn handle_error(&mut self, error: Error, client: &Address) {
        report(&error, client);
    }
}

impl<F: FnMut(Socket, Address) -> Result<()>> Handle for F {
    fn handle(&mut self, request: Socket, client: Address) -> Result<()> {
        self(request, client)
    }
}

/// Serves datagrams; a closure does too.
pub trait HandleDatagram {
    /// Serves one datagram; an answer goes through `socket`. An error ends this
    /// one only.
    ///
    /// # Errors
    /// Whatever goes wrong with it.
    fn handle(&mut self, data: &[u8], socket: &Socket, client: Address) -> Result<()>;

    /// Is told of an error of one datagram; prints it to standard error if it is
    /// not written.
    fn handle_error(&mut self, error: Error, client: &Address) {
        report(&error, client);
    }
}

impl<F: FnMut(&[u8], &Socket, Address) -> Result<()>> HandleDatagram for F {
    fn handle(&mut self, data: &[u8], socket: &Socket, client: Address) -> Result<()> {
        self(data, socket, client)
    }
}

/// Ends a server's [`serve_forever`](Server::serve_forever) after the request
/// that it serves: Python's `shutdown`.
#[derive(Clone, Debug, Default)]
pub struct Stopper(Arc<AtomicBool>);

impl Stopper {
    /// A stopper that no server has yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the servers that have it.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves connections one after the other: Python's `TCPServer` and
/// `UnixStreamServer`.
///
/// ```no_run
/// use capsock_guest::{AF_INET, Address, Server, Socket, Stopper};
///
/// let stopper = Stopper::new();
/// let stop = stopper.clone();
/// let echo = move |request: Socket, _client: Address| {
///     let data = request.recv(1024)?;
///     if data == b"quit" {
///         stop.stop();
///     }
///     request.sendall(&data)
/// };
/// let mut server = Server::tcp(("127.0.0.1", 50007), AF_INET, echo)?;
/// server.serve_forever(&stopper)?;
/// # Ok::<(), capsock_guest::Error>(())
/// ```
#[derive(Debug)]
pub struct Server<H> {
    socket: Socket,
    handler: H,
}

impl<H: Handle> Server<H> {
    /// A server on a socket that listens, such as an inherited one.
    pub fn new(socket: Socket, handler: H) -> Self {
        Self { socket, handler }
    }

    /// A TCP server.
    ///
    /// # Errors
    /// Those of [`create_server`].
    pub fn tcp(address: impl ToAddress, family: AddressFamily, handler: H) -> Result<Self> {
        let socket = create_server(address, family, ServerOptions::default())?;
        Ok(Self::new(socket, handler))
    }

    /// A server on a Unix stream socket.
    ///
    /// # Errors
    /// Those of [`Socket::bind`] and [`Socket::listen`].
    pub fn unix(path: impl ToAddress, handler: H) -> Result<Self> {
        let socket = Socket::new(AF_UNIX, SOCK_STREAM)?;
        socket.bind(path)?;
        socket.listen(None)?;
        Ok(Self::new(socket, handler))
    }

    /// The socket that listens.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Serves until the stopper stops it.
    ///
    /// # Errors
    /// What ends the listening; not what goes wrong with one connection.
    pub fn serve_forever(&mut self, stopper: &Stopper) -> Result<()> {
        while !stopper.is_stopped() {
            self.handle_request(None)?;
        }
        Ok(())
    }

    /// Serves one connection, and tells whether one came before the timeout.
    ///
    /// # Errors
    /// What ends the listening; not what goes wrong with one connection.
    pub fn handle_request(&mut self, timeout: impl Into<Option<Duration>>) -> Result<bool> {
        self.socket.settimeout(timeout)?;
        let Some((request, client)) = arrived(self.socket.accept())? else {
            return Ok(false);
        };
        if let Err(error) = self.handler.handle(request, client.clone()) {
            self.handler.handle_error(error, &client);
        }
        Ok(true)
    }
}

/// Serves datagrams one after the other: Python's `UDPServer` and
/// `UnixDatagramServer`.
#[derive(Debug)]
pub struct DatagramServer<H> {
    socket: Socket,
    handler: H,
}

impl<H: HandleDatagram> DatagramServer<H> {
    /// A server on a datagram socket that is bound.
    pub fn new(socket: Socket, handler: H) -> Self {
        Self { socket, handler }
    }

    /// A UDP server.
    ///
    /// # Errors
    /// Those of [`Socket::bind`].
    pub fn udp(address: impl ToAddress, family: AddressFamily, handler: H) -> Result<Self> {
        let socket = Socket::new(family, SOCK_DGRAM)?;
        socket.bind(address)?;
        Ok(Self::new(socket, handler))
    }

    /// The socket that receives.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Serves until the stopper stops it.
    ///
    /// # Errors
    /// What ends the receiving; not what goes wrong with one datagram.
    pub fn serve_forever(&mut self, stopper: &Stopper) -> Result<()> {
        while !stopper.is_stopped() {
            self.handle_request(None)?;
        }
        Ok(())
    }

    /// Serves one datagram, and tells whether one came before the timeout.
    ///
    /// # Errors
    /// What ends the receiving; not what goes wrong with one datagram.
    pub fn handle_request(&mut self, timeout: impl Into<Option<Duration>>) -> Result<bool> {
        self.socket.settimeout(timeout)?;
        let Some((data, client)) = arrived(self.socket.recvfrom(DATAGRAM))? else {
            return Ok(false);
        };
        let client = client.unwrap_or(Address::Unix(UnixAddress::Unnamed));
        // An answer waits as long as it has to.
        self.socket.settimeout(None)?;
        let served = self.handler.handle(&data, &self.socket, client.clone());
        if let Err(error) = served {
            self.handler.handle_error(error, &client);
        }
        Ok(true)
    }
}

#[allow(
    clippy::print_stderr,
    reason = "as socketserver does where nothing else is written"
)]
fn report(error: &Error, client: &Address) {
    eprintln!("serving {client}: {error}");
}

/// What came; `None` after the timeout, and after an error of one request or of
/// the moment: accept(2), and the answers to earlier datagrams.
fn arrived<T>(request: Result<T>) -> Result<Option<T>> {
    const PASSING: [&str; 14] = [
        "EAGAIN",
        "ECONNABORTED",
        "ECONNREFUSED",
        "ECONNRESET",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "EMFILE",
        "ENETDOWN",
        "ENETUNREACH",
        "ENFILE",
        "ENOBUFS",
        "ENOMEM",
        "EPERM",
        "EPROTO",
    ];
    match request {
        Ok(request) => Ok(Some(request)),
        Err(error) if error.is_timeout() => Ok(None),
        Err(error) if error.name().is_some_and(|name| PASSING.contains(&name)) => Ok(None),
        Err(error) => Err(error),
    }
}
