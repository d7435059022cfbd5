//! What the log says of a denial, and the grant that would lift it.

use std::fmt;

use super::rule::{Op, Rule, escape};
use crate::{Address, Protocol, UnixAddress};

/// An operation that the policy did not allow.
///
/// Guests never see it: to them it is `access-denied` and no more.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Denial(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Details {
    op: Op,
    target: String,
    from: Option<String>,
    cause: Cause,
    suggestion: Option<Grant>,
}

/// A rule that would allow what was denied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The operation to allow.
    pub op: Op,
    /// The target, in the grammar of rules.
    pub target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    NoRule,
    Rule(Rule),
}

impl Denial {
    pub(super) fn new(op: Op, protocol: Protocol, address: &Address, cause: Cause) -> Self {
        Self::with_target(
            op,
            suggested_op(op, protocol),
            target(protocol, address),
            cause,
        )
    }

    pub(super) fn of_name(name: &str, cause: Cause) -> Self {
        Self::with_target(Op::Resolve, Op::Resolve, name.to_owned(), cause)
    }

    pub(super) fn of_option(name: &str, value: &str, cause: Cause) -> Self {
        let target = format!("{name}={}", escape(value.as_bytes()));
        Self::with_target(Op::Option, Op::Option, target, cause)
    }

    pub(super) fn of_descriptors(op: Op, over: &Address, cause: Cause) -> Self {
        let target = match over {
            // Only the widest rule is about what has no name.
            Address::Unix(UnixAddress::Unnamed) => "*".to_owned(),
            over => over.to_string(),
        };
        Self::with_target(op, op, target, cause)
    }

    fn with_target(op: Op, suggested: Op, target: String, cause: Cause) -> Self {
        let suggestion = match cause {
            Cause::NoRule => Some(Grant {
                op: suggested,
                target: target.clone(),
            }),
            // No grant outweighs a denial.
            Cause::Rule(_) => None,
        };
        Self(Box::new(Details {
            op,
            target,
            from: None,
            cause,
            suggestion,
        }))
    }

    pub(super) fn with_peer(mut self, peer: &Address) -> Self {
        let host = host(peer);
        if let Some(grant) = &mut self.0.suggestion {
            grant.target = format!("{} from={host}", grant.target);
        }
        self.0.from = Some(host);
        self
    }

    /// The operation.
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// What it was tried on, in the grammar of rules.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// The rule that forbids it; `None` where it is only that none allows it.
    pub fn rule(&self) -> Option<&Rule> {
        match &self.0.cause {
            Cause::NoRule => None,
            Cause::Rule(rule) => Some(rule),
        }
    }

    /// The grant that would allow it; `None` where a rule forbids it.
    pub fn grant(&self) -> Option<&Grant> {
        self.0.suggestion.as_ref()
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.from {
            None => write!(f, "{} {}", self.0.op, self.0.target)?,
            Some(peer) => write!(f, "accept from {peer} on {}", self.0.target)?,
        }
        match &self.0.cause {
            Cause::NoRule => f.write_str(": no rule allows it"),
            Cause::Rule(rule) => write!(f, ": the rule `{rule}` forbids it"),
        }
    }
}

/// A stream socket is bound to listen; nearly always the user wants that.
fn suggested_op(op: Op, protocol: Protocol) -> Op {
    match op {
        Op::Bind if protocol.has_connections() => Op::Listen,
        op => op,
    }
}

fn target(protocol: Protocol, address: &Address) -> String {
    match protocol {
        Protocol::Tcp => format!("tcp://{address}"),
        Protocol::Udp => format!("udp://{address}"),
        Protocol::UnixConnection | Protocol::UnixDatagram => address.to_string(),
    }
}

fn host(peer: &Address) -> String {
    match peer.canonical().map(|endpoint| endpoint.ip()) {
        Some(ip) if ip.is_ipv6() => format!("[{ip}]"),
        Some(ip) => ip.to_string(),
        None => peer.to_string(),
    }
}
