//! Bodies: how long they may be, and how long they may take.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use super::error::unsent;
use super::pool::Lease;

/// The body of a request, of so many bytes at most.
pub(super) struct Outgoing {
    body: WasiBody,
    left: u64,
    most: u64,
}

impl Outgoing {
    pub(super) fn new(body: WasiBody, most: u64) -> Self {
        Self {
            body,
            left: most,
            most,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            match self.left.checked_sub(length(frame)) {
                Some(left) => self.left = left,
                None => {
                    let most = self.most;
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(most)))));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response. The connection is there until it is read.
pub(super) struct Received {
    body: Incoming,
    lease: Option<Lease>,
    left: u64,
    bounds: Bounds,
    late: Pin<Box<Sleep>>,
}

/// What bounds the body of a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) body: u64,
    pub(super) headers: u32,
    pub(super) between: Duration,
}

impl Received {
    pub(super) fn new(body: Incoming, lease: Lease, bounds: Bounds) -> Self {
        let mut received = Self {
            late: Box::pin(sleep(bounds.between)),
            left: bounds.body,
            lease: Some(lease),
            body,
            bounds,
        };
        received.give_back_at_end(received.body.is_end_stream());
        received
    }

    /// The connection is free for another request.
    fn give_back_at_end(&mut self, is_end: bool) {
        if is_end && let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.late.as_mut().poll(cx));
            self.lease = None;
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        };
        let frame = match frame {
            None => None,
            Some(Err(error)) => Some(Err(unsent(error, self.bounds.headers))),
            Some(Ok(frame)) => match self.left.checked_sub(length(&frame)) {
                Some(left) => {
                    self.left = left;
                    Some(Ok(frame))
                }
                None => Some(Err(Error::HttpResponseBodySize(Some(self.bounds.body)))),
            },
        };
        match &frame {
            None => self.give_back_at_end(true),
            Some(Err(_)) => self.lease = None,
            Some(Ok(_)) => {
                let (now, between) = (Instant::now(), self.bounds.between);
                let next = now.checked_add(between);
                self.late.as_mut().reset(next.unwrap_or(now));
                let is_end = self.body.is_end_stream();
                self.give_back_at_end(is_end);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}
