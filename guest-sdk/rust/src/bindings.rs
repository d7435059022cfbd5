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
        inline: "
            package capsock:guest;
            world guest {
                include capsock:sockets/imports@0.1.0;
                // For `File`, which finds the directories that it opens files in.
                import wasi:filesystem/preopens@0.2.12;
            }
        ",
        world: "capsock:guest/guest",
        generate_all,
        additional_derives: [PartialEq, Eq, Hash],
        additional_derives_ignore: [
            "message", "received-socket", "received-file", "received-descriptor", "passed-descriptor",
            "stream-error",
        ],
    });
}

pub(crate) use generated::capsock::sockets::{
    authority, files, inherited, interfaces, messages, names, options, signals, socket, trust,
    types,
};
pub(crate) use generated::wasi::filesystem;
// The C SDK uses these two by themselves.
pub use generated::capsock::sockets::poller;
pub use generated::wasi::io;
