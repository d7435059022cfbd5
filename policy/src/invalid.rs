//! What no policy could allow, and why.

use std::fmt;

use crate::class::Class;
use crate::rule::Op;
use crate::{Address, Errno, NetlinkAddress, Protocol};

/// How many bytes of a target are told: one that is too long is no reason for a
/// line that is.
const TARGET: usize = 256;

/// An operation that makes no sense, whatever is granted: it is refused before
/// any rule is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Invalid(Box<Details>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Details {
    op: Op,
    target: String,
    reason: String,
}

impl Invalid {
    /// Checks an address for an operation.
    ///
    /// # Errors
    /// Why the address makes no sense for it.
    pub fn check(op: Op, protocol: Protocol, address: &Address) -> Result<(), Self> {
        match fault(op, protocol, address) {
            None => Ok(()),
            Some(reason) => Err(Self::new(op, address.target(protocol), reason)),
        }
    }

    /// Of looking up what is no host name.
    pub(crate) fn of_name(name: &str) -> Self {
        let reason = "it is no host name: labels of 1 to 63 letters, digits, hyphens (not first or \
                      last) and underscores, with dots between them, 253 bytes in all";
        Self::of_text(Op::Resolve, name, reason)
    }

    /// Of what a guest names as text that cannot be read.
    pub(crate) fn of_text(op: Op, text: &str, reason: &str) -> Self {
        // What is too long is cut before any work that grows with it.
        let end = text.floor_char_boundary(TARGET);
        let cut = if end < text.len() { "…" } else { "" };
        let target = format!("{:?}", format!("{}{cut}", &text[..end]));
        Self::new(op, target, reason.to_owned())
    }

    fn new(op: Op, mut target: String, reason: String) -> Self {
        if target.len() > 2 * TARGET {
            target.truncate(target.floor_char_boundary(TARGET));
            target.push('…');
        }
        Self(Box::new(Details { op, target, reason }))
    }

    /// The operation.
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// What it was tried on: as rules name it where they can, a name in quotes.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// Why it makes no sense.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What the guest gets.
    pub fn errno(&self) -> Errno {
        Errno::InvalidArgument
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { op, target, reason } = &*self.0;
        write!(f, "{op} {target}: {reason}")
    }
}

impl std::error::Error for Invalid {}

fn fault(op: Op, protocol: Protocol, address: &Address) -> Option<String> {
    if let Some(fault) = address.fault() {
        return Some(fault.to_owned());
    }
    if let Some(fault) = other_protocol(protocol, address) {
        return Some(fault);
    }
    if let (Op::Connect | Op::Send, Address::Netlink(NetlinkAddress { groups: 1.., .. })) =
        (op, address)
    {
        return Some(
            "what is sent to a multicast group of netlink goes to other processes, which no rule names; name a port"
                .to_owned(),
        );
    }
    let endpoint = address.canonical()?;
    if !matches!(op, Op::Connect | Op::Send) {
        return None;
    }
    let ip = endpoint.ip();
    // Linux takes the unspecified address for the loopback one.
    if ip.is_unspecified() {
        let loopback = if ip.is_ipv4() { "127.0.0.1" } else { "::1" };
        return Some(format!(
            "{ip} stands for every interface, and is no peer; name {loopback} to reach this machine"
        ));
    }
    if endpoint.port() == 0 && protocol.has_ports() {
        return Some("no peer has port 0; name the port that it is bound to".to_owned());
    }
    let is_group = matches!(Class::of(ip), Some(Class::Multicast | Class::Broadcast));
    (is_group && protocol.has_connections())
        .then(|| format!("{ip} is a group of peers, and a connection has one"))
}

/// Families whose protocols have addresses of their own, which the kernel tells
/// apart by their lengths alone, or not at all.
fn other_protocol(protocol: Protocol, address: &Address) -> Option<String> {
    let is_of = match (protocol, address) {
        (
            Protocol::BluetoothConnection(protocol) | Protocol::BluetoothDatagram(protocol),
            Address::Bluetooth(address),
        ) => address.protocol() == protocol,
        (Protocol::Can(protocol), Address::Can(address)) => address.protocol.is_of(protocol),
        _ => true,
    };
    (!is_of).then(|| "the address is one of another protocol than the socket's".to_owned())
}
