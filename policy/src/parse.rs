//! The grammar of rules: `listen tcp://[::1]:8080-8090 from=loopback`.

mod host;
mod http;
mod option;
mod special;
mod unix;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::Protocol;
use crate::name::canonical_name;
use crate::rule::{
    DescriptorKind, DescriptorKinds, Effect, Family, HttpHost, Name, Op, Ports, Proto, Rule, Target,
};
use crate::text::looks_numeric;

/// A rule that does not follow the grammar: where, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseRuleError {
    input: String,
    offset: usize,
    message: String,
}

impl ParseRuleError {
    /// An error at a byte of the input, which is the first of a character.
    pub(crate) fn new(input: String, offset: usize, message: &str) -> Self {
        Self {
            input,
            offset,
            message: message.to_owned(),
        }
    }

    /// The byte of the input at which it stops making sense.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What was expected there, without the input.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// An error at `part`, which is a slice of `input`.
    pub(crate) fn at(input: &str, part: &str, message: &str) -> Self {
        // Its end, for what is no part of it after all.
        let offset = part.as_ptr().addr().checked_sub(input.as_ptr().addr());
        let offset = offset.filter(|offset| input.is_char_boundary(*offset));
        Self::new(input.to_owned(), offset.unwrap_or(input.len()), message)
    }
}

impl fmt::Display for ParseRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            input,
            offset,
            message,
        } = self;
        let character = input[..*offset].chars().count() + 1;
        write!(
            f,
            "invalid rule `{}` at character {character}: {message}",
            input.escape_debug()
        )
    }
}

impl std::error::Error for ParseRuleError {}

/// Parses `allow connect tcp://192.0.2.1:443` and the like.
impl FromStr for Rule {
    type Err = ParseRuleError;

    fn from_str(input: &str) -> Result<Self, ParseRuleError> {
        let parser = Parser { input };
        let (effect, rest) = parser.word(input);
        let effect = match effect {
            "allow" => Effect::Allow,
            "deny" => Effect::Deny,
            _ => return parser.fail(effect, "expected `allow` or `deny`"),
        };
        let (op, rest) = parser.word(rest);
        let op = parser.op(op)?;
        parser.rule(effect, op, rest)
    }
}

impl Rule {
    /// Parses what follows the operation in a rule: a target and its
    /// qualifiers, such as `tcp://[::1]:8080-8090 from=loopback`.
    ///
    /// # Errors
    /// Where the text does not follow the grammar, or the operation does not
    /// suit the target.
    pub fn parse(effect: Effect, op: Op, input: &str) -> Result<Self, ParseRuleError> {
        Parser { input }.rule(effect, op, input)
    }
}

/// Parses `connect tcp://192.0.2.1:443` as a grant of it.
pub(crate) fn parse_grant(input: &str) -> Parsed<Rule> {
    let parser = Parser { input };
    let (op, rest) = parser.word(input);
    parser.rule(Effect::Allow, parser.op(op)?, rest)
}

/// The operation that a word names.
///
/// # Errors
/// What would be one.
pub(crate) fn parse_op(word: &str) -> Result<Op, String> {
    let known = Op::ALL.map(Op::name);
    let op = Op::ALL.into_iter().find(|op| op.name() == word);
    op.ok_or_else(|| {
        let expected = match nearest(word, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of `{}`", known.join("`, `")),
        };
        format!("unknown operation `{}`; {expected}", word.escape_debug())
    })
}

/// The word that was meant, where one is near enough to be told.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    const NEAR: f64 = 0.8;
    let likeness = known
        .iter()
        .map(|known| (strsim::jaro_winkler(word, known), *known));
    let (likeness, near) = likeness.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness >= NEAR).then_some(near)
}

struct Parser<'a> {
    input: &'a str,
}

type Parsed<T> = Result<T, ParseRuleError>;

impl<'a> Parser<'a> {
    fn rule(&self, effect: Effect, op: Op, input: &'a str) -> Parsed<Rule> {
        let (target, mut rest) = self.word(input);
        let at = target;
        let target = match op {
            Op::Http => {
                let (target, after) = self.http(input)?;
                rest = after;
                target
            }
            Op::Option => self.option(target)?,
            Op::Resolve if target == "*" => Target::Everything,
            Op::Resolve => Target::Name(self.name(target)?),
            Op::Interfaces => self.everything(target)?,
            Op::PassFd | Op::TakeFd if target == "*" => Target::Everything,
            _ => self.target(effect, target)?,
        };
        self.check_op(effect, op, &target, at)?;
        let mut target = target;
        let (mut from, mut of) = (Vec::new(), DescriptorKinds::default());
        let mut is_within_given = false;
        while !rest.trim().is_empty() {
            let (qualifier, after) = self.word(rest);
            rest = after;
            match qualifier.split_once('=') {
                Some(("from", _)) if op != Op::Listen => {
                    return self.fail(qualifier, "`from=` goes with `listen` only");
                }
                Some(("from", _)) if !from.is_empty() => {
                    return self.fail(
                        qualifier,
                        "`from=` stands here twice; separate hosts by commas",
                    );
                }
                Some(("from", _)) if !matches!(target, Target::Net { .. }) => {
                    return self.fail(
                        qualifier,
                        "the peers of a Unix socket have no address to tell them by",
                    );
                }
                Some(("from", hosts)) => {
                    from = hosts
                        .split(',')
                        .map(|host| self.host(host))
                        .collect::<Parsed<_>>()?;
                }
                Some(("in", _)) if effect == Effect::Deny && op == Op::Http => {
                    return self.fail(
                        qualifier,
                        "a denial of a name holds whatever it resolves to; leave out `in=`",
                    );
                }
                Some(("in", classes)) => {
                    let within = match &mut target {
                        Target::Named { within, .. } => within,
                        Target::Http(http) => match &mut http.host {
                            HttpHost::Named { within, .. } => within,
                            HttpHost::Address(_) => {
                                return self.fail(qualifier, "`in=` goes with a host name only");
                            }
                        },
                        _ => return self.fail(qualifier, "`in=` goes with a host name only"),
                    };
                    if is_within_given {
                        return self.fail(
                            qualifier,
                            "`in=` stands here twice; separate classes by commas",
                        );
                    }
                    is_within_given = true;
                    *within = self.classes(classes)?;
                }
                Some(("of", _)) if op != Op::TakeFd => {
                    return self.fail(qualifier, "`of=` goes with `take-fd` only");
                }
                Some(("of", _)) if !of.is_empty() => {
                    return self.fail(
                        qualifier,
                        "`of=` stands here twice; separate kinds by commas",
                    );
                }
                Some(("of", kinds)) => {
                    for kind in kinds.split(',') {
                        of.insert(self.kind(kind)?);
                    }
                }
                _ => {
                    return self.fail(
                        qualifier,
                        "expected `from=HOST,…`, `in=CLASS,…`, `of=KIND,…` or the end",
                    );
                }
            }
        }
        Ok(Rule {
            effect,
            op,
            target,
            from,
            of,
        })
    }

    fn kind(&self, word: &'a str) -> Parsed<DescriptorKind> {
        let known = DescriptorKind::ALL.map(DescriptorKind::name);
        let kind = DescriptorKind::ALL
            .into_iter()
            .find(|kind| kind.name() == word);
        match (kind, nearest(word, &known)) {
            (Some(kind), _) => Ok(kind),
            (None, Some(near)) => self.fail(word, &format!("did you mean `{near}`?")),
            (None, None) => self.fail(word, &format!("expected one of `{}`", known.join("`, `"))),
        }
    }

    fn op(&self, word: &'a str) -> Parsed<Op> {
        parse_op(word).or_else(|message| self.fail(word, &message))
    }

    fn target(&self, effect: Effect, text: &'a str) -> Parsed<Target> {
        if let Some(path) = text.strip_prefix("unix:") {
            return self.unix_path(path);
        }
        if let Some(name) = text.strip_prefix("unix-abstract:") {
            return self.unix_abstract(name);
        }
        let Some((scheme, endpoint)) = text.split_once("://") else {
            return self.fail(
                text,
                "expected `PROTO://HOST:PORTS`, `FAMILY://ADDRESS`, `unix:/PATH` or `unix-abstract:NAME`",
            );
        };
        if let Some(family) = Family::ALL.into_iter().find(|known| known.name() == scheme) {
            return self.special(effect, family, endpoint);
        }
        let proto = self.proto(scheme)?;
        if let Proto::Only(protocol) = proto
            && !protocol.has_ports()
        {
            return self.net(proto, endpoint, Ports(Vec::new()));
        }
        let split = match endpoint.rfind(':') {
            Some(colon) if !endpoint[colon..].contains(']') => colon,
            _ => {
                return self.fail(
                    &endpoint[endpoint.len()..],
                    "expected `:PORTS`; `:*` is every port",
                );
            }
        };
        let (host, ports) = (&endpoint[..split], &endpoint[split + 1..]);
        let ports = self.ports(ports);
        // What is wrong with the host is told first; it stands first.
        match self.net(proto, host, Ports(Vec::new()))? {
            Target::Named {
                proto,
                name,
                within,
                ..
            } => Ok(Target::Named {
                proto,
                name,
                ports: ports?,
                within,
            }),
            _ => Ok(Target::Net {
                proto,
                host: self.host(host)?,
                ports: ports?,
            }),
        }
    }

    fn everything(&self, text: &'a str) -> Parsed<Target> {
        match text {
            "*" => Ok(Target::Everything),
            _ => self.fail(text, "expected `*`: all or nothing"),
        }
    }

    fn name(&self, text: &'a str) -> Parsed<Name> {
        let (beneath, bare) = match text.strip_prefix("*.") {
            Some(suffix) => (true, suffix),
            None => (false, text),
        };
        if bare.contains('*') {
            return self.fail(
                text,
                "expected a host name, `*.` and a domain, or `*`: a `*` stands for whole labels",
            );
        }
        if bare.parse::<IpAddr>().is_ok() || looks_numeric(bare) {
            return self.fail(text, "expected a host name; an address needs no look-up");
        }
        match canonical_name(bare) {
            Some(name) => Ok(Name { name, beneath }),
            None => self.fail(
                text,
                "expected a host name such as `api.example.com` or `*.example.com`",
            ),
        }
    }

    /// Rules that could never match are mistakes, and some are dangerous ones.
    fn check_op(&self, effect: Effect, op: Op, target: &Target, at: &'a str) -> Parsed<()> {
        if let Target::Named { .. } = target {
            match (effect, op) {
                (Effect::Deny, _) => {
                    return self.fail(
                        at,
                        "a denial of a name would not hold for its addresses; deny those, or use `deny resolve`",
                    );
                }
                (_, Op::Connect | Op::Send | Op::Raw) => {}
                _ => {
                    return self.fail(
                        at,
                        "a name stands for peers: `connect` and `send` take one, this takes an address or a class",
                    );
                }
            }
        }
        let protocol = match target {
            Target::Net {
                proto: Proto::Only(protocol),
                ..
            }
            | Target::Named {
                proto: Proto::Only(protocol),
                ..
            } => Some(*protocol),
            _ => None,
        };
        let is_unix = matches!(target, Target::UnixPath(_) | Target::UnixAbstract(_));
        let family = match target {
            Target::Special { family, .. } => Some(*family),
            _ => None,
        };
        let is_raw = protocol.is_some_and(Protocol::is_raw)
            || matches!(family, Some(Family::Netlink | Family::Packet | Family::Can));
        match op {
            Op::PassFd | Op::TakeFd if !is_unix && *target != Target::Everything => self.fail(
                at,
                "only Unix sockets carry descriptors; expected `unix:/PATH`, `unix-abstract:NAME` or `*`",
            ),
            Op::Raw if !is_raw => self.fail(
                at,
                "`raw` is for sockets beneath the transport layer: `raw/N`, `netlink`, `packet` and `can`; use `connect`, `listen` or `send`",
            ),
            Op::Connect | Op::Bind | Op::Listen | Op::Send | Op::Recv if is_raw => self.fail(
                at,
                "everything that is done with a socket beneath the transport layer is one operation; use `raw`",
            ),
            Op::Connect if protocol.is_some_and(|protocol| !protocol.has_connections()) => self.fail(
                at,
                "connecting a socket of datagrams is sending; use `send`",
            ),
            Op::Send | Op::Recv if protocol.is_some_and(Protocol::has_connections) => self.fail(
                at,
                "`send` and `recv` are for datagrams; use `connect` or `listen`",
            ),
            Op::Recv if is_unix => {
                self.fail(at, "a Unix socket receives what is sent to it; use `bind`")
            }
            Op::Connect | Op::Listen | Op::Send | Op::Recv if family == Some(Family::Alg) => self.fail(
                at,
                "an algorithm is bound; use `bind`",
            ),
            _ => Ok(()),
        }
    }

    /// The first word, and what follows it.
    fn word(&self, text: &'a str) -> (&'a str, &'a str) {
        let text = text.trim_start();
        text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
    }

    /// An error at `part`, which is a slice of the input.
    fn fail<T>(&self, part: &'a str, message: &str) -> Parsed<T> {
        Err(ParseRuleError::at(self.input, part, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn print_and_parse_round_trip() {
        for text in [
            "allow connect tcp://192.0.2.1:443",
            "deny connect tcp://10.20.9.0/24:*",
            "allow listen tcp://[::1]:8080-8090 from=loopback,10.0.0.0/8,[fe80::1]",
            "allow bind udp://127.0.0.1:ephemeral",
            "allow send udp://[2001:db8::/32]:53,853",
            "allow recv ip://*:*",
            "allow connect unix:/run/app/db.sock",
            "allow listen unix:/run/app/",
            "deny connect unix:/",
            "allow listen unix:/tmp/a\\x20b\\\\c",
            "allow connect unix-abstract:a\\0b",
            "allow connect unix:/tmp/\\x2A.sock",
            "allow listen unix:/tmp/\\x2A/",
            "allow connect unix-abstract:app/*",
            "deny send unix-abstract:*",
            "allow pass-fd unix-abstract:\\x2A*",
            "allow option so-bindtodevice=\\x2A",
            "allow option so-bindtodevice=",
            "allow option so-mark=-1",
            "allow resolve *",
            "deny resolve *",
            "allow resolve target_service",
            "allow send udp://_dns._udp.example.com:53",
            "allow raw packet://\\x2A",
            "allow raw netlink://99/7",
            "allow connect vsock://*:80,90-99,ephemeral",
            "allow listen vsock://any:*",
            "allow connect tipc://id:*",
            "allow connect tipc://id:1:*",
            "allow bind tipc://name:18888:1-17",
            "allow bind bluetooth://hci/0/*",
            "allow bind bluetooth://hci/*",
            "allow connect bluetooth://l2cap/*/cid-4",
            "allow connect bluetooth://sco/*",
            "deny bind alg://hash/*",
            "allow option so-mark",
            "allow option raw=6/11",
            "allow resolve api.example.com",
            "deny resolve *.example.com",
            "allow connect tcp://api.example.com:443",
            "allow connect tcp://*.example.com:443,8443 in=public,private",
            "allow send udp://ns.example.com:53 in=private",
            "allow send icmp://gateway.example.com in=private",
            "deny option so-bindtodevice=eth1",
            "allow pass-fd unix:/run/app/",
            "deny take-fd unix-abstract:a",
            "allow take-fd *",
            "allow take-fd * of=file",
            "allow take-fd unix:/run/app/ of=socket,writable-file,writable-pipe",
            "deny take-fd unix-abstract:a of=file,pipe",
            "allow interfaces *",
            "allow connect mptcp://192.0.2.1:443",
            "allow send udplite://[::1]:7",
            "allow send icmp://127.0.0.0/8",
            "allow raw raw/1://[::1]",
            "allow raw netlink://route",
            "allow raw packet://*",
            "allow raw can://vcan0",
            "allow connect vsock://2:*",
            "allow listen tipc://name:18888:17",
            "allow connect bluetooth://rfcomm/00:11:22:33:44:55/1",
            "allow bind alg://hash/*",
            "allow send rds://10.0.0.1:4000",
            "allow http https://api.example.com/v1/*",
            "allow http GET,HEAD https://*.example.com:8443/",
            "allow http http://10.0.0.5/a%20b",
            "allow http https://[fd00::/8]:*/*",
            "allow http https://[10.0.0.0/8]:443,8443/x",
            "allow http https://[::1]/%2A*",
            "allow http http://api.example.com/* in=private,loopback",
            "allow http http://localhost:8080/*",
            "allow http http://*/*",
            "deny http DELETE https://api.example.com/v1/admin*",
            "deny http http://private/*",
            "allow http http://10.0.0.0:80/8",
            "allow http http://10.0.0.0:80/8*",
            "allow http http://10.0.0.0:443/8",
            "allow http http://10.0.0.0/33",
            "allow http https://[2001:db8::]/32",
        ] {
            let rule = text
                .parse::<Rule>()
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(rule.to_string(), text);
        }
    }

    #[test]
    fn other_spellings_are_made_canonical() {
        for (text, canonical) in [
            (
                "allow connect tcp://[::ffff:127.0.0.1]:80",
                "allow connect tcp://127.0.0.1:80",
            ),
            (
                "allow connect tcp://[::ffff:10.0.0.0/104]:80",
                "allow connect tcp://10.0.0.0/8:80",
            ),
            (
                "allow  listen\ttcp://localhost:80-80 ",
                "allow listen tcp://localhost:80",
            ),
            (
                "allow connect tcp://fd00::/8:1",
                "allow connect tcp://[fd00::/8]:1",
            ),
            (
                "allow connect unix:/tmp/\\x2a\\xe2\\x80\\xa8",
                "allow connect unix:/tmp/\\x2A\\xE2\\x80\\xA8",
            ),
            (
                "allow raw packet://\\x65th\\x2a",
                "allow raw packet://eth\\x2A",
            ),
            (
                "deny connect tcp://[::10.0.0.5]:*",
                "deny connect tcp://10.0.0.5:*",
            ),
            (
                "deny connect tcp://[::10.0.0.0/104]:*",
                "deny connect tcp://10.0.0.0/8:*",
            ),
            ("deny raw netlink://0", "deny raw netlink://route"),
            ("deny raw netlink://16/*", "deny raw netlink://generic/*"),
            (
                "deny connect bluetooth://rfcomm/aa:bb:cc:dd:ee:ff/1",
                "deny connect bluetooth://rfcomm/AA:BB:CC:DD:EE:FF/1",
            ),
            (
                "deny bind tipc://name:18888:17-17",
                "deny bind tipc://name:18888:17",
            ),
            (
                "deny bind tipc://name:*:0-4294967295",
                "deny bind tipc://name:*",
            ),
            (
                "allow take-fd * of=pipe,socket,pipe",
                "allow take-fd * of=socket,pipe",
            ),
            (
                "allow resolve *.B\u{fc}cher.Example.",
                "allow resolve *.xn--bcher-kva.example",
            ),
            (
                "allow http GET,GET  https://API.example.com:443/a/./%62/%2b*",
                "allow http GET https://api.example.com/a/b/+*",
            ),
            (
                "allow http http://a.example/\"%e2%82%ac%2a/.",
                "allow http http://a.example/%22%E2%82%AC%2A/",
            ),
            (
                "allow http http://10.0.0.5/%38",
                "allow http http://10.0.0.5:80/8",
            ),
            (
                "allow http http://[::ffff:10.0.0.0/104]/*",
                "allow http http://[10.0.0.0/8]/*",
            ),
            (
                "allow http http://[::ffff:10.0.0.5]/*",
                "allow http http://10.0.0.5/*",
            ),
        ] {
            let rule = text
                .parse::<Rule>()
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(rule.to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn malformed_rules_say_where_and_why() {
        let messages: Vec<String> = [
            "",
            "permit connect tcp://127.0.0.1:1",
            "allow fly tcp://127.0.0.1:1",
            "allow conect tcp://127.0.0.1:1",
            "allow connect",
            "allow connect 127.0.0.1:80",
            "allow connect http://127.0.0.1:80",
            "allow connect tcp://127.0.0.1",
            "allow connect tcp://[::1]",
            "allow connect tcp://:80",
            "allow connect tcp://::1:80",
            "allow connect tcp://[127.0.0.1]:80",
            "allow connect tcp://[::g]:80",
            "allow connect tcp://2130706433:80",
            "allow connect tcp://0x7f.1:80",
            "allow connect tcp://012.0.0.1:80",
            "allow connect tcp://1.2.3.256:80",
            "allow connect tcp://*example.com:443",
            "allow connect tcp://a..b:443",
            "allow connect tcp://example.com",
            "allow connect tcp://example.com:443 in=",
            "allow connect tcp://example.com:443 in=private in=public",
            "deny connect tcp://example.com:443",
            "allow listen tcp://example.com:443",
            "allow connect tcp://10.0.0.5/8:80",
            "allow connect tcp://10.0.0.0/33:80",
            "allow connect tcp://127.0.0.1:",
            "allow connect tcp://127.0.0.1:0",
            "allow connect tcp://127.0.0.1:65536",
            "allow connect tcp://127.0.0.1:+80",
            "allow connect tcp://127.0.0.1:80,",
            "allow connect tcp://127.0.0.1:90-80",
            "allow connect tcp://127.0.0.1:80 from=loopback",
            "allow listen tcp://127.0.0.1:80 from=loopback from=private",
            "allow listen tcp://127.0.0.1:80 from=",
            "allow listen tcp://127.0.0.1:80 in=private",
            "allow listen tcp://127.0.0.1:80 and=more",
            "allow listen unix:/run/a from=loopback",
            "allow connect unix:run/a",
            "allow connect unix:/run/../a",
            "allow connect unix:/run//a",
            "allow connect unix:/run/*.sock",
            "allow connect unix:/run/**",
            "deny connect unix:/run/a\\x2Ab/*/c",
            "allow connect unix:*",
            "allow connect unix-abstract:",
            "allow connect unix-abstract:*a",
            "deny connect unix-abstract:app/*/b*",
            "allow connect udp://127.0.0.1:53",
            "allow send tcp://127.0.0.1:53",
            "allow recv unix:/run/a",
            "allow resolve **",
            "allow resolve a.*",
            "allow resolve *example.com",
            "allow resolve a..b",
            "allow resolve 127.0.0.1",
            "allow resolve 0x7f.1",
            "allow option so-broadcast",
            "allow option",
            "allow option raw=6",
            "allow option raw=6/+1",
            "allow option raw=6/*",
            "allow option so-mark=0x7",
            "allow option so-mark=",
            "allow option so-bindtodevice=eth*",
            "allow option so-bindtodevice=a-name-of-16-b.x",
            "allow option so-bindtodevice=\\xFF",
            "allow option ip-freebind=true",
            "allow interfaces eth0",
            "allow pass-fd tcp://127.0.0.1:80",
            "allow pass-fd unix:/run/a of=file",
            "allow take-fd unix:/run/a of=",
            "allow take-fd unix:/run/a of=files",
            "allow take-fd unix:/run/a of=directory",
            "allow take-fd unix:/run/a of=file,",
            "allow take-fd unix:/run/a of=file of=pipe",
            "allow take-fd unix:/run/a of=file and=more",
            "allow take-fd unix:/run/a in=public",
            "allow raw tcp://127.0.0.1:80",
            "allow raw raw/256://127.0.0.1",
            "allow raw raw/01://127.0.0.1",
            "allow raw raw/1://127.0.0.1:80",
            "allow send raw/1://127.0.0.1",
            "allow bind netlink://route",
            "allow connect vsock://",
            "allow connect vsock://2",
            "allow connect vsock://2:022",
            "allow connect vsock://4294967295:22",
            "allow connect vsock://2:4294967295",
            "allow connect vsock://2:9-1",
            "allow raw netlink://rout",
            "allow raw netlink://00",
            "allow raw netlink://route/0",
            "allow raw packet://a-name-of-16-b.x",
            "allow raw can://a b",
            "deny bind tipc://name:18888",
            "deny bind tipc://name:18888:17-1",
            "deny bind bluetooth://rfcomm/0:11:22:33:44:55/1",
            "deny bind bluetooth://rfcomm/00:11:22:33:44:55/256",
            "deny bind bluetooth://rfcomm",
            "deny bind bluetooth://rfcomm/*/*",
            "deny bind bluetooth://l2cap/*/cid-0",
            "deny bind bluetooth://sco/*/1",
            "deny bind bluetooth://bnep/*",
            "allow bind alg://hash/SHA256",
            "deny bind alg://hash/sha256",
            "deny connect tcp://[::/96]:*",
            "allow raw packet://e*0",
            "allow connect icmp://127.0.0.1",
            "allow connect alg://hash/sha256",
            "allow connect tcp://Metadata:80",
            "allow connect tcp://localhost.:80",
            "allow http",
            "allow http GET",
            "allow http get https://a.example/",
            "allow http GET, https://a.example/",
            "allow http CONNECT https://a.example/",
            "allow http GET,PUT a.example/",
            "allow http GET a.example",
            "allow http ftp://a.example/",
            "allow http http://10.0.0.0/8/a",
            "deny http http://10.0.0.0/8",
            "deny http http://10.0.0.0/8:80/*",
            "allow http http://2001:db8::/32/a",
            "allow http http://[::1",
            "allow http http:///a",
            "allow http https://a.example/a%2",
            "allow http https://a.example/%252e%252e/a",
            "allow http https://a.example/a%5Cb",
            "allow http https://a.example/a\\b",
            "allow http https://a.example/..;/a",
            "allow http https://a.example/a//../b",
            "allow http https://a.example/\u{e4}",
            "allow http https://a.example/%e4",
            "allow http https://a.example/%00",
            "deny http https://a.example/ in=private",
            "allow http https://a.example",
            "allow http https://a.example:/",
            "allow http https://a.example:ephemeral/",
            "allow http https://a.example:0/",
            "allow http https://user@a.example/",
            "allow http https://*a.example/",
            "allow http https://2130706433/",
            "allow http https://[10.0.0.5/8]/",
            "allow http https://a.example/*/b",
            "allow http https://a.example/a?b",
            "allow http https://a.example/a#b",
            "allow http https://a.example/%2e%2e/a",
            "allow http https://a.example/a%2fb",
            "allow http https://a.example/../a",
            "allow http https://a.example/a/..*",
            "allow http https://a.example//a",
            "allow http https://10.0.0.5/ in=private",
            "allow http https://a.example/ in=private in=public",
            "allow http https://a.example/ in=near",
            "allow http https://a.example/ from=loopback",
            "allow http tcp://a.example:443",
            "allow connect https://a.example/",
        ]
        .into_iter()
        .map(|text| text.parse::<Rule>().expect_err(text).to_string())
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails_with_a_message(text in ".{0,60}") {
            if let Err(error) = text.parse::<Rule>() {
                prop_assert!(text.is_char_boundary(error.offset()));
                prop_assert!(!error.to_string().is_empty());
            }
        }

        #[test]
        fn what_parses_prints_as_what_parses_to_the_same(
            op in "connect|listen|bind",
            target in r"tcp://(\*|\d{1,3}\.\d{1,3}\.0\.0(/16)?|\[[0-9a-f]{1,4}::\]|loopback):(\*|\d{1,5}(-\d{1,5})?|ephemeral)|unix(-abstract)?:/[ -~]{0,20}",
        ) {
            if let Ok(rule) = format!("allow {op} {target}").parse::<Rule>() {
                prop_assert_eq!(rule.to_string().parse::<Rule>(), Ok(rule));
            }
        }
    }
}
