//! `capsock:sockets/names`

use std::cell::{OnceCell, RefCell};

use capsock_checked::io::poll::Pollable;
use capsock_policy::Errno;

use super::Result;
use crate::Portable;
use crate::bindings::exports::capsock::sockets::names::{
    AddressInfo, Guest, GuestHostEntryLookup, GuestLookup, GuestNameInfoLookup, HostEntry,
    HostEntryLookup as HostHandle, HostError, Lookup as Handle, LookupFlags, NameError, NameFlags,
    NameInfoLookup as NameHandle,
};
use crate::bindings::exports::capsock::sockets::types::{Address, AddressFamily, SocketType};
use crate::convert::{endpoint, family};
use crate::names::{self, Question};
use crate::wait::ready_now;

/// A look-up that is done when its answers are asked for: there is nothing that it
/// could be waited for by, and it tells so.
pub(crate) struct Lookup {
    question: RefCell<Option<Question>>,
}

impl GuestLookup for Lookup {
    fn start(
        host: Option<String>,
        service: Option<String>,
        wanted: Option<AddressFamily>,
        kind: Option<SocketType>,
        protocol: u32,
        flags: LookupFlags,
    ) -> Handle {
        let question = question(host, service, wanted, kind, protocol, flags);
        Handle::new(Self {
            question: RefCell::new(Some(question)),
        })
    }

    fn answers(&self) -> Option<Result<Vec<AddressInfo>, NameError>> {
        let question = self.question.take();
        Some(question.map_or(Ok(Vec::new()), |question| answers(&question)))
    }

    fn subscribe(&self) -> Pollable {
        ready_now()
    }
}

/// As [`Lookup`], of the functions that have one answer.
pub(crate) struct Late<T> {
    ask: Box<dyn Fn() -> T>,
    answer: OnceCell<T>,
}

impl<T: Clone> Late<T> {
    fn new(ask: impl Fn() -> T + 'static) -> Self {
        Self {
            ask: Box::new(ask),
            answer: OnceCell::new(),
        }
    }

    fn get(&self) -> T {
        self.answer.get_or_init(&self.ask).clone()
    }
}

impl GuestNameInfoLookup for Late<Result<(String, String), NameError>> {
    fn start(address: Address, flags: NameFlags) -> NameHandle {
        NameHandle::new(Self::new(move || {
            Portable::get_name_info(address.clone(), flags)
        }))
    }

    fn answer(&self) -> Option<Result<(String, String), NameError>> {
        Some(self.get())
    }

    fn subscribe(&self) -> Pollable {
        ready_now()
    }
}

impl GuestHostEntryLookup for Late<Result<HostEntry, HostError>> {
    fn start_by_name(name: String) -> HostHandle {
        HostHandle::new(Self::new(move || Portable::get_host_by_name(name.clone())))
    }

    fn start_by_address(address: Address) -> HostHandle {
        HostHandle::new(Self::new(move || {
            Portable::get_host_by_address(address.clone())
        }))
    }

    fn answer(&self) -> Option<Result<HostEntry, HostError>> {
        Some(self.get())
    }

    fn subscribe(&self) -> Pollable {
        ready_now()
    }
}

fn question(
    host: Option<String>,
    service: Option<String>,
    wanted: Option<AddressFamily>,
    kind: Option<SocketType>,
    protocol: u32,
    flags: LookupFlags,
) -> Question {
    Question {
        host,
        service,
        family: wanted.map(Into::into),
        kind: kind.map(Into::into),
        protocol,
        passive: flags.contains(LookupFlags::PASSIVE),
        canonical_name: flags.contains(LookupFlags::CANONICAL_NAME),
        numeric_host: flags.contains(LookupFlags::NUMERIC_HOST),
        v4_mapped: flags.contains(LookupFlags::V4_MAPPED),
        all: flags.contains(LookupFlags::ALL),
        numeric_service: flags.contains(LookupFlags::NUMERIC_SERVICE),
    }
}

fn answers(question: &Question) -> Result<Vec<AddressInfo>, NameError> {
    let answers = names::address_info(question)?.into_iter();
    let answers = answers.map(|answer| AddressInfo {
        family: family(answer.address.ip()),
        type_: answer.kind.into(),
        protocol: answer.protocol,
        canonical_name: answer.canonical_name,
        address: answer.address.into(),
    });
    Ok(answers.collect())
}

impl Guest for Portable {
    type Lookup = Lookup;
    type NameInfoLookup = Late<Result<(String, String), NameError>>;
    type HostEntryLookup = Late<Result<HostEntry, HostError>>;

    fn get_address_info(
        host: Option<String>,
        service: Option<String>,
        wanted: Option<AddressFamily>,
        kind: Option<SocketType>,
        protocol: u32,
        flags: LookupFlags,
    ) -> Result<Vec<AddressInfo>, NameError> {
        answers(&question(host, service, wanted, kind, protocol, flags))
    }

    fn get_name_info(address: Address, flags: NameFlags) -> Result<(String, String), NameError> {
        let address = endpoint(address).map_err(|_other| NameError::Family)?;
        let numeric = flags.contains(NameFlags::NUMERIC_HOST);
        let required = flags.contains(NameFlags::NAME_REQUIRED);
        Ok(names::name_info(address, numeric, required)?)
    }

    fn get_host_by_name(name: String) -> Result<HostEntry, HostError> {
        let (name, addresses) = names::host_by_name(&name)?;
        let addresses = addresses.into_iter();
        Ok(HostEntry {
            name,
            aliases: Vec::new(),
            addresses: addresses
                .map(|ip| std::net::SocketAddr::new(ip, 0).into())
                .collect(),
        })
    }

    fn get_host_by_address(address: Address) -> Result<HostEntry, HostError> {
        let address = endpoint(address).map_err(|_other| HostError::NoRecovery)?;
        let (name, ip) = names::host_by_address(address.ip())?;
        Ok(HostEntry {
            name,
            aliases: Vec::new(),
            addresses: vec![std::net::SocketAddr::new(ip, 0).into()],
        })
    }

    fn get_service_by_name(_name: String, _protocol: Option<String>) -> Result<u16, NameError> {
        Err(NameError::NoName)
    }

    fn get_service_by_port(_port: u16, _protocol: Option<String>) -> Result<String, NameError> {
        Err(NameError::NoName)
    }

    fn get_protocol_by_name(name: String) -> Result<u32, NameError> {
        Ok(names::protocol_by_name(&name)?)
    }

    fn set_host_name(name: String) -> Result<()> {
        Ok(names::set_host_name(&name)?)
    }

    fn get_host_name() -> Result<String> {
        Err(Errno::NoSystemCall.into())
    }
}
