//! Addresses and errors of `wasi:sockets`, as Rust's and the policy's.

use capsock_policy::Errno;

use crate::ErrorCode;

capsock_policy::wasi_addresses!(crate::bindings::wasi::sockets0_2_12::network);

/// What the checks fail with.
pub(crate) fn code(errno: Errno) -> ErrorCode {
    match errno {
        Errno::AccessDenied => ErrorCode::AccessDenied,
        _ => ErrorCode::InvalidArgument,
    }
}
