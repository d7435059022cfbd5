//! Receiving, with what there is to be said of a message.

use std::net::SocketAddr;

use super::{RECEIVE, RECEIVE_ALL, Receive, Socket, Stream, Transmit, Transport};
use crate::wait::Deadline;
use capsock_policy::Errno;

/// How long a message is, in bytes, and of how many parts.
const LONGEST_MESSAGE: usize = 4 << 20;
const PARTS: usize = 1024;

/// How many items of ancillary data one message has at most.
const CONTROL: usize = 64;

/// What was received.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) data: Vec<u8>,
    pub(crate) length: usize,
    /// The datagram was longer.
    pub(crate) truncated: bool,
    pub(crate) sender: Option<SocketAddr>,
}

impl Socket {
    /// `recvfrom(2)`
    pub(crate) fn receive(
        &self,
        length: u32,
        how: Receive,
    ) -> Result<(Vec<u8>, Option<SocketAddr>), Errno> {
        let message = self.receive_some(length, how)?;
        Ok((message.data, message.sender))
    }

    /// `recvmsg(2)`
    pub(crate) fn receive_message(&self, length: u32, how: Receive) -> Result<Message, Errno> {
        let mut message = self.receive_some(length, how)?;
        let inner = self.inner()?;
        match &inner.transport {
            // Of a stream it is thrown away.
            Transport::Tcp(_) if how.truncate => message.data.clear(),
            Transport::Udp(_) if !how.truncate => message.length = message.data.len(),
            _ => {}
        }
        Ok(message)
    }

    fn receive_some(&self, length: u32, how: Receive) -> Result<Message, Errno> {
        let inner = self.inner()?;
        inner.has_done();
        if how.error_queue {
            // There never is one.
            return Err(Errno::WouldBlock);
        }
        let deadline = self.deadline(how.dont_wait);
        let most = (length as usize).min(RECEIVE);
        match &inner.transport {
            // tcp(7): none is there.
            Transport::Tcp(_) if how.out_of_band => Err(Errno::InvalidArgument),
            Transport::Udp(_) if how.out_of_band => Err(Errno::NotSupported),
            Transport::Tcp(stream) => {
                let mut data = stream.receive(most, how.peek, deadline)?;
                if how.wait_all && deadline.waits() && !how.peek && !how.truncate {
                    receive_rest(stream, deadline, length as usize, &mut data);
                }
                Ok(Message {
                    length: data.len(),
                    data,
                    truncated: false,
                    sender: None,
                })
            }
            Transport::Udp(datagrams) => {
                let (data, length, sender) = datagrams.receive(most, how.peek, deadline)?;
                Ok(Message {
                    truncated: data.len() < length,
                    data,
                    length,
                    sender,
                })
            }
        }
    }

    /// `sendmsg(2)`
    pub(crate) fn send_message(
        &self,
        parts: Vec<Vec<u8>>,
        control: usize,
        descriptors: usize,
        how: Transmit,
        remote: Option<SocketAddr>,
    ) -> Result<u32, Errno> {
        let inner = self.inner()?;
        if control > CONTROL {
            return Err(Errno::NoBufferSpace);
        }
        // None suits these sockets.
        if control > 0 || descriptors > 0 {
            return Err(Errno::InvalidArgument);
        }
        let mut data = parts.concat();
        if parts.len() > PARTS {
            return Err(Errno::MessageTooLarge);
        }
        match &inner.transport {
            Transport::Tcp(_) => data.truncate(LONGEST_MESSAGE),
            Transport::Udp(_) if data.len() > LONGEST_MESSAGE => {
                return Err(Errno::MessageTooLarge);
            }
            Transport::Udp(_) => {}
        }
        let sent = self.send(&data, how, remote)?;
        Ok(u32::try_from(sent).unwrap_or(u32::MAX))
    }
}

/// `MSG_WAITALL` after the first piece: until all is there, or the stream's end, its
/// deadline, an error, or as much as is kept.
fn receive_rest(stream: &Stream, deadline: Deadline, length: usize, data: &mut Vec<u8>) {
    let length = length.min(RECEIVE_ALL);
    while (1..length).contains(&data.len()) {
        let rest = (length - data.len()).min(RECEIVE);
        match stream.receive(rest, false, deadline) {
            Ok(piece) if piece.is_empty() => return,
            Ok(piece) => data.extend(piece),
            Err(Errno::WouldBlock | Errno::DeadlineExceeded) => return,
            Err(error) => {
                // What was received comes first; the next call tells it.
                stream.keep_error(error);
                return;
            }
        }
    }
}
