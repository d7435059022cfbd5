//! UDP sockets.

use std::cell::Cell;
use std::net::SocketAddr;

use capsock_policy::operation::Send;
use capsock_policy::wasi::check_family;
use capsock_policy::{AddressFamily, Protocol};

use super::outer::UdpSocket;
use super::{ErrorCode, code};
use crate::grants::Checked;
use crate::udp::LONGEST;
use crate::{checks, grants};

/// A socket of the host's, whose addresses are checked.
#[derive(Debug)]
pub(super) struct Udp {
    socket: UdpSocket,
    family: AddressFamily,
    /// As the guest asked for it, and not the port that the kernel has chosen.
    bound: Cell<Option<SocketAddr>>,
    peer: Cell<Option<SocketAddr>>,
}

impl Udp {
    pub(super) fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        grants::begin();
        Ok(Self {
            socket: UdpSocket::create(family)?,
            family,
            bound: Cell::new(None),
            peer: Cell::new(None),
        })
    }

    pub(super) fn bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        // By whomever: the kernel binds it before it sends.
        if self.bound.get().is_some() || self.socket.local_address().is_ok() {
            return Err(ErrorCode::InvalidState);
        }
        let checked = checks::bind_udp(self.family, local).map_err(code)?;
        self.socket.bind(&checked)?;
        self.bound.set(Some(local));
        Ok(())
    }

    pub(super) fn connect(&self, remote: SocketAddr) -> Result<(), ErrorCode> {
        self.check(remote)?;
        let checked = self.vet_to_send(remote)?;
        self.socket.connect(&checked)?;
        self.peer.set(Some(remote));
        Ok(())
    }

    pub(super) fn disconnect(&self) -> Result<(), ErrorCode> {
        if self.peer.take().is_none() {
            return Err(ErrorCode::InvalidState);
        }
        self.socket.disconnect()
    }

    /// Sends one datagram, to the peer if there is one.
    pub(super) async fn send(
        &self,
        data: Vec<u8>,
        remote: Option<SocketAddr>,
    ) -> Result<(), ErrorCode> {
        if data.len() > LONGEST {
            return Err(ErrorCode::DatagramTooLarge);
        }
        if let Some(remote) = remote {
            self.check(remote)?;
        }
        match (remote, self.peer.get()) {
            (Some(remote), Some(peer)) if remote != peer => {
                // Whoever may not ask is not told more.
                vet(remote)?;
                Err(ErrorCode::InvalidArgument)
            }
            (_, Some(peer)) => self.socket.send(data, &vet(peer)?).await,
            (Some(remote), None) => {
                let checked = self.vet_to_send(remote)?;
                self.socket.send_to(data, &checked).await
            }
            (None, None) => Err(ErrorCode::InvalidArgument),
        }
    }

    /// One datagram of a sender that the rules admit, of the peer if there is one.
    pub(super) async fn receive(&self) -> Result<(Vec<u8>, SocketAddr), ErrorCode> {
        loop {
            let (data, sender) = self.socket.receive().await?;
            let admitted = grants::admit_sender(Protocol::Udp, self.bound.get(), sender).is_ok();
            // Others may have sent before it was connected.
            if admitted && self.peer.get().is_none_or(|peer| peer == sender) {
                return Ok((data, sender));
            }
        }
    }

    /// The host's socket, for its options and state.
    pub(super) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    pub(super) fn family(&self) -> AddressFamily {
        self.family
    }

    /// Checks that a receiver makes sense, whatever is granted.
    fn check(&self, remote: SocketAddr) -> Result<(), ErrorCode> {
        check_family(self.family, remote.ip()).map_err(code)?;
        grants::check::<Send>(Protocol::Udp, remote).map_err(code)
    }

    /// Checks a receiver, and the bind that the kernel does by itself before.
    fn vet_to_send(&self, remote: SocketAddr) -> Result<Checked<Send>, ErrorCode> {
        if self.bound.get().is_none() {
            grants::vet_implicit_bind(Protocol::Udp, self.family).map_err(code)?;
        }
        vet(remote)
    }
}

fn vet(remote: SocketAddr) -> Result<Checked<Send>, ErrorCode> {
    grants::vet(Protocol::Udp, remote).map_err(code)
}
