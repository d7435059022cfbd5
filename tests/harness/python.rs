//! CPython as a guest.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::capsock;

/// A path of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// `capsock run FLAGS python.wasm ARGS`; `None`, and told, where it could not be
/// built, which on CI is a failure.
pub fn python(flags: &[&str], args: &[&str]) -> Option<Command> {
    let component = project("target/guests/python.wasm");
    if !component.exists() {
        assert!(std::env::var_os("CI").is_none(), "run `just python`");
        eprintln!("skipped: there is no python.wasm: `just python` could not build it");
        return None;
    }
    let mut command = capsock();
    command
        .arg("run")
        .args(flags)
        .arg(component)
        .args(args)
        .stdin(Stdio::null());
    Some(command)
}
