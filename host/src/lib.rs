//! BSD sockets for WebAssembly components, granted one capability at a time.
//!
//! A component imports `capsock:sockets`; this crate implements it on real OS
//! sockets, for any program that embeds wasmtime. Nothing is allowed until a
//! rule of the [`Policy`] allows it.
//!
//! # Embedding
//!
//! ```
//! use capsock_host::cap_std::ambient_authority;
//! use capsock_host::{CapsockCtx, CapsockCtxView, CapsockView, Op, Policy};
//! use wasmtime::component::{Linker, ResourceTable};
//! use wasmtime::{Engine, Store};
//!
//! struct Guest {
//!     sockets: CapsockCtx,
//!     table: ResourceTable,
//! }
//!
//! impl CapsockView for Guest {
//!     fn capsock(&mut self) -> CapsockCtxView<'_> {
//!         CapsockCtxView { ctx: &mut self.sockets, table: &mut self.table }
//!     }
//! }
//!
//! let engine = Engine::default();
//! let mut linker = Linker::<Guest>::new(&engine);
//! capsock_host::add_to_linker_async(&mut linker)?;
//!
//! let policy = Policy::default().allow(Op::Listen, "tcp://127.0.0.1:50007")?;
//! let sockets = CapsockCtx::new(policy, ambient_authority());
//! let store = Store::new(&engine, Guest { sockets, table: ResourceTable::new() });
//! // Then `linker.instantiate_async(store, &component).await`, with WASI in the
//! // same linker where the component needs it, in a tokio runtime with I/O and
//! // time.
//! # Ok::<(), wasmtime::Error>(())
//! ```
//!
//! [`wasi`] puts `wasi:sockets` under the same policy, for guests that know
//! nothing of `capsock:sockets`.
//!
//! # The parts
//!
//! [`policy`] is a crate of its own, pure, and knows nothing of sockets; `socket` checks, tries and
//! waits; `os` makes the system calls and takes only addresses that the policy
//! has passed; `imports` adapts all that to the WIT.

#![deny(missing_docs)]
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod bindings;
mod convert;
mod ctx;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "http")]
pub mod http;
mod imports;
mod lookup;
mod memory;
#[cfg(any(test, feature = "fuzzing"))]
mod model;
mod options;
mod os;
mod poller;
mod quota;
mod raw_options;
mod record;
mod resolve;
mod signals;
mod socket;
mod trust;
pub mod wasi;

pub use cap_std;
pub use capsock_policy as policy;
pub use capsock_policy::{
    Address, AddressFamily, AlgAddress, BluetoothAddress, BluetoothDevice, CanAddress,
    CanProtocolAddress, Decision, Denial, Domain, Effect, Errno, Invalid, LimitError, Limits,
    NetlinkAddress, Op, PacketAddress, ParseRuleError, Policy, PolicyFileError, Protocol, Rule,
    SocketType, TipcAddress, TipcTarget, UnixAddress, VsockAddress,
};
pub use ctx::{CapsockCtx, CapsockCtxView, CapsockView, Unrecorded, this_machine};
pub use lookup::NameAnswer;
pub use memory::MemoryLimiter;
pub use quota::Quota;
pub use record::Recording;
pub use signals::{Sent, Signal, Signals};
pub use trust::{TrustError, TrustStore};

use wasmtime::component::{HasData, Linker};

/// Adds `capsock:sockets` to a linker. A call that has to wait suspends the
/// guest, not the thread.
///
/// `wasi:io/poll`, whose pollables `subscribe` returns, has to be added too, and
/// `wasi:filesystem` for sending files: `wasmtime_wasi::p2::add_to_linker_async`
/// does.
///
/// Calls are `tracing` spans of the target `capsock_host::bindings`, at level
/// `TRACE`; those that carry data only if a subscriber wants them by now, as they
/// have to be copied for it. The linker is left without
/// [`Linker::allow_shadowing`].
///
/// # Errors
/// Where the linker has one of the interfaces already.
pub fn add_to_linker_async<T: CapsockView + 'static>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    bindings::types::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::socket::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::messages::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::names::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::interfaces::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::authority::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::options::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::poller::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::files::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::inherited::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::trust::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    bindings::signals::add_to_linker::<T, Capsock>(linker, T::capsock)?;
    match is_traced() {
        true => Ok(()),
        false => imports::direct::add_to_linker(linker),
    }
}

/// Whether anybody wants to see the calls: what bindgen generates shows them.
fn is_traced() -> bool {
    tracing::enabled!(target: "capsock_host::bindings", tracing::Level::TRACE)
}

/// The sockets that systemd, or who else follows its protocol, passed to this
/// process with their names: `LISTEN_FDS`, `LISTEN_FDNAMES` and `LISTEN_PID`,
/// descriptors from 3 on. For [`CapsockCtx::inherit`].
///
/// Call it before anything else opens descriptors. It gives them once, and
/// afterwards none; none too where `LISTEN_PID` is not this process.
///
/// # Errors
/// Where a variable makes no sense, or a descriptor is not open.
///
/// Source: sd_listen_fds(3)
pub fn systemd_sockets() -> std::io::Result<Vec<(String, std::os::fd::OwnedFd)>> {
    os::systemd_sockets()
}

/// Names what host functions borrow from a `T`.
struct Capsock;

impl HasData for Capsock {
    type Data<'a> = CapsockCtxView<'a>;
}
