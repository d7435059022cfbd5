//! Sockets that are sent and received over Unix sockets.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Role, Socket, State, vet_open};
use crate::ctx::CapsockCtx;
use crate::os::message::Message;
use crate::os::{self, Identity};
use crate::policy::operation::{Bind, Connect, Listen, Send};
use crate::{Address, AddressFamily, Errno, Protocol, SocketType, UnixAddress};

/// A socket that a peer sent.
#[derive(Debug)]
pub(crate) struct TakenSocket {
    pub(crate) socket: Socket,
    pub(crate) family: AddressFamily,
    pub(crate) kind: SocketType,
    pub(crate) protocol: u32,
}

const UNNAMED: Address = Address::Unix(UnixAddress::Unnamed);

impl Socket {
    /// Whether `sockets` may be sent over this one, to `destination` or its
    /// peer.
    pub(super) fn vet_pass(
        &self,
        ctx: &CapsockCtx,
        sockets: &[&Self],
        destination: Option<&Address>,
    ) -> Result<(), Errno> {
        if sockets.is_empty() {
            return Ok(());
        }
        // The kernel ignores them on an internet socket.
        if self.family != AddressFamily::Unix || sockets.len() > ctx.limits().descriptors as usize {
            return Err(Errno::InvalidArgument);
        }
        let (role, bound, pair) = self.channel();
        let over = match (destination, role, pair) {
            (Some(destination), _, _) => destination.clone(),
            (None, Role::Client(peer), _) => peer,
            (None, Role::Accepted(_), Some(pair)) if !pair.load(Ordering::Relaxed) => {
                return Ok(());
            }
            (None, Role::Accepted(_), Some(_)) => UNNAMED,
            (None, Role::Accepted(_), None) => bound.unwrap_or(UNNAMED),
            (None, Role::Undecided | Role::Listener(_) | Role::Inherited, _) => {
                return Err(Errno::NotConnected);
            }
        };
        ctx.vet_pass(self.protocol, &over)
    }

    /// Another process may have the socket from now on.
    pub(super) fn share(&self) {
        let mut state = self.state();
        state.shared = true;
        if let Some(pair) = &state.pair {
            pair.store(true, Ordering::Relaxed);
        }
    }

    /// The sockets that came with a message. What may not be taken is closed.
    pub(super) fn take_sockets(&self, ctx: &CapsockCtx, message: &mut Message) -> Vec<TakenSocket> {
        let sent = std::mem::take(&mut message.descriptors);
        let count = sent.len();
        if count == 0 || self.vet_take(ctx).is_err() {
            message.flags.control_truncated |= count > 0;
            return Vec::new();
        }
        let taken: Vec<_> = sent
            .into_iter()
            .take(ctx.limits().descriptors as usize)
            .filter_map(|fd| match Self::adopt(ctx, fd) {
                Ok(taken) => Some(taken),
                Err(error) => {
                    tracing::debug!(%error, "a descriptor that a peer sent");
                    None
                }
            })
            .collect();
        message.flags.control_truncated |= taken.len() < count;
        taken
    }

    fn vet_take(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        let over = match (self.channel(), self.protocol) {
            // Whoever knows the address can send a datagram there.
            ((_, Some(bound), _), Protocol::UnixDatagram) => bound,
            ((Role::Client(peer), _, _), _) => peer,
            ((_, _, Some(pair)), _) if !pair.load(Ordering::Relaxed) => return Ok(()),
            ((_, _, Some(_)), _) => UNNAMED,
            ((_, bound, None), _) => bound.unwrap_or(UNNAMED),
        };
        ctx.vet_take(self.protocol, &over)
    }

    fn channel(&self) -> (Role, Option<Address>, Option<Arc<AtomicBool>>) {
        let state = self.state();
        (state.role.clone(), state.bound.clone(), state.pair.clone())
    }

    /// Makes a socket of a descriptor that a peer sent, if the guest could have
    /// made it.
    fn adopt(ctx: &CapsockCtx, fd: OwnedFd) -> Result<TakenSocket, Errno> {
        let identity = os::identify(fd.as_fd())?;
        let Identity { family, kind, .. } = identity;
        let protocol = Protocol::of(family, kind, identity.protocol)?;
        vet_open(ctx, protocol, identity.protocol)?;
        if protocol.is_raw() {
            // It may be set to let its user write the headers (IP_HDRINCL).
            return Err(Errno::AccessDenied);
        }
        let permit = ctx.take_socket()?;
        let state = adopted_state(ctx, &fd, identity, protocol)?;
        os::set_nonblocking(fd.as_fd())?;
        let socket = Self::new(fd, family, kind, protocol, permit);
        *socket.state() = state;
        Ok(TakenSocket {
            socket,
            family,
            kind,
            protocol: identity.protocol,
        })
    }

    /// Who shares the socket may have made it block, and the host would wait
    /// with it. Receiving and sending say so themselves (`MSG_DONTWAIT`).
    pub(super) fn keep_nonblocking(&self) -> Result<(), Errno> {
        if self.state().shared {
            os::set_nonblocking(self.open()?.as_fd())?;
        }
        Ok(())
    }
}

/// Checks what a received socket is bound or connected to, as if the guest had
/// done that.
fn adopted_state(
    ctx: &CapsockCtx,
    fd: &OwnedFd,
    identity: Identity,
    protocol: Protocol,
) -> Result<State, Errno> {
    if identity.connecting {
        return Err(Errno::InProgress);
    }
    let local = os::local_address(fd.as_fd())?;
    let nowhere = Address::unspecified(identity.family).unwrap_or(UNNAMED);
    let bound = (local != nowhere).then_some(local);
    let peer = match os::remote_address(fd.as_fd()) {
        Ok(peer) => Some(peer),
        Err(Errno::NotConnected) => None,
        Err(error) => return Err(error),
    };
    let role = match (peer, &bound) {
        (Some(peer), _) if peer == UNNAMED => Role::Accepted(peer),
        // The guest could have accepted it.
        (Some(peer), Some(local))
            if protocol.has_connections() && ctx.could_accept(protocol, local, &peer) =>
        {
            Role::Accepted(peer)
        }
        (Some(peer), _) if protocol.has_connections() => {
            Role::Client(ctx.vet::<Connect>(protocol, peer)?.address().clone())
        }
        (Some(peer), _) => Role::Client(ctx.vet::<Send>(protocol, peer)?.address().clone()),
        (None, Some(local)) if identity.listens => Role::Listener(
            ctx.vet::<Listen>(protocol, local.clone())?
                .address()
                .clone(),
        ),
        (None, None) if identity.listens => return Err(Errno::InvalidArgument),
        (None, Some(local)) => {
            ctx.vet::<Bind>(protocol, local.clone())?;
            Role::Undecided
        }
        (None, None) => Role::Undecided,
    };
    let nameless = role == Role::Accepted(UNNAMED) && bound.is_none();
    Ok(State {
        role,
        bound,
        shared: true,
        pair: nameless.then(|| Arc::new(AtomicBool::new(true))),
        ..State::default()
    })
}
