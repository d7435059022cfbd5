//! `capsock:sockets/names`

use capsock_policy::Errno;

use super::Result;
use crate::Portable;
use crate::bindings::exports::capsock::sockets::names::{
    AddressInfo, Guest, HostEntry, HostError, LookupFlags, NameError, NameFlags,
};
use crate::bindings::exports::capsock::sockets::types::{Address, AddressFamily, SocketType};
use crate::convert::{endpoint, family};
use crate::names::{self, Question};

impl Guest for Portable {
    fn get_address_info(
        host: Option<String>,
        service: Option<String>,
        wanted: Option<AddressFamily>,
        kind: Option<SocketType>,
        protocol: u32,
        flags: LookupFlags,
    ) -> Result<Vec<AddressInfo>, NameError> {
        let question = Question {
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
        };
        let answers = names::address_info(&question)?.into_iter();
        let answers = answers.map(|answer| AddressInfo {
            family: family(answer.address.ip()),
            type_: answer.kind.into(),
            protocol: answer.protocol,
            canonical_name: answer.canonical_name,
            address: answer.address.into(),
        });
        Ok(answers.collect())
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
