//! How far a policy reaches, roughly: what a second, coarser layer of the
//! kernel's can be told.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::Policy;
use crate::Protocol;
use crate::class::Class;
use crate::rule::{Effect, Host, HttpHost, Op, PortItem, Ports, Proto, Target};

/// What the grants of a policy reach at most. Denials and hosts are left out: it
/// is wider than the policy, never narrower.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reach {
    /// The ports that TCP may connect to; `None` where there are too many to
    /// list.
    pub connect_ports: Option<BTreeSet<u16>>,
    /// The local ports that TCP may bind, and 0 for an ephemeral one, which it
    /// always may before it connects; `None` where there are too many to list.
    pub bind_ports: Option<BTreeSet<u16>>,
    /// Whether abstract Unix sockets are connected or sent to.
    pub abstract_sockets: bool,
    /// The directories whose Unix sockets are bound or connected to.
    pub unix_directories: BTreeSet<PathBuf>,
    /// Those of them where Unix sockets are bound, and removed.
    pub unix_bound: BTreeSet<PathBuf>,
    /// Whether names are looked up.
    pub names: bool,
}

/// More ports than this are not listed.
const PORTS: usize = 1024;

impl Policy {
    /// What the grants reach at most.
    ///
    /// ```
    /// use capsock_policy::{Op, Policy};
    ///
    /// let policy = Policy::default().allow(Op::Connect, "tcp://10.0.0.0/8:80,443")?;
    /// assert_eq!(policy.reach().connect_ports, Some([80, 443].into()));
    /// # Ok::<(), capsock_policy::ParseRuleError>(())
    /// ```
    pub fn reach(&self) -> Reach {
        let grants = || {
            self.rules
                .iter()
                .filter(|rule| rule.effect == Effect::Allow)
        };
        let mut reach = Reach {
            connect_ports: Some(BTreeSet::new()),
            bind_ports: Some([0].into()),
            ..Reach::default()
        };
        for rule in grants() {
            match (&rule.target, rule.op) {
                (Target::Net { proto, ports, .. } | Target::Named { proto, ports, .. }, op) => {
                    let slot = match op {
                        Op::Connect => &mut reach.connect_ports,
                        Op::Bind | Op::Listen => &mut reach.bind_ports,
                        _ => continue,
                    };
                    if is_tcp(*proto) {
                        extend(slot, ports);
                    }
                }
                (Target::Http(http), _) => extend(&mut reach.connect_ports, &http.ports),
                (Target::UnixPath(path), op) => {
                    reach.unix_directories.insert(path.directory.clone());
                    if matches!(op, Op::Bind | Op::Listen) {
                        reach.unix_bound.insert(path.directory.clone());
                    }
                }
                (Target::UnixAbstract(_), Op::Connect | Op::Send) => reach.abstract_sockets = true,
                _ => {}
            }
            reach.names |= match &rule.target {
                Target::Named { .. } => true,
                // Of addresses alone, a name needs a rule of its own to be looked up.
                Target::Http(http) => matches!(
                    http.host,
                    HttpHost::Named { .. }
                        | HttpHost::Address(Host::Any | Host::Class(Class::Public))
                ),
                _ => rule.op == Op::Resolve,
            };
        }
        reach
    }
}

/// MPTCP falls back to TCP, with the same ports.
fn is_tcp(proto: Proto) -> bool {
    matches!(
        proto,
        Proto::Ip | Proto::Only(Protocol::Tcp | Protocol::Mptcp)
    )
}

fn extend(slot: &mut Option<BTreeSet<u16>>, ports: &Ports) {
    for item in &ports.0 {
        let Some(listed) = slot else { return };
        match *item {
            PortItem::Any => *slot = None,
            PortItem::Ephemeral => _ = listed.insert(0),
            PortItem::Range(first, last) if usize::from(last - first) >= PORTS => *slot = None,
            PortItem::Range(first, last) => {
                listed.extend(first..=last);
                if listed.len() > PORTS {
                    *slot = None;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rule;

    #[test]
    fn it_is_as_wide_as_the_grants() {
        let rules = [
            "allow connect tcp://10.0.0.0/8:80-82",
            "allow connect tcp://api.example.com:443",
            "allow send udp://*:53",
            "allow listen ip://127.0.0.1:ephemeral,7",
            "deny connect tcp://10.0.0.0/8:81",
            "allow connect unix:/run/app/db.sock",
            "allow listen unix:/run/own/s",
            "allow listen unix-abstract:a",
        ];
        let policy = rules.iter().fold(Policy::default(), |policy, rule| {
            policy.with(rule.parse::<Rule>().expect(rule))
        });
        assert_eq!(
            policy.reach(),
            Reach {
                connect_ports: Some([80, 81, 82, 443].into()),
                bind_ports: Some([0, 7].into()),
                abstract_sockets: false,
                unix_directories: ["/run/app", "/run/own"].map(PathBuf::from).into(),
                unix_bound: [PathBuf::from("/run/own")].into(),
                names: true,
            }
        );
        for (rule, ports, names) in [
            ("allow http https://a.example/*", vec![443], true),
            ("allow http http://*:80,8080/*", vec![80, 8080], true),
            ("allow http http://[10.0.0.0/8]/*", vec![80], false),
        ] {
            let reach = Policy::default().with(rule.parse().expect(rule)).reach();
            assert_eq!(
                reach.connect_ports,
                Some(ports.into_iter().collect()),
                "{rule}"
            );
            assert_eq!(reach.names, names, "{rule}");
        }
        for (rule, op) in [
            ("allow connect tcp://*:*", Op::Connect),
            ("allow listen mptcp://[::1]:1-65535", Op::Listen),
        ] {
            let reach = Policy::default().with(rule.parse().expect(rule)).reach();
            let ports = match op {
                Op::Connect => reach.connect_ports,
                _ => reach.bind_ports,
            };
            assert_eq!(ports, None, "{rule}");
        }
    }
}
