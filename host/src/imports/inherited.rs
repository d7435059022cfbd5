//! `capsock:sockets/inherited`

use wasmtime::component::Resource;

use crate::bindings::inherited::{Host, Listener};
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::socket::Socket;

impl Host for CapsockCtxView<'_> {
    fn listeners(&mut self) -> wasmtime::Result<Vec<Listener>> {
        Ok(self.ctx.inherited().iter().map(Listener::from).collect())
    }

    fn open(&mut self, place: u32) -> Result<Resource<Socket>, SocketError> {
        let socket = Socket::inherited(self.ctx, place)?;
        Ok(self.table.push(socket)?)
    }
}
