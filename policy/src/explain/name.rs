//! What is said of connecting and sending to a name, whose addresses only a
//! look-up tells.

use super::near::other_op;
use super::{Explanation, NEAR_MISSES, Policy, Verdict, no_rule};
use crate::Protocol;
use crate::class::Class;
use crate::rule::{Effect, Host, HttpHost, Name, Op, Rule, Target};

impl Policy {
    /// The rules decide, and where they allow it the class of what the name
    /// resolves to.
    pub(crate) fn explain_named(
        &self,
        op: Op,
        protocol: Protocol,
        name: &str,
        port: u16,
    ) -> Explanation {
        let asked = Asked {
            op,
            protocol,
            name,
            port,
        };
        if port == 0 && protocol.has_ports() {
            let reason = "invalid-argument, whatever is granted: no peer has port 0".to_owned();
            return Explanation::missing(vec![reason], Vec::new());
        }
        let looked_up = self.explain_name(name);
        if looked_up.verdict == Verdict::Deny && looked_up.rule.is_some() {
            return looked_up;
        }
        let met = |effect| {
            let rules = self.rules.iter();
            rules.filter(move |rule| rule.effect == effect && asked.is_met_by(rule))
        };
        if let Some(rule) = met(Effect::Deny).find(|rule| denies_everything(rule)) {
            return Explanation::denied_by(rule);
        }
        // A rule for the name itself says the most, and includes the look-up.
        let is_named = |rule: &&Rule| matches!(rule.target, Target::Named { .. });
        let (named, other): (Vec<_>, Vec<_>) = met(Effect::Allow).partition(is_named);
        let allowing = || named.iter().chain(&other).copied();
        let Some(first) = allowing().next() else {
            let misses = self
                .rules_of(Effect::Allow)
                .filter_map(|rule| asked.miss(rule));
            let grant = Rule::parse(Effect::Allow, op, &asked.target());
            return Explanation::missing(
                no_rule(misses.take(NEAR_MISSES).collect()),
                grant.into_iter().collect(),
            );
        };
        let denied =
            |class: &Class| met(Effect::Deny).find(|rule| host(rule) == Some(Host::Class(*class)));
        let all_denied = allowing().all(|rule| {
            let classes = classes(rule);
            !classes.is_empty() && classes.iter().all(|class| denied(class).is_some())
        });
        if all_denied && let Some(rule) = classes(first).iter().find_map(denied) {
            return Explanation::denied_by(rule);
        }
        let mut reasons: Vec<String> = allowing()
            .take(NEAR_MISSES)
            .map(|rule| {
                let what = what(rule);
                format!("the rule `{rule}` allows it, if {name} resolves to {what}")
            })
            .collect();
        let exceptions = met(Effect::Deny).take(NEAR_MISSES);
        reasons.extend(exceptions.map(|rule| {
            let what = what(rule);
            format!("the rule `{rule}` forbids it, if {name} resolves to {what}")
        }));
        if looked_up.verdict == Verdict::Deny {
            reasons.insert(0, format!("no rule allows looking {name} up"));
            return Explanation::missing(reasons, looked_up.grants);
        }
        let reason = reasons.remove(0);
        Explanation::allow(Some(first), reason).also(reasons)
    }
}

/// A question about whatever a name resolves to.
#[derive(Clone, Copy)]
struct Asked<'a> {
    op: Op,
    protocol: Protocol,
    name: &'a str,
    port: u16,
}

impl Asked<'_> {
    fn target(self) -> String {
        let scheme = self.protocol.scheme().unwrap_or_default();
        match self.protocol.has_ports() {
            true => format!("{scheme}://{}:{}", self.name, self.port),
            false => format!("{scheme}://{}", self.name),
        }
    }

    /// Whether the rule is about it, if the name resolves to the right address.
    fn is_met_by(self, rule: &Rule) -> bool {
        rule.op == self.op && self.misses(rule).is_some_and(|misses| misses.is_empty())
    }

    /// In what the rule misses it; `None` for one that is not about hosts.
    fn misses(self, rule: &Rule) -> Option<Vec<String>> {
        let (proto, ports, granted) = match &rule.target {
            Target::Net { proto, ports, .. } => (proto, ports, None),
            Target::Named {
                proto, ports, name, ..
            } => (proto, ports, Some(name)),
            _ => return None,
        };
        let mut misses = Vec::new();
        if !proto.covers(rule.effect, self.protocol) {
            let asked = self.protocol.scheme()?;
            misses.push(format!("the rule `{rule}` is for {proto}, not {asked}"));
        }
        if self.protocol.has_ports() && !ports.covers(self.port) {
            let port = self.port;
            misses.push(format!("the rule `{rule}` is for port {ports}, not {port}"));
        }
        if let Some(granted) = granted
            && !rule.covers_name(self.name)
        {
            misses.push(other_name(rule, granted, self.name));
        }
        Some(misses)
    }

    /// The words for a rule that misses in one thing only.
    fn miss(self, rule: &Rule) -> Option<String> {
        let mut misses = self.misses(rule)?;
        if rule.op != self.op {
            misses.push(other_op(rule, self.op));
        }
        match misses.len() {
            1 => misses.pop(),
            _ => None,
        }
    }
}

/// The words for a rule that is for another name.
pub(super) fn other_name(rule: &Rule, granted: &Name, name: &str) -> String {
    match granted.beneath && granted.name == name {
        true => format!("the rule `{rule}` is for the names beneath {name}, not for itself"),
        false => format!("the rule `{rule}` is for {granted}, not {name}"),
    }
}

fn denies_everything(rule: &Rule) -> bool {
    host(rule) == Some(Host::Any)
}

fn host(rule: &Rule) -> Option<Host> {
    match &rule.target {
        Target::Net { host, .. } => Some(*host),
        Target::Http(http) => match http.host {
            HttpHost::Address(host) => Some(host),
            HttpHost::Named { .. } => None,
        },
        _ => None,
    }
}

/// The classes that a grant is for; none where it is for a net.
fn classes(rule: &Rule) -> Vec<Class> {
    match host(rule) {
        None => rule.within().to_vec(),
        Some(Host::Any) => vec![Class::Public],
        Some(Host::Class(class)) => vec![class],
        Some(Host::Localhost) => vec![Class::Loopback],
        Some(Host::Net(net)) if net.prefix_len() == 0 => vec![Class::Public],
        Some(Host::Net(_)) => Vec::new(),
    }
}

/// What a rule is for of what a name may resolve to.
pub(super) fn what(rule: &Rule) -> String {
    match (host(rule), rule.effect) {
        (Some(Host::Localhost), _) => "127.0.0.1 or ::1".to_owned(),
        (Some(net @ Host::Net(one)), _) if one.prefix_len() == one.max_prefix_len() => {
            net.to_string()
        }
        (Some(net @ Host::Net(one)), effect) if effect == Effect::Deny || one.prefix_len() > 0 => {
            format!("an address in {net}")
        }
        _ => {
            let classes: Vec<&str> = classes(rule).iter().map(|class| class.name()).collect();
            format!("a {} address", classes.join(" or "))
        }
    }
}
