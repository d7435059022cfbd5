//! BSD sockets for C: what `libcapsock.a` has of `capsock:sockets`.
//!
//! Every function that takes or makes a descriptor is reached by `wasm-ld
//! --wrap`: a program's `read` is `__wrap_read` here, and libc's own is
//! `__real_read`. So descriptors are numbers of this library's table
//! (`table`), whatever the C library does by itself. Numbers and structures
//! are Linux's, but for errno and `AT_*`, which are wasi-libc's.
//! The headers beside this crate say so to C.
//!
//! What is variadic in C, or only fails, is in C: `../libc`.

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
mod authority;
mod bindings;
mod came;
mod directory;
mod embedded;
mod epoll;
mod errno;
mod event;
mod exit;
mod file;
mod inet;
mod interfaces;
mod io;
mod memfd;
mod memory;
mod message;
mod names;
mod options;
mod path;
mod poll;
mod regular;
mod socket;
mod special;
mod stdin;
mod table;
mod thread;
mod wait;
