//! `capsock:sockets/names`

use crate::bindings::names::{AddressInfo, Host, LookupFlags, NameError, NameFlags};
use crate::bindings::types::{Address, AddressFamily, SocketType};
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::resolve::{self, Question};

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

    fn get_host_name(&mut self) -> Result<String, SocketError> {
        Ok(resolve::host_name()?)
    }
}
