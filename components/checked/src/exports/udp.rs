//! `wasi:sockets/udp` and `udp-create-socket`

use std::net::SocketAddr;

use crate::{Incoming, Outgoing, Udp};

use super::Firewall;
use super::bindings::exports::wasi::sockets0_2_12::udp::{
    ErrorCode, Guest, GuestIncomingDatagramStream, GuestOutgoingDatagramStream, GuestUdpSocket,
    IncomingDatagram, IncomingDatagramStream, IpAddressFamily, IpSocketAddress, NetworkBorrow,
    OutgoingDatagram, OutgoingDatagramStream, Pollable, UdpSocket,
};
use super::bindings::exports::wasi::sockets0_2_12::udp_create_socket;

type Result<T, E = ErrorCode> = std::result::Result<T, E>;

impl Guest for Firewall {
    type UdpSocket = Udp;
    type IncomingDatagramStream = Incoming;
    type OutgoingDatagramStream = Outgoing;
}

impl udp_create_socket::Guest for Firewall {
    fn create_udp_socket(family: IpAddressFamily) -> Result<UdpSocket> {
        Ok(UdpSocket::new(Udp::create(family.into())?))
    }
}

impl GuestUdpSocket for Udp {
    fn start_bind(&self, _network: NetworkBorrow<'_>, local: IpSocketAddress) -> Result<()> {
        Ok(Udp::start_bind(self, local.into())?)
    }

    fn finish_bind(&self) -> Result<()> {
        Ok(Udp::finish_bind(self)?)
    }

    fn stream(
        &self,
        remote: Option<IpSocketAddress>,
    ) -> Result<(IncomingDatagramStream, OutgoingDatagramStream)> {
        let (incoming, outgoing) = Udp::stream(self, remote.map(SocketAddr::from))?;
        Ok((
            IncomingDatagramStream::new(incoming),
            OutgoingDatagramStream::new(outgoing),
        ))
    }

    fn local_address(&self) -> Result<IpSocketAddress> {
        Ok(Udp::local_address(self)?.into())
    }

    fn remote_address(&self) -> Result<IpSocketAddress> {
        Ok(Udp::remote_address(self)?.into())
    }

    fn address_family(&self) -> IpAddressFamily {
        self.family().into()
    }

    fn unicast_hop_limit(&self) -> Result<u8> {
        Ok(self.socket().unicast_hop_limit()?)
    }

    fn set_unicast_hop_limit(&self, value: u8) -> Result<()> {
        Ok(self.socket().set_unicast_hop_limit(value)?)
    }

    fn receive_buffer_size(&self) -> Result<u64> {
        Ok(self.socket().receive_buffer_size()?)
    }

    fn set_receive_buffer_size(&self, value: u64) -> Result<()> {
        Ok(self.socket().set_receive_buffer_size(value)?)
    }

    fn send_buffer_size(&self) -> Result<u64> {
        Ok(self.socket().send_buffer_size()?)
    }

    fn set_send_buffer_size(&self, value: u64) -> Result<()> {
        Ok(self.socket().set_send_buffer_size(value)?)
    }

    fn subscribe(&self) -> Pollable {
        self.socket().subscribe()
    }
}

impl GuestIncomingDatagramStream for Incoming {
    fn receive(&self, most: u64) -> Result<Vec<IncomingDatagram>> {
        let datagrams = Incoming::receive(self, most)?.into_iter();
        Ok(datagrams
            .map(|(data, sender)| IncomingDatagram {
                data,
                remote_address: sender.into(),
            })
            .collect())
    }

    fn subscribe(&self) -> Pollable {
        Incoming::subscribe(self)
    }
}

impl GuestOutgoingDatagramStream for Outgoing {
    fn check_send(&self) -> Result<u64> {
        Ok(Outgoing::check_send(self)?)
    }

    fn send(&self, datagrams: Vec<OutgoingDatagram>) -> Result<u64> {
        let datagrams = datagrams
            .into_iter()
            .map(|datagram| (datagram.data, datagram.remote_address.map(SocketAddr::from)));
        Ok(Outgoing::send(self, datagrams)?)
    }

    fn subscribe(&self) -> Pollable {
        Outgoing::subscribe(self)
    }
}
