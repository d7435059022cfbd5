//! Names of hosts, as the host of WASI looks them up. It has no services, protocols,
//! aliases, and no names of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use capsock_checked::{ErrorCode, Lookup};
use capsock_policy::{AddressFamily, Errno, Limits, SocketType};

use crate::socket::{TCP, UDP};
use crate::wait::{Deadline, Timeout};

/// How long a look-up takes at most.
const TIME: Duration = Limits::DEFAULT.lookup_time;

/// The longest name, in bytes: longer than any is.
const TEXT: usize = 4 << 10;

/// The longest name of a machine, in bytes: sethostname(2).
const HOST_NAME_MAX: usize = 64;

/// How many answers there are at most.
const ANSWERS: usize = Limits::DEFAULT.answers as usize;

/// The name of the addresses 127.0.0.1 and ::1.
const LOCALHOST: &str = "localhost";

/// Why a look-up failed: `EAI_*` of getaddrinfo(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    AddressFamily,
    Again,
    BadFlags,
    Fail,
    Family,
    NoData,
    NoName,
    Service,
    SocketType,
    AccessDenied,
}

/// What to look up.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) host: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) family: Option<AddressFamily>,
    pub(crate) kind: Option<SocketType>,
    pub(crate) protocol: u32,
    pub(crate) passive: bool,
    pub(crate) canonical_name: bool,
    pub(crate) numeric_host: bool,
    pub(crate) v4_mapped: bool,
    pub(crate) all: bool,
    pub(crate) numeric_service: bool,
}

/// `struct addrinfo`
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) kind: SocketType,
    pub(crate) protocol: u32,
    pub(crate) canonical_name: Option<String>,
    pub(crate) address: SocketAddr,
}

/// `getaddrinfo(3)`
pub(crate) fn address_info(question: &Question) -> Result<Vec<Answer>, NameError> {
    if question.host.is_none() && question.service.is_none() {
        return Err(NameError::NoName);
    }
    if question.host.is_none() && question.canonical_name {
        return Err(NameError::BadFlags);
    }
    if !matches!(
        question.family,
        None | Some(AddressFamily::Inet | AddressFamily::Inet6)
    ) {
        return Err(NameError::Family);
    }
    let kinds = kinds(question)?;
    let port = match &question.service {
        None => 0,
        Some(service) => port(service, question.numeric_service)?,
    };
    let addresses = match &question.host {
        None => unnamed(question),
        Some(host) => hosts(host, question)?,
    };
    let mut canonical_name = question.host.clone().filter(|_| question.canonical_name);
    let answers = addresses.into_iter().flat_map(|(ip, scope)| {
        let address = match ip {
            IpAddr::V4(_) => SocketAddr::new(ip, port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
        };
        kinds
            .iter()
            .map(move |(kind, protocol)| (*kind, *protocol, address))
    });
    let answers = answers
        .take(ANSWERS)
        .map(|(kind, protocol, address)| Answer {
            kind,
            protocol,
            // In the first one.
            canonical_name: canonical_name.take(),
            address,
        });
    Ok(answers.collect())
}

/// The types and protocols of the answers, as the C library has them.
fn kinds(question: &Question) -> Result<Vec<(SocketType, u32)>, NameError> {
    let all = [
        (SocketType::Stream, TCP),
        (SocketType::Datagram, UDP),
        (SocketType::Raw, question.protocol),
    ];
    let is_asked = |(kind, protocol): &(SocketType, u32)| {
        question.kind.is_none_or(|asked| asked == *kind)
            && (question.protocol == 0 || question.protocol == *protocol)
    };
    let mut kinds: Vec<_> = all.into_iter().filter(is_asked).collect();
    if question.protocol != 0 && question.kind.is_none() && kinds.len() > 1 {
        kinds.truncate(1);
    }
    if kinds.is_empty() {
        return Err(NameError::SocketType);
    }
    if question.kind == Some(SocketType::Raw) && question.service.is_some() {
        return Err(NameError::Service);
    }
    Ok(kinds)
}

/// The number of a service. Names of services are in no file that WASI has.
fn port(service: &str, numeric: bool) -> Result<u16, NameError> {
    let is_number = !service.is_empty() && service.bytes().all(|byte| byte.is_ascii_digit());
    match is_number {
        true => service.parse().map_err(|_large| NameError::Service),
        false if numeric => Err(NameError::NoName),
        false => Err(NameError::Service),
    }
}

/// The addresses of no host: every interface, or this machine.
fn unnamed(question: &Question) -> Vec<(IpAddr, u32)> {
    let addresses: [IpAddr; 2] = match question.passive {
        true => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        false => [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()],
    };
    let wanted = addresses
        .into_iter()
        .filter(|ip| is_of(question.family, *ip));
    wanted.map(|ip| (ip, 0)).collect()
}

fn is_of(family: Option<AddressFamily>, ip: IpAddr) -> bool {
    match family {
        Some(AddressFamily::Inet) => ip.is_ipv4(),
        Some(AddressFamily::Inet6) => ip.is_ipv6(),
        _ => true,
    }
}

/// The addresses of a host, of the families that are asked for.
fn hosts(host: &str, question: &Question) -> Result<Vec<(IpAddr, u32)>, NameError> {
    let found = match numeric(host)? {
        Some(address) => vec![address],
        None if question.numeric_host => return Err(NameError::NoName),
        None => look_up(host)?.into_iter().map(|ip| (ip, 0)).collect(),
    };
    let is_numeric = numeric(host)?.is_some();
    let (mut wanted, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|(ip, _)| is_of(question.family, *ip));
    let maps = question.v4_mapped && question.family == Some(AddressFamily::Inet6);
    if maps && (wanted.is_empty() || question.all) {
        wanted.extend(others.iter().filter_map(|(ip, _)| match ip {
            IpAddr::V4(ip) => Some((ip.to_ipv6_mapped().into(), 0)),
            IpAddr::V6(_) => None,
        }));
    }
    match wanted.is_empty() {
        false => Ok(wanted),
        true if is_numeric => Err(NameError::AddressFamily),
        true => Err(NameError::NoData),
    }
}

/// An address as text, with the number of its zone (RFC 4007, 11).
fn numeric(host: &str) -> Result<Option<(IpAddr, u32)>, NameError> {
    let (text, zone) = match host.split_once('%') {
        Some((text, zone)) => (text, Some(zone)),
        None => (host, None),
    };
    match (text.parse(), zone) {
        (Err(_), _) => Ok(None),
        (Ok(ip), None) => Ok(Some((ip, 0))),
        (Ok(ip @ IpAddr::V6(_)), Some(zone))
            if !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            let zone = zone.parse().map_err(|_large| NameError::NoName)?;
            Ok(Some((ip, zone)))
        }
        // The name of an interface, which nobody here knows.
        (Ok(_), Some(_)) => Err(NameError::NoName),
    }
}

/// Asks the host, and waits for all that it answers.
fn look_up(name: &str) -> Result<Vec<IpAddr>, NameError> {
    // It would be an address for the host.
    if name.len() > TEXT || name.starts_with('[') {
        return Err(NameError::NoName);
    }
    let lookup = Lookup::of(name).map_err(name_error)?;
    let deadline = Deadline::new(Timeout::After(TIME));
    let mut found = Vec::new();
    loop {
        match lookup.next_address() {
            Ok(Some(ip)) => found.push(ip),
            Ok(None) => break,
            Err(ErrorCode::WouldBlock) => deadline
                .wait([lookup.subscribe()])
                .map_err(|_late| NameError::Again)?,
            // What was answered before it is an answer.
            Err(_) if !found.is_empty() => break,
            Err(code) => return Err(name_error(code)),
        }
    }
    match found.is_empty() {
        true => Err(NameError::NoName),
        false => Ok(found),
    }
}

fn name_error(code: ErrorCode) -> NameError {
    match code {
        ErrorCode::AccessDenied => NameError::AccessDenied,
        ErrorCode::InvalidArgument | ErrorCode::NameUnresolvable => NameError::NoName,
        ErrorCode::TemporaryResolverFailure | ErrorCode::Timeout | ErrorCode::WouldBlock => {
            NameError::Again
        }
        _ => NameError::Fail,
    }
}

/// `getnameinfo(3)`: addresses and ports as text, but for the machine's own.
pub(crate) fn name_info(
    address: SocketAddr,
    numeric_host: bool,
    name_required: bool,
) -> Result<(String, String), NameError> {
    let ip = address.ip();
    let is_own = is_own(ip.to_canonical()) && !numeric_host;
    let host = match address {
        _ if is_own => LOCALHOST.to_owned(),
        _ if name_required => return Err(NameError::NoName),
        SocketAddr::V6(address) if address.scope_id() != 0 => {
            format!("{ip}%{}", address.scope_id())
        }
        _ => ip.to_string(),
    };
    Ok((host, address.port().to_string()))
}

/// Whether an address is one of `localhost`.
fn is_own(ip: IpAddr) -> bool {
    ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST
}

/// `gethostbyname(3)`: the name as it was asked for, and its IPv4 addresses.
pub(crate) fn host_by_name(name: &str) -> Result<(String, Vec<IpAddr>), NameError> {
    let found = match name.parse::<Ipv4Addr>() {
        Ok(ip) => vec![ip.into()],
        Err(_) => look_up(name)?,
    };
    let found: Vec<IpAddr> = found.into_iter().filter(IpAddr::is_ipv4).collect();
    match found.is_empty() {
        true => Err(NameError::NoData),
        false => Ok((name.to_owned(), found)),
    }
}

/// `gethostbyaddr(3)`, of the machine's own addresses alone.
pub(crate) fn host_by_address(ip: IpAddr) -> Result<(String, IpAddr), NameError> {
    match ip.to_canonical() {
        ip if is_own(ip) => Ok((LOCALHOST.to_owned(), ip)),
        _ => Err(NameError::NoName),
    }
}

/// `getprotobyname(3)`, of those that a socket can be made of.
pub(crate) fn protocol_by_name(name: &str) -> Result<u32, NameError> {
    match name {
        "tcp" => Ok(TCP),
        "udp" => Ok(UDP),
        _ => Err(NameError::NoName),
    }
}

/// `sethostname(2)`, which WASI has not.
pub(crate) fn set_host_name(name: &str) -> Result<(), Errno> {
    match name.len() > HOST_NAME_MAX || name.contains('\0') {
        true => Err(Errno::InvalidArgument),
        false => Err(Errno::NoSystemCall),
    }
}
