//! `wasi:sockets/tcp@0.2` and `tcp-create-socket`

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, Pollable, subscribe};

use super::streams::{Input, Output};
use super::{Network, Result};
use crate::Errno;
use crate::bindings::wasi_p2::network::{IpAddressFamily, IpSocketAddress};
use crate::bindings::wasi_p2::tcp::{Host, HostTcpSocket, ShutdownType};
use crate::bindings::wasi_p2::tcp_create_socket;
use crate::ctx::{CapsockCtx, CapsockCtxView};
use crate::options::{DurationOption, NumberOption};
use crate::os::Interest;
use crate::wasi::{Kind, Tcp};

/// A socket, and what was begun on it.
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct TcpResource {
    tcp: Tcp,
    begun: Option<Begun>,
    streams: Option<(Input, Output)>,
}

enum Begun {
    Bind,
    Listen,
    Connect(Pin<Box<dyn Future<Output = std::result::Result<(), Errno>> + Send>>),
    /// It has ended, and the guest has not heard how.
    Connected(std::result::Result<(), Errno>),
}

impl Host for CapsockCtxView<'_> {}

impl tcp_create_socket::Host for CapsockCtxView<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> Result<Resource<TcpResource>> {
        let tcp = Tcp::create(self.ctx, family.into())?;
        Ok(self.table.push(TcpResource::from(tcp))?)
    }
}

impl HostTcpSocket for CapsockCtxView<'_> {
    fn start_bind(
        &mut self,
        this: Resource<TcpResource>,
        network: Resource<Network>,
        local: IpSocketAddress,
    ) -> Result<()> {
        self.table.get(&network)?;
        let socket = self.table.get_mut(&this)?.idle()?;
        socket.tcp.bind(self.ctx, local.into())?;
        socket.begun = Some(Begun::Bind);
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<TcpResource>) -> Result<()> {
        match self.table.get_mut(&this)?.begun {
            Some(Begun::Bind) => {
                self.table.get_mut(&this)?.begun = None;
                Ok(())
            }
            _ => Err(Kind::NotBegun.into()),
        }
    }

    fn start_connect(
        &mut self,
        this: Resource<TcpResource>,
        network: Resource<Network>,
        remote: IpSocketAddress,
    ) -> Result<()> {
        self.table.get(&network)?;
        let socket = self.table.get_mut(&this)?.idle()?;
        Ok(socket.start_connect(self.ctx, remote.into())?)
    }

    fn finish_connect(
        &mut self,
        this: Resource<TcpResource>,
    ) -> Result<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let socket = self.table.get_mut(&this)?;
        socket.finish_connect()?;
        let streams = socket.take_streams(self.ctx, this.rep())?;
        self.push_streams(streams, &this)
    }

    fn start_listen(&mut self, this: Resource<TcpResource>) -> Result<()> {
        let socket = self.table.get_mut(&this)?.idle()?;
        // 0.2 has no implicit bind here.
        if !socket.tcp.is_bound() {
            return Err(Kind::InvalidState.into());
        }
        socket.tcp.listen(self.ctx)?;
        socket.begun = Some(Begun::Listen);
        Ok(())
    }

    fn finish_listen(&mut self, this: Resource<TcpResource>) -> Result<()> {
        let socket = self.table.get_mut(&this)?;
        match socket.begun {
            Some(Begun::Listen) => {
                socket.begun = None;
                Ok(())
            }
            _ => Err(Kind::NotBegun.into()),
        }
    }

    fn accept(
        &mut self,
        this: Resource<TcpResource>,
    ) -> Result<(
        Resource<TcpResource>,
        Resource<DynInputStream>,
        Resource<DynOutputStream>,
    )> {
        let accepted = self.table.get(&this)?.tcp.accept(self.ctx)?;
        let accepted = self.table.push(TcpResource::from(accepted))?;
        let socket = self.table.get_mut(&accepted)?;
        let streams = socket.take_streams(self.ctx, accepted.rep())?;
        match self.push_streams(streams, &accepted) {
            Ok((input, output)) => Ok((accepted, input, output)),
            Err(full) => {
                self.table.delete(accepted)?;
                Err(full)
            }
        }
    }

    fn local_address(&mut self, this: Resource<TcpResource>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.tcp.local_address()?.into())
    }

    fn remote_address(&mut self, this: Resource<TcpResource>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.tcp.remote_address()?.into())
    }

    fn is_listening(&mut self, this: Resource<TcpResource>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&this)?.tcp.is_listening())
    }

    fn address_family(&mut self, this: Resource<TcpResource>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&this)?.tcp.family().into())
    }

    fn set_listen_backlog_size(&mut self, this: Resource<TcpResource>, value: u64) -> Result<()> {
        let socket = self.table.get_mut(&this)?;
        Ok(socket.tcp.set_backlog(self.ctx, value)?)
    }

    fn keep_alive_enabled(&mut self, this: Resource<TcpResource>) -> Result<bool> {
        Ok(self.table.get(&this)?.tcp.socket()?.keepalive()?)
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<TcpResource>, value: bool) -> Result<()> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.set_keepalive(self.ctx, value)?)
    }

    fn keep_alive_idle_time(&mut self, this: Resource<TcpResource>) -> Result<u64> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.keepalive_time(DurationOption::KeepaliveIdle)?)
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<TcpResource>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.set_keepalive_time(DurationOption::KeepaliveIdle, value)?)
    }

    fn keep_alive_interval(&mut self, this: Resource<TcpResource>) -> Result<u64> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.keepalive_time(DurationOption::KeepaliveInterval)?)
    }

    fn set_keep_alive_interval(&mut self, this: Resource<TcpResource>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.set_keepalive_time(DurationOption::KeepaliveInterval, value)?)
    }

    fn keep_alive_count(&mut self, this: Resource<TcpResource>) -> Result<u32> {
        Ok(self.table.get(&this)?.tcp.socket()?.keepalive_count()?)
    }

    fn set_keep_alive_count(&mut self, this: Resource<TcpResource>, value: u32) -> Result<()> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.set_keepalive_count(self.ctx, value)?)
    }

    fn hop_limit(&mut self, this: Resource<TcpResource>) -> Result<u8> {
        Ok(self.table.get(&this)?.tcp.socket()?.hop_limit()?)
    }

    fn set_hop_limit(&mut self, this: Resource<TcpResource>, value: u8) -> Result<()> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.set_hop_limit(self.ctx, value)?)
    }

    fn receive_buffer_size(&mut self, this: Resource<TcpResource>) -> Result<u64> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.buffer_size(NumberOption::ReceiveBufferSize)?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<TcpResource>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.set_buffer_size(self.ctx, NumberOption::ReceiveBufferSize, value)?)
    }

    fn send_buffer_size(&mut self, this: Resource<TcpResource>) -> Result<u64> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.buffer_size(NumberOption::SendBufferSize)?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<TcpResource>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.tcp.socket()?;
        Ok(socket.set_buffer_size(self.ctx, NumberOption::SendBufferSize, value)?)
    }

    fn subscribe(
        &mut self,
        this: Resource<TcpResource>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn shutdown(&mut self, this: Resource<TcpResource>, how: ShutdownType) -> Result<()> {
        let socket = self.table.get(&this)?;
        let Some((input, output)) = &socket.streams else {
            return Err(Kind::InvalidState.into());
        };
        if matches!(how, ShutdownType::Receive | ShutdownType::Both) {
            input.shut_down();
        }
        if matches!(how, ShutdownType::Send | ShutdownType::Both) {
            output.shut_down();
        }
        Ok(())
    }

    fn drop(&mut self, this: Resource<TcpResource>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl CapsockCtxView<'_> {
    /// Two entries of the table, or none.
    fn push_streams(
        &mut self,
        (input, output): (Input, Output),
        socket: &Resource<TcpResource>,
    ) -> Result<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let input = self
            .table
            .push_child(Box::new(input) as DynInputStream, socket)?;
        match self
            .table
            .push_child(Box::new(output) as DynOutputStream, socket)
        {
            Ok(output) => Ok((input, output)),
            Err(full) => {
                self.table.delete(input)?;
                Err(full.into())
            }
        }
    }
}

impl From<Tcp> for TcpResource {
    fn from(tcp: Tcp) -> Self {
        Self {
            tcp,
            begun: None,
            streams: None,
        }
    }
}

impl TcpResource {
    fn idle(&mut self) -> std::result::Result<&mut Self, Kind> {
        match self.begun {
            None => Ok(self),
            Some(_) => Err(Kind::Conflict),
        }
    }

    fn start_connect(
        &mut self,
        ctx: &CapsockCtx,
        remote: SocketAddr,
    ) -> std::result::Result<(), Errno> {
        self.begun = Some(Begun::Connect(Box::pin(self.tcp.connect(ctx, remote)?)));
        match self.connected() {
            // It has not begun.
            Some(Err(Errno::AccessDenied)) => self.finish_connect_with(Err(Errno::AccessDenied)),
            _ => Ok(()),
        }
    }

    fn finish_connect(&mut self) -> Result<()> {
        match self.connected() {
            Some(result) => Ok(self.finish_connect_with(result)?),
            None if self.begun.is_some() => match self.begun {
                Some(Begun::Connect(_)) => Err(Kind::WouldBlock.into()),
                _ => Err(Kind::NotBegun.into()),
            },
            None => Err(Kind::NotBegun.into()),
        }
    }

    fn finish_connect_with(
        &mut self,
        result: std::result::Result<(), Errno>,
    ) -> std::result::Result<(), Errno> {
        self.begun = None;
        self.tcp.end_connect(result)
    }

    /// The result of a connect that has ended.
    fn connected(&mut self) -> Option<std::result::Result<(), Errno>> {
        if let Some(Begun::Connect(connect)) = &mut self.begun {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(result) = connect.as_mut().poll(&mut context) {
                self.begun = Some(Begun::Connected(result));
            }
        }
        match self.begun {
            Some(Begun::Connected(result)) => Some(result),
            _ => None,
        }
    }

    fn take_streams(
        &mut self,
        ctx: &CapsockCtx,
        handle: u32,
    ) -> std::result::Result<(Input, Output), Errno> {
        let input = Input::new(self.tcp.take_receiving(ctx, handle)?);
        let output = Output::new(self.tcp.take_sending(ctx, handle)?);
        self.streams = Some((input.clone(), output.clone()));
        Ok((input, output))
    }
}

#[async_trait]
impl Pollable for TcpResource {
    async fn ready(&mut self) {
        if let Some(Begun::Connect(connect)) = &mut self.begun {
            let result = connect.await;
            self.begun = Some(Begun::Connected(result));
        } else if self.begun.is_none()
            && self.tcp.is_listening()
            && let Ok(readiness) = self
                .tcp
                .socket()
                .and_then(|socket| socket.readiness(Interest::READABLE))
        {
            readiness.ready().await;
        }
    }
}
