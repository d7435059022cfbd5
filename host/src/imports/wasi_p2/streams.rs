//! The two directions of a connection as streams of `wasi:io`.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::Errno;
use crate::wasi::{Failure, Receiving, Rest, Sending};

/// How many bytes one call reads or writes at most.
const AT_ONCE: usize = 64 * 1024;

/// What is received. The socket has it too, to shut it down.
#[derive(Clone)]
pub(super) struct Input(Arc<Mutex<Option<Receiving>>>);

/// What is sent. The socket has it too, to shut it down.
#[derive(Clone)]
pub(super) struct Output(Arc<Mutex<Writing>>);

/// `wasi:io` takes all that it has said that it will, and the kernel may not:
/// the rest is sent after the call.
enum Writing {
    /// Up to so many bytes can be written.
    Open(Box<Sending>, usize),
    Busy(Rest),
    /// Shut down as soon as all is sent.
    Ending(Rest<()>),
    /// With why, until the guest was told.
    Closed(Option<Errno>),
}

impl Input {
    pub(super) fn new(receiving: Receiving) -> Self {
        Self(Arc::new(Mutex::new(Some(receiving))))
    }

    pub(super) fn shut_down(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Receiving>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut open = self.lock();
        let receiving = open.as_mut().ok_or(StreamError::Closed)?;
        if size == 0 {
            return Ok(Bytes::new());
        }
        match receiving.poll_receive(&mut unwaited(), size.min(AT_ONCE)) {
            Poll::Pending => Ok(Bytes::new()),
            Poll::Ready(Ok(data)) if !data.is_empty() => Ok(data.into()),
            Poll::Ready(end) => {
                *open = None;
                Err(end.map_or_else(failure, |_nothing| StreamError::Closed))
            }
        }
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        poll_fn(|cx| match &mut *self.lock() {
            Some(receiving) => receiving.poll_ready(cx),
            None => Poll::Ready(()),
        })
        .await;
    }
}

impl Output {
    pub(super) fn new(sending: Sending) -> Self {
        Self(Arc::new(Mutex::new(Writing::Open(Box::new(sending), 0))))
    }

    pub(super) fn shut_down(&self) {
        let mut writing = self.lock();
        _ = writing.poll_sent(&mut unwaited());
        *writing = match writing.take() {
            Writing::Open(..) => Writing::Closed(None),
            Writing::Busy(rest) => Writing::Ending(rest.end()),
            other => other,
        };
    }

    fn lock(&self) -> MutexGuard<'_, Writing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl OutputStream for Output {
    fn check_write(&mut self) -> StreamResult<usize> {
        let mut writing = self.lock();
        match writing.poll_sent(&mut unwaited()) {
            Poll::Pending => Ok(0),
            Poll::Ready(()) => writing.permit(),
        }
    }

    fn write(&mut self, data: Bytes) -> StreamResult<()> {
        self.lock().write(data)
    }

    fn flush(&mut self) -> StreamResult<()> {
        let mut writing = self.lock();
        // What is written is under way already.
        _ = writing.poll_sent(&mut unwaited());
        match &mut *writing {
            Writing::Closed(reason) => Err(closed(reason.take())),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        poll_fn(|cx| {
            let mut writing = self.lock();
            ready!(writing.poll_sent(cx));
            match &mut *writing {
                Writing::Open(sending, _) => sending.poll_ready(cx),
                _ => Poll::Ready(()),
            }
        })
        .await;
    }
}

impl Writing {
    fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Closed(None))
    }

    /// Waits for what a task still sends.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        *self = match self {
            Self::Busy(rest) => match ready!(rest.poll_sent(cx)) {
                Ok(sending) => Self::Open(sending, 0),
                Err(errno) => Self::Closed(Some(errno)),
            },
            Self::Ending(rest) => Self::Closed(ready!(rest.poll_sent(cx)).err()),
            _ => return Poll::Ready(()),
        };
        Poll::Ready(())
    }

    fn permit(&mut self) -> StreamResult<usize> {
        match self {
            Self::Open(sending, permit) => {
                *permit = if sending.is_ready() { AT_ONCE } else { 0 };
                Ok(*permit)
            }
            Self::Closed(reason) => Err(closed(reason.take())),
            Self::Busy(_) | Self::Ending(_) => Ok(0),
        }
    }

    fn write(&mut self, data: Bytes) -> StreamResult<()> {
        let (mut sending, permit) = match self.take() {
            Self::Open(sending, permit) => (sending, permit),
            Self::Closed(reason) => return Err(closed(reason)),
            other => {
                *self = other;
                return if data.is_empty() {
                    Ok(())
                } else {
                    Err(unpermitted())
                };
            }
        };
        if data.len() > permit {
            *self = Self::Open(sending, permit);
            return Err(unpermitted());
        }
        *self = match sending.try_send(&data) {
            Ok(sent) if sent == data.len() => Self::Open(sending, 0),
            Ok(sent) => Self::Busy(sending.send_rest(data.slice(sent..))),
            Err(errno) => return Err(closed(Some(errno))),
        };
        Ok(())
    }
}

fn unwaited() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn unpermitted() -> StreamError {
    StreamError::Trap(wasmtime::format_err!(
        "a write of more than `check-write` permitted"
    ))
}

fn closed(reason: Option<Errno>) -> StreamError {
    match reason {
        None | Some(Errno::BrokenPipe) => StreamError::Closed,
        Some(errno) => failure(errno),
    }
}

fn failure(errno: Errno) -> StreamError {
    StreamError::LastOperationFailed(Failure(errno).into())
}
