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
            "capsock:sockets/poller.poller": crate::poller::Poller,
            "capsock:sockets/socket.socket": crate::socket::Socket,
        },
        require_store_data_send: true,
    });
}

pub(crate) use generated::capsock::sockets::{
    authority, files, inherited, interfaces, messages, names, options, poller, socket, types,
};
