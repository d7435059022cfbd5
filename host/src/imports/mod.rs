//! One adapter a WIT interface: look up, convert, delegate, convert.

mod socket;
mod types;
