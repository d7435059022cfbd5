//! Takes the components that `just components` has built, to put them into the crate.

use std::path::{Path, PathBuf};
use std::{env, fs};

const NAMES: [&str; 3] = ["firewall", "firewall-http", "portable"];

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
