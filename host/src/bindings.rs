//! What wasmtime generates from the WIT.

#[allow(
    missing_docs,
    missing_debug_implementations,
    reason = "generated; the WIT has the documentation"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "capsock:sockets/imports",
        imports: {
            "capsock:sockets/socket.[method]socket.accept": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/socket.[method]socket.connect": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/socket.[method]socket.recv": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/socket.[method]socket.recv-from": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/socket.[method]socket.send": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/socket.[method]socket.send-to": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/socket.[method]socket.send-all": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/files.send-file": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/messages.receive": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/messages.send": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/names.get-address-info": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/names.get-name-info": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/names.get-host-by-name": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/names.get-host-by-address": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/names.get-service-by-name": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/names.get-service-by-port": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/names.get-protocol-by-name": async | trappable | tracing | verbose_tracing,
            "capsock:sockets/poller.[method]poller.wait": async | trappable | tracing | verbose_tracing,
            default: trappable | tracing | verbose_tracing,
        },
        trappable_error_type: {
            "capsock:sockets/types.error-code" => crate::error::SocketError,
        },
        with: {
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:filesystem": wasmtime_wasi::p2::bindings::filesystem,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "capsock:sockets/messages.file-description": crate::socket::FileDescription,
            "capsock:sockets/names.lookup": crate::imports::names::Lookup,
            "capsock:sockets/names.name-info-lookup": crate::imports::names::NameLookup,
            "capsock:sockets/names.host-entry-lookup": crate::imports::names::HostLookup,
            "capsock:sockets/poller.poller": crate::poller::Poller,
            "capsock:sockets/socket.socket": crate::socket::Socket,
        },
        require_store_data_send: true,
    });
}

pub(crate) use generated::capsock::sockets::{
    authority, files, inherited, interfaces, messages, names, options, poller, signals, socket,
    trust, types,
};

/// `wasi:sockets` 0.2, whose resources are this crate's sockets.
#[allow(
    missing_docs,
    missing_debug_implementations,
    reason = "generated; the WIT has the documentation"
)]
mod generated_p2 {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "wasi:sockets/imports@0.2.12",
        imports: { default: trappable | tracing | verbose_tracing },
        trappable_error_type: {
            "wasi:sockets/network.error-code" => crate::error::WasiError<ErrorCode>,
        },
        with: {
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:sockets/network.network": crate::imports::wasi_p2::network::Network,
            "wasi:sockets/tcp.tcp-socket": crate::imports::wasi_p2::tcp::TcpResource,
            "wasi:sockets/udp.udp-socket": crate::imports::wasi_p2::udp::UdpResource,
            "wasi:sockets/udp.incoming-datagram-stream": crate::imports::wasi_p2::udp::Incoming,
            "wasi:sockets/udp.outgoing-datagram-stream": crate::imports::wasi_p2::udp::Outgoing,
            "wasi:sockets/ip-name-lookup.resolve-address-stream": crate::imports::wasi_p2::names::Lookup,
        },
        require_store_data_send: true,
    });

    pub(crate) use wasi::sockets0_2_12::network::ErrorCode;
}

/// `wasi:sockets` 0.3, whose resources are this crate's sockets.
#[allow(
    missing_docs,
    missing_debug_implementations,
    reason = "generated; the WIT has the documentation"
)]
mod generated_p3 {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "wasi:sockets/imports@0.3.0",
        imports: {
            "wasi:sockets/types.[method]tcp-socket.listen": store | trappable | tracing,
            "wasi:sockets/types.[method]tcp-socket.send": store | trappable | tracing,
            "wasi:sockets/types.[method]tcp-socket.receive": store | trappable | tracing,
            default: trappable | tracing | verbose_tracing,
        },
        trappable_error_type: {
            "wasi:sockets/types.error-code" => crate::error::WasiError<ErrorCode>,
        },
        with: {
            "wasi:sockets/types.tcp-socket": crate::wasi::tcp::Tcp,
            "wasi:sockets/types.udp-socket": crate::wasi::udp::Udp,
        },
        require_store_data_send: true,
    });

    pub(crate) use wasi::sockets0_3_0::types::ErrorCode;
}

pub(crate) mod wasi_p2 {
    pub(crate) use super::generated_p2::wasi::sockets0_2_12::{
        instance_network, ip_name_lookup, network, tcp, tcp_create_socket, udp, udp_create_socket,
    };
    pub(crate) use udp::HostUdpSocket as HostDatagramSocket;
}

pub(crate) mod wasi_p3 {
    pub(crate) use super::generated_p3::wasi::sockets0_3_0::{ip_name_lookup, types};
    pub(crate) use types::HostUdpSocket as HostDatagramSocket;
    pub(crate) use types::HostUdpSocketWithStore as HostDatagramSocketWithStore;
}
