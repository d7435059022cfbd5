//! `wasi:sockets` 0.2: operations that are begun and finished, and pollables.

pub(crate) mod names;
pub(crate) mod network;
mod streams;
pub(crate) mod tcp;
pub(crate) mod udp;

use network::Network;

use crate::bindings::wasi_p2::network::ErrorCode;
use crate::error::WasiError;

type Result<T> = std::result::Result<T, WasiError<ErrorCode>>;
