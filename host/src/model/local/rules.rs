//! What rules for Unix sockets, netlink and options mean, naively.
//!
//! A grant is the text that it has. A denial is of the thing itself, by whatever
//! name: `alias` is a link to `real`.

use super::super::Choices;

/// The directories that sockets are in, and what they are in truth.
const DIRECTORIES: [(&str, &str); 6] = [
    ("", ""),
    ("real", "real"),
    ("alias", "real"),
    ("real/sub", "real/sub"),
    ("alias/sub", "real/sub"),
    ("other", "other"),
];

/// Paths, and what they are in truth; nothing where no rule grants such a path.
pub(super) const PATHS: [(&str, &str); 11] = [
    ("real/a", "real/a"),
    ("alias/a", "real/a"),
    ("real/b", "real/b"),
    ("alias/b", "real/b"),
    ("real/sub/a", "real/sub/a"),
    ("alias/sub/a", "real/sub/a"),
    ("other/a", "other/a"),
    (LINK, LINK),
    ("real//a", ""),
    ("real/./a", ""),
    ("other/../real/a", ""),
];

/// It is a link itself, to `other/a`: nothing is done there.
pub(super) const LINK: &str = "real/link";
pub(super) const LINKED: &str = "other/a";

/// Abstract names, after what all of a sequence begin with.
pub(super) const NAMES: [&str; 3] = ["a", "ab", "b"];

/// Protocols of netlink, with their names in rules.
pub(super) const PROTOCOLS: [(u32, &str); 3] = [(0, "route"), (2, "usersock"), (16, "generic")];

/// What a socket is at, or an address names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Thing {
    /// One of `PATHS`.
    Path(&'static str),
    Abstract(Vec<u8>),
    Unnamed,
    /// A protocol of netlink, and a port.
    Netlink(u32, u32),
    /// None of those.
    Other,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Path(&'static str),
    Beneath(&'static str),
    Name(&'static str),
    Beginning(&'static str),
    EveryName,
    /// `*`, over which descriptors go.
    Everything,
    /// `netlink://*`
    EveryProtocol,
    /// `netlink://route`, or its number.
    Kernel(u32),
    /// `netlink://route/7`, of the ports of the sequence.
    Port(u32, u32),
    /// `netlink://route/*`
    EveryPort(u32),
    Option(&'static str, &'static str),
}
use Target::{
    Beginning, Beneath, EveryName, EveryPort, EveryProtocol, Everything, Kernel, Name, Option,
    Path, Port,
};

/// Much is about the first of them.
const UNIX: [Target; 16] = [
    Beneath("real"),
    Path("real/a"),
    Path("alias/a"),
    Beneath("alias"),
    Beneath(""),
    EveryName,
    Beginning(""),
    Name("a"),
    Beginning("a"),
    Path("other/a"),
    Beneath("real/sub"),
    Beneath("alias/sub"),
    Beneath("other"),
    Path("alias/sub/a"),
    Path(LINK),
    Name("b"),
];

const NETLINK: [Target; 8] = [
    EveryProtocol,
    EveryPort(2),
    Port(2, 0),
    Kernel(0),
    Kernel(2),
    EveryPort(0),
    Kernel(16),
    EveryPort(16),
];

/// A name and a value of the grants that options need; any value where none is.
const OPTIONS: [Target; 10] = [
    Option("ip-freebind", ""),
    Option("ip-freebind", "1"),
    Option("ip-freebind", "0"),
    Option("so-mark", ""),
    Option("so-mark", "7"),
    Option("so-bindtodevice", ""),
    Option("so-bindtodevice", "lo"),
    Option("raw", ""),
    Option("raw", "0/7"),
    Option("raw", "1/62"),
];

const OVER: [Target; 4] = [Everything, Beneath("real"), EveryName, Path("real/a")];

/// Operations, and what their rules are about.
const OPS: [(&str, &[Target]); 9] = [
    ("connect", &UNIX),
    ("listen", &UNIX),
    ("bind", &UNIX),
    ("send", &UNIX),
    ("bind", &UNIX),
    ("pass-fd", &OVER),
    ("take-fd", &OVER),
    ("raw", &NETLINK),
    ("option", &OPTIONS),
];

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) text: String,
    pub(super) allow: bool,
    op: &'static str,
    target: Target,
}

/// What tells the rules and names of a sequence from those of others, which may
/// run at the same time.
#[derive(Debug)]
pub(super) struct Names {
    /// The directory of all paths.
    pub(super) root: String,
    /// The beginning of all abstract names.
    pub(super) prefix: String,
    /// The first of the ports of netlink.
    pub(super) port: u32,
}

impl Names {
    pub(super) fn rules(
        &self,
        choices: &mut Choices<'_>,
        most: usize,
    ) -> std::option::Option<Vec<Rule>> {
        let count = choices.below(most + 1)?;
        (0..count).map(|_| self.rule(choices)).collect()
    }

    fn rule(&self, choices: &mut Choices<'_>) -> std::option::Option<Rule> {
        let allow = choices.below(6)? != 0;
        let (op, targets) = choices.of(&OPS)?;
        let few = choices.below(2)? == 0;
        let target = choices.of(if few && targets.len() > 8 {
            &targets[..7]
        } else {
            targets
        })?;
        let by_name = choices.below(2)? == 0;
        let effect = if allow { "allow" } else { "deny" };
        let text = format!("{effect} {op} {}", self.target(target, by_name));
        Some(Rule {
            text,
            allow,
            op,
            target,
        })
    }

    /// As a rule says it; a protocol of netlink by its name or its number.
    fn target(&self, target: Target, by_name: bool) -> String {
        let Self { root, prefix, port } = self;
        let protocol = |number: u32| {
            let name = PROTOCOLS
                .iter()
                .find(|(known, _)| by_name && *known == number);
            name.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
        };
        match target {
            Path(path) => format!("unix:{root}/{path}"),
            Beneath("") => format!("unix:{root}/"),
            Beneath(directory) => format!("unix:{root}/{directory}/"),
            Name(name) => format!("unix-abstract:{prefix}{name}"),
            Beginning(name) => format!("unix-abstract:{prefix}{name}*"),
            EveryName => "unix-abstract:*".to_owned(),
            Everything => "*".to_owned(),
            EveryProtocol => "netlink://*".to_owned(),
            Kernel(number) => format!("netlink://{}", protocol(number)),
            EveryPort(number) => format!("netlink://{}/*", protocol(number)),
            Port(number, index) => format!("netlink://{}/{}", protocol(number), port + index),
            Option(name, "") => name.to_owned(),
            Option(name, value) => format!("{name}={value}"),
        }
    }

    /// Whether a rule says a thing.
    fn says(&self, rule: &Rule, thing: &Thing) -> bool {
        match (rule.target, thing) {
            (Everything, _) => true,
            (Path(path), Thing::Path(asked)) => path == *asked,
            (Beneath(directory), Thing::Path(asked)) => {
                !truth(asked).is_empty() && is_beneath(directory, asked)
            }
            (EveryName, Thing::Abstract(_)) => true,
            (Name(name), Thing::Abstract(asked)) => {
                format!("{}{name}", self.prefix).as_bytes() == asked
            }
            (Beginning(name), Thing::Abstract(asked)) => {
                asked.starts_with(format!("{}{name}", self.prefix).as_bytes())
            }
            (EveryProtocol, Thing::Netlink(..)) => true,
            (EveryPort(number), Thing::Netlink(asked, _)) => number == *asked,
            (Kernel(number), Thing::Netlink(asked, port)) => number == *asked && *port == 0,
            (Port(number, index), Thing::Netlink(asked, port)) => {
                number == *asked && *port == self.port + index
            }
            _ => false,
        }
    }

    /// Whether a denial means a thing, by whatever name.
    fn means(&self, rule: &Rule, thing: &Thing) -> bool {
        let by_truth = match (rule.target, thing) {
            (Path(path), Thing::Path(asked)) => truth(path) == truth(asked),
            (Beneath(directory), Thing::Path(asked)) => {
                let known = DIRECTORIES.iter().find(|(known, _)| *known == directory);
                is_beneath(known.expect("a directory").1, truth(asked))
            }
            // Whoever talks to the kernel does it from any port.
            (Kernel(number), Thing::Netlink(asked, _)) => number == *asked,
            // The name will be the kernel's choice.
            (EveryName, Thing::Unnamed) => rule.op == "bind" || rule.op == "listen",
            _ => false,
        };
        by_truth || self.says(rule, thing)
    }

    pub(super) fn granted(&self, rules: &[Rule], op: &str, thing: &Thing) -> bool {
        let is_it = |rule: &Rule| rule.allow && rule.op == op && self.says(rule, thing);
        rules.iter().any(is_it)
    }

    pub(super) fn denied(&self, rules: &[Rule], op: &str, thing: &Thing) -> bool {
        let is_it = |rule: &Rule| !rule.allow && rule.op == op && self.means(rule, thing);
        rules.iter().any(is_it)
    }

    pub(super) fn allows(&self, rules: &[Rule], op: &str, thing: &Thing) -> bool {
        let granted = |op| self.granted(rules, op, thing);
        let denied = |op| self.denied(rules, op, thing);
        let may_listen = granted("listen") && !denied("listen") && !denied("bind");
        match op {
            // A path or a name may be of both kinds of sockets.
            "connect" | "send" => granted(op) && !denied("connect") && !denied("send"),
            "listen" => may_listen,
            // A client's, as it gets one by itself.
            "bind" if *thing == Thing::Unnamed => !denied("bind"),
            "bind" => !denied("bind") && (granted("bind") || may_listen),
            _ => granted(op) && !denied(op),
        }
    }

    /// Whether a rule denies something of the link.
    pub(super) fn denies_link<'r>(&self, mut rules: impl Iterator<Item = &'r Rule>) -> bool {
        rules.any(|rule| !rule.allow && matches!(rule.target, Path(path) if truth(path) == LINK))
    }

    /// How many of the grants that a path may be used by lead through a link, and
    /// how many there are.
    pub(super) fn links(&self, rules: &[Rule], op: &str, path: &'static str) -> (usize, usize) {
        let ops: &[&str] = if op == "bind" {
            &["bind", "listen"]
        } else {
            &[op]
        };
        let thing = Thing::Path(path);
        let grants: Vec<&Rule> = rules
            .iter()
            .filter(|rule| rule.allow && ops.contains(&rule.op) && self.says(rule, &thing))
            .collect();
        // Links in what the rule itself says are the user's own.
        let leads = |rule: &&&Rule| {
            path == LINK || (matches!(rule.target, Beneath("")) && path.starts_with("alias/"))
        };
        (grants.iter().filter(leads).count(), grants.len())
    }
}

/// Whether a socket of netlink may be made.
pub(super) fn allows_making(rules: &[Rule], protocol: u32) -> bool {
    let speaks = |rule: &&Rule| match rule.target {
        EveryProtocol => true,
        Kernel(number) | EveryPort(number) | Port(number, _) => number == protocol,
        _ => false,
    };
    let is_all = |rule: &Rule| !matches!(rule.target, Port(..));
    let mut about = rules.iter().filter(speaks);
    about.clone().any(|rule| rule.allow) && !about.any(|rule| !rule.allow && is_all(rule))
}

/// Whether an option may be set, whose grant has this name and this value.
pub(super) fn allows_option(rules: &[Rule], name: &str, value: &str, by_value: bool) -> bool {
    let about = |allow, bare| {
        rules.iter().any(|rule| match rule.target {
            Option(known, "") => bare && rule.allow == allow && known == name,
            Option(known, only) => rule.allow == allow && known == name && only == value,
            _ => false,
        })
    };
    about(true, !by_value) && !about(false, true)
}

fn is_beneath(directory: &str, path: &str) -> bool {
    let rest = path.strip_prefix(directory);
    directory.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
}

/// What a path is in truth.
pub(super) fn truth(path: &str) -> &'static str {
    let known = PATHS.iter().find(|(known, _)| *known == path);
    known.expect("one of the table").1
}
