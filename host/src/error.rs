//! How a host function ends where it does not succeed.

use std::fmt;

use wasmtime::component::ResourceTableError;

use crate::Errno;

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
