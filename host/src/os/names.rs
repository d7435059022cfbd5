//! `getaddrinfo(3)` and `getnameinfo(3)`, each of which may block;
//! `gethostname(2)` and `sethostname(2)`.

use std::net::SocketAddr;

use dns_lookup::{AddrInfoHints, LookupError};

use super::search_list;
use crate::lookup::{Answer, Host, LookupFlags, NameError, NameFlags, Question};
use crate::{AddressFamily, Errno, SocketType};

/// `getaddrinfo(3)`
pub(crate) fn address_info(host: &Host, question: &Question) -> Result<Vec<Answer>, NameError> {
    let family = match question.family {
        None => libc::AF_UNSPEC,
        Some(AddressFamily::Inet) => libc::AF_INET,
        Some(AddressFamily::Inet6) => libc::AF_INET6,
        Some(_) => return Err(NameError::Family),
    };
    let kind = match question.kind {
        None => 0,
        Some(SocketType::Stream) => libc::SOCK_STREAM,
        Some(SocketType::Datagram) => libc::SOCK_DGRAM,
        Some(SocketType::Raw) => libc::SOCK_RAW,
        Some(SocketType::Rdm) => libc::SOCK_RDM,
        Some(SocketType::Seqpacket) => libc::SOCK_SEQPACKET,
    };
    let (host, numeric) = match host {
        Host::Numeric(host) => (host.as_deref(), host.is_some()),
        Host::Name(name) => (Some(name.as_str()), false),
    };
    let hints = AddrInfoHints {
        // Nobody is to be asked about what was not vetted.
        flags: lookup_flags(question.flags) | if numeric { libc::AI_NUMERICHOST } else { 0 },
        address: family,
        socktype: kind,
        protocol: i32::try_from(question.protocol).map_err(|_large| NameError::Service)?,
    };
    let service = question.service.as_deref();
    let look_up = || dns_lookup::getaddrinfo(host, service, Some(hints));
    let answers = search_list::look_up(host.unwrap_or_default(), look_up).map_err(name_error)?;
    // What is of another family or type than the interface knows is left out.
    Ok(answers.filter_map(Result::ok).filter_map(answer).collect())
}

/// `getnameinfo(3)`
pub(crate) fn name_info(
    address: &SocketAddr,
    flags: NameFlags,
) -> Result<(String, String), NameError> {
    let mut raw = 0;
    for (is, flag) in [
        (flags.numeric_host, libc::NI_NUMERICHOST),
        (flags.numeric_service, libc::NI_NUMERICSERV),
        (flags.no_domain, libc::NI_NOFQDN),
        (flags.name_required, libc::NI_NAMEREQD),
        (flags.datagram, libc::NI_DGRAM),
    ] {
        raw |= if is { flag } else { 0 };
    }
    dns_lookup::getnameinfo(address, raw).map_err(name_error)
}

/// `gethostname(2)`
pub(crate) fn host_name() -> Result<String, Errno> {
    Ok(dns_lookup::get_hostname()?)
}

/// `sethostname(2)`
pub(crate) fn set_host_name(name: &str) -> Result<(), Errno> {
    nix::unistd::sethostname(name).map_err(|errno| Errno::from_raw(errno as i32))
}

fn lookup_flags(flags: LookupFlags) -> i32 {
    let mut raw = 0;
    for (is, flag) in [
        (flags.passive, libc::AI_PASSIVE),
        (flags.canonical_name, libc::AI_CANONNAME),
        (flags.numeric_host, libc::AI_NUMERICHOST),
        (flags.v4_mapped, libc::AI_V4MAPPED),
        (flags.all, libc::AI_ALL),
        (flags.address_config, libc::AI_ADDRCONFIG),
        (flags.numeric_service, libc::AI_NUMERICSERV),
    ] {
        raw |= if is { flag } else { 0 };
    }
    raw
}

fn answer(info: dns_lookup::AddrInfo) -> Option<Answer> {
    Some(Answer {
        kind: match info.socktype {
            libc::SOCK_STREAM => SocketType::Stream,
            libc::SOCK_DGRAM => SocketType::Datagram,
            libc::SOCK_RAW => SocketType::Raw,
            libc::SOCK_RDM => SocketType::Rdm,
            libc::SOCK_SEQPACKET => SocketType::Seqpacket,
            _ => return None,
        },
        protocol: u32::try_from(info.protocol).ok()?,
        canonical_name: info.canonname,
        address: info.sockaddr,
    })
}

fn name_error(error: LookupError) -> NameError {
    // Not in the libc crate for every platform: glibc's netdb.h.
    const EAI_ADDRFAMILY: i32 = -9;
    const EAI_NODATA: i32 = -5;
    match error.error_num() {
        EAI_ADDRFAMILY => NameError::AddressFamily,
        libc::EAI_AGAIN => NameError::Again,
        libc::EAI_BADFLAGS => NameError::BadFlags,
        libc::EAI_FAIL => NameError::Fail,
        libc::EAI_FAMILY => NameError::Family,
        libc::EAI_MEMORY => NameError::Memory,
        EAI_NODATA => NameError::NoData,
        libc::EAI_NONAME => NameError::NoName,
        libc::EAI_SERVICE => NameError::Service,
        libc::EAI_SOCKTYPE => NameError::SocketType,
        _ => NameError::System,
    }
}
