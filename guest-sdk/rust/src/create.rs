//! Functions that make sockets ready to use.

use std::net::IpAddr;
use std::time::Duration;

use crate::address::{Address, ToAddress};
use crate::bindings::socket as wit;
use crate::bindings::types::ErrorCode;
use crate::constants::{AF_INET, AF_INET6, AF_UNIX, AddressFamily, SOCK_STREAM, SocketKind};
use crate::error::{Error, Result};
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
    let socket = |host| Socket::from_host(host, family, kind, proto);
    Ok((socket(one), socket(other)))
}

/// Connects a TCP socket to `(host, port)`, a numeric address as yet.
/// `timeout` is the socket's from then on; `source_address` is bound first.
///
/// # Errors
/// Those of [`Socket::bind`] and [`Socket::connect`].
pub fn create_connection(
    address: (&str, u16),
    timeout: impl Into<Option<Duration>>,
    source_address: Option<(&str, u16)>,
) -> Result<Socket> {
    let socket = Socket::new(family_of(address.0)?, SOCK_STREAM)?;
    if let Some(timeout) = timeout.into() {
        socket.settimeout(timeout)?;
    }
    if let Some(source_address) = source_address {
        socket.bind(source_address)?;
    }
    socket.connect(address)?;
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

fn family_of(host: &str) -> Result<AddressFamily> {
    match host.parse() {
        Ok(IpAddr::V4(_)) => Ok(AF_INET),
        Ok(IpAddr::V6(_)) => Ok(AF_INET6),
        // To name the host in the error is up to the conversion.
        Err(_syntax) => (host, 0).to_address(AF_INET).map(|_: Address| AF_INET),
    }
}
