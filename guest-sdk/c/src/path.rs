//! Functions of a path: the program's own files stand before those of libc.

use std::ffi::{CString, c_char, c_int, c_void};

use capsock_guest::stat_unix;

use crate::embedded::{self, Found};
use crate::errno::{self, Errno, Result};
use crate::file::{self, AT_FDCWD, libc};
use crate::memory;
use crate::special;
use crate::table::{self, Kind};

/// The path beneath a directory that only the program has, as one of its own.
///
/// # Safety
/// `path` is null or ends with a NUL.
pub(crate) unsafe fn beneath(at: c_int, path: *const c_char) -> Option<CString> {
    let object = table::lookup(at).ok()?;
    let Kind::Directory(directory) = &object.kind else {
        return None;
    };
    // SAFETY: by this function's condition.
    let path = unsafe { memory::string(path) }?;
    CString::new([directory, b"/".as_slice(), path].concat()).ok()
}

/// What the program has at `path`, which is relative to a directory.
///
/// # Safety
/// `path` is null or ends with a NUL.
unsafe fn find(at: c_int, path: *const c_char) -> Option<Found> {
    // SAFETY: by this function's condition.
    let text = unsafe { memory::string(path) }?;
    if at == AT_FDCWD || text.starts_with(b"/") {
        return embedded::find(text);
    }
    // SAFETY: the same.
    embedded::find(unsafe { beneath(at, path) }?.as_bytes())
}

const W_OK: c_int = 2;
const X_OK: c_int = 1;

/// access(2) of what the program has.
fn may(found: Found, mode: c_int) -> Result<()> {
    match found {
        Found::File(_) | Found::Directory if mode & W_OK != 0 => Err(Errno::EROFS),
        Found::File(_) | Found::Device if mode & X_OK != 0 => Err(Errno::EACCES),
        _ => Ok(()),
    }
}

/// What libc does, and where it fails what the program has: libc's directories go before,
/// and its files after, but for the special ones.
///
/// # Safety
/// `path` is null or ends with a NUL.
unsafe fn either(
    at: c_int,
    path: *const c_char,
    of_libc: impl FnOnce() -> c_int,
    of_program: impl FnOnce(Found) -> Result<()>,
) -> c_int {
    // SAFETY: by this function's condition.
    let found = unsafe { find(at, path) };
    if let Some(found @ Found::File(_)) = found {
        return errno::nothing(of_program(found));
    }
    let told = libc::inside(of_libc);
    if told == 0 {
        return told;
    }
    let special = || {
        // SAFETY: the same.
        let named = unsafe { memory::string(path) }.and_then(special::find)?;
        Some(named.found())
    };
    match found.or_else(special) {
        Some(found) => errno::nothing(of_program(found)),
        None => told,
    }
}

unsafe extern "C" {
    fn __real_stat(path: *const c_char, stat: *mut c_void) -> c_int;
    fn __real_lstat(path: *const c_char, stat: *mut c_void) -> c_int;
    fn __real_access(path: *const c_char, mode: c_int) -> c_int;
    fn __real_readlink(path: *const c_char, start: *mut c_char, length: usize) -> isize;
    fn __real_fstatat(at: c_int, path: *const c_char, stat: *mut c_void, flags: c_int) -> c_int;
    fn __real_faccessat(at: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int;
}

/// stat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_stat(path: *const c_char, stat: *mut c_void) -> c_int {
    // SAFETY: as stat(2) says.
    unsafe {
        let fill = |found| embedded::fill_stat(found, stat);
        let told = either(AT_FDCWD, path, || __real_stat(path, stat), fill);
        with_sockets(path, stat, told)
    }
}

/// lstat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_lstat(path: *const c_char, stat: *mut c_void) -> c_int {
    // SAFETY: as lstat(2) says.
    unsafe {
        let fill = |found| embedded::fill_stat(found, stat);
        let told = either(AT_FDCWD, path, || __real_lstat(path, stat), fill);
        with_sockets(path, stat, told)
    }
}

/// What stat(2) has told, and of a Unix socket what WASI has no words for: which is
/// beneath a directory of the guest's, where it has no type, or beneath none.
///
/// # Safety
/// As stat(2) says.
unsafe fn with_sockets(path: *const c_char, stat: *mut c_void, told: c_int) -> c_int {
    let failed = errno::last();
    // SAFETY: libc has filled it.
    let is_untyped = told == 0 && unsafe { libc::__capsock_is_untyped(stat) } != 0;
    if !is_untyped && (told == 0 || !matches!(failed, Errno::ENOTCAPABLE | Errno::ENOENT)) {
        return told;
    }
    // SAFETY: by this function's condition.
    let path = unsafe { memory::string(path) }.and_then(embedded::normalised_text);
    let Some(socket) = path.and_then(|path| stat_unix(path).ok()) else {
        errno::set(failed);
        return told;
    };
    if stat.is_null() {
        return errno::int(Err(Errno::EFAULT));
    }
    // SAFETY: the same.
    unsafe {
        libc::__capsock_fill_socket(
            stat,
            socket.device,
            socket.inode,
            socket.mode,
            socket.owner,
            socket.group,
        );
    }
    0
}

/// access(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_access(path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: as access(2) says.
    unsafe {
        let real = || __real_access(path, mode);
        either(AT_FDCWD, path, real, |found| may(found, mode))
    }
}

/// readlink(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_readlink(
    path: *const c_char,
    start: *mut c_char,
    length: usize,
) -> isize {
    // SAFETY: as readlink(2) says.
    match unsafe { find(AT_FDCWD, path) } {
        Some(_no_link) => errno::count(Err(Errno::EINVAL)),
        // SAFETY: the same.
        None => libc::inside(|| unsafe { __real_readlink(path, start, length) }),
    }
}

/// fstatat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_fstatat(
    at: c_int,
    path: *const c_char,
    stat: *mut c_void,
    flags: c_int,
) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_fstatat(at, path, stat, flags) };
    }
    // SAFETY: as fstatat(2) says.
    unsafe {
        let real = || match file::directory(at) {
            Ok(at) => __real_fstatat(at, path, stat, flags),
            Err(errno) => errno::int(Err(errno)),
        };
        let fill = |found| embedded::fill_stat(found, stat);
        let told = either(at, path, real, fill);
        match at {
            AT_FDCWD => with_sockets(path, stat, told),
            _ => told,
        }
    }
}

/// faccessat(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_faccessat(
    at: c_int,
    path: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { __real_faccessat(at, path, mode, flags) };
    }
    // SAFETY: as faccessat(2) says.
    unsafe {
        let real = || match file::directory(at) {
            Ok(at) => __real_faccessat(at, path, mode, flags),
            Err(errno) => errno::int(Err(errno)),
        };
        either(at, path, real, |found| may(found, mode))
    }
}

/// Functions of a directory and a path.
macro_rules! at_directories {
    ($($wrap:ident $real:ident($($argument:ident: $type:ty),*) -> $returned:ty;)*) => {$(
        unsafe extern "C" {
            fn $real(at: c_int, $($argument: $type),*) -> $returned;
        }

        #[doc = concat!("`", stringify!($wrap), "`")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $wrap(at: c_int, $($argument: $type),*) -> $returned {
            if libc::is_inside() {
                // SAFETY: what libc asks itself for.
                return unsafe { $real(at, $($argument),*) };
            }
            match file::directory(at) {
                // SAFETY: as the function's manual page says.
                Ok(at) => libc::inside(|| unsafe { $real(at, $($argument),*) }),
                Err(errno) => {
                    errno::set(errno);
                    -1
                }
            }
        }
    )*};
}

at_directories! {
    __wrap_utimensat __real_utimensat(path: *const c_char, times: *const c_void, flags: c_int) -> c_int;
    __wrap_mkdirat __real_mkdirat(path: *const c_char, mode: u32) -> c_int;
    __wrap_unlinkat __real_unlinkat(path: *const c_char, flags: c_int) -> c_int;
    __wrap_readlinkat __real_readlinkat(path: *const c_char, start: *mut c_char, length: usize) -> isize;
}

/// For `../libc/paths.c`: whether a path is UTF-8.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_is_text(path: *const c_char) -> c_int {
    // SAFETY: C hands over what a program has as a path.
    c_int::from(unsafe { memory::text(path) }.is_some())
}
