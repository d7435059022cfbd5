//! `capsock:sockets/authority`, `files`, `inherited`, `interfaces`, `signals` and `trust`

use capsock_checked::grants;
use capsock_checked::io::poll::Pollable;
use capsock_policy::{Errno, Limits, NarrowError};

use super::{Result, of};
use crate::Portable;
use crate::bindings::exports::capsock::sockets::authority::{self, LimitError};
use crate::bindings::exports::capsock::sockets::files::{self, Descriptor, SentFile};
use crate::bindings::exports::capsock::sockets::inherited::{self, Listener};
use crate::bindings::exports::capsock::sockets::interfaces::{
    self, InterfaceAddress, NetworkInterface,
};
use crate::bindings::exports::capsock::sockets::signals::{self, SignalSet};
use crate::bindings::exports::capsock::sockets::socket::{Socket, SocketBorrow};
use crate::bindings::exports::capsock::sockets::trust;
use crate::bindings::exports::capsock::sockets::types::ErrorCode;
use crate::wait::never_ready;

impl authority::Guest for Portable {
    fn may(operation: String, target: String) -> Result<bool, String> {
        grants::may(&operation, &target)
    }

    fn grants() -> Vec<String> {
        grants::rules()
    }

    /// The host does not tell its own limit; wasmtime's is over this one.
    fn thread_limit() -> u32 {
        Limits::DEFAULT.threads
    }

    fn limit(rules: Vec<String>) -> Result<(), LimitError> {
        grants::limit(&rules).map_err(|error| match error {
            NarrowError::Malformed(error) => LimitError::Malformed(error.to_string()),
            NarrowError::TooMany => LimitError::TooMany,
        })
    }
}

impl files::Guest for Portable {
    fn send_file(
        socket: SocketBorrow<'_>,
        file: &Descriptor,
        offset: u64,
        length: Option<u64>,
    ) -> Result<SentFile> {
        let sent = of(&socket).send_file(file, offset, length)?;
        Ok(SentFile {
            length: sent.length,
            error: sent.error.map(ErrorCode::from),
        })
    }
}

impl inherited::Guest for Portable {
    fn listeners() -> Vec<Listener> {
        Vec::new()
    }

    fn open(_place: u32) -> Result<Socket> {
        Err(Errno::NoEntry.into())
    }
}

impl interfaces::Guest for Portable {
    fn list_interfaces() -> Result<Vec<NetworkInterface>> {
        Err(Errno::NotSupported.into())
    }

    fn list_addresses() -> Result<Vec<InterfaceAddress>> {
        Err(Errno::NotSupported.into())
    }

    fn name_to_index(_name: String) -> Result<u32> {
        Err(Errno::NotSupported.into())
    }

    fn index_to_name(_index: u32) -> Result<String> {
        Err(Errno::NotSupported.into())
    }
}

/// WASI has nothing of it.
impl trust::Guest for Portable {
    fn certificates() -> Vec<u8> {
        Vec::new()
    }
}

/// Nor of this.
impl signals::Guest for Portable {
    fn set_caught(_signals: SignalSet) -> SignalSet {
        SignalSet::empty()
    }

    fn receive() -> SignalSet {
        SignalSet::empty()
    }

    fn subscribe() -> Pollable {
        never_ready()
    }
}
