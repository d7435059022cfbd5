//! `capsock:sockets/names`

use crate::bindings::names::{
    AddressInfo, Host, HostEntry, HostError, LookupFlags, NameError, NameFlags,
};
use crate::bindings::types::{Address, AddressFamily, SocketType};
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::lookup::Question;
use crate::resolve;

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
        let (family, kind) = (family.map(Into::into), kind.map(Into::into));
        let question = Question {
            host,
            service,
            family,
            kind,
            protocol,
            flags: flags.into(),
        };
        let answers = resolve::address_info(self.ctx, question).await;
        Ok(match answers {
            Ok(answers) => Ok(answers.into_iter().map(AddressInfo::from).collect()),
            Err(error) => Err(error.into()),
        })
    }

    async fn get_name_info(
        &mut self,
        address: Address,
        flags: NameFlags,
    ) -> wasmtime::Result<Result<(String, String), NameError>> {
        let names = resolve::name_info(self.ctx, &address.into(), flags.into()).await;
        Ok(names.map_err(NameError::from))
    }

    async fn get_host_by_name(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<HostEntry, HostError>> {
        let entry = resolve::host_by_name(self.ctx, &name).await;
        Ok(entry.map(HostEntry::from).map_err(HostError::from))
    }

    async fn get_host_by_address(
        &mut self,
        address: Address,
    ) -> wasmtime::Result<Result<HostEntry, HostError>> {
        let entry = resolve::host_by_address(self.ctx, &address.into()).await;
        Ok(entry.map(HostEntry::from).map_err(HostError::from))
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
