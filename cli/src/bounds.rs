//! What bounds the guest's memory, computing and time.

use std::process::exit;
use std::thread;
use std::time::{Duration, Instant};

use capsock_host::Limits;
use wasmtime::{Config, Engine, Store};

/// The exit code of a run that took too long, as of timeout(1).
pub(crate) const TOO_LONG: i32 = 124;

/// How long the end of a run may take once its time is up, before the process
/// is ended instead.
const GRACE: Duration = Duration::from_secs(1);

/// Handles in the guest's own tables, for each one in the host's: those of
/// resources that components give each other are only there. Over it the guest
/// traps, so that the host's table has to be full first.
const OWN_HANDLES: usize = 2;

/// Has compiled code ask now and then whether it may go on.
pub(crate) fn configure(config: &mut Config) {
    config.epoch_interruption(true);
}

/// Bounds what wasmtime does for the guest of this store. Its memory limiter is
/// the caller's to set.
pub(crate) fn apply<T>(limits: &Limits, store: &mut Store<T>) {
    store.set_hostcall_fuel(limits.hostcall_fuel as usize);
    store.set_max_component_handles(limits.handles as usize * OWN_HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
}

/// Starts the clock: guests that compute yield at each tick, and when the time
/// is up the future of [`in_time`] ends.
///
/// Only the thread of this clock can end a host call that blocks the guest's
/// own, such as a write to a pipe that nobody reads. Then it ends the process.
pub(crate) fn start(limits: &Limits, engine: &Engine) -> std::io::Result<()> {
    let (engine, tick, time) = (engine.weak(), limits.tick, limits.time);
    let end = time.and_then(|time| Instant::now().checked_add(time + GRACE));
    // However long a tick is, the end of the time is not missed.
    let pause = time.map_or(tick, |_| tick.min(GRACE));
    let clock = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            if let (Some(end), Some(time)) = (end, time)
                && Instant::now() >= end
            {
                tell_too_long(time, ", in a call that blocks the host");
                exit(TOO_LONG);
            }
            thread::sleep(pause);
        }
    };
    thread::Builder::new()
        .name("clock".to_owned())
        .spawn(clock)?;
    Ok(())
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
    eprintln!("capsock: the guest was ended after {time}{where_it_was}: --limit 'time={time}'");
}
