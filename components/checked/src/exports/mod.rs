//! The exports of `wasi:sockets` 0.2, and of `wasi:http`: they only convert. The streams
//! of a TCP connection are the host's own: its data does not pass through here. Nor do
//! pollables.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "../wit"],
        world: "capsock:firewall/firewall",
        generate_all,
        with: {
            "wasi:io/error@0.2.12": crate::bindings::wasi::io::error,
            "wasi:io/poll@0.2.12": crate::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.12": crate::bindings::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.12": crate::bindings::wasi::clocks0_2_12::monotonic_clock,
        },
    });

    use super::Firewall;
    export!(Firewall);
}

mod convert;
#[cfg(feature = "http")]
mod http;
mod names;
mod network;
mod tcp;
mod udp;

/// What the host calls to have each interface.
struct Firewall;
