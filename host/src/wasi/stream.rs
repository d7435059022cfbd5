//! The two directions of a connection.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop::unconstrained;
use tracing::{Span, trace, trace_span};

use crate::Errno;
use crate::ctx::CapsockCtx;
use crate::os::{Interest, SendFlags, Shutdown};
use crate::socket::{Receive, Socket, Transmit};

/// Where traces look for operations of guests.
const TRACED: &str = "capsock_host::bindings::streams";

/// The result of an operation that does not wait.
pub(crate) fn now<T>(operation: impl Future<Output = Result<T, Errno>>) -> Result<T, Errno> {
    // Without a budget: one that is used up would look like a wait.
    let operation = pin!(unconstrained(operation));
    match operation.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(Errno::WouldBlock),
    }
}

/// What a connection receives. Dropping it shuts that direction down.
pub(crate) struct Receiving {
    ctx: CapsockCtx,
    socket: Arc<Socket>,
    /// The handle of the socket, for traces.
    handle: u32,
    wait: Wait,
}

/// What a connection sends. Dropping it shuts that direction down.
pub(crate) struct Sending {
    ctx: CapsockCtx,
    socket: Arc<Socket>,
    /// The handle of the socket, for traces.
    handle: u32,
    wait: Wait,
}

/// An operation of a stream as traces have it, and the functions of the
/// generated bindings, which it has the place of.
struct Call {
    span: Span,
}

/// As [`SocketError`](crate::error::SocketError) has it: errors by their POSIX
/// names.
struct Outcome<'a, T>(&'a Result<T, Errno>);

/// A wait for readiness that is polled.
#[derive(Default)]
struct Wait(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Receiving {
    pub(crate) fn new(ctx: CapsockCtx, socket: Arc<Socket>, handle: u32) -> Self {
        let wait = Wait::default();
        Self {
            ctx,
            socket,
            handle,
            wait,
        }
    }

    /// At most `length` bytes; none is the end.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
    ) -> Poll<Result<Vec<u8>, Errno>> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let how = Receive {
            dont_wait: true,
            ..Receive::default()
        };
        loop {
            let call = Call::new("recv", self.handle, &length);
            let received = call.span.in_scope(|| {
                let received = now(self.socket.receive(&self.ctx, length, how));
                received.map(|(data, _no_sender)| data)
            });
            call.end(&received);
            match received {
                Err(Errno::WouldBlock) => ready!(self.poll_ready(cx)),
                received => return Poll::Ready(received),
            }
        }
    }

    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.poll(cx, &self.socket, Interest::READABLE)
    }
}

impl Sending {
    pub(crate) fn new(ctx: CapsockCtx, socket: Arc<Socket>, handle: u32) -> Self {
        let wait = Wait::default();
        Self {
            ctx,
            socket,
            handle,
            wait,
        }
    }

    /// Sends what the kernel takes at once; an error is never EAGAIN.
    pub(crate) fn try_send(&mut self, data: &[u8]) -> Result<usize, Errno> {
        let call = Call::new("send", self.handle, &data);
        let send = || now(self.socket.send(&self.ctx, data, dont_wait()));
        let sent = call.span.in_scope(send);
        call.end(&sent);
        match sent {
            Err(Errno::WouldBlock) => Ok(0),
            sent => Ok(sent? as usize),
        }
    }

    /// Sends all of it.
    pub(crate) async fn send_all(&mut self, data: &[u8]) -> Result<(), Errno> {
        let how = Transmit {
            dont_wait: false,
            ..dont_wait()
        };
        let call = Call::new("send-all", self.handle, &data);
        let sent = self.socket.send_all(&self.ctx, data, how).await;
        call.end(&sent);
        sent
    }

    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize, Errno>> {
        loop {
            match self.try_send(data) {
                Ok(0) if !data.is_empty() => ready!(self.poll_ready(cx)),
                result => return Poll::Ready(result),
            }
        }
    }

    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wait.poll(cx, &self.socket, Interest::WRITABLE)
    }

    /// Whether the kernel would take something now.
    pub(crate) fn is_ready(&self) -> bool {
        let readiness = self.socket.readiness(Interest::WRITABLE);
        readiness.is_ok_and(|readiness| readiness.is_now())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        shut_down(&self.socket, Shutdown::Read);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        shut_down(&self.socket, Shutdown::Write);
    }
}

impl Wait {
    fn poll(&mut self, cx: &mut Context<'_>, socket: &Socket, interest: Interest) -> Poll<()> {
        if self.0.is_none() {
            // A closed one is ready: to say that it is closed.
            let Ok(readiness) = socket.readiness(interest) else {
                return Poll::Ready(());
            };
            self.0 = Some(Box::pin(async move { readiness.ready().await }));
        }
        if let Some(wait) = &mut self.0 {
            ready!(wait.as_mut().poll(cx));
        }
        self.0 = None;
        Poll::Ready(())
    }
}

impl Call {
    fn new(function: &'static str, handle: u32, argument: &dyn fmt::Debug) -> Self {
        let span = trace_span!(target: TRACED, "stream", function);
        span.in_scope(|| trace!(target: TRACED, handle = ?handle, argument = ?argument, "call"));
        Self { span }
    }

    fn end<T: fmt::Debug>(self, result: &Result<T, Errno>) {
        let result = Outcome(result);
        self.span
            .in_scope(|| trace!(target: TRACED, result = ?result, "return"));
    }
}

impl<T: fmt::Debug> fmt::Debug for Outcome<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(value) => f.debug_tuple("Ok").field(value).finish(),
            Err(errno) => write!(f, "Err({})", errno.name()),
        }
    }
}

pub(super) fn dont_wait() -> Transmit {
    Transmit {
        flags: SendFlags::empty(),
        dont_wait: true,
        fast_open: false,
    }
}

fn shut_down(socket: &Socket, how: Shutdown) {
    // The peer may have ended the connection before.
    if let Err(error) = socket.shutdown(how) {
        tracing::debug!(%error, "shutdown");
    }
}
