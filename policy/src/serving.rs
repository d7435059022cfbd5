//! Where a program may serve that names no address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::Protocol;
use crate::class::Class;
use crate::rule::{Effect, Host, Op, Target};
use crate::{Address, Policy};

/// What "every interface" stands for to a program that asks where it may bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serving {
    /// Every interface.
    Everywhere,
    /// The addresses that rules name one by one; none, where there is no such rule.
    At(Vec<IpAddr>),
}

impl Policy {
    /// What `AI_PASSIVE` of getaddrinfo(3) stands for: every interface where some rule lets
    /// a program listen there, or else each address that a rule names. Port 0 and no
    /// protocol are any.
    ///
    /// It is no check: what is bound is checked then.
    ///
    /// ```
    /// use capsock_policy::{Op, Policy, Serving};
    ///
    /// let policy = Policy::default().allow(Op::Listen, "tcp://127.0.0.1:8080")?;
    /// assert_eq!(policy.serving(None, false, 0), Serving::At(vec![[127, 0, 0, 1].into()]));
    /// # Ok::<(), capsock_policy::ParseRuleError>(())
    /// ```
    pub fn serving(&self, protocol: Option<Protocol>, is_ipv6: bool, port: u16) -> Serving {
        let every: IpAddr = match is_ipv6 {
            true => Ipv6Addr::UNSPECIFIED.into(),
            false => Ipv4Addr::UNSPECIFIED.into(),
        };
        let mut found = Vec::new();
        for rule in self.rules() {
            let Target::Net { proto, host, ports } = &rule.target else {
                continue;
            };
            let is_meant = rule.effect == Effect::Allow
                && matches!(rule.op, Op::Listen | Op::Bind)
                && protocol.is_none_or(|protocol| proto.covers(Effect::Allow, protocol))
                && (port == 0 || ports.covers(port));
            if !is_meant {
                continue;
            }
            if host.covers(Effect::Allow, every, None) {
                return Serving::Everywhere;
            }
            if let Some(ip) = host.one(is_ipv6)
                && !found.contains(&ip)
                && protocol.is_none_or(|protocol| !self.is_denied(protocol, ip, port))
            {
                found.push(ip);
            }
        }
        Serving::At(found)
    }

    fn is_denied(&self, protocol: Protocol, ip: IpAddr, port: u16) -> bool {
        let address = Address::from(std::net::SocketAddr::from((ip, port)));
        self.denied_by(Op::Listen.denied_by(), protocol, &address)
            .is_some()
    }
}

impl Host {
    /// The one address of a family that it is, if it is one.
    fn one(&self, is_ipv6: bool) -> Option<IpAddr> {
        let loopback: IpAddr = match is_ipv6 {
            true => Ipv6Addr::LOCALHOST.into(),
            false => Ipv4Addr::LOCALHOST.into(),
        };
        match self {
            Self::Net(net) => {
                let is_one = net.prefix_len() == net.max_prefix_len();
                (is_one && net.addr().is_ipv6() == is_ipv6).then(|| net.addr())
            }
            Self::Class(Class::Loopback) | Self::Localhost => Some(loopback),
            Self::Any | Self::Class(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(rules: &[&str], protocol: Option<Protocol>, is_ipv6: bool, port: u16, expected: &str) {
        let mut policy = Policy::default();
        for rule in rules {
            let (op, target) = rule.split_once(' ').unwrap();
            policy = match op {
                "deny" => policy.deny(Op::Listen, target),
                "bind" => policy.allow(Op::Bind, target),
                _ => policy.allow(Op::Listen, target),
            }
            .unwrap();
        }
        let told = match policy.serving(protocol, is_ipv6, port) {
            Serving::Everywhere => "everywhere".to_owned(),
            Serving::At(ips) => ips
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        };
        assert_eq!(told, expected, "{rules:?}");
    }

    #[test]
    fn every_interface_where_a_rule_says_so() {
        is(&["listen tcp://0.0.0.0:80"], None, false, 80, "everywhere");
        is(
            &["listen tcp://127.0.0.1:80", "listen tcp://0.0.0.0:*"],
            None,
            false,
            80,
            "everywhere",
        );
        is(&["listen tcp://[::]:80"], None, true, 80, "everywhere");
        is(&["listen tcp://[::]:80"], None, false, 80, "");
        is(&["listen tcp://0.0.0.0:80"], None, false, 81, "");
        is(&["listen tcp://0.0.0.0:80"], None, false, 0, "everywhere");
        is(
            &["listen tcp://0.0.0.0:80"],
            Some(Protocol::Udp),
            false,
            80,
            "",
        );
    }

    #[test]
    fn else_each_address_that_a_rule_names() {
        is(&["listen tcp://127.0.0.1:80"], None, false, 0, "127.0.0.1");
        is(&["listen tcp://127.0.0.1:80"], None, true, 0, "");
        is(
            &["bind udp://192.0.2.1:53", "listen tcp://192.0.2.1:53"],
            None,
            false,
            53,
            "192.0.2.1",
        );
        is(
            &["listen tcp://10.0.0.1:1", "listen tcp://10.0.0.2:2"],
            None,
            false,
            0,
            "10.0.0.1 10.0.0.2",
        );
        is(
            &["listen tcp://10.0.0.1:1", "listen tcp://10.0.0.2:2"],
            None,
            false,
            2,
            "10.0.0.2",
        );
        is(&["listen tcp://loopback:80"], None, true, 80, "::1");
        is(&["listen tcp://localhost:80"], None, false, 80, "127.0.0.1");
        is(&["listen tcp://127.0.0.0/8:80"], None, false, 80, "");
        is(
            &["listen tcp://127.0.0.1:80", "deny tcp://127.0.0.1:80"],
            Some(Protocol::Tcp),
            false,
            80,
            "",
        );
    }
}
