//! What of WASI the library uses by itself.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    reason = "generated"
)]
mod generated {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package capsock:c;

            world c {
                import wasi:cli/exit@0.2.12;
                import wasi:cli/stdin@0.2.12;
                import wasi:clocks/monotonic-clock@0.2.12;
            }

            package wasi:cli@0.2.12 {
                interface exit {
                    exit-with-code: func(status-code: u8);
                }

                interface stdin {
                    use wasi:io/streams@0.2.12.{input-stream};
                    get-stdin: func() -> input-stream;
                }
            }
        ",
        world: "capsock:c/c",
        with: {
            "wasi:io/error@0.2.12": capsock_guest::raw::io::error,
            "wasi:io/poll@0.2.12": capsock_guest::raw::io::poll,
            "wasi:io/streams@0.2.12": capsock_guest::raw::io::streams,
        },
        generate_all,
    });
}

pub(crate) use capsock_guest::raw::io::{poll, streams};
pub(crate) use generated::wasi::cli::{exit, stdin};
pub(crate) use generated::wasi::clocks0_2_12::monotonic_clock;
