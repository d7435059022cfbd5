//! `capsock:sockets/authority`

use crate::bindings::authority::{Host, LimitError};
use crate::ctx::CapsockCtxView;
use crate::policy::NarrowError;

impl Host for CapsockCtxView<'_> {
    fn may(&mut self, operation: String, target: String) -> wasmtime::Result<Result<bool, String>> {
        Ok(self.ctx.authority().may(&operation, &target))
    }

    fn grants(&mut self) -> wasmtime::Result<Vec<String>> {
        let policy = self.ctx.authority().policy();
        Ok(policy.rules().iter().map(ToString::to_string).collect())
    }

    fn thread_limit(&mut self) -> wasmtime::Result<u32> {
        Ok(self.ctx.limits().threads)
    }

    fn limit(&mut self, rules: Vec<String>) -> wasmtime::Result<Result<(), LimitError>> {
        Ok(self.ctx.authority().limit(&rules).map_err(LimitError::from))
    }
}

impl From<NarrowError> for LimitError {
    fn from(error: NarrowError) -> Self {
        match error {
            NarrowError::Malformed(error) => Self::Malformed(error.to_string()),
            NarrowError::TooMany => Self::TooMany,
        }
    }
}
