//! TCP sockets.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use capsock_policy::operation::Listen;
use capsock_policy::{AddressFamily, Protocol};

use super::listener::settle;
use super::outer::{Connections, TcpSocket};
use super::{ErrorCode, code};
use crate::{checks, grants};

/// A socket of the host's, whose addresses are checked.
#[derive(Debug)]
pub(super) struct Tcp {
    socket: TcpSocket,
    family: AddressFamily,
    state: RefCell<State>,
    /// The address that the guest asked for, which rules are about, and not the port
    /// that the kernel has chosen.
    bound: Cell<Option<SocketAddr>>,
}

/// Where a socket stands. It is known here, since what is out of turn is told before
/// any rule is asked.
#[derive(Clone, Debug)]
enum State {
    Unconnected,
    Connecting,
    Connected,
    Listening,
    /// The connect failed. There is no other attempt.
    Failed(ErrorCode),
}

/// What a socket accepts.
#[derive(Debug)]
pub(super) struct Listener {
    connections: Connections,
    local: SocketAddr,
    family: AddressFamily,
}

impl Tcp {
    pub(super) fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        grants::begin();
        Ok(Self {
            socket: TcpSocket::create(family)?,
            family,
            state: RefCell::new(State::Unconnected),
            bound: Cell::new(None),
        })
    }

    pub(super) fn bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        self.check_unconnected()?;
        if self.bound.get().is_some() {
            return Err(ErrorCode::InvalidState);
        }
        let checked = checks::bind_tcp(self.family, local).map_err(code)?;
        self.socket.bind(&checked)?;
        self.bound.set(Some(local));
        Ok(())
    }

    /// Connects, once: what is denied is the end of the socket too.
    pub(super) async fn connect(&self, remote: SocketAddr) -> Result<(), ErrorCode> {
        self.check_unconnected()?;
        let is_bound = self.bound.get().is_some();
        let result = match checks::connect_tcp(self.family, is_bound, remote).map_err(code) {
            Ok(checked) => {
                self.state.replace(State::Connecting);
                settle().await;
                self.socket.connect(&checked).await
            }
            Err(ErrorCode::AccessDenied) => Err(ErrorCode::AccessDenied),
            Err(error) => return Err(error),
        };
        self.state.replace(match &result {
            Ok(()) => State::Connected,
            Err(error) => State::Failed(error.clone()),
        });
        result
    }

    /// Listens where it is bound, or where the kernel binds it by itself.
    pub(super) fn listen(&self) -> Result<Listener, ErrorCode> {
        self.check_unconnected()?;
        let any = match self.family {
            AddressFamily::Inet6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
            _ => (Ipv4Addr::UNSPECIFIED, 0).into(),
        };
        let local = self.bound.get().unwrap_or(any);
        let checked = grants::vet::<Listen>(Protocol::Tcp, local).map_err(code)?;
        let connections = self.socket.listen(&checked)?;
        self.state.replace(State::Listening);
        Ok(Listener {
            connections,
            local,
            family: self.family,
        })
    }

    /// The host's socket, unless a connect is under way or has failed.
    pub(super) fn open(&self) -> Result<&TcpSocket, ErrorCode> {
        match &*self.state.borrow() {
            State::Connecting => Err(ErrorCode::InvalidState),
            State::Failed(error) => Err(error.clone()),
            _ => Ok(&self.socket),
        }
    }

    /// The host's socket, for its state and data.
    pub(super) fn socket(&self) -> &TcpSocket {
        &self.socket
    }

    pub(super) fn family(&self) -> AddressFamily {
        self.family
    }

    fn check_unconnected(&self) -> Result<(), ErrorCode> {
        match *self.state.borrow() {
            State::Unconnected => Ok(()),
            _ => Err(ErrorCode::InvalidState),
        }
    }
}

impl Listener {
    /// The next connection whose peer the rules admit; others are closed. `None` is the
    /// end.
    pub(super) async fn accept(&mut self) -> Option<Tcp> {
        loop {
            let socket = self.connections.next().await?;
            // One that has gone again has no peer that could be asked about.
            let Ok(peer) = socket.remote_address() else {
                continue;
            };
            if grants::admit_peer(Protocol::Tcp, self.local, peer).is_ok() {
                return Some(Tcp {
                    socket,
                    family: self.family,
                    state: RefCell::new(State::Connected),
                    bound: Cell::new(Some(self.local)),
                });
            }
        }
    }
}
