//! `capsock:sockets/signals`

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable};

use super::socket::pollable;
use crate::bindings::signals::{Host, SignalSet};
use crate::ctx::CapsockCtxView;
use crate::signals::{Set, Signals};

impl Host for CapsockCtxView<'_> {
    fn set_caught(&mut self, signals: SignalSet) -> wasmtime::Result<SignalSet> {
        let caught = self.ctx.signals().set_caught(Set::from(signals));
        Ok(SignalSet::from(caught))
    }

    fn receive(&mut self) -> wasmtime::Result<SignalSet> {
        Ok(SignalSet::from(self.ctx.signals().receive()))
    }

    fn subscribe(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let signals = self.ctx.signals().clone();
        pollable(self.table, signals)
    }
}

#[async_trait]
impl Pollable for Signals {
    async fn ready(&mut self) {
        self.come().await;
    }
}
