//! What wit-bindgen generates from the WIT.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod generated {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "capsock:sockets/imports",
        generate_all,
        additional_derives: [PartialEq, Eq, Hash],
        additional_derives_ignore: ["message", "received-socket"],
    });
}

pub(crate) use generated::capsock::sockets::{
    authority, interfaces, messages, names, options, poller, socket, types,
};
