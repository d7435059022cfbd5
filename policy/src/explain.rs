//! Why a policy allows something or does not, in words.

mod http;
mod name;
mod near;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::class::embedded_ipv4;
use crate::denial::{Cause, Denial};
use crate::name::note_of_search;
use crate::narrow::LimitedBy;
use crate::policy::{Policy, subjects};
use crate::question::{Question, Subject};
use crate::rule::{DescriptorKind, Effect, Host, Op, OptionValue, Rule, Target};
use crate::{Address, Protocol};
use crate::{Invalid, NameRefusal};
use near::other_op;

/// How many rules are told that nearly allow what was asked.
const NEAR_MISSES: usize = 2;

/// What a policy says of a [`Question`], and why.
///
/// Its text is the verdict and the reason; further lines are indented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    verdict: Verdict,
    rule: Option<Rule>,
    reasons: Vec<String>,
    grants: Vec<Rule>,
}

/// Whether an operation would be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would.
    Allow,
    /// It would not: a rule denies it, none allows it, or none could.
    Deny,
}

impl Explanation {
    /// Whether the operation would be allowed.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The rule that decides; `None` where it is that none allows it, or that
    /// none is needed.
    pub fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// What would allow it, all of them together; empty where it is allowed, and
    /// where no grant could.
    pub fn grants(&self) -> &[Rule] {
        &self.grants
    }

    fn allow(rule: Option<&Rule>, reason: String) -> Self {
        Self {
            verdict: Verdict::Allow,
            rule: rule.cloned(),
            reasons: vec![reason],
            grants: Vec::new(),
        }
    }

    fn allowed_by(rule: &Rule) -> Self {
        Self::allow(Some(rule), format!("the rule `{rule}` allows it"))
    }

    fn denied_by(rule: &Rule) -> Self {
        Self {
            verdict: Verdict::Deny,
            rule: Some(rule.clone()),
            reasons: vec![format!(
                "the rule `{rule}` forbids it, and no grant outweighs a denial"
            )],
            grants: Vec::new(),
        }
    }

    fn invalid(invalid: &Invalid) -> Self {
        let reason = format!(
            "invalid-argument, whatever is granted: {}",
            invalid.reason()
        );
        Self::missing(vec![reason], Vec::new())
    }

    fn missing(reasons: Vec<String>, grants: Vec<Rule>) -> Self {
        Self {
            verdict: Verdict::Deny,
            rule: None,
            reasons,
            grants,
        }
    }

    /// As the answer of a limit.
    fn limited_by(mut self, whom: LimitedBy) -> Self {
        if let Some(reason) = self.reasons.first_mut() {
            *reason = format!("{}: {reason}", whom.reason());
        }
        self.grants.clear();
        self
    }

    fn also(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.reasons.extend(notes);
        self
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.verdict {
            Verdict::Allow => "allow: ",
            Verdict::Deny => "deny: ",
        })?;
        f.write_str(&self.reasons.join("\n  "))
    }
}

impl Policy {
    /// Says whether the policy allows something, by which rule, and why. Where
    /// it does not, the rules that nearly would are told too.
    ///
    /// ```
    /// use capsock_policy::{Op, Policy, Verdict};
    ///
    /// let policy = Policy::default().allow(Op::Connect, "tcp://*:5432")?;
    /// let answer = policy.explain(&"connect tcp://10.0.0.5:5432".parse()?);
    /// assert_eq!(answer.verdict(), Verdict::Deny);
    /// assert_eq!(
    ///     answer.to_string(),
    ///     "deny: no rule allows it: 10.0.0.5 is private, \
    ///      and the rule `allow connect tcp://*:5432` means the public internet only",
    /// );
    /// # Ok::<(), capsock_policy::ParseRuleError>(())
    /// ```
    pub fn explain(&self, question: &Question) -> Explanation {
        let answer = self.explain_rules(question);
        let refuse = |limit: &Self| {
            let answer = limit.explain(question);
            (answer.verdict == Verdict::Deny).then(|| answer.limited_by(limit.limited_by))
        };
        match answer.verdict {
            Verdict::Allow => self.limits.iter().find_map(refuse).unwrap_or(answer),
            Verdict::Deny => answer,
        }
    }

    fn explain_rules(&self, question: &Question) -> Explanation {
        let op = question.op;
        match &question.subject {
            Subject::Address {
                protocol,
                address,
                peer,
            } => {
                let asked = Asked {
                    policy: self,
                    op,
                    protocol: *protocol,
                };
                let answer = match (op, peer) {
                    (Op::PassFd, _) => self.explain_pass(address),
                    (Op::Recv, _) => asked.sender(address),
                    (_, None) => asked.address(address),
                    (_, Some(peer)) => asked.peer(address, *peer),
                };
                let peer = peer.map(|ip| Address::from(SocketAddr::new(ip, 0)));
                let notes = translation(address).into_iter();
                answer.also(notes.chain(peer.as_ref().and_then(translation)))
            }
            Subject::Name(name) => self.explain_name(name).also(note_of_search(name)),
            Subject::Named {
                protocol,
                name,
                port,
            } => self.explain_named(op, *protocol, name, *port),
            Subject::Option { name, value } => {
                let set_to = OptionValue::of(name, value);
                let covers = |rule: &Rule| {
                    let set_to = set_to.as_ref();
                    set_to.is_ok_and(|set_to| rule.covers_option(name, set_to, &self.facts))
                };
                self.explain_check(self.vet_option(name, value), |rule| match &rule.target {
                    _ if covers(rule) => Near::Allows,
                    Target::Option { name: granted, .. } if granted == name => {
                        Near::Misses(format!("the rule `{rule}` is for another value"))
                    }
                    _ => Near::Not,
                })
            }
            Subject::Descriptor { over, kind } => self.explain_take(over, *kind),
            Subject::Request(request) => self.explain_request(request),
            Subject::Interfaces => {
                self.explain_check(self.vet_interfaces(), |rule| match rule.op {
                    Op::Interfaces => Near::Allows,
                    _ => Near::Not,
                })
            }
        }
    }

    fn explain_name(&self, name: &str) -> Explanation {
        let check = match self.vet_name(name) {
            Ok(_) => Ok(()),
            Err(NameRefusal::Denied(denial)) => Err(denial),
            Err(NameRefusal::Invalid(invalid)) => return Explanation::invalid(&invalid),
        };
        self.explain_check(check, |rule| match &rule.target {
            _ if rule.covers_name(name) => Near::Allows,
            Target::Name(domain) | Target::Named { name: domain, .. }
                if domain.beneath && domain.name == name =>
            {
                Near::Misses(format!(
                    "the rule `{rule}` is for the names beneath {name}, not for itself"
                ))
            }
            _ => Near::Not,
        })
    }

    fn explain_pass(&self, over: &Address) -> Explanation {
        let protocol = Protocol::UnixConnection;
        self.explain_check(self.vet_pass(protocol, over), |rule| match rule.op {
            Op::PassFd | Op::TakeFd if !rule.covers_channel(protocol, over, &self.facts) => {
                Near::Not
            }
            Op::PassFd => Near::Allows,
            Op::TakeFd => Near::Misses(other_op(rule, Op::PassFd)),
            _ => Near::Not,
        })
    }

    fn explain_take(&self, over: &Address, kind: DescriptorKind) -> Explanation {
        let protocol = Protocol::UnixConnection;
        let check = self.vet_take(protocol, over, kind);
        self.explain_check(check, |rule| match rule.op {
            Op::PassFd | Op::TakeFd if !rule.covers_channel(protocol, over, &self.facts) => {
                Near::Not
            }
            Op::TakeFd if rule.covers_kind(kind) => Near::Allows,
            Op::TakeFd if rule.of.is_empty() => {
                Near::Misses(format!("the rule `{rule}` is for sockets only"))
            }
            Op::TakeFd => Near::Misses(format!("the rule `{rule}` is for another kind")),
            Op::PassFd => Near::Misses(other_op(rule, Op::TakeFd)),
            _ => Near::Not,
        })
    }

    /// The result of a check of this policy, in which each grant is `near` to
    /// what was asked or not.
    fn explain_check(
        &self,
        check: Result<(), Denial>,
        near: impl Fn(&Rule) -> Near,
    ) -> Explanation {
        let denial = match check {
            Err(denial) if !denial.is_by_limit() => denial,
            // Limits are asked by themselves.
            _ => {
                let allows = |rule: &&Rule| matches!(near(rule), Near::Allows);
                return match self.rules_of(Effect::Allow).find(allows) {
                    Some(rule) => Explanation::allowed_by(rule),
                    None => Explanation::allow(None, "it needs no grant".to_owned()),
                };
            }
        };
        if let Some(rule) = denial.rule() {
            return Explanation::denied_by(rule);
        }
        let misses = self
            .rules_of(Effect::Allow)
            .filter_map(|rule| match near(rule) {
                Near::Misses(words) => Some(words),
                Near::Allows | Near::Not => None,
            });
        Explanation::missing(
            no_rule(misses.take(NEAR_MISSES).collect()),
            denial.grant().cloned().into_iter().collect(),
        )
    }
}

/// How a grant stands to what was asked.
enum Near {
    Allows,
    /// It nearly does; the words say what it is for.
    Misses(String),
    Not,
}

/// A question about addresses.
#[derive(Clone, Copy)]
struct Asked<'a> {
    policy: &'a Policy,
    op: Op,
    protocol: Protocol,
}

impl<'a> Asked<'a> {
    fn address(self, address: &Address) -> Explanation {
        if let Err(invalid) = Invalid::check(self.op, self.protocol, address) {
            return Explanation::invalid(&invalid);
        }
        self.each(address, |subject| {
            self.policy.decide(self.op, self.protocol, subject)
        })
    }

    fn sender(self, sender: &Address) -> Explanation {
        self.each(sender, |subject| {
            let Self {
                policy, protocol, ..
            } = self;
            if let Some(rule) = policy.denied_by(Op::Recv.denied_by(), protocol, subject) {
                return Err(Cause::Rule(rule.clone()));
            }
            match policy.allowed_by(Op::Recv, protocol, subject) {
                Some(rule) => Ok(Some(rule)),
                // An answer is not asked about: its sender may also be denied.
                None => policy
                    .decide(Op::Send, protocol, subject)
                    .map_err(|_denial| Cause::NoRule),
            }
        })
    }

    fn peer(self, local: &Address, peer: IpAddr) -> Explanation {
        let mut listening = self.address(local);
        if listening.verdict == Verdict::Deny {
            // To listen is not to accept everybody.
            for grant in &mut listening.grants {
                grant.from = vec![Host::Net(peer.into())];
            }
            return listening;
        }
        let Self {
            policy, protocol, ..
        } = self;
        let peer = Address::from(SocketAddr::new(peer, 0));
        let listen =
            |rule: &Rule| rule.op == Op::Listen && rule.covers(protocol, local, &policy.facts);
        let check = policy.admit_peer(protocol, local, &peer);
        policy.explain_check(check, |rule| {
            if !listen(rule) {
                Near::Not
            } else if rule.covers_peer(&peer, &policy.facts) {
                Near::Allows
            } else {
                Near::Misses(format!("the rule `{rule}` is for other peers"))
            }
        })
    }

    fn each(
        self,
        address: &Address,
        decide: impl Fn(&Address) -> Result<Option<&'a Rule>, Cause>,
    ) -> Explanation {
        let decide = |subject: &Address| {
            decide(subject).map_err(|cause| Denial::new(self.op, self.protocol, subject, cause))
        };
        each(address, decide, |subject| self.near_misses(subject))
    }
}

/// The address, and the IPv4 address in it, are both decided.
fn each<'a>(
    address: &Address,
    decide: impl Fn(&Address) -> Result<Option<&'a Rule>, Denial>,
    near: impl Fn(&Address) -> Vec<String>,
) -> Explanation {
    let mut allowing = Vec::new();
    let mut missing = Vec::new();
    for subject in subjects(address) {
        match decide(&subject) {
            Ok(rule) => allowing.extend(rule),
            Err(denial) => match denial.rule() {
                Some(rule) => return Explanation::denied_by(rule),
                None => missing.push((subject, denial)),
            },
        }
    }
    if missing.is_empty() {
        return match allowing.as_slice() {
            [first, second] if first != second => Explanation::allow(
                Some(first),
                format!("the rules `{first}` and `{second}` allow it together"),
            ),
            [first, ..] => Explanation::allowed_by(first),
            [] => Explanation::allow(
                None,
                "it needs no grant: the kernel does it by itself before a connect or a send"
                    .to_owned(),
            ),
        };
    }
    let mut reasons = Vec::new();
    let mut grants = Vec::new();
    for (subject, denial) in &missing {
        reasons.extend(near(subject));
        grants.extend(denial.grant().cloned());
    }
    Explanation::missing(no_rule(reasons), grants)
}

/// The reasons where nothing allows it, with what nearly does.
fn no_rule(mut near: Vec<String>) -> Vec<String> {
    match near.first_mut() {
        None => near.push("no rule allows it".to_owned()),
        Some(first) => *first = format!("no rule allows it: {first}"),
    }
    near
}

/// What is said of an address that stands for another one.
fn translation(address: &Address) -> Option<String> {
    let Address::Inet6(written) = address else {
        return None;
    };
    let written = written.ip();
    let canonical = address.canonical()?.ip();
    if canonical.is_ipv4() {
        return Some(format!("{written} is the IPv4 address {canonical}"));
    }
    let ipv4 = embedded_ipv4(canonical)?;
    let mechanism = match written.segments() {
        [0x64, ..] => "NAT64",
        [0x2002, ..] => "6to4",
        _ => "Teredo",
    };
    Some(format!(
        "{written} leads to {ipv4} by {mechanism}, so both have to be allowed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;
    use crate::operation::{Bind, Connect, Listen, Send};
    use proptest::prelude::*;

    fn policy(rules: &[&str]) -> Policy {
        let rules = rules.iter().map(|rule| {
            rule.parse::<Rule>()
                .unwrap_or_else(|error| panic!("{error}"))
        });
        rules.fold(Policy::default(), Policy::with)
    }

    fn question(text: &str) -> Question {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The rules, the question, the answer, and the flags that would allow it:
    /// each of which is tried.
    fn explained(rules: &[&str], text: &str) -> String {
        let policy = policy(rules);
        let question = question(text);
        let answer = policy.explain(&question);
        let grants = answer.grants().iter();
        let flags: String = grants
            .map(|grant| format!("  --allow-{} {}\n", grant.op(), grant.target()))
            .collect();
        if !flags.is_empty() {
            let granted = answer.grants().iter().fold(policy, |policy, grant| {
                policy
                    .allow(grant.op(), &grant.target())
                    .unwrap_or_else(|error| panic!("{error}"))
            });
            let then = granted.explain(&question);
            assert_eq!(then.verdict(), Verdict::Allow, "{text}: {then}");
        }
        let rules: String = rules.iter().map(|rule| format!("{rule}\n")).collect();
        format!("{rules}? {question}\n{answer}\n{flags}")
    }

    #[test]
    fn answers() {
        let answers: Vec<String> = [
            (&[][..], "connect tcp://10.0.0.5:5432"),
            (
                &["allow connect tcp://10.0.0.0/8:*"],
                "connect tcp://10.0.0.5:5432",
            ),
            (
                &[
                    "allow connect tcp://10.0.0.0/8:*",
                    "deny connect ip://*:5432",
                ],
                "connect tcp://10.0.0.5:5432",
            ),
            // The floor.
            (
                &["allow connect tcp://*:5432"],
                "connect tcp://10.0.0.5:5432",
            ),
            (
                &["allow connect tcp://0.0.0.0/0:80"],
                "connect tcp://169.254.169.254:80",
            ),
            (&["allow connect tcp://public:80"], "connect tcp://[::1]:80"),
            (
                &["allow connect tcp://169.254.0.0/16:80"],
                "connect tcp://169.254.169.254:80",
            ),
            (&["allow listen tcp://*:80"], "listen tcp://0.0.0.0:80"),
            (&["allow connect tcp://*:80"], "connect tcp://192.0.2.1:80"),
            // Near misses.
            (
                &[
                    "allow connect tcp://10.0.0.6:5432",
                    "allow connect tcp://10.0.0.0/8:80,443",
                    "allow send udp://10.0.0.5:5432",
                    "allow connect tcp://10.1.0.0/16:80",
                ],
                "connect tcp://10.0.0.5:5432",
            ),
            (
                &["allow connect tcp://db.example:5432 in=private"],
                "connect tcp://10.0.0.5:5432",
            ),
            (
                &["allow connect tcp://db.example:5432"],
                "resolve db.example",
            ),
            (
                &["allow connect mptcp://10.0.0.5:80"],
                "connect tcp://10.0.0.5:80",
            ),
            (
                &["allow bind tcp://127.0.0.1:80"],
                "listen tcp://127.0.0.1:80",
            ),
            (
                &["allow listen tcp://127.0.0.1:80"],
                "bind tcp://127.0.0.1:80",
            ),
            (
                &["allow listen tcp://127.0.0.1:1-90"],
                "bind tcp://127.0.0.1:ephemeral",
            ),
            // An address in another.
            (
                &["allow connect tcp://127.0.0.1:80"],
                "connect tcp://[::ffff:127.0.0.1]:80",
            ),
            (
                &["allow connect tcp://127.0.0.1:80"],
                "connect tcp://[::127.0.0.1]:80",
            ),
            (
                &["allow connect tcp://*:80"],
                "connect tcp://[64:ff9b::7f00:1]:80",
            ),
            (
                &["allow connect tcp://8.8.8.8:80"],
                "connect tcp://[2002:808:808::]:80",
            ),
            (
                &["allow connect tcp://*:80", "deny connect tcp://9.9.9.9:*"],
                "connect tcp://[64:ff9b::909:909]:80",
            ),
            (&[], "connect tcp://[2001:0:1:2:3:4:80ff:fffe]:80"),
            // What no policy could allow.
            (
                &["allow connect tcp://0.0.0.0:*"],
                "connect tcp://0.0.0.0:80",
            ),
            (
                &["allow connect tcp://127.0.0.1:*"],
                "connect tcp://127.0.0.1:ephemeral",
            ),
            (
                &["allow connect tcp://multicast:*"],
                "connect tcp://224.0.0.1:80",
            ),
            // Peers and senders.
            (
                &["allow listen tcp://[::]:80 from=private"],
                "listen tcp://[::]:80 from=10.0.0.1",
            ),
            (
                &["allow listen tcp://[::]:80 from=private"],
                "listen tcp://[::]:80 from=127.0.0.1",
            ),
            (
                &[
                    "allow listen tcp://[::]:80",
                    "deny listen tcp://[::]:80 from=10.9.0.0/16",
                ],
                "listen tcp://[::]:80 from=10.9.0.1",
            ),
            (&[], "listen tcp://[::]:80 from=10.9.0.1"),
            (&["allow send udp://127.0.0.1:9"], "recv udp://127.0.0.1:9"),
            (&["allow recv udp://127.0.0.1:9"], "send udp://127.0.0.1:9"),
            (
                &["allow send udp://127.0.0.1:9", "deny recv udp://*:*"],
                "recv udp://127.0.0.1:9",
            ),
            // Everything else.
            (&["allow connect unix:/run/app/"], "connect unix:/run/app/s"),
            (&["allow connect unix:/run/app/"], "connect unix:/run/app"),
            (
                &["allow connect unix:/run/app/s"],
                "connect unix:/run/app/t",
            ),
            (&["allow listen unix:/run/app/s"], "connect unix:/run/app/s"),
            (
                &["allow connect unix-abstract:a"],
                "connect unix-abstract:b",
            ),
            (&["allow pass-fd unix:/run/app/"], "pass-fd unix:/run/app/s"),
            (&["allow pass-fd *"], "take-fd unix:/run/app/s"),
            (&["allow take-fd *"], "pass-fd unix:/run/app/s"),
            (&["allow take-fd *"], "take-fd unix:/run/app/s"),
            (&["allow take-fd *"], "take-fd unix:/run/app/s of=file"),
            (
                &["allow take-fd unix:/run/app/ of=file,pipe"],
                "take-fd unix:/run/app/s of=file",
            ),
            (
                &["allow take-fd unix:/run/app/ of=file,pipe"],
                "take-fd unix:/run/app/s of=writable-file",
            ),
            (
                &[
                    "allow take-fd * of=writable-file",
                    "deny take-fd unix:/run/ of=file",
                ],
                "take-fd unix:/run/app/s of=writable-file",
            ),
            (
                &[
                    "allow take-fd * of=writable-file",
                    "deny take-fd * of=writable-file",
                ],
                "take-fd unix:/run/app/s of=file",
            ),
            (
                &["allow take-fd * of=file", "deny take-fd unix:/run/"],
                "take-fd unix:/run/app/s of=file",
            ),
            (&[], "resolve localhost"),
            (&["allow resolve *.example.com"], "resolve WWW.example.com."),
            (&["allow resolve *.example.com"], "resolve example.com"),
            (&["allow option so-mark=1"], "option so-mark=1"),
            (&["allow option so-mark=1"], "option so-mark=2"),
            (&["allow interfaces *"], "interfaces"),
            (&[], "interfaces"),
            (&["allow raw netlink://route"], "raw netlink://route"),
            (&["allow raw packet://eth0"], "raw packet://*"),
            (&["allow raw raw/1://127.0.0.1"], "raw raw/1://127.0.0.2"),
            (&["allow connect vsock://2:*"], "connect vsock://2:80"),
            (
                &["allow listen vsock://2:*", "deny bind vsock://2:1"],
                "listen vsock://2:1",
            ),
            (
                &["allow connect unix-abstract:app/*"],
                "connect unix-abstract:app/a",
            ),
            (
                &["allow connect unix-abstract:app/*"],
                "connect unix-abstract:ap",
            ),
            (&[], "connect unix:/tmp/\\x2a"),
            // Names, of which the look-up decides the rest.
            (
                &["allow connect tcp://api.example:443"],
                "connect tcp://API.example:443",
            ),
            (
                &[
                    "allow connect tcp://*.example:443 in=public,private",
                    "deny connect tcp://10.0.0.0/8:*",
                ],
                "connect tcp://api.example:443",
            ),
            (
                &["allow connect tcp://*:443", "allow resolve *"],
                "connect tcp://api.example:443",
            ),
            (
                &["allow connect tcp://*:443"],
                "connect tcp://api.example:443",
            ),
            (
                &[
                    "allow send udp://10.1.0.0/16:53",
                    "allow resolve ns.example",
                ],
                "send udp://ns.example:53",
            ),
            (&[], "connect tcp://api_server:443"),
            (
                &["allow connect tcp://api.example:443", "deny resolve *"],
                "connect tcp://api.example:443",
            ),
            (
                &[
                    "allow connect tcp://api.example:443",
                    "deny connect tcp://public:443",
                ],
                "connect tcp://api.example:443",
            ),
            (
                &[
                    "allow connect tcp://api.example:443",
                    "deny connect tcp://*:*",
                ],
                "connect tcp://api.example:443",
            ),
            (
                &[
                    "allow connect tcp://api.example:80",
                    "allow connect tcp://*.api.example:443",
                ],
                "connect tcp://api.example:443",
            ),
            (
                &["allow connect tcp://api.example:443"],
                "connect tcp://www.example:443",
            ),
            (&["allow resolve *"], "resolve api.example"),
            (&["deny resolve *"], "resolve localhost"),
            // Requests.
            (&[], "http GET https://api.example/v1/a"),
            (&[], "http GET https://10.0.0.5:443/1/a"),
            (&[], "http GET http://localhost:8080/"),
            (&[], "http GET http://db/"),
            (
                &["allow http GET,HEAD https://api.example/v1/*"],
                "http GET https://api.example/v1/../v1/a",
            ),
            (
                &["allow http GET,HEAD https://api.example/v1/*"],
                "http PUT https://api.example/v1/a",
            ),
            (
                &["allow http GET,HEAD https://api.example/v1/*"],
                "http GET http://api.example/v1/a",
            ),
            (
                &["allow http GET,HEAD https://api.example/v1/*"],
                "http GET https://api.example:8443/v1/a",
            ),
            (
                &[
                    "allow http https://api.example/v1",
                    "allow http https://api.example/v1/a/*",
                ],
                "http GET https://api.example/v1/a",
            ),
            (
                &["allow http https://*.api.example/*"],
                "http GET https://api.example/",
            ),
            (
                &["allow http https://api.example/*"],
                "http GET https://8.8.8.8/",
            ),
            (&["allow http http://*/*"], "http GET http://10.0.0.5/"),
            (
                &["allow http http://[10.0.0.0/8]/*"],
                "http GET http://10.0.0.5/",
            ),
            (
                &["allow http http://[10.0.0.0/8]/*"],
                "http GET http://db.example/",
            ),
            (
                &[
                    "allow http http://[10.0.0.0/8]/*",
                    "allow resolve db.example",
                ],
                "http GET http://db.example/",
            ),
            (
                &[
                    "allow http https://*/* ",
                    "allow http https://api.example/* in=private",
                    "deny http https://[9.9.9.0/24]/*",
                    "deny connect tcp://8.8.8.8:*",
                    "deny http https://api.example/admin*",
                ],
                "http GET https://api.example/a",
            ),
            (
                &[
                    "allow http https://*/*",
                    "deny http https://api.example/admin*",
                ],
                "http GET https://api.example/admin/a",
            ),
            (
                &["allow http https://*/*", "deny resolve *.example"],
                "http GET https://api.example/",
            ),
            (
                &["allow connect tcp://api.example:443"],
                "http GET https://api.example/",
            ),
            (
                &["allow connect tcp://*:443"],
                "http GET https://api.example/",
            ),
            (
                &["allow http http://*/*"],
                "http GET http://[64:ff9b::7f00:1]/",
            ),
            (&["allow http http://*/*"], "http GET http://0.0.0.0/"),
        ]
        .iter()
        .map(|(rules, question)| explained(rules, question))
        .collect();
        insta::assert_snapshot!(answers.join("\n"));
    }

    #[test]
    fn what_the_guest_gave_up_is_told() {
        let granted = policy(&["allow connect tcp://10.0.0.0/8:*"]);
        let narrowed = granted.narrowed(policy(&["allow connect tcp://10.0.0.1:80"]));
        let answer = |text: &str| narrowed.explain(&question(text)).to_string();
        assert_eq!(
            answer("connect tcp://10.0.0.2:80"),
            "deny: the guest gave it up: no rule allows it: \
             the rule `allow connect tcp://10.0.0.1:80` is for 10.0.0.1, not 10.0.0.2"
        );
        assert_eq!(
            answer("connect tcp://10.0.0.1:80"),
            "allow: the rule `allow connect tcp://10.0.0.0/8:*` allows it"
        );
    }

    #[test]
    fn a_question_names_one_thing() {
        let messages: Vec<String> = [
            "",
            "conect tcp://10.0.0.5:80",
            "connect",
            "allow connect tcp://10.0.0.5:80",
            "connect tcp://*:80",
            "connect tcp://private:80",
            "connect tcp://10.0.0.0/8:80",
            "connect tcp://[2001:db8::/32]:80",
            "connect tcp://*.example:80",
            "connect tcp://db.example:80,81",
            "connect ip://db.example:80",
            "connect tcp://db.example:80 in=private",
            "connect unix-abstract:app/*",
            "connect unix:/run/*.sock",
            "resolve *",
            "connect ip://10.0.0.5:80",
            "connect tcp://10.0.0.5:*",
            "connect tcp://10.0.0.5:80-90",
            "connect tcp://10.0.0.5:80,90",
            "connect tcp://10.0.0.5:0",
            "connect udp://10.0.0.5:80",
            "listen tcp://[::]:80 from=private",
            "listen tcp://[::]:80 from=10.0.0.1,10.0.0.2",
            "connect unix:/run/app/",
            "connect vsock://2:*",
            "resolve *.example.com",
            "option so-mark",
            "pass-fd *",
            "take-fd unix:/run/a of=file,pipe",
            "http https://api.example/",
            "http GET,PUT https://api.example/",
            "http GET https://api.example/*",
            "http GET https://*/",
            "http GET https://*.example/",
            "http GET https://private/",
            "http GET https://[10.0.0.0/8]/",
            "http GET https://api.example:80,81/",
            "http GET https://api.example/ in=private",
            "http GET api.example",
        ]
        .into_iter()
        .map(|text| text.parse::<Question>().expect_err(text).to_string())
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    fn rules() -> impl Strategy<Value = Vec<Rule>> {
        let rule = (
            "allow|deny",
            "(connect|listen|bind) (tcp|ip)|(send|recv) (udp|ip)",
            r"1[0-2]\.0\.0\.[0-3]|8\.0\.0\.0/[5-9]|\*|private|public|\[64:ff9b::/96\]",
            r"[1-3]|\*|1-2",
        );
        let rule = rule.prop_filter_map("no rule", |(effect, op, host, ports)| {
            format!("{effect} {op}://{host}:{ports}").parse().ok()
        });
        proptest::collection::vec(rule, 0..6)
    }

    proptest! {
        /// The answer is what the check does.
        #[test]
        fn it_says_what_the_check_does(
            rules in rules(),
            op in "connect tcp|listen tcp|bind tcp|send udp|recv udp",
            host in r"1[0-2]\.0\.0\.[0-3]|8\.8\.8\.8|0\.0\.0\.0|\[::ffff:10\.0\.0\.1\]|\[64:ff9b::a00:1\]",
            port in "[1-3]|ephemeral",
        ) {
            let policy = rules.into_iter().fold(Policy::default(), Policy::with);
            let question = question(&format!("{op}://{host}:{port}"));
            let Subject::Address { protocol, address, .. } = question.subject.clone() else {
                panic!("{question} is about an address");
            };
            let denial = |refusal| match refusal {
                Refusal::Denied(denial) => Some(denial),
                Refusal::Invalid(_) => None,
            };
            let checked = match question.op {
                Op::Connect => policy.vet::<Connect>(protocol, address).map(|_| ()).map_err(denial),
                Op::Listen => policy.vet::<Listen>(protocol, address).map(|_| ()).map_err(denial),
                Op::Bind => policy.vet::<Bind>(protocol, address).map(|_| ()).map_err(denial),
                Op::Send => policy.vet::<Send>(protocol, address).map(|_| ()).map_err(denial),
                _ => policy.admit_sender(protocol, None, &address).map_err(Some),
            };
            let answer = policy.explain(&question);
            prop_assert_eq!(answer.verdict() == Verdict::Allow, checked.is_ok(), "{}", answer);
            if let Err(denial) = checked {
                let forbidden = denial.as_ref().is_some_and(|denial| denial.rule().is_some());
                let invalid = denial.is_none();
                prop_assert!(!forbidden || answer.rule().is_some());
                prop_assert_eq!(answer.grants().is_empty(), invalid || answer.rule().is_some());
            } else {
                let by_itself = question.op == Op::Bind && host == "0.0.0.0" && port == "ephemeral";
                let expected = (!by_itself || answer.rule().is_some()).then_some(Effect::Allow);
                prop_assert_eq!(answer.rule().map(Rule::effect), expected);
            }
        }

        #[test]
        fn any_text_is_a_question_or_an_error(text in "(connect|listen|resolve|option|raw|interfaces)?[ -~\u{e4}]{0,40}") {
            match text.parse::<Question>() {
                Ok(question) => drop(Policy::default().explain(&question)),
                Err(error) => prop_assert!(text.is_char_boundary(error.offset())),
            }
        }
    }
}
