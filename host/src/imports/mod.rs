//! One adapter a WIT interface: look up, convert, delegate, convert.

mod files;
mod inherited;
mod messages;
mod names;
mod options;
mod poller;
mod socket;
mod types;
