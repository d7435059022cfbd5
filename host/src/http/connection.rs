//! One connection to a server, and what speaks HTTP over it.

use std::net::IpAddr;
use std::sync::Arc;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;

use super::body::Outgoing;
use crate::quota::Taken;

/// The least that hyper takes for its buffer.
const LEAST_BUFFER: usize = 8192;

/// What requests are sent by. Dropping the last one of a connection ends it.
#[derive(Debug)]
pub(super) struct Connection {
    sender: Sender,
    peer: IpAddr,
    task: Arc<EndOnDrop>,
}

#[derive(Debug)]
enum Sender {
    /// One request after the other.
    Http1(http1::SendRequest<Outgoing>),
    /// Many at a time.
    Http2(http2::SendRequest<Outgoing>),
}

/// Ends the task of a connection.
#[derive(Debug)]
struct EndOnDrop(AbortHandle);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Begins to speak HTTP. `place` is the socket's in the quota; `headers` bounds the
    /// header section of a response, in bytes.
    pub(super) async fn begin(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        is_http2: bool,
        peer: IpAddr,
        place: Taken,
        headers: u32,
    ) -> hyper::Result<Self> {
        let stream = TokioIo::new(stream);
        let (sender, task) = if is_http2 {
            let (sender, driver) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(headers)
                .handshake(stream)
                .await?;
            (Sender::Http2(sender), drive(driver, place))
        } else {
            let (sender, driver) = http1::Builder::new()
                .max_buf_size((headers as usize).max(LEAST_BUFFER))
                .handshake(stream)
                .await?;
            (Sender::Http1(sender), drive(driver, place))
        };
        Ok(Self {
            sender,
            peer,
            task: Arc::new(EndOnDrop(task)),
        })
    }

    /// Another handle of the same connection, where it takes several requests at a time.
    pub(super) fn shared(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self {
                sender: Sender::Http2(sender.clone()),
                peer: self.peer,
                task: self.task.clone(),
            }),
        }
    }

    /// The address that it is connected to.
    pub(super) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// How the request has to say what it is for.
    pub(super) fn version(&self) -> Version {
        match &self.sender {
            Sender::Http1(_) => Version::HTTP_11,
            Sender::Http2(_) => Version::HTTP_2,
        }
    }

    /// Whether it can take a request, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => !sender.is_closed(),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Waits until it can take the next request; an error says that it never will.
    pub(super) async fn ready(&mut self) -> hyper::Result<()> {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await,
            Sender::Http2(sender) => sender.ready().await,
        }
    }

    /// Sends a request; the one that was not sent comes back with its error.
    pub(super) async fn send(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, (hyper::Error, Option<Request<Outgoing>>)> {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender) => sender.try_send_request(request).await,
        };
        sent.map_err(|mut error| {
            let unsent = error.take_message();
            (error.into_error(), unsent)
        })
    }
}

/// Reads and writes the connection, as long as anybody has it.
fn drive(
    driver: impl Future<Output = hyper::Result<()>> + Send + 'static,
    place: Taken,
) -> AbortHandle {
    let task = tokio::spawn(async move {
        if let Err(error) = driver.await {
            tracing::debug!(%error, "a connection of HTTP ended");
        }
        drop(place);
    });
    task.abort_handle()
}
