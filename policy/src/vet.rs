//! The checks: each question that is asked of a policy, and its answer.

use std::marker::PhantomData;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::address::{Address, AddressFamily, NetlinkAddress, Protocol};
use crate::denial::{Cause, Denial};
use crate::invalid::Invalid;
use crate::name;
use crate::operation::Operation;
use crate::policy::{Policy, is_automatic, subjects};
use crate::rule::{DescriptorKind, Effect, Op, OptionValue, Rule, Special, Target};
use crate::vetted::{NameRefusal, Refusal, Vetted, VettedName};

/// The rules that allowed it: one for the address, and one for the IPv4 address
/// in it; none where none is needed.
pub(crate) type Grants<'a> = [Option<&'a Rule>; 2];

impl Policy {
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
        let grants = self.using(O::OP, protocol, &address)?;
        let granting = subjects(&address).into_iter().zip(grants);
        let mut paths = granting.filter_map(|(subject, rule)| rule?.vetted_path(&subject));
        let unix = paths.next();
        Ok(Vetted {
            address,
            unix,
            operation: PhantomData,
        })
    }

    /// Whether that is allowed, of an operation that is known only as the program runs.
    ///
    /// # Errors
    /// Those of [`vet`](Self::vet).
    pub fn permit(&self, op: Op, protocol: Protocol, address: &Address) -> Result<(), Refusal> {
        self.using(op, protocol, address).map(drop)
    }

    pub(crate) fn using(
        &self,
        op: Op,
        protocol: Protocol,
        address: &Address,
    ) -> Result<Grants<'_>, Refusal> {
        Invalid::check(op, protocol, address).map_err(Refusal::Invalid)?;
        let op = op.on(protocol);
        let mut grants = [None; 2];
        for (grant, subject) in grants.iter_mut().zip(subjects(address)) {
            *grant = self
                .decide(op, protocol, &subject)
                .map_err(|cause| Refusal::Denied(Denial::new(op, protocol, &subject, cause)))?;
        }
        for limit in &self.limits {
            let verdict = limit.using(op, protocol, address);
            verdict.map_err(|refusal| refusal.limited_by(limit.limited_by))?;
        }
        Ok(grants)
    }

    /// Checks making a socket. TCP, UDP and Unix sockets need no rule; of the
    /// others, some rule has to be about the protocol, and not all of what such
    /// rules allow denied.
    ///
    /// # Errors
    /// The denial, where none is.
    pub fn vet_open(&self, protocol: Protocol) -> Result<(), Denial> {
        self.opening(protocol).map(drop)
    }

    pub(crate) fn opening(&self, protocol: Protocol) -> Result<Grants<'_>, Denial> {
        if protocol.is_ordinary() {
            return Ok([None; 2]);
        }
        let mut cause = Cause::NoRule;
        for grant in self.rules_of(Effect::Allow) {
            if !grant.speaks(protocol) {
                continue;
            }
            let mut denials = self.rules_of(Effect::Deny);
            let denial = denials.find(|denial| {
                grant.op.denied_by().contains(&denial.op) && denial.is_about_all_of(protocol)
            });
            match denial {
                Some(denial) => cause = Cause::Rule(denial.clone()),
                None => {
                    self.within_limits(|limit| limit.vet_open(protocol))?;
                    return Ok([Some(grant), None]);
                }
            }
        }
        Err(Denial::of_kind(protocol, cause))
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
        match self.denied_by(op.denied_by(), protocol, &address) {
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
        self.accepting(protocol, local, peer).map(drop)
    }

    pub(crate) fn accepting(
        &self,
        protocol: Protocol,
        local: &Address,
        peer: &Address,
    ) -> Result<Grants<'_>, Denial> {
        let grants = self
            .admitted_by_listen(protocol, local, peer)
            .map_err(|lacking| {
                let (peer, cause) = *lacking;
                Denial::new(Op::Listen, protocol, local, cause).with_peer(&peer)
            })?;
        self.within_limits(|limit| limit.admit_peer(protocol, local, peer))?;
        Ok(grants)
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
        self.hearing(protocol, local, sender).map(drop)
    }

    pub(crate) fn hearing(
        &self,
        protocol: Protocol,
        local: Option<&Address>,
        sender: &Address,
    ) -> Result<Grants<'_>, Denial> {
        // Netlink's port 0 is the kernel, which answers what it was asked.
        if let Address::Netlink(NetlinkAddress { port_id: 0, .. }) = sender {
            return Ok([None; 2]);
        }
        let grants = match sender {
            Address::Unix(_) => [self.hearing_at(protocol, local, sender)?, None],
            sender => self.hearing_from(protocol, local, sender)?,
        };
        self.within_limits(|limit| limit.admit_sender(protocol, local, sender))?;
        Ok(grants)
    }

    /// Who may bind a Unix name hears whoever writes there, since not all have an
    /// address to tell them by. A name that the kernel chose is a client's.
    fn hearing_at(
        &self,
        protocol: Protocol,
        local: Option<&Address>,
        sender: &Address,
    ) -> Result<Option<&Rule>, Denial> {
        match local.map(|local| self.decide(Op::Bind, protocol, local)) {
            None => Ok(None),
            Some(Ok(granted)) => Ok(granted),
            Some(Err(_denied)) => {
                let denial = |cause| Denial::new(Op::Send, protocol, sender, cause);
                self.decide(Op::Send, protocol, sender).map_err(denial)
            }
        }
    }

    fn hearing_from(
        &self,
        protocol: Protocol,
        local: Option<&Address>,
        sender: &Address,
    ) -> Result<Grants<'_>, Denial> {
        let op = Op::Recv.on(protocol);
        let denial = |subject, cause| Denial::new(op, protocol, subject, cause);
        let subjects = subjects(sender);
        for subject in &subjects {
            if let Some(rule) = self.denied_by(op.denied_by(), protocol, subject) {
                return Err(denial(sender, Cause::Rule(rule.clone())));
            }
        }
        if let Some(local) = local {
            let admitted = self.admitted_by_listen(protocol, local, sender);
            match admitted.map_err(|lacking| *lacking) {
                Ok(grants) => return Ok(grants),
                // Who is denied there is not heard there, whoever else allows it. A
                // client, which is bound by the kernel's choice, does not listen.
                Err((subject, cause @ Cause::Rule(_))) if !is_automatic(local) => {
                    return Err(denial(&subject, cause));
                }
                Err(_) => {}
            }
        }
        let mut grants = [None; 2];
        for (grant, subject) in grants.iter_mut().zip(&subjects) {
            *grant = match self.allowed_by(op, protocol, subject) {
                Some(rule) => Some(rule),
                None => self
                    .decide(Op::Send.on(protocol), protocol, subject)
                    .map_err(|_denied| denial(subject, Cause::NoRule))?,
            };
        }
        Ok(grants)
    }

    /// Checks looking up a host name, which a rule for it or for connecting or
    /// sending to it allows. `localhost` needs no grant.
    ///
    /// # Errors
    /// [`NameRefusal::Invalid`] for what is no host name;
    /// [`NameRefusal::Denied`] where no rule allows it or one denies it.
    pub fn vet_name(&self, name: &str) -> Result<VettedName, NameRefusal> {
        self.looking_up(name).map(|(name, _grants)| name)
    }

    pub(crate) fn looking_up(&self, name: &str) -> Result<(VettedName, Grants<'_>), NameRefusal> {
        let invalid = || NameRefusal::Invalid(Invalid::of_name(name));
        let name = name::canonical_name(name).ok_or_else(invalid)?;
        let denial = |cause| NameRefusal::Denied(Denial::of_name(&name, cause));
        let covers = |rule: &Rule| rule.covers_name(&name);
        let grant = match self.decided(covers, covers) {
            Ok(grant) => Some(grant),
            Err(Cause::NoRule) if name == "localhost" => None,
            Err(cause) => return Err(denial(cause)),
        };
        for limit in &self.limits {
            let verdict = limit.vet_name(&name);
            verdict.map_err(|refusal| refusal.limited_by(limit.limited_by))?;
        }
        Ok((VettedName(name), [grant, None]))
    }

    /// Checks setting an option that needs a grant of its own.
    ///
    /// # Errors
    /// The denial, where no `option` rule allows it or one denies it.
    pub fn vet_option(&self, name: &str, value: &str) -> Result<(), Denial> {
        self.setting(name, value, false).map(drop)
    }

    /// Checks an option by its number, `LEVEL/NAME`. One that gets around other
    /// rules has to be granted `by_value`: a grant of all `raw` ones is none of
    /// it.
    ///
    /// # Errors
    /// The denial, where no `option` rule allows it or one denies it.
    pub fn vet_raw_option(&self, number: &str, by_value: bool) -> Result<(), Denial> {
        self.setting("raw", number, by_value).map(drop)
    }

    pub(crate) fn setting(
        &self,
        name: &str,
        value: &str,
        by_value: bool,
    ) -> Result<Grants<'_>, Denial> {
        let denial = |cause| Denial::of_option(name, value, cause);
        let set_to = OptionValue::of(name, value)
            .map_err(|expected| denial(Cause::NoRuleCould(expected.to_owned())))?;
        let covers = |rule: &Rule| rule.covers_option(name, &set_to, &self.facts);
        let grants = |rule: &Rule| covers(rule) && !(by_value && rule.covers_any_value());
        let grant = self.decided(covers, grants).map_err(denial)?;
        self.within_limits(|limit| limit.setting(name, value, by_value).map(drop))?;
        Ok([Some(grant), None])
    }

    /// Checks listing the machine's network interfaces.
    ///
    /// # Errors
    /// The denial, where no `interfaces` rule allows it or one denies it.
    pub fn vet_interfaces(&self) -> Result<(), Denial> {
        self.listing().map(drop)
    }

    /// Whether a program may know the number of an interface by its name, and the other
    /// way round, without listing them: a rule that lets it use the interface names it.
    ///
    /// ```
    /// use capsock_policy::{Op, Policy};
    ///
    /// let policy = Policy::default().allow(Op::Raw, "packet://eth0")?;
    /// assert!(policy.names_interface("eth0") && !policy.names_interface("eth1"));
    /// # Ok::<(), capsock_policy::ParseRuleError>(())
    /// ```
    pub fn names_interface(&self, name: &str) -> bool {
        let named = self.rules().iter().any(|rule| {
            let named = Special::Interface(name.to_owned());
            let is_named =
                matches!(&rule.target, Target::Special { address, .. } if address.as_ref() == Some(&named));
            rule.effect == Effect::Allow && is_named
        });
        let is_denied = |rule: &Rule| rule.effect == Effect::Deny && rule.op == Op::Interfaces;
        let may = |limit: &Self| limit.names_interface(name) || limit.vet_interfaces().is_ok();
        named && !self.rules().iter().any(is_denied) && self.limits.iter().all(may)
    }

    pub(crate) fn listing(&self) -> Result<Grants<'_>, Denial> {
        let is_about = |rule: &Rule| rule.op == Op::Interfaces;
        let grant = self.decided(is_about, is_about);
        let grant = grant.map_err(Denial::of_interfaces)?;
        self.within_limits(Self::vet_interfaces)?;
        Ok([Some(grant), None])
    }

    /// Checks sending descriptors over a Unix socket, whose address this is: the
    /// one of its listener or of the datagram's receiver. An unnamed one needs
    /// the grant `*`.
    ///
    /// # Errors
    /// The denial, where no `pass-fd` rule allows it or one denies it.
    pub fn vet_pass(&self, protocol: Protocol, over: &Address) -> Result<(), Denial> {
        self.passing(protocol, over).map(drop)
    }

    /// Checks receiving a descriptor of a kind over a Unix socket, as
    /// [`vet_pass`](Self::vet_pass) does sending one.
    ///
    /// ```
    /// use capsock_policy::{Address, DescriptorKind, Op, Policy, Protocol};
    /// use std::path::Path;
    ///
    /// let policy = Policy::default().allow(Op::TakeFd, "unix:/run/app.sock of=file")?;
    /// let over = Address::from(Path::new("/run/app.sock"));
    /// let take = |kind| policy.vet_take(Protocol::UnixConnection, &over, kind);
    /// assert!(take(DescriptorKind::File).is_ok());
    /// let denial = take(DescriptorKind::WritableFile).expect_err("only to read");
    /// assert_eq!(
    ///     denial.grant().expect("a suggestion").target(),
    ///     "unix:/run/app.sock of=writable-file",
    /// );
    /// # Ok::<(), capsock_policy::ParseRuleError>(())
    /// ```
    ///
    /// # Errors
    /// The denial, where no `take-fd` rule allows it or one denies it.
    pub fn vet_take(
        &self,
        protocol: Protocol,
        over: &Address,
        kind: DescriptorKind,
    ) -> Result<(), Denial> {
        self.taking(protocol, over, kind).map(drop)
    }

    pub(crate) fn passing(&self, protocol: Protocol, over: &Address) -> Result<Grants<'_>, Denial> {
        let covers =
            |rule: &Rule| rule.op == Op::PassFd && rule.covers_channel(protocol, over, &self.facts);
        let grant = self.decided(covers, covers);
        let socket = DescriptorKind::Socket;
        let denial = |cause| Denial::of_descriptors(Op::PassFd, over, socket, cause);
        let grant = grant.map_err(denial)?;
        self.within_limits(|limit| limit.vet_pass(protocol, over))?;
        Ok([Some(grant), None])
    }

    pub(crate) fn taking(
        &self,
        protocol: Protocol,
        over: &Address,
        kind: DescriptorKind,
    ) -> Result<Grants<'_>, Denial> {
        let covers = |rule: &Rule| {
            rule.op == Op::TakeFd
                && rule.covers_kind(kind)
                && rule.covers_channel(protocol, over, &self.facts)
        };
        let grant = self.decided(covers, covers);
        let denial = |cause| Denial::of_descriptors(Op::TakeFd, over, kind, cause);
        let grant = grant.map_err(denial)?;
        self.within_limits(|limit| limit.vet_take(protocol, over, kind))?;
        Ok([Some(grant), None])
    }

    /// The first grant, of rules that are asked one by one, unless a denial is
    /// about the same.
    fn decided(
        &self,
        denies: impl Fn(&Rule) -> bool,
        allows: impl Fn(&Rule) -> bool,
    ) -> Result<&Rule, Cause> {
        match self.rules_of(Effect::Deny).find(|rule| denies(rule)) {
            Some(rule) => Err(Cause::Rule(rule.clone())),
            None => self
                .rules_of(Effect::Allow)
                .find(|rule| allows(rule))
                .ok_or(Cause::NoRule),
        }
    }

    /// The rules of an effect, in their order.
    pub(crate) fn rules_of(&self, effect: Effect) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.effect == effect)
    }

    fn admitted_by_listen(
        &self,
        protocol: Protocol,
        local: &Address,
        peer: &Address,
    ) -> Result<Grants<'_>, Box<(Address, Cause)>> {
        let listening = |effect, local| {
            let ops = match effect {
                Effect::Allow => &[Op::Listen][..],
                Effect::Deny => Op::Listen.denied_by(),
            };
            self.covering(effect, ops, protocol, local)
        };
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
        let mut grants = [None; 2];
        for (grant, subject) in grants.iter_mut().zip(&subjects) {
            let mut denying = std::iter::once(local)
                .chain(&ipv4)
                .flat_map(|local| listening(Effect::Deny, local));
            if let Some(rule) = denying.find(|rule| rule.covers_peer(subject, &self.facts)) {
                return Err(Box::new((subject.clone(), Cause::Rule(rule.clone()))));
            }
            let mut allowing = listening(Effect::Allow, local);
            *grant = allowing.find(|rule| rule.covers_peer(subject, &self.facts));
            if grant.is_none() {
                return Err(Box::new((subject.clone(), Cause::NoRule)));
            }
        }
        Ok(grants)
    }
}
