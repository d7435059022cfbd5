//! What names resolved to: an address that a name rule was resolved to may be
//! used for a while, and no other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::address::canonical_ip;
use crate::class::embedded_ipv4;
use crate::denial::{Cause, Denial};
use crate::facts::Facts;
use crate::rule::{Effect, Host, Name, Op, Rule, Target};
use crate::{Policy, VettedName};

/// How many pins a guest has at most; a new one takes the place of the oldest.
const PINS: usize = 256;

/// How long a pin lives. getaddrinfo(3) does not tell how long an answer is
/// good for, so it is the longest time that any has.
const LIFE: Duration = Duration::from_secs(300);

/// The addresses of names, as the host resolved them for one guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<Vec<Pin>>);

#[derive(Clone, Debug)]
struct Pin {
    /// In its IDNA form.
    name: String,
    ip: IpAddr,
    until: Instant,
}

impl Pins {
    /// Whether some name that `matches` was resolved to the address.
    pub(crate) fn any(&self, ip: IpAddr, matches: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|pin| pin.ip == ip && matches(&pin.name))
    }

    /// The names that were resolved to the address.
    pub(crate) fn names(&self, ip: IpAddr) -> impl Iterator<Item = &str> {
        let pins = self.0.iter().filter(move |pin| pin.ip == ip);
        pins.map(|pin| pin.name.as_str())
    }

    fn with(&self, name: &str, ips: impl Iterator<Item = IpAddr>, until: Instant) -> Self {
        let mut pins = (*self.0).clone();
        for ip in ips {
            // The newest stands last.
            pins.retain(|pin| !(pin.name == name && pin.ip == ip));
            pins.push(Pin {
                name: name.to_owned(),
                ip,
                until,
            });
        }
        let over = pins.len().saturating_sub(PINS);
        pins.drain(..over);
        Self(Arc::new(pins))
    }

    fn live(&self, now: Instant) -> Self {
        let live = self.0.iter().filter(|pin| pin.until > now);
        Self(Arc::new(live.cloned().collect()))
    }

    fn first_end(&self) -> Option<Instant> {
        self.0.iter().map(|pin| pin.until).min()
    }
}

impl Policy {
    /// Checks an answer to a look-up of a name before the guest is told it.
    ///
    /// Under a `resolve` rule every answer passes, since to resolve is not to
    /// reach. Where only a rule for connecting or sending to the name lets it be
    /// looked up, those pass that such a rule would let be reached.
    ///
    /// # Errors
    /// The denial, where the address is in no class that a rule for the name
    /// has, or a rule denies it.
    pub fn admit_answer(&self, name: &VettedName, ip: IpAddr) -> Result<(), Denial> {
        let name = name.as_str();
        let allowing = || {
            self.rules
                .iter()
                .filter(|rule| rule.effect() == Effect::Allow && rule.covers_name(name))
        };
        let is_told = name == "localhost" || allowing().any(|rule| rule.op() == Op::Resolve);
        if !is_told {
            let mut refusals = allowing().map(|rule| self.reaches(rule, name, ip));
            if let Some(Err(first)) = refusals.next()
                && !refusals.any(|refusal| refusal.is_ok())
            {
                return Err(first);
            }
        }
        self.within_limits(|limit| limit.admit_answer(&VettedName(name.to_owned()), ip))
    }

    /// Whether a rule for a name lets an address of it be reached.
    fn reaches(&self, rule: &Rule, name: &str, ip: IpAddr) -> Result<(), Denial> {
        for ip in reached(ip) {
            let class = self.facts.class_of(ip);
            if !class.is_some_and(|class| rule.within().contains(&class)) {
                return Err(Denial::of_answer(rule, name, Cause::Class(ip, class)));
            }
            let denies = |other: &&Rule| other.denies_all_of(rule, ip, &self.facts);
            if let Some(denial) = self.rules.iter().find(denies) {
                return Err(Denial::of_answer(rule, name, Cause::Rule(denial.clone())));
            }
        }
        Ok(())
    }

    /// The policy once the host has resolved a name: rules for the name are
    /// about these addresses too, for a while.
    pub fn pinned(
        mut self,
        name: &VettedName,
        ips: impl Iterator<Item = IpAddr>,
        now: Instant,
    ) -> Self {
        let pins = self
            .facts
            .pins
            .with(name.as_str(), ips.flat_map(reached), now + LIFE);
        self.set_pins(pins);
        self
    }

    /// The policy without pins whose time is over.
    pub fn with_live_pins(mut self, now: Instant) -> Self {
        let pins = self.facts.pins.live(now);
        self.set_pins(pins);
        self
    }

    /// Whether a rule is about what the name resolves to.
    pub fn has_rules_for(&self, name: &VettedName) -> bool {
        let name = name.as_str();
        let is_for = |rule: &Rule| !rule.within().is_empty() && rule.covers_name(name);
        self.rules.iter().any(is_for)
    }

    /// The rules for names that would grant it, by names that were resolved to
    /// the address that it is for.
    pub fn by_name(&self, grant: &Rule) -> Vec<Rule> {
        let Target::Net {
            proto,
            host: Host::Net(net),
            ports,
        } = &grant.target
        else {
            return Vec::new();
        };
        let Some(class) = self.facts.class_of(net.addr()) else {
            return Vec::new();
        };
        let pins = self.facts.pins.0.iter().filter(|pin| pin.ip == net.addr());
        let rules = pins.map(|pin| Rule {
            target: Target::Named {
                proto: *proto,
                name: Name {
                    name: pin.name.clone(),
                    beneath: false,
                },
                ports: ports.clone(),
                within: vec![class],
            },
            ..grant.clone()
        });
        // Not each name can be said in a rule, nor each operation be on one.
        rules.filter(Rule::is_sayable).collect()
    }

    /// When the first of the pins ends.
    pub fn first_pin_ends(&self) -> Option<Instant> {
        self.facts.pins.first_end()
    }

    fn set_pins(&mut self, pins: Pins) {
        let facts = Facts {
            pins,
            ..self.facts.clone()
        };
        self.set_facts(&facts);
    }
}

/// The address as checks see it, and the IPv4 address that it would be
/// delivered to.
fn reached(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let ip = match ip {
        IpAddr::V6(ip) => canonical_ip(ip),
        ip => ip,
    };
    std::iter::once(ip).chain(embedded_ipv4(ip).map(IpAddr::V4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Connect;
    use crate::{Address, Protocol};
    use std::net::SocketAddr;

    fn policy(rules: &[&str]) -> Policy {
        rules.iter().fold(Policy::default(), |policy, rule| {
            policy.with(rule.parse().unwrap_or_else(|error| panic!("{error}")))
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn connects(policy: &Policy, endpoint: &str) -> bool {
        let endpoint: SocketAddr = endpoint.parse().expect(endpoint);
        policy
            .vet::<Connect>(Protocol::Tcp, Address::from(endpoint))
            .is_ok()
    }

    fn name(policy: &Policy, name: &str) -> VettedName {
        policy
            .vet_name(name)
            .unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }

    #[test]
    fn a_rule_for_a_name_is_about_what_the_name_was_resolved_to_for_a_while() {
        let now = Instant::now();
        let before = policy(&["allow connect tcp://*.example.com:443,8443"]);
        assert!(!connects(&before, "9.9.9.9:443"));
        let vetted = name(&before, "API.example.com.");
        let after = before.pinned(&vetted, [ip("9.9.9.9")].into_iter(), now);
        assert!(connects(&after, "9.9.9.9:443"));
        assert!(connects(&after, "[::ffff:9.9.9.9]:8443"));
        assert!(!connects(&after, "9.9.9.9:80"), "another port");
        assert!(!connects(&after, "9.9.9.10:443"), "another address");
        assert!(connects(&after.clone().with_live_pins(now), "9.9.9.9:443"));
        let late = after.with_live_pins(now + LIFE);
        assert!(!connects(&late, "9.9.9.9:443"), "its time is over");
    }

    #[test]
    fn an_address_is_reached_only_in_the_classes_that_the_rule_has() {
        for (rule, address, reached) in [
            ("tcp://a.example:1", "9.9.9.9", true),
            ("tcp://a.example:1", "127.0.0.1", false),
            ("tcp://a.example:1", "10.0.0.1", false),
            ("tcp://a.example:1", "169.254.169.254", false),
            ("tcp://a.example:1", "::ffff:127.0.0.1", false),
            ("tcp://a.example:1", "64:ff9b::7f00:1", false),
            ("tcp://a.example:1", "2002:a00:1::", false),
            ("tcp://a.example:1", "198.18.0.1", false),
            ("tcp://a.example:1", "2620:fe::fe", true),
            ("tcp://a.example:1 in=private", "10.0.0.1", true),
            ("tcp://a.example:1 in=private", "9.9.9.9", false),
            ("tcp://a.example:1 in=loopback", "::1", true),
        ] {
            let policy = policy(&[&format!("allow connect {rule}")]);
            let vetted = name(&policy, "a.example");
            let admitted = policy.admit_answer(&vetted, ip(address));
            assert_eq!(admitted.is_ok(), reached, "{rule} {address}: {admitted:?}");
            // Not even a pin would let it be reached.
            let pinned = policy.pinned(&vetted, [ip(address)].into_iter(), Instant::now());
            let endpoint = SocketAddr::new(ip(address), 1).to_string();
            assert_eq!(connects(&pinned, &endpoint), reached, "{rule} {address}");
        }
    }

    #[test]
    fn denials_hold_for_what_names_resolve_to() {
        let policy = policy(&[
            "allow connect tcp://a.example:443",
            "deny connect tcp://9.9.9.0/24:*",
        ]);
        let vetted = name(&policy, "a.example");
        assert!(policy.admit_answer(&vetted, ip("9.9.9.9")).is_err());
        assert!(policy.admit_answer(&vetted, ip("8.8.8.8")).is_ok());
        let pinned = policy.pinned(&vetted, [ip("9.9.9.9")].into_iter(), Instant::now());
        assert!(!connects(&pinned, "9.9.9.9:443"));
    }

    #[test]
    fn a_resolve_rule_lets_every_answer_be_told_and_none_be_reached() {
        let policy = policy(&["allow resolve a.example"]);
        let vetted = name(&policy, "a.example");
        assert!(policy.admit_answer(&vetted, ip("127.0.0.1")).is_ok());
        let pinned = policy.pinned(&vetted, [ip("9.9.9.9")].into_iter(), Instant::now());
        assert!(!connects(&pinned, "9.9.9.9:443"));
    }

    #[test]
    fn the_newest_pins_stay() {
        let mut policy = policy(&["allow connect tcp://*.example:1"]);
        let address = |index: usize| IpAddr::from([9, 9, (index / 256) as u8, (index % 256) as u8]);
        for index in 0..PINS + 10 {
            let vetted = name(&policy, &format!("n{index}.example"));
            policy = policy.pinned(&vetted, [address(index)].into_iter(), Instant::now());
        }
        let reached = |index: usize| connects(&policy, &format!("{}:1", address(index)));
        assert!(!reached(9) && reached(10) && reached(PINS + 9));
    }

    #[test]
    fn limits_are_about_what_names_resolved_to_as_well() {
        let policy = policy(&["allow connect tcp://*.example:*"])
            .narrowed(policy(&["allow connect tcp://a.example:443"]));
        let vetted = name(&policy, "a.example");
        let pinned = policy.pinned(&vetted, [ip("9.9.9.9")].into_iter(), Instant::now());
        assert!(connects(&pinned, "9.9.9.9:443"));
        assert!(!connects(&pinned, "9.9.9.9:80"));
    }
}
