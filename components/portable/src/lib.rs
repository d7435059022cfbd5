//! `capsock:sockets` for a program, on what WASI has of it, under the rules that are
//! sealed in with it.
//!
//! The modules of `exports` only convert. The logic is in `socket`, `poller` and
//! the others; they have the host's sockets of `capsock-checked`, which checks every
//! address; its exports of `wasi:sockets` are here too, under the same authority. `docs/portable.md` tells what is different from a host of
//! `capsock:sockets`.

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
        world: "capsock:firewall/portable",
        generate_all,
        with: {
            "wasi:io/error@0.2.12": capsock_checked::io::error,
            "wasi:io/poll@0.2.12": capsock_checked::io::poll,
            "wasi:io/streams@0.2.12": capsock_checked::io::streams,
        },
    });

    use super::Portable;
    export!(Portable);
}

mod convert;
mod errors;
mod exports;
mod files;
mod names;
mod options;
mod poller;
mod socket;
mod wait;

/// What the program calls to have each interface.
struct Portable;
