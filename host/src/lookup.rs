//! Look-ups of names: what is asked, and what is answered.

use std::net::{IpAddr, SocketAddr};

use crate::policy::VettedName;
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
    /// None, or an address as text: nobody is asked.
    Numeric(Option<String>),
    Name(VettedName),
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
