//! Accepts connections, on each core, until it is told to stop.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use capsock_host::Limits;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::connections::{Connections, Taken};
use crate::listener::{Accepting, Stream};
use crate::{Arrival, Listener, Service};

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
        }
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
    /// Where a thread cannot be made.
    pub fn start(self, threads: usize, drain: Duration) -> io::Result<(Stop, Running)> {
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
            accepting.spawn(accept(
                listener.accepting()?,
                service.clone(),
                self.connections.clone(),
                self.limits.clone(),
                stopped.clone(),
                drain,
            ));
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

async fn accept(
    listener: Accepting,
    service: Service,
    connections: Arc<Connections>,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
    drain: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
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
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = until_stopped(&mut stopped) => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!(%error, "accept");
                    sleep(PAUSE).await;
                    continue;
                }
            },
        };
        match connections.take(peer) {
            Some(place) => serve_one(&builder, &graceful, stream, peer, place, &service),
            None => tracing::warn!(?peer, "too many connections"),
        }
    }
    drop(listener);
    if timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were ended that were under way");
    }
}

async fn until_stopped(stopped: &mut watch::Receiver<bool>) {
    // An error says that nobody can tell it to stop any more: it is told.
    _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The least that hyper takes for its buffer.
const LEAST_BUFFER: usize = 8192;

fn serve_one(
    builder: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
    stream: Stream,
    _peer: Option<IpAddr>,
    place: Taken,
    service: &Service,
) {
    let service = service.clone();
    let handle = service_fn(move |request| {
        let service = service.clone();
        async move { service.handle(Arrival { is_https: false }, request).await }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), handle);
    let connection = graceful.watch(connection.into_owned());
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error, "a connection ended");
        }
        drop(place);
    });
}
