//! alarm(2) and setitimer(2): a signal that comes by time, to the main thread, where it
//! calls the SDK or waits in it.

use std::ffi::c_int;

use crate::bindings::monotonic_clock::now;
use crate::errno;
use crate::thread::scheduler;

/// Microseconds until the signal and between later ones; 0 and 0 are none.
#[repr(C)]
pub struct Alarm {
    left: u64,
    interval: u64,
}

/// Sets the time, where there is a `new` one, and tells what it was before.
///
/// # Safety
/// Each is null or an `Alarm`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_alarm(new: *const Alarm, old: *mut Alarm) {
    let before = scheduler::alarm().map_or((0, 0), |(time, interval)| {
        // One that is armed is not over.
        let left = time.saturating_sub(now()).div_ceil(1000).max(1);
        (left, interval / 1000)
    });
    // SAFETY: as the caller says.
    if let Some(new) = unsafe { new.as_ref() } {
        scheduler::set_alarm((new.left > 0).then(|| {
            let time = now().saturating_add(new.left.saturating_mul(1000));
            (time, new.interval.saturating_mul(1000))
        }));
    }
    // SAFETY: the same.
    if let Some(old) = unsafe { old.as_mut() } {
        (old.left, old.interval) = before;
    }
}

/// pause(2). Where no signal can come, it would be for ever: ENOSYS.
#[unsafe(no_mangle)]
extern "C" fn __capsock_pause() -> c_int {
    errno::nothing(scheduler::wait_for_alarm())
}
