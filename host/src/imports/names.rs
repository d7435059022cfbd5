//! `capsock:sockets/names`

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, subscribe};

use crate::bindings::names::{
    self as wit, AddressInfo, Host, HostEntry, HostError, LookupFlags, NameError, NameFlags,
};
use crate::bindings::types::{Address, AddressFamily, SocketType};
use crate::ctx::{CapsockCtx, CapsockCtxView};
use crate::error::SocketError;
use crate::imports::lookup;
use crate::lookup::{Answer, Question};
use crate::resolve;

type Answers = Result<Vec<AddressInfo>, NameError>;
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub type Lookup = lookup::Lookup<Answers>;
type Names = Result<(String, String), NameError>;
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub type NameLookup = lookup::Lookup<Names>;
type Entry = Result<HostEntry, HostError>;
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub type HostLookup = lookup::Lookup<Entry>;

fn question(
    host: Option<String>,
    service: Option<String>,
    family: Option<AddressFamily>,
    kind: Option<SocketType>,
    protocol: u32,
    flags: LookupFlags,
) -> Question {
    Question {
        host,
        service,
        family: family.map(Into::into),
        kind: kind.map(Into::into),
        protocol,
        flags: flags.into(),
    }
}

fn answers(found: Result<Vec<Answer>, crate::lookup::NameError>) -> Answers {
    let found = found?;
    Ok(found.into_iter().map(AddressInfo::from).collect())
}

async fn names(ctx: &CapsockCtx, address: Address, flags: NameFlags) -> Names {
    let names = resolve::name_info(ctx, &address.into(), flags.into()).await;
    names.map_err(NameError::from)
}

async fn entry_of_name(ctx: &CapsockCtx, name: String) -> Entry {
    let entry = resolve::host_by_name(ctx, &name).await;
    entry.map(HostEntry::from).map_err(HostError::from)
}

async fn entry_of_address(ctx: &CapsockCtx, address: Address) -> Entry {
    let entry = resolve::host_by_address(ctx, &address.into()).await;
    entry.map(HostEntry::from).map_err(HostError::from)
}

impl CapsockCtxView<'_> {
    fn begin<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &mut self,
        ask: impl FnOnce(CapsockCtx) -> F,
    ) -> wasmtime::Result<Resource<lookup::Lookup<T>>> {
        let mut lookup = lookup::Lookup::new(ask(self.ctx.clone()));
        // It begins now, and not when it is first waited for.
        lookup.answers();
        Ok(self.table.push(lookup)?)
    }

    fn answer_of<T: Clone + Send + 'static>(
        &mut self,
        this: &Resource<lookup::Lookup<T>>,
    ) -> wasmtime::Result<Option<T>> {
        Ok(self.table.get_mut(this)?.answers().cloned())
    }
}

impl wit::HostLookup for CapsockCtxView<'_> {
    fn start(
        &mut self,
        host: Option<String>,
        service: Option<String>,
        family: Option<AddressFamily>,
        kind: Option<SocketType>,
        protocol: u32,
        flags: LookupFlags,
    ) -> wasmtime::Result<Resource<Lookup>> {
        let question = question(host, service, family, kind, protocol, flags);
        self.begin(|ctx| async move { answers(resolve::address_info(&ctx, question).await) })
    }

    fn answers(&mut self, this: Resource<Lookup>) -> wasmtime::Result<Option<Answers>> {
        let answers = self.table.get_mut(&this)?.answers();
        Ok(answers.map(|answers| std::mem::replace(answers, Ok(Vec::new()))))
    }

    fn subscribe(&mut self, this: Resource<Lookup>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<Lookup>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl wit::HostNameInfoLookup for CapsockCtxView<'_> {
    fn start(
        &mut self,
        address: Address,
        flags: NameFlags,
    ) -> wasmtime::Result<Resource<NameLookup>> {
        self.begin(|ctx| async move { names(&ctx, address, flags).await })
    }

    fn answer(&mut self, this: Resource<NameLookup>) -> wasmtime::Result<Option<Names>> {
        self.answer_of(&this)
    }

    fn subscribe(&mut self, this: Resource<NameLookup>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<NameLookup>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl wit::HostHostEntryLookup for CapsockCtxView<'_> {
    fn start_by_name(&mut self, name: String) -> wasmtime::Result<Resource<HostLookup>> {
        self.begin(|ctx| async move { entry_of_name(&ctx, name).await })
    }

    fn start_by_address(&mut self, address: Address) -> wasmtime::Result<Resource<HostLookup>> {
        self.begin(|ctx| async move { entry_of_address(&ctx, address).await })
    }

    fn answer(&mut self, this: Resource<HostLookup>) -> wasmtime::Result<Option<Entry>> {
        self.answer_of(&this)
    }

    fn subscribe(&mut self, this: Resource<HostLookup>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<HostLookup>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl Host for CapsockCtxView<'_> {
    async fn get_address_info(
        &mut self,
        host: Option<String>,
        service: Option<String>,
        family: Option<AddressFamily>,
        kind: Option<SocketType>,
        protocol: u32,
        flags: LookupFlags,
    ) -> wasmtime::Result<Result<Vec<AddressInfo>, NameError>> {
        let question = question(host, service, family, kind, protocol, flags);
        Ok(answers(resolve::address_info(self.ctx, question).await))
    }

    async fn get_name_info(
        &mut self,
        address: Address,
        flags: NameFlags,
    ) -> wasmtime::Result<Names> {
        Ok(names(self.ctx, address, flags).await)
    }

    async fn get_host_by_name(&mut self, name: String) -> wasmtime::Result<Entry> {
        Ok(entry_of_name(self.ctx, name).await)
    }

    async fn get_host_by_address(&mut self, address: Address) -> wasmtime::Result<Entry> {
        Ok(entry_of_address(self.ctx, address).await)
    }

    async fn get_service_by_name(
        &mut self,
        name: String,
        protocol: Option<String>,
    ) -> wasmtime::Result<Result<u16, NameError>> {
        let port = resolve::service_by_name(self.ctx, name, protocol).await;
        Ok(port.map_err(NameError::from))
    }

    async fn get_service_by_port(
        &mut self,
        port: u16,
        protocol: Option<String>,
    ) -> wasmtime::Result<Result<String, NameError>> {
        let name = resolve::service_by_port(self.ctx, port, protocol).await;
        Ok(name.map_err(NameError::from))
    }

    async fn get_protocol_by_name(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<u32, NameError>> {
        let number = resolve::protocol_by_name(self.ctx, name).await;
        Ok(number.map_err(NameError::from))
    }

    fn set_host_name(&mut self, name: String) -> Result<(), SocketError> {
        Ok(resolve::set_host_name(self.ctx, &name)?)
    }

    fn get_host_name(&mut self) -> Result<String, SocketError> {
        Ok(resolve::host_name()?)
    }
}
