//! The timeout that new sockets have.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

static DEFAULT: Mutex<Option<Duration>> = Mutex::new(None);

/// The timeout of sockets that are made or accepted from now on; `None` is to
/// block, and what it is at first.
pub fn getdefaulttimeout() -> Option<Duration> {
    *DEFAULT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the timeout of sockets that are made or accepted from now on: `None` is
/// to block, zero not to wait at all.
pub fn setdefaulttimeout(timeout: impl Into<Option<Duration>>) {
    *DEFAULT.lock().unwrap_or_else(PoisonError::into_inner) = timeout.into();
}
