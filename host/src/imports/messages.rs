//! `capsock:sockets/messages`

use std::io::IoSlice;

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;

use crate::bindings::messages::{
    Host, HostFileDescription, Message, PassedDescriptor, SentControl,
};
use crate::bindings::socket::{ReceiveFlags, SendFlags};
use crate::bindings::types::Address;
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::imports::direct;
use crate::socket::{Data, FileDescription, Socket};

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
        let (message, taken) = received.await?;
        let message = Message::try_from(message)?;
        Ok(message.with_descriptors(taken, self.table))
    }

    async fn send(
        &mut self,
        socket: Resource<Socket>,
        data: Vec<Vec<u8>>,
        control: Vec<SentControl>,
        descriptors: Vec<PassedDescriptor>,
        flags: SendFlags,
        remote: Option<Address>,
    ) -> Result<u32> {
        let parts: Vec<IoSlice<'_>> = data.iter().map(|part| IoSlice::new(part)).collect();
        let message = direct::Message {
            socket,
            control,
            descriptors,
            flags,
            remote,
        };
        message.send(self, Data::new(&parts, false)).await
    }
}

impl HostFileDescription for CapsockCtxView<'_> {
    fn open(
        &mut self,
        file: Resource<Descriptor>,
        position: u64,
    ) -> Result<Resource<FileDescription>> {
        let file = self.table.get(&file)?;
        let description = FileDescription::open(self.ctx, file, position)?;
        Ok(self.table.push(description)?)
    }

    fn drop(&mut self, description: Resource<FileDescription>) -> wasmtime::Result<()> {
        self.table.delete(description)?;
        Ok(())
    }
}
