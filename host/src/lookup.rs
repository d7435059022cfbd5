//! Look-ups of names: what is asked, and what is answered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::policy::{Domain, VettedName};
use crate::{AddressFamily, SocketType};

/// Why a look-up failed: `EAI_*` of getaddrinfo(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameError {
    AddressFamily,
    Again,
    BadFlags,
    Fail,
    Family,
    Memory,
    NoData,
    NoName,
    Service,
    SocketType,
    System,
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
    pub(crate) flags: LookupFlags,
}

/// `AI_*`
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LookupFlags {
    pub(crate) passive: bool,
    pub(crate) canonical_name: bool,
    pub(crate) numeric_host: bool,
    pub(crate) v4_mapped: bool,
    pub(crate) all: bool,
    pub(crate) address_config: bool,
    pub(crate) numeric_service: bool,
}

/// `NI_*`
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NameFlags {
    pub(crate) numeric_host: bool,
    pub(crate) numeric_service: bool,
    pub(crate) no_domain: bool,
    pub(crate) name_required: bool,
    pub(crate) datagram: bool,
}

/// `struct addrinfo`
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) kind: SocketType,
    pub(crate) protocol: u32,
    pub(crate) canonical_name: Option<String>,
    pub(crate) address: SocketAddr,
}

/// Why a look-up of a host failed: `h_errno` of gethostbyname(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostError {
    HostNotFound,
    TryAgain,
    NoRecovery,
    NoData,
    AccessDenied,
}

/// `struct hostent`
#[derive(Clone, Debug)]
pub(crate) struct HostEntry {
    pub(crate) name: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
}

/// What the host of a look-up is, as far as the policy is concerned.
#[derive(Clone, Debug)]
pub(crate) enum Host {
    /// None: every interface, or this machine.
    Unnamed,
    /// An address, as text without its zone: nobody is asked.
    Numeric {
        ip: String,
        scope: u32,
    },
    /// This machine: nobody is asked either (RFC 6761, 6.3).
    Localhost,
    Name(Asked),
}

/// A name that may be looked up, and where else than as it is.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) name: VettedName,
    pub(crate) search: Search,
}

/// What a name may be the beginning of.
#[derive(Clone, Debug)]
pub(crate) enum Search {
    /// Nothing: it is asked for as it is.
    Absolute,
    /// What the search list of resolv.conf(5) makes of it.
    Machine,
    /// A name within one of these domains.
    Within(Arc<[Domain]>),
}

/// What a look-up of a name found; see
/// [`CapsockCtx::on_answer`](crate::CapsockCtx::on_answer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAnswer {
    pub(crate) asked: String,
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
}

impl NameAnswer {
    /// The name that the guest asked for, in its IDNA form. It is what rules are
    /// about.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// The canonical name of what answered: another one where the name is an
    /// alias, or was found within a domain that was searched.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The addresses that the guest was told.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
}

impl From<NameError> for HostError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::NoName => Self::HostNotFound,
            NameError::Again => Self::TryAgain,
            NameError::NoData | NameError::AddressFamily => Self::NoData,
            NameError::AccessDenied => Self::AccessDenied,
            NameError::BadFlags
            | NameError::Fail
            | NameError::Family
            | NameError::Memory
            | NameError::Service
            | NameError::SocketType
            | NameError::System => Self::NoRecovery,
        }
    }
}
