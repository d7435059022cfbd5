//! `wasi:http`, for requests that a guest makes, under the policy of its sockets.
//!
//! Each request is checked: its method, its host and its path, and then the address that
//! the host's name resolves to, which is the one that is connected. Over TLS the server
//! proves that it is that host, or the request fails. A redirect is the guest's affair,
//! and what it does next is a request like any other. No proxy is used.
//!
//! ```
//! use capsock_host::cap_std::ambient_authority;
//! use capsock_host::http::{HttpCtx, WasiHttpCtxView, WasiHttpView};
//! use capsock_host::{CapsockCtx, CapsockCtxView, CapsockView, Op, Policy};
//! use wasmtime::Engine;
//! use wasmtime::component::{Linker, ResourceTable};
//!
//! struct Guest {
//!     sockets: CapsockCtx,
//!     http: HttpCtx,
//!     table: ResourceTable,
//! }
//!
//! impl WasiHttpView for Guest {
//!     fn http(&mut self) -> WasiHttpCtxView<'_> {
//!         self.http.view(&mut self.table)
//!     }
//! }
//!
//! let mut linker = Linker::<Guest>::new(&Engine::default());
//! capsock_host::http::add_to_linker_p2(&mut linker)?;
//!
//! let policy = Policy::default().allow(Op::Http, "GET https://api.example.com/v1/*")?;
//! let sockets = CapsockCtx::new(policy, ambient_authority());
//! let http = HttpCtx::new(&sockets);
//! let guest = Guest { sockets, http, table: ResourceTable::new() };
//! # Ok::<(), wasmtime::Error>(())
//! ```

mod body;
mod client;
mod connection;
mod error;
mod pool;
mod tls;

use std::fmt;
use std::sync::Arc;

use http::{Request, Response};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};
pub use wasmtime_wasi_http::{FieldMapError, WasiHttpCtxView, WasiHttpView};

use crate::CapsockCtx;
use client::Client;

/// The HTTP side of one guest: what it has sent and what it is connected to.
///
/// Connections are kept and used again, by this guest and no other; dropping it ends
/// them.
pub struct HttpCtx {
    wasi: WasiHttpCtx,
    client: Sender,
}

/// What wasmtime calls.
struct Sender(Arc<Client>);

impl HttpCtx {
    /// For the guest of these sockets: under their policy and their limits, those of
    /// HTTP among them, and with their trust store. Whoever is told of denials and
    /// decisions of its sockets is told of its requests.
    pub fn new(sockets: &CapsockCtx) -> Self {
        let mut wasi = WasiHttpCtx::new();
        let most = sockets.limits().http_headers;
        wasi.set_field_size_limit(usize::try_from(most).unwrap_or(usize::MAX));
        Self {
            wasi,
            client: Sender(Arc::new(Client::new(sockets))),
        }
    }

    /// For [`WasiHttpView::http`].
    pub fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView {
            hooks: &mut self.client,
            table,
            ctx: &mut self.wasi,
        }
    }
}

/// Adds `wasi:http` 0.2 to a linker: `types` and `outgoing-handler`. `wasi:io` has to be
/// added too.
///
/// # Errors
/// Where the linker has one of the interfaces already.
pub fn add_to_linker_p2<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// Adds `wasi:http` 0.3 to a linker: `types` and `client`.
///
/// # Errors
/// Where the linker has one of the interfaces already, or no concurrency is switched on.
pub fn add_to_linker_p3<T: WasiHttpView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

/// What happens to a body after its message was handed over.
type Progress = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Sender {
    /// The client says it itself, in the form in which it was checked.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _received: Progress,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Progress), Error>> + Send> {
        let client = self.0.clone();
        Box::new(async move {
            let response = client.send(request, options.unwrap_or_default()).await?;
            // The connection is driven by a task of its own, as long as its body is there.
            Ok((response, Box::new(async { Ok(()) }) as Progress))
        })
    }
}

impl fmt::Debug for HttpCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCtx").finish_non_exhaustive()
    }
}
