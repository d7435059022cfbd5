//! Rules as values: what one grant or denial says, and whether it matches.

mod covers;
mod descriptor;
mod http;
mod option;
mod print;
mod special;

use std::path::PathBuf;

use ipnet::IpNet;

use crate::Protocol;
use crate::class::Class;

pub(crate) use covers::{holds_all_of_ipv4, is_in, is_plain};
pub use descriptor::DescriptorKind;
pub(crate) use descriptor::DescriptorKinds;
pub(crate) use http::{HttpHost, HttpTarget, PROTO};
pub use option::OPTION_GRANTS;
pub(crate) use option::OptionValue;
pub(crate) use special::{Channel, Device, Family, NetlinkPort, Special};

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
    /// Having a request of HTTP made: no connection of one's own, and no look-up.
    Http,
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
    /// Addresses of another family: some, or all of them.
    Special {
        family: Family,
        address: Option<Special>,
    },
    Name(Name),
    Option {
        name: &'static str,
        /// `None`: any value.
        value: Option<OptionValue>,
    },
    Http(Box<HttpTarget>),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// `*`: the public internet in a grant, every address in a denial.
    Any,
    Net(IpNet),
    Class(Class),
    /// 127.0.0.1 and ::1.
    Localhost,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ports(pub(crate) Vec<PortItem>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PortItem<P = u16> {
    Any,
    /// Inclusive.
    Range(P, P),
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
    /// The kinds of descriptors that a `take-fd` rule is about; empty means
    /// sockets in a grant, and all in a denial.
    pub(crate) of: DescriptorKinds,
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
}

impl Op {
    /// The operation that rules name for it: everything that is done with a
    /// socket beneath the transport layer is `raw`.
    pub(crate) fn on(self, protocol: Protocol) -> Self {
        if protocol.is_raw() { Self::Raw } else { self }
    }

    /// The operations whose denials hold for it. To connect a socket of datagrams
    /// is to send, and the same target may be of both kinds: `ip://`, a Unix
    /// path, another family. A listen needs its bind too.
    pub(crate) fn denied_by(self) -> &'static [Self] {
        match self {
            Self::Connect => &[Self::Connect, Self::Send],
            Self::Send => &[Self::Send, Self::Connect],
            Self::Bind => &[Self::Bind],
            Self::Listen => &[Self::Listen, Self::Bind],
            Self::Recv => &[Self::Recv],
            Self::Resolve => &[Self::Resolve],
            Self::Option => &[Self::Option],
            Self::Raw => &[Self::Raw],
            Self::PassFd => &[Self::PassFd],
            Self::TakeFd => &[Self::TakeFd],
            Self::Interfaces => &[Self::Interfaces],
            Self::Http => &[Self::Http],
        }
    }

    pub(crate) const ALL: [Self; 12] = [
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
        Self::Http,
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
            Self::Http => "http",
        }
    }
}
