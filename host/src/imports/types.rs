//! `capsock:sockets/types`

use crate::bindings::types::{ErrorCode, Host};
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;

impl Host for CapsockCtxView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        match error {
            SocketError::Code(errno) => Ok(errno.into()),
            SocketError::Trap(error) => Err(error),
        }
    }
}
