//! Names of hosts and services, looked up on a bounded pool.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::ctx::CapsockCtx;
#[cfg(feature = "http")]
use crate::lookup::LookupFlags;
use crate::lookup::{
    Answer, Asked, Host, HostEntry, HostError, NameError, NameFlags, Question, Search,
};
use crate::os;
use crate::policy::{Protocol, Serving, VettedName, is_localhost};
use crate::quota::Taken;
use crate::{Address, Errno, SocketType};

/// The longest name of a machine, in bytes: sethostname(2).
const HOST_NAME_MAX: usize = 64;

/// The name of the addresses 127.0.0.1 and ::1.
const LOCALHOST: &str = "localhost";
/// The longest name of a host with a zone, of a service or a protocol, in bytes:
/// longer than any is.
const TEXT: usize = 4 << 10;

/// `getaddrinfo(3)`
pub(crate) async fn address_info(
    ctx: &CapsockCtx,
    question: Question,
) -> Result<Vec<Answer>, NameError> {
    bounded(question.host.as_deref(), NameError::NoName)?;
    bounded(question.service.as_deref(), NameError::Service)?;
    let mut vetted = None;
    let host = match &question.host {
        None if question.service.is_none() => return Err(NameError::NoName),
        None => Host::Unnamed,
        Some(host) => match numeric(host) {
            Some((ip, zone)) => Host::Numeric {
                scope: zone.map_or(Ok(0), |zone| scope(ctx, ip, zone))?,
                ip: host.split('%').next().unwrap_or_default().to_owned(),
            },
            None if question.flags.numeric_host => return Err(NameError::NoName),
            None => {
                let host = own_name(ctx, host);
                let name = vetted.insert(ctx.vet_name(host)?).clone();
                match is_localhost(&name) {
                    true => Host::Localhost,
                    false => Host::Name(asked(ctx, host, name)),
                }
            }
        },
    };
    // The C library has a name for what it has looked up.
    let is_served = question.flags.passive && matches!(host, Host::Unnamed);
    let own = match (&host, &vetted) {
        (Host::Name(_), _) => None,
        (_, Some(name)) => Some(name.as_str().to_owned()),
        (_, None) => question.host.clone(),
    };
    let wants_canonical = question.flags.canonical_name;
    let look_up = move || os::names::address_info(&host, &question);
    let mut answers = on_pool(ctx, look_up).await?;
    if is_served {
        answers = served(ctx, answers);
    }
    answers.truncate(ctx.limits().answers as usize);
    let found = answers
        .first_mut()
        .and_then(|answer| answer.canonical_name.take());
    let canonical = own.or(found);
    if let Some(name) = vetted {
        ctx.admit_answers(&name, canonical.as_deref(), &mut answers, |answer| {
            answer.address.ip()
        })?;
    }
    if let Some(first) = answers.first_mut() {
        first.canonical_name = canonical.filter(|_name| wants_canonical);
    }
    Ok(answers)
}

/// The addresses of a name that the host itself connects to for the guest, which is not told
/// of them: whoever asks checks them. `written` is the name as the guest has it.
#[cfg(feature = "http")]
pub(crate) async fn addresses(
    ctx: &CapsockCtx,
    written: &str,
    name: &VettedName,
) -> Result<Vec<IpAddr>, NameError> {
    let host = match is_localhost(name) {
        true => Host::Localhost,
        false => Host::Name(asked(ctx, written, name.clone())),
    };
    let question = Question {
        host: Some(name.as_str().to_owned()),
        service: None,
        family: None,
        kind: Some(SocketType::Stream),
        protocol: 0,
        flags: LookupFlags::default(),
    };
    let look_up = move || os::names::address_info(&host, &question);
    let mut answers = on_pool(ctx, look_up).await?;
    answers.truncate(ctx.limits().answers as usize);
    let found = answers
        .first_mut()
        .and_then(|answer| answer.canonical_name.take());
    let ips: Vec<IpAddr> = answers.iter().map(|answer| answer.address.ip()).collect();
    ctx.answered(name, found.as_deref(), ips.iter().copied());
    Ok(ips)
}

/// Where the guest may serve, of the answers that stand for every interface: a program that
/// asks where to bind is told what it was granted. Where that is nothing, they stay, and the
/// bind is denied.
fn served(ctx: &CapsockCtx, answers: Vec<Answer>) -> Vec<Answer> {
    let policy = ctx.authority().policy();
    let serving = |answer: &Answer| {
        let protocol = match answer.kind {
            // Who asks for no port does not know yet what for.
            _ if answer.address.port() == 0 => None,
            SocketType::Stream => Some(Protocol::Tcp),
            SocketType::Datagram => Some(Protocol::Udp),
            _ => None,
        };
        policy.serving(protocol, answer.address.is_ipv6(), answer.address.port())
    };
    let found: Vec<Answer> = answers
        .iter()
        .flat_map(|answer| match serving(answer) {
            Serving::Everywhere => vec![answer.clone()],
            Serving::At(ips) => {
                let at = |ip| {
                    let mut answer = answer.clone();
                    answer.address.set_ip(ip);
                    answer
                };
                ips.into_iter().map(at).collect()
            }
        })
        .collect();
    if found.is_empty() { answers } else { found }
}

/// `getnameinfo(3)`
pub(crate) async fn name_info(
    ctx: &CapsockCtx,
    address: &Address,
    mut flags: NameFlags,
) -> Result<(String, String), NameError> {
    let mut endpoint = match address {
        Address::Inet(address) => SocketAddr::V4(*address),
        Address::Inet6(address) => SocketAddr::V6(*address),
        _ => return Err(NameError::Family),
    };
    // The C library asks for the IPv4 address inside an IPv6 one.
    let asked = address.canonical().ok_or(NameError::Family)?.ip();
    let is_localhost = is_own(asked) && !flags.numeric_host;
    if is_localhost {
        flags.name_required = false;
        flags.numeric_host = true;
    }
    if !flags.numeric_host && ctx.vet_name(&reverse_name(asked)).is_err() {
        if flags.name_required {
            return Err(NameError::NoName);
        }
        flags.numeric_host = true;
    }
    let mut zone = 0;
    if let SocketAddr::V6(endpoint) = &mut endpoint {
        zone = endpoint.scope_id();
        endpoint.set_scope_id(0);
    }
    let look_up = move || os::names::name_info(&endpoint, flags);
    let (mut host, service) = on_pool(ctx, look_up).await?;
    if is_localhost {
        host = LOCALHOST.to_owned();
    } else if host.parse() == Ok(endpoint.ip()) {
        if zone != 0 {
            host = format!("{host}%{}", zone_name(ctx, endpoint.ip(), zone));
        }
    } else if flags.no_domain {
        host = without_domain_of(&os::names::host_name().unwrap_or_default(), host);
    }
    Ok((host, service))
}

/// `gethostbyname(3)`, for IPv4
pub(crate) async fn host_by_name(ctx: &CapsockCtx, name: &str) -> Result<HostEntry, HostError> {
    let entry = |name: &str, ip: Ipv4Addr| HostEntry {
        name: name.to_owned(),
        aliases: Vec::new(),
        addresses: vec![ip.into()],
    };
    if let Ok(ip) = name.parse() {
        return Ok(entry(name, ip));
    }
    let name = own_name(ctx, name);
    let vetted = ctx.vet_name(name)?;
    let mut entry = match is_localhost(&vetted) {
        true => entry(vetted.as_str(), Ipv4Addr::LOCALHOST),
        false => {
            let asked = asked(ctx, name, vetted.clone());
            let look_up = move || Ok(os::databases::host_by_name(&asked));
            on_pool(ctx, look_up).await??.bounded(ctx)
        }
    };
    let HostEntry {
        name, addresses, ..
    } = &mut entry;
    ctx.admit_answers(&vetted, Some(name), addresses, |ip| *ip)?;
    Ok(entry)
}

/// `gethostbyaddr(3)`
pub(crate) async fn host_by_address(
    ctx: &CapsockCtx,
    address: &Address,
) -> Result<HostEntry, HostError> {
    // The C library asks for the IPv4 address inside an IPv6 one.
    let Some(ip) = address.canonical().map(|endpoint| endpoint.ip()) else {
        return Err(HostError::NoRecovery);
    };
    if is_own(ip) {
        return Ok(HostEntry {
            name: LOCALHOST.to_owned(),
            aliases: Vec::new(),
            addresses: vec![ip],
        });
    }
    ctx.vet_name(&reverse_name(ip))?;
    let look_up = move || Ok(os::databases::host_by_address(ip));
    on_pool(ctx, look_up).await?.map(|entry| entry.bounded(ctx))
}

/// The name to look up for `name`. That of this machine, which programs ask for to greet
/// others with, is another word for `localhost` where it is not granted: nobody is asked,
/// and its addresses are not told. nss-myhostname(8) does the same.
fn own_name<'a>(ctx: &CapsockCtx, name: &'a str) -> &'a str {
    let is_own = os::names::host_name().is_ok_and(|own| own.eq_ignore_ascii_case(name));
    match is_own && !ctx.authority().may("resolve", name).unwrap_or(false) {
        true => LOCALHOST,
        false => name,
    }
}

/// An address as text, and the zone that may follow it.
fn numeric(host: &str) -> Option<(IpAddr, Option<&str>)> {
    let (ip, zone) = match host.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (host, None),
    };
    Some((ip.parse().ok()?, zone))
}

/// The number of a zone (RFC 4007, 11): one of its own, or of the interface that
/// it names, where the guest may know those.
fn scope(ctx: &CapsockCtx, ip: IpAddr, zone: &str) -> Result<u32, NameError> {
    let IpAddr::V6(ip) = ip else {
        return Err(NameError::NoName);
    };
    if !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_digit()) {
        return zone.parse().map_err(|_large| NameError::NoName);
    }
    if !has_interface(ip) || ctx.vet_interfaces().is_err() {
        return Err(NameError::NoName);
    }
    os::interfaces::index(zone).map_err(|_none| NameError::NoName)
}

/// The zone as text: its interface, where it is one that the guest may know.
fn zone_name(ctx: &CapsockCtx, ip: IpAddr, zone: u32) -> String {
    let has_interface = matches!(ip, IpAddr::V6(ip) if has_interface(ip));
    let name = (has_interface && ctx.may_name_interfaces())
        .then(|| os::interfaces::name(zone).ok())
        .flatten();
    name.unwrap_or_else(|| zone.to_string())
}

/// Whether the zones of an address are interfaces: those of a link.
fn has_interface(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || ip.segments()[0] & 0xff0f == 0xff02
}

/// Whether an address is one of `localhost`, whose name nobody is asked for: of
/// the others of 127.0.0.0/8 it could tell a name server 24 bits.
fn is_own(ip: IpAddr) -> bool {
    ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST
}

/// A name with a dot, be it the last one, is absolute unless the embedder says
/// otherwise; what a single label means is for the machine to say.
fn asked(ctx: &CapsockCtx, written: &str, name: VettedName) -> Asked {
    let is_label = !name.as_str().contains('.');
    let search = match ctx.dns_search(&name) {
        _ if written.ends_with('.') => Search::Absolute,
        Some(domains) => Search::Within(domains),
        None if is_label => Search::Machine,
        None => Search::Absolute,
    };
    Asked { name, search }
}

/// `NI_NOFQDN`: without the domain that a machine's name has, if it has any.
fn without_domain_of(machine: &str, mut host: String) -> String {
    let (_label, domain) = machine.split_once('.').unwrap_or_default();
    let label = host
        .strip_suffix(domain)
        .filter(|_| !domain.is_empty())
        .and_then(|rest| rest.strip_suffix('.'));
    if let Some(length) = label.map(str::len) {
        host.truncate(length);
    }
    host
}

/// `getservbyname(3)`
pub(crate) async fn service_by_name(
    ctx: &CapsockCtx,
    name: String,
    protocol: Option<String>,
) -> Result<u16, NameError> {
    bounded(Some(&name), NameError::NoName)?;
    bounded(protocol.as_deref(), NameError::NoName)?;
    let look_up = move || os::databases::service_by_name(&name, protocol.as_deref());
    on_pool(ctx, look_up).await
}

/// `getservbyport(3)`
pub(crate) async fn service_by_port(
    ctx: &CapsockCtx,
    port: u16,
    protocol: Option<String>,
) -> Result<String, NameError> {
    bounded(protocol.as_deref(), NameError::NoName)?;
    let look_up = move || os::databases::service_by_port(port, protocol.as_deref());
    on_pool(ctx, look_up).await
}

/// `getprotobyname(3)`
pub(crate) async fn protocol_by_name(ctx: &CapsockCtx, name: String) -> Result<u32, NameError> {
    bounded(Some(&name), NameError::NoName)?;
    on_pool(ctx, move || os::databases::protocol_by_name(&name)).await
}

/// `sethostname(2)`
pub(crate) fn set_host_name(ctx: &CapsockCtx, name: &str) -> Result<(), Errno> {
    // Others read the name only up to a NUL, and the rule was for all of it.
    if name.len() > HOST_NAME_MAX || name.contains('\0') {
        return Err(Errno::InvalidArgument);
    }
    ctx.vet_option("sethostname", name)?;
    os::names::set_host_name(name)
}

/// `gethostname(2)`
pub(crate) fn host_name() -> Result<String, Errno> {
    os::names::host_name()
}

/// Text that is too long is none that anybody has, and nobody is asked.
fn bounded(text: Option<&str>, error: NameError) -> Result<(), NameError> {
    match text {
        Some(text) if text.len() > TEXT => Err(error),
        _ => Ok(()),
    }
}

impl HostEntry {
    fn bounded(mut self, ctx: &CapsockCtx) -> Self {
        let most = ctx.limits().answers as usize;
        self.aliases.truncate(most);
        self.addresses.truncate(most);
        self
    }
}

/// Looks up in one of the guest's places, for no longer than its limit.
async fn on_pool<T: Send + 'static>(
    ctx: &CapsockCtx,
    look_up: impl FnOnce() -> Result<T, NameError> + Send + 'static,
) -> Result<T, NameError> {
    pooled(ctx.take_lookup()?, ctx.limits().lookup_time, look_up).await
}

/// Looks up on tokio's pool of threads. A look-up that takes too long goes on
/// there, and keeps its permit until it ends.
async fn pooled<T: Send + 'static>(
    permit: Taken,
    time: Duration,
    look_up: impl FnOnce() -> Result<T, NameError> + Send + 'static,
) -> Result<T, NameError> {
    let work = spawn_blocking(move || {
        let result = look_up();
        drop(permit);
        result
    });
    match timeout(time, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => {
            tracing::error!(%error, "looking up a name");
            Err(NameError::System)
        }
        Err(_elapsed) => Err(NameError::Again),
    }
}

/// The name that a reverse look-up asks for (RFC 1035, 3.5; RFC 3596, 2.5).
fn reverse_name(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip
                .octets()
                .into_iter()
                .rev()
                .flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles
                .map(|nibble| format!("{nibble:x}."))
                .collect::<String>()
                + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::What;

    #[tokio::test]
    async fn a_look_up_that_takes_too_long_keeps_its_place_until_it_ends() {
        let mut limits = crate::Limits::default();
        limits.lookups = 1;
        let quota = crate::Quota::new(&limits);
        let place = quota.take(What::Lookups, 1).expect("the only one");
        let (answer, silence) = std::sync::mpsc::channel();
        let look_up = move || silence.recv().map_err(|_gone| NameError::Fail);
        let result = pooled(place, Duration::from_millis(10), look_up).await;
        assert_eq!(result, Err(NameError::Again));
        assert!(quota.take(What::Lookups, 1).is_none());
        answer.send(()).expect("it still waits");
        while quota.take(What::Lookups, 1).is_none() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn guests_share_the_look_ups_of_their_quota() {
        let mut limits = crate::Limits::default();
        limits.lookups = 1;
        let quota = crate::Quota::new(&limits);
        let [one, other] = [(); 2].map(|()| {
            let policy = crate::Policy::default();
            CapsockCtx::new(policy, cap_std::ambient_authority()).with_quota(&quota)
        });
        let place = one.take_lookup().expect("the only one");
        let full = other.take_lookup().map(drop);
        assert_eq!(full, Err(NameError::Again));
        drop(place);
        other.take_lookup().expect("it was given back");
    }

    #[test]
    fn the_domain_that_is_left_out_is_that_of_the_machines_name() {
        for (machine, host, left) in [
            ("web.corp.example", "db.corp.example", "db"),
            ("web.corp.example", "a.db.corp.example", "a.db"),
            ("web.corp.example", "db.xcorp.example", "db.xcorp.example"),
            ("web.corp.example", "corp.example", "corp.example"),
            ("web", "db.corp.example", "db.corp.example"),
            ("web.", "db.", "db."),
            ("", "db", "db"),
        ] {
            assert_eq!(without_domain_of(machine, host.to_owned()), left, "{host}");
        }
    }

    #[test]
    fn reverse_names_are_those_of_dns() {
        for (ip, name) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa"),
            (
                "2001:db8::567:89ab",
                "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ] {
            assert_eq!(reverse_name(ip.parse().expect(ip)), name);
        }
    }
}
