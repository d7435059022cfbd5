//! Takes the components that `just components` has built, to put them into the crate.

use std::path::{Path, PathBuf};
use std::{env, fs};

const NAMES: [&str; 4] = ["firewall", "firewall-http", "firewall-p3", "portable"];

/// The component in front of `firewall-p3`, as text.
const LISTENER: &str = "src/listener.wat";

fn main() {
    println!("cargo::rerun-if-env-changed=CAPSOCK_COMPONENTS");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let directory = match env::var_os("CAPSOCK_COMPONENTS") {
        Some(directory) => PathBuf::from(directory),
        None => target(&out).join("components"),
    };
    // Where it is not there, cargo would run this each time.
    fs::create_dir_all(&directory).expect("the directory of components");
    println!("cargo::rerun-if-changed={}", directory.display());
    for name in NAMES {
        let file = format!("{name}.wasm");
        let component = fs::read(directory.join(&file)).unwrap_or_default();
        fs::write(out.join(&file), component).expect("OUT_DIR can be written");
    }
    println!("cargo::rerun-if-changed={LISTENER}");
    let text = fs::read_to_string(LISTENER).expect("it is part of the crate");
    let component = wat::parse_str(listener(&text)).unwrap_or_else(|error| panic!("{error}"));
    fs::write(out.join("listener.wasm"), component).expect("OUT_DIR can be written");
}

/// The text with its exports, which are the functions that it imports.
fn listener(text: &str) -> String {
    let (_, types) = text.split_once(";; {\n").expect("the types begin");
    let (types, _) = types.split_once(";; }\n").expect("the types end");
    let exports = types.lines().map(|line| {
        let Some((export, of)) = line.split_once("\" (func ") else {
            return line.to_owned();
        };
        let name = export.trim_start().trim_start_matches("(export \"");
        match name {
            "[method]tcp-socket.listen" => format!("{export}\" (func $listen) (func {of}"),
            name => format!("{export}\" (func $of \"{name}\") (func {of}"),
        }
    });
    let exports: Vec<String> = exports.collect();
    text.replace(";; {}\n", &format!("{}\n", exports.join("\n")))
}

/// The target directory: `TARGET/[TRIPLE/]PROFILE/build/PACKAGE/out`.
fn target(out: &Path) -> &Path {
    let profile = out.ancestors().nth(3).expect("OUT_DIR is deep");
    let parent = profile.parent().expect("a profile is in a directory");
    match profile.parent().and_then(Path::file_name) {
        Some(name) if env::var_os("TARGET").is_some_and(|triple| triple == name) => {
            parent.parent().unwrap_or(parent)
        }
        _ => parent,
    }
}
