//! The grants that nearly allow what was asked, in words.

use std::net::IpAddr;

use super::{Asked, NEAR_MISSES};
use crate::address::host_text;
use crate::class::Class;
use crate::facts::{Facts, Route};
use crate::rule::{Effect, Host, Op, Rule, Target};
use crate::{Address, UnixAddress};

impl Asked<'_> {
    /// The grants that miss `address` in one thing only, the nearest first.
    pub(crate) fn near_misses(self, address: &Address) -> Vec<String> {
        let mut near: Vec<_> = self
            .policy
            .rules_of(Effect::Allow)
            .filter_map(|rule| self.miss(rule, address))
            .collect();
        near.sort_by_key(|(distance, _)| *distance);
        near.dedup();
        near.truncate(NEAR_MISSES);
        near.into_iter().map(|(_, words)| words).collect()
    }

    fn miss(self, rule: &Rule, address: &Address) -> Option<(Distance, String)> {
        let grants_op = rule.op == self.op
            || matches!(
                (self.op, rule.op),
                (Op::Bind, Op::Listen) | (Op::Recv, Op::Send)
            );
        if rule.covers(self.protocol, address, &self.policy.facts) {
            return (!grants_op).then(|| (Distance::Op, other_op(rule, self.op)));
        }
        let (proto, ports, host) = match &rule.target {
            Target::Net { proto, host, ports } => (proto, ports, Some(*host)),
            Target::Named { proto, ports, .. } => (proto, ports, None),
            _ => return unix_miss(rule, grants_op, address),
        };
        let endpoint = address.canonical()?;
        let (ip, port) = (endpoint.ip(), endpoint.port());
        let facts = &self.policy.facts;
        let peers = (!matches!(rule.op, Op::Bind | Op::Listen)).then_some(facts);
        let mut misses = Vec::new();
        if !grants_op {
            misses.push((Distance::Op, other_op(rule, self.op)));
        }
        if !proto.covers(Effect::Allow, self.protocol) {
            let asked = self.protocol.scheme()?;
            let words = format!("the rule `{rule}` is for {proto}, not {asked}");
            misses.push((Distance::Protocol, words));
        }
        if self.protocol.has_ports() && !ports.covers(port) {
            let asked = match port {
                0 => "an ephemeral one".to_owned(),
                port => port.to_string(),
            };
            let words = format!("the rule `{rule}` is for port {ports}, not {asked}");
            misses.push((Distance::Port, words));
        }
        match host {
            None => {
                let words = format!(
                    "the rule `{rule}` means what the name resolves to, once the guest has looked it up"
                );
                misses.push((Distance::Host, words));
            }
            Some(host) if !host.covers(Effect::Allow, ip, peers) => {
                misses.push(match floor(rule, host, ip, peers) {
                    Some(words) => (Distance::Floor, words),
                    None => {
                        let asked = host_text(ip);
                        let words = format!("the rule `{rule}` is for {host}, not {asked}");
                        (Distance::Host, words)
                    }
                });
            }
            Some(_) => {}
        }
        match misses.len() {
            1 => misses.pop(),
            _ => None,
        }
    }
}

fn unix_miss(rule: &Rule, grants_op: bool, address: &Address) -> Option<(Distance, String)> {
    let (Target::UnixPath(granted), Address::Unix(UnixAddress::Pathname(path))) =
        (&rule.target, address)
    else {
        return None;
    };
    let directory = granted.directory.as_path();
    let near = grants_op && (path.parent() == Some(directory) || path == directory);
    let words = match granted.name {
        None => "is for what is beneath the directory",
        Some(_) => "is for another path",
    };
    near.then(|| (Distance::Host, format!("the rule `{rule}` {words}")))
}

/// In what a rule misses; what people are likelier to stumble over comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    Floor,
    Port,
    Host,
    Protocol,
    Op,
}

pub(crate) fn other_op(rule: &Rule, asked: Op) -> String {
    format!("the rule `{rule}` grants `{}`, not `{asked}`", rule.op)
}

/// The words for a wide rule that does not reach what is not public.
pub(super) fn floor(rule: &Rule, host: Host, ip: IpAddr, peers: Option<&Facts>) -> Option<String> {
    let everything = match host {
        Host::Any | Host::Class(Class::Public) => true,
        Host::Net(net) if net.contains(&ip) => net.prefix_len() == 0,
        _ => return None,
    };
    let what = match Class::of(ip) {
        Some(Class::Public) if peers.is_some_and(|facts| facts.route(ip) == Route::Here) => {
            "is an address of this machine"
        }
        _ if peers.is_some_and(|facts| facts.route(ip) == Route::Broadcast) => {
            "is the broadcast address of a network"
        }
        _ if ip.is_unspecified() => "is every interface",
        Some(Class::Public) => "is public",
        Some(Class::Loopback) => "is loopback",
        Some(Class::Private) => "is private",
        Some(Class::LinkLocal) => "is link-local",
        Some(Class::Metadata) => "is a metadata service",
        Some(Class::Multicast) => "is multicast",
        Some(Class::Broadcast) => "is the broadcast address",
        None => "is reserved",
    };
    let why = if everything {
        "means the public internet only"
    } else {
        "is too wide to mean it: only its class, or an address or CIDR inside it, does"
    };
    Some(format!("{ip} {what}, and the rule `{rule}` {why}"))
}
