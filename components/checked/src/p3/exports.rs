//! The exports of `wasi:sockets` 0.3: they only convert.

use std::net::SocketAddr;

use wit_bindgen::{FutureReader, StreamReader, spawn_local};

use super::bindings::exports::capsock::firewall::listener;
use super::bindings::exports::wasi::sockets0_3_0::ip_name_lookup;
use super::bindings::exports::wasi::sockets0_3_0::types::{
    Duration, ErrorCode, Guest, GuestTcpSocket, GuestUdpSocket, IpAddressFamily, IpSocketAddress,
    TcpSocket, TcpSocketBorrow, UdpSocket,
};
use super::bindings::wit_stream;
use super::listener::fill;
use super::names;
use super::tcp::Tcp;
use super::udp::Udp;

type Result<T, E = ErrorCode> = std::result::Result<T, E>;

/// What the host calls to have each interface.
pub(super) struct Firewall;

impl Guest for Firewall {
    type TcpSocket = Tcp;
    type UdpSocket = Udp;
}

impl listener::Guest for Firewall {
    async fn listen(socket: TcpSocketBorrow<'_>) -> Result<StreamReader<TcpSocket>> {
        let listener = socket.get::<Tcp>().listen()?;
        let (stream, connections) = wit_stream::new();
        // The task goes on with it after it has returned.
        spawn_local(fill(listener, stream));
        Ok(connections)
    }
}

impl GuestTcpSocket for Tcp {
    fn create(family: IpAddressFamily) -> Result<TcpSocket> {
        Ok(TcpSocket::new(Tcp::create(family.into())?))
    }

    fn bind(&self, local: IpSocketAddress) -> Result<()> {
        Tcp::bind(self, local.into())
    }

    async fn connect(&self, remote: IpSocketAddress) -> Result<()> {
        Tcp::connect(self, remote.into()).await
    }

    /// Nobody calls it: the component in front of this one has its place.
    fn listen(&self) -> Result<StreamReader<TcpSocket>> {
        Err(ErrorCode::NotSupported)
    }

    fn send(&self, data: StreamReader<u8>) -> FutureReader<Result<()>> {
        self.socket().send(data)
    }

    fn receive(&self) -> (StreamReader<u8>, FutureReader<Result<()>>) {
        self.socket().receive()
    }

    fn get_local_address(&self) -> Result<IpSocketAddress> {
        Ok(self.open()?.local_address()?.into())
    }

    fn get_remote_address(&self) -> Result<IpSocketAddress> {
        Ok(self.open()?.remote_address()?.into())
    }

    fn get_is_listening(&self) -> bool {
        self.socket().get_is_listening()
    }

    fn get_address_family(&self) -> IpAddressFamily {
        self.family().into()
    }

    fn set_listen_backlog_size(&self, value: u64) -> Result<()> {
        self.open()?.set_listen_backlog_size(value)
    }

    fn get_keep_alive_enabled(&self) -> Result<bool> {
        self.open()?.get_keep_alive_enabled()
    }

    fn set_keep_alive_enabled(&self, value: bool) -> Result<()> {
        self.open()?.set_keep_alive_enabled(value)
    }

    fn get_keep_alive_idle_time(&self) -> Result<Duration> {
        self.open()?.get_keep_alive_idle_time()
    }

    fn set_keep_alive_idle_time(&self, value: Duration) -> Result<()> {
        self.open()?.set_keep_alive_idle_time(value)
    }

    fn get_keep_alive_interval(&self) -> Result<Duration> {
        self.open()?.get_keep_alive_interval()
    }

    fn set_keep_alive_interval(&self, value: Duration) -> Result<()> {
        self.open()?.set_keep_alive_interval(value)
    }

    fn get_keep_alive_count(&self) -> Result<u32> {
        self.open()?.get_keep_alive_count()
    }

    fn set_keep_alive_count(&self, value: u32) -> Result<()> {
        self.open()?.set_keep_alive_count(value)
    }

    fn get_hop_limit(&self) -> Result<u8> {
        self.open()?.get_hop_limit()
    }

    fn set_hop_limit(&self, value: u8) -> Result<()> {
        self.open()?.set_hop_limit(value)
    }

    fn get_receive_buffer_size(&self) -> Result<u64> {
        self.open()?.get_receive_buffer_size()
    }

    fn set_receive_buffer_size(&self, value: u64) -> Result<()> {
        self.open()?.set_receive_buffer_size(value)
    }

    fn get_send_buffer_size(&self) -> Result<u64> {
        self.open()?.get_send_buffer_size()
    }

    fn set_send_buffer_size(&self, value: u64) -> Result<()> {
        self.open()?.set_send_buffer_size(value)
    }
}

impl GuestUdpSocket for Udp {
    fn create(family: IpAddressFamily) -> Result<UdpSocket> {
        Ok(UdpSocket::new(Udp::create(family.into())?))
    }

    fn bind(&self, local: IpSocketAddress) -> Result<()> {
        Udp::bind(self, local.into())
    }

    fn connect(&self, remote: IpSocketAddress) -> Result<()> {
        Udp::connect(self, remote.into())
    }

    fn disconnect(&self) -> Result<()> {
        Udp::disconnect(self)
    }

    async fn send(&self, data: Vec<u8>, remote: Option<IpSocketAddress>) -> Result<()> {
        Udp::send(self, data, remote.map(SocketAddr::from)).await
    }

    async fn receive(&self) -> Result<(Vec<u8>, IpSocketAddress)> {
        let (data, sender) = Udp::receive(self).await?;
        Ok((data, sender.into()))
    }

    fn get_local_address(&self) -> Result<IpSocketAddress> {
        Ok(self.socket().local_address()?.into())
    }

    fn get_remote_address(&self) -> Result<IpSocketAddress> {
        Ok(self.socket().remote_address()?.into())
    }

    fn get_address_family(&self) -> IpAddressFamily {
        self.family().into()
    }

    fn get_unicast_hop_limit(&self) -> Result<u8> {
        self.socket().get_unicast_hop_limit()
    }

    fn set_unicast_hop_limit(&self, value: u8) -> Result<()> {
        self.socket().set_unicast_hop_limit(value)
    }

    fn get_receive_buffer_size(&self) -> Result<u64> {
        self.socket().get_receive_buffer_size()
    }

    fn set_receive_buffer_size(&self, value: u64) -> Result<()> {
        self.socket().set_receive_buffer_size(value)
    }

    fn get_send_buffer_size(&self) -> Result<u64> {
        self.socket().get_send_buffer_size()
    }

    fn set_send_buffer_size(&self, value: u64) -> Result<()> {
        self.socket().set_send_buffer_size(value)
    }
}

impl ip_name_lookup::Guest for Firewall {
    async fn resolve_addresses(
        name: String,
    ) -> Result<Vec<ip_name_lookup::IpAddress>, ip_name_lookup::ErrorCode> {
        let addresses = names::addresses(&name).await?;
        Ok(addresses.into_iter().map(Into::into).collect())
    }
}
