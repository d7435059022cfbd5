//! The UDP socket of `wasi:sockets`.

use std::net::SocketAddr;
use std::sync::Arc;

use super::stream::dont_wait;
use super::tcp::internet;
use super::{INVALID_STATE, now};
use crate::ctx::CapsockCtx;
use crate::options::FlagOption;
use crate::os::Interest;
use crate::policy::operation::Send;
use crate::policy::wasi::check_family;
use crate::socket::{Readiness, Receive, Socket, Transmit};
use crate::{AddressFamily, Errno, Protocol, SocketType};

/// The longest datagram, in bytes: its length is a `u16`.
const LONGEST: usize = u16::MAX as usize;

/// A socket and its peer, if it is connected. Clones are the same socket.
#[derive(Clone, Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct Udp {
    socket: Arc<Socket>,
    peer: Option<SocketAddr>,
}

impl Udp {
    pub(crate) fn create(ctx: &CapsockCtx, family: AddressFamily) -> Result<Self, Errno> {
        let socket = Socket::create(ctx, family, SocketType::Datagram, 0)?;
        if family == AddressFamily::Inet6 {
            socket.set_flag(ctx, FlagOption::Ipv6Only, true)?;
        }
        Ok(Self {
            socket: Arc::new(socket),
            peer: None,
        })
    }

    pub(crate) fn bind(&self, ctx: &CapsockCtx, local: SocketAddr) -> Result<(), Errno> {
        if self.socket.is_bound() {
            return Err(INVALID_STATE);
        }
        check_family(self.socket.family(), local.ip())?;
        self.socket.bind(ctx, local.into())
    }

    pub(crate) fn connect(&mut self, ctx: &CapsockCtx, remote: SocketAddr) -> Result<(), Errno> {
        check_family(self.socket.family(), remote.ip())?;
        ctx.check::<Send>(Protocol::Udp, &remote.into())?;
        let connect = || now(self.socket.connect(ctx, remote.into()));
        match connect() {
            // Linux does not choose another interface for another peer.
            Err(Errno::InvalidArgument) if self.peer.is_some() => {
                self.disconnect(ctx)?;
                now(self.socket.connect(ctx, remote.into()))?;
            }
            result => result?,
        }
        self.peer = Some(remote);
        Ok(())
    }

    /// It stays bound to its port.
    pub(crate) fn disconnect(&mut self, ctx: &CapsockCtx) -> Result<(), Errno> {
        if self.peer.take().is_none() {
            return Err(INVALID_STATE);
        }
        self.socket.disconnect_bound(ctx)
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.socket.is_bound()
    }

    pub(crate) fn peer(&self) -> Result<SocketAddr, Errno> {
        self.peer.ok_or(INVALID_STATE)
    }

    pub(crate) fn local_address(&self) -> Result<SocketAddr, Errno> {
        match self.socket.is_bound() {
            true => internet(self.socket.local_address()?),
            false => Err(INVALID_STATE),
        }
    }

    /// One datagram, of the peer if there is one.
    pub(crate) async fn receive(
        &self,
        ctx: &CapsockCtx,
        dont_wait: bool,
    ) -> Result<(Vec<u8>, SocketAddr), Errno> {
        if !self.socket.is_bound() {
            return Err(INVALID_STATE);
        }
        let how = Receive {
            dont_wait,
            ..Receive::default()
        };
        loop {
            let (data, sender) = self.socket.receive(ctx, LONGEST as u32, how).await?;
            let sender = sender.map_or(Err(Errno::Other), internet)?;
            // Others may have sent before it was connected.
            if self.peer.is_none_or(|peer| peer == sender) {
                return Ok((data, sender));
            }
        }
    }

    /// Sends one datagram, to the peer if there is one.
    pub(crate) async fn send(
        &self,
        ctx: &CapsockCtx,
        data: &[u8],
        remote: Option<SocketAddr>,
        waits: bool,
    ) -> Result<(), Errno> {
        if data.len() > LONGEST {
            return Err(Errno::MessageTooLarge);
        }
        // While it waits the host keeps it, for each of many calls.
        let mut kept = ctx.keep();
        if waits && !kept.reaches(data.len()) {
            return Err(Errno::NoBufferSpace);
        }
        let how = Transmit {
            dont_wait: !waits,
            ..dont_wait()
        };
        if let Some(remote) = remote {
            check_family(self.socket.family(), remote.ip())?;
            ctx.check::<Send>(Protocol::Udp, &remote.into())?;
        }
        match (remote, self.peer) {
            (Some(remote), Some(peer)) if remote != peer => {
                // Whoever may not ask is not told more.
                ctx.vet::<Send>(Protocol::Udp, remote.into())?;
                return Err(Errno::InvalidArgument);
            }
            (_, Some(_)) => self.socket.send(ctx, data, how).await?,
            (Some(remote), None) => self.socket.send_to(ctx, data, how, remote.into()).await?,
            (None, None) => return Err(Errno::InvalidArgument),
        };
        Ok(())
    }

    pub(crate) fn readiness(&self, interest: Interest) -> Result<Readiness, Errno> {
        self.socket.readiness(interest)
    }

    /// The socket, for its options.
    pub(crate) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    pub(crate) fn family(&self) -> AddressFamily {
        self.socket.family()
    }
}
