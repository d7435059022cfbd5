//! `wasi:http/outgoing-handler`

use crate::http::{self, ErrorCode, FutureIncomingResponse};
use crate::http::{OutgoingRequest, RequestOptions};

use bindings::exports::wasi::http0_2_12::outgoing_handler::Guest;

use super::Firewall;

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
        world: "capsock:firewall/firewall-http",
        generate_all,
        with: {
            "wasi:io/error@0.2.12": crate::bindings::wasi::io::error,
            "wasi:io/poll@0.2.12": crate::bindings::wasi::io::poll,
            "wasi:io/streams@0.2.12": crate::bindings::wasi::io::streams,
            "wasi:clocks/monotonic-clock@0.2.12": crate::bindings::wasi::clocks0_2_12::monotonic_clock,
            "wasi:http/types@0.2.12": crate::bindings::requests::wasi::http0_2_12::types,
        },
    });

    use super::Firewall;
    export!(Firewall);
}

impl Guest for Firewall {
    fn handle(
        request: OutgoingRequest,
        options: Option<RequestOptions>,
    ) -> Result<FutureIncomingResponse, ErrorCode> {
        http::handle(request, options)
    }
}
