//! `wasi:sockets` of whatever host a component runs on, under the rules that
//! are sealed in with it: all of the component `firewall`, and beneath `portable`.
//!
//! Data goes one way: an export asks a type of this crate, which asks
//! `grants`, which asks `capsock-policy`; what has passed is a `Checked`, and
//! `outer` hands only such addresses to the host.

// What the host gives is there for components alone.
#![cfg(target_family = "wasm")]
#![deny(missing_docs)]

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    //! What wit-bindgen generates from the WIT. `outer` alone makes sockets of it.
    wit_bindgen::generate!({
        path: ["../../wit", "../wit"],
        world: "capsock:firewall/checked",
        generate_all,
        additional_derives: [PartialEq, Eq, Hash],
        additional_derives_ignore: ["stream-error"],
    });

    #[cfg(feature = "http")]
    pub mod requests {
        //! The same of what makes requests of HTTP.
        wit_bindgen::generate!({
            path: ["../../wit", "../wit"],
            world: "capsock:firewall/requests",
            generate_all,
            with: {
                "wasi:io/error@0.2.12": crate::bindings::wasi::io::error,
                "wasi:io/poll@0.2.12": crate::bindings::wasi::io::poll,
                "wasi:io/streams@0.2.12": crate::bindings::wasi::io::streams,
                "wasi:clocks/monotonic-clock@0.2.12": crate::bindings::wasi::clocks0_2_12::monotonic_clock,
            },
        });
    }
}

mod checks;
mod convert;
mod exports;
pub mod grants;
#[cfg(feature = "http")]
pub mod http;
mod machine;
mod memo;
mod names;
mod outer;
#[cfg(feature = "p3")]
mod p3;
mod tcp;
mod udp;

pub use bindings::wasi::clocks0_2_12::monotonic_clock;
pub use bindings::wasi::io;
pub use bindings::wasi::sockets0_2_12::network::ErrorCode;
pub use bindings::wasi::sockets0_2_12::tcp::ShutdownType;
pub use grants::Checked;
pub use names::Lookup;
pub use outer::{TcpSocket, UdpSocket};
pub use tcp::{Accepted, Tcp};
pub use udp::{Incoming, Outgoing, Udp};
