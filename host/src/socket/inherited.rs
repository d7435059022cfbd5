//! Listeners that were opened before the guest started.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::{Role, Socket, State};
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
        Ok(Self {
            name,
            family,
            kind,
            number,
            protocol,
            fd: Arc::new(fd),
        })
    }
}

impl Socket {
    /// `dup(2)` of a listener that the guest was given.
    pub(crate) fn inherited(ctx: &CapsockCtx, place: u32) -> Result<Self, Errno> {
        let listener = ctx.inherited().get(place as usize).ok_or(Errno::NoEntry)?;
        let permit = ctx.take_socket()?;
        let fd = os::duplicate(listener.fd.as_fd())?;
        let local = os::local_address(fd.as_fd())?;
        let socket = Self::new(
            ctx,
            fd,
            listener.family,
            listener.kind,
            listener.protocol,
            permit,
        );
        *socket.state() = State {
            role: Role::Inherited,
            bound: Some(local),
            // Whoever passed it to this process may have it too.
            shared: true,
            ..State::default()
        };
        Ok(socket)
    }
}
