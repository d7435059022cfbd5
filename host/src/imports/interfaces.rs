//! `capsock:sockets/interfaces`

use crate::bindings::interfaces::{Host, InterfaceAddress, NetworkInterface};
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::os;

type Result<T> = std::result::Result<T, SocketError>;

impl Host for CapsockCtxView<'_> {
    fn list_interfaces(&mut self) -> Result<Vec<NetworkInterface>> {
        self.ctx.vet_interfaces()?;
        let found = os::interfaces::list()?.into_iter();
        Ok(found
            .map(|(index, name)| NetworkInterface { index, name })
            .collect())
    }

    fn list_addresses(&mut self) -> Result<Vec<InterfaceAddress>> {
        self.ctx.vet_interfaces()?;
        let found = os::interfaces::addresses()?.into_iter();
        Ok(found.map(InterfaceAddress::from).collect())
    }

    fn name_to_index(&mut self, name: String) -> Result<u32> {
        self.ctx.vet_interface(&name)?;
        Ok(os::interfaces::index(&name)?)
    }

    fn index_to_name(&mut self, index: u32) -> Result<String> {
        let name = os::interfaces::name(index);
        self.ctx
            .vet_interface(name.as_deref().unwrap_or_default())?;
        Ok(name?)
    }
}
