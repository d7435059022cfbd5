//! TCP sockets.

use std::cell::Cell;
use std::net::SocketAddr;

use capsock_policy::operation::Listen;
use capsock_policy::{AddressFamily, Limits, Protocol};

use crate::bindings::wasi::io::streams::{InputStream, OutputStream};
use crate::convert::code;
use crate::{ErrorCode, TcpSocket, checks, grants};

/// How many peers one accept turns away.
const TURNED_AWAY: u32 = Limits::DEFAULT.backlog;

/// A socket of the host's, whose addresses are checked.
#[derive(Debug)]
pub struct Tcp {
    socket: TcpSocket,
    family: AddressFamily,
    state: Cell<State>,
    /// The address that the guest asked for, which rules are about, and not the port
    /// that the kernel has chosen.
    bound: Cell<Option<SocketAddr>>,
}

/// Where a socket stands. It is known here, since what is out of turn is told before
/// any rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unconnected,
    Binding,
    BeginningToListen,
    Listening,
    Connecting,
    Connected,
    /// The connect failed. There is no other attempt.
    Failed(ErrorCode),
}

/// A connection that was accepted, and its streams, which end before the socket that
/// they are of: by the order here.
#[derive(Debug)]
pub struct Accepted {
    /// What it receives.
    pub input: InputStream,
    /// What it sends.
    pub output: OutputStream,
    /// The connection.
    pub socket: Tcp,
    /// Who connected.
    pub peer: SocketAddr,
}

impl Tcp {
    /// Makes a socket.
    ///
    /// # Errors
    /// The host's.
    pub fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        grants::begin();
        Ok(Self::of(TcpSocket::create(family)?, family))
    }

    fn of(socket: TcpSocket, family: AddressFamily) -> Self {
        Self {
            socket,
            family,
            state: Cell::new(State::Unconnected),
            bound: Cell::new(None),
        }
    }

    /// Begins to bind it.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow it; the host's.
    pub fn start_bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        self.check_unconnected()?;
        if self.bound.get().is_some() {
            return Err(ErrorCode::InvalidState);
        }
        let checked = checks::bind_tcp(self.family, local).map_err(code)?;
        self.socket.start_bind(&checked)?;
        self.state.set(State::Binding);
        self.bound.set(Some(local));
        Ok(())
    }

    /// Ends the bind.
    ///
    /// # Errors
    /// The host's.
    pub fn finish_bind(&self) -> Result<(), ErrorCode> {
        self.check_begun(State::Binding)?;
        let result = self.socket.finish_bind();
        self.ended(result, State::Unconnected, State::Unconnected);
        if matches!(result, Err(error) if error != ErrorCode::WouldBlock) {
            self.bound.set(None);
        }
        result
    }

    /// Begins to connect. By WASI a socket connects once, and the kernel's denials come
    /// at the end: `access-denied` is the end of the socket.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow it; the host's.
    pub fn start_connect(&self, remote: SocketAddr) -> Result<(), ErrorCode> {
        let started = self.begin_connect(remote);
        if let Err(error @ ErrorCode::AccessDenied) = started {
            self.fail(error);
        }
        started
    }

    /// The same by POSIX: what is denied can be tried elsewhere.
    ///
    /// # Errors
    /// Those of [`start_connect`](Self::start_connect).
    pub fn begin_connect(&self, remote: SocketAddr) -> Result<(), ErrorCode> {
        self.check_unconnected()?;
        let is_bound = self.bound.get().is_some();
        let checked = checks::connect_tcp(self.family, is_bound, remote).map_err(code)?;
        self.socket.start_connect(&checked)?;
        self.state.set(State::Connecting);
        Ok(())
    }

    /// Makes this the end of the socket, as a connect is that has failed.
    pub fn fail(&self, error: ErrorCode) {
        self.state.set(State::Failed(error));
    }

    /// Ends the connect.
    ///
    /// # Errors
    /// The host's.
    pub fn finish_connect(&self) -> Result<(InputStream, OutputStream), ErrorCode> {
        self.check_begun(State::Connecting)?;
        let result = self.socket.finish_connect();
        let told = result.as_ref().map(drop).map_err(|error| *error);
        let failed = State::Failed(told.err().unwrap_or(ErrorCode::Unknown));
        self.ended(told, State::Connected, failed);
        result
    }

    /// Begins to listen where it is bound.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow it; the host's.
    pub fn start_listen(&self) -> Result<(), ErrorCode> {
        self.check_unconnected()?;
        // By WASI, there is no bind by itself.
        let local = self.bound.get().ok_or(ErrorCode::InvalidState)?;
        let checked = grants::vet::<Listen>(Protocol::Tcp, local).map_err(code)?;
        self.socket.start_listen(&checked)?;
        self.state.set(State::BeginningToListen);
        Ok(())
    }

    /// It listens.
    ///
    /// # Errors
    /// The host's.
    pub fn finish_listen(&self) -> Result<(), ErrorCode> {
        self.check_begun(State::BeginningToListen)?;
        let result = self.socket.finish_listen();
        self.ended(result, State::Listening, State::Unconnected);
        result
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// The host's, or what the connect failed with.
    pub fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.open()?.local_address()
    }

    /// Whom it is connected to.
    ///
    /// # Errors
    /// The host's, or what the connect failed with.
    pub fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.open()?.remote_address()
    }

    /// The host's socket, unless a connect is under way or has failed.
    ///
    /// # Errors
    /// `invalid-state`, or what it failed with.
    pub fn open(&self) -> Result<&TcpSocket, ErrorCode> {
        match self.state.get() {
            State::Connecting => Err(ErrorCode::InvalidState),
            State::Failed(error) => Err(error),
            _ => Ok(&self.socket),
        }
    }

    fn check_unconnected(&self) -> Result<(), ErrorCode> {
        match self.state.get() {
            State::Unconnected => Ok(()),
            State::Binding | State::BeginningToListen | State::Connecting => {
                Err(ErrorCode::ConcurrencyConflict)
            }
            State::Listening | State::Connected | State::Failed(_) => Err(ErrorCode::InvalidState),
        }
    }

    fn check_begun(&self, state: State) -> Result<(), ErrorCode> {
        match self.state.get() == state {
            true => Ok(()),
            false => Err(ErrorCode::NotInProgress),
        }
    }

    /// After what was begun has ended, unless it has not.
    fn ended(&self, result: Result<(), ErrorCode>, well: State, badly: State) {
        match result {
            Ok(()) => self.state.set(well),
            Err(ErrorCode::WouldBlock) => {}
            Err(_) => self.state.set(badly),
        }
    }

    /// The next connection whose peer the rules admit. Others are closed.
    ///
    /// # Errors
    /// The host's; `would-block` where there is none.
    pub fn accept(&self) -> Result<Accepted, ErrorCode> {
        match self.state.get() {
            State::BeginningToListen | State::Listening => {}
            State::Failed(error) => return Err(error),
            _ => return Err(ErrorCode::InvalidState),
        }
        for _ in 0..TURNED_AWAY {
            let (socket, input, output) = self.socket.accept()?;
            // One that has gone again has no peer that could be asked about.
            let Ok(peer) = socket.remote_address() else {
                continue;
            };
            let local = self.bound.get().ok_or(ErrorCode::InvalidState)?;
            if self.admits(peer) {
                let socket = Self::of(socket, self.family);
                socket.state.set(State::Connected);
                socket.bound.set(Some(local));
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

    /// Its family.
    pub fn family(&self) -> AddressFamily {
        self.family
    }

    /// Whether the rules admit a peer; who they do not is told.
    pub fn admits(&self, peer: SocketAddr) -> bool {
        let local = self.bound.get();
        local.is_some_and(|local| grants::admit_peer(Protocol::Tcp, local, peer).is_ok())
    }

    /// The host's socket, for its state.
    pub fn socket(&self) -> &TcpSocket {
        &self.socket
    }
}
