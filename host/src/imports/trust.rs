//! `capsock:sockets/trust`

use crate::bindings::trust::Host;
use crate::ctx::CapsockCtxView;

impl Host for CapsockCtxView<'_> {
    fn certificates(&mut self) -> wasmtime::Result<Vec<u8>> {
        Ok(self.ctx.trust_store().certificates())
    }
}
