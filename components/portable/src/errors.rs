//! The host's errors, by their POSIX names.

use capsock_checked::ErrorCode;
use capsock_checked::io::streams::StreamError;
use capsock_policy::Errno;

/// An error of a function of the host's sockets.
pub(crate) fn errno(code: ErrorCode) -> Errno {
    match code {
        ErrorCode::AccessDenied => Errno::AccessDenied,
        ErrorCode::NotSupported => Errno::NotSupported,
        ErrorCode::InvalidArgument | ErrorCode::InvalidState | ErrorCode::NotInProgress => {
            Errno::InvalidArgument
        }
        ErrorCode::OutOfMemory => Errno::OutOfMemory,
        ErrorCode::Timeout => Errno::TimedOut,
        ErrorCode::ConcurrencyConflict => Errno::AlreadyInProgress,
        ErrorCode::WouldBlock => Errno::WouldBlock,
        ErrorCode::NewSocketLimit => Errno::TooManyOpenFiles,
        ErrorCode::AddressNotBindable => Errno::AddressNotAvailable,
        ErrorCode::AddressInUse => Errno::AddressInUse,
        ErrorCode::RemoteUnreachable => Errno::HostUnreachable,
        ErrorCode::ConnectionRefused => Errno::ConnectionRefused,
        ErrorCode::ConnectionReset => Errno::ConnectionReset,
        ErrorCode::ConnectionAborted => Errno::ConnectionAborted,
        ErrorCode::DatagramTooLarge => Errno::MessageTooLarge,
        ErrorCode::Unknown
        | ErrorCode::NameUnresolvable
        | ErrorCode::TemporaryResolverFailure
        | ErrorCode::PermanentResolverFailure => Errno::Other,
    }
}

/// An error of a stream, where `closed` is what its end means. WASI has but words for
/// the others, which are for people: of a connection that was set up, nearly every one
/// is a reset.
pub(crate) fn stream_errno(error: &StreamError, closed: Errno) -> Errno {
    match error {
        StreamError::Closed => closed,
        StreamError::LastOperationFailed(error) => {
            let words = error.to_debug_string().to_ascii_lowercase();
            match words.contains("timeout") || words.contains("timed") {
                true => Errno::TimedOut,
                false => Errno::ConnectionReset,
            }
        }
    }
}
