//! UDP sockets.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use capsock_policy::operation::Send;
use capsock_policy::wasi::check_family;
use capsock_policy::{AddressFamily, Protocol, Refusal};

use crate::bindings::wasi::clocks0_2_12::monotonic_clock;
use crate::bindings::wasi::io::poll::Pollable;
use crate::bindings::wasi::sockets0_2_12::udp::{IncomingDatagram, IncomingDatagramStream};
use crate::convert::code;
use crate::outer::{CheckedDatagram, OutgoingDatagramStream};
use crate::{ErrorCode, UdpSocket, checks, grants};

/// The longest datagram, in bytes: its length is a `u16`.
pub(crate) const LONGEST: usize = u16::MAX as usize;

/// How long the host may take to end a receive that was under way in streams which are
/// dropped, in nanoseconds: wasmtime's traps where others are made before.
const MOMENT: u64 = 10_000_000;

/// A socket of the host's, whose addresses are checked.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    family: AddressFamily,
    /// As the guest asked for it, and not the port that the kernel has chosen.
    bound: Cell<Option<SocketAddr>>,
    /// The bind was begun, and not finished.
    binding: Cell<bool>,
    /// Something was to be received by the streams of before.
    received: Rc<Cell<bool>>,
}

/// What it receives, of whom the rules admit.
#[derive(Debug)]
pub struct Incoming {
    stream: IncomingDatagramStream,
    local: SocketAddr,
    received: Rc<Cell<bool>>,
}

/// What it sends, to whom the rules allow.
#[derive(Debug)]
pub struct Outgoing {
    stream: OutgoingDatagramStream,
    family: AddressFamily,
    peer: Option<SocketAddr>,
}

impl Udp {
    /// Makes a socket.
    ///
    /// # Errors
    /// The host's.
    pub fn create(family: AddressFamily) -> Result<Self, ErrorCode> {
        grants::begin();
        Ok(Self {
            socket: UdpSocket::create(family)?,
            family,
            bound: Cell::new(None),
            binding: Cell::new(false),
            received: Rc::default(),
        })
    }

    /// Begins to bind it.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow it; the host's.
    pub fn start_bind(&self, local: SocketAddr) -> Result<(), ErrorCode> {
        if self.binding.get() {
            return Err(ErrorCode::ConcurrencyConflict);
        }
        if self.bound.get().is_some() {
            return Err(ErrorCode::InvalidState);
        }
        let checked = checks::bind_udp(self.family, local).map_err(code)?;
        self.socket.start_bind(&checked)?;
        self.binding.set(true);
        self.bound.set(Some(local));
        Ok(())
    }

    /// Ends the bind.
    ///
    /// # Errors
    /// The host's.
    pub fn finish_bind(&self) -> Result<(), ErrorCode> {
        if !self.binding.get() {
            return Err(ErrorCode::NotInProgress);
        }
        let result = self.socket.finish_bind();
        match result {
            Ok(()) => self.binding.set(false),
            Err(ErrorCode::WouldBlock) => {}
            Err(_) => {
                self.binding.set(false);
                self.bound.set(None);
            }
        }
        result
    }

    /// What it receives and sends, of and to `remote` alone if there is one.
    ///
    /// # Errors
    /// `access-denied` where the rules do not allow to send there; the host's.
    pub fn stream(&self, remote: Option<SocketAddr>) -> Result<(Incoming, Outgoing), ErrorCode> {
        let local = self.bound.get().ok_or(ErrorCode::InvalidState)?;
        let checked = match remote {
            Some(remote) => {
                check_family(self.family, remote.ip()).map_err(code)?;
                Some(grants::vet::<Send>(Protocol::Udp, remote).map_err(code)?)
            }
            None => None,
        };
        if self.received.take() {
            monotonic_clock::subscribe_duration(MOMENT).block();
        }
        let (incoming, outgoing) = self.socket.stream(checked.as_ref())?;
        let incoming = Incoming {
            stream: incoming,
            local,
            received: self.received.clone(),
        };
        let outgoing = Outgoing {
            stream: outgoing,
            family: self.family,
            peer: remote,
        };
        Ok((incoming, outgoing))
    }

    /// Its family.
    pub fn family(&self) -> AddressFamily {
        self.family
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// The host's.
    pub fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.socket.local_address()
    }

    /// Whom its streams are of and to.
    ///
    /// # Errors
    /// The host's.
    pub fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.socket.remote_address()
    }

    /// The host's socket, for its options and state.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

impl Incoming {
    /// At most so many datagrams, of senders that the rules admit: none where none
    /// is there now. Others are dropped.
    ///
    /// # Errors
    /// The host's.
    pub fn receive(&self, most: u64) -> Result<Vec<(Vec<u8>, SocketAddr)>, ErrorCode> {
        let received = self.begun().receive(most)?.into_iter();
        let datagrams = received.map(
            |IncomingDatagram {
                 data,
                 remote_address,
             }| { (data, remote_address.into()) },
        );
        Ok(datagrams
            .filter(|(_, sender)| self.admits(*sender))
            .collect())
    }

    /// Whether the rules admit a sender; who they do not is told.
    pub fn admits(&self, sender: SocketAddr) -> bool {
        grants::admit_sender(Protocol::Udp, Some(self.local), sender).is_ok()
    }

    /// Is ready when there may be one.
    pub fn subscribe(&self) -> Pollable {
        self.begun().subscribe()
    }

    /// The host's stream, by which something is to be received.
    fn begun(&self) -> &IncomingDatagramStream {
        self.received.set(true);
        &self.stream
    }
}

/// Why a datagram is not sent.
enum Unfit {
    Code(ErrorCode),
    /// It is told of in its turn.
    Refused(Refusal),
}

impl Unfit {
    fn tell(&self) -> ErrorCode {
        match self {
            Self::Code(error) => *error,
            Self::Refused(refusal) => code(grants::tell_refusal(refusal)),
        }
    }
}

impl Outgoing {
    /// Sends datagrams, each to its receiver or else to the peer. Returns how many
    /// were sent: the first of those that the rules allow.
    ///
    /// # Errors
    /// `access-denied` where they do not allow the first one; the host's.
    pub fn send(
        &self,
        datagrams: impl IntoIterator<Item = (Vec<u8>, Option<SocketAddr>)>,
    ) -> Result<u64, ErrorCode> {
        let (mut checked, mut unfit) = (Vec::new(), None);
        for (data, remote) in datagrams {
            match self.check(data, remote) {
                Ok(datagram) => checked.push(datagram),
                Err(error) => {
                    unfit = Some(error);
                    break;
                }
            }
        }
        let before = checked.len() as u64;
        let sent = match (before, &unfit) {
            (0, Some(_)) => 0,
            _ => self.stream.send(checked)?,
        };
        match unfit {
            // Its turn has come.
            Some(unfit) if sent == before => match (unfit.tell(), sent) {
                (error, 0) => Err(error),
                // By WASI, no error where some were sent.
                (_, sent) => Ok(sent),
            },
            _ => Ok(sent),
        }
    }

    fn check(&self, data: Vec<u8>, remote: Option<SocketAddr>) -> Result<CheckedDatagram, Unfit> {
        if data.len() > LONGEST {
            return Err(Unfit::Code(ErrorCode::DatagramTooLarge));
        }
        let to = remote.or(self.peer);
        let to = to.ok_or(Unfit::Code(ErrorCode::InvalidArgument))?;
        check_family(self.family, to.ip()).map_err(|errno| Unfit::Code(code(errno)))?;
        let checked = grants::ask::<Send>(Protocol::Udp, to).map_err(Unfit::Refused)?;
        Ok(CheckedDatagram::new(data, remote, &checked))
    }

    /// How many datagrams can be sent now.
    ///
    /// # Errors
    /// The host's.
    pub fn check_send(&self) -> Result<u64, ErrorCode> {
        self.stream.check_send()
    }

    /// Is ready when one can be sent.
    pub fn subscribe(&self) -> Pollable {
        self.stream.subscribe()
    }
}
