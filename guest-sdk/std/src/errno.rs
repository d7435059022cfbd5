//! The C library's errno numbers, for the errors of `capsock-guest`.

use std::ffi::c_int;

use capsock_guest::Error;
use capsock_guest::raw::{name_of, name_of_code};
use capsock_guest::wit::ErrorCode;

pub(crate) type Result<T> = std::result::Result<T, Errno>;

/// An errno, as the C library counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

macro_rules! errnos {
    ($($name:ident)*) => {
        fn named(name: &str) -> Option<c_int> {
            match name {
                $(stringify!($name) => Some(libc::$name),)*
                // What the C library lacks, by what is nearest.
                "EHOSTDOWN" => Some(libc::EHOSTUNREACH),
                "ENONET" => Some(libc::ENETDOWN),
                "EPFNOSUPPORT" | "ESOCKTNOSUPPORT" => Some(libc::EPROTONOSUPPORT),
                "ESHUTDOWN" => Some(libc::EPIPE),
                _ => None,
            }
        }
    };
}

errnos! {
    E2BIG EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF EBADMSG EBUSY
    ECANCELED ECONNABORTED ECONNREFUSED ECONNRESET EDESTADDRREQ EDOM EEXIST EFAULT EFBIG
    EHOSTUNREACH EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR ELOOP EMFILE EMSGSIZE EMULTIHOP
    ENAMETOOLONG ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOLINK ENOMEM
    ENOMSG ENOPROTOOPT ENOSPC ENOSYS ENOTCONN ENOTDIR ENOTSOCK ENOTTY ENXIO EOPNOTSUPP
    EOVERFLOW EPERM EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE EROFS ESRCH ESTALE ETIMEDOUT
    EXDEV
}

impl Errno {
    /// What Linux gives this number for.
    pub(crate) fn of_linux(number: i32) -> Self {
        Self(name_of(number).and_then(named).unwrap_or(libc::EIO))
    }
}

impl From<Error> for Errno {
    fn from(error: Error) -> Self {
        if error.is_timeout() {
            // SO_RCVTIMEO and SO_SNDTIMEO have it so: socket(7).
            return Self(libc::EAGAIN);
        }
        match error.name() {
            Some(name) => Self(named(name).unwrap_or(libc::EIO)),
            // Found wrong before the host was asked.
            None => Self(libc::EINVAL),
        }
    }
}

impl From<Errno> for std::io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

/// What the host's poller reports.
pub(crate) fn of_code(code: ErrorCode) -> Errno {
    Errno(name_of_code(code).and_then(named).unwrap_or(libc::EIO))
}

pub(crate) fn set(errno: Errno) {
    // SAFETY: it is a variable of the C library.
    unsafe { *libc::__errno_location() = errno.0 };
}

/// The errno of a call to the C library that failed.
pub(crate) fn last() -> Errno {
    // SAFETY: it is a variable of the C library.
    Errno(unsafe { *libc::__errno_location() })
}

/// What C returns: -1, and errno.
pub(crate) fn int(result: Result<c_int>) -> c_int {
    result.unwrap_or_else(|errno| {
        set(errno);
        -1
    })
}

/// What C returns: 0, or -1 and errno.
pub(crate) fn nothing(result: Result<()>) -> c_int {
    int(result.map(|()| 0))
}

/// What C returns: a count, or -1 and errno.
pub(crate) fn count(result: Result<usize>) -> isize {
    match result {
        Ok(count) => count.cast_signed(),
        Err(errno) => {
            set(errno);
            -1
        }
    }
}
