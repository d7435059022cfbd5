//! The host's sockets of 0.3: the only place where an address is handed to the host, and
//! it takes none that was not checked.

use std::net::{IpAddr, SocketAddr};

use capsock_policy::AddressFamily;
use capsock_policy::operation::{Bind, Connect, Listen, Send};
use wit_bindgen::StreamReader;

use super::ErrorCode;
use super::bindings::wasi::sockets0_3_0::ip_name_lookup;
use super::bindings::wasi::sockets0_3_0::types::{TcpSocket, UdpSocket};
use crate::grants::{Checked, CheckedName};

pub(super) fn create_tcp(family: AddressFamily) -> Result<TcpSocket, ErrorCode> {
    TcpSocket::create(family.into())
}

pub(super) fn create_udp(family: AddressFamily) -> Result<UdpSocket, ErrorCode> {
    UdpSocket::create(family.into())
}

pub(super) fn bind_tcp(socket: &TcpSocket, local: &Checked<Bind>) -> Result<(), ErrorCode> {
    socket.bind(local.address().into())
}

pub(super) async fn connect_tcp(
    socket: &TcpSocket,
    remote: &Checked<Connect>,
) -> Result<(), ErrorCode> {
    socket.connect(remote.address().into()).await
}

/// The address is the one that the socket is bound to, or gets by itself.
pub(super) fn listen_tcp(
    socket: &TcpSocket,
    _local: &Checked<Listen>,
) -> Result<StreamReader<TcpSocket>, ErrorCode> {
    socket.listen()
}

pub(super) fn bind_udp(socket: &UdpSocket, local: &Checked<Bind>) -> Result<(), ErrorCode> {
    socket.bind(local.address().into())
}

pub(super) fn connect_udp(socket: &UdpSocket, remote: &Checked<Send>) -> Result<(), ErrorCode> {
    socket.connect(remote.address().into())
}

/// Sends a datagram whose receiver was checked: the one that it names, or else the peer.
pub(super) async fn send_udp(
    socket: &UdpSocket,
    data: Vec<u8>,
    remote: Option<SocketAddr>,
    _to: &Checked<Send>,
) -> Result<(), ErrorCode> {
    socket.send(data, remote.map(Into::into)).await
}

pub(super) async fn resolve(name: &CheckedName) -> Result<Vec<IpAddr>, ip_name_lookup::ErrorCode> {
    let answers = ip_name_lookup::resolve_addresses(name.to_question()).await?;
    Ok(answers.into_iter().map(IpAddr::from).collect())
}
