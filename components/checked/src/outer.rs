//! The host's sockets: the only place where an address is handed to the host, and
//! it takes none that was not checked.

use std::net::SocketAddr;

use capsock_policy::AddressFamily;
use capsock_policy::operation::{Bind, Connect, Listen, Send};

use crate::ErrorCode;
use crate::bindings::wasi::io::streams::{InputStream, OutputStream};
use crate::bindings::wasi::sockets0_2_12::network::Network;
use crate::bindings::wasi::sockets0_2_12::tcp::TcpSocket;
use crate::bindings::wasi::sockets0_2_12::udp::{
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use crate::bindings::wasi::sockets0_2_12::{
    instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket,
};
use crate::grants::{Checked, CheckedName};

#[cfg(feature = "http")]
use crate::{
    bindings::requests::wasi::http::outgoing_handler,
    http::{self, CheckedRequest, FutureIncomingResponse, RequestOptions},
};

thread_local! {
    static NETWORK: Network = instance_network::instance_network();
}

pub(crate) fn create_tcp(family: AddressFamily) -> Result<TcpSocket, ErrorCode> {
    tcp_create_socket::create_tcp_socket(family.into())
}

pub(crate) fn create_udp(family: AddressFamily) -> Result<UdpSocket, ErrorCode> {
    udp_create_socket::create_udp_socket(family.into())
}

pub(crate) fn bind_tcp(socket: &TcpSocket, local: &Checked<Bind>) -> Result<(), ErrorCode> {
    let local = local.address().into();
    NETWORK.with(|network| socket.start_bind(network, local))
}

pub(crate) fn connect_tcp(socket: &TcpSocket, remote: &Checked<Connect>) -> Result<(), ErrorCode> {
    let remote = remote.address().into();
    NETWORK.with(|network| socket.start_connect(network, remote))
}

/// The address is the one that the socket is bound to.
pub(crate) fn listen_tcp(socket: &TcpSocket, _local: &Checked<Listen>) -> Result<(), ErrorCode> {
    socket.start_listen()
}

pub(crate) fn accept_tcp(
    socket: &TcpSocket,
) -> Result<(TcpSocket, InputStream, OutputStream), ErrorCode> {
    socket.accept()
}

pub(crate) fn bind_udp(socket: &UdpSocket, local: &Checked<Bind>) -> Result<(), ErrorCode> {
    let local = local.address().into();
    NETWORK.with(|network| socket.start_bind(network, local))
}

pub(crate) fn stream_udp(
    socket: &UdpSocket,
    remote: Option<&Checked<Send>>,
) -> Result<(IncomingDatagramStream, OutgoingDatagramStream), ErrorCode> {
    socket.stream(remote.map(|remote| remote.address().into()))
}

/// The address that datagrams to `remote` would be sent from. It sends none, so it is
/// for the checks themselves.
pub(crate) fn probe_udp(
    family: AddressFamily,
    any: SocketAddr,
    remote: SocketAddr,
) -> Result<SocketAddr, ErrorCode> {
    let socket = probe_bind_udp(family, any)?;
    let streams = socket.stream(Some(remote.into()))?;
    let local = socket.local_address();
    drop(streams);
    Ok(local?.into())
}

/// A socket that is bound there, and receives nothing: for the checks too.
pub(crate) fn probe_bind_udp(
    family: AddressFamily,
    local: SocketAddr,
) -> Result<UdpSocket, ErrorCode> {
    let socket = create_udp(family)?;
    NETWORK.with(|network| socket.start_bind(network, local.into()))?;
    socket.finish_bind()?;
    Ok(socket)
}

/// A datagram whose receiver was checked: the one that it names, or else the peer.
pub(crate) struct CheckedDatagram(OutgoingDatagram);

impl CheckedDatagram {
    pub(crate) fn new(data: Vec<u8>, remote: Option<SocketAddr>, _to: &Checked<Send>) -> Self {
        Self(OutgoingDatagram {
            data,
            remote_address: remote.map(Into::into),
        })
    }
}

pub(crate) fn send_udp(
    socket: &OutgoingDatagramStream,
    datagrams: Vec<CheckedDatagram>,
) -> Result<u64, ErrorCode> {
    let datagrams: Vec<OutgoingDatagram> =
        datagrams.into_iter().map(|datagram| datagram.0).collect();
    socket.send(&datagrams)
}

pub(crate) fn resolve(
    name: &CheckedName,
) -> Result<ip_name_lookup::ResolveAddressStream, ErrorCode> {
    NETWORK.with(|network| ip_name_lookup::resolve_addresses(network, &name.to_question()))
}

/// The host looks a name in it up by itself, and is trusted to find what was checked.
#[cfg(feature = "http")]
pub(crate) fn request(
    request: CheckedRequest,
    options: Option<RequestOptions>,
) -> Result<FutureIncomingResponse, http::ErrorCode> {
    outgoing_handler::handle(request.into_inner(), options)
}
