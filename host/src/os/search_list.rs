//! Where names are looked up, which the search list of `resolv.conf(5)` does not
//! decide alone.

#![allow(
    unsafe_code,
    reason = "no library has the options of the resolver, which are of a thread"
)]

use std::ffi::{c_int, c_ulong};

use crate::lookup::{Asked, Search};

/// The beginning of `struct __res_state` of glibc's resolv.h.
#[repr(C)]
struct ResolverState {
    retransmission: c_int,
    retries: c_int,
    options: c_ulong,
}

/// `RES_DNSRCH` and `RES_DEFNAMES`: names with a dot, and those without, go
/// through the search list.
const SEARCH: c_ulong = 0x200 | 0x80;

// glibc's resolv.h; not in the libc crate.
unsafe extern "C" {
    fn __res_init() -> c_int;
    fn __res_state() -> *mut ResolverState;
}

/// Looks up a name on this thread, and where there is none of it the next that
/// it may be the beginning of. A name that could not be looked up is no reason to
/// take another one for it.
pub(super) fn look_up<T, E>(
    asked: &Asked,
    is_absent: impl Fn(&E) -> bool,
    mut look_up: impl FnMut(&str) -> Result<T, E>,
) -> Result<T, E> {
    let name = asked.name.as_str();
    let domains = match &asked.search {
        Search::Machine => return look_up(name),
        Search::Absolute => &[][..],
        Search::Within(domains) => domains,
    };
    let _without = WithoutSearch::new();
    let mut names: Vec<String> = domains
        .iter()
        .map(|domain| format!("{name}.{domain}"))
        .collect();
    // A name that has a dot may well be a whole one, and one without hardly is.
    let at = if name.contains('.') { 0 } else { names.len() };
    names.insert(at, name.to_owned());
    let mut result = look_up(&names[0]);
    for name in &names[1..] {
        match &result {
            Err(error) if is_absent(error) => result = look_up(name),
            _ => break,
        }
    }
    result
}

/// As long as it lives, names are absolute. A trailing dot would do too, but for
/// the names of hosts(5), which have none.
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
