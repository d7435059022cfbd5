//! Rules as values: what one grant or denial says, and whether it matches.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::address::netlink_protocol;
use crate::class::Class;
use crate::pins::Pins;
use crate::text::escape;
use crate::{Address, Protocol, UnixAddress};

/// What a rule does when it matches. A matching denial always wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Grants the operation.
    Allow,
    /// Takes it away, whatever allows it.
    Deny,
}

/// The operation that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Connecting a stream; implies the ephemeral bind that goes with it.
    Connect,
    /// Binding a local address.
    Bind,
    /// Listening on a local address and accepting, or receiving, from its
    /// peers; implies the bind.
    Listen,
    /// Sending datagrams to a peer, connected or not, and receiving its
    /// answers.
    Send,
    /// Receiving datagrams from a peer.
    Recv,
    /// Looking up a host name.
    Resolve,
    /// Setting a socket option that needs a grant of its own.
    Option,
    /// Using a socket beneath the transport layer: raw IP, packet, netlink and
    /// CAN sockets, whatever is done with them.
    Raw,
    /// Sending descriptors to the peer of a Unix socket.
    PassFd,
    /// Receiving descriptors from the peer of a Unix socket.
    TakeFd,
    /// Listing the machine's network interfaces.
    Interfaces,
}

/// What a rule is about: internet endpoints or Unix sockets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Net {
        proto: Proto,
        host: Host,
        ports: Ports,
    },
    /// Whatever the host resolves a name to, within some classes.
    Named {
        proto: Proto,
        name: Name,
        ports: Ports,
        within: Vec<Class>,
    },
    UnixPath(UnixPath),
    UnixAbstract(AbstractName),
    /// Addresses of another family, by their text.
    Special {
        scheme: &'static str,
        pattern: Pattern,
    },
    Name(Name),
    Option {
        name: &'static str,
        /// `None`: any value.
        value: Option<String>,
    },
    /// `*`, for operations that have no finer target, or any.
    Everything,
}

/// A host name in its IDNA form, or every name beneath a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) name: String,
    pub(crate) beneath: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Proto {
    /// TCP and UDP.
    Ip,
    Only(Protocol),
}

/// A text, or with `*` at its end every text that begins like it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pattern(pub(crate) String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// `*`: the public internet in a grant, every address in a denial.
    Any,
    Net(IpNet),
    Class(Class),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ports(pub(crate) Vec<PortItem>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PortItem {
    Any,
    /// Inclusive.
    Range(u16, u16),
    /// Port 0 in a bind: the kernel chooses.
    Ephemeral,
}

/// A path, or with a slash at its end everything beneath a directory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnixPath {
    /// The directory that is opened with the user's authority; what is beneath
    /// it is reached without following a link.
    pub(crate) directory: PathBuf,
    /// `None`: everything beneath the directory.
    pub(crate) name: Option<PathBuf>,
}

/// A name of the abstract namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AbstractName {
    pub(crate) name: Vec<u8>,
    /// Whether whatever follows it is meant too.
    pub(crate) more: bool,
}

/// One grant or denial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    pub(crate) effect: Effect,
    pub(crate) op: Op,
    pub(crate) target: Target,
    /// The peers that a `listen` rule is about; empty means all.
    pub(crate) from: Vec<Host>,
}

impl Rule {
    /// Whether the rule grants or denies.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The operation that it is about.
    pub fn op(&self) -> Op {
        self.op
    }

    /// What follows the operation, as [`Rule::parse`] takes it: the target and
    /// its qualifiers.
    pub fn target(&self) -> String {
        let rule = self.to_string();
        let head = format!("{} {} ", self.effect, self.op);
        rule[head.len()..].to_owned()
    }

    /// Whether the parser takes it as it is printed.
    pub(crate) fn is_sayable(&self) -> bool {
        Self::parse(self.effect, self.op, &self.target()).as_ref() == Ok(self)
    }

    pub(crate) fn covers(&self, protocol: Protocol, address: &Address, pins: &Pins) -> bool {
        match (&self.target, address) {
            (
                Target::Net { proto, host, ports },
                Address::Inet(_) | Address::Inet6(_) | Address::Rds(_),
            ) => address.canonical().is_some_and(|endpoint| {
                proto.covers(protocol)
                    && (ports.covers(endpoint.port()) || !protocol.has_ports())
                    && host.covers(self.effect, endpoint.ip())
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
                proto.covers(protocol)
                    && (ports.covers(endpoint.port()) || !protocol.has_ports())
                    && Class::of(endpoint.ip()).is_some_and(|class| within.contains(&class))
                    && pins.any(endpoint.ip(), |pinned| name.covers(pinned))
            }),
            (Target::Special { scheme, pattern }, _) => {
                protocol.scheme().as_deref() == Some(scheme)
                    && pattern.covers(&address.text(protocol))
            }
            (Target::UnixPath(granted), Address::Unix(UnixAddress::Pathname(path))) => {
                granted.covers(path)
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

    /// Whether the rule is about some address of a protocol.
    pub(crate) fn speaks(&self, protocol: Protocol) -> bool {
        match (&self.target, protocol) {
            (Target::Net { proto, .. } | Target::Named { proto, .. }, _) => proto.covers(protocol),
            (
                Target::Special {
                    scheme: "netlink",
                    pattern,
                },
                Protocol::Netlink(number),
            ) => pattern.covers_some_beneath(&netlink_protocol(number)),
            (Target::Special { scheme, .. }, _) => protocol.scheme().as_deref() == Some(scheme),
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

    /// Whether the rule is about descriptors that go over a Unix socket.
    pub(crate) fn covers_channel(&self, protocol: Protocol, over: &Address, pins: &Pins) -> bool {
        self.target == Target::Everything || self.covers(protocol, over, pins)
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
            _ => &[],
        }
    }

    /// Whether this denies an address for all that `rule`, which is for a name,
    /// allows.
    pub(crate) fn denies_all_of(&self, rule: &Self, ip: IpAddr) -> bool {
        match (&self.target, &rule.target) {
            (Target::Net { proto, host, ports }, Target::Named { proto: allowed, .. }) => {
                (self.effect, self.op) == (Effect::Deny, rule.op)
                    && (proto == allowed || *proto == Proto::Ip)
                    && ports.0.iter().all(|item| *item == PortItem::Any)
                    && host.contains(ip)
            }
            _ => false,
        }
    }

    pub(crate) fn covers_option(&self, option: &str, set_to: &str) -> bool {
        match &self.target {
            Target::Option { name, value } => {
                *name == option && value.as_ref().is_none_or(|value| value == set_to)
            }
            _ => false,
        }
    }

    /// Whether the rule names an option without a value.
    pub(crate) fn covers_any_value(&self) -> bool {
        matches!(&self.target, Target::Option { value: None, .. })
    }

    /// Whether the rule is about a peer. Unix peers have no address to match.
    pub(crate) fn covers_peer(&self, peer: &Address) -> bool {
        let Some(ip) = peer.canonical().map(|endpoint: SocketAddr| endpoint.ip()) else {
            return self.from.is_empty();
        };
        self.from.is_empty() || self.from.iter().any(|host| host.covers(self.effect, ip))
    }
}

impl Op {
    /// The operation that rules name for it: everything that is done with a
    /// socket beneath the transport layer is `raw`.
    pub(crate) fn on(self, protocol: Protocol) -> Self {
        if protocol.is_raw() { Self::Raw } else { self }
    }

    pub(crate) const ALL: [Self; 11] = [
        Self::Connect,
        Self::Bind,
        Self::Listen,
        Self::Send,
        Self::Recv,
        Self::Resolve,
        Self::Option,
        Self::Raw,
        Self::PassFd,
        Self::TakeFd,
        Self::Interfaces,
    ];

    /// The word for it in rules and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Send => "send",
            Self::Recv => "recv",
            Self::Resolve => "resolve",
            Self::Option => "option",
            Self::Raw => "raw",
            Self::PassFd => "pass-fd",
            Self::TakeFd => "take-fd",
            Self::Interfaces => "interfaces",
        }
    }
}

impl Name {
    /// Whether it is about a name; `*.example.com` is not about the apex.
    fn covers(&self, asked: &str) -> bool {
        match asked.strip_suffix(self.name.as_str()) {
            Some(rest) if self.beneath => rest.len() > 1 && rest.ends_with('.'),
            rest => rest == Some(""),
        }
    }
}

impl Proto {
    pub(crate) fn covers(self, protocol: Protocol) -> bool {
        match self {
            Self::Only(only) => protocol == only,
            Self::Ip => matches!(protocol, Protocol::Tcp | Protocol::Udp),
        }
    }
}

impl Host {
    pub(crate) fn covers(self, effect: Effect, ip: IpAddr) -> bool {
        match effect {
            Effect::Deny => self.contains(ip),
            Effect::Allow => self.grants(ip),
        }
    }

    fn contains(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Net(net) => net.contains(&ip),
            Self::Class(class) => Class::of(ip) == Some(class),
        }
    }

    fn grants(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => Class::of(ip) == Some(Class::Public),
            Self::Net(net) => net.contains(&ip) && Class::reached_by(ip, net),
            Self::Class(class) => Class::of(ip) == Some(class),
        }
    }
}

impl Ports {
    pub(crate) fn covers(&self, port: u16) -> bool {
        self.0.iter().any(|item| match *item {
            PortItem::Any => true,
            PortItem::Ephemeral => port == 0,
            PortItem::Range(first, last) => (first..=last).contains(&port),
        })
    }
}

impl Pattern {
    pub(crate) fn covers(&self, text: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => text.starts_with(beginning),
            None => self.0 == text,
        }
    }

    /// Whether it covers `text`, or what has `text` and a slash before it.
    fn covers_some_beneath(&self, text: &str) -> bool {
        let beneath = self.0.strip_prefix(text);
        self.covers(text) || beneath.is_some_and(|rest| rest.starts_with('/'))
    }
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

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.effect, self.op, self.target)?;
        for (index, host) in self.from.iter().enumerate() {
            f.write_str(if index == 0 { " from=" } else { "," })?;
            write!(f, "{host}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net { proto, host, ports } if ports.0.is_empty() => {
                write!(f, "{proto}://{host}")
            }
            Self::Net { proto, host, ports } => write!(f, "{proto}://{host}:{ports}"),
            Self::Special { scheme, pattern } => write!(f, "{scheme}://{}", pattern.0),
            Self::UnixPath(UnixPath { directory, name }) => {
                let directory = directory.as_os_str().as_encoded_bytes();
                write!(f, "unix:{}", escape(directory))?;
                if directory != b"/" {
                    f.write_str("/")?;
                }
                match name {
                    Some(name) => f.write_str(&escape(name.as_os_str().as_encoded_bytes())),
                    None => Ok(()),
                }
            }
            Self::UnixAbstract(AbstractName { name, more }) => {
                let any = if *more { "*" } else { "" };
                write!(f, "unix-abstract:{}{any}", escape(name))
            }
            Self::Named {
                proto,
                name,
                ports,
                within,
            } => {
                write!(f, "{proto}://{name}")?;
                if !ports.0.is_empty() {
                    write!(f, ":{ports}")?;
                }
                if within[..] != [Class::Public] {
                    let within: Vec<&str> = within.iter().map(|class| class.name()).collect();
                    write!(f, " in={}", within.join(","))?;
                }
                Ok(())
            }
            Self::Name(name) => write!(f, "{name}"),
            Self::Option { name, value: None } => f.write_str(name),
            Self::Option {
                name,
                value: Some(value),
            } => {
                write!(f, "{name}={}", escape(value.as_bytes()))
            }
            Self::Everything => f.write_str("*"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = if self.beneath { "*." } else { "" };
        write!(f, "{any}{}", self.name)
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip => f.write_str("ip"),
            Self::Only(protocol) => f.write_str(&protocol.scheme().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Class(class) => write!(f, "{class}"),
            Self::Net(net) => {
                let full = net.prefix_len() == net.max_prefix_len();
                match (net.addr(), full) {
                    (IpAddr::V4(ip), true) => write!(f, "{ip}"),
                    (IpAddr::V4(_), false) => write!(f, "{net}"),
                    (IpAddr::V6(ip), true) => write!(f, "[{ip}]"),
                    (IpAddr::V6(_), false) => write!(f, "[{net}]"),
                }
            }
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match item {
                PortItem::Any => f.write_str("*")?,
                PortItem::Ephemeral => f.write_str("ephemeral")?,
                PortItem::Range(first, last) if first == last => write!(f, "{first}")?,
                PortItem::Range(first, last) => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// The grants that options need: what a rule of the operation `option` names.
pub const OPTION_GRANTS: &[&str] = &[
    "ip-freebind",
    "ip-hdrincl",
    "ip-transparent",
    "msg-fastopen",
    "raw",
    "so-bindtodevice",
    "so-mark",
    // No option of a socket, but like one: it has a name and a value.
    "sethostname",
];
