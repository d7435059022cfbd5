//! `capsock:sockets/poller`

use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

use crate::bindings::poller::{Event, Host, HostPoller, Readiness, Trigger};
use crate::convert::events;
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::poller::Poller;
use crate::socket::Socket;

use super::socket::pollable;

type Result<T> = std::result::Result<T, SocketError>;

impl Host for CapsockCtxView<'_> {}

impl HostPoller for CapsockCtxView<'_> {
    fn create(&mut self) -> Result<Resource<Poller>> {
        let poller = Poller::create(self.ctx)?;
        Ok(self.table.push(poller)?)
    }

    fn register(
        &mut self,
        this: Resource<Poller>,
        socket: Resource<Socket>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        let (poller, socket) = (self.table.get(&this)?, self.table.get(&socket)?);
        Ok(poller.register(socket, key, events(interest, trigger))?)
    }

    fn modify(
        &mut self,
        this: Resource<Poller>,
        socket: Resource<Socket>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        let (poller, socket) = (self.table.get(&this)?, self.table.get(&socket)?);
        Ok(poller.modify(socket, key, events(interest, trigger))?)
    }

    fn unregister(&mut self, this: Resource<Poller>, socket: Resource<Socket>) -> Result<()> {
        let (poller, socket) = (self.table.get(&this)?, self.table.get(&socket)?);
        Ok(poller.unregister(socket)?)
    }

    fn register_poller(
        &mut self,
        this: Resource<Poller>,
        member: Resource<Poller>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        let (poller, member) = (self.table.get(&this)?, self.table.get(&member)?);
        Ok(poller.register_poller(member, key, events(interest, trigger))?)
    }

    fn modify_poller(
        &mut self,
        this: Resource<Poller>,
        member: Resource<Poller>,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<()> {
        let (poller, member) = (self.table.get(&this)?, self.table.get(&member)?);
        Ok(poller.modify_poller(member, key, events(interest, trigger))?)
    }

    fn unregister_poller(
        &mut self,
        this: Resource<Poller>,
        member: Resource<Poller>,
    ) -> Result<()> {
        let (poller, member) = (self.table.get(&this)?, self.table.get(&member)?);
        Ok(poller.unregister_poller(member)?)
    }

    async fn wait(
        &mut self,
        this: Resource<Poller>,
        maximum: u32,
        timeout: Option<u64>,
    ) -> Result<Vec<Event>> {
        let timeout = timeout.map(Duration::from_nanos);
        let events = self.table.get(&this)?.wait(maximum, timeout).await?;
        Ok(events.into_iter().map(Event::from).collect())
    }

    fn subscribe(&mut self, this: Resource<Poller>) -> wasmtime::Result<Resource<DynPollable>> {
        let readiness = self.table.get(&this)?.readiness();
        pollable(self.table, readiness)
    }

    fn drop(&mut self, this: Resource<Poller>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
