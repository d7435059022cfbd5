//! `capsock:sockets/messages`

use super::{Result, of};
use crate::Portable;
use crate::bindings::exports::capsock::sockets::messages::{
    Guest, Message, MessageFlags, SentControl,
};
use crate::bindings::exports::capsock::sockets::socket::{ReceiveFlags, SendFlags, SocketBorrow};
use crate::bindings::exports::capsock::sockets::types::Address;
use crate::convert::endpoint;
use crate::socket::Socket;

impl Guest for Portable {
    fn receive(socket: SocketBorrow<'_>, length: u32, flags: ReceiveFlags) -> Result<Message> {
        let message = of(&socket).receive_message(length, flags.into())?;
        let mut flags = MessageFlags::empty();
        flags.set(MessageFlags::TRUNCATED, message.truncated);
        Ok(Message {
            length: u32::try_from(message.length).unwrap_or(u32::MAX),
            data: message.data,
            control: Vec::new(),
            sockets: Vec::new(),
            flags,
            sender: message.sender.map(Address::from),
        })
    }

    fn send(
        socket: SocketBorrow<'_>,
        data: Vec<Vec<u8>>,
        control: Vec<SentControl>,
        sockets: Vec<SocketBorrow<'_>>,
        flags: SendFlags,
        remote: Option<Address>,
    ) -> Result<u32> {
        let socket = of(&socket);
        socket.inner()?;
        let remote = remote.map(endpoint).transpose()?;
        let sockets: Vec<&Socket> = sockets.iter().map(of).collect();
        Ok(socket.send_message(data, control.len(), &sockets, flags.into(), remote)?)
    }
}
