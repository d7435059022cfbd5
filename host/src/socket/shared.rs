//! Sockets that more than one hand holds: one state for each of the kernel's, and
//! those that another process may bind, connect or listen on too.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::descriptors::UNNAMED;
use super::{Role, Socket, State};
use crate::ctx::CapsockCtx;
use crate::os;
use crate::policy::operation::{Connect, Listen, Send};
use crate::{Address, AddressFamily, Errno};

/// The states of a guest's sockets that were sent or received, by the kernel's
/// number of the socket (`SO_COOKIE`). One that comes back gets the state that it
/// has already: what was checked of one handle holds for every other.
#[derive(Debug, Default)]
pub(crate) struct KnownSockets(Mutex<HashMap<u64, Weak<Mutex<State>>>>);

impl KnownSockets {
    pub(super) fn state(&self, cookie: u64) -> Option<Arc<Mutex<State>>> {
        self.states().get(&cookie)?.upgrade()
    }

    pub(super) fn remember(&self, cookie: u64, state: &Arc<Mutex<State>>) {
        let mut states = self.states();
        states.retain(|_cookie, state| state.strong_count() > 0);
        states.insert(cookie, Arc::downgrade(state));
    }

    fn states(&self) -> MutexGuard<'_, HashMap<u64, Weak<Mutex<State>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the kernel told of a socket when nobody but the guest had changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) local: Option<Address>,
    pub(super) peer: Option<Address>,
}

impl Seen {
    /// What the kernel tells now.
    pub(super) fn now(fd: BorrowedFd<'_>, family: AddressFamily) -> Result<Self, Errno> {
        let peer = match os::remote_address(fd) {
            Ok(peer) => Some(peer),
            Err(Errno::NotConnected) => None,
            Err(error) => return Err(error),
        };
        let local = local(fd, family)?;
        Ok(Self { local, peer })
    }
}

/// What the kernel has a socket bound to.
fn local(fd: BorrowedFd<'_>, family: AddressFamily) -> Result<Option<Address>, Errno> {
    let local = os::local_address(fd)?;
    let nowhere = Address::unspecified(family).unwrap_or(UNNAMED);
    Ok((local != nowhere).then_some(local))
}

impl Socket {
    /// What the socket is bound to: as it was checked, and as the kernel tells it
    /// where somebody else has bound it since, who has it too.
    pub(super) fn bound(&self) -> Result<Option<Address>, Errno> {
        let (bound, seen) = {
            let state = self.state();
            (state.bound.clone(), state.shared.clone())
        };
        match seen {
            None => Ok(bound),
            Some(seen) => {
                let now = local(self.open()?.as_fd(), self.family)?;
                Ok(if now == seen.local { bound } else { now })
            }
        }
    }

    /// Where others can send to the socket. An end of a pair hears the other end
    /// alone, as long as it is there, whatever its own name is.
    pub(super) fn reached_at(&self) -> Result<Option<Address>, Errno> {
        let is_pair = {
            let state = self.state();
            state.pair.is_some() && matches!(state.role, Role::Accepted(_))
        };
        match self.bound()? {
            Some(_) if is_pair && os::remote_address(self.open()?.as_fd()).is_ok() => Ok(None),
            bound => Ok(bound),
        }
    }

    /// The guest itself has changed a socket that others may have, which was bound
    /// to `bound` before or is now: that is what was checked.
    pub(super) fn changed(&self, bound: Option<Address>) -> Result<(), Errno> {
        if self.state().shared.is_none() {
            self.state().bound = bound;
            return Ok(());
        }
        let seen = Seen::now(self.open()?.as_fd(), self.family)?;
        let mut state = self.state();
        state.bound = bound;
        state.shared = Some(seen);
        Ok(())
    }

    /// Where a listener listens: the address that was checked, or where others have
    /// it listen, if the guest could.
    pub(super) fn listens_at(&self, ctx: &CapsockCtx, checked: Address) -> Result<Address, Errno> {
        let is_shared = self.state().shared.is_some();
        let now = if is_shared { self.bound()? } else { None };
        match now.filter(|now| *now != checked) {
            None => Ok(checked),
            Some(now) => Ok(ctx.vet::<Listen>(self.protocol, now)?.address().clone()),
        }
    }

    /// Checks the peer that others have connected the socket to. Whether there is
    /// such a one: false where it is the one that was checked.
    pub(super) fn vet_peer_of_others(&self, ctx: &CapsockCtx) -> Result<bool, Errno> {
        let (seen, is_decided) = {
            let state = self.state();
            match &state.shared {
                None => return Ok(false),
                Some(seen) => (seen.clone(), state.role != Role::Undecided),
            }
        };
        // Where it is not connected, the send meets that too.
        let Ok(peer) = os::remote_address(self.open()?.as_fd()) else {
            return Ok(false);
        };
        if is_decided && Some(&peer) == seen.peer.as_ref() {
            return Ok(false);
        }
        let peer = self.told(peer);
        match self.protocol.has_connections() {
            true => ctx.vet::<Connect>(self.protocol, peer).map(drop)?,
            false => ctx.vet::<Send>(self.protocol, peer).map(drop)?,
        }
        Ok(true)
    }

    /// Before what changes the socket for everybody who has it.
    ///
    /// # Errors
    /// [`Errno::NotPermitted`] for a listener that others gave: it is theirs too.
    pub(super) fn check_own(&self) -> Result<(), Errno> {
        match self.state().borrowed {
            true => Err(Errno::NotPermitted),
            false => Ok(()),
        }
    }
}
