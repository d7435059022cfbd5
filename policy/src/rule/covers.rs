//! What a rule is about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use ipnet::IpNet;

use super::{
    AbstractName, Effect, Family, Host, HttpHost, Name, Op, OptionValue, PortItem, Ports, Proto,
    Rule, Target, UnixPath,
};
use crate::class::{self, Class};
use crate::facts::Facts;
use crate::{Address, Protocol, UnixAddress};

impl Rule {
    pub(crate) fn covers(&self, protocol: Protocol, address: &Address, facts: &Facts) -> bool {
        // What is bound is always this machine's own.
        let peers = (!matches!(self.op, Op::Bind | Op::Listen)).then_some(facts);
        match (&self.target, address) {
            (
                Target::Net { proto, host, ports },
                Address::Inet(_) | Address::Inet6(_) | Address::Rds(_),
            ) => address.canonical().is_some_and(|endpoint| {
                proto.covers(self.effect, protocol)
                    && (ports.covers(endpoint.port()) || !protocol.has_ports())
                    && (host.covers(self.effect, endpoint.ip(), peers)
                        || self.is_met_everywhere(*host, endpoint))
            }),
            (
                Target::Named {
                    proto,
                    name,
                    ports,
                    within,
                },
                Address::Inet(_) | Address::Inet6(_) | Address::Rds(_),
            ) => address.canonical().is_some_and(|endpoint| {
                proto.covers(self.effect, protocol)
                    && (ports.covers(endpoint.port()) || !protocol.has_ports())
                    && facts.pins.any(endpoint.ip(), |pinned| name.covers(pinned))
                    && facts
                        .class_of(endpoint.ip())
                        .is_some_and(|class| within.contains(&class))
            }),
            (
                Target::Special {
                    family,
                    address: granted,
                },
                _,
            ) => {
                Family::of(protocol) == Some(*family)
                    && granted
                        .as_ref()
                        .is_none_or(|granted| granted.covers(self.effect, protocol, address, facts))
            }
            (Target::UnixPath(granted), Address::Unix(UnixAddress::Pathname(path))) => {
                granted.covers(path)
                    || (self.effect == Effect::Deny && granted.covers_alias(path, facts))
            }
            // A name that the kernel is to choose: who denies all means that too.
            (
                Target::UnixAbstract(AbstractName { name, more }),
                Address::Unix(UnixAddress::Unnamed),
            ) => {
                let is_of_binds = matches!(self.op, Op::Bind | Op::Listen);
                self.effect == Effect::Deny && is_of_binds && *more && name.is_empty()
            }
            (Target::UnixAbstract(granted), Address::Unix(UnixAddress::Abstract(name))) => {
                granted.covers(name)
            }
            _ => false,
        }
    }

    /// Whether what is bound to every address is bound to one that this denies. A
    /// client that the kernel gives an address and a port is bound to none.
    fn is_met_everywhere(&self, host: Host, local: SocketAddr) -> bool {
        let is_bound = match self.op {
            Op::Listen => true,
            Op::Bind => local.port() != 0,
            _ => false,
        };
        let is_family = match host {
            Host::Net(net) => net.addr().is_ipv4() == local.is_ipv4(),
            Host::Any | Host::Class(_) | Host::Localhost => true,
        };
        self.effect == Effect::Deny && is_bound && local.ip().is_unspecified() && is_family
    }

    /// Whether the rule is about some address of a protocol.
    pub(crate) fn speaks(&self, protocol: Protocol) -> bool {
        match (&self.target, protocol) {
            (Target::Net { proto, .. } | Target::Named { proto, .. }, _) => {
                proto.covers(self.effect, protocol)
            }
            (Target::Special { family, address }, _) => {
                Family::of(protocol) == Some(*family)
                    && address
                        .as_ref()
                        .is_none_or(|address| address.speaks(protocol))
            }
            _ => false,
        }
    }

    /// Whether the rule is about every address of a protocol.
    pub(crate) fn is_about_all_of(&self, protocol: Protocol) -> bool {
        self.from.is_empty()
            && self.speaks(protocol)
            && match &self.target {
                Target::Net { host, ports, .. } => {
                    *host == Host::Any && ports.0.iter().all(|item| *item == PortItem::Any)
                }
                Target::Special { address, .. } => address
                    .as_ref()
                    .is_none_or(|address| address.is_all_of(protocol)),
                _ => false,
            }
    }

    /// Whether the rule lets a name be looked up, or forbids it.
    pub(crate) fn covers_name(&self, asked: &str) -> bool {
        match &self.target {
            Target::Name(name) | Target::Named { name, .. } => name.covers(asked),
            Target::Everything => self.op == Op::Resolve,
            _ => false,
        }
    }

    /// Whether the rule is about descriptors that go over a Unix socket, of
    /// whatever kind.
    pub(crate) fn covers_channel(&self, protocol: Protocol, over: &Address, facts: &Facts) -> bool {
        self.target == Target::Everything || self.covers(protocol, over, facts)
    }

    /// The target of the same rule for one of its names.
    pub(crate) fn target_for(&self, name: &str) -> String {
        match &self.target {
            Target::Named { proto, ports, .. } if ports.0.is_empty() => format!("{proto}://{name}"),
            Target::Named { proto, ports, .. } => format!("{proto}://{name}:{ports}"),
            target => target.to_string(),
        }
    }

    /// The classes that a rule for a name has.
    pub(crate) fn within(&self) -> &[Class] {
        match &self.target {
            Target::Named { within, .. } => within,
            Target::Http(http) => match &http.host {
                HttpHost::Named { within, .. } => within,
                HttpHost::Address(_) => &[],
            },
            _ => &[],
        }
    }

    /// Whether this denies an address for all that `rule`, which is for a name,
    /// allows.
    pub(crate) fn denies_all_of(&self, rule: &Self, ip: IpAddr, facts: &Facts) -> bool {
        match (&self.target, &rule.target) {
            (Target::Net { proto, host, ports }, Target::Named { proto: allowed, .. }) => {
                self.effect == Effect::Deny
                    && rule.op.denied_by().contains(&self.op)
                    && proto.includes(*allowed)
                    && ports.0.iter().all(|item| *item == PortItem::Any)
                    && host.contains(ip, Some(facts))
            }
            _ => false,
        }
    }

    pub(crate) fn covers_option(&self, option: &str, set_to: &OptionValue, facts: &Facts) -> bool {
        match &self.target {
            Target::Option { name, value } => {
                let value = value.as_ref();
                *name == option && value.is_none_or(|value| value.is(set_to, facts))
            }
            _ => false,
        }
    }

    /// Whether the rule names an option without a value.
    pub(crate) fn covers_any_value(&self) -> bool {
        matches!(&self.target, Target::Option { value: None, .. })
    }

    /// Whether the rule is about a peer. Unix peers have no address to match.
    pub(crate) fn covers_peer(&self, peer: &Address, facts: &Facts) -> bool {
        let Some(ip) = peer.canonical().map(|endpoint: SocketAddr| endpoint.ip()) else {
            return self.from.is_empty();
        };
        self.from.is_empty()
            || self
                .from
                .iter()
                .any(|host| host.covers(self.effect, ip, Some(facts)))
    }
}

impl Name {
    /// Whether it is about a name; `*.example.com` is not about the apex.
    pub(crate) fn covers(&self, asked: &str) -> bool {
        match asked.strip_suffix(self.name.as_str()) {
            Some(rest) if self.beneath => rest.len() > 1 && rest.ends_with('.'),
            rest => rest == Some(""),
        }
    }
}

impl Proto {
    /// Whether it means a protocol. A denial means what falls back to it too, and
    /// one of `ip` whatever has ports on top of IP.
    pub(crate) fn covers(self, effect: Effect, protocol: Protocol) -> bool {
        use Protocol::{Mptcp, Tcp, Udp, UdpLite};
        match (effect, self) {
            (Effect::Deny, Self::Only(Tcp)) => matches!(protocol, Tcp | Mptcp),
            (Effect::Deny, Self::Ip) => matches!(protocol, Tcp | Mptcp | Udp | UdpLite),
            (Effect::Allow, Self::Ip) => matches!(protocol, Tcp | Udp),
            (_, Self::Only(only)) => protocol == only,
        }
    }

    /// Whether a denial for it means all that `allowed` does.
    fn includes(self, allowed: Self) -> bool {
        match allowed {
            Self::Only(protocol) => self.covers(Effect::Deny, protocol),
            Self::Ip => self == Self::Ip,
        }
    }
}

impl Host {
    /// Whether it means an address: of a peer on a machine, or else one that is
    /// bound.
    pub(crate) fn covers(self, effect: Effect, ip: IpAddr, peers: Option<&Facts>) -> bool {
        match effect {
            Effect::Deny => self.contains(ip, peers),
            Effect::Allow => self.grants(ip, peers),
        }
    }

    fn contains(self, ip: IpAddr, peers: Option<&Facts>) -> bool {
        match self {
            Self::Any => true,
            Self::Net(net) => net.contains(&ip) || holds_all_of_ipv4(net) && ip.is_ipv4(),
            // What is public by its number is meant by who denies that, whatever
            // it is here.
            Self::Class(class) => {
                Class::of(ip) == Some(class) || class_of(ip, peers) == Some(class)
            }
            Self::Localhost => is_localhost(ip),
        }
    }

    fn grants(self, ip: IpAddr, peers: Option<&Facts>) -> bool {
        match self {
            Self::Any => class_of(ip, peers) == Some(Class::Public),
            Self::Net(net) if !net.contains(&ip) => false,
            Self::Net(net) => match peers {
                Some(facts) => facts.is_reached_by(ip, net),
                None => class::reached_by(ip, net),
            },
            Self::Class(class) => class_of(ip, peers) == Some(class),
            Self::Localhost => is_localhost(ip),
        }
    }
}

/// Whether an IPv6 net has all addresses that hold IPv4 ones: `::/0`, and others
/// around ::ffff:0:0/96 or ::/96.
pub(crate) fn holds_all_of_ipv4(net: IpNet) -> bool {
    let IpNet::V6(net) = net else { return false };
    let mapped = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped();
    net.prefix_len() < 96 && (net.contains(&mapped) || net.contains(&Ipv6Addr::UNSPECIFIED))
}

fn class_of(ip: IpAddr, peers: Option<&Facts>) -> Option<Class> {
    peers.map_or_else(|| Class::of(ip), |facts| facts.class_of(ip))
}

fn is_localhost(ip: IpAddr) -> bool {
    ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST
}

impl Ports {
    pub(crate) fn one(port: u16) -> Self {
        Self(vec![PortItem::Range(port, port)])
    }

    pub(crate) fn covers(&self, port: u16) -> bool {
        is_in(&self.0, port, 0)
    }
}

/// Whether a port is listed; `ephemeral` is how one is asked for.
pub(crate) fn is_in<P: PartialOrd + Copy>(items: &[PortItem<P>], port: P, ephemeral: P) -> bool {
    items.iter().any(|item| match *item {
        PortItem::Any => true,
        PortItem::Ephemeral => port == ephemeral,
        PortItem::Range(first, last) => (first..=last).contains(&port),
    })
}

impl UnixPath {
    fn covers(&self, path: &Path) -> bool {
        // Compared as bytes: `Path` would see `a/./b` and `a//b` as `a/b`.
        let (path, directory) = (
            path.as_os_str().as_encoded_bytes(),
            self.directory.as_os_str().as_encoded_bytes(),
        );
        let Some(rest) = path.strip_prefix(directory) else {
            return false;
        };
        let rest = match directory {
            b"/" => Some(rest),
            _ => rest.strip_prefix(b"/"),
        };
        match (rest, &self.name) {
            (Some(rest), Some(name)) => rest == name.as_os_str().as_encoded_bytes(),
            (Some(rest), None) => is_plain(rest),
            (None, _) => false,
        }
    }
}

impl UnixPath {
    /// Whether a path leads to it by other names.
    fn covers_alias(&self, path: &Path, facts: &Facts) -> bool {
        if let Some(name) = &self.name
            && facts.is_same_file(&self.directory.join(name), path)
        {
            return true;
        }
        match (facts.beneath(&self.directory, path), &self.name) {
            (Some(rest), Some(name)) => rest == *name,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

impl AbstractName {
    fn covers(&self, name: &[u8]) -> bool {
        match self.more {
            // An empty one is no name that a rule could have.
            true => !name.is_empty() && name.starts_with(&self.name),
            false => self.name == name,
        }
    }
}

/// Whether a relative path has only real names: no empty one, `.` or `..`.
pub(crate) fn is_plain(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .all(|name| !matches!(name, b"" | b"." | b".."))
}
