//! `wasi:sockets` 0.3: asynchronous functions, and streams of the component
//! model.

use std::iter;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Accessor, Destination, FutureReader, Resource, ResourceTableError, Source,
    StreamConsumer, StreamProducer, StreamReader, StreamResult,
};
use wasmtime::{AsContextMut, StoreContextMut};

use crate::bindings::wasi_p3::types::{
    ErrorCode, Host, HostTcpSocket, HostTcpSocketWithStore, IpAddress, IpAddressFamily,
    IpSocketAddress,
};
use crate::bindings::wasi_p3::{HostDatagramSocket, HostDatagramSocketWithStore, ip_name_lookup};
use crate::ctx::CapsockCtxView;
use crate::error::WasiError;
use crate::lookup::NameError;
use crate::options::{DurationOption, NumberOption};
use crate::wasi::{Accepting, Kind, Receiving, Sending, Tcp, Udp, Unresolved, addresses};
use crate::{Capsock, Errno};

type Result<T> = std::result::Result<T, WasiError<ErrorCode>>;

/// How many bytes are received at once, where the reader says nothing.
const AT_ONCE: usize = 8 * 1024;

/// How many bytes are received at once at most.
const AT_MOST: usize = 64 * 1024;

/// How a direction ended, for the future beside its stream.
type End = oneshot::Sender<std::result::Result<(), ErrorCode>>;

impl Host for CapsockCtxView<'_> {
    fn convert_error_code(&mut self, error: WasiError<ErrorCode>) -> wasmtime::Result<ErrorCode> {
        match error {
            WasiError::Code(code) => Ok(code),
            WasiError::Trap(error) => Err(error),
        }
    }
}

impl<T: Send + 'static> HostTcpSocketWithStore<T> for Capsock {
    async fn connect(
        store: &Accessor<T, Self>,
        this: Resource<Tcp>,
        remote: IpSocketAddress,
    ) -> Result<()> {
        let connect = store.with(|mut store| -> Result<_> {
            let view = store.get();
            let socket = view.table.get_mut(&this)?;
            Ok(socket.connect(view.ctx, remote.into())?)
        })?;
        let result = connect.await;
        store.with(|mut store| {
            let socket = store.get().table.get_mut(&this)?;
            Ok(socket.end_connect(result)?)
        })
    }

    fn listen(
        mut store: Access<'_, T, Self>,
        this: Resource<Tcp>,
    ) -> Result<StreamReader<Resource<Tcp>>> {
        let getter = store.getter();
        let view = store.get();
        let socket = view.table.get_mut(&this)?;
        socket.listen(view.ctx)?;
        let accepting = socket.accepting(view.ctx);
        let connections = Connections { accepting, getter };
        StreamReader::new(&mut store, connections).map_err(WasiError::Trap)
    }

    fn send(
        mut store: Access<'_, T, Self>,
        this: Resource<Tcp>,
        mut data: StreamReader<u8>,
    ) -> wasmtime::Result<FutureReader<std::result::Result<(), ErrorCode>>> {
        let view = store.get();
        match view
            .table
            .get_mut(&this)?
            .take_sending(view.ctx, this.rep())
        {
            Ok(sending) => {
                let (end, result) = oneshot::channel();
                data.pipe(&mut store, Sent(Some((sending, end))))?;
                FutureReader::new(&mut store, result)
            }
            Err(errno) => {
                data.close(&mut store)?;
                failed(&mut store, errno)
            }
        }
    }

    fn receive(
        mut store: Access<'_, T, Self>,
        this: Resource<Tcp>,
    ) -> wasmtime::Result<(
        StreamReader<u8>,
        FutureReader<std::result::Result<(), ErrorCode>>,
    )> {
        let view = store.get();
        match view
            .table
            .get_mut(&this)?
            .take_receiving(view.ctx, this.rep())
        {
            Ok(receiving) => {
                let (end, result) = oneshot::channel();
                let data = StreamReader::new(&mut store, Received(Some((receiving, end))))?;
                Ok((data, FutureReader::new(&mut store, result)?))
            }
            Err(errno) => Ok((
                StreamReader::new(&mut store, iter::empty())?,
                failed(&mut store, errno)?,
            )),
        }
    }
}

impl HostTcpSocket for CapsockCtxView<'_> {
    fn create(&mut self, family: IpAddressFamily) -> Result<Resource<Tcp>> {
        Ok(self.table.push(Tcp::create(self.ctx, family.into())?)?)
    }

    fn bind(&mut self, this: Resource<Tcp>, local: IpSocketAddress) -> Result<()> {
        Ok(self.table.get(&this)?.bind(self.ctx, local.into())?)
    }

    fn get_local_address(&mut self, this: Resource<Tcp>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.local_address()?.into())
    }

    fn get_remote_address(&mut self, this: Resource<Tcp>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.remote_address()?.into())
    }

    fn get_is_listening(&mut self, this: Resource<Tcp>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&this)?.is_listening())
    }

    fn get_address_family(&mut self, this: Resource<Tcp>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&this)?.family().into())
    }

    fn set_listen_backlog_size(&mut self, this: Resource<Tcp>, value: u64) -> Result<()> {
        let socket = self.table.get_mut(&this)?;
        Ok(socket.set_backlog(self.ctx, value)?)
    }

    fn get_keep_alive_enabled(&mut self, this: Resource<Tcp>) -> Result<bool> {
        Ok(self.table.get(&this)?.socket()?.keepalive()?)
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<Tcp>, value: bool) -> Result<()> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.set_keepalive(self.ctx, value)?)
    }

    fn get_keep_alive_idle_time(&mut self, this: Resource<Tcp>) -> Result<u64> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.keepalive_time(DurationOption::KeepaliveIdle)?)
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<Tcp>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.set_keepalive_time(DurationOption::KeepaliveIdle, value)?)
    }

    fn get_keep_alive_interval(&mut self, this: Resource<Tcp>) -> Result<u64> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.keepalive_time(DurationOption::KeepaliveInterval)?)
    }

    fn set_keep_alive_interval(&mut self, this: Resource<Tcp>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.set_keepalive_time(DurationOption::KeepaliveInterval, value)?)
    }

    fn get_keep_alive_count(&mut self, this: Resource<Tcp>) -> Result<u32> {
        Ok(self.table.get(&this)?.socket()?.keepalive_count()?)
    }

    fn set_keep_alive_count(&mut self, this: Resource<Tcp>, value: u32) -> Result<()> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.set_keepalive_count(self.ctx, value)?)
    }

    fn get_hop_limit(&mut self, this: Resource<Tcp>) -> Result<u8> {
        Ok(self.table.get(&this)?.socket()?.hop_limit()?)
    }

    fn set_hop_limit(&mut self, this: Resource<Tcp>, value: u8) -> Result<()> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.set_hop_limit(self.ctx, value)?)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<Tcp>) -> Result<u64> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.buffer_size(NumberOption::ReceiveBufferSize)?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<Tcp>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.set_buffer_size(self.ctx, NumberOption::ReceiveBufferSize, value)?)
    }

    fn get_send_buffer_size(&mut self, this: Resource<Tcp>) -> Result<u64> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.buffer_size(NumberOption::SendBufferSize)?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<Tcp>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.socket()?;
        Ok(socket.set_buffer_size(self.ctx, NumberOption::SendBufferSize, value)?)
    }

    fn drop(&mut self, this: Resource<Tcp>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl<T: Send + 'static> HostDatagramSocketWithStore<T> for Capsock {
    async fn send(
        store: &Accessor<T, Self>,
        this: Resource<Udp>,
        data: Vec<u8>,
        remote: Option<IpSocketAddress>,
    ) -> Result<()> {
        let (ctx, udp) = store.with(|mut store| -> Result<_> {
            let view = store.get();
            Ok((view.ctx.clone(), view.table.get(&this)?.clone()))
        })?;
        let remote = remote.map(SocketAddr::from);
        Ok(udp.send(&ctx, &data, remote, true).await?)
    }

    async fn receive(
        store: &Accessor<T, Self>,
        this: Resource<Udp>,
    ) -> Result<(Vec<u8>, IpSocketAddress)> {
        let (ctx, udp) = store.with(|mut store| -> Result<_> {
            let view = store.get();
            Ok((view.ctx.clone(), view.table.get(&this)?.clone()))
        })?;
        let (data, sender) = udp.receive(&ctx, false).await?;
        Ok((data, sender.into()))
    }
}

impl HostDatagramSocket for CapsockCtxView<'_> {
    fn create(&mut self, family: IpAddressFamily) -> Result<Resource<Udp>> {
        Ok(self.table.push(Udp::create(self.ctx, family.into())?)?)
    }

    fn bind(&mut self, this: Resource<Udp>, local: IpSocketAddress) -> Result<()> {
        Ok(self.table.get(&this)?.bind(self.ctx, local.into())?)
    }

    fn connect(&mut self, this: Resource<Udp>, remote: IpSocketAddress) -> Result<()> {
        let socket = self.table.get_mut(&this)?;
        Ok(socket.connect(self.ctx, remote.into())?)
    }

    fn disconnect(&mut self, this: Resource<Udp>) -> Result<()> {
        Ok(self.table.get_mut(&this)?.disconnect(self.ctx)?)
    }

    fn get_local_address(&mut self, this: Resource<Udp>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.local_address()?.into())
    }

    fn get_remote_address(&mut self, this: Resource<Udp>) -> Result<IpSocketAddress> {
        Ok(self.table.get(&this)?.peer()?.into())
    }

    fn get_address_family(&mut self, this: Resource<Udp>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&this)?.family().into())
    }

    fn get_unicast_hop_limit(&mut self, this: Resource<Udp>) -> Result<u8> {
        Ok(self.table.get(&this)?.socket().hop_limit()?)
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<Udp>, value: u8) -> Result<()> {
        let socket = self.table.get(&this)?.socket();
        Ok(socket.set_hop_limit(self.ctx, value)?)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<Udp>) -> Result<u64> {
        let socket = self.table.get(&this)?.socket();
        Ok(socket.buffer_size(NumberOption::ReceiveBufferSize)?)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<Udp>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.socket();
        Ok(socket.set_buffer_size(self.ctx, NumberOption::ReceiveBufferSize, value)?)
    }

    fn get_send_buffer_size(&mut self, this: Resource<Udp>) -> Result<u64> {
        let socket = self.table.get(&this)?.socket();
        Ok(socket.buffer_size(NumberOption::SendBufferSize)?)
    }

    fn set_send_buffer_size(&mut self, this: Resource<Udp>, value: u64) -> Result<()> {
        let socket = self.table.get(&this)?.socket();
        Ok(socket.set_buffer_size(self.ctx, NumberOption::SendBufferSize, value)?)
    }

    fn drop(&mut self, this: Resource<Udp>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl ip_name_lookup::Host for CapsockCtxView<'_> {}

impl<T: Send + 'static> ip_name_lookup::HostWithStore<T> for Capsock {
    async fn resolve_addresses(
        store: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<std::result::Result<Vec<IpAddress>, ip_name_lookup::ErrorCode>> {
        let ctx = store.with(|mut store| store.get().ctx.clone());
        Ok(match addresses(ctx, name).await {
            Ok(addresses) => Ok(addresses.into_iter().map(Into::into).collect()),
            Err(error) => Err(error.into()),
        })
    }
}

/// What a listener accepts.
struct Connections<T: 'static> {
    accepting: Accepting,
    getter: for<'a> fn(&'a mut T) -> CapsockCtxView<'a>,
}

impl<T: 'static> StreamProducer<T> for Connections<T> {
    type Item = Resource<Tcp>;
    type Buffer = Option<Self::Item>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(&mut store) == Some(0) {
            return ended(self.accepting.poll_ready(cx), finish);
        }
        loop {
            let connection = match self.accepting.poll_accept(cx) {
                Poll::Ready(connection) => connection,
                Poll::Pending => return ended(Poll::Pending, finish),
            };
            match (self.getter)(store.data_mut()).table.push(connection) {
                Ok(connection) => {
                    destination.set_buffer(Some(connection));
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
                Err(ResourceTableError::Full) => self.accepting.pause(),
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

/// What a connection receives.
struct Received(Option<(Receiving, End)>);

impl<T> StreamProducer<T> for Received {
    type Item = u8;
    type Buffer = BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let Some((receiving, _)) = self.0.as_mut() else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        if destination.remaining(store.as_context_mut()) == Some(0) {
            return ended(receiving.poll_ready(cx), finish);
        }
        let mut destination = destination.as_direct(store, AT_ONCE);
        let buffer = destination.remaining();
        let result = match receiving.poll_receive(cx, buffer.len().min(AT_MOST)) {
            Poll::Pending => return ended(Poll::Pending, finish),
            Poll::Ready(Ok(data)) if !data.is_empty() => {
                buffer[..data.len()].copy_from_slice(&data);
                destination.mark_written(data.len());
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            Poll::Ready(result) => result.map(drop),
        };
        end(&mut self.0, result);
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        end(&mut self.0, Ok(()));
    }
}

/// What a connection sends.
struct Sent(Option<(Sending, End)>);

impl<T> StreamConsumer<T> for Sent {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        source: Source<'_, Self::Item>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let Some((sending, _)) = self.0.as_mut() else {
            return Poll::Ready(Ok(StreamResult::Dropped));
        };
        let mut source = source.as_direct(store);
        if source.remaining().is_empty() {
            return ended(sending.poll_ready(cx), finish);
        }
        match sending.poll_send(cx, source.remaining()) {
            Poll::Pending => ended(Poll::Pending, finish),
            Poll::Ready(Ok(sent)) => {
                source.mark_read(sent);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(Err(errno)) => {
                end(&mut self.0, Err(errno));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        end(&mut self.0, Ok(()));
    }
}

/// Shuts a direction down, and tells how it ended.
fn end<T>(direction: &mut Option<(T, End)>, result: std::result::Result<(), Errno>) {
    if let Some((stream, end)) = direction.take() {
        drop(stream);
        // The guest may not want to know.
        _ = end.send(result.map_err(|errno| Kind::from(errno).into()));
    }
}

/// A wait as the component model has it, which the guest may cancel.
fn ended(wait: Poll<()>, cancelled: bool) -> Poll<wasmtime::Result<StreamResult>> {
    match wait {
        Poll::Ready(()) => Poll::Ready(Ok(StreamResult::Completed)),
        Poll::Pending if cancelled => Poll::Ready(Ok(StreamResult::Cancelled)),
        Poll::Pending => Poll::Pending,
    }
}

fn failed<T: Send + 'static>(
    store: &mut Access<'_, T, Capsock>,
    errno: Errno,
) -> wasmtime::Result<FutureReader<std::result::Result<(), ErrorCode>>> {
    let code = Kind::from(errno).into();
    FutureReader::new(store, async move { wasmtime::error::Ok(Err(code)) })
}

impl From<Kind> for ErrorCode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::AccessDenied => Self::AccessDenied,
            Kind::AddressInUse => Self::AddressInUse,
            Kind::AddressNotBindable => Self::AddressNotBindable,
            Kind::ConnectionAborted => Self::ConnectionAborted,
            Kind::ConnectionBroken => Self::ConnectionBroken,
            Kind::ConnectionRefused => Self::ConnectionRefused,
            Kind::ConnectionReset => Self::ConnectionReset,
            Kind::DatagramTooLarge => Self::DatagramTooLarge,
            Kind::InvalidArgument => Self::InvalidArgument,
            Kind::InvalidState | Kind::Conflict | Kind::NotBegun => Self::InvalidState,
            Kind::NotSupported => Self::NotSupported,
            Kind::OutOfMemory => Self::OutOfMemory,
            Kind::RemoteUnreachable => Self::RemoteUnreachable,
            Kind::Timeout => Self::Timeout,
            Kind::NewSocketLimit => Self::Other(Some("too many open files".to_owned())),
            Kind::WouldBlock | Kind::Other => Self::Other(None),
        }
    }
}

impl From<Unresolved> for ip_name_lookup::ErrorCode {
    fn from(error: Unresolved) -> Self {
        let error = match error {
            Unresolved::Invalid => return Self::InvalidArgument,
            Unresolved::Failed(error) => error,
        };
        match error {
            NameError::AccessDenied => Self::AccessDenied,
            NameError::NoName | NameError::NoData | NameError::AddressFamily => {
                Self::NameUnresolvable
            }
            NameError::Again => Self::TemporaryResolverFailure,
            NameError::BadFlags
            | NameError::Fail
            | NameError::Family
            | NameError::Memory
            | NameError::Service
            | NameError::SocketType
            | NameError::System => Self::PermanentResolverFailure,
        }
    }
}

crate::policy::wasi_addresses!(crate::bindings::wasi_p3::types);
