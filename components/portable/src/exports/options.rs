//! `capsock:sockets/options`

use capsock_policy::Errno;

use super::{Result, of};
use crate::Portable;
use crate::bindings::exports::capsock::sockets::options::{
    Credentials, DurationOption, FlagOption, Guest, IpAddress, MulticastInterface, NumberOption,
    RawValue, TextOption,
};
use crate::bindings::exports::capsock::sockets::socket::SocketBorrow;
use crate::bindings::exports::capsock::sockets::types::{ErrorCode, Ipv4Address};

impl Guest for Portable {
    fn get_flag(socket: SocketBorrow<'_>, option: FlagOption) -> Result<bool> {
        Ok(of(&socket).flag(option)?)
    }

    fn set_flag(socket: SocketBorrow<'_>, option: FlagOption, value: bool) -> Result<()> {
        Ok(of(&socket).set_flag(option, value)?)
    }

    fn get_number(socket: SocketBorrow<'_>, option: NumberOption) -> Result<i32> {
        Ok(of(&socket).number(option)?)
    }

    fn set_number(socket: SocketBorrow<'_>, option: NumberOption, value: i32) -> Result<()> {
        Ok(of(&socket).set_number(option, value)?)
    }

    fn get_duration(socket: SocketBorrow<'_>, option: DurationOption) -> Result<u64> {
        Ok(of(&socket).duration(option)?)
    }

    fn set_duration(socket: SocketBorrow<'_>, option: DurationOption, value: u64) -> Result<()> {
        Ok(of(&socket).set_duration(option, value)?)
    }

    fn get_text(socket: SocketBorrow<'_>, _option: TextOption) -> Result<String> {
        none(&socket)
    }

    fn set_text(socket: SocketBorrow<'_>, _option: TextOption, _value: String) -> Result<()> {
        none(&socket)
    }

    fn linger(socket: SocketBorrow<'_>) -> Result<Option<u64>> {
        of(&socket).inner()?;
        Ok(None)
    }

    fn set_linger(socket: SocketBorrow<'_>, value: Option<u64>) -> Result<()> {
        match value {
            // As it is.
            None => Ok(of(&socket).inner().map(drop)?),
            Some(_) => none(&socket),
        }
    }

    fn take_error(socket: SocketBorrow<'_>) -> Result<Option<ErrorCode>> {
        Ok(of(&socket).take_error()?.map(ErrorCode::from))
    }

    fn peer_credentials(socket: SocketBorrow<'_>) -> Result<Credentials> {
        none(&socket)
    }

    fn get_raw(socket: SocketBorrow<'_>, level: i32, name: i32, length: u32) -> Result<Vec<u8>> {
        Ok(of(&socket).raw(level, name, length)?)
    }

    fn set_raw(socket: SocketBorrow<'_>, _level: i32, _name: i32, _value: RawValue) -> Result<()> {
        none(&socket)
    }

    fn join_group(
        socket: SocketBorrow<'_>,
        _group: IpAddress,
        _interface: MulticastInterface,
        _source: Option<IpAddress>,
    ) -> Result<()> {
        none(&socket)
    }

    fn leave_group(
        socket: SocketBorrow<'_>,
        _group: IpAddress,
        _interface: MulticastInterface,
        _source: Option<IpAddress>,
    ) -> Result<()> {
        none(&socket)
    }

    fn block_source(
        socket: SocketBorrow<'_>,
        _group: IpAddress,
        _interface: MulticastInterface,
        _source: IpAddress,
    ) -> Result<()> {
        none(&socket)
    }

    fn unblock_source(
        socket: SocketBorrow<'_>,
        _group: IpAddress,
        _interface: MulticastInterface,
        _source: IpAddress,
    ) -> Result<()> {
        none(&socket)
    }

    fn get_multicast_interface(socket: SocketBorrow<'_>) -> Result<Ipv4Address> {
        none(&socket)
    }

    fn set_multicast_interface(
        socket: SocketBorrow<'_>,
        _interface: MulticastInterface,
    ) -> Result<()> {
        none(&socket)
    }
}

/// What WASI has no option for.
fn none<T>(socket: &SocketBorrow<'_>) -> Result<T> {
    of(socket).inner()?;
    Err(Errno::ProtocolNotAvailable.into())
}
