//! Internet endpoints in rules: protocols, hosts, classes and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use super::{Parsed, Parser};
use crate::Protocol;
use crate::address::canonical_ip;
use crate::class::Class;
use crate::name::canonical_name;
use crate::rule::{Host, PortItem, Ports, Proto, Target};
use crate::text::looks_numeric;

impl<'a> Parser<'a> {
    /// Addresses, or a name that stands for them.
    pub(crate) fn net(&self, proto: Proto, host: &'a str, ports: Ports) -> Parsed<Target> {
        let bare = host.strip_prefix("*.").unwrap_or(host);
        let is_name = bare != host
            || (host.contains('*') && host != "*")
            || (host != "localhost"
                && Class::from_str(host).is_err()
                && !looks_numeric(host)
                && canonical_name(host).is_some());
        if !is_name {
            let host = self.host(host)?;
            return Ok(Target::Net { proto, host, ports });
        }
        let name = self.name(host)?;
        // It would be printed as what it is not.
        let is_word = name.name == "localhost" || Class::from_str(&name.name).is_ok();
        if is_word && !name.beneath {
            let message = format!(
                "expected `{}`, which is no host name in a rule and written like that",
                name.name
            );
            return self.fail(host, &message);
        }
        Ok(Target::Named {
            proto,
            name,
            ports,
            within: vec![Class::Public],
        })
    }

    pub(crate) fn classes(&self, text: &'a str) -> Parsed<Vec<Class>> {
        let class = |name: &'a str| {
            match Class::from_str(name) {
            Ok(class) => Ok(class),
            Err(()) => self.fail(
                name,
                "expected a class: public, loopback, private, link-local, metadata, multicast or broadcast",
            ),
        }
        };
        text.split(',').map(class).collect()
    }

    pub(crate) fn proto(&self, scheme: &'a str) -> Parsed<Proto> {
        Ok(Proto::Only(match scheme {
            "ip" => return Ok(Proto::Ip),
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "mptcp" => Protocol::Mptcp,
            "udplite" => Protocol::UdpLite,
            "icmp" => Protocol::Icmp,
            "rds" => Protocol::Rds,
            _ => match scheme.strip_prefix("raw/") {
                // Not `parse` alone, which would take `+1` and `01`.
                Some(number) => match number.parse::<u8>() {
                    Ok(parsed) if parsed.to_string() == number => Protocol::Raw(parsed),
                    _ => {
                        return self
                            .fail(number, "expected the number of an IP protocol, 0 to 255");
                    }
                },
                None => {
                    return self.fail(
                        scheme,
                        "expected `tcp`, `udp`, `ip` (both), `mptcp`, `udplite`, `icmp`, `raw/N`, `rds`, `netlink`, `vsock`, `packet`, `can`, `tipc`, `bluetooth` or `alg`",
                    );
                }
            },
        }))
    }

    pub(crate) fn host(&self, text: &'a str) -> Parsed<Host> {
        if text == "*" {
            return Ok(Host::Any);
        }
        if text == "localhost" {
            return Ok(Host::Localhost);
        }
        if let Ok(class) = Class::from_str(text) {
            return Ok(Host::Class(class));
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let address = bare.unwrap_or(text);
        let ip = if bare.is_some() {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        } else {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        };
        if address.contains('/') {
            return self.cidr(address);
        }
        match (address.parse::<IpAddr>(), ip) {
            (Ok(found @ IpAddr::V4(_)), IpAddr::V4(_)) => Ok(Host::Net(IpNet::from(found))),
            // A rule for `[::ffff:127.0.0.1]` or `[::127.0.0.1]` is a rule for 127.0.0.1.
            (Ok(IpAddr::V6(found)), IpAddr::V6(_)) => Ok(Host::Net(IpNet::from(canonical_ip(found)))),
            (Ok(IpAddr::V6(_)), IpAddr::V4(_)) => self.fail(text, &format!("write an IPv6 address in brackets: `[{address}]`")),
            (Ok(IpAddr::V4(_)), IpAddr::V6(_)) => self.fail(text, &format!("only IPv6 addresses stand in brackets: `{address}`")),
            (Err(_), _) if address.is_empty() => self.fail(text, "expected a host: an address, a CIDR, a class or `*`"),
            (Err(_), IpAddr::V6(_)) => self.fail(text, "expected an IPv6 address in the brackets"),
            (Err(_), _) if looks_numeric(address) => self.fail(
                text,
                "expected an address of four decimal numbers from 0 to 255 without leading zeros; other forms are never guessed",
            ),
            (Err(_), _) if address.contains(':') => self.fail(text, "expected a host; an IPv6 address stands in brackets, before `:PORTS`"),
            (Err(_), _) => self.fail(
                text,
                "expected an address, a CIDR, `*` or a class (public, loopback, private, link-local, metadata, multicast, broadcast); or a host name such as `api.example.com`",
            ),
        }
    }

    fn cidr(&self, text: &'a str) -> Parsed<Host> {
        match text.parse::<IpNet>() {
            Ok(net) if net.addr() == net.network() => match net {
                // A net of addresses that hold IPv4 ones is the net of these.
                IpNet::V6(v6) if net.prefix_len() >= 96 => match canonical_ip(v6.network()) {
                    IpAddr::V4(v4) => Ok(Host::Net(IpNet::new_assert(
                        IpAddr::V4(v4),
                        net.prefix_len() - 96,
                    ))),
                    IpAddr::V6(network) if holds_ipv4(network) && net.prefix_len() < 112 => {
                        self.fail(
                            text,
                            "addresses of ::/96 stand for the IPv4 addresses in them; write the net of those",
                        )
                    }
                    IpAddr::V6(_) => Ok(Host::Net(net)),
                },
                IpNet::V4(_) | IpNet::V6(_) => Ok(Host::Net(net)),
            },
            Ok(net) => self.fail(
                text,
                &format!(
                    "the address has bits beyond the prefix; write `{}`",
                    net.trunc()
                ),
            ),
            Err(_) => self.fail(
                text,
                "expected a CIDR such as `10.20.0.0/16` or `[2001:db8::/32]`",
            ),
        }
    }

    pub(crate) fn ports(&self, text: &'a str) -> Parsed<Ports> {
        text.split(',')
            .map(|item| self.port_item(item))
            .collect::<Parsed<_>>()
            .map(Ports)
    }

    fn port_item(&self, text: &'a str) -> Parsed<PortItem> {
        match text {
            "*" => return Ok(PortItem::Any),
            "ephemeral" => return Ok(PortItem::Ephemeral),
            _ => {}
        }
        match text.split_once('-') {
            None => self.port(text).map(|port| PortItem::Range(port, port)),
            Some((first, last)) => match (self.port(first)?, self.port(last)?) {
                (low, high) if low <= high => Ok(PortItem::Range(low, high)),
                (low, high) => self.fail(
                    text,
                    &format!("the range ends before it starts; write `{high}-{low}`"),
                ),
            },
        }
    }

    fn port(&self, text: &'a str) -> Parsed<u16> {
        // `parse` alone would take `+80`.
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u16>() {
            Ok(0) => self.fail(text, "port 0 asks for an ephemeral port; write `ephemeral`"),
            Ok(port) if digits => Ok(port),
            _ => self.fail(
                text,
                "expected a port from 1 to 65535, a range `N-M`, `ephemeral` or `*`",
            ),
        }
    }
}

/// Whether an address may be one that holds an IPv4 address: RFC 4291, 2.5.5.1.
fn holds_ipv4(ip: Ipv6Addr) -> bool {
    ip.segments()[..6] == [0; 6]
}
