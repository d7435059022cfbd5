//! One adapter a WIT interface: look up, convert, delegate, convert.

mod authority;
pub(crate) mod direct;
mod files;
mod inherited;
mod interfaces;
pub(crate) mod lookup;
mod messages;
pub(crate) mod names;
mod options;
pub(crate) mod pipes;
mod poller;
mod signals;
mod socket;
mod trust;
mod types;
pub(crate) mod wasi_p2;
mod wasi_p3;
