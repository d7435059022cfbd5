//! `capsock:sockets/files`

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;

use crate::bindings::files::{Host, SentFile};
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::socket::Socket;

impl Host for CapsockCtxView<'_> {
    async fn send_file(
        &mut self,
        socket: Resource<Socket>,
        file: Resource<Descriptor>,
        offset: u64,
        length: Option<u64>,
    ) -> Result<SentFile, SocketError> {
        let (socket, file) = (self.table.get(&socket)?, self.table.get(&file)?);
        Ok(socket
            .send_file(self.ctx, file, offset, length)
            .await?
            .into())
    }
}
