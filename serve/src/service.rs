//! A component, served.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime_wasi_http::WasiBody;

use crate::Template;
use crate::program::Program;

/// A component that handles requests, each by an instance of its own. A clone is the same.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    template: Arc<Template>,
    program: Program,
    places: Arc<Semaphore>,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Over TLS.
    pub is_https: bool,
}

impl Service {
    /// Links a component that exports `wasi:http/incoming-handler@0.2` or
    /// `wasi:http/handler@0.3`; for the latter the engine needs the component model's
    /// concurrency.
    ///
    /// # Errors
    /// Where it exports neither, or imports what there is not.
    pub fn new(
        engine: &Engine,
        component: &Component,
        template: Template,
    ) -> wasmtime::Result<Self> {
        let most = template.limits().requests as usize;
        let template = Arc::new(template);
        Ok(Self(Arc::new(Inner {
            program: Program::link(engine, component, &template)?,
            template,
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
        })))
    }

    /// Handles a request. What goes wrong in the instance is status 500; where as many
    /// requests are under way as the limit `requests` allows, 503; what is no request to a
    /// server, 400. It never fails.
    pub async fn handle(
        &self,
        arrival: Arrival,
        request: Request<Incoming>,
    ) -> Result<Response<WasiBody>, Infallible> {
        if let Err(why) = check(&request) {
            let mut refused = plain(StatusCode::BAD_REQUEST, why);
            // What follows on the connection may be meant as a part of it.
            if request.version() < Version::HTTP_2 {
                let close = HeaderValue::from_static("close");
                refused.headers_mut().insert(CONNECTION, close);
            }
            return Ok(refused);
        }
        let Ok(place) = self.0.places.clone().try_acquire_owned() else {
            let mut busy = plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many requests at a time",
            );
            let soon = HeaderValue::from_static("1");
            busy.headers_mut().insert(RETRY_AFTER, soon);
            return Ok(busy);
        };
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let handled = self.0.program.handle(arrival.is_https, request, place);
        Ok(handled.await.unwrap_or_else(|error| {
            self.0.template.tell(Err(error));
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the program failed")
        }))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

/// Refuses what one reader could take for another request than the next one does: another
/// host, or a tunnel (RFC 9112, 3.2; RFC 9110, 9.3.6).
fn check(request: &Request<Incoming>) -> Result<(), &'static str> {
    if request.method() == Method::CONNECT {
        return Err("it is no proxy");
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err("there are several hosts");
    }
    let host = host.map(|host| host.to_str().unwrap_or_default());
    let authority = request.uri().authority().map(|it| it.as_str());
    match (host, authority) {
        (None, None) => Err("there is no host"),
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
            Err("the host is not that of the URL")
        }
        (host, authority) => {
            let host = host.or(authority).unwrap_or_default();
            let is_host = host
                .parse::<Uri>()
                .is_ok_and(|uri| uri.authority().is_some());
            match is_host && !host.contains('@') {
                true => Ok(()),
                false => Err("the host is none"),
            }
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<WasiBody> {
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}
