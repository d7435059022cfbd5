//! One adapter a WIT interface: convert, delegate, convert.

mod messages;
mod names;
mod options;
mod others;
mod poller;
mod socket;

use crate::bindings::exports::capsock::sockets::socket::SocketBorrow;
use crate::bindings::exports::capsock::sockets::types::ErrorCode;
use crate::socket::Socket;

type Result<T, E = ErrorCode> = std::result::Result<T, E>;

/// The socket that a guest names.
fn of<'a>(socket: &'a SocketBorrow<'_>) -> &'a Socket {
    socket.get()
}
