//! `wasi:sockets` 0.3, under the same rules: asynchronous functions, and streams of the
//! component model. Those of the data of a connection are the host's own.

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
        world: "capsock:firewall/firewall-p3",
        generate_all,
        // The addresses and errors of the exports are those of the imports.
        merge_structurally_equal_types: true,
    });

    use super::exports::Firewall;
    export!(Firewall);
}

mod exports;
mod listener;
mod names;
mod outer;
mod tcp;
mod udp;

use capsock_policy::Errno;

use outer::ErrorCode;

/// What the checks fail with.
fn code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::AccessDenied => ErrorCode::AccessDenied,
        _ => ErrorCode::InvalidArgument,
    }
}
