//! Descriptors that are sent and received over Unix sockets, and sockets of them.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::buffers::SharedBuffers;
use super::passed::{Passed, TakenFile, TakenPipe, Takes};
use super::{Role, Seen, Socket, State, vet_open};
use crate::ctx::CapsockCtx;
use crate::os::file::{OpenedKind, file_id, is_socket, opened};
use crate::os::message::Message;
use crate::os::{self, Identity};
use crate::policy::DescriptorKind;
use crate::policy::operation::{Bind, Connect, Listen, Send};
use crate::quota::Taken;
use crate::{Address, AddressFamily, Errno, Protocol, SocketType, UnixAddress};

/// A descriptor that a peer sent.
pub(crate) enum TakenDescriptor {
    Socket(TakenSocket),
    File(TakenFile),
    Pipe(TakenPipe),
}

/// A socket that a peer sent.
#[derive(Debug)]
pub(crate) struct TakenSocket {
    pub(crate) socket: Socket,
    pub(crate) family: AddressFamily,
    pub(crate) kind: SocketType,
    pub(crate) protocol: u32,
}

/// Two sockets that have each other for peer.
#[derive(Debug, Default)]
pub(super) struct Pair {
    /// Whether one of them may be in another process.
    exposed: AtomicBool,
    /// What was sent over the pair, and not received: it is open.
    /// The kernel closes them with both ends, which then drop this. By the end
    /// that sent them.
    in_flight: Mutex<[Vec<InFlight>; 2]>,
}

/// What was sent over a pair of the guest's own.
#[derive(Debug)]
pub(super) struct InFlight {
    known_by: KnownBy,
    /// Kept until it is received, also where no handle of it is left. Not of an
    /// end of a pair, which would keep that pair, and so itself.
    state: Option<Arc<Mutex<State>>>,
    _place: Taken,
    _buffers: Option<SharedBuffers>,
}

/// What tells what is in flight from the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KnownBy {
    /// `SO_COOKIE`
    Socket(u64),
    /// The file; any descriptor of it counts as much.
    File((u64, u64)),
}

impl KnownBy {
    fn of(fd: &impl AsFd) -> Result<Self, Errno> {
        let fd = fd.as_fd();
        Ok(match is_socket(fd)? {
            true => Self::Socket(os::cookie(fd)?),
            false => Self::File(file_id(fd)?),
        })
    }
}

/// One end of a pair.
#[derive(Clone, Debug)]
pub(super) struct PairEnd {
    pair: Arc<Pair>,
    side: usize,
}

impl PairEnd {
    /// Both ends of a new pair.
    pub(super) fn both() -> [Self; 2] {
        let pair = Arc::new(Pair::default());
        [0, 1].map(|side| Self {
            pair: pair.clone(),
            side,
        })
    }

    /// One whose other end is in another process.
    fn exposed() -> Self {
        let [end, _other] = Self::both();
        end.expose();
        end
    }

    fn expose(&self) {
        self.pair.exposed.store(true, Ordering::Relaxed);
    }

    fn is_exposed(&self) -> bool {
        self.pair.exposed.load(Ordering::Relaxed)
    }

    fn in_flight(&self) -> MutexGuard<'_, [Vec<InFlight>; 2]> {
        let places = self.pair.in_flight.lock();
        places.unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) const UNNAMED: Address = Address::Unix(UnixAddress::Unnamed);

impl Socket {
    /// Whether `passed` may be sent over this socket, to `destination` or its
    /// peer.
    pub(super) fn vet_pass(
        &self,
        ctx: &CapsockCtx,
        passed: &[Passed<'_>],
        destination: Option<&Address>,
    ) -> Result<(), Errno> {
        if passed.is_empty() {
            return Ok(());
        }
        // The kernel ignores them on an internet socket.
        if self.family != AddressFamily::Unix || passed.len() > ctx.limits().descriptors as usize {
            return Err(Errno::InvalidArgument);
        }
        // Whoever has it could make it send what the guest may not, by options that
        // the guest's own sends are not checked for. Nor could it be received.
        let mut sockets = passed.iter().filter_map(Passed::socket);
        if sockets.any(|socket| !socket.is_passable()) {
            return Err(Errno::AccessDenied);
        }
        let (role, bound, pair) = self.channel()?;
        let over = match (destination, role, pair) {
            (Some(destination), _, _) => destination.clone(),
            (None, Role::Client(peer), _) => peer,
            (None, Role::Accepted(_), Some(pair)) if !pair.is_exposed() => {
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

    /// Places for what is sent over a pair of the guest's own: it could
    /// close them all, and receive none. Others receive what is sent elsewhere.
    ///
    /// # Errors
    /// [`Errno::TooManyReferences`] for a socket that has others in flight
    /// itself: closing it would not close them.
    pub(super) fn places_in_flight(
        &self,
        ctx: &CapsockCtx,
        passed: &[Passed<'_>],
    ) -> Result<Vec<InFlight>, Errno> {
        for socket in passed.iter().filter_map(Passed::socket) {
            if let Some(end) = &socket.state().pair
                && end.in_flight().iter().any(|places| !places.is_empty())
            {
                return Err(Errno::TooManyReferences);
            }
        }
        let own = self.state().pair.clone();
        match own {
            Some(end) if !end.is_exposed() && !passed.is_empty() => {
                // What was received without a look at its descriptors.
                if os::unreceived(self.open()?.as_fd())? == 0 {
                    end.in_flight()[end.side].clear();
                }
                let place = |passed: &Passed<'_>| {
                    let socket = passed.socket();
                    let state = socket.filter(|socket| socket.state().pair.is_none());
                    Ok(InFlight {
                        known_by: KnownBy::of(&passed.as_fd()?)?,
                        state: state.map(|socket| socket.state.clone()),
                        _place: ctx.take_socket()?,
                        _buffers: socket.map(|socket| socket.buffers.clone()),
                    })
                };
                passed.iter().map(place).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What the places are for has been sent.
    pub(super) fn put_in_flight(&self, places: &mut Vec<InFlight>) {
        if let Some(end) = &self.state().pair {
            end.in_flight()[end.side].append(places);
        }
    }

    /// Gives the places of what was received back, and returns its states.
    fn take_from_flight(&self, received: &[OwnedFd]) -> Vec<Arc<Mutex<State>>> {
        let state = self.state();
        let Some(end) = &state.pair else {
            return Vec::new();
        };
        let places = &mut end.in_flight()[1 - end.side];
        let take = |fd: &OwnedFd| {
            let known_by = KnownBy::of(fd).ok()?;
            let place = places.iter().position(|place| place.known_by == known_by)?;
            places.remove(place).state
        };
        received.iter().filter_map(take).collect()
    }

    /// Whether a socket can be sent: one of those that can be received.
    fn is_passable(&self) -> bool {
        let families = [
            AddressFamily::Inet,
            AddressFamily::Inet6,
            AddressFamily::Unix,
        ];
        families.contains(&self.family) && !self.protocol.is_raw()
    }

    /// What the kernel tells of a socket that is about to be sent, and that the
    /// guest gets the state of if it receives it.
    pub(super) fn before_sharing(&self, ctx: &CapsockCtx) -> Result<Seen, Errno> {
        let fd = self.open()?.as_fd();
        ctx.known().remember(os::cookie(fd)?, &self.state);
        Seen::now(fd, self.family)
    }

    /// Another process may have the socket from now on, which was seen before.
    pub(super) fn share(&self, seen: Seen) {
        let mut state = self.state();
        state.shared.get_or_insert(seen);
        if let Some(pair) = &state.pair {
            pair.expose();
        }
    }

    /// The descriptors that came with a message. What may not be taken is closed.
    /// Those that were only peeked at come again.
    pub(super) fn take_descriptors(
        &self,
        ctx: &CapsockCtx,
        message: &mut Message,
        peeked: bool,
    ) -> Vec<TakenDescriptor> {
        let sent = std::mem::take(&mut message.descriptors);
        let count = sent.len();
        if count == 0 {
            return Vec::new();
        }
        // Kept until each is adopted.
        let _states = match peeked {
            false => self.take_from_flight(&sent),
            true => Vec::new(),
        };
        let taken = match self.takes_over() {
            Ok(over) => {
                let mut takes = Takes::new(ctx, self.protocol, over);
                sent.into_iter()
                    .take(ctx.limits().descriptors as usize)
                    .filter_map(|fd| match Self::take(ctx, &mut takes, fd) {
                        Ok(taken) => Some(taken),
                        Err(error) => {
                            tracing::debug!(%error, "a descriptor that a peer sent");
                            None
                        }
                    })
                    .collect()
            }
            Err(_closed) => Vec::new(),
        };
        message.flags.control_truncated |= taken.len() < count;
        taken
    }

    fn take(
        ctx: &CapsockCtx,
        takes: &mut Takes<'_>,
        fd: OwnedFd,
    ) -> Result<TakenDescriptor, Errno> {
        if is_socket(fd.as_fd())? {
            takes.vet(DescriptorKind::Socket)?;
            return Self::adopt(ctx, fd).map(TakenDescriptor::Socket);
        }
        let opened = opened(fd.as_fd())?;
        match opened.kind {
            OpenedKind::File => takes.file(fd, opened).map(TakenDescriptor::File),
            OpenedKind::Pipe => takes.pipe(fd, opened).map(TakenDescriptor::Pipe),
        }
    }

    /// The address over which descriptors come; `None` of a pair that is the
    /// guest's alone.
    fn takes_over(&self) -> Result<Option<Address>, Errno> {
        Ok(Some(match (self.channel()?, self.protocol) {
            // Whoever knows the address can send a datagram there.
            ((_, Some(bound), _), Protocol::UnixDatagram) => bound,
            ((Role::Client(peer), _, _), _) => peer,
            ((_, _, Some(pair)), _) if !pair.is_exposed() => return Ok(None),
            ((_, _, Some(_)), _) => UNNAMED,
            ((_, bound, None), _) => bound.unwrap_or(UNNAMED),
        }))
    }

    fn channel(&self) -> Result<(Role, Option<Address>, Option<PairEnd>), Errno> {
        let bound = self.reached_at()?;
        let state = self.state();
        Ok((state.role.clone(), bound, state.pair.clone()))
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
        let cookie = os::cookie(fd.as_fd())?;
        let state = match ctx.known().state(cookie) {
            // The guest has it already.
            Some(state) => state,
            None => {
                let state = adopted_state(ctx, &fd, identity, protocol)?;
                Arc::new(Mutex::new(state))
            }
        };
        ctx.known().remember(cookie, &state);
        os::set_nonblocking(fd.as_fd(), true)?;
        let mut socket = Self::new(ctx, fd, family, kind, protocol, permit);
        socket.state = state;
        socket.adopt_buffers()?;
        Ok(TakenSocket {
            socket,
            family,
            kind,
            protocol: identity.protocol,
        })
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
    let seen = Seen::now(fd.as_fd(), identity.family)?;
    let bound = seen.local.clone();
    let role = match (seen.peer.clone(), &bound) {
        // The guest could have accepted it.
        (Some(peer), Some(local))
            if protocol.has_connections() && ctx.could_accept(protocol, local, &peer) =>
        {
            Role::Accepted(peer)
        }
        // An end of a pair; one that has a name was bound to it, or accepted at it.
        (Some(peer), local) if peer == UNNAMED => {
            if let Some(local) = local {
                ctx.vet::<Bind>(protocol, local.clone())?;
            }
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
        shared: Some(seen),
        borrowed: identity.listens,
        pair: nameless.then(PairEnd::exposed),
        ..State::default()
    })
}
