//! The one error type.

use std::fmt;
use std::io;

use crate::address::Address;
use crate::bindings::names::{HostError, NameError};
use crate::bindings::types::ErrorCode;
use crate::errno::Errno;
use crate::numbers::{
    EAI_ADDRFAMILY, EAI_AGAIN, EAI_BADFLAGS, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NODATA,
    EAI_NONAME, EAI_SERVICE, EAI_SOCKTYPE, EAI_SYSTEM,
};

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
    /// Of a look-up of this host.
    Name(Option<String>, NameError),
    /// Of a look-up of this host in the older way.
    Host(String, HostError),
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

    pub(crate) fn lookup(operation: &'static str, host: Option<&str>, error: NameError) -> Self {
        Self {
            operation,
            address: None,
            cause: Cause::Name(host.map(str::to_owned), error),
        }
    }

    pub(crate) fn host_lookup(operation: &'static str, host: &str, error: HostError) -> Self {
        Self {
            operation,
            address: None,
            cause: Cause::Host(host.to_owned(), error),
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
            || matches!(self.cause, Cause::Name(_, NameError::AccessDenied))
            || matches!(self.cause, Cause::Host(_, HostError::AccessDenied))
    }

    /// The number of a failed look-up: Python's `gaierror`. One of `EAI_*`.
    pub fn gai_errno(&self) -> Option<i32> {
        match self.cause {
            Cause::Name(_, error) => eai(error).map(|(number, _message)| number),
            Cause::Code(_) | Cause::Host(..) | Cause::Invalid(_) => None,
        }
    }

    /// The number of a failed [`gethostbyaddr`](crate::gethostbyaddr) or
    /// [`gethostbyname_ex`](crate::gethostbyname_ex): Python's `herror`, from 1
    /// to 4 as in netdb.h.
    pub fn h_errno(&self) -> Option<i32> {
        match self.cause {
            Cause::Host(_, error) => herror(error).map(|(number, _message)| number),
            Cause::Code(_) | Cause::Name(..) | Cause::Invalid(_) => None,
        }
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
            Cause::Name(_, NameError::AccessDenied) => Errno::of(ErrorCode::AccessDenied),
            Cause::Host(_, HostError::AccessDenied) => Errno::of(ErrorCode::AccessDenied),
            Cause::Name(..) | Cause::Host(..) | Cause::Invalid(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if let Some(address) = &self.address {
            write!(f, " {address}")?;
        }
        if let Cause::Name(Some(host), _) | Cause::Host(host, _) = &self.cause {
            write!(f, " `{host}`")?;
        }
        match (&self.cause, self.row()) {
            (_, Some(row)) => write!(f, ": {} ({})", row.message, row.name),
            (Cause::Invalid(message), None) => write!(f, ": {message}"),
            (Cause::Name(_, error), None) => {
                write!(
                    f,
                    ": {}",
                    eai(*error).map_or("unknown error", |(_number, message)| message)
                )
            }
            (Cause::Host(_, error), None) => {
                let message = herror(*error).map_or("unknown error", |(_number, message)| message);
                write!(f, ": {message}")
            }
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
            (Cause::Name(..) | Cause::Host(..), None) => io::ErrorKind::Other,
            (Cause::Code(ErrorCode::DeadlineExceeded), None) => io::ErrorKind::TimedOut,
            (Cause::Code(_), None) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// The number and gai_strerror(3). A denial has an errno instead.
fn eai(error: NameError) -> Option<(i32, &'static str)> {
    Some(match error {
        NameError::AddressFamily => (EAI_ADDRFAMILY, "Address family for hostname not supported"),
        NameError::Again => (EAI_AGAIN, "Temporary failure in name resolution"),
        NameError::BadFlags => (EAI_BADFLAGS, "Bad value for ai_flags"),
        NameError::Fail => (EAI_FAIL, "Non-recoverable failure in name resolution"),
        NameError::Family => (EAI_FAMILY, "ai_family not supported"),
        NameError::Memory => (EAI_MEMORY, "Memory allocation failure"),
        NameError::NoData => (EAI_NODATA, "No address associated with hostname"),
        NameError::NoName => (EAI_NONAME, "Name or service not known"),
        NameError::Service => (EAI_SERVICE, "Servname not supported for ai_socktype"),
        NameError::SocketType => (EAI_SOCKTYPE, "ai_socktype not supported"),
        NameError::System => (EAI_SYSTEM, "System error"),
        NameError::AccessDenied => return None,
    })
}

/// The number and hstrerror(3). A denial has an errno instead.
fn herror(error: HostError) -> Option<(i32, &'static str)> {
    Some(match error {
        HostError::HostNotFound => (1, "Unknown host"),
        HostError::TryAgain => (2, "Host name lookup failure"),
        HostError::NoRecovery => (3, "Unknown server error"),
        HostError::NoData => (4, "No address associated with name"),
        HostError::AccessDenied => return None,
    })
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
