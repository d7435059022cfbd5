//! `wasi:sockets` 0.2 for a program, under the rules that are sealed in with it.
//!
//! The exports here only convert; `capsock-checked` checks, and has the host's
//! sockets. The streams of a TCP connection are the host's own: its data does not
//! pass through here. Nor do pollables.

#![cfg(target_family = "wasm")]

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
            "wasi:io/error@0.2.12": capsock_checked::bindings::wasi::io::error,
            "wasi:io/poll@0.2.12": capsock_checked::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.12": capsock_checked::bindings::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.12": capsock_checked::bindings::wasi::clocks0_2_12::monotonic_clock,
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
