//! The socket: what is the guest's of it, over TCP or UDP of the host's.

mod message;
mod settings;
mod tcp;
mod udp;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use capsock_checked::io::poll::Pollable;
use capsock_policy::{AddressFamily, Errno, Limits, SocketType};

use crate::bindings::exports::capsock::sockets::poller::Readiness as Ready;
use crate::wait::{Deadline, Timeout, ready_now, ready_soon};

pub(crate) use settings::Setting;
pub(crate) use tcp::{Interest, Stream};
pub(crate) use udp::Datagrams;

/// How much one receive returns, unless it is to wait for all: as the host.
const RECEIVE: usize = Limits::DEFAULT.receive as usize;

/// How much a receive that waits for all returns.
const RECEIVE_ALL: usize = 16 << 20;

/// How many sockets and pollers a guest has at once.
const PLACES: usize = Limits::DEFAULT.sockets as usize;

/// `IPPROTO_TCP` and `IPPROTO_UDP`
pub(crate) const TCP: u32 = 6;
pub(crate) const UDP: u32 = 17;

thread_local! {
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// One handle of a socket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// `None` once it is closed.
    open: RefCell<Option<Rc<Open>>>,
    timeout: Cell<Timeout>,
}

/// An open handle: what pollers know it by.
#[derive(Debug)]
pub(crate) struct Open {
    inner: Rc<Inner>,
    _place: Place,
}

/// What duplicates have in common.
#[derive(Debug)]
pub(crate) struct Inner {
    family: AddressFamily,
    pub(crate) transport: Transport,
    /// Grows as something is done that may change what the socket is ready for.
    done: Cell<u64>,
}

#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(Stream),
    Udp(Datagrams),
}

/// One of the places that a guest has for sockets and pollers.
#[derive(Debug)]
pub(crate) struct Place(());

/// Which halves of a connection end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    Receive,
    Send,
    Both,
}

/// How to receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receive {
    pub(crate) out_of_band: bool,
    pub(crate) peek: bool,
    pub(crate) wait_all: bool,
    pub(crate) dont_wait: bool,
    pub(crate) error_queue: bool,
    pub(crate) truncate: bool,
}

/// How to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transmit {
    pub(crate) out_of_band: bool,
    pub(crate) dont_route: bool,
    pub(crate) dont_wait: bool,
    pub(crate) more: bool,
    pub(crate) fast_open: bool,
}

impl Place {
    pub(crate) fn take() -> Result<Self, Errno> {
        TAKEN.with(|taken| {
            if taken.get() + tcp::unsent() >= PLACES {
                return Err(Errno::TooManyOpenFiles);
            }
            taken.set(taken.get() + 1);
            Ok(Self(()))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TAKEN.with(|taken| taken.set(taken.get().saturating_sub(1)));
    }
}

/// What WASI has of what a guest asks for: the errors are those of a kernel that was
/// built without the rest.
fn kind_of(
    family: AddressFamily,
    kind: SocketType,
    protocol: u32,
) -> Result<(AddressFamily, bool), Errno> {
    if !matches!(family, AddressFamily::Inet | AddressFamily::Inet6) {
        return Err(Errno::AddressFamilyNotSupported);
    }
    match (kind, protocol) {
        (SocketType::Stream, 0 | TCP) => Ok((family, true)),
        (SocketType::Datagram, 0 | UDP) => Ok((family, false)),
        (SocketType::Stream | SocketType::Datagram, _) => Err(Errno::ProtocolNotSupported),
        (SocketType::Raw | SocketType::Rdm | SocketType::Seqpacket, _) => {
            Err(Errno::SocketTypeNotSupported)
        }
    }
}

impl Socket {
    /// `socket(2)`
    pub(crate) fn create(
        family: AddressFamily,
        kind: SocketType,
        protocol: u32,
    ) -> Result<Self, Errno> {
        let (family, is_stream) = kind_of(family, kind, protocol)?;
        let place = Place::take()?;
        let transport = match is_stream {
            true => Transport::Tcp(Stream::create(family)?),
            false => Transport::Udp(Datagrams::create(family)?),
        };
        Ok(Self::new(family, transport, place))
    }

    /// `socketpair(2)`, which only Unix sockets have.
    pub(crate) fn create_pair(
        family: AddressFamily,
        kind: SocketType,
        protocol: u32,
    ) -> Result<(Self, Self), Errno> {
        kind_of(family, kind, protocol).and(Err(Errno::NotSupported))
    }

    fn new(family: AddressFamily, transport: Transport, place: Place) -> Self {
        let inner = Inner {
            family,
            transport,
            done: Cell::new(0),
        };
        Self::of(Rc::new(inner), place)
    }

    fn of(inner: Rc<Inner>, place: Place) -> Self {
        let open = Open {
            inner,
            _place: place,
        };
        Self {
            open: RefCell::new(Some(Rc::new(open))),
            timeout: Cell::new(Timeout::Blocking),
        }
    }

    /// `dup(2)`
    pub(crate) fn duplicate(&self) -> Result<Self, Errno> {
        let inner = self.inner()?;
        let duplicate = Self::of(inner, Place::take()?);
        duplicate.timeout.set(self.timeout.get());
        Ok(duplicate)
    }

    /// `bind(2)`
    pub(crate) fn bind(&self, local: SocketAddr) -> Result<(), Errno> {
        let inner = self.inner_for(local)?;
        match &inner.transport {
            Transport::Tcp(stream) => stream.bind(local),
            Transport::Udp(datagrams) => datagrams.bind(local),
        }
    }

    /// `listen(2)`
    pub(crate) fn listen(&self, backlog: u32) -> Result<(), Errno> {
        let inner = self.inner()?;
        inner.has_done();
        inner.stream()?.listen(backlog)
    }

    /// `accept(2)`
    pub(crate) fn accept(&self) -> Result<(Self, SocketAddr), Errno> {
        let inner = self.inner()?;
        inner.has_done();
        let stream = inner.stream()?;
        if !stream.is_listening() {
            return Err(Errno::InvalidArgument);
        }
        let place = Place::take()?;
        let (accepted, peer) = stream.accept(self.deadline(false))?;
        let socket = Self::new(inner.family, Transport::Tcp(accepted), place);
        Ok((socket, peer))
    }

    /// `connect(2)`
    pub(crate) fn connect(&self, remote: SocketAddr) -> Result<(), Errno> {
        let inner = self.inner_for(remote)?;
        match &inner.transport {
            Transport::Tcp(stream) => stream.connect(remote, self.deadline(false)),
            Transport::Udp(datagrams) => datagrams.connect(remote),
        }
    }

    /// `send(2)`
    pub(crate) fn send(
        &self,
        data: &[u8],
        how: Transmit,
        remote: Option<SocketAddr>,
    ) -> Result<usize, Errno> {
        let inner = match remote {
            Some(remote) => self.inner_for(remote)?,
            None => self.inner()?,
        };
        inner.check(how, remote.is_some())?;
        inner.send(data, remote, self.deadline(how.dont_wait))
    }

    /// `send(2)` until everything is sent, against one deadline.
    pub(crate) fn send_all(&self, data: &[u8], how: Transmit) -> Result<(), Errno> {
        let inner = self.inner()?;
        inner.check(how, false)?;
        let deadline = self.deadline(how.dont_wait);
        let mut rest = data;
        loop {
            let sent = inner.send(rest, None, deadline)?;
            rest = rest.get(sent..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// `shutdown(2)`
    pub(crate) fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        let inner = self.inner()?;
        inner.has_done();
        match &inner.transport {
            Transport::Tcp(stream) => stream.shutdown(how),
            Transport::Udp(datagrams) => datagrams.shutdown(how),
        }
    }

    /// `close(2)`
    pub(crate) fn close(&self) -> Result<(), Errno> {
        match self.open.take() {
            Some(_open) => Ok(()),
            None => Err(Errno::BadDescriptor),
        }
    }

    /// `getsockname(2)`
    pub(crate) fn local_address(&self) -> Result<SocketAddr, Errno> {
        Ok(match &self.inner()?.transport {
            Transport::Tcp(stream) => stream.local_address(),
            Transport::Udp(datagrams) => datagrams.local_address(),
        })
    }

    /// `getpeername(2)`
    pub(crate) fn remote_address(&self) -> Result<SocketAddr, Errno> {
        match &self.inner()?.transport {
            Transport::Tcp(stream) => stream.remote_address(),
            Transport::Udp(datagrams) => datagrams.remote_address(),
        }
    }

    /// Whether and how long operations wait.
    pub(crate) fn timeout(&self) -> Result<Timeout, Errno> {
        self.inner()?;
        Ok(self.timeout.get())
    }

    pub(crate) fn set_timeout(&self, timeout: Timeout) -> Result<(), Errno> {
        self.inner()?;
        self.timeout.set(timeout);
        Ok(())
    }

    /// One that is ready now where the socket is, and soon otherwise. The host's own
    /// ones would have to be dropped before the socket, at pain of a trap, and the
    /// guest may keep them.
    pub(crate) fn subscribe(&self, interest: Ready) -> Result<Pollable, Errno> {
        let inner = self.inner()?;
        if interest.is_empty() {
            return Err(Errno::InvalidArgument);
        }
        let always = Ready::ERROR | Ready::HANG_UP;
        Ok(match inner.ready(interest).intersects(interest | always) {
            true => ready_now(),
            false => ready_soon(),
        })
    }

    /// The open handle.
    pub(crate) fn open(&self) -> Result<Rc<Open>, Errno> {
        self.open.borrow().clone().ok_or(Errno::BadDescriptor)
    }

    pub(crate) fn inner(&self) -> Result<Rc<Inner>, Errno> {
        Ok(self.open()?.inner.clone())
    }

    fn inner_for(&self, address: SocketAddr) -> Result<Rc<Inner>, Errno> {
        let inner = self.inner()?;
        match address.is_ipv6() == (inner.family == AddressFamily::Inet6) {
            true => Ok(inner),
            false => Err(Errno::AddressFamilyNotSupported),
        }
    }

    pub(crate) fn deadline(&self, dont_wait: bool) -> Deadline {
        Deadline::new(match dont_wait {
            true => Timeout::NonBlocking,
            false => self.timeout.get(),
        })
    }
}

impl Open {
    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }
}

impl Inner {
    pub(crate) fn family(&self) -> AddressFamily {
        self.family
    }

    /// What epoll(7) would say of it.
    pub(crate) fn ready(&self, asked: Ready) -> Ready {
        match &self.transport {
            Transport::Tcp(stream) => stream.ready(asked),
            Transport::Udp(datagrams) => datagrams.ready(asked),
        }
    }

    /// What may make it ready for what was asked for, of which it is `ready` for some. An
    /// error shows as something to be received.
    pub(crate) fn pollables(&self, asked: Ready, ready: Ready) -> impl Iterator<Item = Pollable> {
        let asks_output = asked.contains(Ready::WRITABLE);
        let asks_input = asked.intersects(INPUT) || !asks_output;
        let input = (asks_input && !ready.contains(Ready::READABLE)).then_some(Interest::Input);
        let output = (asks_output && !ready.contains(Ready::WRITABLE)).then_some(Interest::Output);
        let interests = input.into_iter().chain(output);
        interests.filter_map(|interest| match &self.transport {
            Transport::Tcp(stream) => stream.pollable(interest),
            Transport::Udp(datagrams) => datagrams.pollable(interest),
        })
    }

    /// How often something was done that may change what it is ready for.
    pub(crate) fn done(&self) -> u64 {
        self.done.get()
    }

    fn has_done(&self) {
        self.done.set(self.done.get().wrapping_add(1));
    }

    /// The TCP socket.
    fn stream(&self) -> Result<&Stream, Errno> {
        match &self.transport {
            Transport::Tcp(stream) => Ok(stream),
            Transport::Udp(_) => Err(Errno::NotSupported),
        }
    }

    /// What WASI has no word for.
    fn check(&self, how: Transmit, has_address: bool) -> Result<(), Errno> {
        let is_udp = matches!(self.transport, Transport::Udp(_));
        let opens_fast = how.fast_open && has_address && !is_udp;
        match how.out_of_band || how.dont_route || (how.more && is_udp) || opens_fast {
            true => Err(Errno::NotSupported),
            false => Ok(()),
        }
    }

    fn send(
        &self,
        data: &[u8],
        remote: Option<SocketAddr>,
        deadline: Deadline,
    ) -> Result<usize, Errno> {
        self.has_done();
        match &self.transport {
            // tcp(7) takes no address.
            Transport::Tcp(stream) => stream.send(data, deadline),
            Transport::Udp(datagrams) => datagrams.send(data, remote, deadline),
        }
    }
}

/// What is read of a socket.
const INPUT: Ready = Ready::READABLE
    .union(Ready::READ_HANG_UP)
    .union(Ready::PRIORITY);
