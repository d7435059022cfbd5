//! UDP: a socket of the host's, with its streams once it is bound.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;

use capsock_checked::io::poll::Pollable;
use capsock_checked::{Incoming, Outgoing, Udp, UdpSocket, grants};
use capsock_policy::operation::Send;
use capsock_policy::{AddressFamily, Errno, Limits, Protocol};

use super::tcp::{Interest, any};
use super::{Ready, Shutdown};
use crate::errors::errno;
use crate::wait::Deadline;

/// The longest datagram, in bytes: its length is a `u16`.
const LONGEST: usize = u16::MAX as usize;

/// How many attempts find a datagram of nobody who is admitted.
const TURNED_AWAY: u32 = Limits::DEFAULT.backlog;

/// A UDP socket.
#[derive(Debug)]
pub(crate) struct Datagrams {
    family: AddressFamily,
    /// The streams end before the socket that they are of.
    streams: RefCell<Option<Streams>>,
    socket: Udp,
    /// Received, and not asked for yet.
    next: RefCell<Option<(Vec<u8>, SocketAddr)>>,
    peer: Cell<Option<SocketAddr>>,
    bound: Cell<bool>,
    /// What waits for the next operation: `SO_ERROR`.
    error: Cell<Option<Errno>>,
    /// The guest's own doing.
    receives: Cell<bool>,
    sends: Cell<bool>,
}

#[derive(Debug)]
struct Streams {
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Datagrams {
    pub(crate) fn create(family: AddressFamily) -> Result<Self, Errno> {
        Ok(Self {
            family,
            streams: RefCell::default(),
            socket: Udp::create(family).map_err(errno)?,
            next: RefCell::default(),
            peer: Cell::new(None),
            bound: Cell::new(false),
            error: Cell::new(None),
            receives: Cell::new(true),
            sends: Cell::new(true),
        })
    }

    pub(crate) fn bind(&self, local: SocketAddr) -> Result<(), Errno> {
        if self.bound.get() {
            return Err(Errno::InvalidArgument);
        }
        self.socket.start_bind(local).map_err(errno)?;
        let finish = || self.socket.finish_bind().map_err(errno);
        let subscribe = || Some(self.socket.socket().subscribe());
        Deadline::Never.attempt(finish, subscribe)?;
        self.bound.set(true);
        self.open(None)
    }

    /// What the kernel does by itself before it sends.
    fn bind_implicitly(&self) -> Result<(), Errno> {
        match self.bound.get() {
            true => Ok(()),
            false => self.bind(any(self.family)),
        }
    }

    /// New streams, to and from `peer` alone if there is one.
    fn open(&self, peer: Option<SocketAddr>) -> Result<(), Errno> {
        // WASI traps where the former ones are still there.
        self.streams.replace(None);
        let (incoming, outgoing) = self.socket.stream(peer).map_err(errno)?;
        self.streams.replace(Some(Streams { incoming, outgoing }));
        self.peer.set(peer);
        Ok(())
    }

    pub(crate) fn connect(&self, remote: SocketAddr) -> Result<(), Errno> {
        // Before anything is changed.
        grants::vet::<Send>(Protocol::Udp, remote)?;
        self.bind_implicitly()?;
        let before = self.peer.get();
        self.open(Some(remote)).inspect_err(|_failed| {
            // As it was, if the host lets it.
            if self.open(before).is_err() {
                self.peer.set(None);
            }
        })
    }

    /// A datagram, cut to `most` bytes, how long it was, and its sender.
    pub(crate) fn receive(
        &self,
        most: usize,
        peek: bool,
        deadline: Deadline,
    ) -> Result<(Vec<u8>, usize, Option<SocketAddr>), Errno> {
        let receive = || {
            self.tell_error()?;
            self.fill()?;
            let mut next = self.next.borrow_mut();
            let received = match peek {
                true => next.clone(),
                false => next.take(),
            };
            let (mut data, sender) = match (received, self.peer.get()) {
                (Some((data, sender)), _) => (data, Some(sender)),
                (None, _) if self.receives.get() => return Err(Errno::WouldBlock),
                (None, peer) => (Vec::new(), peer),
            };
            let length = data.len();
            data.truncate(most);
            Ok((data, length, sender))
        };
        deadline.attempt(receive, || self.pollable(Interest::Input))
    }

    /// Takes the next datagram from the host, if one is there.
    fn fill(&self) -> Result<(), Errno> {
        let mut next = self.next.borrow_mut();
        let streams = self.streams.borrow();
        let Some(streams) = &*streams else {
            return Ok(());
        };
        // The guest may have given up what admitted it since.
        next.take_if(|(_, sender)| !streams.incoming.admits(*sender));
        for _ in 0..TURNED_AWAY {
            if next.is_some() {
                break;
            }
            let received = streams.incoming.receive(1).map_err(errno)?;
            *next = received.into_iter().next();
            // One of somebody who is not admitted was dropped.
            if next.is_none() && !streams.incoming.subscribe().ready() {
                break;
            }
        }
        Ok(())
    }

    /// Sends one datagram, to `remote` or to the peer.
    pub(crate) fn send(
        &self,
        data: &[u8],
        remote: Option<SocketAddr>,
        deadline: Deadline,
    ) -> Result<usize, Errno> {
        if !self.sends.get() {
            return Err(Errno::BrokenPipe);
        }
        let peer = self.peer.get();
        let to = match (remote, peer) {
            (None, None) => return Err(Errno::DestinationAddressRequired),
            (Some(remote), Some(peer)) if remote != peer => {
                // Whoever may not ask is not told more.
                grants::vet::<Send>(Protocol::Udp, remote)?;
                return Err(Errno::IsConnected);
            }
            (_, Some(_)) => None,
            (remote, None) => remote,
        };
        if data.len() > LONGEST {
            return Err(Errno::MessageTooLarge);
        }
        if let Some(remote) = to {
            grants::vet::<Send>(Protocol::Udp, remote)?;
        }
        self.bind_implicitly()?;
        let send = || {
            self.tell_error()?;
            let streams = self.streams.borrow();
            let Some(Streams { outgoing, .. }) = &*streams else {
                return Err(Errno::NotConnected);
            };
            // To send more than it allows traps.
            if outgoing.check_send().map_err(errno)? == 0 {
                return Err(Errno::WouldBlock);
            }
            match outgoing.send([(data.to_vec(), to)]).map_err(errno)? {
                0 => Err(Errno::WouldBlock),
                _ => Ok(data.len()),
            }
        };
        deadline.attempt(send, || self.pollable(Interest::Output))
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        if self.peer.get().is_none() {
            return Err(Errno::NotConnected);
        }
        // There is nothing that the peer would see of it.
        if how != Shutdown::Send {
            self.receives.set(false);
        }
        if how != Shutdown::Receive {
            self.sends.set(false);
        }
        Ok(())
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        let told = self.socket.local_address();
        told.unwrap_or_else(|_unbound| any(self.family))
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr, Errno> {
        self.peer.get().ok_or(Errno::NotConnected)
    }

    /// The host's socket, for its options.
    pub(crate) fn socket(&self) -> &UdpSocket {
        self.socket.socket()
    }

    pub(crate) fn take_error(&self) -> Option<Errno> {
        self.error.take()
    }

    fn tell_error(&self) -> Result<(), Errno> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// What epoll(7) would say of it.
    pub(crate) fn ready(&self, asked: Ready) -> Ready {
        if let Err(error) = self.fill() {
            self.error.set(Some(error));
        }
        let mut ready = Ready::empty();
        if self.next.borrow().is_some() {
            ready |= Ready::READABLE;
        }
        if self.error.get().is_some() {
            ready |= Ready::READABLE | Ready::ERROR;
        }
        if !self.receives.get() {
            ready |= Ready::READABLE | Ready::READ_HANG_UP;
            if !self.sends.get() {
                ready |= Ready::HANG_UP;
            }
        }
        if asked.contains(Ready::WRITABLE) {
            let streams = self.streams.borrow();
            let is_full = |streams: &Streams| matches!(streams.outgoing.check_send(), Ok(0));
            if !streams.as_ref().is_some_and(is_full) {
                ready |= Ready::WRITABLE;
            }
        }
        ready
    }

    /// What becomes ready as the socket may; `None` where nothing will.
    pub(crate) fn pollable(&self, interest: Interest) -> Option<Pollable> {
        let streams = self.streams.borrow();
        let streams = streams.as_ref()?;
        Some(match interest {
            Interest::Input => streams.incoming.subscribe(),
            Interest::Output => streams.outgoing.subscribe(),
        })
    }
}
