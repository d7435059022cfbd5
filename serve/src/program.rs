//! A component that is linked, and how it handles a request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Sleep, sleep, timeout};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, ProxyHandler, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState,
    WorkerStatus,
};
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{p2, p3};

use crate::Template;
use crate::guest::Guest;

/// Of either version of `wasi:http`.
pub(crate) enum Program {
    P2(Arc<Synchronous>),
    P3(ProxyHandler<Concurrent>),
}

/// `wasi:http/incoming-handler@0.2`, an instance a request.
pub(crate) struct Synchronous {
    engine: Engine,
    pre: p2::bindings::ProxyPre<Guest>,
    template: Arc<Template>,
}

impl Program {
    pub(crate) fn link(
        engine: &Engine,
        component: &Component,
        template: &Arc<Template>,
    ) -> wasmtime::Result<Self> {
        let is_concurrent = exports(engine, component, "wasi:http/handler@0.3");
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        capsock_host::wasi::add_to_linker_p2(&mut linker)?;
        capsock_host::add_to_linker_async(&mut linker)?;
        capsock_host::http::add_to_linker_p2(&mut linker)?;
        if is_concurrent {
            wasmtime_wasi::p3::add_to_linker(&mut linker)?;
            capsock_host::wasi::add_to_linker_p3(&mut linker)?;
            capsock_host::http::add_to_linker_p3(&mut linker)?;
        }
        let linked = linker.instantiate_pre(component)?;
        Ok(if is_concurrent {
            Self::P3(ProxyHandler::new(Concurrent {
                engine: engine.clone(),
                pre: p3::bindings::ServicePre::new(linked)?,
                template: template.clone(),
            }))
        } else {
            Self::P2(Arc::new(Synchronous {
                engine: engine.clone(),
                pre: p2::bindings::ProxyPre::new(linked)?,
                template: template.clone(),
            }))
        })
    }

    /// The response, the body of which may follow. `place` is given back once the instance
    /// has ended.
    pub(crate) async fn handle(
        &self,
        is_https: bool,
        request: Request<WasiBody>,
        place: OwnedSemaphorePermit,
    ) -> wasmtime::Result<Response<WasiBody>> {
        match self {
            Self::P2(program) => program.clone().handle(is_https, request, place).await,
            Self::P3(handler) => handler.handle(place, request).await,
        }
    }
}

/// Whether a component exports an interface, of whatever last number.
fn exports(engine: &Engine, component: &Component, prefix: &str) -> bool {
    let component_type = component.component_type();
    let mut exports = component_type.exports(engine);
    exports.any(|(name, _type)| name.starts_with(prefix))
}

impl Synchronous {
    async fn handle(
        self: Arc<Self>,
        is_https: bool,
        request: Request<WasiBody>,
        place: OwnedSemaphorePermit,
    ) -> wasmtime::Result<Response<WasiBody>> {
        let mut store = self.template.store(&self.engine)?;
        let (sender, mut response) = oneshot::channel();
        let scheme = if is_https {
            Scheme::Https
        } else {
            Scheme::Http
        };
        let request = store
            .data_mut()
            .http()
            .new_incoming_request(scheme, request)?;
        let out = store.data_mut().http().new_response_outparam(sender)?;
        let time = self.template.limits().request_time;
        let template = self.template.clone();
        let mut guest = Box::pin(async move {
            let run = async {
                let proxy = self.pre.instantiate_async(&mut store).await?;
                let handler = proxy.wasi_http_incoming_handler();
                handler.call_handle(&mut store, request, out).await
            };
            let ended = timeout(time, run)
                .await
                .unwrap_or_else(|_elapsed| Err(late()));
            // There is room for the next one.
            drop(store);
            drop(place);
            ended
        });
        let response = tokio::select! {
            biased;
            response = &mut response => {
                // It goes on: with the body, say, which is longer than what is kept of it.
                tokio::spawn(async move { template.tell(guest.await) });
                response
            }
            ended = &mut guest => {
                ended?;
                response.await
            }
        };
        match response {
            Ok(response) => Ok(response?),
            Err(_dropped) => Err(wasmtime::format_err!("it ended without a response")),
        }
    }
}

fn late() -> wasmtime::Error {
    wasmtime::format_err!("it took longer than its limit request-time")
}

/// `wasi:http/handler@0.3`, an instance a request.
pub(crate) struct Concurrent {
    engine: Engine,
    pre: p3::bindings::ServicePre<Guest>,
    template: Arc<Template>,
}

impl HandlerState for Concurrent {
    type StoreData = Guest;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiration, Worker>> {
        let mut store = self.template.store(&self.engine)?;
        let pre = ProxyPre::P3(self.pre.clone());
        let proxy = pre.instantiate_async(&mut store).await?;
        let time = self.template.limits().request_time;
        Ok(Instance {
            store,
            proxy,
            view: Guest::http,
            expiration: Expiration {
                time,
                sleep: Box::pin(sleep(time)),
            },
            state: Worker {
                template: self.template.clone(),
                place: Mutex::default(),
            },
        })
    }
}

/// When an instance is ended whose request is not.
pub(crate) struct Expiration {
    time: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        let end = match status {
            WorkerStatus::Idle => return Poll::Ready(()),
            WorkerStatus::Requests | WorkerStatus::PostReturn => start + self.time,
        };
        self.sleep.as_mut().reset(end.into());
        self.sleep.as_mut().poll(cx)
    }
}

pub(crate) struct Worker {
    template: Arc<Template>,
    place: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Worker {
    fn place(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkerState for Worker {
    type StoreData = Guest;
    type RequestData = OwnedSemaphorePermit;

    fn should_accept_request(&self, _under_way: usize, total: usize) -> ShouldAccept {
        match total {
            0 => ShouldAccept::Yes,
            _ => ShouldAccept::Never,
        }
    }

    fn on_request_start(
        &self,
        _store: StoreContextMut<'_, Guest>,
        place: OwnedSemaphorePermit,
        _task: wasmtime::component::GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        *self.place() = Some(place);
        Box::pin(sleep(self.template.limits().request_time))
    }

    fn drop(&self, store: Store<Guest>, result: wasmtime::Result<()>) {
        drop(store);
        *self.place() = None;
        self.template.tell(result);
    }
}
