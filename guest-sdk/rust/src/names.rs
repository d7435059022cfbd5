//! Names of hosts and services.
//!
//! The host looks them up, where its policy grants the name.

use crate::address::Address;
use crate::bindings::names::{self as wit, LookupFlags, NameFlags};
use crate::bindings::types::{AddressFamily as WitFamily, SocketType as WitType};
use crate::constants::{
    AF_INET, AF_INET6, AF_UNSPEC, AddressFamily, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET,
    SOCK_STREAM, SocketKind,
};
use crate::error::{Error, Result};
use crate::numbers::{
    AI_ADDRCONFIG, AI_ALL, AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV, AI_PASSIVE, AI_V4MAPPED,
    NI_DGRAM, NI_NAMEREQD, NI_NOFQDN, NI_NUMERICHOST, NI_NUMERICSERV,
};

/// One way to reach a host or service: Python's `(family, type, proto,
/// canonname, sockaddr)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddrInfo {
    /// The address family.
    pub family: AddressFamily,
    /// The socket type.
    pub kind: SocketKind,
    /// The protocol number.
    pub proto: i32,
    /// With `AI_CANONNAME`, in the first one; empty otherwise.
    pub canonname: String,
    /// The address.
    pub sockaddr: Address,
}

/// What `getaddrinfo` takes for a port: a number, a service's name, or `None`.
pub trait ToService {
    /// The service as text.
    fn to_service(&self) -> Option<String>;
}

impl ToService for u16 {
    fn to_service(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl ToService for &str {
    fn to_service(&self) -> Option<String> {
        Some((*self).to_owned())
    }
}

impl ToService for Option<&str> {
    fn to_service(&self) -> Option<String> {
        self.map(str::to_owned)
    }
}

/// The addresses of a host and a service: getaddrinfo(3). `AF_UNSPEC`, no kind
/// and 0 mean any; `flags` are `AI_*`.
///
/// # Errors
/// A `gaierror` ([`Error::gai_errno`]); `EACCES` where the host does not grant
/// the name.
pub fn getaddrinfo<'a>(
    host: impl Into<Option<&'a str>>,
    port: impl ToService,
    family: AddressFamily,
    kind: impl Into<Option<SocketKind>>,
    proto: i32,
    flags: i32,
) -> Result<Vec<AddrInfo>> {
    const OPERATION: &str = "getaddrinfo";
    let host = host.into();
    let failed = |error| Error::lookup(OPERATION, host, error);
    let family = match family {
        AF_UNSPEC => None,
        family => Some(family.to_wit().ok_or(failed(wit::NameError::Family))?),
    };
    let proto = u32::try_from(proto).map_err(|_negative| failed(wit::NameError::Service))?;
    let found = wit::get_address_info(
        host,
        port.to_service().as_deref(),
        family,
        kind.into().map(SocketKind::to_wit),
        proto,
        lookup_flags(flags),
    );
    Ok(found
        .map_err(failed)?
        .into_iter()
        .map(AddrInfo::from)
        .collect())
}

/// The names of an address's host and service: getnameinfo(3); `flags` are
/// `NI_*`. A host whose look-up is not granted is its address as text.
///
/// # Errors
/// A `gaierror`.
pub fn getnameinfo(sockaddr: &Address, flags: i32) -> Result<(String, String)> {
    const OPERATION: &str = "getnameinfo";
    let failed = |error| Error::lookup(OPERATION, None, error);
    wit::get_name_info(&sockaddr.to_wit(), name_flags(flags)).map_err(failed)
}

/// The first IPv4 address of a host, as text: gethostbyname(3). The empty name
/// is every interface, `<broadcast>` the broadcast address.
///
/// # Errors
/// Those of [`getaddrinfo`].
pub fn gethostbyname(hostname: &str) -> Result<String> {
    match hostname {
        "" => Ok("0.0.0.0".to_owned()),
        "<broadcast>" => Ok("255.255.255.255".to_owned()),
        _ => ipv4_addresses(hostname)
            .map(|(_name, addresses)| addresses.into_iter().next().unwrap_or_default()),
    }
}

/// A host's canonical name, its aliases, and its IPv4 addresses as text:
/// gethostbyname(3). The host does not tell aliases.
///
/// # Errors
/// Those of [`getaddrinfo`].
pub fn gethostbyname_ex(hostname: &str) -> Result<(String, Vec<String>, Vec<String>)> {
    ipv4_addresses(hostname).map(|(name, addresses)| (name, Vec::new(), addresses))
}

/// The name of a host by its address, its aliases, and the address:
/// gethostbyaddr(3), for IPv4 and IPv6. The host does not tell aliases.
///
/// # Errors
/// Those of [`getaddrinfo`] and [`getnameinfo`]; a `gaierror` where the address
/// has no name, or its look-up is not granted.
pub fn gethostbyaddr(ip_address: &str) -> Result<(String, Vec<String>, Vec<String>)> {
    let found = getaddrinfo(ip_address, 0, AF_UNSPEC, SOCK_DGRAM, 0, 0)?;
    let first = found.first().ok_or(Error::lookup(
        "gethostbyaddr",
        Some(ip_address),
        wit::NameError::NoName,
    ))?;
    let (name, _service) = getnameinfo(&first.sockaddr, NI_NAMEREQD | NI_NUMERICSERV)?;
    let (address, _service) = getnameinfo(&first.sockaddr, NI_NUMERICHOST | NI_NUMERICSERV)?;
    Ok((name, Vec::new(), vec![address]))
}

/// The name of the machine: gethostname(2).
///
/// # Errors
/// Only what the host cannot do.
pub fn gethostname() -> Result<String> {
    wit::get_host_name().map_err(|code| Error::new("gethostname", code))
}

/// A fully qualified name: of a host, or of this machine for the empty name. As
/// in Python it is the name itself where none can be found.
///
/// # Errors
/// Those of [`gethostname`].
pub fn getfqdn(name: &str) -> Result<String> {
    let name = match name.trim() {
        "" | "0.0.0.0" | "::" => gethostname()?,
        name => name.to_owned(),
    };
    Ok(gethostbyaddr(&name).map_or(name, |(found, _, _)| found))
}

/// The port of a service: getservbyname(3). `protocol` is `tcp` or `udp`;
/// `None` is either.
///
/// # Errors
/// `service/proto not found`.
pub fn getservbyname(servicename: &str, protocol: Option<&str>) -> Result<u16> {
    let not_found = || {
        Error::invalid(
            "getservbyname",
            format!("service/proto not found: `{servicename}`"),
        )
    };
    // A number is not a name, though getaddrinfo takes it.
    if servicename.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_found());
    }
    let kind = protocol
        .map(|protocol| kind_of(protocol).ok_or_else(not_found))
        .transpose()?;
    let found =
        getaddrinfo(None, servicename, AF_INET, kind, 0, 0).map_err(|_unknown| not_found())?;
    found
        .first()
        .and_then(|first| first.sockaddr.port())
        .ok_or_else(not_found)
}

/// The name of a service by its port: getservbyport(3).
///
/// # Errors
/// `port/proto not found`.
pub fn getservbyport(port: u16, protocol: Option<&str>) -> Result<String> {
    let not_found = || Error::invalid("getservbyport", format!("port/proto not found: {port}"));
    let kinds = match protocol {
        Some(protocol) => vec![kind_of(protocol).ok_or_else(not_found)?],
        None => vec![SOCK_STREAM, SOCK_DGRAM],
    };
    let address = Address::from(std::net::SocketAddr::from(([0, 0, 0, 0], port)));
    for kind in kinds {
        let flags = NI_NUMERICHOST | if kind == SOCK_DGRAM { NI_DGRAM } else { 0 };
        let (_host, service) = getnameinfo(&address, flags)?;
        // Without a name it is the number.
        if service != port.to_string() {
            return Ok(service);
        }
    }
    Err(not_found())
}

impl From<wit::AddressInfo> for AddrInfo {
    fn from(info: wit::AddressInfo) -> Self {
        Self {
            family: match info.family {
                WitFamily::Inet => AF_INET,
                WitFamily::Inet6 => AF_INET6,
                _ => AF_UNSPEC,
            },
            kind: match info.type_ {
                WitType::Stream => SOCK_STREAM,
                WitType::Datagram => SOCK_DGRAM,
                WitType::Raw => SOCK_RAW,
                WitType::Rdm => SOCK_RDM,
                WitType::Seqpacket => SOCK_SEQPACKET,
            },
            proto: i32::try_from(info.protocol).unwrap_or(i32::MAX),
            canonname: info.canonical_name.unwrap_or_default(),
            sockaddr: info.address.into(),
        }
    }
}

fn ipv4_addresses(hostname: &str) -> Result<(String, Vec<String>)> {
    let found = getaddrinfo(hostname, None, AF_INET, SOCK_STREAM, 0, AI_CANONNAME)?;
    let name = found
        .first()
        .map(|first| first.canonname.clone())
        .unwrap_or_default();
    let addresses = found
        .iter()
        .filter_map(|info| info.sockaddr.to_socket_addr());
    Ok((
        name,
        addresses.map(|address| address.ip().to_string()).collect(),
    ))
}

fn kind_of(protocol: &str) -> Option<SocketKind> {
    match protocol {
        "tcp" => Some(SOCK_STREAM),
        "udp" => Some(SOCK_DGRAM),
        _ => None,
    }
}

fn lookup_flags(flags: i32) -> LookupFlags {
    let mut lookup = LookupFlags::empty();
    for (flag, bit) in [
        (LookupFlags::PASSIVE, AI_PASSIVE),
        (LookupFlags::CANONICAL_NAME, AI_CANONNAME),
        (LookupFlags::NUMERIC_HOST, AI_NUMERICHOST),
        (LookupFlags::V4_MAPPED, AI_V4MAPPED),
        (LookupFlags::ALL, AI_ALL),
        (LookupFlags::ADDRESS_CONFIG, AI_ADDRCONFIG),
        (LookupFlags::NUMERIC_SERVICE, AI_NUMERICSERV),
    ] {
        lookup.set(flag, flags & bit != 0);
    }
    lookup
}

fn name_flags(flags: i32) -> NameFlags {
    let mut names = NameFlags::empty();
    for (flag, bit) in [
        (NameFlags::NUMERIC_HOST, NI_NUMERICHOST),
        (NameFlags::NUMERIC_SERVICE, NI_NUMERICSERV),
        (NameFlags::NO_DOMAIN, NI_NOFQDN),
        (NameFlags::NAME_REQUIRED, NI_NAMEREQD),
        (NameFlags::DATAGRAM, NI_DGRAM),
    ] {
        names.set(flag, flags & bit != 0);
    }
    names
}
