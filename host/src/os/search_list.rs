//! Names as they are written: without the search list of `resolv.conf(5)`.

#![allow(
    unsafe_code,
    reason = "no library has the options of the resolver, which are of a thread"
)]

use std::ffi::{c_int, c_ulong};

/// The beginning of `struct __res_state` of glibc's resolv.h.
#[repr(C)]
struct ResolverState {
    retransmission: c_int,
    retries: c_int,
    options: c_ulong,
}

/// `RES_DNSRCH`: a name with a dot goes through the search list too.
const SEARCH: c_ulong = 0x200;

// glibc's resolv.h; not in the libc crate.
unsafe extern "C" {
    fn __res_init() -> c_int;
    fn __res_state() -> *mut ResolverState;
}

/// Looks up a name on this thread. One with a dot is absolute: what it is not
/// itself, no other name is for it. One of a single label may go through the
/// search list.
pub(super) fn look_up<T>(name: &str, look_up: impl FnOnce() -> T) -> T {
    if !name.contains('.') {
        return look_up();
    }
    let _without = WithoutSearch::new();
    look_up()
}

/// As long as it lives. A trailing dot would do too, but for the names of
/// hosts(5), which have none.
struct WithoutSearch {
    /// The options as they were.
    options: c_ulong,
}

impl WithoutSearch {
    fn new() -> Self {
        // SAFETY: they take no arguments, and glibc has one state for each thread,
        // which lives as long as that. Options are taken from it only once it is
        // made, and to make it anew takes what resolv.conf has by now.
        unsafe {
            __res_init();
            let state = __res_state();
            let options = (*state).options;
            (*state).options = options & !SEARCH;
            Self { options }
        }
    }
}

impl Drop for WithoutSearch {
    fn drop(&mut self) {
        // SAFETY: as in `new`, on whose thread this still is.
        unsafe { (*__res_state()).options = self.options }
    }
}
