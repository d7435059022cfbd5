//! What a guest may do: rules, and the one place where an address is checked.
//!
//! Everything here is pure: no I/O, no clock, no state.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::address::{Address, Protocol, UnixAddress};
use crate::class::embedded_ipv4;
use crate::denial::Cause;
use crate::facts::{Facts, Machine};
use crate::index::{self, Index};
use crate::narrow::LimitedBy;
use crate::parse::ParseRuleError;
use crate::rule::{Effect, Op, Rule, Target};

/// The rules that a guest runs under.
///
/// The default has none and denies everything. A matching denial wins over any
/// grant; the order of rules does not matter.
///
/// ```
/// use capsock_policy::{Op, Policy};
///
/// let policy = Policy::default()
///     .allow(Op::Connect, "tcp://10.20.0.0/16:5432")?
///     .deny(Op::Connect, "tcp://10.20.9.0/24:*")?;
/// # Ok::<(), capsock_policy::ParseRuleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub(crate) rules: Vec<Rule>,
    /// Of the rules as they are, made when they are first asked.
    index: OnceLock<Arc<Index>>,
    pub(crate) facts: Facts,
    /// Each has to allow an operation too; none has limits itself.
    pub(crate) limits: Vec<Policy>,
    /// Whose limit it is, where it is one.
    pub(crate) limited_by: LimitedBy,
}

impl Policy {
    /// Adds a grant: `target` is what follows the operation in a rule, such as
    /// `tcp://127.0.0.1:8080`.
    ///
    /// # Errors
    /// Where `target` does not follow the grammar.
    pub fn allow(self, op: Op, target: &str) -> Result<Self, ParseRuleError> {
        Ok(self.with(Rule::parse(Effect::Allow, op, target)?))
    }

    /// Adds a denial.
    ///
    /// # Errors
    /// Where `target` does not follow the grammar.
    pub fn deny(self, op: Op, target: &str) -> Result<Self, ParseRuleError> {
        Ok(self.with(Rule::parse(Effect::Deny, op, target)?))
    }

    /// Adds a rule.
    pub fn with(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self.index = OnceLock::new();
        self
    }

    /// Adds all rules of another policy; limits that either has hold for both.
    pub fn and(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self.index = OnceLock::new();
        self.limits.extend(other.limits);
        self
    }

    /// The policy on a machine, which tells what its own addresses are, and what
    /// has several names. Without one, addresses are what their numbers say.
    pub fn on(mut self, machine: Arc<dyn Machine>) -> Self {
        let facts = Facts {
            machine: Some(machine),
            ..self.facts.clone()
        };
        self.set_facts(&facts);
        self
    }

    pub(crate) fn set_facts(&mut self, facts: &Facts) {
        self.facts = facts.clone();
        for limit in &mut self.limits {
            limit.facts = facts.clone();
        }
    }

    /// The rules, in the order in which they were added.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// This policy without one of its rules.
    pub fn without(mut self, rule: &Rule) -> Self {
        self.rules.retain(|other| other != rule);
        self.index = OnceLock::new();
        self
    }

    /// Its denials alone.
    pub fn forbidding(&self) -> Self {
        self.only(|_| false)
    }

    /// Its denials, and one grant of its own.
    pub fn alone(&self, grant: &Rule) -> Self {
        self.only(|rule| rule == grant)
    }

    fn only(&self, granting: impl Fn(&Rule) -> bool) -> Self {
        let rules = self.rules.iter();
        Self {
            rules: rules
                .filter(|rule| rule.effect == Effect::Deny || granting(rule))
                .cloned()
                .collect(),
            index: OnceLock::new(),
            facts: self.facts.clone(),
            limits: self.limits.clone(),
            limited_by: self.limited_by,
        }
    }

    /// The directories that Unix rules name, each to be opened once.
    pub fn unix_directories(&self) -> impl Iterator<Item = &Path> {
        self.rules.iter().filter_map(|rule| match &rule.target {
            Target::UnixPath(path) if rule.effect == Effect::Allow => {
                Some(path.directory.as_path())
            }
            _ => None,
        })
    }

    /// The rule that allows it; `None` where none is needed.
    pub(crate) fn decide(
        &self,
        op: Op,
        protocol: Protocol,
        address: &Address,
    ) -> Result<Option<&Rule>, Cause> {
        if let Some(rule) = self.denied_by(op.denied_by(), protocol, address) {
            return Err(Cause::Rule(rule.clone()));
        }
        if let Some(rule) = self.allowed_by(op, protocol, address) {
            return Ok(Some(rule));
        }
        if op != Op::Bind {
            return Err(Cause::NoRule);
        }
        // Who may listen may bind.
        match self.decide(Op::Listen, protocol, address) {
            Err(_no_listen) if is_automatic(address) => Ok(None),
            verdict => verdict,
        }
    }

    /// A denial of some of a listener's peers does not deny listening.
    pub(crate) fn denied_by(
        &self,
        ops: &[Op],
        protocol: Protocol,
        address: &Address,
    ) -> Option<&Rule> {
        let mut denying = self.covering(Effect::Deny, ops, protocol, address);
        denying.find(|rule| rule.from.is_empty())
    }

    pub(crate) fn allowed_by(
        &self,
        op: Op,
        protocol: Protocol,
        address: &Address,
    ) -> Option<&Rule> {
        self.covering(Effect::Allow, &[op], protocol, address)
            .next()
    }

    /// The rules of an effect and some operations that cover an address, in their
    /// order. Of many rules, only those are asked that the index finds.
    pub(crate) fn covering(
        &self,
        effect: Effect,
        ops: &[Op],
        protocol: Protocol,
        address: &Address,
    ) -> impl Iterator<Item = &Rule> {
        let (all, found) = match self.rules.len() {
            length @ ..=index::FEW => (0..length, Vec::new()),
            _ => {
                let index = self.index.get_or_init(|| Arc::new(Index::new(&self.rules)));
                (0..0, index.places(effect, ops, address, &self.facts.pins))
            }
        };
        let rules = all.chain(found).map(|place| &self.rules[place]);
        rules.filter(move |rule| {
            rule.effect == effect
                && ops.contains(&rule.op)
                && rule.covers(protocol, address, &self.facts)
        })
    }
}

/// Whether to bind it is what the kernel does by itself for a client: any address
/// and port 0 (ip(7)), and an abstract name that it chooses and nobody else has
/// (`bind(2)` without a name, unix(7)). Whether anybody is heard there, other
/// rules say.
pub(crate) fn is_automatic(local: &Address) -> bool {
    match local {
        Address::Inet(_) | Address::Inet6(_) => local
            .canonical()
            .is_some_and(|local| local.ip().is_unspecified() && local.port() == 0),
        local => *local == Address::Unix(UnixAddress::Unnamed),
    }
}

/// What must be allowed for an address to be used: itself, and the IPv4 address
/// that a translation mechanism would deliver it to.
pub(crate) fn subjects(address: &Address) -> Vec<Address> {
    let embedded = address.canonical().and_then(|endpoint| {
        let ip = embedded_ipv4(endpoint.ip())?;
        Some(Address::from(SocketAddr::new(
            IpAddr::V4(ip),
            endpoint.port(),
        )))
    });
    std::iter::once(address.clone()).chain(embedded).collect()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod suggestions;
#[cfg(test)]
mod tests;
