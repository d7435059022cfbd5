//! `wasi:sockets/ip-name-lookup@0.2`

use std::net::IpAddr;
use std::vec;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, subscribe};

use super::{Network, Result};
use crate::bindings::wasi_p2::ip_name_lookup::{Host, HostResolveAddressStream};
use crate::bindings::wasi_p2::network::{ErrorCode, IpAddress};
use crate::ctx::CapsockCtxView;
use crate::error::WasiError;
use crate::imports::lookup;
use crate::lookup::NameError;
use crate::wasi::{Unresolved, addresses};

/// A look-up of addresses.
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub type Lookup = lookup::Lookup<Answers>;

type Answers = std::result::Result<vec::IntoIter<IpAddr>, Unresolved>;

impl Host for CapsockCtxView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<Lookup>> {
        self.table.get(&network)?;
        let answers = addresses(self.ctx.clone(), name);
        let mut lookup = Lookup::new(async { answers.await.map(Vec::into_iter) });
        // What is denied, or no name, is known to be at once.
        if let Some(Err(error)) = lookup.answers() {
            return Err(WasiError::Code((*error).into()));
        }
        Ok(self.table.push(lookup)?)
    }
}

impl HostResolveAddressStream for CapsockCtxView<'_> {
    fn resolve_next_address(&mut self, this: Resource<Lookup>) -> Result<Option<IpAddress>> {
        match self.table.get_mut(&this)?.answers() {
            None => Err(WasiError::Code(ErrorCode::WouldBlock)),
            Some(Ok(answers)) => Ok(answers.next().map(Into::into)),
            Some(Err(error)) => Err(WasiError::Code((*error).into())),
        }
    }

    fn subscribe(&mut self, this: Resource<Lookup>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<Lookup>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl From<Unresolved> for ErrorCode {
    fn from(error: Unresolved) -> Self {
        let error = match error {
            Unresolved::Invalid => return Self::InvalidArgument,
            Unresolved::Failed(error) => error,
        };
        match error {
            NameError::AccessDenied => Self::AccessDenied,
            NameError::NoName | NameError::NoData | NameError::AddressFamily => {
                Self::NameUnresolvable
            }
            NameError::Again => Self::TemporaryResolverFailure,
            NameError::Memory => Self::OutOfMemory,
            NameError::BadFlags
            | NameError::Fail
            | NameError::Family
            | NameError::Service
            | NameError::SocketType
            | NameError::System => Self::PermanentResolverFailure,
        }
    }
}
