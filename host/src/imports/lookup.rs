//! A look-up under way, or what came of it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::Pollable;

#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub enum Lookup<T> {
    Asking(Pin<Box<dyn Future<Output = T> + Send>>),
    Answered(T),
}

impl<T> Lookup<T> {
    pub(crate) fn new(asking: impl Future<Output = T> + Send + 'static) -> Self {
        Self::Asking(Box::pin(asking))
    }

    /// What came of it, if it is there.
    pub(crate) fn answers(&mut self) -> Option<&mut T> {
        if let Self::Asking(lookup) = self {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(answers) = lookup.as_mut().poll(&mut context) {
                *self = Self::Answered(answers);
            }
        }
        match self {
            Self::Asking(_) => None,
            Self::Answered(answers) => Some(answers),
        }
    }
}

#[async_trait]
impl<T: Send + 'static> Pollable for Lookup<T> {
    async fn ready(&mut self) {
        if let Self::Asking(lookup) = self {
            *self = Self::Answered(lookup.await);
        }
    }
}
