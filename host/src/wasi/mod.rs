//! `wasi:sockets` as operations of this crate's sockets: what both its versions
//! have in common. The adapters are in `imports/wasi_p2` and `imports/wasi_p3`.
//!
//! [`add_to_linker_p2`] and [`add_to_linker_p3`] put them in place of
//! wasmtime-wasi's, so that programs which know nothing of `capsock:sockets`
//! run under the same [`Policy`](crate::Policy), limits and reports:
//!
//! ```
//! use capsock_host::cap_std::ambient_authority;
//! use capsock_host::{CapsockCtx, CapsockCtxView, CapsockView, Policy};
//! use wasmtime::Engine;
//! use wasmtime::component::{Linker, ResourceTable};
//! use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
//!
//! struct Guest {
//!     wasi: WasiCtx,
//!     sockets: CapsockCtx,
//!     table: ResourceTable,
//! }
//!
//! impl WasiView for Guest {
//!     fn ctx(&mut self) -> WasiCtxView<'_> {
//!         WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
//!     }
//! }
//!
//! impl CapsockView for Guest {
//!     fn capsock(&mut self) -> CapsockCtxView<'_> {
//!         CapsockCtxView { ctx: &mut self.sockets, table: &mut self.table }
//!     }
//! }
//!
//! let mut linker = Linker::<Guest>::new(&Engine::default());
//! wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
//! capsock_host::wasi::add_to_linker_p2(&mut linker)?;
//! # let _ = CapsockCtx::new(Policy::default(), ambient_authority());
//! # Ok::<(), wasmtime::Error>(())
//! ```

mod error;
mod names;
mod options;
mod stream;
pub(crate) mod tcp;
pub(crate) mod udp;

pub(crate) use error::{Failure, Kind};
pub(crate) use names::{Unresolved, addresses};
pub(crate) use stream::{Receiving, Rest, Sending, now};
pub(crate) use tcp::{Accepting, Tcp};
pub(crate) use udp::Udp;

use wasmtime::component::Linker;

use crate::bindings::{wasi_p2, wasi_p3};
use crate::imports::direct;
use crate::{Capsock, CapsockView, Errno, is_traced};

/// Serves `wasi:sockets` 0.2 under the guest's policy, instead of what the
/// linker has for it.
///
/// Call it after `wasmtime_wasi::p2::add_to_linker_async`, which has the rest of
/// WASI, and its own `wasi:sockets`. It ends [`Linker::allow_shadowing`].
///
/// # Errors
/// Where the linker has something else under these names.
pub fn add_to_linker_p2<T: CapsockView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let added = (|| {
        let network = wasi_p2::network::LinkOptions::default();
        wasi_p2::network::add_to_linker::<T, Capsock>(linker, &network, T::capsock)?;
        wasi_p2::instance_network::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        wasi_p2::tcp::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        wasi_p2::tcp_create_socket::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        wasi_p2::udp::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        wasi_p2::udp_create_socket::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        wasi_p2::ip_name_lookup::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        match is_traced() {
            true => Ok(()),
            false => direct::add_names_p2(linker),
        }
    })();
    linker.allow_shadowing(false);
    added
}

/// Serves `wasi:sockets` 0.3 under the guest's policy, instead of what the
/// linker has for it.
///
/// Call it after `wasmtime_wasi::p3::add_to_linker`, as with
/// [`add_to_linker_p2`]; both may be in one linker. The engine needs
/// `wasm_component_model_async`.
///
/// # Errors
/// Where the linker has something else under these names.
pub fn add_to_linker_p3<T: CapsockView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let added = (|| {
        wasi_p3::types::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        wasi_p3::ip_name_lookup::add_to_linker::<T, Capsock>(linker, T::capsock)?;
        match is_traced() {
            true => Ok(()),
            false => direct::add_names_p3(linker),
        }
    })();
    linker.allow_shadowing(false);
    added
}

/// What WASI says of an operation that the socket is not in the state for.
const INVALID_STATE: Errno = Errno::NotConnected;
