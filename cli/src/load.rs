//! Reading and compiling a component, with the result cached.

use std::fmt::Display;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use wasmparser::Parser;
use wasmtime::component::Component;
use wasmtime::{Cache, CacheConfig, Config, Engine};

use crate::concurrency::Concurrency;
use crate::{Failure, bounds, cache};

/// The engine of a run. What wasmtime keeps to run the tasks of a guest
/// concurrently is there only for components that have some. `cached`: by
/// wasmtime's own cache.
pub(crate) fn engine(cached: bool, concurrency: Concurrency) -> Result<Engine, Failure> {
    let mut config = Config::new();
    bounds::configure(&mut config);
    concurrency.configure(&mut config);
    if cached {
        match Cache::new(CacheConfig::new()) {
            Ok(cache) => _ = config.cache(Some(cache)),
            // No home directory, say. It works without, only slower.
            Err(error) => tracing::info!(%error, "no cache for compiled components"),
        }
    }
    Engine::new(&config)
        .map_err(|error| Failure::Usage(format!("cannot set up wasmtime: {error:#}")))
}

/// Reads a component, which is not compiled nor checked further.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| unusable(path, &error))?;
    if Parser::is_core_wasm(&bytes) {
        return Err(unusable(
            path,
            &"this is a core module, not a component; build it for wasm32-wasip2, or make it one with `wasm-tools component new`",
        ));
    }
    if !Parser::is_component(&bytes) {
        return Err(unusable(path, &"this is not a WebAssembly component"));
    }
    Ok(bytes)
}

/// Compiles a component that was read from a path, or takes what is kept of an
/// earlier run; on a terminal a spinner shows that it takes a while.
pub(crate) fn component(
    engine: &Engine,
    path: &Path,
    bytes: &[u8],
    cached: bool,
) -> Result<Component, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let compile = || {
        with_spinner(&format!("compiling {name}"), || {
            Component::new(engine, bytes)
        })
    };
    if cached && bytes.len() >= cache::LARGE {
        cache::component(engine, bytes, compile)
    } else {
        compile()
    }
    .map_err(|error| unusable(path, &format!("{error:#}")))
}

/// A file that is no component that can be used.
pub(crate) fn unusable(path: &Path, why: &dyn Display) -> Failure {
    Failure::Usage(format!("{}: {why}", path.display()))
}

/// Shows a spinner while `work` goes on, if it goes on for long and standard
/// error is a terminal.
fn with_spinner<T>(message: &str, work: impl FnOnce() -> T) -> T {
    const LONG: Duration = Duration::from_millis(150);
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
                let spinner = ProgressBar::new_spinner().with_message(message.to_owned());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} … {elapsed}") {
                    spinner.set_style(style);
                }
                spinner.enable_steady_tick(Duration::from_millis(100));
                // An error says that the sender is gone: the work is done.
                _ = is_done.recv();
                spinner.finish_and_clear();
            }
        });
        let result = work();
        drop(done);
        result
    })
}
