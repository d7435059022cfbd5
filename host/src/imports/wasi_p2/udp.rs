//! `wasi:sockets/udp@0.2` and `udp-create-socket`

use std::any::Any;
use std::net::SocketAddr;

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::{Network, Result};
use crate::Errno;
use crate::bindings::wasi_p2::network::{IpAddressFamily, IpSocketAddress};
use crate::bindings::wasi_p2::udp::{
    Host, HostIncomingDatagramStream, HostOutgoingDatagramStream, IncomingDatagram,
    OutgoingDatagram,
};
use crate::bindings::wasi_p2::{HostDatagramSocket, udp_create_socket};
use crate::ctx::CapsockCtxView;
use crate::error::WasiError;
use crate::options::NumberOption;
use crate::os::Interest;
use crate::wasi::{Kind, Udp, now};

/// How many datagrams one call sends at most.
const SENT_AT_ONCE: u64 = 16;

/// How many bytes one call receives at most, beside the last datagram.
const RECEIVED_AT_ONCE: usize = 64 * 1024;

/// A socket, and whether a bind was begun.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct UdpResource {
    udp: Udp,
    binding: bool,
}

/// What it receives.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct Incoming(Udp);

/// What it sends.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct Outgoing {
    udp: Udp,
    /// How many datagrams may be sent by the next call.
    permit: u64,
}

impl Host for CapsockCtxView<'_> {}

impl udp_create_socket::Host for CapsockCtxView<'_> {
    fn create_udp_socket(&mut self, family: IpAddressFamily) -> Result<Resource<UdpResource>> {
        let udp = Udp::create(self.ctx, family.into())?;
        let binding = false;
        Ok(self.table.push(UdpResource { udp, binding })?)
    }
}

impl HostDatagramSocket for CapsockCtxView<'_> {
    fn start_bind(
        &mut self,
        this: Resource<UdpResource>,
        network: Resource<Network>,
        local: IpSocketAddress,
    ) -> Result<()> {
        self.table.get(&network)?;
        let socket = self.table.get_mut(&this)?;
        if socket.binding {
            return Err(Kind::Conflict.into());
        }
        socket.udp.bind(self.ctx, local.into())?;
        socket.binding = true;
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<UdpResource>) -> Result<()> {
        match std::mem::take(&mut self.table.get_mut(&this)?.binding) {
            true => Ok(()),
            false => Err(Kind::NotBegun.into()),
        }
    }

    fn stream(
        &mut self,
        this: Resource<UdpResource>,
        remote: Option<IpSocketAddress>,
    ) -> Result<(Resource<Incoming>, Resource<Outgoing>)> {
        let is_stream = |child: &(dyn Any + Send)| child.is::<Incoming>() || child.is::<Outgoing>();
        if self.table.iter_children(&this)?.any(is_stream) {
            return Err(WasiError::Trap(wasmtime::format_err!(
                "the datagram streams of before were not dropped"
            )));
        }
        let udp = &mut self.table.get_mut(&this)?.udp;
        // 0.2 has no implicit bind here.
        if !udp.is_bound() {
            return Err(Kind::InvalidState.into());
        }
        match remote {
            Some(remote) => udp.connect(self.ctx, remote.into())?,
            None if udp.peer().is_ok() => udp.disconnect(self.ctx)?,
            None => {}
        }
        let udp = udp.clone();
        let outgoing = Outgoing {
            udp: udp.clone(),
            permit: 0,
        };
        let incoming = self.table.push_child(Incoming(udp), &this)?;
        match self.table.push_child(outgoing, &this) {
            Ok(outgoing) => Ok((incoming, outgoing)),
            Err(full) => {
                self.table.delete(incoming)?;
                Err(full.into())
            }
        }
    }

    fn local_address(&mut self, this: Resource<UdpResource>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.udp.local_address()?.into())
    }

    fn remote_address(&mut self, this: Resource<UdpResource>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.udp.peer()?.into())
    }

    fn address_family(&mut self, this: Resource<UdpResource>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&this)?.udp.family().into())
    }

    fn unicast_hop_limit(&mut self, this: Resource<UdpResource>) -> Result<u8> {
        Ok(self.table.get(&this)?.udp.socket().hop_limit()?)
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<UdpResource>, value: u8) -> Result<()> {
        let socket = self.table.get(&this)?.udp.socket();
        Ok(socket.set_hop_limit(self.ctx, value)?)
    }

    fn receive_buffer_size(&mut self, this: Resource<UdpResource>) -> Result<u64> {
        let socket = self.table.get(&this)?.udp.socket();
        Ok(socket.buffer_size(NumberOption::ReceiveBufferSize)?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<UdpResource>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.udp.socket();
        Ok(socket.set_buffer_size(self.ctx, NumberOption::ReceiveBufferSize, value)?)
    }

    fn send_buffer_size(&mut self, this: Resource<UdpResource>) -> Result<u64> {
        let socket = self.table.get(&this)?.udp.socket();
        Ok(socket.buffer_size(NumberOption::SendBufferSize)?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<UdpResource>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.udp.socket();
        Ok(socket.set_buffer_size(self.ctx, NumberOption::SendBufferSize, value)?)
    }

    fn subscribe(
        &mut self,
        this: Resource<UdpResource>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<UdpResource>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostIncomingDatagramStream for CapsockCtxView<'_> {
    fn receive(&mut self, this: Resource<Incoming>, most: u64) -> Result<Vec<IncomingDatagram>> {
        let Incoming(udp) = self.table.get(&this)?;
        let (mut datagrams, mut bytes) = (Vec::new(), 0);
        while (datagrams.len() as u64) < most && bytes < RECEIVED_AT_ONCE {
            match now(udp.receive(self.ctx, true)) {
                Ok((data, sender)) => {
                    // An empty one takes memory too.
                    bytes += data.len().max(size_of::<IncomingDatagram>());
                    datagrams.push(IncomingDatagram {
                        data,
                        remote_address: sender.into(),
                    });
                }
                Err(Errno::WouldBlock) => break,
                // The kernel tells an error once; a call that has datagrams to
                // tell of cannot tell of it too.
                Err(_) if !datagrams.is_empty() => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(datagrams)
    }

    fn subscribe(&mut self, this: Resource<Incoming>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<Incoming>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostOutgoingDatagramStream for CapsockCtxView<'_> {
    fn check_send(&mut self, this: Resource<Outgoing>) -> Result<u64> {
        let outgoing = self.table.get_mut(&this)?;
        let ready = outgoing.udp.readiness(Interest::WRITABLE)?.is_now();
        outgoing.permit = if ready { SENT_AT_ONCE } else { 0 };
        Ok(outgoing.permit)
    }

    fn send(&mut self, this: Resource<Outgoing>, datagrams: Vec<OutgoingDatagram>) -> Result<u64> {
        let outgoing = self.table.get_mut(&this)?;
        let permit = std::mem::take(&mut outgoing.permit);
        if datagrams.len() as u64 > permit {
            return Err(WasiError::Trap(wasmtime::format_err!(
                "more datagrams than `check-send` permitted"
            )));
        }
        let mut sent = 0;
        for OutgoingDatagram {
            data,
            remote_address,
        } in datagrams
        {
            let remote = remote_address.map(SocketAddr::from);
            match now(outgoing.udp.send(self.ctx, &data, remote, false)) {
                Ok(()) => sent += 1,
                Err(Errno::WouldBlock) => break,
                // By WASI, no error where some were sent.
                Err(_) if sent > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(sent)
    }

    fn subscribe(&mut self, this: Resource<Outgoing>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<Outgoing>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

#[async_trait]
impl Pollable for UdpResource {
    // Nothing of it takes time: the streams have pollables of their own.
    async fn ready(&mut self) {}
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        if let Ok(readiness) = self.0.readiness(Interest::READABLE) {
            readiness.ready().await;
        }
    }
}

#[async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        if let Ok(readiness) = self.udp.readiness(Interest::WRITABLE) {
            readiness.ready().await;
        }
    }
}
