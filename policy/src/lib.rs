//! What a sandboxed program may do with the network: rules, and one evaluator of
//! them.
//!
//! Everything here is pure: no system call, no clock, no state.

#![deny(missing_docs)]
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

// In the order in which they are read: what an address is, what a rule is, how it
// is parsed, how it decides, how it explains.
mod text;

mod address;
mod class;
mod errno;

mod name;
mod rule;

mod file;
mod limits;
mod parse;

mod index;
mod invalid;
mod narrow;
pub mod operation;
mod pins;
mod policy;
mod reach;
mod vetted;

mod check;
mod denial;
mod directories;
mod explain;
mod question;

pub use address::{
    Address, AddressFamily, AlgAddress, BluetoothAddress, BluetoothDevice, CanAddress,
    CanProtocolAddress, NetlinkAddress, PacketAddress, Protocol, SocketType, TipcAddress,
    TipcTarget, UnixAddress, VsockAddress, canonical_ip,
};
pub use check::{Check, Decision};
pub use class::Class;
pub use denial::Denial;
pub use errno::Errno;
pub use explain::{Explanation, Verdict};
pub use file::PolicyFileError;
pub use invalid::Invalid;
pub use limits::{LimitError, Limits};
pub use name::is_name;
pub use parse::ParseRuleError;
pub use policy::Policy;
pub use question::Question;
pub use reach::Reach;
pub use rule::{Effect, OPTION_GRANTS, Op, Rule};
pub use text::{escape, shown};
pub use vetted::{NameRefusal, Refusal, Vetted, VettedName, VettedPath};
