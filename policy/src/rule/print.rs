//! Rules as the parser takes them.

use std::fmt;
use std::net::IpAddr;

use super::{AbstractName, Effect, Host, Name, Op, PortItem, Ports, Proto, Rule, Target, UnixPath};
use crate::class::Class;
use crate::text::escape;

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.effect, self.op, self.target)?;
        for (index, host) in self.from.iter().enumerate() {
            f.write_str(if index == 0 { " from=" } else { "," })?;
            write!(f, "{host}")?;
        }
        for (index, kind) in self.of.iter().enumerate() {
            f.write_str(if index == 0 { " of=" } else { "," })?;
            write!(f, "{kind}")?;
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
            Self::Special {
                family,
                address: None,
            } => write!(f, "{family}://*"),
            Self::Special {
                family,
                address: Some(address),
            } => write!(f, "{family}://{address}"),
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
                write!(f, "{name}={value}")
            }
            Self::Http(http) => write!(f, "{http}"),
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
            Self::Localhost => f.write_str("localhost"),
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
        write_ports(f, &self.0)
    }
}

pub(super) fn write_ports<P: fmt::Display + PartialEq>(
    f: &mut fmt::Formatter<'_>,
    ports: &[PortItem<P>],
) -> fmt::Result {
    for (index, item) in ports.iter().enumerate() {
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
