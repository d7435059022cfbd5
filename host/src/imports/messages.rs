//! `capsock:sockets/messages`

use wasmtime::component::Resource;

use crate::bindings::messages::{Host, Message, SentControl};
use crate::bindings::socket::{ReceiveFlags, SendFlags};
use crate::bindings::types::Address;
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::socket::Socket;

type Result<T> = std::result::Result<T, SocketError>;

impl Host for CapsockCtxView<'_> {
    async fn receive(
        &mut self,
        socket: Resource<Socket>,
        length: u32,
        flags: ReceiveFlags,
    ) -> Result<Message> {
        let socket = self.table.get(&socket)?;
        let message = socket
            .receive_message(self.ctx, length, flags.into())
            .await?;
        Ok(message.try_into()?)
    }

    async fn send(
        &mut self,
        socket: Resource<Socket>,
        data: Vec<Vec<u8>>,
        control: Vec<SentControl>,
        flags: SendFlags,
        remote: Option<Address>,
    ) -> Result<u32> {
        let control: Vec<_> = control.into_iter().map(Into::into).collect();
        let socket = self.table.get(&socket)?;
        let sent = socket.send_message(
            self.ctx,
            &data,
            &control,
            flags.into(),
            remote.map(Into::into),
        );
        Ok(sent.await?)
    }
}
