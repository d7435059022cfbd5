//! The socket module for WebAssembly components.
//!
//! Python's names over the `capsock:sockets` interface: [`Socket::new`],
//! `bind`, `listen`, `accept`, `connect`, `recv`, `sendall`, `settimeout` and
//! the rest. Build for `wasm32-wasip2` and run the component with
//! `capsock run`, or in any program that embeds the `capsock-host` crate.
//!
//! A program can name any address; the host's grants decide which it reaches.
//! One that is not granted fails with [`Error::is_access_denied`].
//!
//! ```no_run
//! use capsock_guest::{AF_INET, SOCK_STREAM, Socket};
//!
//! let s = Socket::new(AF_INET, SOCK_STREAM)?;
//! s.bind(("127.0.0.1", 50007))?;
//! s.listen(1)?;
//! let (conn, addr) = s.accept()?;
//! println!("Connected by {addr}");
//! loop {
//!     let data = conn.recv(1024)?;
//!     if data.is_empty() {
//!         break;
//!     }
//!     conn.sendall(&data)?;
//! }
//! # Ok::<(), capsock_guest::Error>(())
//! ```

#![deny(missing_docs)]
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod address;
pub mod authority;
mod bindings;
mod constants;
mod convert;
mod create;
mod descriptor;
mod errno;
mod error;
mod file;
mod interfaces;
mod landing;
mod message;
mod multicast;
mod names;
mod numbers;
mod options;
mod pipe;
mod select;
mod server;
pub mod signals;
mod socket;
mod text;
mod timeout;
pub mod trust;
mod unix;

pub use address::{
    Address, AlgAddress, BluetoothAddress, BluetoothDeviceAddress, BluetoothHciAddress,
    BluetoothL2capAddress, BluetoothRfcommAddress, CanAddress, CanJ1939Address, CanProtocolAddress,
    CanTransportAddress, LinkAddress, NetlinkAddress, PacketAddress, SystemControlAddress,
    TipcAddress, TipcName, TipcNameSequence, TipcSocketId, TipcTarget, ToAddress, UnixAddress,
    VsockAddress,
};
pub use constants::*;
pub use convert::{
    CMSG_LEN, CMSG_SPACE, htonl, htons, inet_aton, inet_ntoa, inet_ntop, inet_pton, ntohl, ntohs,
};
pub use create::{
    ServerOptions, create_connection, create_server, has_dualstack_ipv6, socketpair,
    socketpair_with,
};
pub use descriptor::close;
pub use error::{Error, Result};
pub use file::File;
pub use interfaces::{InterfaceAddress, getifaddrs, if_indextoname, if_nameindex, if_nametoindex};
pub use message::{Ancillary, ReceivedFds, ReceivedMessage, recv_fds, send_fds};
pub use names::{
    AddrInfo, HostEntry, HostLookup, Lookup, NameLookup, ToService, getaddrinfo, getfqdn,
    gethostbyaddr, gethostbyname, gethostbyname_ex, gethostname, getnameinfo, getprotobyname,
    getservbyname, getservbyport, sethostname,
};
pub use numbers::*;
pub use pipe::{PipeReader, PipeWriter};
pub use select::{
    POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, Poll, Poller, Ready, Trigger, select,
};
pub use server::{DatagramServer, Handle, HandleDatagram, Server, Stopper};
pub use socket::Socket;
pub use text::{TextOptions, TextReader, TextWriter};
pub use timeout::{getdefaulttimeout, setdefaulttimeout};
pub use unix::{UnixStatus, stat_unix, unlink_unix};

/// What the C SDK is made of beside the sockets.
#[doc(hidden)]
pub mod raw {
    pub use crate::bindings::{io, poller};
    pub use crate::errno::{name_of, name_of_code};
}

/// The generated bindings, for what the WIT can and the SDK does not yet.
pub mod wit {
    pub use crate::bindings::socket::{Interest, ReceiveFlags, SendFlags, Socket, Timeout};
    pub use crate::bindings::types::{AddressFamily, ErrorCode, SocketType};
}
