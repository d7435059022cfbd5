//! capsock.h: what the program may do, and giving some of it up.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::null_mut;

use capsock_guest::authority;

use crate::errno::{self, Errno, Result};
use crate::memory;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
}

thread_local! {
    static WHY: RefCell<CString> = RefCell::default();
}

/// Keeps the error's words for `capsock_error`.
fn told<T>(result: capsock_guest::Result<T>) -> Result<T> {
    result.map_err(|error| {
        let words = error.to_string().replace('\0', " ");
        WHY.set(CString::new(words).unwrap_or_default());
        error.into()
    })
}

/// # Safety
/// `at` is null or ends with a NUL.
unsafe fn text<'a>(at: *const c_char) -> Result<&'a str> {
    // SAFETY: by this function's condition.
    let text = unsafe { memory::string(at) }.ok_or(Errno::EFAULT)?;
    str::from_utf8(text).map_err(|_not_text| {
        WHY.set(c"what is asked for is not UTF-8".to_owned());
        Errno::EINVAL
    })
}

/// Whether an operation is allowed.
#[unsafe(no_mangle)]
unsafe extern "C" fn capsock_may(operation: *const c_char, target: *const c_char) -> c_int {
    let ask = || {
        // SAFETY: as capsock.h says.
        let (operation, target) = unsafe { (text(operation)?, text(target)?) };
        told(authority::may(operation, target)).map(c_int::from)
    };
    errno::int(ask())
}

/// Gives up what the rules do not allow.
#[unsafe(no_mangle)]
unsafe extern "C" fn capsock_limit(rules: *const *const c_char, count: usize) -> c_int {
    let limit = || {
        // SAFETY: as capsock.h says.
        let rules = unsafe { memory::array(rules.cast_mut(), count)? };
        // SAFETY: the same.
        let rules = rules.iter().map(|rule| unsafe { text(*rule) });
        told(authority::limit(&rules.collect::<Result<Vec<_>>>()?))
    };
    errno::nothing(limit())
}

/// The rules that the program was started with.
#[unsafe(no_mangle)]
extern "C" fn capsock_grants() -> *mut c_char {
    let text: String = authority::grants()
        .iter()
        .flat_map(|rule| [rule, "\n"])
        .collect();
    // SAFETY: malloc(3).
    let room: *mut c_char = unsafe { malloc(text.len() + 1) }.cast();
    if room.is_null() {
        return null_mut();
    }
    // SAFETY: there is room for it and the NUL.
    unsafe {
        room.copy_from_nonoverlapping(text.as_ptr().cast(), text.len());
        room.add(text.len()).write(0);
    }
    room
}

/// Why the last of these failed.
#[unsafe(no_mangle)]
extern "C" fn capsock_error() -> *const c_char {
    WHY.with_borrow(|why| why.as_ptr())
}
