//! Times until which a thread waits.

use std::ffi::c_int;

use crate::bindings::monotonic_clock::now;
use crate::errno::{Errno, Result};
use crate::event::{Timespec, nanoseconds};
use crate::memory;
use crate::thread::scheduler;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Real,
    Monotonic,
}

/// When the time of this clock is, by the monotonic one; null is never. EINVAL
/// where it is no time.
pub(crate) unsafe fn deadline(clock: Clock, time: *const Timespec) -> Result<Option<u64>> {
    if time.is_null() {
        return Ok(None);
    }
    // SAFETY: as the callers say.
    let time = unsafe { memory::get(time)? };
    if !(0..1_000_000_000).contains(&time.nanoseconds) {
        return Err(Errno::EINVAL);
    }
    // What is before the epoch is over.
    let time = time.duration().unwrap_or_default();
    Ok(Some(match clock {
        Clock::Monotonic => nanoseconds(time),
        Clock::Real => {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            match nanoseconds(time.saturating_sub(since)) {
                0 => 0,
                left => now().saturating_add(left),
            }
        }
    }))
}

/// clock_nanosleep(2), of which C has taken the clock's number, and -1 for one
/// that cannot be slept by.
#[unsafe(no_mangle)]
extern "C" fn __capsock_clock_nanosleep(
    clock: c_int,
    is_absolute: c_int,
    time: *const Timespec,
    rest: *mut Timespec,
) -> c_int {
    let sleep = || {
        // SAFETY: as clock_nanosleep(2) says.
        let wanted = unsafe { memory::get(time)? }.duration()?;
        let clock = match clock {
            0 => Clock::Real,
            1 => Clock::Monotonic,
            _ => return Err(Errno::EINVAL),
        };
        let left = if is_absolute == 0 {
            wanted
        } else {
            // SAFETY: the same.
            let deadline = unsafe { deadline(clock, time)? }.unwrap_or_default();
            std::time::Duration::from_nanos(deadline.saturating_sub(now()))
        };
        let end = now().saturating_add(nanoseconds(left));
        let slept = scheduler::sleep(left);
        if slept == Err(Errno::EINTR) && is_absolute == 0 && !rest.is_null() {
            let left = Timespec::of(end.saturating_sub(now()));
            // SAFETY: the same.
            unsafe { memory::put(rest, left)? };
        }
        slept
    };
    super::number(sleep())
}
