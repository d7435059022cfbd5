//! The two directions of a connection.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::sleep;
use tracing::{Span, trace, trace_span};

use crate::Errno;
use crate::ctx::CapsockCtx;
use crate::os::{Interest, SendFlags, Shutdown};
use crate::socket::{Receive, Socket, Transmit};

/// Where traces look for operations of guests.
const TRACED: &str = "capsock_host::bindings::streams";

/// How long a peer may take nothing of what a guest has written and left behind,
/// before the connection is reset.
const STALLED: Duration = Duration::from_secs(10);

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

/// What the guest has written and the kernel has not taken: a task sends it.
/// Without an owner it goes on, as the kernel does after close(2), but not
/// forever.
pub(crate) struct Rest<T = Box<Sending>> {
    task: JoinHandle<Result<T, Errno>>,
    /// Dropping it tells the task that the guest has left.
    guest: oneshot::Sender<()>,
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

    /// Sends all of it, after this call has returned.
    pub(crate) fn send_rest(self: Box<Self>, data: Bytes) -> Rest {
        let (guest, left) = oneshot::channel();
        let counted = self.ctx.count_unsent();
        let task = tokio::spawn(async move {
            let sending = self.send_all(data, left, STALLED).await;
            drop(counted);
            sending
        });
        Rest { task, guest }
    }

    async fn send_all(
        mut self: Box<Self>,
        mut data: Bytes,
        mut left: oneshot::Receiver<()>,
        stalled: Duration,
    ) -> Result<Box<Self>, Errno> {
        let mut has_left = false;
        while data.has_remaining() {
            tokio::select! {
                biased;
                sent = poll_fn(|cx| self.poll_send(cx, &data)) => data.advance(sent?),
                _ = &mut left, if !has_left => has_left = true,
                () = sleep(stalled), if has_left => {
                    // A peer must not take what it has got for all.
                    self.socket.set_linger(Some(Duration::ZERO))?;
                    return Err(Errno::TimedOut);
                }
            }
        }
        Ok(self)
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

impl Rest {
    /// The direction is shut down as soon as all is sent, whether or not anybody
    /// asks.
    pub(crate) fn end(self) -> Rest<()> {
        let Self { task, guest } = self;
        let task = tokio::spawn(async { sent_by(task.await).map(drop) });
        Rest { task, guest }
    }
}

impl<T> Rest<T> {
    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Errno>> {
        Pin::new(&mut self.task).poll(cx).map(sent_by)
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

/// A task that did not end was cancelled, with its runtime.
fn sent_by<T>(ended: Result<Result<T, Errno>, JoinError>) -> Result<T, Errno> {
    ended.unwrap_or(Err(Errno::Canceled))
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use cap_std::ambient_authority;

    use super::*;
    use crate::wasi::Tcp;
    use crate::{AddressFamily, Op, Policy};

    async fn connected(ctx: &CapsockCtx, server: &TcpListener) -> Box<Sending> {
        let mut client = Tcp::create(ctx, AddressFamily::Inet).unwrap();
        let to = server.local_addr().unwrap();
        let connected = client.connect(ctx, to).unwrap().await;
        client.end_connect(connected).unwrap();
        Box::new(client.take_sending(ctx, 0).unwrap())
    }

    /// Only once the guest has left, and not as a clean end.
    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_reset() {
        const SHORT: Duration = Duration::from_millis(50);
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let policy = Policy::default().allow(Op::Connect, "tcp://127.0.0.1:*");
        let ctx = CapsockCtx::new(policy.unwrap(), ambient_authority());
        let sending = connected(&ctx, &server).await;
        let (mut peer, _) = server.accept().unwrap();
        // More than both kernels keep.
        let data = Bytes::from(vec![0; 64 << 20]);
        let (guest, left) = oneshot::channel();
        let mut sent = pin!(sending.send_all(data, left, SHORT));
        let waited = tokio::time::timeout(SHORT * 10, &mut sent).await;
        assert!(waited.is_err(), "the guest still waits for it");
        drop(guest);
        assert_eq!(sent.await.err(), Some(Errno::TimedOut));
        let read = peer.read_to_end(&mut Vec::new());
        let error = read.expect_err("it was not sent to its end");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }

    /// A context is waited for until the kernel has all.
    #[tokio::test]
    async fn all_is_sent_without_anybody_who_asks() {
        const LENGTH: usize = 16 << 20;
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let policy = Policy::default().allow(Op::Connect, "tcp://127.0.0.1:*");
        let ctx = CapsockCtx::new(policy.unwrap(), ambient_authority());
        let sending = connected(&ctx, &server).await;
        let (mut peer, _) = server.accept().unwrap();
        drop(sending.send_rest(Bytes::from(vec![0; LENGTH])));
        let pending = tokio::time::timeout(Duration::from_millis(10), ctx.all_sent()).await;
        assert!(pending.is_err(), "nobody has read it");
        let reading = std::thread::spawn(move || peer.read_to_end(&mut Vec::new()).unwrap());
        ctx.all_sent().await;
        assert_eq!(reading.join().unwrap(), LENGTH);
    }
}
