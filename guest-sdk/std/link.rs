//! The build script of a program on `capsock-std`, where it does not tell its
//! linker in `.cargo/config.toml`: `build = "../capsock/guest-sdk/std/link.rs"`.

fn main() {
    println!("cargo::rerun-if-env-changed=CARGO_CFG_TARGET_OS");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("wasi") {
        for arg in include_str!("link-args").split_whitespace() {
            println!("cargo::rustc-link-arg-bins={arg}");
        }
    }
}
