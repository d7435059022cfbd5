//! TCP sockets.

use std::cell::RefCell;
use std::net::SocketAddr;

use capsock_policy::operation::{Bind, Connect, Listen};
use capsock_policy::wasi::{check_family, check_unicast};
use capsock_policy::{AddressFamily, Protocol};

use crate::bindings::wasi::io::streams::{InputStream, OutputStream};
use crate::bindings::wasi::sockets0_2_12::network::IpAddressFamily;
use crate::bindings::wasi::sockets0_2_12::tcp::TcpSocket;
use crate::convert::{code, socket_address};
use crate::{ErrorCode, convert, grants, outer};

/// How many peers one accept turns away.
const TURNED_AWAY: u32 = 1024;

/// A socket of the host's, whose addresses are checked.
#[derive(Debug)]
pub struct Tcp {
    socket: TcpSocket,
    family: AddressFamily,
    bound: RefCell<Bound>,
}

/// Where a socket is bound: the address that the guest asked for, which rules are
/// about, and not the port that the kernel has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Nowhere,
    Binding(SocketAddr),
    At(SocketAddr),
}

impl Bound {
    pub(crate) fn at(self) -> Option<SocketAddr> {
        match self {
            Self::At(local) => Some(local),
            Self::Nowhere | Self::Binding(_) => None,
        }
    }

    /// After the host has ended a bind, one way or the other.
    pub(crate) fn ended(self, result: Result<(), ErrorCode>) -> Self {
        match (self, result) {
            (Self::Binding(local), Ok(())) => Self::At(local),
            (Self::Binding(_), Err(ErrorCode::WouldBlock)) => self,
            (Self::Binding(_), Err(_)) => Self::Nowhere,
            (bound, _) => bound,
        }
    }
}

/// A connection that was accepted, and its streams.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub socket: Tcp,
    /// Who connected.
    pub peer: SocketAddr,
    /// What it receives.
    pub input: InputStream,
    /// What it sends.
    pub output: OutputStream,
}

impl Tcp {
    /// Makes a socket.
    ///
    /// # Errors
    /// The host's.
    pub fn create(family: IpAddressFamily) -> Result<Self, ErrorCode> {
        Ok(Self::of(
            outer::create_tcp(family)?,
            convert::family(family),
        ))
    }

    fn of(socket: TcpSocket, family: AddressFamily) -> Self {
        Self {
            socket,
            family,
            bound: RefCell::new(Bound::Nowhere),
        }
    }

    /// Begins to bind it.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow it; the host's.
    pub fn start_bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        if *self.bound.borrow() != Bound::Nowhere {
            // The host says which: in progress, or done.
            return self.socket.finish_bind().and(Err(ErrorCode::InvalidState));
        }
        check_unicast(local.ip()).map_err(code)?;
        check_family(self.family, local.ip()).map_err(code)?;
        let checked = grants::vet::<Bind>(Protocol::Tcp, local).map_err(code)?;
        outer::bind_tcp(&self.socket, &checked)?;
        *self.bound.borrow_mut() = Bound::Binding(local);
        Ok(())
    }

    /// Ends the bind.
    ///
    /// # Errors
    /// The host's.
    pub fn finish_bind(&self) -> Result<(), ErrorCode> {
        let result = self.socket.finish_bind();
        let bound = self.bound.borrow().ended(result);
        *self.bound.borrow_mut() = bound;
        result
    }

    /// Begins to connect.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow it; the host's.
    pub fn start_connect(&self, remote: SocketAddr) -> Result<(), ErrorCode> {
        check_family(self.family, remote.ip()).map_err(code)?;
        grants::check::<Connect>(Protocol::Tcp, remote).map_err(code)?;
        if *self.bound.borrow() == Bound::Nowhere {
            grants::vet_implicit_bind(Protocol::Tcp, self.family).map_err(code)?;
        }
        let checked = grants::vet::<Connect>(Protocol::Tcp, remote).map_err(code)?;
        outer::connect_tcp(&self.socket, &checked)
    }

    /// Ends the connect.
    ///
    /// # Errors
    /// The host's.
    pub fn finish_connect(&self) -> Result<(InputStream, OutputStream), ErrorCode> {
        self.socket.finish_connect()
    }

    /// Begins to listen where it is bound.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow it; the host's.
    pub fn start_listen(&self) -> Result<(), ErrorCode> {
        let Some(local) = self.bound.borrow().at() else {
            // By WASI, there is no bind by itself.
            return Err(ErrorCode::InvalidState);
        };
        let checked = grants::vet::<Listen>(Protocol::Tcp, local).map_err(code)?;
        outer::listen_tcp(&self.socket, &checked)
    }

    /// The next connection whose peer the rules admit. Others are closed.
    ///
    /// # Errors
    /// The host's; `would-block` where there is none.
    pub fn accept(&self) -> Result<Accepted, ErrorCode> {
        for _ in 0..TURNED_AWAY {
            let (socket, input, output) = outer::accept_tcp(&self.socket)?;
            // One that has gone again has no peer that could be asked about.
            let Ok(peer) = socket.remote_address().map(socket_address) else {
                continue;
            };
            let local = self.bound.borrow().at().ok_or(ErrorCode::InvalidState)?;
            if grants::admit_peer(Protocol::Tcp, local, peer).is_ok() {
                let socket = Self::of(socket, self.family);
                *socket.bound.borrow_mut() = Bound::At(local);
                return Ok(Accepted {
                    socket,
                    peer,
                    input,
                    output,
                });
            }
            // The streams end before the socket that they are of.
            drop((input, output));
        }
        Err(ErrorCode::WouldBlock)
    }

    /// The host's socket, for its options and state: it takes no address.
    pub fn socket(&self) -> &TcpSocket {
        &self.socket
    }
}
