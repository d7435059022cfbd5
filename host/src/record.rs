//! What a trusted guest does, as the policy that would have allowed it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::policy::{Check, Denial, Effect, Op, Policy, Rule, VettedName};

/// How many different operations are remembered: the policy is compared with
/// each of them. What is beyond it is denied, as without a recording.
const OPERATIONS: usize = 2048;

/// What a guest does while [`CapsockCtx::recording`](crate::CapsockCtx::recording)
/// lets it. A clone is the same recording.
#[derive(Clone, Debug)]
pub struct Recording(Arc<Mutex<Record>>);

#[derive(Debug)]
struct Record {
    /// What forbids, from the beginning, and what was learnt.
    policy: Policy,
    operations: BTreeMap<Key, Operation>,
}

/// The rules that let an operation be done.
#[derive(Debug)]
pub(crate) struct Lesson {
    pub(crate) rules: Vec<Rule>,
    /// They are only for this once; what the socket is used for tells which
    /// are needed.
    pub(crate) once: bool,
}

/// The operation, its target, and the peer.
type Key = (&'static str, String, Option<String>);

#[derive(Debug)]
struct Operation {
    check: Check,
    count: u64,
    /// For what is done to a socket before it is known what it is for: needed
    /// only if no grant of its use is enough.
    otherwise: Option<Rule>,
}

/// A line of the file: its grants, and how often each was used.
type Lines = BTreeMap<String, u64>;

impl Recording {
    pub(crate) fn new(forbidding: Policy) -> Self {
        Self(Arc::new(Mutex::new(Record {
            policy: forbidding,
            operations: BTreeMap::new(),
        })))
    }

    /// The rules that lift a denial.
    ///
    /// # Errors
    /// The denial where the recording is full, and otherwise what no rule lifts: a rule
    /// that forbids it, or a limit.
    pub(crate) fn learn(&self, check: &Check, denial: Denial) -> Result<Lesson, Denial> {
        let mut record = self.record();
        if record.operations.len() >= OPERATIONS {
            return Err(denial);
        }
        let once = matches!(check, Check::Open(_));
        let mut rules = Vec::new();
        let mut policy = record.policy.clone();
        let mut why = denial;
        // An address may reach another one, which needs a rule too.
        for _subject in 0..2 {
            let by_name = why.grant().map(|grant| policy.by_name(grant));
            let by_name = by_name.into_iter().flatten();
            for rule in by_name.chain(check.lifting(&why)) {
                let wider = policy.clone().with(rule.clone());
                let verdict = check.ask(&wider);
                if verdict.as_ref() == Err(&why) {
                    continue;
                }
                rules.push(rule);
                policy = wider;
                match verdict {
                    Ok(()) if once => return Ok(Lesson { rules, once }),
                    Ok(()) => {
                        record.policy = policy;
                        return Ok(Lesson { rules, once });
                    }
                    Err(other) => why = other,
                }
                break;
            }
        }
        Err(why)
    }

    /// Remembers what a name was resolved to: what is connected to then is
    /// learnt by the name.
    pub(crate) fn pin(&self, name: &VettedName, ips: impl Iterator<Item = IpAddr>) {
        let mut record = self.record();
        record.policy = record.policy.clone().pinned(name, ips, Instant::now());
    }

    /// Remembers an operation that was allowed.
    pub(crate) fn note(&self, check: Check) {
        // The check of its address follows, and means this one too.
        if matches!(check, Check::Request { ip: None, .. }) {
            return;
        }
        let Some(asked) = check.asked() else {
            return;
        };
        let mut record = self.record();
        let full = record.operations.len() >= OPERATIONS;
        let peer = match &check {
            // Each address of its name counts.
            Check::Request { ip, .. } => ip.map(|ip| ip.to_string()),
            _ => asked.peer().map(str::to_owned),
        };
        match record
            .operations
            .entry((asked.op().name(), asked.target().to_owned(), peer))
        {
            Entry::Occupied(known) => known.into_mut().count += 1,
            Entry::Vacant(_) if full => {}
            Entry::Vacant(new) => {
                let otherwise = match check {
                    Check::Open(_) => asked.lifted_by().cloned(),
                    _ => None,
                };
                new.insert(Operation {
                    check,
                    count: 1,
                    otherwise,
                });
            }
        }
    }

    /// The smallest policy that allows what was done: exact addresses, or the
    /// names that they were looked up by; nothing that another grant implies; and the denials that were there from the
    /// beginning.
    pub fn policy(&self) -> Policy {
        self.record().smallest()
    }

    /// [`policy`](Self::policy) as a policy file: sorted, with how often each
    /// grant was used, and with the ports of one host together.
    pub fn to_toml(&self) -> String {
        let record = self.record();
        let policy = record.smallest();
        let mut text = String::new();
        for effect in [Effect::Allow, Effect::Deny] {
            let mut table: BTreeMap<&str, Lines> = BTreeMap::new();
            for rule in policy.rules().iter().filter(|rule| rule.effect() == effect) {
                let target = target(rule);
                let lines = table.entry(rule.op().name()).or_default();
                lines.insert(target, record.uses(&policy, rule));
            }
            if let Some(lines) = table.get_mut(Op::Connect.name())
                && effect == Effect::Allow
            {
                *lines = with_joined_ports(lines);
            }
            write_table(&mut text, effect, &table);
        }
        text
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Each change is one of counts or of the whole policy.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn smallest(&self) -> Policy {
        let mut policy = self.policy.clone();
        for operation in self.operations.values() {
            if let Some(grant) = &operation.otherwise
                && operation.check.ask(&policy).is_err()
            {
                policy = policy.with(grant.clone());
            }
        }
        // A listen implies its bind, and a send implies the answers.
        let implied = |rule: &Rule| matches!(rule.op(), Op::Recv | Op::Bind);
        let (first, then): (Vec<_>, Vec<_>) = grants(&policy).partition(implied);
        let together: Vec<_> = self.needing_several(&policy).collect();
        for rule in first.iter().chain(&then) {
            let without = policy.clone().without(rule);
            let relying = self
                .allowed_by(&policy, rule)
                .chain(together.iter().copied());
            if relying
                .into_iter()
                .all(|operation| operation.check.ask(&without).is_ok())
            {
                policy = without;
            }
        }
        policy
    }

    fn uses(&self, policy: &Policy, rule: &Rule) -> u64 {
        self.allowed_by(policy, rule)
            .map(|operation| operation.count)
            .sum()
    }

    /// What the one grant is enough for.
    fn allowed_by(&self, policy: &Policy, rule: &Rule) -> impl Iterator<Item = &Operation> {
        let alone = policy.alone(rule);
        let operations = self.operations.values();
        operations.filter(move |operation| operation.check.ask(&alone).is_ok())
    }

    /// What no grant is enough for by itself.
    fn needing_several(&self, policy: &Policy) -> impl Iterator<Item = &Operation> {
        let alone: Vec<_> = grants(policy).map(|rule| policy.alone(&rule)).collect();
        let operations = self.operations.values();
        operations.filter(move |operation| {
            let allows = |policy: &Policy| operation.check.ask(policy).is_ok();
            !alone.iter().any(allows)
        })
    }
}

fn grants(policy: &Policy) -> impl Iterator<Item = Rule> {
    let rules = policy.rules().iter();
    rules.filter(|rule| rule.effect() == Effect::Allow).cloned()
}

/// What follows the operation in a rule.
fn target(rule: &Rule) -> String {
    let text = rule.to_string();
    let head = format!("{} {} ", rule.effect(), rule.op());
    text.strip_prefix(&head).unwrap_or(&text).to_owned()
}

/// `tcp://HOST:80` and `tcp://HOST:443` as `tcp://HOST:80,443`.
fn with_joined_ports(lines: &Lines) -> Lines {
    let mut hosts: BTreeMap<&str, BTreeMap<u16, u64>> = BTreeMap::new();
    let mut joined = Lines::new();
    for (target, count) in lines {
        let internet = ["tcp://", "udp://", "mptcp://", "udplite://"];
        let split = target.rsplit_once(':').and_then(|(host, port)| {
            let known = internet.iter().any(|scheme| host.starts_with(scheme));
            known.then_some((host, port.parse().ok()?))
        });
        match split {
            Some((host, port)) => {
                hosts.entry(host).or_default().insert(port, *count);
            }
            None => {
                joined.insert(target.clone(), *count);
            }
        }
    }
    for (host, ports) in hosts {
        let list: Vec<_> = ports.keys().map(u16::to_string).collect();
        joined.insert(format!("{host}:{}", list.join(",")), ports.values().sum());
    }
    joined
}

fn write_table(text: &mut String, effect: Effect, table: &BTreeMap<&str, Lines>) {
    if table.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    // Writing to a string does not fail.
    _ = writeln!(text, "[{effect}]");
    for (op, lines) in table {
        _ = writeln!(text, "{op} = [");
        for (target, count) in lines {
            // What cannot be printed is escaped in a target already.
            let quoted = target.replace('\\', "\\\\").replace('"', "\\\"");
            _ = match (effect, count) {
                (Effect::Deny, _) | (_, 0) => writeln!(text, "    \"{quoted}\","),
                (_, 1) => writeln!(text, "    \"{quoted}\", # once"),
                (_, count) => writeln!(text, "    \"{quoted}\", # {count} times"),
            };
        }
        text.push_str("]\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::http::Request;

    /// Its name has a public address, and then a private one.
    #[test]
    fn a_request_is_allowed_wherever_it_went() {
        let recording = Recording::new(Policy::default());
        let request = Request::of("GET", "http", "a.example", "/b").expect("a request");
        let check = |ip: Option<&str>| Check::Request {
            request: request.clone(),
            ip: ip.map(|ip| ip.parse().expect(ip)),
        };
        let did = [None, Some("8.8.8.8"), None, Some("10.0.0.5")].map(check);
        for check in &did {
            if let Err(denial) = check.ask(&recording.policy()) {
                let lesson = recording.learn(check, denial);
                assert!(!lesson.expect("nothing forbids it").rules.is_empty());
            }
            recording.note(check.clone());
        }
        for check in &did {
            check.ask(&recording.policy()).expect("it was recorded");
        }
        let text = recording.to_toml();
        assert!(text.contains("GET http://a.example/b"), "{text}");
        assert!(text.contains("in=private"), "{text}");
    }
}
