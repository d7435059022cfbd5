//! What the log says of a denial, and the grant that would lift it.

use std::fmt;
use std::net::IpAddr;

use crate::address::{host_text, netlink_name};
use crate::class::Class;
use crate::http::Request;
use crate::narrow::LimitedBy;
use crate::question::Subject;
use crate::rule::{DescriptorKind, Effect, Op, Rule};
use crate::text::escape;
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
    /// The cause is in a limit, and whose that is.
    limited_by: Option<LimitedBy>,
    grant: Option<Rule>,
    /// A grant that would allow it and more.
    wide: Option<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cause {
    NoRule,
    /// None allows a use of what has no address of its own, which a grant could
    /// name: why it has to be wider.
    NoWideRule(&'static str),
    /// None is about the kind of socket; any would do.
    NoRuleOfKind,
    /// None could: why.
    NoRuleCould(String),
    /// A name resolved to an address of a class that its rule does not have.
    Class(IpAddr, Option<Class>),
    Rule(Rule),
}

impl Denial {
    pub(crate) fn new(op: Op, protocol: Protocol, address: &Address, cause: Cause) -> Self {
        let granted = granted_op(op, protocol);
        match (address, cause) {
            (Address::Unix(UnixAddress::Unnamed), Cause::NoRule) => {
                let why = "the kernel would choose a name, and a rule names one; use a name";
                Self::without_grant(op, "unix:".to_owned(), Cause::NoRuleCould(why.to_owned()))
            }
            (address, cause) => Self::with_target(op, granted, address.target(protocol), cause),
        }
    }

    /// Of an address that a name resolved to, under a rule for the name.
    pub(crate) fn of_answer(rule: &Rule, name: &str, cause: Cause) -> Self {
        let (op, target) = (rule.op(), rule.target_for(name));
        // What is in no class cannot be had by a name.
        let grant = match cause {
            Cause::Class(_, Some(class)) => Some(format!("{target} in={class}")),
            _ => None,
        };
        let mut denial = Self::without_grant(op, target, cause);
        denial.0.grant = grant.and_then(|grant| Rule::parse(Effect::Allow, op, &grant).ok());
        denial
    }

    pub(crate) fn of_request(request: &Request, cause: Cause) -> Self {
        Self::with_target(Op::Http, Op::Http, request.to_string(), cause)
    }

    /// Of a request to an address that its host is, or that its name has resolved to,
    /// where no rule allows it.
    pub(crate) fn of_request_to(request: &Request, ip: IpAddr, class: Option<Class>) -> Self {
        match (request.name(), class) {
            (None, _) => Self::of_request(&request.at(ip), Cause::NoRule),
            // What a grant of the name is for without `in=`.
            (Some("localhost"), Some(Class::Loopback)) | (_, Some(Class::Public)) => {
                Self::of_request(request, Cause::NoRule)
            }
            (Some(_), class) => {
                let target = request.to_string();
                let cause = match exact_grant(Op::Http, &target) {
                    Ok(_) => Cause::Class(ip, class),
                    Err(why) => Cause::NoRuleCould(why),
                };
                // What is in no class cannot be had by a name.
                let grant = class.map(|class| format!("{target} in={class}"));
                let mut denial = Self::without_grant(Op::Http, target, cause);
                denial.0.grant =
                    grant.and_then(|it| Rule::parse(Effect::Allow, Op::Http, &it).ok());
                denial
            }
        }
    }

    /// Of making a socket at all.
    pub(crate) fn of_kind(protocol: Protocol, cause: Cause) -> Self {
        let op = match protocol {
            Protocol::Alg => Op::Bind,
            protocol if protocol.has_connections() => Op::Connect,
            _ => Op::Send,
        }
        .on(protocol);
        let scheme = protocol.scheme().unwrap_or_default();
        let text = match protocol {
            Protocol::Netlink(number) => netlink_name(number),
            Protocol::Mptcp | Protocol::UdpLite | Protocol::Rds => "*:*".to_owned(),
            _ => "*".to_owned(),
        };
        let target = format!("{scheme}://{text}");
        match (protocol, cause) {
            // To them it is one address: all of the kernel, every interface.
            (Protocol::Netlink(_) | Protocol::Packet | Protocol::Can(_), cause) => {
                Self::with_target(op, op, target, cause)
            }
            // What the socket will be used with is not known yet.
            (_, Cause::NoRule) => {
                let wide = Rule::parse(Effect::Allow, op, &target).ok();
                let mut denial = Self::without_grant(op, target, Cause::NoRuleOfKind);
                denial.0.wide = wide;
                denial
            }
            (_, cause) => Self::with_target(op, op, target, cause),
        }
    }

    pub(crate) fn of_name(name: &str, cause: Cause) -> Self {
        Self::with_target(Op::Resolve, Op::Resolve, name.to_owned(), cause)
    }

    pub(crate) fn of_option(name: &str, value: &str, cause: Cause) -> Self {
        let target = format!("{name}={}", escape(value.as_bytes()));
        Self::with_target(Op::Option, Op::Option, target, cause)
    }

    pub(crate) fn of_interfaces(cause: Cause) -> Self {
        Self::with_target(Op::Interfaces, Op::Interfaces, "*".to_owned(), cause)
    }

    /// Of sending descriptors, or of receiving one of a kind.
    pub(crate) fn of_descriptors(
        op: Op,
        over: &Address,
        kind: DescriptorKind,
        cause: Cause,
    ) -> Self {
        let kind = kind.qualifier();
        match (over, cause) {
            (Address::Unix(UnixAddress::Unnamed), Cause::NoRule) => {
                let why = "only one for every Unix socket is for one without a name";
                Self::with_target(op, op, format!("*{kind}"), Cause::NoWideRule(why))
            }
            (Address::Unix(UnixAddress::Unnamed), cause) => {
                Self::with_target(op, op, format!("*{kind}"), cause)
            }
            (over, cause) => Self::with_target(op, op, format!("{over}{kind}"), cause),
        }
    }

    /// The grant is exactly the target, as the parser of rules takes it.
    fn with_target(op: Op, granted: Op, target: String, cause: Cause) -> Self {
        let rule = match &cause {
            Cause::NoRule => exact_grant(granted, &target).map(Some),
            Cause::NoWideRule(_) => Ok(Rule::parse(Effect::Allow, granted, &target).ok()),
            // No grant outweighs a denial.
            Cause::Rule(_) | Cause::Class(..) | Cause::NoRuleOfKind | Cause::NoRuleCould(_) => {
                Ok(None)
            }
        };
        match rule {
            Ok(grant) => {
                let mut denial = Self::without_grant(op, target, cause);
                denial.0.grant = grant;
                denial
            }
            Err(why) => Self::without_grant(op, target, Cause::NoRuleCould(why)),
        }
    }

    fn without_grant(op: Op, target: String, cause: Cause) -> Self {
        Self(Box::new(Details {
            op,
            target,
            from: None,
            cause,
            limited_by: None,
            grant: None,
            wide: None,
        }))
    }

    pub(crate) fn with_peer(mut self, peer: &Address) -> Self {
        let host = host(peer);
        let grant = self.0.grant.take();
        self.0.grant = grant.and_then(|grant| {
            let target = format!("{} from={host}", grant.target());
            Rule::parse(Effect::Allow, grant.op(), &target).ok()
        });
        self.0.from = Some(host);
        self
    }

    /// As a denial by a limit, which no grant lifts.
    pub fn limited_by(mut self, whom: LimitedBy) -> Self {
        self.0.limited_by = Some(whom);
        self.0.grant = None;
        self.0.wide = None;
        self
    }

    /// Whether the embedder's rules allow it, and a limit does not: one that the
    /// guest set itself, or that its component is sealed with.
    pub fn is_by_limit(&self) -> bool {
        self.0.limited_by.is_some()
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
        match (&self.0.cause, self.0.limited_by) {
            (Cause::NoRule, None) => "no rule allows it".to_owned(),
            (Cause::NoWideRule(why), None) => format!("no rule allows it, and {why}"),
            (Cause::NoRuleOfKind, None) => {
                let scheme = self.0.target.split("://").next().unwrap_or_default();
                format!(
                    "no rule allows it; a grant of the address that the socket is used with does, \
                     as `{} {scheme}://ADDRESS`",
                    self.0.op
                )
            }
            (Cause::NoRuleCould(why), None) => format!("no grant can allow it: {why}"),
            (Cause::Rule(rule), None) => format!("the rule `{rule}` forbids it"),
            (Cause::Class(ip, class), _) => {
                let class = match (class, Class::of(*ip)) {
                    (Some(class), _) => class.name(),
                    (None, Some(_)) => "an address of this machine",
                    (None, None) => "reserved",
                };
                format!("it resolves to {ip}, which is {class}")
            }
            (
                Cause::NoRule | Cause::NoWideRule(_) | Cause::NoRuleOfKind | Cause::NoRuleCould(_),
                Some(whom),
            ) => format!(
                "{}: no rule of its {} allows it",
                whom.reason(),
                whom.rules()
            ),
            (Cause::Rule(rule), Some(whom)) => {
                format!("{}: its rule `{rule}` forbids it", whom.reason())
            }
        }
    }

    /// The rule that forbids it; `None` where it is only that none allows it.
    pub fn rule(&self) -> Option<&Rule> {
        match &self.0.cause {
            Cause::Rule(rule) => Some(rule),
            _ => None,
        }
    }

    /// A grant that would allow it, as [`grant`](Self::grant) or more.
    pub fn lifted_by(&self) -> Option<&Rule> {
        self.grant().or(self.0.wide.as_ref())
    }

    /// The grant that would allow it and no more, as far as rules tell things
    /// apart; `None` where a rule forbids it, a limit does not allow it, there is more
    /// than one, or no grant can allow it, of which [`reason`](Self::reason) says
    /// why.
    pub fn grant(&self) -> Option<&Rule> {
        self.0.grant.as_ref()
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

/// The grant of one thing and nothing beside it.
///
/// # Errors
/// Why there is none: the text is that of a guest's address, and not each of them
/// can be said in a rule.
fn exact_grant(op: Op, target: &str) -> Result<Rule, String> {
    let rule =
        Rule::parse(Effect::Allow, op, target).map_err(|error| error.message().to_owned())?;
    Subject::of(&rule, target)?;
    Ok(rule)
}

/// A stream socket is bound to listen; nearly always the user wants that.
fn granted_op(op: Op, protocol: Protocol) -> Op {
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
