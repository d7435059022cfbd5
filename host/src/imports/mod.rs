//! One adapter a WIT interface: look up, convert, delegate, convert.

mod messages;
mod options;
mod poller;
mod socket;
mod types;
