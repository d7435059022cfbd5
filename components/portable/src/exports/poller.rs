//! `capsock:sockets/poller`

use std::time::Duration;

use capsock_checked::io::poll::Pollable;

use super::{Result, of};
use crate::Portable;
use crate::bindings::exports::capsock::sockets::poller::{
    Event, Guest, GuestPoller, Poller as Handle, PollerBorrow, Readiness, Trigger,
};
use crate::bindings::exports::capsock::sockets::socket::SocketBorrow;
use crate::poller::Poller;

impl Guest for Portable {
    type Poller = Poller;
}

impl GuestPoller for Poller {
    fn create() -> Result<Handle> {
        Ok(Handle::new(Self::create()?))
    }

    fn register(
        &self,
        socket: SocketBorrow<'_>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        Ok(Self::register(self, of(&socket), key, interest, trigger)?)
    }

    fn modify(
        &self,
        socket: SocketBorrow<'_>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        Ok(Self::modify(self, of(&socket), key, interest, trigger)?)
    }

    fn unregister(&self, socket: SocketBorrow<'_>) -> Result<()> {
        Ok(Self::unregister(self, of(&socket))?)
    }

    fn register_poller(
        &self,
        member: PollerBorrow<'_>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        let member: &Self = member.get();
        Ok(Self::register_poller(self, member, key, interest, trigger)?)
    }

    fn modify_poller(
        &self,
        member: PollerBorrow<'_>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        let member: &Self = member.get();
        Ok(Self::modify_poller(self, member, key, interest, trigger)?)
    }

    fn unregister_poller(&self, member: PollerBorrow<'_>) -> Result<()> {
        Ok(Self::unregister_poller(self, member.get())?)
    }

    fn wait(&self, maximum: u32, timeout: Option<u64>) -> Result<Vec<Event>> {
        Ok(Self::wait(
            self,
            maximum,
            timeout.map(Duration::from_nanos),
        )?)
    }

    fn subscribe(&self) -> Pollable {
        Self::subscribe(self)
    }
}
