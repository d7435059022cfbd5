//! Names of hosts and services.
//!
//! The host looks them up, where its policy grants the name.

use std::net::{IpAddr, SocketAddr};

use crate::address::Address;
use crate::bindings::io::poll::Pollable;
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
    let host = host.into();
    let (family, proto) = asked(host, family, proto)?;
    let found = wit::get_address_info(
        host,
        port.to_service().as_deref(),
        family,
        kind.into().map(SocketKind::to_wit),
        proto,
        lookup_flags(flags),
    );
    answers(host, found)
}

/// How getaddrinfo tells that it failed.
fn unresolved(host: Option<&str>, error: wit::NameError) -> Error {
    Error::lookup("getaddrinfo", host, error)
}

fn asked(
    host: Option<&str>,
    family: AddressFamily,
    proto: i32,
) -> Result<(Option<WitFamily>, u32)> {
    let family = match family {
        AF_UNSPEC => None,
        family => Some(
            family
                .to_wit()
                .ok_or_else(|| unresolved(host, wit::NameError::Family))?,
        ),
    };
    let proto =
        u32::try_from(proto).map_err(|_negative| unresolved(host, wit::NameError::Service))?;
    Ok((family, proto))
}

fn answers(
    host: Option<&str>,
    found: std::result::Result<Vec<wit::AddressInfo>, wit::NameError>,
) -> Result<Vec<AddrInfo>> {
    let found = found.map_err(|error| unresolved(host, error))?;
    Ok(found.into_iter().map(AddrInfo::from).collect())
}

/// A [`getaddrinfo`] that goes on while the program does something else.
#[derive(Debug)]
pub struct Lookup {
    host: Option<String>,
    lookup: wit::Lookup,
}

impl Lookup {
    /// Begins it.
    ///
    /// # Errors
    /// A `gaierror`.
    pub fn start<'a>(
        host: impl Into<Option<&'a str>>,
        port: impl ToService,
        family: AddressFamily,
        kind: impl Into<Option<SocketKind>>,
        proto: i32,
        flags: i32,
    ) -> Result<Self> {
        let host = host.into();
        let (family, proto) = asked(host, family, proto)?;
        let lookup = wit::Lookup::start(
            host,
            port.to_service().as_deref(),
            family,
            kind.into().map(SocketKind::to_wit),
            proto,
            lookup_flags(flags),
        );
        Ok(Self {
            host: host.map(str::to_owned),
            lookup,
        })
    }

    /// What came of it, once; `None` while it goes on.
    pub fn answers(&self) -> Option<Result<Vec<AddrInfo>>> {
        let found = self.lookup.answers()?;
        Some(answers(self.host.as_deref(), found))
    }

    /// A pollable of WASI that is ready when the answers are there.
    pub fn subscribe(&self) -> Pollable {
        self.lookup.subscribe()
    }
}

/// The names of an address's host and service: getnameinfo(3); `flags` are
/// `NI_*`. A host whose look-up is not granted is its address as text.
///
/// # Errors
/// A `gaierror`.
pub fn getnameinfo(sockaddr: &Address, flags: i32) -> Result<(String, String)> {
    wit::get_name_info(&sockaddr.to_wit(), name_flags(flags)).map_err(unnamed)
}

fn unnamed(error: wit::NameError) -> Error {
    Error::lookup("getnameinfo", None, error)
}

/// A [`getnameinfo`] that goes on while the program does something else.
#[derive(Debug)]
pub struct NameLookup(wit::NameInfoLookup);

impl NameLookup {
    /// Begins it.
    pub fn start(sockaddr: &Address, flags: i32) -> Self {
        let address = sockaddr.to_wit();
        Self(wit::NameInfoLookup::start(&address, name_flags(flags)))
    }

    /// What came of it; `None` while it goes on.
    pub fn answer(&self) -> Option<Result<(String, String)>> {
        Some(self.0.answer()?.map_err(unnamed))
    }

    /// A pollable of WASI that is ready when the answer is there.
    pub fn subscribe(&self) -> Pollable {
        self.0.subscribe()
    }
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

/// A host's official name, its aliases, and its addresses as text: Python's triple.
pub type HostEntry = (String, Vec<String>, Vec<String>);

/// A host's official name, its aliases, and its IPv4 addresses as text:
/// gethostbyname(3).
///
/// # Errors
/// Those of [`getaddrinfo`]; an `herror` ([`Error::h_errno`]) where the look-up
/// fails only then.
pub fn gethostbyname_ex(hostname: &str) -> Result<HostEntry> {
    ipv4_addresses(hostname)?;
    let entry = wit::get_host_by_name(hostname);
    entry
        .map(host)
        .map_err(|error| Error::host_lookup("gethostbyname_ex", hostname, error))
}

/// The official name of a host by its address, its aliases, and its addresses
/// as text: gethostbyaddr(3), for IPv4 and IPv6. A name stands for its first
/// address.
///
/// # Errors
/// Those of [`getaddrinfo`]; an `herror` ([`Error::h_errno`]) where the address
/// has no name; `EACCES` where the host does not grant looking it up.
pub fn gethostbyaddr(ip_address: &str) -> Result<HostEntry> {
    const OPERATION: &str = "gethostbyaddr";
    let found = getaddrinfo(ip_address, 0, AF_UNSPEC, SOCK_DGRAM, 0, 0)?;
    let address = found
        .first()
        .map(|first| first.sockaddr.to_wit())
        .ok_or(Error::lookup(
            OPERATION,
            Some(ip_address),
            wit::NameError::NoName,
        ))?;
    wit::get_host_by_address(&address)
        .map(host)
        .map_err(|error| Error::host_lookup(OPERATION, ip_address, error))
}

/// A host's official name, aliases and addresses (gethostbyname(3),
/// gethostbyaddr(3)), asked for while the program does something else.
#[derive(Debug)]
pub struct HostLookup {
    operation: &'static str,
    host: String,
    lookup: wit::HostEntryLookup,
}

impl HostLookup {
    /// Begins it by the name, for IPv4 addresses.
    pub fn by_name(hostname: &str) -> Self {
        Self {
            operation: "gethostbyname",
            host: hostname.to_owned(),
            lookup: wit::HostEntryLookup::start_by_name(hostname),
        }
    }

    /// Begins it by the address.
    pub fn by_address(address: IpAddr) -> Self {
        let address = SocketAddr::new(address, 0);
        Self {
            operation: "gethostbyaddr",
            host: address.ip().to_string(),
            lookup: wit::HostEntryLookup::start_by_address(&Address::from(address).to_wit()),
        }
    }

    /// What came of it, as [`gethostbyname_ex`] tells it; `None` while it goes on.
    pub fn answer(&self) -> Option<Result<HostEntry>> {
        let failed = |error| Error::host_lookup(self.operation, &self.host, error);
        Some(self.lookup.answer()?.map(host).map_err(failed))
    }

    /// A pollable of WASI that is ready when the answer is there.
    pub fn subscribe(&self) -> Pollable {
        self.lookup.subscribe()
    }
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

/// Sets the name of the machine: sethostname(2).
///
/// # Errors
/// `EACCES` where the host does not grant `option sethostname`; `EINVAL` where
/// the name has more than 64 bytes.
pub fn sethostname(name: &str) -> Result<()> {
    wit::set_host_name(name).map_err(|code| Error::new("sethostname", code))
}

/// The port of a service: getservbyname(3). No protocol means any.
///
/// # Errors
/// `service/proto not found`.
pub fn getservbyname(servicename: &str, protocolname: Option<&str>) -> Result<u16> {
    wit::get_service_by_name(servicename, protocolname).map_err(|error| {
        let not_found = format!("service/proto not found: `{servicename}`");
        failed("getservbyname", not_found, error)
    })
}

/// The name of a service by its port: getservbyport(3). No protocol means any.
///
/// # Errors
/// `port/proto not found`.
pub fn getservbyport(port: u16, protocolname: Option<&str>) -> Result<String> {
    wit::get_service_by_port(port, protocolname).map_err(|error| {
        failed(
            "getservbyport",
            format!("port/proto not found: {port}"),
            error,
        )
    })
}

/// The number of a protocol, as [`Socket::with_proto`](crate::Socket) takes it:
/// getprotobyname(3).
///
/// # Errors
/// `protocol not found`.
pub fn getprotobyname(protocolname: &str) -> Result<i32> {
    const OPERATION: &str = "getprotobyname";
    let not_found = || format!("protocol not found: `{protocolname}`");
    let number = wit::get_protocol_by_name(protocolname)
        .map_err(|error| failed(OPERATION, not_found(), error))?;
    i32::try_from(number).map_err(|_large| Error::invalid(OPERATION, not_found()))
}

fn failed(operation: &'static str, not_found: String, error: wit::NameError) -> Error {
    match error {
        wit::NameError::NoName => Error::invalid(operation, not_found),
        error => Error::lookup(operation, None, error),
    }
}

fn host(entry: wit::HostEntry) -> HostEntry {
    let addresses = entry.addresses.into_iter().map(Address::from);
    let addresses = addresses.filter_map(|address| address.to_socket_addr());
    (
        entry.name,
        entry.aliases,
        addresses.map(|address| address.ip().to_string()).collect(),
    )
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
