//! Functions that make sockets ready to use.

use std::time::Duration;

use crate::address::ToAddress;
use crate::bindings::socket as wit;
use crate::bindings::types::ErrorCode;
use crate::constants::{AF_INET6, AF_UNIX, AF_UNSPEC, AddressFamily, SOCK_STREAM, SocketKind};
use crate::error::{Error, Result};
use crate::names::{AddrInfo, getaddrinfo};
use crate::numbers::{IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET};
use crate::socket::Socket;

/// Two sockets that are connected to each other: `socketpair(2)`, of the family
/// `AF_UNIX`.
///
/// # Errors
/// `EMFILE`; what the kernel does not support.
pub fn socketpair(kind: SocketKind) -> Result<(Socket, Socket)> {
    socketpair_with(AF_UNIX, kind, 0)
}

/// [`socketpair`] of another family and protocol.
///
/// # Errors
/// `EMFILE`; `EOPNOTSUPP` for families that have no pairs.
pub fn socketpair_with(
    family: AddressFamily,
    kind: SocketKind,
    proto: i32,
) -> Result<(Socket, Socket)> {
    let failed = |code| Error::new("socketpair", code);
    let wit_family = family
        .to_wit()
        .ok_or(failed(ErrorCode::AddressFamilyNotSupported))?;
    let number =
        u32::try_from(proto).map_err(|_negative| failed(ErrorCode::ProtocolNotSupported))?;
    let (one, other) =
        wit::Socket::create_pair(wit_family, kind.to_wit(), number).map_err(failed)?;
    let socket = |host| Socket::made(host, family, kind, proto);
    Ok((socket(one)?, socket(other)?))
}

/// Connects a TCP socket to `(host, port)`, trying every address of the host in
/// turn. `timeout` is the socket's from then on, and counts for each address;
/// `source_address` is bound first.
///
/// # Errors
/// Those of [`getaddrinfo`]; those of [`Socket::bind`] and [`Socket::connect`]
/// on the last address.
pub fn create_connection(
    address: (&str, u16),
    timeout: impl Into<Option<Duration>>,
    source_address: Option<(&str, u16)>,
) -> Result<Socket> {
    let (host, port) = address;
    let timeout = timeout.into();
    let mut failure = Error::invalid("create_connection", format!("`{host}` has no address"));
    for info in getaddrinfo(host, port, AF_UNSPEC, SOCK_STREAM, 0, 0)? {
        match connect(&info, timeout, source_address) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn connect(
    info: &AddrInfo,
    timeout: Option<Duration>,
    source: Option<(&str, u16)>,
) -> Result<Socket> {
    let socket = Socket::with_proto(info.family, info.kind, info.proto)?;
    if let Some(timeout) = timeout {
        socket.settimeout(timeout)?;
    }
    if let Some(source) = source {
        socket.bind(source)?;
    }
    socket.connect(&info.sockaddr)?;
    Ok(socket)
}

/// How [`create_server`] makes its socket.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerOptions {
    /// The queue of connections not yet accepted; `None` is 128.
    pub backlog: Option<i32>,
    /// Share the port with other sockets: `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// Accept IPv4 connections on an IPv6 socket.
    pub dualstack_ipv6: bool,
}

/// A TCP socket that listens on `address`: bound with `SO_REUSEADDR`, and for
/// IPv6 only unless it is dual-stack.
///
/// # Errors
/// Those of [`Socket::bind`] and [`Socket::listen`]; a dual-stack server that
/// is not `AF_INET6`.
pub fn create_server(
    address: impl ToAddress,
    family: AddressFamily,
    options: ServerOptions,
) -> Result<Socket> {
    if options.dualstack_ipv6 && family != AF_INET6 {
        let message = "dualstack_ipv6 needs the family AF_INET6".to_owned();
        return Err(Error::invalid("create_server", message));
    }
    let socket = Socket::new(family, SOCK_STREAM)?;
    socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)?;
    if options.reuse_port {
        socket.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1)?;
    }
    if family == AF_INET6 {
        socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, (!options.dualstack_ipv6).into())?;
    }
    socket.bind(address)?;
    socket.listen(options.backlog)?;
    Ok(socket)
}

/// Whether [`create_server`] can make dual-stack servers: Linux can.
pub fn has_dualstack_ipv6() -> bool {
    true
}
