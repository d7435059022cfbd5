//! `capsock:sockets/options`

use std::time::Duration;

use wasmtime::component::Resource;

use crate::bindings::options::{
    Credentials, DurationOption, FlagOption, Host, IpAddress, MulticastInterface, NumberOption,
    RawValue, TextOption,
};
use crate::bindings::types::{ErrorCode, Ipv4Address};
use crate::convert::nanoseconds;
use crate::ctx::CapsockCtxView;
use crate::error::SocketError;
use crate::options::OptionNumber;
use crate::os::Change;
use crate::socket::Socket;

type Result<T> = std::result::Result<T, SocketError>;

impl Host for CapsockCtxView<'_> {
    fn get_flag(&mut self, socket: Resource<Socket>, option: FlagOption) -> Result<bool> {
        Ok(self.table.get(&socket)?.flag(option.into())?)
    }

    fn set_flag(
        &mut self,
        socket: Resource<Socket>,
        option: FlagOption,
        value: bool,
    ) -> Result<()> {
        Ok(self
            .table
            .get(&socket)?
            .set_flag(self.ctx, option.into(), value)?)
    }

    fn get_number(&mut self, socket: Resource<Socket>, option: NumberOption) -> Result<i32> {
        Ok(self.table.get(&socket)?.number(option.into())?)
    }

    fn set_number(
        &mut self,
        socket: Resource<Socket>,
        option: NumberOption,
        value: i32,
    ) -> Result<()> {
        Ok(self
            .table
            .get(&socket)?
            .set_number(self.ctx, option.into(), value)?)
    }

    fn get_duration(&mut self, socket: Resource<Socket>, option: DurationOption) -> Result<u64> {
        Ok(nanoseconds(
            self.table.get(&socket)?.duration(option.into())?,
        ))
    }

    fn set_duration(
        &mut self,
        socket: Resource<Socket>,
        option: DurationOption,
        value: u64,
    ) -> Result<()> {
        let value = Duration::from_nanos(value);
        Ok(self
            .table
            .get(&socket)?
            .set_duration(option.into(), value)?)
    }

    fn get_text(&mut self, socket: Resource<Socket>, option: TextOption) -> Result<String> {
        Ok(self.table.get(&socket)?.text(self.ctx, option.into())?)
    }

    fn set_text(
        &mut self,
        socket: Resource<Socket>,
        option: TextOption,
        value: String,
    ) -> Result<()> {
        Ok(self
            .table
            .get(&socket)?
            .set_text(self.ctx, option.into(), &value)?)
    }

    fn linger(&mut self, socket: Resource<Socket>) -> Result<Option<u64>> {
        Ok(self.table.get(&socket)?.linger()?.map(nanoseconds))
    }

    fn set_linger(&mut self, socket: Resource<Socket>, value: Option<u64>) -> Result<()> {
        let value = value.map(Duration::from_nanos);
        Ok(self.table.get(&socket)?.set_linger(value)?)
    }

    fn take_error(&mut self, socket: Resource<Socket>) -> Result<Option<ErrorCode>> {
        Ok(self.table.get(&socket)?.take_error()?.map(ErrorCode::from))
    }

    fn peer_credentials(&mut self, socket: Resource<Socket>) -> Result<Credentials> {
        Ok(self.table.get(&socket)?.peer_credentials()?.into())
    }

    fn get_raw(
        &mut self,
        socket: Resource<Socket>,
        level: i32,
        name: i32,
        length: u32,
    ) -> Result<Vec<u8>> {
        let option = OptionNumber { level, name };
        Ok(self.table.get(&socket)?.raw(self.ctx, option, length)?)
    }

    fn set_raw(
        &mut self,
        socket: Resource<Socket>,
        level: i32,
        name: i32,
        value: RawValue,
    ) -> Result<()> {
        let option = OptionNumber { level, name };
        let socket = self.table.get(&socket)?;
        Ok(socket.set_raw(self.ctx, option, &value.into())?)
    }

    fn join_group(
        &mut self,
        socket: Resource<Socket>,
        group: IpAddress,
        interface: MulticastInterface,
        source: Option<IpAddress>,
    ) -> Result<()> {
        let source = source.map(Into::into);
        let socket = self.table.get(&socket)?;
        Ok(socket.join_group(self.ctx, group.into(), interface.into(), source)?)
    }

    fn leave_group(
        &mut self,
        socket: Resource<Socket>,
        group: IpAddress,
        interface: MulticastInterface,
        source: Option<IpAddress>,
    ) -> Result<()> {
        self.change_group(socket, Change::Leave, group, interface, source)
    }

    fn block_source(
        &mut self,
        socket: Resource<Socket>,
        group: IpAddress,
        interface: MulticastInterface,
        source: IpAddress,
    ) -> Result<()> {
        self.change_group(socket, Change::BlockSource, group, interface, Some(source))
    }

    fn unblock_source(
        &mut self,
        socket: Resource<Socket>,
        group: IpAddress,
        interface: MulticastInterface,
        source: IpAddress,
    ) -> Result<()> {
        self.change_group(
            socket,
            Change::UnblockSource,
            group,
            interface,
            Some(source),
        )
    }

    fn get_multicast_interface(&mut self, socket: Resource<Socket>) -> Result<Ipv4Address> {
        Ok(self
            .table
            .get(&socket)?
            .multicast_interface()?
            .octets()
            .into())
    }

    fn set_multicast_interface(
        &mut self,
        socket: Resource<Socket>,
        interface: MulticastInterface,
    ) -> Result<()> {
        let socket = self.table.get(&socket)?;
        Ok(socket.set_multicast_interface(self.ctx, interface.into())?)
    }
}

impl CapsockCtxView<'_> {
    fn change_group(
        &self,
        socket: Resource<Socket>,
        change: Change,
        group: IpAddress,
        interface: MulticastInterface,
        source: Option<IpAddress>,
    ) -> Result<()> {
        let (group, source) = (group.into(), source.map(Into::into));
        let socket = self.table.get(&socket)?;
        Ok(socket.change_group(self.ctx, change, group, interface.into(), source)?)
    }
}
