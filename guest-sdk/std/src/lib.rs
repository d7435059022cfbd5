//! `std::net` over `capsock:sockets`: what a Rust program for `wasm32-wasip2`
//! does with `TcpStream`, `TcpListener` and `UdpSocket`, and whatever is built
//! on them, at the speed of `capsock-guest` and with all that it can.
//!
//! The program is not changed. It names this crate once,
//!
//! ```ignore
//! use capsock_std as _;
//! ```
//!
//! and its linker is told to call this crate's functions in the place of the C
//! library's, in `.cargo/config.toml`. A program that is linked without that has
//! an undefined symbol, `__real_close`.
//!
//! ```toml
//! [target.wasm32-wasip2]
//! rustflags = ["-C", "link-args=--wrap=accept …"]
//! ```
//!
//! The whole line is in `docs/rust.md`.
//!
//! Sockets are descriptors, as everywhere: `AsFd` and `OwnedFd` lead to and from
//! `capsock_guest::Socket` (`with_socket`, `into_fd`), for what `std` has no name
//! for. Unix sockets, which `std` does not have on WASI, are in `unix`.
//!
//! Elsewhere than on `wasm32-wasip2` the crate is empty.

#![deny(missing_docs)]
#![cfg(all(target_os = "wasi", target_env = "p2"))]
#![allow(
    unsafe_code,
    reason = "C hands over pointers: each is checked in memory.rs"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the pointers are as the manual page of the function says"
)]
#![allow(unreachable_pub, reason = "C reaches what is exported")]

mod address;
mod errno;
mod io;
mod memory;
mod names;
mod numbers;
mod options;
mod poll;
mod socket;
mod table;
pub mod unix;

pub use table::{into_fd, try_clone, with_socket};
