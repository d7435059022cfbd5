//! Tells the linker what `capsock-std` stands before.

use std::env::var;

fn main() {
    let args = "../../../guest-sdk/std/link-args";
    println!("cargo::rerun-if-changed={args}");
    if var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        let args = std::fs::read_to_string(args).expect("the link arguments of capsock-std");
        for arg in args.split_whitespace() {
            println!("cargo::rustc-link-arg-bins={arg}");
        }
    }
}
