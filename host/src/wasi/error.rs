//! Errors in the words of `wasi:sockets`.

use std::fmt;

use crate::Errno;

/// What the error codes of both versions say, which have fewer words than
/// POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    AccessDenied,
    AddressInUse,
    AddressNotBindable,
    /// Another operation was begun, and not finished.
    Conflict,
    ConnectionAborted,
    ConnectionBroken,
    ConnectionRefused,
    ConnectionReset,
    DatagramTooLarge,
    InvalidArgument,
    InvalidState,
    NewSocketLimit,
    /// What is to be finished was not begun.
    NotBegun,
    NotSupported,
    Other,
    OutOfMemory,
    RemoteUnreachable,
    Timeout,
    WouldBlock,
}

impl From<Errno> for Kind {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::AccessDenied | Errno::NotPermitted => Self::AccessDenied,
            Errno::AddressInUse => Self::AddressInUse,
            Errno::AddressNotAvailable => Self::AddressNotBindable,
            Errno::ConnectionAborted => Self::ConnectionAborted,
            Errno::BrokenPipe | Errno::ShutDown => Self::ConnectionBroken,
            Errno::ConnectionRefused => Self::ConnectionRefused,
            Errno::ConnectionReset => Self::ConnectionReset,
            Errno::MessageTooLarge => Self::DatagramTooLarge,
            Errno::InvalidArgument => Self::InvalidArgument,
            Errno::IsConnected | Errno::NotConnected | Errno::DestinationAddressRequired => {
                Self::InvalidState
            }
            Errno::TooManyOpenFiles | Errno::TooManyOpenFilesInSystem => Self::NewSocketLimit,
            Errno::NotSupported
            | Errno::ProtocolNotAvailable
            | Errno::ProtocolFamilyNotSupported
            | Errno::ProtocolNotSupported
            | Errno::ProtocolWrongType
            | Errno::SocketTypeNotSupported
            | Errno::AddressFamilyNotSupported => Self::NotSupported,
            Errno::OutOfMemory | Errno::NoBufferSpace => Self::OutOfMemory,
            Errno::HostUnreachable
            | Errno::HostDown
            | Errno::NetworkDown
            | Errno::NetworkUnreachable
            | Errno::NoNetwork => Self::RemoteUnreachable,
            Errno::TimedOut | Errno::DeadlineExceeded => Self::Timeout,
            Errno::WouldBlock
            | Errno::InProgress
            | Errno::AlreadyInProgress
            | Errno::Interrupted => Self::WouldBlock,
            Errno::ArgumentListTooLong
            | Errno::ArgumentOutOfDomain
            | Errno::BadAddress
            | Errno::BadDescriptor
            | Errno::BadMessage
            | Errno::Busy
            | Errno::Canceled
            | Errno::CrossDevice
            | Errno::Exists
            | Errno::FileTooLarge
            | Errno::Io
            | Errno::IsDirectory
            | Errno::Multihop
            | Errno::NameTooLong
            | Errno::NetworkReset
            | Errno::NoData
            | Errno::NoDevice
            | Errno::NoEntry
            | Errno::NoKey
            | Errno::NoLink
            | Errno::NoMessage
            | Errno::NoSpace
            | Errno::NoSuchDeviceOrAddress
            | Errno::NoSuchProcess
            | Errno::NoSystemCall
            | Errno::NotDirectory
            | Errno::NotSocket
            | Errno::NotTerminal
            | Errno::Other
            | Errno::OutOfRange
            | Errno::Overflow
            | Errno::ProtocolError
            | Errno::ReadOnlyFileSystem
            | Errno::Stale
            | Errno::SymbolicLinkLoop
            | Errno::TooManyReferences
            | Errno::TooManyUsers => Self::Other,
        }
    }
}

/// An [`Errno`] as the error of a stream of `wasi:io`.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Errno);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}
