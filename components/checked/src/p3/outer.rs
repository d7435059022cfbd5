//! The host's sockets of 0.3: the only place where an address is handed to the host, and
//! it takes none that was not checked. What is within a type here nobody else reaches.

use std::net::{IpAddr, SocketAddr};

use capsock_policy::AddressFamily;
use capsock_policy::operation::{Bind, Connect, Listen, Send};
use wit_bindgen::{FutureReader, StreamReader};

use super::bindings::wasi::sockets0_3_0::{ip_name_lookup, types};
use crate::grants::{Checked, CheckedName};
use crate::outer::pass;

pub(super) use ip_name_lookup::ErrorCode as NameError;
pub(super) use types::ErrorCode;

capsock_policy::wasi_addresses!(super::bindings::wasi::sockets0_3_0::types);

/// A TCP socket of the host's.
#[derive(Debug)]
pub(super) struct TcpSocket(types::TcpSocket);

/// The connections that the host's accepts.
#[derive(Debug)]
pub(super) struct Connections(StreamReader<types::TcpSocket>);

/// A UDP socket of the host's.
#[derive(Debug)]
pub(super) struct UdpSocket(types::UdpSocket);

impl TcpSocket {
    pub(super) fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        types::TcpSocket::create(family.into()).map(Self)
    }

    pub(super) fn bind(&self, local: &Checked<Bind>) -> Result<(), ErrorCode> {
        self.0.bind(local.address().into())
    }

    pub(super) async fn connect(&self, remote: &Checked<Connect>) -> Result<(), ErrorCode> {
        self.0.connect(remote.address().into()).await
    }

    /// The address is the one that the socket is bound to, or gets by itself.
    pub(super) fn listen(&self, _local: &Checked<Listen>) -> Result<Connections, ErrorCode> {
        self.0.listen().map(Connections)
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.get_local_address().map(Into::into)
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.get_remote_address().map(Into::into)
    }

    pass! {
        send(data: StreamReader<u8>) -> FutureReader<Result<(), ErrorCode>>;
        receive() -> (StreamReader<u8>, FutureReader<Result<(), ErrorCode>>);
        get_is_listening() -> bool;
        set_listen_backlog_size(value: u64) -> Result<(), ErrorCode>;
        get_keep_alive_enabled() -> Result<bool, ErrorCode>;
        set_keep_alive_enabled(value: bool) -> Result<(), ErrorCode>;
        get_keep_alive_idle_time() -> Result<u64, ErrorCode>;
        set_keep_alive_idle_time(value: u64) -> Result<(), ErrorCode>;
        get_keep_alive_interval() -> Result<u64, ErrorCode>;
        set_keep_alive_interval(value: u64) -> Result<(), ErrorCode>;
        get_keep_alive_count() -> Result<u32, ErrorCode>;
        set_keep_alive_count(value: u32) -> Result<(), ErrorCode>;
        get_hop_limit() -> Result<u8, ErrorCode>;
        set_hop_limit(value: u8) -> Result<(), ErrorCode>;
        get_receive_buffer_size() -> Result<u64, ErrorCode>;
        set_receive_buffer_size(value: u64) -> Result<(), ErrorCode>;
        get_send_buffer_size() -> Result<u64, ErrorCode>;
        set_send_buffer_size(value: u64) -> Result<(), ErrorCode>;
    }
}

impl Connections {
    /// The next one, or the end.
    pub(super) async fn next(&mut self) -> Option<TcpSocket> {
        self.0.next().await.map(TcpSocket)
    }
}

impl UdpSocket {
    pub(super) fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        types::UdpSocket::create(family.into()).map(Self)
    }

    pub(super) fn bind(&self, local: &Checked<Bind>) -> Result<(), ErrorCode> {
        self.0.bind(local.address().into())
    }

    pub(super) fn connect(&self, remote: &Checked<Send>) -> Result<(), ErrorCode> {
        self.0.connect(remote.address().into())
    }

    /// Sends a datagram to its receiver.
    pub(super) async fn send_to(
        &self,
        data: Vec<u8>,
        remote: &Checked<Send>,
    ) -> Result<(), ErrorCode> {
        self.0.send(data, Some(remote.address().into())).await
    }

    /// Sends a datagram to the peer, which the address is.
    pub(super) async fn send(&self, data: Vec<u8>, _peer: &Checked<Send>) -> Result<(), ErrorCode> {
        self.0.send(data, None).await
    }

    pub(super) async fn receive(&self) -> Result<(Vec<u8>, SocketAddr), ErrorCode> {
        let (data, sender) = self.0.receive().await?;
        Ok((data, sender.into()))
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.get_local_address().map(Into::into)
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.0.get_remote_address().map(Into::into)
    }

    pass! {
        disconnect() -> Result<(), ErrorCode>;
        get_unicast_hop_limit() -> Result<u8, ErrorCode>;
        set_unicast_hop_limit(value: u8) -> Result<(), ErrorCode>;
        get_receive_buffer_size() -> Result<u64, ErrorCode>;
        set_receive_buffer_size(value: u64) -> Result<(), ErrorCode>;
        get_send_buffer_size() -> Result<u64, ErrorCode>;
        set_send_buffer_size(value: u64) -> Result<(), ErrorCode>;
    }
}

pub(super) async fn resolve(name: &CheckedName) -> Result<Vec<IpAddr>, NameError> {
    let answers = ip_name_lookup::resolve_addresses(name.to_question()).await?;
    Ok(answers.into_iter().map(IpAddr::from).collect())
}
