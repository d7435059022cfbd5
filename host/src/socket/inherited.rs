//! Listeners that were opened before the guest started.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};

use super::{Role, Seen, Socket, State};
use crate::ctx::CapsockCtx;
use crate::os::{self, Identity};
use crate::{AddressFamily, Errno, Protocol, SocketType};

/// A listener that a guest can take.
#[derive(Clone, Debug)]
pub(crate) struct Inherited {
    pub(crate) name: String,
    pub(crate) family: AddressFamily,
    pub(crate) kind: SocketType,
    pub(crate) number: u32,
    protocol: Protocol,
    fd: Arc<OwnedFd>,
    /// One for all the sockets that the guest takes of it.
    state: Arc<Mutex<State>>,
}

impl Inherited {
    /// Takes a socket, which has to listen, and makes it non-blocking.
    pub(crate) fn new(name: String, fd: OwnedFd) -> Result<Self, Errno> {
        let Identity {
            family,
            kind,
            protocol: number,
            listens,
            connecting: _,
        } = os::identify(fd.as_fd())?;
        let protocol = Protocol::of(family, kind, number)?;
        if !listens {
            return Err(Errno::InvalidArgument);
        }
        os::set_nonblocking(fd.as_fd(), true)?;
        // Whoever passed it to this process may have it too.
        let seen = Seen::now(fd.as_fd(), family)?;
        let state = State {
            role: Role::Inherited,
            bound: seen.local.clone(),
            shared: Some(seen),
            borrowed: true,
            ..State::default()
        };
        Ok(Self {
            name,
            family,
            kind,
            number,
            protocol,
            fd: Arc::new(fd),
            state: Arc::new(Mutex::new(state)),
        })
    }
}

impl Socket {
    /// `dup(2)` of a listener that the guest was given.
    pub(crate) fn inherited(ctx: &CapsockCtx, place: u32) -> Result<Self, Errno> {
        let listener = ctx.inherited().get(place as usize).ok_or(Errno::NoEntry)?;
        let permit = ctx.take_socket()?;
        let fd = os::duplicate(listener.fd.as_fd())?;
        let mut socket = Self::new(
            ctx,
            fd,
            listener.family,
            listener.kind,
            listener.protocol,
            permit,
        );
        socket.state = listener.state.clone();
        Ok(socket)
    }
}
