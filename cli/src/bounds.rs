//! What bounds the guest's memory, computing and time.

use std::process::exit;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use capsock_host::Limits;
use capsock_host::http::FieldMapError;
use rustix::thread::{ClockId, NanosleepRelativeResult, Timespec, clock_nanosleep_relative};
use wasmtime::component::ResourceTableError;
use wasmtime::{Config, Engine, Error, Store};

use crate::terminal::tell;

/// The exit code of a run that took too long, as of timeout(1).
pub(crate) const TOO_LONG: i32 = 124;

/// How long the end of a run may take once its time is up, before the process
/// is ended instead.
const GRACE: Duration = Duration::from_secs(1);

/// Handles in the guest's own tables, for each one in the host's: those of
/// resources that components give each other are only there. Over it the guest
/// traps, so that the host's table has to be full first.
const OWN_HANDLES: usize = 2;

/// What the call of a function without tasks of its own takes in the table of
/// tasks and threads, and threads that have ended and are used again.
const TASKS: u32 = 64;

/// A thread, and the set of what it may wait for.
const ENTRIES: u32 = 2;

/// Has compiled code ask now and then whether it may go on.
pub(crate) fn configure(config: &mut Config) {
    config.epoch_interruption(true);
}

/// Bounds what wasmtime does for the guest of this store. Its memory limiter is
/// the caller's to set.
///
/// What the component model keeps of threads and tasks is in a table of its own: the
/// tasks of a program that has no asynchronous functions are few, and its threads
/// are the rest.
pub(crate) fn apply<T>(limits: &Limits, has_tasks: bool, store: &mut Store<T>) {
    if let Some(table) = store.concurrent_resource_table() {
        let tasks = if has_tasks { limits.handles } else { TASKS };
        let threads = limits.threads.saturating_mul(ENTRIES);
        table.set_max_capacity(tasks.saturating_add(threads) as usize);
    }
    store.set_hostcall_fuel(limits.hostcall_fuel as usize);
    store.set_max_component_handles(limits.handles as usize * OWN_HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
}

/// Says which limits a guest has met that traps since a table of handles or of
/// threads is full, or headers are too long.
pub(crate) fn explained(error: Error, limits: &Limits) -> Error {
    if let Some(FieldMapError::TotalSizeTooBig) = error.downcast_ref() {
        let headers = limits.http_headers;
        return error.context(format!(
            "its headers of HTTP are longer than --limit http-headers={headers} allows"
        ));
    }
    match error.downcast_ref::<ResourceTableError>() {
        Some(ResourceTableError::Full) => error.context(format!(
            "it has more handles than --limit handles={} allows, or more threads than --limit threads={}",
            limits.handles, limits.threads
        )),
        _ => error,
    }
}

/// Starts the clocks: guests that compute yield at each tick, and when the time
/// is up the future of [`in_time`] ends.
///
/// Ticks are of the process's own computing time, so that nothing wakes up while
/// the guest waits.
pub(crate) fn start(limits: &Limits, engine: &Engine) -> std::io::Result<()> {
    let (weak, tick) = (engine.weak(), limits.tick);
    spawn("clock", move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            compute_for(tick);
        }
    })?;
    match limits.time {
        Some(time) => end_after(time, engine),
        None => Ok(()),
    }
}

/// A guest that computes notices the end of the time as it comes, however little
/// it gets of the processor.
///
/// Only another thread can end a host call that blocks the guest's own, such as
/// a write to a pipe that nobody reads. Then it ends the process.
fn end_after(time: Duration, engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    spawn("deadline", move || {
        thread::sleep(time);
        if let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
        }
        thread::sleep(GRACE);
        // Nobody may read standard error either: it is told by another thread.
        let (told, is_told) = mpsc::channel();
        let tell = move || {
            tell_too_long(time, ", in a call that blocks the host");
            // The process may be ending.
            _ = told.send(());
        };
        if spawn("telling", tell).is_ok() {
            _ = is_told.recv_timeout(GRACE);
        }
        exit(TOO_LONG);
    })
}

/// Waits until the process has used the processor for as long.
fn compute_for(time: Duration) {
    let left = Timespec::try_from(time)
        .map(|time| clock_nanosleep_relative(ClockId::ProcessCPUTime, &time));
    if !matches!(left, Ok(NanosleepRelativeResult::Ok)) {
        // A kernel without that clock, or a signal.
        thread::sleep(time);
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(drop)
}

/// Waits for `run`, as long as the limit allows; `None` is longer.
pub(crate) async fn in_time<T>(limits: &Limits, run: impl Future<Output = T>) -> Option<T> {
    match limits.time {
        None => Some(run.await),
        Some(time) => tokio::time::timeout(time, run).await.ok(),
    }
}

/// `where_it_was` is what else there is to say, after a comma.
pub(crate) fn tell_too_long(time: Duration, where_it_was: &str) {
    let time = humantime::format_duration(time);
    tell(format_args!(
        "the guest was ended after {time}{where_it_was}: --limit 'time={time}'"
    ));
}
