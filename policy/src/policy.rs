//! What a guest may do: rules, and the one place where an address is checked.
//!
//! Everything here is pure: no I/O, no clock, no state.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::address::{Address, AddressFamily, NetlinkAddress, Protocol, UnixAddress};
use crate::class::embedded_ipv4;
use crate::denial::{Cause, Denial};
use crate::index::{self, Index};
use crate::invalid::Invalid;
use crate::name;
use crate::operation::Operation;
use crate::parse::ParseRuleError;
use crate::pins::Pins;
use crate::rule::{Effect, Op, Rule, Target};
use crate::vetted::{NameRefusal, Refusal, Vetted, VettedName};

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
    pub(crate) pins: Pins,
    /// Each has to allow an operation too; none has limits itself.
    pub(crate) limits: Vec<Policy>,
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

    /// The rules, in the order in which they were added.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Checks an address for an operation of a socket.
    ///
    /// A bind to the unspecified address and port 0 is what the kernel does by
    /// itself before a connect or a send; so it needs no grant, and a denial of
    /// it counts. To listen there, or to receive from others than those that the
    /// rules name, needs its own.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a peer that is unspecified, has port 0, or is
    /// multicast or broadcast for TCP, and for a Unix name that the kernel could
    /// not take; [`Refusal::Denied`] where the rules do not allow it.
    pub fn vet<O: Operation>(
        &self,
        protocol: Protocol,
        address: Address,
    ) -> Result<Vetted<O>, Refusal> {
        Invalid::check(O::OP, protocol, &address).map_err(Refusal::Invalid)?;
        let subjects = subjects(&address);
        let mut unix = None;
        let op = O::OP.on(protocol);
        for subject in &subjects {
            let rule = self
                .decide(op, protocol, subject)
                .map_err(|cause| Refusal::Denied(Denial::new(op, protocol, subject, cause)))?;
            unix = rule.and_then(|rule| rule.vetted_path(subject));
        }
        for limit in &self.limits {
            let verdict = limit.vet::<O>(protocol, address.clone());
            verdict.map_err(Refusal::given_up)?;
        }
        Ok(Vetted {
            address,
            unix,
            operation: PhantomData,
        })
    }

    /// Checks making a socket. TCP, UDP and Unix sockets need no rule; of the
    /// others, some rule has to be about the protocol.
    ///
    /// # Errors
    /// The denial, where none is.
    pub fn vet_open(&self, protocol: Protocol) -> Result<(), Denial> {
        let speaks = |rule: &Rule| rule.effect == Effect::Allow && rule.speaks(protocol);
        if !protocol.is_ordinary() && !self.rules.iter().any(speaks) {
            return Err(Denial::of_kind(protocol, Cause::NoRule));
        }
        self.within_limits(|limit| limit.vet_open(protocol))
    }

    /// Checks the bind to an ephemeral port that the kernel does by itself when
    /// a socket that was never bound connects or sends: allowed unless denied,
    /// as is a bind by the guest that says the same ([`Policy::vet`]).
    ///
    /// # Errors
    /// The denial, where a rule forbids that bind.
    pub fn vet_implicit_bind(
        &self,
        protocol: Protocol,
        family: AddressFamily,
    ) -> Result<(), Denial> {
        let Some(address) = Address::unspecified(family) else {
            return Ok(());
        };
        let op = Op::Bind.on(protocol);
        match self.denied_by(&[op], protocol, &address) {
            Some(rule) => Err(Denial::new(
                op,
                protocol,
                &address,
                Cause::Rule(rule.clone()),
            )),
            None => self.within_limits(|limit| limit.vet_implicit_bind(protocol, family)),
        }
    }

    /// Checks the peer of a connection that a listener on `local` accepted.
    ///
    /// # Errors
    /// The denial, where no `listen` rule for `local` admits the peer.
    pub fn admit_peer(
        &self,
        protocol: Protocol,
        local: &Address,
        peer: &Address,
    ) -> Result<(), Denial> {
        self.admitted_by_listen(protocol, local, peer)
            .map_err(|lacking| {
                let (peer, cause) = *lacking;
                Denial::new(Op::Listen, protocol, local, cause).with_peer(&peer)
            })?;
        self.within_limits(|limit| limit.admit_peer(protocol, local, peer))
    }

    /// Checks the sender of a datagram that a socket received, which was bound
    /// to `local` by the guest or not at all.
    ///
    /// # Errors
    /// The denial, where a `recv` rule denies the sender, or neither a `recv`
    /// nor a `send` rule nor the `listen` rule of the socket allows it.
    pub fn admit_sender(
        &self,
        protocol: Protocol,
        local: Option<&Address>,
        sender: &Address,
    ) -> Result<(), Denial> {
        // Who may bind a Unix name hears whoever writes there, since not all have an
        // address to tell them by. A name that the kernel chose is a client's.
        if let (Address::Unix(_), local) = (sender, local) {
            let is_granted = |local| self.decide(Op::Bind, protocol, local).is_ok();
            if local.is_some_and(|local| !is_granted(local)) {
                let denial = |cause| Denial::new(Op::Send, protocol, sender, cause);
                self.decide(Op::Send, protocol, sender).map_err(denial)?;
            }
            return self.within_limits(|limit| limit.admit_sender(protocol, local, sender));
        }
        // Netlink's port 0 is the kernel, which answers what it was asked.
        if let Address::Netlink(NetlinkAddress { port_id: 0, .. }) = sender {
            return Ok(());
        }
        let op = Op::Recv.on(protocol);
        let denial = |subject, cause| Denial::new(op, protocol, subject, cause);
        let subjects = subjects(sender);
        for subject in &subjects {
            if let Some(rule) = self.denied_by(&[op], protocol, subject) {
                return Err(denial(sender, Cause::Rule(rule.clone())));
            }
        }
        let listened =
            local.is_some_and(|local| self.admitted_by_listen(protocol, local, sender).is_ok());
        let lacking = || {
            subjects.iter().find(|subject| {
                self.allowed_by(op, protocol, subject).is_none()
                    && self
                        .decide(Op::Send.on(protocol), protocol, subject)
                        .is_err()
            })
        };
        if !listened && let Some(subject) = lacking() {
            return Err(denial(subject, Cause::NoRule));
        }
        self.within_limits(|limit| limit.admit_sender(protocol, local, sender))
    }

    /// Checks looking up a host name, which a rule for it or for connecting or
    /// sending to it allows. `localhost` needs no grant.
    ///
    /// # Errors
    /// [`NameRefusal::Invalid`] for what is no host name;
    /// [`NameRefusal::Denied`] where no rule allows it or one denies it.
    pub fn vet_name(&self, name: &str) -> Result<VettedName, NameRefusal> {
        let invalid = || NameRefusal::Invalid(Invalid::of_name(name));
        let name = name::canonical_name(name).ok_or_else(invalid)?;
        let covering = |effect| {
            self.rules
                .iter()
                .find(|rule| rule.effect == effect && rule.covers_name(&name))
        };
        let denial = |cause| NameRefusal::Denied(Denial::of_name(&name, cause));
        if let Some(rule) = covering(Effect::Deny) {
            return Err(denial(Cause::Rule(rule.clone())));
        }
        if name != "localhost" && covering(Effect::Allow).is_none() {
            return Err(denial(Cause::NoRule));
        }
        for limit in &self.limits {
            limit.vet_name(&name).map_err(NameRefusal::given_up)?;
        }
        Ok(VettedName(name))
    }

    /// Checks setting an option that needs a grant of its own.
    ///
    /// # Errors
    /// The denial, where no `option` rule allows it or one denies it.
    pub fn vet_option(&self, name: &str, value: &str) -> Result<(), Denial> {
        self.vet_option_value(name, value, false)
    }

    /// Checks an option by its number, `LEVEL/NAME`. One that gets around other
    /// rules has to be granted `by_value`: a grant of all `raw` ones is none of
    /// it.
    ///
    /// # Errors
    /// The denial, where no `option` rule allows it or one denies it.
    pub fn vet_raw_option(&self, number: &str, by_value: bool) -> Result<(), Denial> {
        self.vet_option_value("raw", number, by_value)
    }

    pub(crate) fn vet_option_value(
        &self,
        name: &str,
        value: &str,
        by_value: bool,
    ) -> Result<(), Denial> {
        let covering = |effect| {
            self.rules.iter().find(|rule| {
                (rule.effect, rule.op) == (effect, Op::Option)
                    && rule.covers_option(name, value)
                    && !(by_value && effect == Effect::Allow && rule.covers_any_value())
            })
        };
        let denial = |cause| Denial::of_option(name, value, cause);
        if let Some(rule) = covering(Effect::Deny) {
            return Err(denial(Cause::Rule(rule.clone())));
        }
        covering(Effect::Allow).ok_or_else(|| denial(Cause::NoRule))?;
        self.within_limits(|limit| limit.vet_option_value(name, value, by_value))
    }

    /// Checks listing the machine's network interfaces.
    ///
    /// # Errors
    /// The denial, where no `interfaces` rule allows it or one denies it.
    pub fn vet_interfaces(&self) -> Result<(), Denial> {
        let rule = |effect| {
            let wanted = (effect, Op::Interfaces);
            self.rules
                .iter()
                .find(|rule| (rule.effect, rule.op) == wanted)
        };
        if let Some(rule) = rule(Effect::Deny) {
            return Err(Denial::of_interfaces(Cause::Rule(rule.clone())));
        }
        rule(Effect::Allow).ok_or_else(|| Denial::of_interfaces(Cause::NoRule))?;
        self.within_limits(Self::vet_interfaces)
    }

    /// Checks sending descriptors over a Unix socket, whose address this is: the
    /// one of its listener or of the datagram's receiver. An unnamed one needs
    /// the grant `*`.
    ///
    /// # Errors
    /// The denial, where no `pass-fd` rule allows it or one denies it.
    pub fn vet_pass(&self, protocol: Protocol, over: &Address) -> Result<(), Denial> {
        self.vet_descriptors(Op::PassFd, protocol, over)
    }

    /// Checks receiving descriptors over a Unix socket, as
    /// [`vet_pass`](Self::vet_pass) does sending them.
    ///
    /// # Errors
    /// The denial, where no `take-fd` rule allows it or one denies it.
    pub fn vet_take(&self, protocol: Protocol, over: &Address) -> Result<(), Denial> {
        self.vet_descriptors(Op::TakeFd, protocol, over)
    }

    fn vet_descriptors(&self, op: Op, protocol: Protocol, over: &Address) -> Result<(), Denial> {
        let covering = |effect| {
            self.rules.iter().find(|rule| {
                (rule.effect, rule.op) == (effect, op)
                    && rule.covers_channel(protocol, over, &self.pins)
            })
        };
        let denial = |cause| Denial::of_descriptors(op, over, cause);
        if let Some(rule) = covering(Effect::Deny) {
            return Err(denial(Cause::Rule(rule.clone())));
        }
        covering(Effect::Allow).ok_or_else(|| denial(Cause::NoRule))?;
        self.within_limits(|limit| limit.vet_descriptors(op, protocol, over))
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
            pins: self.pins.clone(),
            limits: self.limits.clone(),
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
        // A listen needs its bind too; a bind is granted by either.
        let denying: &[Op] = match op {
            Op::Listen => &[Op::Listen, Op::Bind],
            _ => &[op],
        };
        if let Some(rule) = self.denied_by(denying, protocol, address) {
            return Err(Cause::Rule(rule.clone()));
        }
        if let Some(rule) = self.allowed_by(op, protocol, address) {
            return Ok(Some(rule));
        }
        if op != Op::Bind {
            return Err(Cause::NoRule);
        }
        match self.decide(Op::Listen, protocol, address) {
            Err(_no_listen) if is_automatic(address) => Ok(None),
            verdict => verdict,
        }
    }

    fn admitted_by_listen(
        &self,
        protocol: Protocol,
        local: &Address,
        peer: &Address,
    ) -> Result<(), Box<(Address, Cause)>> {
        let listening = |effect, local| self.covering(effect, &[Op::Listen], protocol, local);
        let subjects = subjects(peer);
        // A socket on `::` takes IPv4 too; who denies that of 0.0.0.0 means this.
        let is_ipv4 = peer.canonical().is_some_and(|peer| peer.is_ipv4());
        let ipv4 = match local {
            Address::Inet6(local) if is_ipv4 && local.ip().is_unspecified() => {
                let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, local.port());
                Some(Address::Inet(any))
            }
            _ => None,
        };
        for subject in &subjects {
            let mut denying = std::iter::once(local)
                .chain(&ipv4)
                .flat_map(|local| listening(Effect::Deny, local));
            if let Some(rule) = denying.find(|rule| rule.covers_peer(subject)) {
                return Err(Box::new((subject.clone(), Cause::Rule(rule.clone()))));
            }
            if !listening(Effect::Allow, local).any(|rule| rule.covers_peer(subject)) {
                return Err(Box::new((subject.clone(), Cause::NoRule)));
            }
        }
        Ok(())
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
    fn covering(
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
                (0..0, index.places(effect, ops, address, &self.pins))
            }
        };
        let rules = all.chain(found).map(|place| &self.rules[place]);
        rules.filter(move |rule| {
            rule.effect == effect
                && ops.contains(&rule.op)
                && rule.covers(protocol, address, &self.pins)
        })
    }
}

/// Whether to bind it is what the kernel does by itself for a client: any address
/// and port 0 (ip(7)), and an abstract name that it chooses and nobody else has
/// (`bind(2)` without a name, unix(7)). Whether anybody is heard there, other
/// rules say.
fn is_automatic(local: &Address) -> bool {
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
