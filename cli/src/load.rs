//! Reading and compiling a component, with the result cached.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use capsock_host::Limits;
use capsock_host::policy::shown;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::mm::{Advice, madvise};
use wasmparser::Parser;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

use crate::cache::Cache;
use crate::concurrency::Concurrency;
use crate::{Failure, bounds, cache, compile};

/// The engine of a run. What wasmtime keeps to run the tasks of a guest
/// concurrently is there only for components that have some.
pub(crate) fn engine(concurrency: Concurrency) -> Result<Engine, Failure> {
    let mut config = Config::new();
    bounds::configure(&mut config);
    concurrency.configure(&mut config);
    Engine::new(&config)
        .map_err(|error| Failure::Usage(format!("cannot set up wasmtime: {error:#}")))
}

/// Reads a component of so many bytes at most, which is not compiled nor checked
/// further.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let longest = limits.component;
    let mut bytes = Vec::new();
    let mut read = || {
        let file = File::open(path)?;
        // A pipe has no length, and what is asked for is more than the file.
        let length = file.metadata()?.len().min(longest);
        bytes.reserve(usize::try_from(length).unwrap_or_default() + 1);
        prefer_huge_pages(bytes.spare_capacity_mut());
        file.take(longest.saturating_add(1)).read_to_end(&mut bytes)
    };
    read().map_err(|error| unusable(path, &error))?;
    if bytes.len() as u64 > longest {
        let why = format!("it is larger than {longest} bytes: --limit component={longest}");
        return Err(unusable(path, &why));
    }
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

/// Has the kernel give memory that is about to be filled in large pieces, where it can:
/// for tens of megabytes most of the time goes to the pages.
fn prefer_huge_pages(room: &mut [MaybeUninit<u8>]) {
    const PAGE: usize = 4096;
    let before = room.as_ptr().align_offset(PAGE);
    let Some(pages) = room.get_mut(before..) else {
        return;
    };
    // SAFETY: it is advice about memory that is borrowed here, and changes nothing in it.
    #[allow(unsafe_code, reason = "rustix cannot know what memory it is")]
    let advised = unsafe {
        let length = pages.len() - pages.len() % PAGE;
        madvise(pages.as_mut_ptr().cast(), length, Advice::LinuxHugepage)
    };
    if let Err(error) = advised {
        tracing::debug!(%error, "no huge pages");
    }
}

/// Compiles a component that was read from a path, or takes what is kept of an
/// earlier run; on a terminal a spinner shows that it takes a while.
pub(crate) fn component(
    engine: &Engine,
    path: &Path,
    bytes: &[u8],
    limits: &Limits,
    cached: bool,
) -> Result<Component, Failure> {
    let compile = |code: &File| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let message = format!("compiling {}", shown(&name, 100));
        with_spinner(&message, || compile::compile(bytes, limits, code))
            .map_err(|why| unusable(path, &why))?;
        cache::map(engine, code).map_err(|error| unusable(path, &format!("{error:#}")))
    };
    if let Some(cache) = cached.then(Cache::open).flatten() {
        let name = cache::name(engine, bytes);
        if let Some(component) = cache.load(engine, &name) {
            return Ok(component);
        }
        let waiting = "waiting for another run that compiles the same";
        let _turn = with_spinner(waiting, || cache.turn(&name));
        if let Some(component) = cache.load(engine, &name) {
            return Ok(component);
        }
        match cache.begin(&name) {
            Ok(unfinished) => {
                let component = compile(&unfinished.file);
                match component.is_ok() {
                    true => cache.keep(&unfinished, &name),
                    false => cache.discard(&unfinished),
                }
                return component;
            }
            // A file system that is full, say. It works without, only slower.
            Err(error) => tracing::info!(%error, "the compiled component is not kept"),
        }
    }
    compile(&compile::anonymous(b"").map_err(|error| unusable(path, &error))?)
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
