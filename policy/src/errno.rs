//! The one table of errors.

use std::fmt;

/// Calls `$callback!` with the table: variant, POSIX name, message. The
/// variants have the names of the WIT enum `error-code`, so that the
/// conversion to it is generated from this table too.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_errno {
    ($callback:ident) => {
        $callback! {
            AccessDenied EACCES "permission denied",
            AddressFamilyNotSupported EAFNOSUPPORT "address family not supported by protocol",
            AddressInUse EADDRINUSE "address already in use",
            AddressNotAvailable EADDRNOTAVAIL "cannot assign requested address",
            AlreadyInProgress EALREADY "operation already in progress",
            ArgumentListTooLong E2BIG "argument list too long",
            ArgumentOutOfDomain EDOM "numerical argument out of domain",
            BadAddress EFAULT "bad address",
            BadDescriptor EBADF "bad file descriptor",
            BadMessage EBADMSG "bad message",
            BrokenPipe EPIPE "broken pipe",
            Busy EBUSY "device or resource busy",
            Canceled ECANCELED "operation canceled",
            ConnectionAborted ECONNABORTED "software caused connection abort",
            ConnectionRefused ECONNREFUSED "connection refused",
            ConnectionReset ECONNRESET "connection reset by peer",
            CrossDevice EXDEV "invalid cross-device link",
            DestinationAddressRequired EDESTADDRREQ "destination address required",
            Exists EEXIST "file exists",
            FileTooLarge EFBIG "file too large",
            HostDown EHOSTDOWN "host is down",
            HostUnreachable EHOSTUNREACH "no route to host",
            InProgress EINPROGRESS "operation now in progress",
            Interrupted EINTR "interrupted system call",
            InvalidArgument EINVAL "invalid argument",
            Io EIO "input/output error",
            IsConnected EISCONN "transport endpoint is already connected",
            IsDirectory EISDIR "is a directory",
            MessageTooLarge EMSGSIZE "message too long",
            Multihop EMULTIHOP "multihop attempted",
            NameTooLong ENAMETOOLONG "file name too long",
            NetworkDown ENETDOWN "network is down",
            NetworkReset ENETRESET "network dropped connection on reset",
            NetworkUnreachable ENETUNREACH "network is unreachable",
            NoBufferSpace ENOBUFS "no buffer space available",
            NoData ENODATA "no data available",
            NoDevice ENODEV "no such device",
            NoEntry ENOENT "no such file or directory",
            NoKey ENOKEY "required key not available",
            NoLink ENOLINK "link has been severed",
            NoMessage ENOMSG "no message of desired type",
            NoNetwork ENONET "machine is not on the network",
            NoSuchDeviceOrAddress ENXIO "no such device or address",
            NoSuchProcess ESRCH "no such process",
            NoSpace ENOSPC "no space left on device",
            NoSystemCall ENOSYS "function not implemented",
            NotConnected ENOTCONN "transport endpoint is not connected",
            NotDirectory ENOTDIR "not a directory",
            NotPermitted EPERM "operation not permitted",
            NotSocket ENOTSOCK "socket operation on non-socket",
            NotSupported EOPNOTSUPP "operation not supported",
            NotTerminal ENOTTY "inappropriate ioctl for device",
            OutOfMemory ENOMEM "cannot allocate memory",
            OutOfRange ERANGE "numerical result out of range",
            Overflow EOVERFLOW "value too large for defined data type",
            ProtocolError EPROTO "protocol error",
            ProtocolFamilyNotSupported EPFNOSUPPORT "protocol family not supported",
            ProtocolNotAvailable ENOPROTOOPT "protocol not available",
            ProtocolNotSupported EPROTONOSUPPORT "protocol not supported",
            ProtocolWrongType EPROTOTYPE "protocol wrong type for socket",
            ReadOnlyFileSystem EROFS "read-only file system",
            ShutDown ESHUTDOWN "cannot send after transport endpoint shutdown",
            SocketTypeNotSupported ESOCKTNOSUPPORT "socket type not supported",
            Stale ESTALE "stale file handle",
            SymbolicLinkLoop ELOOP "too many levels of symbolic links",
            TimedOut ETIMEDOUT "connection timed out",
            TooManyOpenFiles EMFILE "too many open files",
            TooManyOpenFilesInSystem ENFILE "too many open files in system",
            TooManyReferences ETOOMANYREFS "too many references: cannot splice",
            TooManyUsers EUSERS "too many users",
            WouldBlock EAGAIN "resource temporarily unavailable",
        }
    };
}
macro_rules! define {
    ($($variant:ident $posix:ident $message:literal,)*) => {
        /// Why an operation failed: POSIX's errors by name.
        ///
        /// Source: errno(3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Errno {
            $(
                #[doc = concat!("`", stringify!($posix), "`: ", $message)]
                $variant,
            )*
            /// The deadline that the guest set for the operation passed first.
            DeadlineExceeded,
            /// An errno that has no name here.
            Other,
        }

        impl Errno {
            /// The error for one of this platform's errno numbers.
            #[cfg(feature = "os")]
            pub fn from_raw(raw: i32) -> Self {
                match raw {
                    $(libc::$posix => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// POSIX's name, such as `EACCES`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($posix),)*
                    Self::DeadlineExceeded => "deadline exceeded",
                    Self::Other => "unknown errno",
                }
            }

            fn message(self) -> &'static str {
                match self {
                    $(Self::$variant => $message,)*
                    Self::DeadlineExceeded => "timed out",
                    Self::Other => "unknown error",
                }
            }
        }
    };
}
for_each_errno!(define);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.name())
    }
}

impl std::error::Error for Errno {}

#[cfg(feature = "os")]
impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match (error.raw_os_error(), error.kind()) {
            (Some(raw), _) => Self::from_raw(raw),
            // cap-std reports an escape from the granted directory this way.
            (None, ErrorKind::PermissionDenied) => Self::AccessDenied,
            (None, ErrorKind::InvalidInput) => Self::InvalidArgument,
            (None, _) => Self::Io,
        }
    }
}

#[cfg(feature = "os")]
impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::from_raw(errno.raw_os_error())
    }
}
