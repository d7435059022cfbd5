//! The one error type.

use std::fmt;
use std::io;

use crate::address::Address;
use crate::bindings::types::ErrorCode;
use crate::errno::Errno;

/// The result of a socket operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a socket operation failed: Python's `socket.error`, with the operation
/// and the address that it failed on.
///
/// It prints the same with `{}` and `{:?}`, so that a `main` that returns it
/// prints what a person can read.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    operation: &'static str,
    address: Option<Address>,
    cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Code(ErrorCode),
    /// Found wrong before the host was asked.
    Invalid(String),
}

impl Error {
    pub(crate) fn new(operation: &'static str, code: ErrorCode) -> Self {
        Self {
            operation,
            address: None,
            cause: Cause::Code(code),
        }
    }

    pub(crate) fn invalid(operation: &'static str, message: String) -> Self {
        Self {
            operation,
            address: None,
            cause: Cause::Invalid(message),
        }
    }

    pub(crate) fn on(mut self, address: &Address) -> Self {
        self.address = Some(address.clone());
        self
    }

    /// Whether the timeout set by `settimeout` passed first: Python's
    /// `socket.timeout`.
    pub fn is_timeout(&self) -> bool {
        self.is(ErrorCode::DeadlineExceeded)
    }

    /// Whether a non-blocking socket would have had to wait: Python's
    /// `BlockingIOError`.
    pub fn is_would_block(&self) -> bool {
        self.is(ErrorCode::WouldBlock) || self.is(ErrorCode::InProgress)
    }

    /// Whether the host's policy, or the kernel, does not allow it: Python's
    /// `PermissionError`. The host's log names the missing grant.
    pub fn is_access_denied(&self) -> bool {
        self.is(ErrorCode::AccessDenied)
    }

    /// Whether nobody listens at the address.
    pub fn is_connection_refused(&self) -> bool {
        self.is(ErrorCode::ConnectionRefused)
    }

    /// Whether the connection broke: reset by the peer, or closed before a
    /// send.
    pub fn is_connection_lost(&self) -> bool {
        self.is(ErrorCode::ConnectionReset) || self.is(ErrorCode::BrokenPipe)
    }

    /// Linux's errno number; `None` for a timeout, as in Python, and for an
    /// error that the kernel did not report.
    pub fn errno(&self) -> Option<i32> {
        self.row().map(|row| row.number)
    }

    /// The errno's name, such as `ECONNREFUSED`.
    pub fn name(&self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    fn is(&self, code: ErrorCode) -> bool {
        self.cause == Cause::Code(code)
    }

    fn row(&self) -> Option<Errno> {
        match self.cause {
            Cause::Code(code) => Errno::of(code),
            Cause::Invalid(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if let Some(address) = &self.address {
            write!(f, " {address}")?;
        }
        match (&self.cause, self.row()) {
            (_, Some(row)) => write!(f, ": {} ({})", row.message, row.name),
            (Cause::Invalid(message), None) => write!(f, ": {message}"),
            (Cause::Code(ErrorCode::DeadlineExceeded), None) => f.write_str(": timed out"),
            (Cause::Code(_), None) => f.write_str(": unknown error"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match (&error.cause, error.row()) {
            (_, Some(row)) => row.kind,
            (Cause::Invalid(_), None) => io::ErrorKind::InvalidInput,
            (Cause::Code(ErrorCode::DeadlineExceeded), None) => io::ErrorKind::TimedOut,
            (Cause::Code(_), None) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_operation_the_address_and_the_errno() {
        let address = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 80)));
        let error = Error::new("connect", ErrorCode::ConnectionRefused).on(&address);
        assert_eq!(
            error.to_string(),
            "connect 127.0.0.1:80: Connection refused (ECONNREFUSED)"
        );
        assert_eq!(error.errno(), Some(111));
        let error = io::Error::from(error);
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_timeout_has_no_errno() {
        let error = Error::new("recv", ErrorCode::DeadlineExceeded);
        assert!(error.is_timeout() && error.errno().is_none());
        assert_eq!(error.to_string(), "recv: timed out");
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    }
}
