//! `wasi:sockets/tcp` and `tcp-create-socket`

use crate::{Accepted, ShutdownType as OuterShutdown, Tcp};

use super::Firewall;
use super::bindings::exports::wasi::sockets0_2_12::tcp::{
    Duration, ErrorCode, Guest, GuestTcpSocket, InputStream, IpAddressFamily, IpSocketAddress,
    NetworkBorrow, OutputStream, Pollable, ShutdownType, TcpSocket,
};
use super::bindings::exports::wasi::sockets0_2_12::tcp_create_socket;

type Result<T, E = ErrorCode> = std::result::Result<T, E>;

impl Guest for Firewall {
    type TcpSocket = Tcp;
}

impl tcp_create_socket::Guest for Firewall {
    fn create_tcp_socket(family: IpAddressFamily) -> Result<TcpSocket> {
        Ok(TcpSocket::new(Tcp::create(family.into())?))
    }
}

impl GuestTcpSocket for Tcp {
    fn start_bind(&self, _network: NetworkBorrow<'_>, local: IpSocketAddress) -> Result<()> {
        Ok(Tcp::start_bind(self, local.into())?)
    }

    fn finish_bind(&self) -> Result<()> {
        Ok(Tcp::finish_bind(self)?)
    }

    fn start_connect(&self, _network: NetworkBorrow<'_>, remote: IpSocketAddress) -> Result<()> {
        Ok(Tcp::start_connect(self, remote.into())?)
    }

    fn finish_connect(&self) -> Result<(InputStream, OutputStream)> {
        Ok(Tcp::finish_connect(self)?)
    }

    fn start_listen(&self) -> Result<()> {
        Ok(Tcp::start_listen(self)?)
    }

    fn finish_listen(&self) -> Result<()> {
        Ok(Tcp::finish_listen(self)?)
    }

    fn accept(&self) -> Result<(TcpSocket, InputStream, OutputStream)> {
        let Accepted {
            socket,
            input,
            output,
            ..
        } = Tcp::accept(self)?;
        Ok((TcpSocket::new(socket), input, output))
    }

    fn local_address(&self) -> Result<IpSocketAddress> {
        Ok(Tcp::local_address(self)?.into())
    }

    fn remote_address(&self) -> Result<IpSocketAddress> {
        Ok(Tcp::remote_address(self)?.into())
    }

    fn is_listening(&self) -> bool {
        self.socket().is_listening()
    }

    fn address_family(&self) -> IpAddressFamily {
        self.family().into()
    }

    fn set_listen_backlog_size(&self, value: u64) -> Result<()> {
        Ok(self.open()?.set_listen_backlog_size(value)?)
    }

    fn keep_alive_enabled(&self) -> Result<bool> {
        Ok(self.open()?.keep_alive_enabled()?)
    }

    fn set_keep_alive_enabled(&self, value: bool) -> Result<()> {
        Ok(self.open()?.set_keep_alive_enabled(value)?)
    }

    fn keep_alive_idle_time(&self) -> Result<Duration> {
        Ok(self.open()?.keep_alive_idle_time()?)
    }

    fn set_keep_alive_idle_time(&self, value: Duration) -> Result<()> {
        Ok(self.open()?.set_keep_alive_idle_time(value)?)
    }

    fn keep_alive_interval(&self) -> Result<Duration> {
        Ok(self.open()?.keep_alive_interval()?)
    }

    fn set_keep_alive_interval(&self, value: Duration) -> Result<()> {
        Ok(self.open()?.set_keep_alive_interval(value)?)
    }

    fn keep_alive_count(&self) -> Result<u32> {
        Ok(self.open()?.keep_alive_count()?)
    }

    fn set_keep_alive_count(&self, value: u32) -> Result<()> {
        Ok(self.open()?.set_keep_alive_count(value)?)
    }

    fn hop_limit(&self) -> Result<u8> {
        Ok(self.open()?.hop_limit()?)
    }

    fn set_hop_limit(&self, value: u8) -> Result<()> {
        Ok(self.open()?.set_hop_limit(value)?)
    }

    fn receive_buffer_size(&self) -> Result<u64> {
        Ok(self.open()?.receive_buffer_size()?)
    }

    fn set_receive_buffer_size(&self, value: u64) -> Result<()> {
        Ok(self.open()?.set_receive_buffer_size(value)?)
    }

    fn send_buffer_size(&self) -> Result<u64> {
        Ok(self.open()?.send_buffer_size()?)
    }

    fn set_send_buffer_size(&self, value: u64) -> Result<()> {
        Ok(self.open()?.set_send_buffer_size(value)?)
    }

    fn subscribe(&self) -> Pollable {
        self.socket().subscribe()
    }

    fn shutdown(&self, how: ShutdownType) -> Result<()> {
        let how = match how {
            ShutdownType::Receive => OuterShutdown::Receive,
            ShutdownType::Send => OuterShutdown::Send,
            ShutdownType::Both => OuterShutdown::Both,
        };
        Ok(self.socket().shutdown(how)?)
    }
}
