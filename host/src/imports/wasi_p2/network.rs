//! `wasi:sockets/network@0.2` and `instance-network`

use wasmtime::component::Resource;

use crate::bindings::wasi_p2::instance_network;
use crate::bindings::wasi_p2::network::{ErrorCode, Host, HostNetwork};
use crate::ctx::CapsockCtxView;
use crate::error::WasiError;
use crate::wasi::{Failure, Kind};

/// The network: to have it grants nothing, as what is granted is in the policy.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct Network;

impl Host for CapsockCtxView<'_> {
    fn network_error_code(
        &mut self,
        error: Resource<wasmtime_wasi::p2::bindings::io::error::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let failure = self.table.get(&error)?.downcast_ref::<Failure>();
        Ok(failure.map(|failure| Kind::from(failure.0).into()))
    }

    fn convert_error_code(&mut self, error: WasiError<ErrorCode>) -> wasmtime::Result<ErrorCode> {
        match error {
            WasiError::Code(code) => Ok(code),
            WasiError::Trap(error) => Err(error),
        }
    }
}

impl HostNetwork for CapsockCtxView<'_> {
    fn drop(&mut self, this: Resource<Network>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl instance_network::Host for CapsockCtxView<'_> {
    fn instance_network(&mut self) -> wasmtime::Result<Resource<Network>> {
        Ok(self.table.push(Network)?)
    }
}

impl From<Kind> for ErrorCode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::AccessDenied => Self::AccessDenied,
            Kind::AddressInUse => Self::AddressInUse,
            Kind::AddressNotBindable => Self::AddressNotBindable,
            Kind::Conflict => Self::ConcurrencyConflict,
            Kind::ConnectionAborted => Self::ConnectionAborted,
            Kind::ConnectionRefused => Self::ConnectionRefused,
            Kind::ConnectionReset => Self::ConnectionReset,
            Kind::DatagramTooLarge => Self::DatagramTooLarge,
            Kind::InvalidArgument => Self::InvalidArgument,
            Kind::InvalidState => Self::InvalidState,
            Kind::NewSocketLimit => Self::NewSocketLimit,
            Kind::NotBegun => Self::NotInProgress,
            Kind::NotSupported => Self::NotSupported,
            Kind::OutOfMemory => Self::OutOfMemory,
            Kind::RemoteUnreachable => Self::RemoteUnreachable,
            Kind::Timeout => Self::Timeout,
            Kind::WouldBlock => Self::WouldBlock,
            Kind::ConnectionBroken | Kind::Other => Self::Unknown,
        }
    }
}

crate::policy::wasi_addresses!(crate::bindings::wasi_p2::network);
