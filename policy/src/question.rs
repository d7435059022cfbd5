//! Questions to a policy: an operation on one thing, in the grammar of rules.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::address::canonical_ip;
use crate::class::Class;
use crate::http::Request;
use crate::parse::{ParseRuleError, parse_grant};
use crate::rule::{
    AbstractName, Channel, DescriptorKind, Device, Family, Host, HttpHost, HttpTarget, Name,
    NetlinkPort, Op, PortItem, Proto, Rule, Special, Target,
};
use crate::{
    Address, AlgAddress, BluetoothAddress, BluetoothProtocol, CanAddress, CanProtocol,
    CanProtocolAddress, NetlinkAddress, PacketAddress, Protocol, TipcAddress, TipcTarget,
    UnixAddress, VsockAddress,
};

/// What [`Policy::explain`](crate::Policy::explain) is asked: an operation and
/// one concrete target, such as `connect tcp://10.0.0.5:5432`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub(crate) op: Op,
    pub(crate) subject: Subject,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Address {
        protocol: Protocol,
        address: Address,
        /// Whose connection or datagram a listener is asked about.
        peer: Option<IpAddr>,
    },
    Name(String),
    /// Whatever a name resolves to.
    Named {
        protocol: Protocol,
        name: String,
        port: u16,
    },
    Option {
        name: &'static str,
        value: String,
    },
    Interfaces,
    Request(Request),
    /// A descriptor that comes over a Unix socket.
    Descriptor {
        over: Address,
        kind: DescriptorKind,
    },
}

impl Question {
    /// The operation that it is about.
    pub fn op(&self) -> Op {
        self.op
    }
}

impl Subject {
    /// What a rule is about, if that is one thing. `written` is its target.
    ///
    /// # Errors
    /// What it is more than.
    pub(crate) fn of(rule: &Rule, written: &str) -> Result<Self, String> {
        let unix = |address| {
            if rule.op == Op::TakeFd {
                let mut kinds = rule.of.iter();
                let kind = kinds.next().unwrap_or(DescriptorKind::Socket);
                if kinds.next().is_some() {
                    return Err("`of=` names several kinds; name one".to_owned());
                }
                let over = Address::Unix(address);
                return Ok(Subject::Descriptor { over, kind });
            }
            Ok(Subject::Address {
                protocol: match rule.op {
                    Op::Send => Protocol::UnixDatagram,
                    _ => Protocol::UnixConnection,
                },
                address: Address::Unix(address),
                peer: None,
            })
        };
        match &rule.target {
            Target::Net {
                proto: Proto::Ip, ..
            }
            | Target::Named {
                proto: Proto::Ip, ..
            } => Err("`ip` is both protocols; name one, `tcp` or `udp`".to_owned()),
            Target::Net {
                proto: Proto::Only(protocol),
                host,
                ports,
            } => {
                let ip = match mapped(written) {
                    Some(ip) => IpAddr::V6(ip),
                    None => one_address(host)?,
                };
                let endpoint = SocketAddr::new(ip, one_port(&ports.0)?);
                let address = match (protocol, endpoint) {
                    (Protocol::Rds, SocketAddr::V4(endpoint)) => Address::Rds(endpoint),
                    (_, endpoint) => Address::from(endpoint),
                };
                let peer = match rule.from.as_slice() {
                    [] => None,
                    [peer] => Some(one_address(peer)?),
                    _ => return Err("`from=` names several peers; name one address".to_owned()),
                };
                Ok(Subject::Address {
                    protocol: *protocol,
                    address,
                    peer,
                })
            }
            Target::Named { name, .. } if name.beneath => Err(many_names(&name.name)),
            Target::Named { within, .. } if within[..] != [Class::Public] => {
                Err("the answer says which classes are allowed; ask without `in=`".to_owned())
            }
            Target::Named {
                proto: Proto::Only(protocol),
                name,
                ports,
                ..
            } => Ok(Subject::Named {
                protocol: *protocol,
                name: name.name.clone(),
                port: one_port(&ports.0)?,
            }),
            Target::UnixPath(path) => match &path.name {
                Some(name) => unix(UnixAddress::Pathname(path.directory.join(name))),
                None => Err("this is everything beneath a directory; name one path".to_owned()),
            },
            Target::UnixAbstract(AbstractName { more: true, .. }) => {
                Err("a `*` is many names; name one".to_owned())
            }
            Target::UnixAbstract(granted) => unix(UnixAddress::Abstract(granted.name.clone())),
            Target::Special { family, address } => {
                let (protocol, address) = special(rule.op, *family, address.as_ref())?;
                Ok(Subject::Address {
                    protocol,
                    address,
                    peer: None,
                })
            }
            Target::Name(Name {
                name,
                beneath: false,
            }) => Ok(Subject::Name(name.clone())),
            Target::Name(Name { name, .. }) => Err(many_names(name)),
            Target::Option {
                name,
                value: Some(value),
            } => Ok(Subject::Option {
                name,
                value: value.plain(),
            }),
            Target::Option { name, value: None } => Err(format!("name a value: `{name}=VALUE`")),
            Target::Http(http) => one_request(http).map(Subject::Request),
            Target::Everything if rule.op == Op::Interfaces => Ok(Subject::Interfaces),
            Target::Everything if rule.op == Op::Resolve => {
                Err("`*` is every name; name one, such as `www.example.com`".to_owned())
            }
            Target::Everything => {
                Err("`*` is every Unix socket; name one, such as `unix:/run/app.sock`".to_owned())
            }
        }
    }
}

/// The question as it was asked.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses `connect tcp://10.0.0.5:5432` and the like.
///
/// # Errors
/// What does not follow the grammar of rules, and what names more than one
/// thing: a class, a range, a CIDR, or a `*`.
impl FromStr for Question {
    type Err = ParseRuleError;

    fn from_str(input: &str) -> Result<Self, ParseRuleError> {
        // All or nothing, so there is nothing to name.
        let rule = match input.trim() {
            "interfaces" => parse_grant("interfaces *")?,
            _ => parse_grant(input)?,
        };
        let target = input.split_whitespace().nth(1).unwrap_or_default();
        let subject = Subject::of(&rule, target)
            .map_err(|message| ParseRuleError::at(input, slice(input, target), &message))?;
        Ok(Self {
            op: rule.op,
            subject,
            text: input.split_whitespace().collect::<Vec<_>>().join(" "),
        })
    }
}

/// `part`, or the end of the input where it is empty.
fn slice<'a>(input: &'a str, part: &'a str) -> &'a str {
    if part.is_empty() {
        &input[input.len()..]
    } else {
        part
    }
}

fn many_names(domain: &str) -> String {
    format!("`*.{domain}` is many names; name one, such as `www.{domain}`")
}

/// The one address that is meant of a family, and a protocol that has it.
///
/// # Errors
/// What it is more than.
fn special(
    op: Op,
    family: Family,
    address: Option<&Special>,
) -> Result<(Protocol, Address), String> {
    let many = || Err("a `*` is many addresses; name one".to_owned());
    let sends = matches!(op, Op::Send | Op::Recv);
    Ok(match (family, address) {
        (Family::Packet, None) => (Protocol::Packet, Address::Packet(PacketAddress::EVERYWHERE)),
        (Family::Packet, Some(Special::Interface(name))) => {
            let address = PacketAddress {
                interface: name.clone(),
                ..PacketAddress::EVERYWHERE
            };
            (Protocol::Packet, Address::Packet(address))
        }
        (Family::Can, interface) => {
            let interface = match interface {
                Some(Special::Interface(name)) => name.clone(),
                _ => String::new(),
            };
            let address = CanAddress {
                interface,
                protocol: CanProtocolAddress::None,
            };
            (Protocol::Can(CanProtocol::Raw), Address::Can(address))
        }
        (_, Some(Special::Netlink { protocol, port })) => {
            let port_id = match port {
                NetlinkPort::Kernel => 0,
                NetlinkPort::One(port) => *port,
                NetlinkPort::Any => return many(),
            };
            let address = NetlinkAddress { port_id, groups: 0 };
            (Protocol::Netlink(*protocol), Address::Netlink(address))
        }
        (
            _,
            Some(Special::Vsock {
                cid: Some(cid),
                ports,
            }),
        ) => {
            let port = match ports[..] {
                [PortItem::Ephemeral] => VsockAddress::ANY,
                [PortItem::Range(first, last)] if first == last => first,
                _ => return Err("these are many ports; name one".to_owned()),
            };
            let protocol = match sends {
                true => Protocol::VsockDatagram,
                false => Protocol::VsockConnection,
            };
            (protocol, Address::Vsock(VsockAddress { cid: *cid, port }))
        }
        (_, Some(special @ (Special::TipcId { .. } | Special::TipcName { .. }))) => {
            let target = match *special {
                Special::TipcId {
                    node: Some(node),
                    reference: Some(reference),
                } => TipcTarget::Id { reference, node },
                Special::TipcName {
                    service_type: Some(service_type),
                    instances: (first, last),
                } if first == last => TipcTarget::Name {
                    service_type,
                    instance: first,
                    domain: 0,
                },
                Special::TipcName {
                    service_type: Some(service_type),
                    instances: (lower, upper),
                } => TipcTarget::NameSequence {
                    service_type,
                    lower,
                    upper,
                },
                _ => return many(),
            };
            let protocol = match sends {
                true => Protocol::TipcDatagram,
                false => Protocol::TipcConnection,
            };
            (protocol, Address::Tipc(TipcAddress { target, scope: 0 }))
        }
        (
            _,
            Some(Special::Bluetooth {
                protocol,
                device: Some(device),
                channel,
            }),
        ) => {
            let address = match (protocol, *device, *channel) {
                (BluetoothProtocol::Sco, Device::Address(device), _) => {
                    BluetoothAddress::Sco(device)
                }
                (
                    BluetoothProtocol::Rfcomm,
                    Device::Address(device),
                    Some(Channel::Number(channel)),
                ) => BluetoothAddress::Rfcomm {
                    device,
                    channel: u8::try_from(channel).unwrap_or(u8::MAX),
                },
                (BluetoothProtocol::L2cap, Device::Address(device), Some(channel)) => {
                    let (psm, cid) = match channel {
                        Channel::Number(psm) => (psm, 0),
                        Channel::Fixed(cid) => (0, cid),
                    };
                    BluetoothAddress::L2cap {
                        device,
                        psm,
                        cid,
                        device_type: 0,
                    }
                }
                (
                    BluetoothProtocol::Hci,
                    Device::Number(device_id),
                    Some(Channel::Number(channel)),
                ) => BluetoothAddress::Hci { device_id, channel },
                _ => return many(),
            };
            let protocol = match sends {
                true => Protocol::BluetoothDatagram(*protocol),
                false => Protocol::BluetoothConnection(*protocol),
            };
            (protocol, Address::Bluetooth(address))
        }
        (
            _,
            Some(Special::Alg {
                algorithm_type,
                name: Some(name),
            }),
        ) => {
            let address = AlgAddress {
                algorithm_type: algorithm_type.clone(),
                name: name.clone(),
                feature: 0,
                mask: 0,
            };
            (Protocol::Alg, Address::Alg(address))
        }
        _ => return many(),
    })
}

/// The one request that is meant.
///
/// # Errors
/// What it is more than.
fn one_request(http: &HttpTarget) -> Result<Request, String> {
    let [method] = http.methods.as_slice() else {
        return Err("name one method, such as `GET https://www.example.com/`".to_owned());
    };
    if http.more {
        return Err("a `*` is many paths; name one".to_owned());
    }
    let host = match &http.host {
        HttpHost::Named { name, .. } if name.beneath => return Err(many_names(&name.name)),
        HttpHost::Named { within, .. } if within[..] != [Class::Public] => {
            return Err("the answer says which classes are allowed; ask without `in=`".to_owned());
        }
        HttpHost::Named { name, .. } => name.name.clone(),
        HttpHost::Address(Host::Localhost) => "localhost".to_owned(),
        HttpHost::Address(host) => match one_address(host)? {
            IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        },
    };
    let scheme = if http.is_https { "https" } else { "http" };
    let authority = format!("{host}:{}", one_port(&http.ports.0)?);
    let request = Request::of(method, scheme, &authority, &http.path);
    request.map_err(|invalid| invalid.reason().to_owned())
}

fn one_address(host: &Host) -> Result<IpAddr, String> {
    match host {
        Host::Net(net) if net.prefix_len() == net.max_prefix_len() => Ok(net.addr()),
        Host::Net(net) => Err(format!(
            "`{host}` is many addresses; name one, such as `{}`",
            Host::Net(net.network().into())
        )),
        _ => Err(format!(
            "`{host}` is many addresses; name one, such as `192.0.2.1`"
        )),
    }
}

fn one_port(ports: &[PortItem]) -> Result<u16, String> {
    match ports {
        // The protocol has none.
        [] | [PortItem::Ephemeral] => Ok(0),
        [PortItem::Range(first, last)] if first == last => Ok(*first),
        _ => Err("these are many ports; name one".to_owned()),
    }
}

/// The IPv6 address of a target where the grammar makes an IPv4 one of it: the
/// answer has to say so.
fn mapped(target: &str) -> Option<Ipv6Addr> {
    let (_, rest) = target.split_once("://[")?;
    let (ip, _) = rest.split_once(']')?;
    let ip: Ipv6Addr = ip.parse().ok()?;
    canonical_ip(ip).is_ipv4().then_some(ip)
}
