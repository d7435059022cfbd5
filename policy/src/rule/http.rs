//! Requests in rules.

use std::fmt;
use std::net::IpAddr;

use super::{Effect, Host, Name, Ports, Proto, Rule, Target};
use crate::class::Class;
use crate::facts::Facts;
use crate::http::{self, Request, widest, write_path};
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

impl HttpTarget {
    /// Whether it is about a request, whatever its host is.
    pub(crate) fn covers_but_host(&self, effect: Effect, request: &Request) -> bool {
        let is_method =
            self.methods.is_empty() || self.methods.iter().any(|method| method == request.method());
        let port = request.destination().port();
        is_method
            && self.is_https == request.is_https()
            && self.ports.covers(port)
            && self.covers_path(effect, &request.compared_path())
    }

    /// Some servers take several slashes for one, and others drop what follows a `;`: a
    /// denial is about what either kind makes of a path.
    fn covers_path(&self, effect: Effect, path: &str) -> bool {
        let is_it = |path: &str| match self.more {
            true => path.starts_with(&self.path),
            false => path == self.path,
        };
        is_it(path) || (effect == Effect::Deny && is_it(&widest(path)))
    }

    /// Whether its host may be that of a request, of which no address is known yet.
    pub(crate) fn may_be_host(&self, name: &str) -> bool {
        match &self.host {
            HttpHost::Named { name: granted, .. } => granted.covers(name),
            HttpHost::Address(_) => true,
        }
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

    /// Whether it is about a request that goes to an address, which its name has resolved to
    /// where it has one. A rule for connections is about every request over them, and knows
    /// the request's name.
    pub(crate) fn covers_request(&self, request: &Request, ip: IpAddr, facts: &Facts) -> bool {
        let is_class = |within: &[Class]| {
            let class = facts.class_of(ip);
            class.is_some_and(|class| within.contains(&class))
        };
        self.names_request(request, |name, within| {
            let is_named = request
                .name()
                .is_some_and(|asked| name.covers(asked.as_str()));
            is_named && (self.effect == Effect::Deny || is_class(within))
        }) || self.http().is_some_and(|http| {
            http.covers_but_host(self.effect, request)
                && matches!(&http.host, HttpHost::Address(host) if host.covers(self.effect, ip, Some(facts)))
        })
    }

    /// Whether it is about a request by the name of its host, but for the classes that it
    /// has.
    pub(crate) fn covers_named_request(&self, request: &Request) -> bool {
        let asked = request.name();
        let asked = asked.as_ref();
        self.names_request(request, |name, _within| {
            asked.is_some_and(|asked| name.covers(asked.as_str()))
        })
    }

    fn names_request(&self, request: &Request, is_host: impl Fn(&Name, &[Class]) -> bool) -> bool {
        match &self.target {
            Target::Http(http) => match &http.host {
                HttpHost::Named { name, within } => {
                    http.covers_but_host(self.effect, request) && is_host(name, within)
                }
                HttpHost::Address(_) => false,
            },
            Target::Named {
                proto,
                name,
                ports,
                within,
            } => {
                self.op == Op::Connect
                    && proto.covers(self.effect, Protocol::Tcp)
                    && ports.covers(request.destination().port())
                    && is_host(name, within)
            }
            _ => false,
        }
    }

    /// The classes that the address of a name may be of, as text.
    pub(crate) fn http_classes(&self) -> Option<String> {
        let within = match &self.target {
            Target::Http(http) => match &http.host {
                HttpHost::Named { within, .. } => within,
                HttpHost::Address(_) => return None,
            },
            Target::Named { within, .. } => within,
            _ => return None,
        };
        let within: Vec<&str> = within.iter().map(|class| class.name()).collect();
        Some(within.join(", "))
    }

    /// Whether it may let a connection to a port be made, to whatever address.
    pub(crate) fn may_connect_to(&self, port: u16) -> bool {
        matches!(&self.target, Target::Net { proto, ports, .. }
            if self.op == Op::Connect && proto.covers(self.effect, Protocol::Tcp) && ports.covers(port))
    }

    /// The target of the same rule for one request, and a class.
    pub(crate) fn target_for_request(&self, request: &Request, class: Class) -> (Op, String) {
        match &self.target {
            Target::Http(_) => (Op::Http, format!("{request} in={class}")),
            _ => {
                let name = request.name();
                let name = name.as_ref().map_or("", |name| name.as_str());
                (self.op, format!("{} in={class}", self.target_for(name)))
            }
        }
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            write!(f, "{} ", self.methods.join(","))?;
        }
        f.write_str(if self.is_https { "https://" } else { "http://" })?;
        match &self.host {
            HttpHost::Named { name, .. } => write!(f, "{name}")?,
            // A slash would begin the path.
            HttpHost::Address(Host::Net(net)) if net.prefix_len() < net.max_prefix_len() => {
                write!(f, "[{net}]")?;
            }
            HttpHost::Address(host) => write!(f, "{host}")?,
        }
        let own = Ports::one(http::port_of(self.is_https));
        if self.ports != own {
            write!(f, ":{}", self.ports)?;
        }
        write_path(f, &self.path)?;
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

/// What a rule for requests is, of a connection: TCP.
pub(crate) const PROTO: Proto = Proto::Only(Protocol::Tcp);
