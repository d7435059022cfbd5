//! A request: checked, connected, sent, and its response received.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Method, Response, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::{Instrument, trace, trace_span};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{Bounds, Outgoing, Received};
use super::connection::Connection;
use super::error::{unconnected, unresolved, unsent, unvetted};
use super::pool::{Lease, Pool, Server};
use super::tls::Tls;
use crate::os::Stream;
use crate::policy::Vetted;
use crate::policy::http::{Host, Request, VettedRequest};
use crate::policy::operation::Connect;
use crate::{CapsockCtx, Protocol, resolve};

/// Where traces look for operations of guests.
const TRACED: &str = "capsock_host::bindings::http";

/// What makes the requests of one guest.
pub(super) struct Client {
    sockets: CapsockCtx,
    pool: Arc<Pool>,
    tls: Tls,
    places: Arc<Semaphore>,
}

/// How long each part may take.
struct Times {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Client {
    pub(super) fn new(sockets: &CapsockCtx) -> Self {
        let most = sockets.limits().http_requests as usize;
        Self {
            sockets: sockets.clone(),
            pool: Arc::default(),
            tls: Tls::new(sockets.trust_store()),
            places: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Makes a request, and has traces show it.
    pub(super) async fn send(
        &self,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let span = trace_span!(target: TRACED, "http", function = "request");
        span.in_scope(|| trace!(target: TRACED, request = ?asked(&request), "call"));
        let response = self.exchange_with(request, options);
        let response = response.instrument(span.clone()).await;
        let told = response.as_ref().map(|response| response.status().as_u16());
        span.in_scope(|| trace!(target: TRACED, result = ?told, "return"));
        response
    }

    async fn exchange_with(
        &self,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_none_left| Error::ConnectionLimitReached)?;
        let vetted = self.check(request.method(), request.uri())?;
        let times = self.times(options);
        let server = Server {
            is_https: vetted.request().is_https(),
            destination: vetted.request().destination().clone(),
        };
        let (mut request, uri) = self.limited(request, &vetted)?;
        // One that was kept may be closed by now; what was not sent over it is sent over
        // another one.
        while let Some(lease) = self.kept(&server, &vetted) {
            match self.exchange(lease, request, &uri, &times).await {
                Ok((response, lease)) => return Ok(self.received(response, lease, place, &times)),
                Err((_closed, Some(unsent))) => request = unsent,
                Err((error, None)) => return Err(error),
            }
        }
        let connect = self.connect(&server, &vetted);
        let lease = timeout(times.connect, connect)
            .await
            .map_err(|_elapsed| Error::ConnectionTimeout)??;
        match self.exchange(lease, request, &uri, &times).await {
            Ok((response, lease)) => Ok(self.received(response, lease, place, &times)),
            Err((error, _)) => Err(error),
        }
    }

    /// Of what leaves no doubt, where the policy may allow it.
    fn check(&self, method: &Method, uri: &Uri) -> Result<VettedRequest, Error> {
        // It would be a tunnel, to whomever; and the other one tells what a server was sent.
        if [Method::CONNECT, Method::TRACE].contains(method) {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let scheme = uri.scheme().map_or("https", Scheme::as_str);
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let request = Request::of(method.as_str(), scheme, authority, path);
        let request = request.map_err(|invalid| unvetted(self.sockets.refuse(&invalid)))?;
        self.sockets.vet_request(&request).map_err(unvetted)
    }

    /// The request as it is sent, and its URI: what was checked, and not what was written.
    fn limited(
        &self,
        request: http::Request<WasiBody>,
        vetted: &VettedRequest,
    ) -> Result<(http::Request<Outgoing>, Uri), Error> {
        let checked = vetted.request();
        let mut path = checked.path().to_owned();
        if let Some(query) = request.uri().query() {
            path.push('?');
            path.push_str(query);
        }
        let uri = Uri::builder()
            .scheme(match checked.is_https() {
                true => Scheme::HTTPS,
                false => Scheme::HTTP,
            })
            .authority(authority(checked))
            .path_and_query(path)
            .build()
            .map_err(|_invalid| Error::HttpRequestUriInvalid)?;
        let most = self.sockets.limits().http_body;
        Ok((request.map(|body| Outgoing::new(body, most)), uri))
    }

    fn times(&self, options: RequestOptions) -> Times {
        let limits = self.sockets.limits();
        let least = |asked: Option<Duration>, most: Duration| asked.map_or(most, |it| it.min(most));
        Times {
            connect: least(options.connect_timeout, limits.http_connect_time),
            first_byte: least(options.first_byte_timeout, limits.http_first_byte_time),
            between_bytes: least(
                options.between_bytes_timeout,
                limits.http_between_bytes_time,
            ),
        }
    }

    /// A connection that is kept, if the policy allows where it goes.
    fn kept(&self, server: &Server, vetted: &VettedRequest) -> Option<Lease> {
        let lease = self.pool.take(server, |connection| {
            self.sockets.may_send_to(vetted, connection.peer())
        })?;
        let peer = lease.connection.peer();
        self.sockets.vet_destination(vetted, &[peer]).ok()?;
        Some(lease)
    }

    async fn connect(&self, server: &Server, vetted: &VettedRequest) -> Result<Lease, Error> {
        let host = server.destination.host();
        let addresses = match (host, vetted.name()) {
            (Host::Ip(ip), _) => vec![*ip],
            (Host::Name(_), None) => return Err(Error::HttpRequestUriInvalid),
            (Host::Name(written), Some(name)) => {
                let found = resolve::addresses(&self.sockets, written, name).await;
                found.map_err(unresolved)?
            }
        };
        let mut last = Error::DestinationNotFound;
        let addresses = self.sockets.vet_destination(vetted, &addresses);
        for address in addresses.map_err(unvetted)? {
            match self.connect_to(server, &address).await {
                Ok(connection) => return Ok(self.pool.add(server.clone(), connection)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect_to(
        &self,
        server: &Server,
        address: &Vetted<Connect>,
    ) -> Result<Connection, Error> {
        let place = match self.sockets.take_socket() {
            // What is kept is nobody's need.
            Err(_none_left) if self.pool.clear() => self.sockets.take_socket(),
            place => place,
        };
        let place = place.map_err(unconnected)?;
        // As of a socket of the guest's that was never bound.
        let family = address.address().family();
        let bound = self.sockets.vet_implicit_bind(Protocol::Tcp, family);
        bound.map_err(unvetted)?;
        let stream = Stream::connect(address, self.sockets.directories()).await;
        let stream = stream.map_err(unconnected)?;
        let peer = address.address().canonical();
        let peer = peer.ok_or(Error::DestinationUnavailable)?.ip();
        let headers = self.sockets.limits().http_headers;
        let connection = match server.is_https {
            true => {
                let host = server.destination.host();
                let (stream, is_http2) = self.tls.connect(stream, host).await?;
                Connection::begin(stream, is_http2, peer, place, headers).await
            }
            false => Connection::begin(stream, false, peer, place, headers).await,
        };
        connection.map_err(|error| unsent(error, headers))
    }

    /// Sends it. What comes back with an error was not sent.
    async fn exchange(
        &self,
        mut lease: Lease,
        mut request: http::Request<Outgoing>,
        uri: &Uri,
        times: &Times,
    ) -> Result<(Response<Incoming>, Lease), (Error, Option<http::Request<Outgoing>>)> {
        let headers = self.sockets.limits().http_headers;
        address(&mut request, uri, lease.connection.version()).map_err(|error| (error, None))?;
        let send = lease.connection.send(request);
        match timeout(times.first_byte, send).await {
            Ok(Ok(response)) => Ok((response, lease)),
            Ok(Err((error, back))) => Err((unsent(error, headers), back)),
            Err(_elapsed) => Err((Error::HttpResponseTimeout, None)),
        }
    }

    fn received(
        &self,
        response: Response<Incoming>,
        lease: Lease,
        place: OwnedSemaphorePermit,
        times: &Times,
    ) -> Response<WasiBody> {
        let limits = self.sockets.limits();
        let bounds = Bounds {
            body: limits.http_body,
            headers: limits.http_headers,
            between: times.between_bytes,
        };
        response.map(|body| {
            let body = Received::new(body, lease, bounds);
            body.map_frame(move |frame| {
                // It is under way until the body is dropped.
                let _under_way = &place;
                frame
            })
            .boxed_unsync()
        })
    }
}

/// What a request is for, without its query, which may have what nobody is told.
fn asked(request: &http::Request<WasiBody>) -> String {
    let uri = request.uri().to_string();
    let url = uri.split('?').next().unwrap_or_default();
    format!("{} {url}", request.method())
}

/// The host as it is checked, and the port where it is not the scheme's own.
fn authority(request: &Request) -> String {
    let destination = request.destination();
    let host = match destination.host() {
        Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name.clone(),
    };
    match (destination.port(), request.is_https()) {
        (80, false) | (443, true) => host,
        (port, _) => format!("{host}:{port}"),
    }
}

/// How a request says what it is for: HTTP/1.1 has the path in its first line and the host
/// in a header (RFC 9112, 3.2), HTTP/2 has all in fields of its own (RFC 9113, 8.3.1).
fn address(
    request: &mut http::Request<Outgoing>,
    uri: &Uri,
    version: Version,
) -> Result<(), Error> {
    *request.version_mut() = version;
    if version == Version::HTTP_2 {
        request.headers_mut().remove(HOST);
        *request.uri_mut() = uri.clone();
        return Ok(());
    }
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::try_from(host).map_err(|_invalid| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(HOST, host);
    let path = uri.path_and_query().cloned();
    *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    Ok(())
}
