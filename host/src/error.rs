//! How a host function ends where it does not succeed.

use std::fmt;

use wasmtime::component::ResourceTableError;

use crate::Errno;
use crate::wasi::Kind;

/// An error code for the guest, or a trap.
pub(crate) enum SocketError {
    /// The guest learns why.
    Code(Errno),
    /// The guest broke the component model's rules.
    Trap(wasmtime::Error),
}

impl From<Errno> for SocketError {
    fn from(errno: Errno) -> Self {
        Self::Code(errno)
    }
}

impl From<ResourceTableError> for SocketError {
    fn from(error: ResourceTableError) -> Self {
        match error {
            // A limit like the one on descriptors, and told like it.
            ResourceTableError::Full => Self::Code(Errno::TooManyOpenFiles),
            error => Self::Trap(error.into()),
        }
    }
}

impl From<wasmtime::Error> for SocketError {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast::<ResourceTableError>() {
            Ok(error) => error.into(),
            Err(error) => Self::Trap(error),
        }
    }
}

/// As a trace of the calls has it: the error by its POSIX name.
impl fmt::Debug for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(errno) => f.write_str(errno.name()),
            Self::Trap(error) => f.debug_tuple("Trap").field(&error.to_string()).finish(),
        }
    }
}

/// As [`SocketError`], with an error code of a version of `wasi:sockets`.
pub(crate) enum WasiError<C> {
    /// The guest learns why.
    Code(C),
    /// The guest broke the component model's rules.
    Trap(wasmtime::Error),
}

impl<C: From<Kind>> From<Kind> for WasiError<C> {
    fn from(kind: Kind) -> Self {
        Self::Code(kind.into())
    }
}

impl<C: From<Kind>> From<Errno> for WasiError<C> {
    fn from(errno: Errno) -> Self {
        Kind::from(errno).into()
    }
}

impl<C: From<Kind>> From<ResourceTableError> for WasiError<C> {
    fn from(error: ResourceTableError) -> Self {
        match SocketError::from(error) {
            SocketError::Code(errno) => errno.into(),
            SocketError::Trap(error) => Self::Trap(error),
        }
    }
}

impl<C: fmt::Debug> fmt::Debug for WasiError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.fmt(f),
            Self::Trap(error) => f.debug_tuple("Trap").field(&error.to_string()).finish(),
        }
    }
}
