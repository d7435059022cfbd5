//! The TCP socket of `wasi:sockets`.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::sleep;

use super::{INVALID_STATE, Receiving, Sending};
use crate::ctx::CapsockCtx;
use crate::options::FlagOption;
use crate::policy::operation::Connect;
use crate::policy::wasi::{check_family, check_unicast};
use crate::socket::{Deadline, Socket};
use crate::{Address, AddressFamily, Errno, Protocol, SocketType};

/// What Rust's standard library asks for.
const DEFAULT_BACKLOG: u32 = 128;

/// How long to pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(10);

/// A socket and where it stands between made and connected.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct Tcp {
    socket: Arc<Socket>,
    state: State,
    backlog: u32,
}

#[derive(Debug)]
enum State {
    Unconnected,
    Connecting,
    /// With what was not taken yet.
    Connected {
        receiving: bool,
        sending: bool,
    },
    Listening,
    /// The connect failed. There is no other attempt.
    Failed(Errno),
}

impl Tcp {
    pub(crate) fn create(ctx: &CapsockCtx, family: AddressFamily) -> Result<Self, Errno> {
        let socket = Socket::create(ctx, family, SocketType::Stream, 0)?;
        if family == AddressFamily::Inet6 {
            socket.set_flag(ctx, FlagOption::Ipv6Only, true)?;
        }
        // By WASI, addresses in TIME_WAIT can be bound.
        socket.set_flag(ctx, FlagOption::ReuseAddress, true)?;
        // WASI has no option for it, and C libraries say that it is set. What is
        // accepted inherits it.
        socket.set_flag(ctx, FlagOption::NoDelay, true)?;
        Ok(Self {
            socket: Arc::new(socket),
            state: State::Unconnected,
            backlog: DEFAULT_BACKLOG,
        })
    }

    pub(crate) fn bind(&self, ctx: &CapsockCtx, local: SocketAddr) -> Result<(), Errno> {
        if !matches!(self.state, State::Unconnected) || self.socket.is_bound() {
            return Err(INVALID_STATE);
        }
        check_unicast(local.ip())?;
        check_family(self.socket.family(), local.ip())?;
        self.socket.bind(ctx, local.into())
    }

    /// Begins to connect. Its result is for [`Tcp::end_connect`].
    pub(crate) fn connect(
        &mut self,
        ctx: &CapsockCtx,
        remote: SocketAddr,
    ) -> Result<impl Future<Output = Result<(), Errno>> + Send + use<>, Errno> {
        if !matches!(self.state, State::Unconnected) {
            return Err(INVALID_STATE);
        }
        check_family(self.socket.family(), remote.ip())?;
        ctx.check::<Connect>(Protocol::Tcp, &remote.into())?;
        self.state = State::Connecting;
        let (ctx, socket) = (ctx.clone(), self.socket.clone());
        Ok(async move { socket.connect(&ctx, remote.into()).await })
    }

    pub(crate) fn end_connect(&mut self, result: Result<(), Errno>) -> Result<(), Errno> {
        self.state = match result {
            Ok(()) => State::connected(),
            Err(errno) => State::Failed(errno),
        };
        result
    }

    /// Whether the socket got an address, by whomever.
    pub(crate) fn is_bound(&self) -> bool {
        self.socket.is_bound()
    }

    pub(crate) fn listen(&mut self, ctx: &CapsockCtx) -> Result<(), Errno> {
        if !matches!(self.state, State::Unconnected) {
            return Err(INVALID_STATE);
        }
        self.socket.listen(ctx, self.backlog)?;
        self.state = State::Listening;
        Ok(())
    }

    /// The next connection, if there is one.
    pub(crate) fn accept(&self, ctx: &CapsockCtx) -> Result<Self, Errno> {
        match self.state {
            State::Listening => {
                let accept = self.socket.accept_until(ctx, Deadline::Now);
                super::now(accept).map(|(socket, _peer)| Self::accepted(socket))
            }
            State::Failed(errno) => Err(errno),
            _ => Err(INVALID_STATE),
        }
    }

    /// Connections, one after the other.
    pub(crate) fn accepting(&self, ctx: &CapsockCtx) -> Accepting {
        Accepting {
            ctx: ctx.clone(),
            socket: self.socket.clone(),
            next: None,
            accepted: None,
        }
    }

    fn accepted(socket: Socket) -> Self {
        Self {
            socket: Arc::new(socket),
            state: State::connected(),
            backlog: DEFAULT_BACKLOG,
        }
    }

    /// What it receives, once. `handle` is the socket's, for traces.
    pub(crate) fn take_receiving(
        &mut self,
        ctx: &CapsockCtx,
        handle: u32,
    ) -> Result<Receiving, Errno> {
        match &mut self.state {
            State::Connected { receiving, .. } if *receiving => {
                *receiving = false;
                Ok(Receiving::new(ctx.clone(), self.socket.clone(), handle))
            }
            State::Failed(errno) => Err(*errno),
            _ => Err(INVALID_STATE),
        }
    }

    /// What it sends, once. `handle` is the socket's, for traces.
    pub(crate) fn take_sending(&mut self, ctx: &CapsockCtx, handle: u32) -> Result<Sending, Errno> {
        match &mut self.state {
            State::Connected { sending, .. } if *sending => {
                *sending = false;
                Ok(Sending::new(ctx.clone(), self.socket.clone(), handle))
            }
            State::Failed(errno) => Err(*errno),
            _ => Err(INVALID_STATE),
        }
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, Errno> {
        match self.state {
            State::Failed(errno) => Err(errno),
            State::Connecting => Err(INVALID_STATE),
            _ if !self.socket.is_bound() => Err(INVALID_STATE),
            _ => internet(self.socket.local_address()?),
        }
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr, Errno> {
        match self.state {
            State::Failed(errno) => Err(errno),
            State::Connected { .. } => internet(self.socket.remote_address()?),
            _ => Err(INVALID_STATE),
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening)
    }

    pub(crate) fn set_backlog(&mut self, ctx: &CapsockCtx, value: u64) -> Result<(), Errno> {
        if value == 0 {
            return Err(Errno::InvalidArgument);
        }
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        match self.state {
            State::Unconnected => {}
            State::Listening => self.socket.listen(ctx, value)?,
            State::Failed(errno) => return Err(errno),
            _ => return Err(INVALID_STATE),
        }
        self.backlog = value;
        Ok(())
    }

    /// The socket, for its options.
    pub(crate) fn socket(&self) -> Result<&Arc<Socket>, Errno> {
        match self.state {
            State::Failed(errno) => Err(errno),
            State::Connecting => Err(INVALID_STATE),
            _ => Ok(&self.socket),
        }
    }

    pub(crate) fn family(&self) -> AddressFamily {
        self.socket.family()
    }
}

/// The connections of a listener, one after the other.
pub(crate) struct Accepting {
    ctx: CapsockCtx,
    socket: Arc<Socket>,
    next: Option<Pin<Box<dyn Future<Output = Socket> + Send>>>,
    accepted: Option<Socket>,
}

impl Accepting {
    pub(crate) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Tcp> {
        ready!(self.poll_ready(cx));
        match self.accepted.take() {
            Some(socket) => Poll::Ready(Tcp::accepted(socket)),
            None => Poll::Pending,
        }
    }

    /// Whether there is a connection, which is kept.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.accepted.is_none() {
            let accept = self
                .next
                .get_or_insert_with(|| Box::pin(accept(self.ctx.clone(), self.socket.clone())));
            self.accepted = Some(ready!(accept.as_mut().poll(cx)));
            self.next = None;
        }
        Poll::Ready(())
    }

    /// Accepts the next one after a pause only.
    pub(crate) fn pause(&mut self) {
        let accept = accept(self.ctx.clone(), self.socket.clone());
        self.next = Some(Box::pin(async {
            sleep(PAUSE).await;
            accept.await
        }));
    }
}

/// By WASI, errors of single connections are passed over.
async fn accept(ctx: CapsockCtx, socket: Arc<Socket>) -> Socket {
    loop {
        match socket.accept_until(&ctx, Deadline::Never).await {
            Ok((connection, _peer)) => return connection,
            Err(error) => {
                tracing::debug!(%error, "accept");
                sleep(PAUSE).await;
            }
        }
    }
}

pub(super) fn internet(address: Address) -> Result<SocketAddr, Errno> {
    match address {
        Address::Inet(address) => Ok(address.into()),
        Address::Inet6(address) => Ok(address.into()),
        _ => Err(Errno::AddressFamilyNotSupported),
    }
}

impl State {
    fn connected() -> Self {
        Self::Connected {
            receiving: true,
            sending: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use cap_std::ambient_authority;

    use super::*;
    use crate::{Op, Policy};

    #[tokio::test]
    async fn small_segments_are_never_held_back() {
        let policy = Policy::default()
            .allow(Op::Listen, "tcp://127.0.0.1:ephemeral")
            .and_then(|policy| policy.allow(Op::Connect, "tcp://127.0.0.1:*"))
            .unwrap();
        let ctx = CapsockCtx::new(policy, ambient_authority());
        let socket = || Tcp::create(&ctx, AddressFamily::Inet).unwrap();
        let mut listener = socket();
        listener
            .bind(&ctx, (Ipv4Addr::LOCALHOST, 0).into())
            .unwrap();
        listener.listen(&ctx).unwrap();
        let mut client = socket();
        let to = listener.local_address().unwrap();
        let connected = client.connect(&ctx, to).unwrap().await;
        client.end_connect(connected).unwrap();
        let accepted = std::future::poll_fn(|cx| listener.accepting(&ctx).poll_accept(cx)).await;
        for tcp in [client, accepted] {
            let socket = tcp.socket().unwrap();
            assert_eq!(socket.flag(FlagOption::NoDelay), Ok(true));
        }
    }
}
