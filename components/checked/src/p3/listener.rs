//! The streams of connections that listeners give.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Poll, Waker};

use wit_bindgen::{StreamResult, StreamWriter, yield_async};

use super::bindings::exports::wasi::sockets0_3_0::types::TcpSocket;
use super::tcp::{Listener, Tcp};

thread_local! {
    static DROPS: Drops = Drops::default();
}

/// How often the guest has dropped a socket, and who waits for that.
///
/// Who writes a stream is told that its reader has gone only as it writes. A listener
/// whose reader waits for a connection has nothing to write; so it looks after its
/// reader each time that a socket is dropped, which is when its port should be free.
#[derive(Default)]
struct Drops {
    count: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
    /// How many listeners there are.
    listeners: Cell<usize>,
}

impl Drop for Tcp {
    fn drop(&mut self) {
        // Where the component ends, nobody waits any more.
        _ = DROPS.try_with(|drops| {
            drops.count.set(drops.count.get().wrapping_add(1));
            drops.waiting.take().into_iter().for_each(Waker::wake);
        });
    }
}

/// Lets listeners end whose readers have gone: before a connect, which must not reach
/// them any more.
pub(super) async fn settle() {
    if DROPS.with(|drops| drops.listeners.get() > 0) {
        yield_async().await;
    }
}

/// Gives what the listener accepts to the stream, one connection each time that its
/// reader asks for one, until the reader has gone: then the host's stream ends too.
pub(super) async fn fill(mut listener: Listener, mut stream: StreamWriter<TcpSocket>) {
    let _counted = Counted::new();
    loop {
        let mut accept = pin!(listener.accept());
        let connection = loop {
            // Of nothing, which ends as soon as there is a reader who waits.
            let (result, _nothing) = stream.write(Vec::new()).await;
            if result == StreamResult::Dropped {
                return;
            }
            if let Some(connection) = or_a_drop(accept.as_mut()).await {
                break connection;
            }
        };
        let Some(connection) = connection else {
            return;
        };
        if stream.write_one(TcpSocket::new(connection)).await.is_some() {
            return;
        }
    }
}

/// What the future gives, or `None` where a socket is dropped before.
async fn or_a_drop<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let before = DROPS.with(|drops| drops.count.get());
    poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        DROPS.with(|drops| {
            if drops.count.get() != before {
                return Poll::Ready(None);
            }
            let mut waiting = drops.waiting.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
    })
    .await
}

/// A listener, among [`Drops::listeners`].
struct Counted;

impl Counted {
    fn new() -> Self {
        DROPS.with(|drops| drops.listeners.update(|count| count + 1));
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        _ = DROPS.try_with(|drops| drops.listeners.update(|count| count - 1));
    }
}
