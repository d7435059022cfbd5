//! `wasi:sockets` 0.2 for a program, under the rules that are sealed in with it: the
//! exports of `capsock-checked`, and nothing beside them.

#![cfg(target_family = "wasm")]

use capsock_checked as _;
