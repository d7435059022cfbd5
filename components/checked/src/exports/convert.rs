//! The types of the exported `wasi:sockets/network`, and the host's of the same
//! names.

use crate::ErrorCode as Outer;

use super::bindings::exports::wasi::sockets0_2_12::network::ErrorCode;

capsock_policy::wasi_addresses!(super::bindings::exports::wasi::sockets0_2_12::network);

macro_rules! same {
    ($($name:ident)*) => {
        impl From<Outer> for ErrorCode {
            fn from(code: Outer) -> Self {
                match code {
                    $(Outer::$name => Self::$name,)*
                }
            }
        }
    };
}
same! {
    Unknown AccessDenied NotSupported InvalidArgument OutOfMemory Timeout ConcurrencyConflict
    NotInProgress WouldBlock InvalidState NewSocketLimit AddressNotBindable AddressInUse
    RemoteUnreachable ConnectionRefused ConnectionReset ConnectionAborted DatagramTooLarge
    NameUnresolvable TemporaryResolverFailure PermanentResolverFailure
}
