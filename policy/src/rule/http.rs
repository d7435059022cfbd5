//! Requests in rules.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{Effect, Host, Name, Ports, Proto, Rule, Target};
use crate::class::Class;
use crate::facts::Facts;
use crate::http::{Request, in_rules, is_like_a_prefix, port_of, widest};
use crate::{Op, Protocol};

/// What requests a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HttpTarget {
    /// None: all of them.
    pub(crate) methods: Vec<String>,
    pub(crate) is_https: bool,
    pub(crate) host: HttpHost,
    pub(crate) ports: Ports,
    /// As paths are compared.
    pub(crate) path: String,
    /// Whether whatever follows it is meant too.
    pub(crate) more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HttpHost {
    Address(Host),
    /// Whatever the host resolves a name to, within some classes.
    Named {
        name: Name,
        within: Vec<Class>,
    },
}

/// What a request is sent over.
pub(crate) const PROTO: Proto = Proto::Only(Protocol::Tcp);

impl HttpTarget {
    /// Whether it is about a request, whatever its host is.
    pub(crate) fn covers_but_host(&self, effect: Effect, request: &Request) -> bool {
        self.covers_method(request)
            && self.is_https == request.is_https()
            && self.ports.covers(request.destination().port())
            && self.covers_path(effect, request.path())
    }

    pub(crate) fn covers_method(&self, request: &Request) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|it| it == request.method())
    }

    /// A grant is about one path; a denial about whatever a server may take for it.
    pub(crate) fn covers_path(&self, effect: Effect, path: &str) -> bool {
        let named = in_rules(path);
        let is_named = match self.more {
            true => named.starts_with(&self.path),
            false => named == self.path,
        };
        let is_taken_for_it = || match (widest(&self.path), widest(path)) {
            (denied, path) if self.more => path.starts_with(&denied),
            (denied, path) => path == denied,
        };
        is_named || (effect == Effect::Deny && is_taken_for_it())
    }
}

impl Rule {
    /// What requests it is about, if that is what it is about.
    pub(crate) fn http(&self) -> Option<&HttpTarget> {
        match &self.target {
            Target::Http(http) => Some(http),
            _ => None,
        }
    }

    /// Whether it may allow a request to a name, by some address that the name could have.
    /// `is_told` is whether the guest may look the name up by itself.
    pub(crate) fn may_allow(&self, request: &Request, is_told: bool) -> bool {
        match &self.target {
            Target::Http(http) => {
                let is_host = match &http.host {
                    HttpHost::Named { name, .. } => is_to(request, name),
                    HttpHost::Address(Host::Any | Host::Class(Class::Public)) => true,
                    HttpHost::Address(_) => is_told,
                };
                is_host && http.covers_but_host(Effect::Allow, request)
            }
            Target::Named { name, .. } => self.connects(request) && is_to(request, name),
            _ => self.connects(request) && is_told,
        }
    }

    /// Whether it is about a request, whatever address its name leads to: by the name, or
    /// by every address.
    pub(crate) fn forbids_wherever(&self, request: &Request) -> bool {
        match &self.target {
            Target::Http(http) => {
                let is_host = match &http.host {
                    HttpHost::Named { name, .. } => is_to(request, name),
                    HttpHost::Address(host) => is_everywhere(*host, request),
                };
                is_host && http.covers_but_host(Effect::Deny, request)
            }
            Target::Net { host, .. } => self.connects(request) && is_everywhere(*host, request),
            _ => {
                let mut name = request.name().into_iter();
                self.op == Op::Resolve && name.any(|name| self.covers_name(name))
            }
        }
    }

    /// Whether it is about a request that goes to an address, which its name has resolved to
    /// where it has one. A rule for connecting to the name needs no pin for that.
    pub(crate) fn covers_request(&self, request: &Request, ip: IpAddr, facts: &Facts) -> bool {
        let is_class = |within: &[Class]| {
            let class = facts.class_of(ip);
            class.is_some_and(|class| within.contains(&class))
        };
        match &self.target {
            Target::Http(http) => {
                let is_host = match &http.host {
                    HttpHost::Named { name, within } => is_to(request, name) && is_class(within),
                    HttpHost::Address(host) => host.covers(self.effect, ip, Some(facts)),
                };
                is_host && http.covers_but_host(self.effect, request)
            }
            Target::Named { name, within, .. } => {
                self.connects(request) && is_to(request, name) && is_class(within)
            }
            _ => false,
        }
    }

    /// Whether it is about connections to a request's port, or forbids them.
    pub(crate) fn connects(&self, request: &Request) -> bool {
        let is_op = match self.effect {
            Effect::Allow => self.op == Op::Connect,
            Effect::Deny => Op::Connect.denied_by().contains(&self.op),
        };
        match &self.target {
            Target::Net { proto, ports, .. } | Target::Named { proto, ports, .. } => {
                is_op
                    && proto.covers(self.effect, Protocol::Tcp)
                    && ports.covers(request.destination().port())
            }
            _ => false,
        }
    }
}

fn is_to(request: &Request, name: &Name) -> bool {
    request.name().is_some_and(|asked| name.covers(asked))
}

/// Whether a denial for a host is about every address that a request could go to. Of
/// `localhost` and what is beneath it these are known.
fn is_everywhere(host: Host, request: &Request) -> bool {
    let is_local = |name: &str| name == "localhost" || name.ends_with(".localhost");
    let local = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let denies = |ip: &IpAddr| host.covers(Effect::Deny, *ip, None);
    host == Host::Any || (request.name().is_some_and(is_local) && local.iter().all(denies))
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(f, "{} ", self.methods.join(","))?;
        }
        f.write_str(if self.is_https { "https://" } else { "http://" })?;
        let is_ipv4 = match &self.host {
            HttpHost::Named { name, .. } => {
                write!(f, "{name}")?;
                false
            }
            // Its slash would begin the path.
            HttpHost::Address(Host::Net(net @ IpNet::V4(_)))
                if net.prefix_len() < net.max_prefix_len() =>
            {
                write!(f, "[{net}]")?;
                false
            }
            HttpHost::Address(host) => {
                write!(f, "{host}")?;
                matches!(host, Host::Net(IpNet::V4(_)))
            }
        };
        let is_own = self.ports == Ports::one(port_of(self.is_https));
        if !is_own || (is_ipv4 && is_like_a_prefix(&self.path)) {
            write!(f, ":{}", self.ports)?;
        }
        f.write_str(&self.path)?;
        if self.more {
            f.write_str("*")?;
        }
        match &self.host {
            HttpHost::Named { within, .. } if within[..] != [Class::Public] => {
                let within: Vec<&str> = within.iter().map(|class| class.name()).collect();
                write!(f, " in={}", within.join(","))
            }
            _ => Ok(()),
        }
    }
}
