//! Libraries that read what others made, and assert what not all of it is.

use std::panic::{self, AssertUnwindSafe};

/// Does what may panic and is caught, so that nobody is shown how it came about.
pub(crate) fn silently<T>(work: impl FnOnce() -> T) -> T {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_info| ()));
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    result.unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// The same, where it is not caught yet.
///
/// # Errors
/// Where it panics.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, &'static str> {
    silently(|| panic::catch_unwind(AssertUnwindSafe(work)))
        .map_err(|_panic| "it cannot be read: a fault of the library that reads it")
}
