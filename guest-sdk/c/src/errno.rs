//! wasi-libc's errno numbers, and those that it lacks: `<errno.h>` of the SDK.

use capsock_guest::Error;
use capsock_guest::raw::{name_of, name_of_code};
use capsock_guest::wit::ErrorCode;

use crate::thread;

pub(crate) type Result<T> = std::result::Result<T, Errno>;

/// An errno, as C counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

macro_rules! errnos {
    ($($name:ident $number:literal,)*) => {
        impl Errno {
            $(#[allow(dead_code, reason = "the table is whole")]
            pub(crate) const $name: Self = Self($number);)*

            fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    "EOPNOTSUPP" => Some(Self::ENOTSUP),
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    E2BIG 1, EACCES 2, EADDRINUSE 3, EADDRNOTAVAIL 4, EAFNOSUPPORT 5, EAGAIN 6, EALREADY 7,
    EBADF 8, EBADMSG 9, EBUSY 10, ECANCELED 11, ECHILD 12, ECONNABORTED 13, ECONNREFUSED 14,
    ECONNRESET 15, EDEADLK 16, EDESTADDRREQ 17, EDOM 18, EDQUOT 19, EEXIST 20, EFAULT 21,
    EFBIG 22, EHOSTUNREACH 23, EIDRM 24, EILSEQ 25, EINPROGRESS 26, EINTR 27, EINVAL 28, EIO 29,
    EISCONN 30, EISDIR 31, ELOOP 32, EMFILE 33, EMLINK 34, EMSGSIZE 35, EMULTIHOP 36,
    ENAMETOOLONG 37, ENETDOWN 38, ENETRESET 39, ENETUNREACH 40, ENFILE 41, ENOBUFS 42, ENODEV 43,
    ENOENT 44, ENOEXEC 45, ENOLCK 46, ENOLINK 47, ENOMEM 48, ENOMSG 49, ENOPROTOOPT 50,
    ENOSPC 51, ENOSYS 52, ENOTCONN 53, ENOTDIR 54, ENOTEMPTY 55, ENOTRECOVERABLE 56, ENOTSOCK 57,
    ENOTSUP 58, ENOTTY 59, ENXIO 60, EOVERFLOW 61, EOWNERDEAD 62, EPERM 63, EPIPE 64, EPROTO 65,
    EPROTONOSUPPORT 66, EPROTOTYPE 67, ERANGE 68, EROFS 69, ESPIPE 70, ESRCH 71, ESTALE 72,
    ETIMEDOUT 73, ETXTBSY 74, EXDEV 75, ENOTCAPABLE 76,
    // wasi-libc has none of these.
    EHOSTDOWN 101, ENODATA 102, ENOKEY 103, ENONET 104, EPFNOSUPPORT 105, ESHUTDOWN 106,
    ESOCKTNOSUPPORT 107, ETOOMANYREFS 108, EUSERS 109,
}

impl Errno {
    /// The thread is to be canceled: no errno, for C never sees it.
    pub(crate) const CANCEL: Self = Self(-1);

    /// What Linux gives this number for.
    pub(crate) fn of_linux(number: i32) -> Self {
        name_of(number).and_then(Self::named).unwrap_or(Self::EIO)
    }
}

impl From<ErrorCode> for Errno {
    fn from(code: ErrorCode) -> Self {
        match code {
            // SO_RCVTIMEO and SO_SNDTIMEO have it so: socket(7).
            ErrorCode::WouldBlock | ErrorCode::DeadlineExceeded => Self::EAGAIN,
            code => name_of_code(code)
                .and_then(Self::named)
                .unwrap_or(Self::EIO),
        }
    }
}

impl From<Error> for Errno {
    fn from(error: Error) -> Self {
        if error.is_timeout() {
            return Self::EAGAIN;
        }
        match error.name() {
            Some(name) => Self::named(name).unwrap_or(Self::EIO),
            // Found wrong before the host was asked.
            None => Self::EINVAL,
        }
    }
}

unsafe extern "C" {
    fn __capsock_set_errno(number: i32);
    fn __capsock_errno() -> i32;
}

/// The errno of a call to libc that failed.
pub(crate) fn last() -> Errno {
    // SAFETY: it reads a variable.
    Errno(unsafe { __capsock_errno() })
}

pub(crate) fn set(errno: Errno) {
    // SAFETY: it writes a variable.
    unsafe { __capsock_set_errno(errno.0) }
}

/// What C returns: -1, and errno.
pub(crate) fn int(result: Result<i32>) -> i32 {
    result.unwrap_or_else(|errno| {
        fail(errno);
        -1
    })
}

/// Sets errno, or ends the thread that is to be canceled: nothing of the call is
/// left to be dropped.
fn fail(errno: Errno) {
    if errno == Errno::CANCEL {
        thread::exit_canceled();
    }
    set(errno);
}

/// What C returns: 0, or -1 and errno.
pub(crate) fn nothing(result: Result<()>) -> i32 {
    int(result.map(|()| 0))
}

/// What C returns: a count, or -1 and errno.
pub(crate) fn count(result: Result<usize>) -> isize {
    match result {
        Ok(count) => count.cast_signed(),
        Err(errno) => {
            fail(errno);
            -1
        }
    }
}

/// What libc returned.
pub(crate) fn of_int(result: i32) -> Result<i32> {
    if result < 0 { Err(last()) } else { Ok(result) }
}

/// What libc returned.
pub(crate) fn of_count(result: isize) -> Result<usize> {
    usize::try_from(result).map_err(|_failed| last())
}
