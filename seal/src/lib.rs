//! Components with their grants inside.
//!
//! [`seal`] composes a program with the rules that it runs under and a component
//! that keeps them: the firewall, which has `wasi:sockets` of the host and gives the
//! program its own, and `wasi:http/outgoing-handler` or `wasi:sockets` 0.3 to a program
//! that imports them, or the portable one, which gives it `capsock:sockets` too. What
//! comes of it needs no capsock: it runs on any host of WASI that has what the program
//! imports, and reaches no more than its rules allow.
//!
//! ```no_run
//! use capsock_policy::{Op, Policy};
//! use capsock_seal::{Keeper, Seal, seal};
//!
//! let program = std::fs::read("client.wasm")?;
//! let policy = Policy::default().allow(Op::Connect, "tcp://192.0.2.1:443")?;
//! let sealed = seal(&program, Some(&policy), &Keeper::firewall()?, &[])?;
//! let seal = Seal::of(&sealed)?.expect("it was sealed");
//! assert_eq!(seal.policy().map(Policy::rules), Some(policy.rules()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The parts stand in the sealed component as they were, so that [`Seal::of`] can
//! take it apart, compose the parts again and compare.

#![deny(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod compose;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod imports;
mod keeper;
mod policy;
mod seal;
mod sections;

pub use compose::{SealError, join, seal};
pub use keeper::{Keeper, NotBuiltIn};
pub use seal::{BrokenSeal, Seal};
pub use sections::payloads;

#[cfg(test)]
mod tests;
