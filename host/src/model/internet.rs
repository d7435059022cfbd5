//! TCP and UDP. Sockets are real, on loopback; addresses of other machines end
//! at [`os::record`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::LazyLock;
use std::time::Duration;

use cap_std::ambient_authority;
use tokio::runtime::Runtime;

use super::{Choices, Shown};
use crate::os::{self, Call};
use crate::socket::{Receive, Socket, Timeout, Transmit};
use crate::{Address, AddressFamily, CapsockCtx, Errno, Policy, SocketType};

/// An address, what it is made canonical to, the address that a translator would
/// deliver to, and what kind of place it is.
const IPS: [(&str, &str, &str, &str); 33] = [
    ("127.0.0.1", "127.0.0.1", "", "loopback"),
    ("127.0.0.2", "127.0.0.2", "", "loopback"),
    ("::1", "::1", "", "loopback"),
    ("::ffff:127.0.0.1", "127.0.0.1", "", "loopback"),
    ("::ffff:127.0.0.2", "127.0.0.2", "", "loopback"),
    ("::127.0.0.1", "127.0.0.1", "", "loopback"),
    ("64:ff9b::7f00:1", "64:ff9b::7f00:1", "127.0.0.1", "public"),
    ("64:ff9b::808:808", "64:ff9b::808:808", "8.8.8.8", "public"),
    ("2002:7f00:1::", "2002:7f00:1::", "127.0.0.1", "public"),
    (
        "2001:0:1:2:3:4:80ff:fffe",
        "2001:0:1:2:3:4:80ff:fffe",
        "127.0.0.1",
        "public",
    ),
    ("8.8.8.8", "8.8.8.8", "", "public"),
    ("::ffff:8.8.8.8", "8.8.8.8", "", "public"),
    ("11.0.0.1", "11.0.0.1", "", "public"),
    ("2606:4700::1", "2606:4700::1", "", "public"),
    ("10.0.0.1", "10.0.0.1", "", "private"),
    ("10.1.0.1", "10.1.0.1", "", "private"),
    ("192.168.1.1", "192.168.1.1", "", "private"),
    ("100.64.0.1", "100.64.0.1", "", "private"),
    ("fd00::1", "fd00::1", "", "private"),
    ("169.254.1.1", "169.254.1.1", "", "link-local"),
    ("fe80::1", "fe80::1", "", "link-local"),
    ("169.254.169.254", "169.254.169.254", "", "metadata"),
    ("::ffff:169.254.169.254", "169.254.169.254", "", "metadata"),
    ("fd00:ec2::254", "fd00:ec2::254", "", "metadata"),
    ("224.0.0.1", "224.0.0.1", "", "multicast"),
    ("ff02::1", "ff02::1", "", "multicast"),
    ("255.255.255.255", "255.255.255.255", "", "broadcast"),
    ("0.0.0.0", "0.0.0.0", "", "IPv4 of no host"),
    ("::ffff:0.0.0.0", "0.0.0.0", "", "IPv4 of no host"),
    ("::", "::", "", "IPv6 of no host"),
    ("198.18.0.1", "198.18.0.1", "", "benchmarks"),
    ("240.0.0.1", "240.0.0.1", "", "future use"),
    ("2001:db8::1", "2001:db8::1", "", "documentation"),
];

/// A host of a rule; for a network, the place that it is wholly inside.
#[derive(Clone, Copy, Debug)]
enum Host<Ip = IpAddr> {
    Any,
    Localhost,
    Class(&'static str),
    Net(Ip, u32, &'static str),
}
use Host::{Any, Class, Localhost, Net};

const HOSTS: [(&str, Host<&str>); 29] = [
    ("loopback", Class("loopback")),
    ("127.0.0.1", Net("127.0.0.1", 32, "loopback")),
    ("127.0.0.2", Net("127.0.0.2", 32, "loopback")),
    ("127.0.0.0/8", Net("127.0.0.0", 8, "loopback")),
    ("[::1]", Net("::1", 128, "loopback")),
    ("*", Any),
    ("public", Class("public")),
    ("localhost", Localhost),
    ("private", Class("private")),
    ("link-local", Class("link-local")),
    ("metadata", Class("metadata")),
    ("multicast", Class("multicast")),
    ("broadcast", Class("broadcast")),
    ("0.0.0.0/0", Net("0.0.0.0", 0, "")),
    ("[::/0]", Net("::", 0, "")),
    ("8.0.0.0/5", Net("8.0.0.0", 5, "")),
    ("10.0.0.0/7", Net("10.0.0.0", 7, "")),
    ("10.0.0.0/8", Net("10.0.0.0", 8, "private")),
    ("10.1.0.0/16", Net("10.1.0.0", 16, "private")),
    ("[fc00::/7]", Net("fc00::", 7, "private")),
    ("169.254.0.0/16", Net("169.254.0.0", 16, "link-local")),
    ("169.254.169.254", Net("169.254.169.254", 32, "metadata")),
    ("[64:ff9b::/96]", Net("64:ff9b::", 96, "public")),
    ("[2002::/16]", Net("2002::", 16, "public")),
    ("0.0.0.0", Net("0.0.0.0", 32, "IPv4 of no host")),
    ("[::]", Net("::", 128, "IPv6 of no host")),
    ("198.18.0.0/15", Net("198.18.0.0", 15, "benchmarks")),
    ("240.0.0.0/4", Net("240.0.0.0", 4, "future use")),
    ("8.8.8.8", Net("8.8.8.8", 32, "public")),
];

/// A row of `IPS`.
#[derive(Clone, Copy, Debug)]
struct Known {
    ip: IpAddr,
    canonical: IpAddr,
    through: Option<IpAddr>,
    place: &'static str,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let row = |(ip, canonical, through, place): (&str, &str, &str, _)| Known {
        ip: parse(ip),
        canonical: parse(canonical),
        through: (!through.is_empty()).then(|| parse(through)),
        place,
    };
    IPS.into_iter().map(row).collect()
});

fn parse(ip: &str) -> IpAddr {
    ip.parse().expect("an address")
}

fn known(ip: IpAddr) -> Known {
    let row = KNOWN.iter().find(|known| known.ip == ip);
    *row.unwrap_or_else(|| panic!("{ip} is not in the table"))
}

/// Below the ports that the kernel chooses.
const PORTS: [u16; 3] = [0, 20041, 20042];

type PortSet = (&'static str, fn(u16) -> bool);

const PORT_SETS: [PortSet; 6] = [
    ("*", |_| true),
    ("20041", |port| port == 20041),
    ("20041-20042", |port| port == 20041 || port == 20042),
    ("1-65535", |port| port != 0),
    // Those with a port 0, for local addresses only.
    ("ephemeral", |port| port == 0),
    ("20042,ephemeral", |port| port == 20042 || port == 0),
];

const OPS: [(&str, &[&str]); 5] = [
    ("connect", &["tcp", "ip"]),
    ("bind", &["tcp", "udp", "ip"]),
    ("listen", &["tcp", "udp", "ip"]),
    ("send", &["udp", "ip"]),
    ("recv", &["udp", "ip"]),
];

#[derive(Clone, Debug)]
struct Rule {
    text: String,
    allow: bool,
    op: &'static str,
    proto: &'static str,
    host: Host,
    ports: fn(u16) -> bool,
    from: Vec<Host>,
}

/// The rules that were granted, then each limit.
type Rules = Vec<Vec<Rule>>;

impl Choices<'_> {
    fn rule(&mut self) -> Option<Rule> {
        let allow = self.below(8)? != 0;
        let (op, protos) = self.of(&OPS)?;
        let proto = self.of(protos)?;
        let (host_text, host) = self.host()?;
        let local = matches!(op, "bind" | "listen");
        let sets = if local {
            &PORT_SETS[..]
        } else {
            &PORT_SETS[..4]
        };
        let (ports_text, ports) = self.of(sets)?;
        let mut text = format!(
            "{} {op} {proto}://{host_text}:{ports_text}",
            if allow { "allow" } else { "deny" }
        );
        let mut from = Vec::new();
        if op == "listen" && self.below(2)? == 0 {
            let (first, second) = (self.host()?, self.host()?);
            text += &format!(" from={},{}", first.0, second.0);
            from = vec![first.1, second.1];
        }
        Some(Rule {
            text,
            allow,
            op,
            proto,
            host,
            ports,
            from,
        })
    }

    /// Loopback is where most happens.
    fn host(&mut self) -> Option<(&'static str, Host)> {
        let hosts = match self.below(4)? {
            0 => &HOSTS[..],
            _ => &HOSTS[..6],
        };
        let (text, host) = self.of(hosts)?;
        let host = match host {
            Any => Any,
            Localhost => Localhost,
            Class(class) => Class(class),
            Net(net, bits, inside) => Net(parse(net), bits, inside),
        };
        Some((text, host))
    }

    fn rules(&mut self, most: usize) -> Option<Vec<Rule>> {
        let count = self.below(most + 1)?;
        (0..count).map(|_| self.rule()).collect()
    }
}

fn contains(net: IpAddr, bits: u32, ip: IpAddr) -> bool {
    let number = |ip| match ip {
        IpAddr::V4(ip) => (32, u128::from(u32::from(ip))),
        IpAddr::V6(ip) => (128, u128::from(ip)),
    };
    let ((width, net), (other, ip)) = (number(net), number(ip));
    let first = |number: u128| number.checked_shr(width - bits).unwrap_or(0);
    width == other && first(net) == first(ip)
}

fn matches(host: Host, allow: bool, ip: IpAddr) -> bool {
    let place = known(ip).place;
    match host {
        Any => !allow || place == "public",
        Localhost => ["127.0.0.1", "::1"].map(parse).contains(&ip),
        Class(class) => place == class,
        // In a denial all of IPv6 is all of IPv4 too.
        Net(net, 0, _) if !allow && net.is_ipv6() => true,
        Net(net, bits, inside) => {
            contains(net, bits, ip) && (!allow || place == "public" || place == inside)
        }
    }
}

/// The address, and the one that it would be delivered to.
fn subjects(address: SocketAddr) -> Vec<(IpAddr, u16)> {
    let known = known(address.ip());
    let through = known.through.into_iter();
    let ips = std::iter::once(known.canonical).chain(through);
    ips.map(|ip| (ip, address.port())).collect()
}

fn about(rule: &Rule, allow: bool, op: &str, proto: &str, (ip, port): (IpAddr, u16)) -> bool {
    // Who is bound to every address is bound to each that is denied.
    let everywhere = known(ip).place.ends_with("of no host")
        && !allow
        && (rule.op == "listen" || (rule.op == "bind" && port != 0))
        && match rule.host {
            Net(net, ..) => net.is_ipv4() == ip.is_ipv4(),
            Any | Class(_) | Localhost => true,
        };
    rule.allow == allow
        && rule.op == op
        && (rule.proto == "ip" || rule.proto == proto)
        && (rule.ports)(port)
        && (everywhere || matches(rule.host, allow, ip))
}

fn subject_allowed(rules: &[Rule], op: &str, proto: &str, subject: (IpAddr, u16)) -> bool {
    let allowed = |op| {
        rules
            .iter()
            .any(|rule| about(rule, true, op, proto, subject))
    };
    let denied = |op| {
        rules
            .iter()
            .any(|rule| rule.from.is_empty() && about(rule, false, op, proto, subject))
    };
    match op {
        "listen" => allowed("listen") && !denied("listen") && !denied("bind"),
        // The kernel does it by itself before a connect or a send.
        "bind" if known(subject.0).place.ends_with("of no host") && subject.1 == 0 => {
            !denied("bind")
        }
        // Over `ip` either is both.
        "connect" | "send" => allowed(op) && !denied("connect") && !denied("send"),
        "bind" => !denied("bind") && (allowed("bind") || (allowed("listen") && !denied("listen"))),
        _ => allowed(op) && !denied(op),
    }
}

fn allows(rules: &Rules, op: &str, proto: &str, address: SocketAddr) -> bool {
    let place = known(address.ip()).place;
    let peer = matches!(op, "connect" | "send");
    let nowhere = place.ends_with("of no host") || address.port() == 0;
    let group = place == "multicast" || place == "broadcast";
    if peer && (nowhere || (group && proto == "tcp")) {
        return false;
    }
    rules.iter().all(|rules| {
        let mut subjects = subjects(address).into_iter();
        subjects.all(|subject| subject_allowed(rules, op, proto, subject))
    })
}

fn may_bind_implicitly(rules: &Rules, slot: &Slot) -> bool {
    let any = (slot.any().ip(), 0);
    let denies = |rule: &Rule| about(rule, false, "bind", slot.proto, any);
    slot.bound.is_some() || !rules.iter().flatten().any(denies)
}

fn is_from(rule: &Rule, peer: IpAddr) -> bool {
    let mut from = rule.from.iter();
    rule.from.is_empty() || from.any(|host| matches(*host, rule.allow, peer))
}

fn listen_denies(rules: &[Rule], proto: &str, local: SocketAddr, peer: SocketAddr) -> bool {
    let own = (known(local.ip()).canonical, local.port());
    // A socket on :: takes IPv4 as one on 0.0.0.0 does.
    let any_ipv4 = (parse("0.0.0.0"), local.port());
    let is_both = known(local.ip()).place == "IPv6 of no host" && subjects(peer)[0].0.is_ipv4();
    subjects(peer).into_iter().any(|(ip, _port)| {
        let denies = |local| {
            let about = |rule| {
                ["listen", "bind"]
                    .iter()
                    .any(|op| about(rule, false, op, proto, local))
            };
            rules.iter().any(|rule| is_from(rule, ip) && about(rule))
        };
        denies(own) || (is_both && denies(any_ipv4))
    })
}

fn listen_admits(rules: &[Rule], proto: &str, local: SocketAddr, peer: SocketAddr) -> bool {
    let own = (known(local.ip()).canonical, local.port());
    let granted = subjects(peer).into_iter().all(|(ip, _port)| {
        let mut rules = rules.iter();
        rules.any(|rule| is_from(rule, ip) && about(rule, true, "listen", proto, own))
    });
    granted && !listen_denies(rules, proto, local, peer)
}

fn admits_peer(rules: &Rules, local: SocketAddr, peer: SocketAddr) -> bool {
    rules
        .iter()
        .all(|rules| listen_admits(rules, "tcp", local, peer))
}

fn admits_sender(rules: &Rules, local: Option<SocketAddr>, sender: SocketAddr) -> bool {
    rules.iter().all(|rules| {
        let about = |allow, op, subject| {
            rules
                .iter()
                .any(|rule| about(rule, allow, op, "udp", subject))
        };
        let denied = subjects(sender)
            .into_iter()
            .any(|subject| about(false, "recv", subject));
        let granted = subjects(sender).into_iter().all(|subject| {
            about(true, "recv", subject)
                || (about(true, "send", subject)
                    && !about(false, "send", subject)
                    && !about(false, "connect", subject))
        });
        let listened = local.is_some_and(|local| listen_admits(rules, "udp", local, sender));
        // A client that the kernel binds listens nowhere.
        let unheard = local.is_some_and(|local| {
            let automatic = known(local.ip()).place.ends_with("of no host") && local.port() == 0;
            !automatic && listen_denies(rules, "udp", local, sender)
        });
        !denied && !unheard && (granted || listened)
    })
}

/// A socket, and what the model knows of it.
struct Slot {
    socket: Socket,
    proto: &'static str,
    v6: bool,
    /// What it was asked to be bound to.
    bound: Option<SocketAddr>,
    connected: Option<SocketAddr>,
    listening: Option<SocketAddr>,
}

impl Slot {
    fn create(ctx: &CapsockCtx, proto: &'static str, v6: bool) -> Result<Self, Errno> {
        let family = if v6 {
            AddressFamily::Inet6
        } else {
            AddressFamily::Inet
        };
        let kind = if proto == "tcp" {
            SocketType::Stream
        } else {
            SocketType::Datagram
        };
        let mut socket = Socket::create(ctx, family, kind, 0)?;
        socket.set_timeout(Timeout::NonBlocking)?;
        if proto == "tcp" {
            // None is left in TIME_WAIT, which would use up the ports.
            os::set_linger(socket.open()?.as_fd(), Some(Duration::ZERO))?;
        }
        Ok(Self {
            socket,
            proto,
            v6,
            bound: None,
            connected: None,
            listening: None,
        })
    }

    fn any(&self) -> SocketAddr {
        let ip: IpAddr = if self.v6 {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        };
        SocketAddr::new(ip, 0)
    }

    /// An address of its family, mostly of loopback, often one where a socket
    /// is.
    fn address(&self, choices: &mut Choices<'_>, others: &[SocketAddr]) -> Option<SocketAddr> {
        let fits = |ip: IpAddr| ip.is_ipv6() == self.v6;
        if choices.below(2)? == 0 {
            let others: Vec<_> = others.iter().filter(|other| fits(other.ip())).collect();
            if let Some(other) = choices.of(&others) {
                return Some(*other);
            }
        }
        let few = choices.below(4)? != 0;
        let ips = KNOWN.iter().take(if few { 6 } else { IPS.len() });
        let ips: Vec<IpAddr> = ips.map(|known| known.ip).filter(|ip| fits(*ip)).collect();
        Some(SocketAddr::new(choices.of(&ips)?, choices.of(&PORTS)?))
    }
}

fn endpoint(address: &Address) -> SocketAddr {
    match address {
        Address::Inet(address) => (*address).into(),
        Address::Inet6(address) => SocketAddr::new((*address.ip()).into(), address.port()),
        other => panic!("{other} is no internet address"),
    }
}

/// The operations that a sequence is made of.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Bind,
    Listen,
    Connect,
    SendTo,
    Send,
    Receive,
    Accept,
    Narrow,
    Drop,
}

/// Often what takes several to lead anywhere.
const STEPS: [Step; 18] = [
    Step::Create,
    Step::Create,
    Step::Bind,
    Step::Bind,
    Step::Bind,
    Step::Listen,
    Step::Connect,
    Step::Connect,
    Step::Connect,
    Step::SendTo,
    Step::SendTo,
    Step::Send,
    Step::Receive,
    Step::Receive,
    Step::Accept,
    Step::Accept,
    Step::Narrow,
    Step::Drop,
];

pub(super) fn run(runtime: &Runtime, mut choices: Choices<'_>) -> Shown {
    let mut shown = Shown::default();
    let Some(granted) = choices.rules(12) else {
        return shown;
    };
    let parsed = granted
        .iter()
        .map(|rule| rule.text.parse().expect("a rule"));
    let policy = parsed.fold(Policy::default(), Policy::with);
    let ctx = CapsockCtx::new(policy, ambient_authority());
    let mut rules: Rules = vec![granted];
    runtime.block_on(async {
        let mut slots = Vec::new();
        while step(&ctx, &mut rules, &mut slots, &mut choices, &mut shown)
            .await
            .is_some()
        {}
    });
    shown
}

async fn step(
    ctx: &CapsockCtx,
    rules: &mut Rules,
    slots: &mut Vec<Slot>,
    choices: &mut Choices<'_>,
    shown: &mut Shown,
) -> Option<()> {
    let kind = choices.of(&STEPS)?;
    if let Step::Narrow = kind {
        // Rarely: little is left after it.
        if choices.below(4)? != 0 {
            return Some(());
        }
        let limit = choices.rules(12)?;
        let texts: Vec<String> = limit.iter().map(|rule| rule.text.clone()).collect();
        if ctx.authority().limit(&texts).is_ok() {
            rules.push(limit);
        }
        return Some(());
    }
    if matches!(kind, Step::Create) || slots.is_empty() {
        let slot = Slot::create(ctx, choices.of(&["tcp", "udp"])?, choices.below(2)? == 0);
        slots.extend(slot.ok());
        return Some(());
    }
    let locals: Vec<SocketAddr> = slots
        .iter()
        .filter_map(|slot| slot.socket.local_address().ok())
        .map(|address| endpoint(&address))
        .collect();
    let index = choices.below(slots.len())?;
    if let Step::Drop = kind {
        slots.remove(index);
        return Some(());
    }
    let slot = slots.get_mut(index)?;
    let op = match slot.proto {
        "tcp" => "connect",
        _ => "send",
    };
    let how = Transmit {
        flags: os::SendFlags::empty(),
        dont_wait: false,
        fast_open: false,
    };
    // What was asked for, and whether the model allows it; `None` is no matter of
    // addresses.
    let mut allowed = None;
    let mut accepted = None;
    let (result, reached) = match kind {
        Step::Bind => {
            let local = slot.address(choices, &locals)?;
            allowed = Some(allows(rules, "bind", slot.proto, local));
            let bound = async { slot.socket.bind(ctx, local.into()) };
            let (result, reached) = os::record(bound).await;
            if result.is_ok() {
                slot.bound = Some(local);
            }
            (result, reached)
        }
        Step::Listen => {
            let local = slot.bound.unwrap_or_else(|| slot.any());
            let listening = async { slot.socket.listen(ctx, 4) };
            let (result, reached) = os::record(listening).await;
            if slot.proto == "tcp" {
                allowed = Some(allows(rules, "listen", "tcp", local));
                if result.is_ok() {
                    slot.listening = Some(local);
                }
            }
            (result, reached)
        }
        Step::Connect => {
            let remote = slot.address(choices, &locals)?;
            allowed =
                Some(allows(rules, op, slot.proto, remote) && may_bind_implicitly(rules, slot));
            let (result, reached) = os::record(slot.socket.connect(ctx, remote.into())).await;
            if matches!(result, Ok(()) | Err(Errno::InProgress)) {
                slot.connected = Some(remote);
            }
            (result, reached)
        }
        Step::SendTo => {
            let remote = slot.address(choices, &locals)?;
            if slot.proto == "udp" {
                allowed =
                    Some(allows(rules, op, "udp", remote) && may_bind_implicitly(rules, slot));
            }
            let sent = slot.socket.send_to(ctx, b"x", how, remote.into());
            let (result, reached) = os::record(sent).await;
            (result.map(drop), reached)
        }
        Step::Send => {
            if let (Some(peer), "udp") = (slot.connected, slot.proto) {
                allowed = Some(allows(rules, "send", "udp", peer));
            }
            let (result, reached) = os::record(slot.socket.send(ctx, b"x", how)).await;
            (result.map(drop), reached)
        }
        Step::Receive => {
            let how = Receive {
                peek: choices.below(2)? == 0,
                ..Receive::default()
            };
            let received = slot.socket.receive(ctx, 8, how);
            let (result, reached) = os::record(received).await;
            if let Ok((_data, Some(sender))) = &result {
                let admitted = admits_sender(rules, slot.bound, endpoint(sender));
                assert!(admitted, "{rules:#?}\na datagram of {sender}");
                shown.admitted += 1;
            }
            (result.map(drop), reached)
        }
        Step::Accept => {
            let (result, reached) = os::record(slot.socket.accept(ctx)).await;
            if let (Ok((_, peer)), Some(local)) = (&result, slot.listening) {
                let admitted = admits_peer(rules, local, endpoint(peer));
                assert!(admitted, "{rules:#?}\n{local} accepted {peer}");
                shown.admitted += 1;
            }
            let (proto, v6, bound) = (slot.proto, slot.v6, slot.bound);
            let accept = |(mut socket, peer): (Socket, Address)| {
                socket.set_timeout(Timeout::NonBlocking)?;
                accepted = Some(Slot {
                    socket,
                    proto,
                    v6,
                    bound,
                    connected: Some(endpoint(&peer)),
                    listening: None,
                });
                Ok(())
            };
            (result.and_then(accept), reached)
        }
        Step::Create | Step::Narrow | Step::Drop => return Some(()),
    };
    if allowed == Some(false) {
        assert!(
            reached.is_empty() && result.is_err(),
            "{rules:#?}\n{kind:?} is denied, and reached {reached:?}: {result:?}"
        );
        shown.denied += 1;
    }
    if allowed != Some(false) {
        assert_ne!(
            result,
            Err(Errno::AccessDenied),
            "{rules:#?}\n{kind:?} is allowed"
        );
    }
    for (call, address) in &reached {
        let address = endpoint(address);
        let op = if *call == Call::Bind { "bind" } else { op };
        let slot = slots.get(index)?;
        assert!(
            allows(rules, op, slot.proto, address),
            "{rules:#?}\n{call:?} of {address} reached the kernel"
        );
        shown.reached += 1;
    }
    slots.extend(accepted);
    Some(())
}
