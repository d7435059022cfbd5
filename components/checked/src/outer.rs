//! The host's sockets: the only place where an address is handed to the host, and
//! it takes none that was not checked. What is within a type here nobody else reaches.

use std::net::SocketAddr;

use capsock_policy::AddressFamily;
use capsock_policy::operation::{Bind, Connect, Listen, Send};

use crate::ErrorCode;
use crate::bindings::wasi::io::poll::Pollable;
use crate::bindings::wasi::io::streams::{InputStream, OutputStream};
use crate::bindings::wasi::sockets0_2_12::network::Network;
use crate::bindings::wasi::sockets0_2_12::tcp::{self, ShutdownType};
use crate::bindings::wasi::sockets0_2_12::udp::{self, IncomingDatagramStream, OutgoingDatagram};
use crate::bindings::wasi::sockets0_2_12::{
    instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket,
};
use crate::grants::{Checked, CheckedName};

#[cfg(feature = "http")]
use crate::{
    bindings::requests::wasi::http0_2_12::outgoing_handler,
    http::{self, CheckedRequest, FutureIncomingResponse, RequestOptions},
};

thread_local! {
    static NETWORK: Network = instance_network::instance_network();
}

/// A TCP socket of the host's.
#[derive(Debug)]
pub struct TcpSocket(tcp::TcpSocket);

/// A UDP socket of the host's.
#[derive(Debug)]
pub struct UdpSocket(udp::UdpSocket);

/// What a UDP socket of the host's sends.
#[derive(Debug)]
pub(crate) struct OutgoingDatagramStream(udp::OutgoingDatagramStream);

/// What hands the host no address passes as it is.
macro_rules! pass {
    ($($function:ident($($argument:ident: $type:ty)?) -> $result:ty;)*) => {
        $(
            #[doc = concat!("`", stringify!($function), "` of the host's.")]
            #[allow(clippy::missing_errors_doc, reason = "WASI has them")]
            #[allow(unreachable_pub, reason = "those of 0.3 are for this crate alone")]
            pub fn $function(&self $(, $argument: $type)?) -> $result {
                self.0.$function($($argument)?)
            }
        )*
    };
}
#[cfg(feature = "p3")]
pub(crate) use pass;

impl TcpSocket {
    pub(crate) fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        tcp_create_socket::create_tcp_socket(family.into()).map(Self)
    }

    pub(crate) fn start_bind(&self, local: &Checked<Bind>) -> Result<(), ErrorCode> {
        NETWORK.with(|network| self.0.start_bind(network, local.address().into()))
    }

    pub(crate) fn start_connect(&self, remote: &Checked<Connect>) -> Result<(), ErrorCode> {
        NETWORK.with(|network| self.0.start_connect(network, remote.address().into()))
    }

    /// The address is the one that the socket is bound to.
    pub(crate) fn start_listen(&self, _local: &Checked<Listen>) -> Result<(), ErrorCode> {
        self.0.start_listen()
    }

    pub(crate) fn accept(&self) -> Result<(Self, InputStream, OutputStream), ErrorCode> {
        let (socket, input, output) = self.0.accept()?;
        Ok((Self(socket), input, output))
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.local_address().map(Into::into)
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.remote_address().map(Into::into)
    }

    pass! {
        finish_bind() -> Result<(), ErrorCode>;
        finish_connect() -> Result<(InputStream, OutputStream), ErrorCode>;
        finish_listen() -> Result<(), ErrorCode>;
        is_listening() -> bool;
        set_listen_backlog_size(value: u64) -> Result<(), ErrorCode>;
        keep_alive_enabled() -> Result<bool, ErrorCode>;
        set_keep_alive_enabled(value: bool) -> Result<(), ErrorCode>;
        keep_alive_idle_time() -> Result<u64, ErrorCode>;
        set_keep_alive_idle_time(value: u64) -> Result<(), ErrorCode>;
        keep_alive_interval() -> Result<u64, ErrorCode>;
        set_keep_alive_interval(value: u64) -> Result<(), ErrorCode>;
        keep_alive_count() -> Result<u32, ErrorCode>;
        set_keep_alive_count(value: u32) -> Result<(), ErrorCode>;
        hop_limit() -> Result<u8, ErrorCode>;
        set_hop_limit(value: u8) -> Result<(), ErrorCode>;
        receive_buffer_size() -> Result<u64, ErrorCode>;
        set_receive_buffer_size(value: u64) -> Result<(), ErrorCode>;
        send_buffer_size() -> Result<u64, ErrorCode>;
        set_send_buffer_size(value: u64) -> Result<(), ErrorCode>;
        shutdown(how: ShutdownType) -> Result<(), ErrorCode>;
        subscribe() -> Pollable;
    }
}

impl UdpSocket {
    pub(crate) fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        udp_create_socket::create_udp_socket(family.into()).map(Self)
    }

    pub(crate) fn start_bind(&self, local: &Checked<Bind>) -> Result<(), ErrorCode> {
        NETWORK.with(|network| self.0.start_bind(network, local.address().into()))
    }

    pub(crate) fn stream(
        &self,
        remote: Option<&Checked<Send>>,
    ) -> Result<(IncomingDatagramStream, OutgoingDatagramStream), ErrorCode> {
        let remote = remote.map(|remote| remote.address().into());
        let (incoming, outgoing) = self.0.stream(remote)?;
        Ok((incoming, OutgoingDatagramStream(outgoing)))
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.local_address().map(Into::into)
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.remote_address().map(Into::into)
    }

    pass! {
        finish_bind() -> Result<(), ErrorCode>;
        unicast_hop_limit() -> Result<u8, ErrorCode>;
        set_unicast_hop_limit(value: u8) -> Result<(), ErrorCode>;
        receive_buffer_size() -> Result<u64, ErrorCode>;
        set_receive_buffer_size(value: u64) -> Result<(), ErrorCode>;
        send_buffer_size() -> Result<u64, ErrorCode>;
        set_send_buffer_size(value: u64) -> Result<(), ErrorCode>;
        subscribe() -> Pollable;
    }
}

/// A socket that is bound there, and receives nothing: for the checks themselves, which
/// do not ask about it.
pub(crate) fn probe_bind(local: SocketAddr) -> Result<UdpSocket, ErrorCode> {
    let socket = UdpSocket::create(capsock_policy::Address::from(local).family())?;
    NETWORK.with(|network| socket.0.start_bind(network, local.into()))?;
    socket.finish_bind()?;
    Ok(socket)
}

/// The address that datagrams to `remote` would be sent from. It sends none, and is for
/// the checks too.
pub(crate) fn probe_route(any: SocketAddr, remote: SocketAddr) -> Result<SocketAddr, ErrorCode> {
    let socket = probe_bind(any)?;
    let streams = socket.0.stream(Some(remote.into()))?;
    let local = socket.local_address();
    drop(streams);
    local
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

impl OutgoingDatagramStream {
    pub(crate) fn send(&self, datagrams: Vec<CheckedDatagram>) -> Result<u64, ErrorCode> {
        let datagrams: Vec<OutgoingDatagram> =
            datagrams.into_iter().map(|datagram| datagram.0).collect();
        self.0.send(&datagrams)
    }

    pub(crate) fn check_send(&self) -> Result<u64, ErrorCode> {
        self.0.check_send()
    }

    pub(crate) fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }
}

pub(crate) fn resolve(
    name: &CheckedName,
) -> Result<ip_name_lookup::ResolveAddressStream, ErrorCode> {
    NETWORK.with(|network| ip_name_lookup::resolve_addresses(network, &name.to_question()))
}

/// As the host looks it up to make a request: also in `/etc/hosts`, and within a search
/// list.
#[cfg(feature = "http")]
pub(crate) fn resolve_text(
    name: &CheckedName,
) -> Result<ip_name_lookup::ResolveAddressStream, ErrorCode> {
    NETWORK.with(|network| ip_name_lookup::resolve_addresses(network, name.text()))
}

/// The host looks a name in it up by itself, and is trusted to find what was checked.
#[cfg(feature = "http")]
pub(crate) fn request(
    request: CheckedRequest,
    options: Option<RequestOptions>,
) -> Result<FutureIncomingResponse, http::ErrorCode> {
    outgoing_handler::handle(request.into_inner(), options)
}
