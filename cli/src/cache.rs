//! Compiled components that are too large for wasmtime's own cache.
//!
//! That one keeps them compressed, and to decompress Python takes longer than
//! Python takes to start. These are kept as they are, and mapped.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// Smaller ones are wasmtime's.
pub(crate) const LARGE: usize = 4 << 20;

/// After so long without use a file goes.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A component that is compiled already, or is now and kept for the next time.
pub(crate) fn component(
    engine: &Engine,
    bytes: &[u8],
    compile: impl FnOnce() -> Result<Component>,
) -> Result<Component> {
    let Some(directory) = directory() else {
        return compile();
    };
    let key = Sha256::digest(bytes);
    let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = directory.join(name).with_extension("cwasm");
    if let Some(component) = load(engine, &path) {
        return Ok(component);
    }
    let component = compile()?;
    if let Err(error) = keep(&component, &directory, &path) {
        // It works without, only slower.
        tracing::info!(%error, path = %path.display(), "the compiled component is not kept");
    }
    Ok(component)
}

/// `None` where there is none, or one of another version of wasmtime or of other
/// settings: wasmtime checks that.
fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let file = File::options().append(true).open(path).ok()?;
    // So that it is known to be in use.
    _ = file.set_modified(SystemTime::now());
    // SAFETY: the file is one that `keep` wrote, complete and under its final
    // name at once, into a directory that only this user can write to; nobody
    // writes to it afterwards.
    #[allow(unsafe_code, reason = "a file of native code is to be trusted")]
    let component = unsafe { Component::deserialize_file(engine, path) };
    component
        .inspect_err(|error| tracing::info!(%error, "a compiled component cannot be used"))
        .ok()
}

fn keep(component: &Component, directory: &Path, path: &Path) -> io::Result<()> {
    let code = component.serialize().map_err(io::Error::other)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    discard_unused(directory);
    let unfinished = path.with_extension(std::process::id().to_string());
    let written = fs::write(&unfinished, code).and_then(|()| fs::rename(&unfinished, path));
    written.inspect_err(|_| _ = fs::remove_file(&unfinished))
}

/// What cannot be removed stays.
fn discard_unused(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let used = entry.metadata().and_then(|metadata| metadata.modified());
        let unused = used.is_ok_and(|used| used.elapsed().is_ok_and(|time| time > KEPT));
        if unused {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// As the XDG base directory specification has it.
fn directory() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("capsock"))
}
