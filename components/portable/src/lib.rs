//! `capsock:sockets` for a program, on what WASI has of it.

#![cfg(target_family = "wasm")]
