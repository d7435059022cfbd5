//! What the log says of a denial, and the grant that would lift it.

use std::fmt;
use std::net::IpAddr;

use super::class::Class;
use super::rule::{Op, Rule, escape};
use crate::address::{host_text, netlink_protocol};
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
    /// The cause is in a limit that the guest set itself.
    given_up: bool,
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
    /// A name resolved to an address of a class that its rule does not have.
    Class(IpAddr),
    Rule(Rule),
}

impl Denial {
    pub(super) fn new(op: Op, protocol: Protocol, address: &Address, cause: Cause) -> Self {
        Self::with_target(
            op,
            suggested_op(op, protocol),
            address.target(protocol),
            cause,
        )
    }

    /// Of an address that a name resolved to, under a rule for the name.
    pub(super) fn of_answer(rule: &Rule, name: &str, ip: IpAddr, cause: Cause) -> Self {
        let (op, target) = (rule.op(), rule.target_for(name));
        let mut denial = Self::with_target(op, op, target, cause);
        // What is in no class cannot be had by a name.
        denial.0.suggestion = match (Class::of(ip), &denial.0.cause) {
            (Some(class), Cause::Class(_)) => Some(Grant {
                op,
                target: format!("{} in={class}", denial.0.target),
            }),
            _ => None,
        };
        denial
    }

    /// Of making a socket at all.
    pub(super) fn of_kind(protocol: Protocol, cause: Cause) -> Self {
        let op = match protocol {
            Protocol::Alg => Op::Bind,
            protocol if protocol.has_connections() => Op::Connect,
            _ => Op::Send,
        }
        .on(protocol);
        let scheme = protocol.scheme().unwrap_or_default();
        let text = match protocol {
            Protocol::Netlink(number) => netlink_protocol(number),
            Protocol::Mptcp | Protocol::UdpLite | Protocol::Rds => "*:*".to_owned(),
            _ => "*".to_owned(),
        };
        Self::with_target(op, op, format!("{scheme}://{text}"), cause)
    }

    pub(super) fn of_name(name: &str, cause: Cause) -> Self {
        Self::with_target(Op::Resolve, Op::Resolve, name.to_owned(), cause)
    }

    pub(super) fn of_option(name: &str, value: &str, cause: Cause) -> Self {
        let target = format!("{name}={}", escape(value.as_bytes()));
        Self::with_target(Op::Option, Op::Option, target, cause)
    }

    pub(super) fn of_interfaces(cause: Cause) -> Self {
        Self::with_target(Op::Interfaces, Op::Interfaces, "*".to_owned(), cause)
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
            Cause::Rule(_) | Cause::Class(_) => None,
        };
        Self(Box::new(Details {
            op,
            target,
            from: None,
            cause,
            given_up: false,
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

    /// As a denial by a limit of the guest, which no grant lifts.
    pub(super) fn given_up(mut self) -> Self {
        self.0.given_up = true;
        self.0.suggestion = None;
        self
    }

    /// Whether the embedder's rules allow it, and the guest gave it up by a
    /// limit that it set itself.
    pub fn is_given_up(&self) -> bool {
        self.0.given_up
    }

    /// The operation.
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// What it was tried on, in the grammar of rules.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// Who would have been accepted, where that is what was denied.
    pub fn peer(&self) -> Option<&str> {
        self.0.from.as_deref()
    }

    /// Why: which rule forbids it, or that none allows it.
    pub fn reason(&self) -> String {
        match (&self.0.cause, self.0.given_up) {
            (Cause::NoRule, false) => "no rule allows it".to_owned(),
            (Cause::Rule(rule), false) => format!("the rule `{rule}` forbids it"),
            (Cause::Class(ip), _) => {
                let class = Class::of(*ip).map_or("reserved", Class::name);
                format!("it resolves to {ip}, which is {class}")
            }
            (Cause::NoRule, true) => {
                "the guest gave it up: no rule of its limit allows it".to_owned()
            }
            (Cause::Rule(rule), true) => {
                format!("the guest gave it up: its rule `{rule}` forbids it")
            }
        }
    }

    /// The rule that forbids it; `None` where it is only that none allows it.
    pub fn rule(&self) -> Option<&Rule> {
        match &self.0.cause {
            Cause::NoRule | Cause::Class(_) => None,
            Cause::Rule(rule) => Some(rule),
        }
    }

    /// The grant that would allow it; `None` where a rule forbids it, or the
    /// guest gave it up.
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
        write!(f, ": {}", self.reason())
    }
}

/// A stream socket is bound to listen; nearly always the user wants that.
fn suggested_op(op: Op, protocol: Protocol) -> Op {
    match op {
        Op::Bind if protocol.has_connections() => Op::Listen,
        op => op,
    }
}

fn host(peer: &Address) -> String {
    match peer.canonical().map(|endpoint| endpoint.ip()) {
        Some(ip) => host_text(ip),
        None => peer.to_string(),
    }
}
