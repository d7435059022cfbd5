//! `getaddrinfo(3)` and `getnameinfo(3)`, each of which may block;
//! `gethostname(2)` and `sethostname(2)`.

use std::net::{IpAddr, SocketAddr};

use dns_lookup::{AddrInfoHints, LookupError};

use super::{databases, search_list};
use crate::lookup::{Answer, Host, LookupFlags, NameError, NameFlags, Question};
use crate::{AddressFamily, Errno, SocketType};

/// `getaddrinfo(3)`; the canonical name of a name that was looked up is told
/// whether it was asked for or not.
pub(crate) fn address_info(host: &Host, question: &Question) -> Result<Vec<Answer>, NameError> {
    let mut question = question.clone();
    match host {
        Host::Unnamed => look_up(None, &question),
        Host::Numeric { ip, scope } => {
            question.flags.numeric_host = true;
            let mut answers = look_up(Some(ip), &question)?;
            for answer in &mut answers {
                if let SocketAddr::V6(address) = &mut answer.address {
                    address.set_scope_id(*scope);
                }
            }
            Ok(answers)
        }
        Host::Localhost => {
            let mut answers = Vec::new();
            let ips = own_addresses(&question)?;
            question.flags.numeric_host = true;
            for ip in ips {
                answers.append(&mut look_up(Some(&ip.to_string()), &question)?);
            }
            Ok(answers)
        }
        Host::Name(asked) => {
            question.flags.canonical_name = true;
            let is_absent = |error: &NameError| *error == NameError::NoName;
            search_list::look_up(asked, is_absent, |name| look_up(Some(name), &question))
        }
    }
}

/// 127.0.0.1 and ::1, as far as they are asked for, the one first that is to be
/// tried first (RFC 6724).
fn own_addresses(question: &Question) -> Result<Vec<IpAddr>, NameError> {
    let question = Question {
        service: Some("0".to_owned()),
        kind: Some(SocketType::Stream),
        protocol: 0,
        flags: LookupFlags {
            address_config: question.flags.address_config,
            ..LookupFlags::default()
        },
        ..question.clone()
    };
    let answers = look_up(None, &question)?.into_iter();
    Ok(answers.map(|answer| answer.address.ip()).collect())
}

fn look_up(host: Option<&str>, question: &Question) -> Result<Vec<Answer>, NameError> {
    databases::keep_to_files();
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
    let hints = AddrInfoHints {
        flags: lookup_flags(question.flags),
        address: family,
        socktype: kind,
        protocol: i32::try_from(question.protocol).map_err(|_large| NameError::Service)?,
    };
    let service = question.service.as_deref();
    let answers = dns_lookup::getaddrinfo(host, service, Some(hints)).map_err(name_error)?;
    // What is of another family or type than the interface knows is left out.
    Ok(answers.filter_map(Result::ok).filter_map(answer).collect())
}

/// `getnameinfo(3)`, without `NI_NOFQDN`: for it the C library would ask what the
/// name of this machine is.
pub(crate) fn name_info(
    address: &SocketAddr,
    flags: NameFlags,
) -> Result<(String, String), NameError> {
    databases::keep_to_files();
    let mut raw = 0;
    for (is, flag) in [
        (flags.numeric_host, libc::NI_NUMERICHOST),
        (flags.numeric_service, libc::NI_NUMERICSERV),
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
