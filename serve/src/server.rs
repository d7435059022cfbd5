//! Accepts connections, on each core, until it is told to stop.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use capsock_host::Limits;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::connections::{Connections, Taken};
use crate::listener::{Accepting, Stream};
use crate::prompt::Prompt;
use crate::{Arrival, CertificateError, Certificates, Listener, Service};

/// How long to pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(10);

/// Streams of one connection of HTTP/2 at a time.
const STREAMS: u32 = 100;

/// Listeners, and who handles what comes to each.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<(Listener, Service)>,
    connections: Arc<Connections>,
    limits: Limits,
    tls: Option<Arc<ServerConfig>>,
}

/// Tells a server to stop, when it is dropped or before. A clone is the same.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Has the server accept nothing more, and end once what it has begun is done.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// A server with these limits: `connections`, `peer-connections`, `header-time` and
    /// `http-headers` of [`Limits`].
    pub fn new(limits: &Limits) -> Self {
        Self {
            listeners: Vec::new(),
            connections: Arc::new(Connections::new(limits)),
            limits: limits.clone(),
            tls: None,
        }
    }

    /// Shows these certificates at listeners for `https`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn certificates(mut self, certificates: Certificates) -> Result<Self, CertificateError> {
        self.tls = Some(certificates.config()?);
        Ok(self)
    }

    /// Has a service handle what comes to a listener.
    pub fn listen(mut self, listener: Listener, service: Service) -> Self {
        self.listeners.push((listener, service));
        self
    }

    /// Serves, on so many threads, in the background, until it is stopped; what is under
    /// way then is finished, for so long as `drain`.
    ///
    /// # Errors
    /// Where a thread cannot be made, or a listener is for `https` and there is no
    /// certificate.
    pub fn start(self, threads: usize, drain: Duration) -> io::Result<(Stop, Running)> {
        let needs_tls = self.listeners.iter().any(|(listener, _)| listener.is_tls());
        if needs_tls && self.tls.is_none() {
            return Err(io::Error::other("there is no certificate for https"));
        }
        let (sender, stopped) = watch::channel(false);
        let server = Arc::new(self);
        let start = |number: usize| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let (server, stopped) = (server.clone(), stopped.clone());
            let thread = thread::Builder::new().name(format!("serve-{number}"));
            thread.spawn(move || {
                let served = runtime.block_on(server.serve(stopped, drain));
                // A look-up that still goes on is not waited for.
                runtime.shutdown_background();
                served
            })
        };
        let threads = (0..threads.max(1)).map(start).collect::<io::Result<_>>()?;
        Ok((Stop(Arc::new(sender)), Running(threads)))
    }

    /// Serves on this thread's runtime.
    async fn serve(&self, stopped: watch::Receiver<bool>, drain: Duration) -> io::Result<()> {
        let mut accepting = JoinSet::new();
        for (listener, service) in &self.listeners {
            let tls = self.tls.clone().filter(|_tls| listener.is_tls());
            let accept = Accept {
                listener: listener.accepting()?,
                service: service.clone(),
                connections: self.connections.clone(),
                builder: builder(&self.limits),
                time: self.limits.header_time,
                tls: tls.map(TlsAcceptor::from),
            };
            accepting.spawn(accept.until(stopped.clone(), drain));
        }
        accepting.join_all().await;
        Ok(())
    }
}

/// The threads of a server.
#[derive(Debug)]
pub struct Running(Vec<thread::JoinHandle<io::Result<()>>>);

impl Running {
    /// Waits until the server has ended.
    ///
    /// # Errors
    /// Where it could not accept.
    pub fn wait(self) -> io::Result<()> {
        for thread in self.0 {
            thread
                .join()
                .unwrap_or_else(|_panic| Err(io::Error::other("a thread panicked")))?;
        }
        Ok(())
    }
}

/// A listener, and what is done with its connections.
struct Accept {
    listener: Accepting,
    service: Service,
    connections: Arc<Connections>,
    builder: Builder,
    tls: Option<TlsAcceptor>,
    /// How long TLS may take to be agreed on, and the first bytes of HTTP to come.
    time: Duration,
}

type Builder = auto::Builder<TokioExecutor>;

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new(TokioExecutor::new());
    let headers = limits.http_headers;
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size((headers as usize).max(LEAST_BUFFER));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(headers)
        .keep_alive_interval(limits.idle_time);
    builder
}

impl Accept {
    /// Accepts until the server is stopped, and then waits for what is under way.
    async fn until(self, mut stopped: watch::Receiver<bool>, drain: Duration) {
        let graceful = GracefulShutdown::new();
        loop {
            let (stream, peer) = tokio::select! {
                biased;
                () = until_stopped(&mut stopped) => break,
                accepted = self.listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::debug!(%error, "accept");
                        sleep(PAUSE).await;
                        continue;
                    }
                },
            };
            match self.connections.take(peer) {
                Some(place) => self.serve(&graceful, stream, place),
                None => tracing::warn!(?peer, "too many connections"),
            }
        }
        // Nobody is to connect any more.
        drop(self);
        if timeout(drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were ended that were under way");
        }
    }

    fn serve(&self, graceful: &GracefulShutdown, stream: Stream, place: Taken) {
        let (builder, service) = (self.builder.clone(), self.service.clone());
        let (watcher, time) = (graceful.watcher(), self.time);
        match self.tls.clone() {
            None => {
                let stream = Prompt::new(stream, time);
                let served = connection(builder, watcher, stream, service, false);
                tokio::spawn(counted(served, place));
            }
            Some(tls) => {
                let handshake = timeout(time, tls.accept(stream));
                let served = async move {
                    match handshake.await {
                        Ok(Ok(stream)) => {
                            let stream = Prompt::new(stream, time);
                            connection(builder, watcher, stream, service, true).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%error, "TLS"),
                        Err(_elapsed) => tracing::debug!("TLS took too long"),
                    }
                };
                tokio::spawn(counted(served, place));
            }
        }
    }
}

async fn counted(served: impl Future<Output = ()>, place: Taken) {
    served.await;
    drop(place);
}

/// Handles the requests of a connection, until it or the server ends.
async fn connection(
    builder: Builder,
    watcher: Watcher,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
    is_https: bool,
) {
    let handle = service_fn(move |request| {
        let service = service.clone();
        async move { service.handle(Arrival { is_https }, request).await }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), handle);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(error, "a connection ended");
    }
}

async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // An error says that nobody can tell it to stop any more: it is told.
    _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The least that hyper takes for its buffer.
const LEAST_BUFFER: usize = 8192;
