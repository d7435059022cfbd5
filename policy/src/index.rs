//! Which rules may be about an address, found without asking each of them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::Address;
use crate::pins::Pins;
use crate::rule::{Effect, Host, Op, Rule, Target, holds_all_of_ipv4};

/// So few rules are all asked: that is as quick.
pub(crate) const FEW: usize = 8;

/// The places of rules, by what they are about. It says nothing of whether a
/// rule covers an address, only which cannot: [`Rule::covers`] decides.
#[derive(Default)]
pub(crate) struct Index(HashMap<(Effect, Op), Table>);

#[derive(Default)]
struct Table {
    /// Rules for a net, or one host.
    nets: HashMap<IpNet, Vec<usize>>,
    /// The prefixes that these nets have: of IPv4, of IPv6. They are few.
    lengths: [BTreeSet<u8>; 2],
    /// Rules for what a name resolves to, by the name.
    names: HashMap<String, Vec<usize>>,
    /// All others.
    rest: Vec<usize>,
}

impl Index {
    pub(crate) fn new(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (place, rule) in rules.iter().enumerate() {
            let table = index.0.entry((rule.effect, rule.op)).or_default();
            let places = match &rule.target {
                Target::Net {
                    host: Host::Net(net),
                    ..
                } if !holds_all_of_ipv4(*net) => {
                    table.lengths[family(net.addr())].insert(net.prefix_len());
                    table.nets.entry(net.trunc()).or_default()
                }
                Target::Named { name, .. } => table.names.entry(name.name.clone()).or_default(),
                _ => &mut table.rest,
            };
            places.push(place);
        }
        index
    }

    /// Every rule that may cover the address, and others, in their order.
    pub(crate) fn places(
        &self,
        effect: Effect,
        ops: &[Op],
        address: &Address,
        pins: &Pins,
    ) -> Vec<usize> {
        let mut places = Vec::new();
        for table in ops.iter().filter_map(|op| self.0.get(&(effect, *op))) {
            places.extend(&table.rest);
            if let Some(endpoint) = address.canonical() {
                // What is bound to every address meets each that is denied.
                if effect == Effect::Deny && endpoint.ip().is_unspecified() {
                    places.extend(table.nets.values().flatten());
                }
                table.add(endpoint.ip(), pins, &mut places);
            }
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

impl Table {
    fn add(&self, ip: IpAddr, pins: &Pins, places: &mut Vec<usize>) {
        for length in &self.lengths[family(ip)] {
            let net = IpNet::new(ip, *length).ok();
            let found = net.and_then(|net| self.nets.get(&net.trunc()));
            places.extend(found.into_iter().flatten());
        }
        if self.names.is_empty() {
            return;
        }
        for name in pins.names(ip) {
            // A rule for all beneath a domain has the domain's name.
            let domains = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
            for name in std::iter::once(name).chain(domains) {
                places.extend(self.names.get(name).into_iter().flatten());
            }
        }
    }
}

fn family(ip: IpAddr) -> usize {
    usize::from(ip.is_ipv6())
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It says what the rules say, which stand beside it.
        f.debug_struct("Index").finish_non_exhaustive()
    }
}
