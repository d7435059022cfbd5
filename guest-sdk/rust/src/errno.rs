//! Linux's errno numbers, which Python programs know, on every host.

use std::io::ErrorKind;

use crate::bindings::types::ErrorCode;

/// A row of errno(3): the constant, its number on Linux, and what it means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errno {
    pub(crate) name: &'static str,
    pub(crate) number: i32,
    pub(crate) kind: ErrorKind,
    pub(crate) message: &'static str,
}

macro_rules! table {
    ($($variant:ident $posix:ident $number:literal $kind:ident $message:literal,)*) => {
        impl Errno {
            /// `None` where there is no errno.
            pub(crate) fn of(code: ErrorCode) -> Option<Self> {
                match code {
                    $(ErrorCode::$variant => Some(Self {
                        name: stringify!($posix),
                        number: $number,
                        kind: ErrorKind::$kind,
                        message: $message,
                    }),)*
                    ErrorCode::DeadlineExceeded | ErrorCode::Other => None,
                }
            }
        }

        /// The constant that has a number, for other languages' SDKs.
        #[doc(hidden)]
        pub fn name_of(number: i32) -> Option<&'static str> {
            match number {
                $($number => Some(stringify!($posix)),)*
                _ => None,
            }
        }

        /// The constant of an error, for other languages' SDKs.
        #[doc(hidden)]
        pub fn name_of_code(code: ErrorCode) -> Option<&'static str> {
            Errno::of(code).map(|row| row.name)
        }

        #[cfg(test)]
        mod tests {
            #[test]
            fn numbers_are_those_of_linux() {
                $(assert_eq!($number, libc::$posix, stringify!($posix));)*
            }
        }
    };
}

table! {
    AccessDenied EACCES 13 PermissionDenied "Permission denied",
    AddressFamilyNotSupported EAFNOSUPPORT 97 Other "Address family not supported by protocol",
    AddressInUse EADDRINUSE 98 AddrInUse "Address already in use",
    AddressNotAvailable EADDRNOTAVAIL 99 AddrNotAvailable "Cannot assign requested address",
    AlreadyInProgress EALREADY 114 Other "Operation already in progress",
    ArgumentListTooLong E2BIG 7 Other "Argument list too long",
    ArgumentOutOfDomain EDOM 33 Other "Numerical argument out of domain",
    BadAddress EFAULT 14 Other "Bad address",
    BadDescriptor EBADF 9 Other "Bad file descriptor",
    BadMessage EBADMSG 74 Other "Bad message",
    BrokenPipe EPIPE 32 BrokenPipe "Broken pipe",
    Busy EBUSY 16 ResourceBusy "Device or resource busy",
    Canceled ECANCELED 125 Other "Operation canceled",
    ConnectionAborted ECONNABORTED 103 ConnectionAborted "Software caused connection abort",
    ConnectionRefused ECONNREFUSED 111 ConnectionRefused "Connection refused",
    ConnectionReset ECONNRESET 104 ConnectionReset "Connection reset by peer",
    CrossDevice EXDEV 18 CrossesDevices "Invalid cross-device link",
    DestinationAddressRequired EDESTADDRREQ 89 Other "Destination address required",
    Exists EEXIST 17 AlreadyExists "File exists",
    FileTooLarge EFBIG 27 FileTooLarge "File too large",
    HostDown EHOSTDOWN 112 Other "Host is down",
    HostUnreachable EHOSTUNREACH 113 HostUnreachable "No route to host",
    InProgress EINPROGRESS 115 Other "Operation now in progress",
    Interrupted EINTR 4 Interrupted "Interrupted system call",
    InvalidArgument EINVAL 22 InvalidInput "Invalid argument",
    Io EIO 5 Other "Input/output error",
    IsConnected EISCONN 106 Other "Transport endpoint is already connected",
    IsDirectory EISDIR 21 IsADirectory "Is a directory",
    MessageTooLarge EMSGSIZE 90 Other "Message too long",
    Multihop EMULTIHOP 72 Other "Multihop attempted",
    NameTooLong ENAMETOOLONG 36 Other "File name too long",
    NetworkDown ENETDOWN 100 NetworkDown "Network is down",
    NetworkReset ENETRESET 102 Other "Network dropped connection on reset",
    NetworkUnreachable ENETUNREACH 101 NetworkUnreachable "Network is unreachable",
    NoBufferSpace ENOBUFS 105 Other "No buffer space available",
    NoData ENODATA 61 Other "No data available",
    NoDevice ENODEV 19 Other "No such device",
    NoEntry ENOENT 2 NotFound "No such file or directory",
    NoKey ENOKEY 126 Other "Required key not available",
    NoLink ENOLINK 67 Other "Link has been severed",
    NoMessage ENOMSG 42 Other "No message of desired type",
    NoNetwork ENONET 64 Other "Machine is not on the network",
    NoSuchDeviceOrAddress ENXIO 6 Other "No such device or address",
    NoSuchProcess ESRCH 3 Other "No such process",
    NoSpace ENOSPC 28 StorageFull "No space left on device",
    NoSystemCall ENOSYS 38 Unsupported "Function not implemented",
    NotConnected ENOTCONN 107 NotConnected "Transport endpoint is not connected",
    NotDirectory ENOTDIR 20 NotADirectory "Not a directory",
    NotPermitted EPERM 1 PermissionDenied "Operation not permitted",
    NotSocket ENOTSOCK 88 Other "Socket operation on non-socket",
    NotSupported EOPNOTSUPP 95 Unsupported "Operation not supported",
    NotTerminal ENOTTY 25 Other "Inappropriate ioctl for device",
    OutOfMemory ENOMEM 12 OutOfMemory "Cannot allocate memory",
    OutOfRange ERANGE 34 Other "Numerical result out of range",
    Overflow EOVERFLOW 75 Other "Value too large for defined data type",
    ProtocolError EPROTO 71 Other "Protocol error",
    ProtocolFamilyNotSupported EPFNOSUPPORT 96 Other "Protocol family not supported",
    ProtocolNotAvailable ENOPROTOOPT 92 Other "Protocol not available",
    ProtocolNotSupported EPROTONOSUPPORT 93 Other "Protocol not supported",
    ProtocolWrongType EPROTOTYPE 91 Other "Protocol wrong type for socket",
    ReadOnlyFileSystem EROFS 30 ReadOnlyFilesystem "Read-only file system",
    ShutDown ESHUTDOWN 108 Other "Cannot send after transport endpoint shutdown",
    SocketTypeNotSupported ESOCKTNOSUPPORT 94 Other "Socket type not supported",
    Stale ESTALE 116 Other "Stale file handle",
    SymbolicLinkLoop ELOOP 40 Other "Too many levels of symbolic links",
    TimedOut ETIMEDOUT 110 TimedOut "Connection timed out",
    TooManyOpenFiles EMFILE 24 Other "Too many open files",
    TooManyOpenFilesInSystem ENFILE 23 Other "Too many open files in system",
    TooManyReferences ETOOMANYREFS 109 Other "Too many references: cannot splice",
    TooManyUsers EUSERS 87 Other "Too many users",
    WouldBlock EAGAIN 11 WouldBlock "Resource temporarily unavailable",
}
