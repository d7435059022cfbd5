//! `capsock:sockets/messages`

use std::io::IoSlice;

use wasmtime::component::Resource;

use crate::bindings::messages::{Host, Message, SentControl};
use crate::bindings::socket::{ReceiveFlags, SendFlags};
use crate::bindings::types::Address;
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::imports::direct;
use crate::socket::{Data, Socket};

type Result<T> = std::result::Result<T, SocketError>;

impl Host for CapsockCtxView<'_> {
    async fn receive(
        &mut self,
        socket: Resource<Socket>,
        length: u32,
        flags: ReceiveFlags,
    ) -> Result<Message> {
        let socket = self.table.get(&socket)?;
        let received = socket.receive_message(self.ctx, length, flags.into());
        let (message, sockets) = received.await?;
        let message = Message::try_from(message)?;
        Ok(message.with_sockets(sockets, self.table))
    }

    async fn send(
        &mut self,
        socket: Resource<Socket>,
        data: Vec<Vec<u8>>,
        control: Vec<SentControl>,
        sockets: Vec<Resource<Socket>>,
        flags: SendFlags,
        remote: Option<Address>,
    ) -> Result<u32> {
        let parts: Vec<IoSlice<'_>> = data.iter().map(|part| IoSlice::new(part)).collect();
        let message = direct::Message {
            socket,
            control,
            sockets,
            flags,
            remote,
        };
        message.send(self, Data::new(&parts, false)).await
    }
}
