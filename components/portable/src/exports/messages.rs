//! `capsock:sockets/messages`

use super::{Result, of};
use crate::Portable;
use crate::bindings::exports::capsock::sockets::messages::{
    self, FileDescription, Guest, GuestFileDescription, Message, MessageFlags, PassedDescriptor,
    SentControl,
};
use crate::bindings::exports::capsock::sockets::socket::{ReceiveFlags, SendFlags, SocketBorrow};
use crate::bindings::exports::capsock::sockets::types::Address;
use crate::convert::endpoint;
use capsock_policy::Errno;

/// None is ever open: no socket here could carry it.
pub(crate) enum NoFile {}

impl GuestFileDescription for NoFile {
    fn open(_file: &messages::Descriptor, _position: u64) -> Result<FileDescription> {
        Err(Errno::NotSupported.into())
    }
}

impl Guest for Portable {
    type FileDescription = NoFile;

    fn receive(socket: SocketBorrow<'_>, length: u32, flags: ReceiveFlags) -> Result<Message> {
        let message = of(&socket).receive_message(length, flags.into())?;
        let mut flags = MessageFlags::empty();
        flags.set(MessageFlags::TRUNCATED, message.truncated);
        Ok(Message {
            length: u32::try_from(message.length).unwrap_or(u32::MAX),
            data: message.data,
            control: Vec::new(),
            descriptors: Vec::new(),
            flags,
            sender: message.sender.map(Address::from),
        })
    }

    fn send(
        socket: SocketBorrow<'_>,
        data: Vec<Vec<u8>>,
        control: Vec<SentControl>,
        descriptors: Vec<PassedDescriptor<'_>>,
        flags: SendFlags,
        remote: Option<Address>,
    ) -> Result<u32> {
        let socket = of(&socket);
        socket.inner()?;
        let remote = remote.map(endpoint).transpose()?;
        for passed in &descriptors {
            if let PassedDescriptor::Socket(socket) = passed {
                of(socket).inner()?;
            }
        }
        let more = control.len();
        Ok(socket.send_message(data, more, descriptors.len(), flags.into(), remote)?)
    }
}
