//! One question to a policy as a value, which can be asked again and of others.

use std::net::IpAddr;

use crate::http::Request;
use crate::operation::Operation;
use crate::vet::Grants;
use crate::{Address, AddressFamily, DescriptorKind, Protocol};
use crate::{Denial, Effect, NameRefusal, Op, Policy, Refusal, Rule};

/// What a guest asked for, as it can be asked of any policy.
#[derive(Clone, Debug)]
pub enum Check {
    /// The use of an address for an operation: [`Policy::vet`].
    Use {
        /// The operation.
        op: Op,
        /// What the socket speaks.
        protocol: Protocol,
        /// The address.
        address: Address,
    },
    /// Making a socket: [`Policy::vet_open`].
    Open(Protocol),
    /// A bind by the kernel itself: [`Policy::vet_implicit_bind`].
    ImplicitBind {
        /// What the socket speaks.
        protocol: Protocol,
        /// The family of its addresses.
        family: AddressFamily,
    },
    /// The peer of a connection that was accepted: [`Policy::admit_peer`].
    Peer {
        /// What the listener speaks.
        protocol: Protocol,
        /// Where it listens.
        local: Address,
        /// Who connected.
        peer: Address,
    },
    /// The sender of a datagram: [`Policy::admit_sender`].
    Sender {
        /// What the receiver speaks.
        protocol: Protocol,
        /// Where the guest bound it, if it did.
        local: Option<Address>,
        /// Who sent.
        sender: Address,
    },
    /// Looking up a name: [`Policy::vet_name`].
    Name(String),
    /// Setting an option: [`Policy::vet_option`], or `by_value` an option by
    /// its number, [`Policy::vet_raw_option`].
    Option {
        /// Its name in rules.
        name: String,
        /// What it is set to.
        value: String,
        /// Whether a grant of any value is not enough.
        by_value: bool,
    },
    /// Listing the network interfaces: [`Policy::vet_interfaces`].
    Interfaces,
    /// A request of HTTP: [`Policy::vet_request`], and with the address that it is sent to
    /// [`Policy::vet_destination`].
    Request {
        /// The request.
        request: Request,
        /// The address, where it is known.
        ip: Option<IpAddr>,
    },
    /// Sending descriptors: [`Policy::vet_pass`].
    Pass {
        /// What the socket speaks.
        protocol: Protocol,
        /// The address of its listener or of the receiver.
        over: Address,
    },
    /// Receiving a descriptor: [`Policy::vet_take`].
    Take {
        /// What the socket speaks.
        protocol: Protocol,
        /// The address of its listener or its own.
        over: Address,
        /// What is received.
        kind: DescriptorKind,
    },
}

/// What the policy said of one operation of a guest. Operations that need no
/// grant are not told of, unless a rule forbids them.
#[derive(Clone, Debug)]
pub struct Decision {
    asked: Denial,
    denial: Option<Denial>,
    rules: Vec<Rule>,
}

impl Check {
    /// The use of an address for an operation.
    pub fn of_use<O: Operation>(protocol: Protocol, address: Address) -> Self {
        Self::Use {
            op: O::OP,
            protocol,
            address,
        }
    }

    /// Asks a policy.
    ///
    /// # Errors
    /// The denial. What makes no sense is no question of grants, and passes.
    pub fn ask(&self, policy: &Policy) -> Result<(), Denial> {
        self.grants(policy).map(drop)
    }

    /// Asks a policy; the rules that allow it.
    fn grants<'p>(&self, policy: &'p Policy) -> Result<Grants<'p>, Denial> {
        const NONE: Grants<'_> = [None; 2];
        match self {
            Self::Use {
                op,
                protocol,
                address,
            } => match policy.using(*op, *protocol, address) {
                Err(Refusal::Invalid(_)) => Ok(NONE),
                Err(Refusal::Denied(denial)) => Err(denial),
                Ok(grants) => Ok(grants),
            },
            Self::Open(protocol) => policy.opening(*protocol),
            Self::ImplicitBind { protocol, family } => {
                policy.vet_implicit_bind(*protocol, *family)?;
                Ok(NONE)
            }
            Self::Peer {
                protocol,
                local,
                peer,
            } => policy.accepting(*protocol, local, peer),
            Self::Sender {
                protocol,
                local,
                sender,
            } => policy.hearing(*protocol, local.as_ref(), sender),
            Self::Name(name) => match policy.looking_up(name) {
                Err(NameRefusal::Invalid(_)) => Ok(NONE),
                Err(NameRefusal::Denied(denial)) => Err(denial),
                Ok((_name, grants)) => Ok(grants),
            },
            Self::Option {
                name,
                value,
                by_value,
            } => policy.setting(name, value, *by_value),
            Self::Interfaces => policy.listing(),
            Self::Request { request, ip } => match policy.requesting(request, *ip) {
                Err(Refusal::Invalid(_)) => Ok(NONE),
                Err(Refusal::Denied(denial)) => Err(denial),
                Ok(grants) => Ok(grants),
            },
            Self::Pass { protocol, over } => policy.passing(*protocol, over),
            Self::Take {
                protocol,
                over,
                kind,
            } => policy.taking(*protocol, over, *kind),
        }
    }

    /// What a policy without grants says; `None` where no grant is needed.
    pub fn asked(&self) -> Option<Denial> {
        self.ask(&Policy::default()).err()
    }

    /// The rules that lift a denial of it, the narrowest first.
    pub fn lifting(&self, denial: &Denial) -> Vec<Rule> {
        let Some(grant) = denial.lifted_by() else {
            return Vec::new();
        };
        let mut targets = Vec::new();
        match self {
            // Who writes to a server has another port each time, and to be
            // bound means to listen to anybody, as a listener for streams does.
            Self::Sender {
                protocol,
                local: Some(local),
                ..
            } if denial.op() == Op::Recv => targets.push((Op::Listen, local.target(*protocol))),
            // What a stream socket binds, it need not listen on.
            _ if denial.op() == Op::Bind => targets.push((Op::Bind, denial.target().to_owned())),
            _ => {}
        }
        let parse = |(op, target): (Op, String)| Rule::parse(Effect::Allow, op, &target).ok();
        let rules = targets.into_iter().filter_map(parse);
        rules.chain([grant.clone()]).collect()
    }
}

impl Decision {
    /// What a policy said, and by which rules. `None` where no grant is needed
    /// and no rule forbids it.
    pub fn new(check: &Check, policy: &Policy, denial: Option<&Denial>) -> Option<Self> {
        let asked = check.asked().or_else(|| denial.cloned())?;
        let mut rules: Vec<Rule> = match denial {
            Some(denial) => denial.rule().cloned().into_iter().collect(),
            // Where another name is found for it by now, it is told without rules.
            None => {
                let grants = check.grants(policy).unwrap_or_default();
                grants.into_iter().flatten().cloned().collect()
            }
        };
        rules.dedup();
        Some(Self {
            asked,
            denial: denial.cloned(),
            rules,
        })
    }

    /// Of a denial that no question led to: of what a name resolved to.
    pub fn of(denial: &Denial) -> Self {
        Self {
            asked: denial.clone(),
            denial: Some(denial.clone()),
            rules: denial.rule().cloned().into_iter().collect(),
        }
    }

    /// The operation.
    pub fn op(&self) -> Op {
        self.asked.op()
    }

    /// What it was tried on, in the grammar of rules.
    pub fn target(&self) -> &str {
        self.asked.target()
    }

    /// Whom a listener accepted, or did not.
    pub fn peer(&self) -> Option<&str> {
        self.asked.peer()
    }

    /// Whether it was allowed.
    pub fn is_allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// The denial, where it was denied.
    pub fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }

    /// The rules that decided: the one that allows or forbids it; more where the
    /// address reaches another one too and each needs its grant; none where none
    /// allows it.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Bind, Connect, Listen, Recv, Send};
    use crate::{NetlinkAddress, UnixAddress};

    fn address(text: &str) -> Address {
        match text.strip_prefix('/') {
            Some(_) => Address::Unix(UnixAddress::Pathname(text.into())),
            None => text.parse::<std::net::SocketAddr>().expect(text).into(),
        }
    }

    /// One of each kind of denial.
    fn checks() -> Vec<Check> {
        let mut checks = vec![
            Check::Open(Protocol::Mptcp),
            Check::Open(Protocol::UdpLite),
            Check::Open(Protocol::Icmp),
            Check::Open(Protocol::Netlink(0)),
            Check::Open(Protocol::Netlink(99)),
            Check::Open(Protocol::Packet),
            Check::Open(Protocol::VsockConnection),
            Check::Open(Protocol::Rds),
            Check::Open(Protocol::Alg),
            Check::Name("host.example".to_owned()),
            Check::Name("B\u{fc}cher.Example.".to_owned()),
            Check::Interfaces,
        ];
        for (host, ips) in [
            (
                "a.example",
                &["8.8.8.8", "10.0.0.5", "64:ff9b::7f00:1", "::1"][..],
            ),
            ("127.0.0.1:81", &["127.0.0.1"]),
            ("localhost", &["::1"]),
        ] {
            for path in ["/", "/a/%2a%20;b/?c"] {
                let request = Request::of("GET", "https", host, path).expect(host);
                let ip = |ip: &&str| Some(ip.parse().expect(ip));
                checks.extend(ips.iter().map(ip).chain([None]).map(|ip| Check::Request {
                    request: request.clone(),
                    ip,
                }));
            }
        }
        for (name, value) in [
            ("so-mark", "1"),
            ("so-bindtodevice", "eth 0"),
            ("so-bindtodevice", ""),
            ("ip-freebind", "1"),
            ("sethostname", "a=b \u{1}\\"),
            ("raw", "41/75"),
        ] {
            for by_value in [false, true] {
                let (name, value) = (name.to_owned(), value.to_owned());
                checks.push(Check::Option {
                    name,
                    value,
                    by_value,
                });
            }
        }
        let inet = [
            "127.0.0.1:80",
            "[::1]:80",
            "10.0.0.5:22",
            "8.8.8.8:53",
            "169.254.169.254:80",
            "192.0.2.7:1",
            "240.0.0.1:65535",
            "[::ffff:127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80",
            "[2002:7f00:1::]:80",
            "[fe80::1%3]:80",
            "[2001:db8::1]:443",
        ];
        let local = ["127.0.0.1:0", "[::]:0", "0.0.0.0:80", "[::1]:0", "[::]:80"];
        for text in inet.into_iter().chain(local) {
            let address = address(text);
            for protocol in [
                Protocol::Tcp,
                Protocol::Udp,
                Protocol::Mptcp,
                Protocol::UdpLite,
            ] {
                if protocol.has_connections() {
                    checks.push(Check::of_use::<Connect>(protocol, address.clone()));
                    checks.push(Check::of_use::<Listen>(protocol, address.clone()));
                } else {
                    checks.push(Check::of_use::<Send>(protocol, address.clone()));
                    checks.push(Check::of_use::<Recv>(protocol, address.clone()));
                    for local in [None, Some(address.clone())] {
                        checks.push(Check::Sender {
                            protocol,
                            local,
                            sender: self::address("203.0.113.9:4000"),
                        });
                    }
                }
                checks.push(Check::of_use::<Bind>(protocol, address.clone()));
            }
            checks.push(Check::of_use::<Send>(Protocol::Icmp, address.clone()));
            checks.push(Check::of_use::<Bind>(Protocol::Raw(1), address.clone()));
            checks.push(Check::Peer {
                protocol: Protocol::Tcp,
                local: address.clone(),
                peer: self::address("[64:ff9b::7f00:1]:4000"),
            });
        }
        let abstract_name = Address::Unix(UnixAddress::Abstract(b"a b\0\xff\\".to_vec()));
        for unix in [
            address("/run/a b/\u{1}\\x.sock"),
            address("/s"),
            abstract_name,
        ] {
            let protocol = Protocol::UnixConnection;
            checks.push(Check::of_use::<Connect>(protocol, unix.clone()));
            checks.push(Check::of_use::<Bind>(protocol, unix.clone()));
            checks.push(Check::of_use::<Listen>(protocol, unix.clone()));
            let over = unix.clone();
            checks.push(Check::Pass { protocol, over });
            for over in [unix, Address::Unix(UnixAddress::Unnamed)] {
                checks.extend(DescriptorKind::ALL.map(|kind| Check::Take {
                    protocol,
                    over: over.clone(),
                    kind,
                }));
            }
        }
        let kernel = Address::Netlink(NetlinkAddress {
            port_id: 0,
            groups: 0,
        });
        checks.push(Check::of_use::<Bind>(Protocol::Netlink(0), kernel));
        checks
    }

    #[test]
    fn a_suggested_grant_allows_what_was_denied() {
        for check in checks() {
            let Some(mut denial) = check.asked() else {
                continue;
            };
            let mut policy = Policy::default();
            // An address that reaches another one needs a grant for each.
            for _subject in 0..2 {
                let grant = denial.lifted_by().expect("nothing forbids it");
                assert!(grant.is_sayable(), "{check:?}: {grant}");
                policy = policy.with(grant.clone());
                match check.ask(&policy) {
                    Ok(()) => break,
                    Err(next) => {
                        assert_ne!(next, denial, "{check:?}: {policy:?}");
                        denial = next;
                    }
                }
            }
            assert!(check.ask(&policy).is_ok(), "{check:?}: {policy:?}");
            let decision = Decision::new(&check, &policy, None).expect("it needs a grant");
            assert!(!decision.rules().is_empty(), "{check:?}: {policy:?}");
        }
    }

    #[test]
    fn what_a_recording_learns_allows_it_too() {
        for check in checks() {
            let Some(denial) = check.asked() else {
                continue;
            };
            let rules = check.lifting(&denial);
            for rule in rules {
                let policy = Policy::default().with(rule.clone());
                let next = check.ask(&policy).err();
                assert_ne!(next.as_ref(), Some(&denial), "{check:?}: {rule}");
            }
        }
    }
}
