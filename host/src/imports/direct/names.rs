//! Names, which may be as long as the guest's memory: they are bounded, and then
//! passed on to what bindgen would have called.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};

use super::lift::Text;
use super::told;
use crate::Capsock;
use crate::bindings::interfaces::Host as _;
use crate::bindings::names::{Host, LookupFlags};
use crate::bindings::options::{Host as _, TextOption};
use crate::bindings::types::{AddressFamily, SocketType};
use crate::bindings::wasi_p2::ip_name_lookup::Host as _;
use crate::bindings::wasi_p3::ip_name_lookup::HostWithStore;
use crate::ctx::CapsockView;
use crate::error::WasiError;
use crate::imports::wasi_p2::network::Network;
use crate::socket::Socket;

/// Replaces the functions of `capsock:sockets/names` that take text.
pub(super) fn add_names<T: CapsockView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut names = linker.instance("capsock:sockets/names@0.1.0")?;
    names.func_wrap_async(
        "get-address-info",
        |mut store: StoreContextMut<'_, T>,
         (host, service, family, kind, protocol, flags): (
            Option<Text>,
            Option<Text>,
            Option<AddressFamily>,
            Option<SocketType>,
            u32,
            LookupFlags,
        )| {
            Box::new(async move {
                let (host, service) = (host.map(text), service.map(text));
                let mut view = store.data_mut().capsock();
                let found = view.get_address_info(host, service, family, kind, protocol, flags);
                Ok((found.await?,))
            })
        },
    )?;
    names.func_wrap_async(
        "get-host-by-name",
        |mut store: StoreContextMut<'_, T>, (Text(name),): (Text,)| {
            Box::new(async move {
                let mut view = store.data_mut().capsock();
                Ok((view.get_host_by_name(name).await?,))
            })
        },
    )?;
    names.func_wrap_async(
        "get-service-by-name",
        |mut store: StoreContextMut<'_, T>, (Text(name), protocol): (Text, Option<Text>)| {
            Box::new(async move {
                let mut view = store.data_mut().capsock();
                let port = view.get_service_by_name(name, protocol.map(text));
                Ok((port.await?,))
            })
        },
    )?;
    names.func_wrap_async(
        "get-service-by-port",
        |mut store: StoreContextMut<'_, T>, (port, protocol): (u16, Option<Text>)| {
            Box::new(async move {
                let mut view = store.data_mut().capsock();
                let name = view.get_service_by_port(port, protocol.map(text));
                Ok((name.await?,))
            })
        },
    )?;
    names.func_wrap_async(
        "get-protocol-by-name",
        |mut store: StoreContextMut<'_, T>, (Text(name),): (Text,)| {
            Box::new(async move {
                let mut view = store.data_mut().capsock();
                Ok((view.get_protocol_by_name(name).await?,))
            })
        },
    )?;
    names.func_wrap(
        "set-host-name",
        |mut store: StoreContextMut<'_, T>, (Text(name),): (Text,)| {
            told(store.data_mut().capsock().set_host_name(name))
        },
    )
}

/// Replaces the functions of other interfaces that take the name of a network
/// interface or the like.
pub(super) fn add_texts<T: CapsockView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    let mut options = linker.instance("capsock:sockets/options@0.1.0")?;
    options.func_wrap(
        "set-text",
        |mut store: StoreContextMut<'_, T>,
         (socket, option, Text(value)): (Resource<Socket>, TextOption, Text)| {
            told(store.data_mut().capsock().set_text(socket, option, value))
        },
    )?;
    let mut interfaces = linker.instance("capsock:sockets/interfaces@0.1.0")?;
    interfaces.func_wrap(
        "name-to-index",
        |mut store: StoreContextMut<'_, T>, (Text(name),): (Text,)| {
            told(store.data_mut().capsock().name_to_index(name))
        },
    )
}

/// Replaces the look-up of `wasi:sockets` 0.2.
pub(crate) fn add_names_p2<T: CapsockView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    let mut names = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    names.func_wrap(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, T>, (network, Text(name)): (Resource<Network>, Text)| {
            match store.data_mut().capsock().resolve_addresses(network, name) {
                Ok(lookup) => Ok((Ok(lookup),)),
                Err(WasiError::Code(code)) => Ok((Err(code),)),
                Err(WasiError::Trap(error)) => Err(error),
            }
        },
    )
}

/// Replaces the look-up of `wasi:sockets` 0.3.
pub(crate) fn add_names_p3<T: CapsockView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    let mut names = linker.instance("wasi:sockets/ip-name-lookup@0.3.0")?;
    names.func_wrap_concurrent("resolve-addresses", |accessor, (Text(name),): (Text,)| {
        Box::pin(async move {
            let accessor = accessor.with_getter::<Capsock>(T::capsock);
            Ok((Capsock::resolve_addresses(&accessor, name).await?,))
        })
    })
}

fn text(Text(text): Text) -> String {
    text
}
