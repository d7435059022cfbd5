//! The socket.

use std::borrow::Cow;
use std::io::{self, BufReader, BufWriter, IoSlice, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::address::{Address, ToAddress};
use crate::bindings::inherited;
use crate::bindings::socket as wit;
use crate::bindings::types::ErrorCode;
use crate::constants::{
    AF_INET, AF_INET6, AddressFamily, MSG_DONTWAIT, MSG_TRUNC, MsgFlag, SOCK_DGRAM, SOCK_NONBLOCK,
    SOCK_STREAM, Shutdown, SocketKind,
};
use crate::descriptor::{self, Detached, Entry, Number};
use crate::error::{Error, Result};
use crate::landing;
use crate::numbers::{IPPROTO_TCP, IPPROTO_UDP};

/// The backlog that Python's `listen()` has: the system's, at most 128.
const DEFAULT_BACKLOG: i32 = 128;

/// What one call hands to the host of a stream's data: hosts limit how much a
/// call may hand over, and trap where it is more.
const PIECE: usize = 1 << 20;

/// How much of several buffers of a stream is put together to be sent at once.
const GATHERED: usize = 64 << 10;

/// A socket, with the methods of Python's `socket.socket`. It closes on drop.
///
/// ```no_run
/// use capsock_guest::{AF_INET, SOCK_STREAM, Socket};
///
/// let s = Socket::new(AF_INET, SOCK_STREAM)?;
/// s.connect(("127.0.0.1", 50007))?;
/// s.sendall(b"Hello, world")?;
/// let data = s.recv(1024)?;
/// # Ok::<(), capsock_guest::Error>(())
/// ```
#[derive(Debug)]
pub struct Socket {
    host: Arc<wit::Socket>,
    family: AddressFamily,
    kind: SocketKind,
    proto: i32,
    inheritable: AtomicBool,
    number: Number,
}

impl Socket {
    /// Creates a socket of the family's default protocol: `socket(2)`. With
    /// `kind | SOCK_NONBLOCK` it does not wait.
    ///
    /// # Errors
    /// `EMFILE` where the host's limit is reached; `EACCES` for kinds of sockets
    /// that the host's policy does not grant; what the kernel does not support.
    pub fn new(family: AddressFamily, kind: SocketKind) -> Result<Self> {
        Self::with_proto(family, kind, 0)
    }

    /// Creates a socket of a protocol, by its number: `socket(2)`.
    ///
    /// # Errors
    /// Those of [`Socket::new`], and `EPROTONOSUPPORT`.
    pub fn with_proto(family: AddressFamily, kind: SocketKind, proto: i32) -> Result<Self> {
        let number = u32::try_from(proto)
            .map_err(|_negative| Error::new("socket", ErrorCode::ProtocolNotSupported))?;
        let unsupported = || Error::new("socket", ErrorCode::AddressFamilyNotSupported);
        let wit_family = family.to_wit().ok_or_else(unsupported)?;
        let host = wit::Socket::create(wit_family, kind.to_wit(), number);
        Self::made(host.map_err(failed("socket"))?, family, kind, proto)
    }

    /// A new socket, with the timeout that its flags or the default say.
    pub(crate) fn made(
        host: wit::Socket,
        family: AddressFamily,
        kind: SocketKind,
        proto: i32,
    ) -> Result<Self> {
        let socket = Self::from_host(host, family, kind.without_flags(), proto);
        if kind.contains(SOCK_NONBLOCK) {
            socket.setblocking(false)?;
        } else {
            socket.apply_default_timeout()?;
        }
        Ok(socket)
    }

    /// A socket whose resource exists already.
    pub(crate) fn from_host(
        host: wit::Socket,
        family: AddressFamily,
        kind: SocketKind,
        proto: i32,
    ) -> Self {
        let host = Arc::new(host);
        let number = Number::new(Entry::Open(Arc::downgrade(&host)));
        Self {
            host,
            family,
            kind,
            proto,
            inheritable: AtomicBool::new(false),
            number,
        }
    }

    /// A socket with a descriptor of its own of the one that `fd` is the number
    /// of: Python's `fromfd`.
    ///
    /// # Errors
    /// `EBADF` where no socket of this guest has the number; `EMFILE`.
    pub fn fromfd(fd: i32, family: AddressFamily, kind: SocketKind, proto: i32) -> Result<Self> {
        let host = descriptor::lookup(fd).ok_or(Error::new("fromfd", ErrorCode::BadDescriptor))?;
        let duplicate = host.duplicate().map_err(failed("fromfd"))?;
        // The timeout is not a copy here, as it is with `dup`.
        duplicate
            .set_timeout(wit::Timeout::Blocking)
            .map_err(failed("fromfd"))?;
        Self::made(duplicate, family, kind, proto)
    }

    /// A listener that the guest was given under a name, by `--inherit-listen` or
    /// systemd; of several with that name the first. It listens already.
    ///
    /// They are also descriptors, from number 3 on and in order, for
    /// [`Socket::fromfd`] and [`Socket::from_fileno`]; the variables `LISTEN_FDS`
    /// and `LISTEN_FDNAMES` tell how many and their names.
    ///
    /// Others may have it too: options and `shutdown` are `EPERM`, and `listen`
    /// changes nothing.
    ///
    /// # Errors
    /// Where none has the name; `EMFILE`.
    pub fn inherited(name: &str) -> Result<Self> {
        let listeners = inherited::listeners();
        let place = listeners.iter().position(|listener| listener.name == name);
        let Some(place) = place else {
            let names: Vec<&str> = listeners.iter().map(|other| other.name.as_str()).collect();
            let there = match names.as_slice() {
                [] => "none were given".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            let message = format!("no inherited listener has the name `{name}`; {there}");
            return Err(Error::invalid("inherited", message));
        };
        let host = inherited::open(wit_length(place)).map_err(failed("inherited"))?;
        let (family, kind, proto) = descriptor::kind(&listeners[place]);
        let socket = Self::from_host(host, family, kind, proto);
        socket.apply_default_timeout()?;
        Ok(socket)
    }

    /// Takes over a descriptor that [`Socket::detach`] let go: Python's
    /// `socket(fileno=fd)`.
    ///
    /// # Errors
    /// `EBADF` where no detached socket has the number.
    pub fn from_fileno(fd: i32) -> Result<Self> {
        let detached =
            descriptor::attach(fd).ok_or(Error::new("socket", ErrorCode::BadDescriptor))?;
        let number = Number::take(fd, Entry::Open(Arc::downgrade(&detached.host)));
        let Detached {
            host,
            family,
            kind,
            proto,
        } = detached;
        Ok(Self {
            host,
            family,
            kind,
            proto,
            inheritable: AtomicBool::new(false),
            number,
        })
    }

    /// Another socket object of the same socket: `dup(2)`. Its timeout is a
    /// copy.
    ///
    /// # Errors
    /// `EMFILE`; `EBADF` once it is closed.
    pub fn dup(&self) -> Result<Self> {
        let host = self.host.duplicate().map_err(failed("dup"))?;
        Ok(Self::from_host(host, self.family, self.kind, self.proto))
    }

    /// The number that stands for the socket in this guest; -1 once it is
    /// closed or detached.
    pub fn fileno(&self) -> i32 {
        self.number.get()
    }

    /// Lets the socket go without closing it, and returns its number, which
    /// [`Socket::from_fileno`] and [`close`](crate::close) take.
    pub fn detach(self) -> i32 {
        let Self {
            host,
            family,
            kind,
            proto,
            inheritable: _,
            number,
        } = self;
        number.detach(Detached {
            host,
            family,
            kind,
            proto,
        })
    }

    /// Whether a child would inherit the descriptor. Guests have no children,
    /// so this is only what was set; false at first.
    pub fn get_inheritable(&self) -> bool {
        self.inheritable.load(Ordering::Relaxed)
    }

    /// Sets what [`Socket::get_inheritable`] tells.
    pub fn set_inheritable(&self, inheritable: bool) {
        self.inheritable.store(inheritable, Ordering::Relaxed);
    }

    /// A buffered reader of the socket: Python's `makefile("rb")`. It keeps the
    /// socket open.
    ///
    /// # Errors
    /// Those of [`Socket::dup`].
    pub fn makefile_reader(&self) -> Result<BufReader<Self>> {
        Ok(BufReader::new(self.dup()?))
    }

    /// A buffered writer to the socket: Python's `makefile("wb")`. It keeps the
    /// socket open, and flushes when it is dropped.
    ///
    /// # Errors
    /// Those of [`Socket::dup`].
    pub fn makefile_writer(&self) -> Result<BufWriter<Self>> {
        Ok(BufWriter::new(self.dup()?))
    }

    /// Gives the socket a local address: `bind(2)`. Port 0 is an ephemeral one.
    ///
    /// # Errors
    /// `EACCES` without a `listen` or `bind` grant, which any address with port 0
    /// does not need; `EADDRINUSE`;
    /// `EADDRNOTAVAIL`; `EINVAL` where it has an address already.
    pub fn bind(&self, address: impl ToAddress) -> Result<()> {
        self.with_address("bind", &address, |address| self.host.bind(address))
    }

    /// Makes the socket accept connections: `listen(2)`. `None` is a backlog of
    /// 128; a negative one is 0.
    ///
    /// # Errors
    /// `EACCES` without a `listen` grant for the local address; `EADDRINUSE`;
    /// `EOPNOTSUPP` for datagram sockets.
    pub fn listen(&self, backlog: impl Into<Option<i32>>) -> Result<()> {
        let backlog = backlog
            .into()
            .unwrap_or(DEFAULT_BACKLOG)
            .max(0)
            .unsigned_abs();
        self.host.listen(backlog).map_err(failed("listen"))
    }

    /// Waits for a connection: `accept(2)`. Returns its socket, which is
    /// blocking unless there is a default timeout, and its peer's address.
    ///
    /// # Errors
    /// A timeout, or `EAGAIN` for a non-blocking socket; `EINVAL` where the
    /// socket does not listen; `EMFILE`.
    pub fn accept(&self) -> Result<(Self, Address)> {
        let (host, peer) = self.host.accept().map_err(failed("accept"))?;
        let connection = Self::from_host(host, self.family, self.kind, self.proto);
        connection.apply_default_timeout()?;
        Ok((connection, peer.into()))
    }

    /// Connects to a peer: `connect(2)`.
    ///
    /// # Errors
    /// `EACCES` without a grant; `ECONNREFUSED`; a timeout; `EINPROGRESS` for a
    /// non-blocking socket; `EHOSTUNREACH` and its like.
    pub fn connect(&self, address: impl ToAddress) -> Result<()> {
        self.with_address("connect", &address, |address| self.host.connect(address))
    }

    /// Connects as [`Socket::connect`] does, and returns 0 or the errno.
    ///
    /// # Errors
    /// Only what has no errno: an address that cannot be read. A timeout is
    /// `EAGAIN`, as in Python.
    pub fn connect_ex(&self, address: impl ToAddress) -> Result<i32> {
        const EAGAIN: i32 = 11;
        match self.connect(address) {
            Ok(()) => Ok(0),
            Err(error) if error.is_timeout() => Ok(EAGAIN),
            Err(error) => error.errno().ok_or(error),
        }
    }

    /// Receives at most `bufsize` bytes: `recv(2)`. Nothing is the end of the
    /// stream, or what was asked for. The host may have a lower limit, 1 MiB by default.
    ///
    /// # Errors
    /// A timeout, or `EAGAIN` for a non-blocking socket; `ECONNRESET`;
    /// `ENOTCONN`.
    pub fn recv(&self, bufsize: usize) -> Result<Vec<u8>> {
        self.recv_flags(bufsize, MsgFlag::NONE)
    }

    /// [`Socket::recv`] with flags.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recv_flags(&self, bufsize: usize, flags: MsgFlag) -> Result<Vec<u8>> {
        if bufsize == 0 {
            // As CPython has it; recv(2) would wait for data all the same.
            return Ok(Vec::new());
        }
        self.host
            .recv(wit_length(bufsize), flags.to_receive())
            .map_err(failed("recv"))
    }

    /// Receives into `buffer` and returns the number of bytes: `recv(2)`.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        landing::recv(&self.host, buffer, MsgFlag::NONE.to_receive()).map_err(failed("recv"))
    }

    /// [`Socket::recv_into`] with flags. With `MSG_TRUNC` the number is the
    /// whole length of a datagram that is longer than `buffer`; of a TCP stream
    /// the data is thrown away, and the number is how much.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recv_into_flags(&self, buffer: &mut [u8], flags: MsgFlag) -> Result<usize> {
        if flags.contains(MSG_TRUNC) {
            let (count, _sender) = self.recvfrom_into_flags(buffer, flags)?;
            return Ok(count);
        }
        if buffer.is_empty() {
            return Ok(0);
        }
        landing::recv(&self.host, buffer, flags.to_receive()).map_err(failed("recv"))
    }

    /// Receives at most `bufsize` bytes, and the sender's address:
    /// `recvfrom(2)`. Streams have none.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recvfrom(&self, bufsize: usize) -> Result<(Vec<u8>, Option<Address>)> {
        self.recvfrom_flags(bufsize, MsgFlag::NONE)
    }

    /// [`Socket::recvfrom`] with flags.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recvfrom_flags(
        &self,
        bufsize: usize,
        flags: MsgFlag,
    ) -> Result<(Vec<u8>, Option<Address>)> {
        let received = self.host.recv_from(wit_length(bufsize), flags.to_receive());
        let (data, sender) = received.map_err(failed("recvfrom"))?;
        Ok((data, sender.map(Address::from)))
    }

    /// Receives into `buffer`, and returns the number of bytes and the sender's
    /// address: `recvfrom(2)`.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recvfrom_into(&self, buffer: &mut [u8]) -> Result<(usize, Option<Address>)> {
        let (data, sender) = self.recvfrom(buffer.len())?;
        Ok((fill(buffer, &data), sender))
    }

    /// [`Socket::recvfrom_into`] with flags; `MSG_TRUNC` is as in
    /// [`Socket::recv_into_flags`].
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recvfrom_into_flags(
        &self,
        buffer: &mut [u8],
        flags: MsgFlag,
    ) -> Result<(usize, Option<Address>)> {
        if flags.contains(MSG_TRUNC) {
            // The only call of the interface that tells a length.
            let (count, _, _, sender) = self.recvmsg_into(&mut [buffer], 0, flags)?;
            return Ok((count, sender));
        }
        let (data, sender) = self.recvfrom_flags(buffer.len(), flags)?;
        Ok((fill(buffer, &data), sender))
    }

    /// Sends what the kernel takes of `data`, and returns how much that is:
    /// `send(2)`.
    ///
    /// # Errors
    /// A timeout, or `EAGAIN` for a non-blocking socket; `EPIPE`; `ECONNRESET`;
    /// `ENOTCONN`; `EMSGSIZE`.
    pub fn send(&self, data: &[u8]) -> Result<usize> {
        self.send_flags(data, MsgFlag::NONE)
    }

    /// [`Socket::send`] with flags.
    ///
    /// # Errors
    /// Those of [`Socket::send`].
    pub fn send_flags(&self, data: &[u8], flags: MsgFlag) -> Result<usize> {
        let send = |piece: &[u8], flags: MsgFlag| self.host.send(piece, flags.to_send());
        let mut pieces = self.pieces(data);
        let first = pieces.next().unwrap_or_default();
        let mut sent = send(first, flags).map_err(failed("send"))? as usize;
        let mut is_whole = sent == first.len();
        // A count that is short only since it was cut would say that the kernel takes no
        // more: who waits for an edge then waits for ever.
        for piece in pieces {
            if !is_whole {
                break;
            }
            // An error is told by the next call.
            let count = send(piece, flags | MSG_DONTWAIT).unwrap_or(0) as usize;
            sent += count;
            is_whole = count == piece.len();
        }
        Ok(sent)
    }

    /// Sends all of `data`. The timeout is the total; after an error it is not
    /// known how much was sent.
    ///
    /// # Errors
    /// Those of [`Socket::send`].
    pub fn sendall(&self, data: &[u8]) -> Result<()> {
        self.sendall_flags(data, MsgFlag::NONE)
    }

    /// [`Socket::sendall`] with flags.
    ///
    /// # Errors
    /// Those of [`Socket::send`].
    pub fn sendall_flags(&self, data: &[u8], flags: MsgFlag) -> Result<()> {
        let failed = failed("sendall");
        if self.cut(data).len() == data.len() {
            return self.host.send_all(data, flags.to_send()).map_err(failed);
        }
        let timeout = match self.host.timeout() {
            Ok(timeout) => timeout,
            Err(code) => return Err(failed(code)),
        };
        let sent = match timeout {
            wit::Timeout::After(time) => {
                let sent = self.sendall_within(data, flags, Duration::from_nanos(time));
                self.host.set_timeout(timeout).and(sent)
            }
            _ => self
                .pieces(data)
                .try_for_each(|piece| self.host.send_all(piece, flags.to_send())),
        };
        sent.map_err(failed)
    }

    /// All pieces in one time.
    fn sendall_within(
        &self,
        data: &[u8],
        flags: MsgFlag,
        time: Duration,
    ) -> std::result::Result<(), ErrorCode> {
        let start = Instant::now();
        self.pieces(data).try_for_each(|piece| {
            let left = time.saturating_sub(start.elapsed()).as_nanos();
            // 0 would not wait at all, and say so.
            let left = u64::try_from(left).unwrap_or(u64::MAX).max(1);
            self.host.set_timeout(wit::Timeout::After(left))?;
            self.host.send_all(piece, flags.to_send())
        })
    }

    /// What one call takes of a stream's data. A message is not cut.
    fn cut<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        self.pieces(data).next().unwrap_or_default()
    }

    /// What one call takes of several buffers of a stream. A message is not cut.
    pub(crate) fn first_of(&self, buffers: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut room = match self.kind {
            SOCK_STREAM => PIECE,
            _ => usize::MAX,
        };
        let mut first = Vec::new();
        for buffer in buffers {
            let part = &buffer[..buffer.len().min(room)];
            room -= part.len();
            first.push(part.to_vec());
            if room == 0 {
                break;
            }
        }
        first
    }

    /// At least one piece, if of nothing: the kernel has a say there too.
    fn pieces<'a>(&self, data: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let most = match self.kind {
            SOCK_STREAM => PIECE,
            _ => usize::MAX,
        };
        let (first, rest) = data.split_at(data.len().min(most));
        std::iter::once(first).chain(rest.chunks(most))
    }

    /// Sends one datagram to `address`: `sendto(2)`. With `MSG_FASTOPEN`
    /// ([`Socket::sendto_flags`]) a TCP socket connects to it and sends.
    ///
    /// # Errors
    /// Those of [`Socket::send`], and `EACCES` without a `send` grant.
    pub fn sendto(&self, data: &[u8], address: impl ToAddress) -> Result<usize> {
        self.sendto_flags(data, MsgFlag::NONE, address)
    }

    /// [`Socket::sendto`] with flags.
    ///
    /// # Errors
    /// Those of [`Socket::sendto`].
    pub fn sendto_flags(
        &self,
        data: &[u8],
        flags: MsgFlag,
        address: impl ToAddress,
    ) -> Result<usize> {
        let sent = self.with_address("sendto", &address, |address| {
            self.host.send_to(data, flags.to_send(), address)
        });
        sent.map(|count| count as usize)
    }

    /// Ends one or both halves of the connection: `shutdown(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn shutdown(&self, how: Shutdown) -> Result<()> {
        self.host.shutdown(how.to_wit()).map_err(failed("shutdown"))
    }

    /// Closes the socket: `close(2)`. Whatever uses it afterwards fails with
    /// `EBADF`.
    ///
    /// # Errors
    /// What the kernel reports of earlier data; `EBADF` the second time. The
    /// socket is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.number.release();
        self.host.close().map_err(failed("close"))
    }

    /// The local address: `getsockname(2)`.
    ///
    /// # Errors
    /// `EBADF` once it is closed.
    pub fn getsockname(&self) -> Result<Address> {
        self.host
            .local_address()
            .map(Address::from)
            .map_err(failed("getsockname"))
    }

    /// The peer's address: `getpeername(2)`.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub fn getpeername(&self) -> Result<Address> {
        self.host
            .remote_address()
            .map(Address::from)
            .map_err(failed("getpeername"))
    }

    /// How long operations wait: `None` is forever, zero not at all. The host
    /// does the waiting; the system's socket is not changed.
    ///
    /// # Errors
    /// `EBADF` once it is closed.
    pub fn settimeout(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let timeout = match timeout.into() {
            None => wit::Timeout::Blocking,
            Some(Duration::ZERO) => wit::Timeout::NonBlocking,
            Some(time) => wit::Timeout::After(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        };
        self.host.set_timeout(timeout).map_err(failed("settimeout"))
    }

    /// How long operations wait.
    ///
    /// # Errors
    /// `EBADF` once it is closed.
    pub fn gettimeout(&self) -> Result<Option<Duration>> {
        Ok(match self.host.timeout().map_err(failed("gettimeout"))? {
            wit::Timeout::Blocking => None,
            wit::Timeout::NonBlocking => Some(Duration::ZERO),
            wit::Timeout::After(nanoseconds) => Some(Duration::from_nanos(nanoseconds)),
        })
    }

    /// `settimeout(None)`, or of zero.
    ///
    /// # Errors
    /// `EBADF` once it is closed.
    pub fn setblocking(&self, blocking: bool) -> Result<()> {
        self.settimeout(if blocking { None } else { Some(Duration::ZERO) })
    }

    /// Whether operations wait at all.
    ///
    /// # Errors
    /// `EBADF` once it is closed.
    pub fn getblocking(&self) -> Result<bool> {
        Ok(self.gettimeout()? != Some(Duration::ZERO))
    }

    /// The address family.
    pub fn family(&self) -> AddressFamily {
        self.family
    }

    /// The socket type; Python's `type`.
    pub fn kind(&self) -> SocketKind {
        self.kind
    }

    /// The protocol number.
    pub fn proto(&self) -> i32 {
        self.proto
    }

    /// The resource behind it, for what the WIT can and this SDK does not yet.
    pub fn as_resource(&self) -> &crate::wit::Socket {
        &self.host
    }

    fn apply_default_timeout(&self) -> Result<()> {
        match crate::timeout::getdefaulttimeout() {
            None => Ok(()),
            timeout => self.settimeout(timeout),
        }
    }

    pub(crate) fn host(&self) -> &wit::Socket {
        &self.host
    }

    /// What one call sends of several buffers: a whole message, or the beginning
    /// of a stream.
    fn gather<'a>(&self, buffers: &'a [IoSlice<'_>]) -> Cow<'a, [u8]> {
        let most = match self.kind {
            SOCK_STREAM => GATHERED,
            _ => usize::MAX,
        };
        let mut buffers = buffers.iter().filter(|buffer| !buffer.is_empty());
        let first = buffers.next().map_or(&[][..], |first| first);
        let mut gathered = Cow::Borrowed(first);
        for buffer in buffers {
            let room = most.saturating_sub(gathered.len());
            if room == 0 {
                break;
            }
            gathered
                .to_mut()
                .extend_from_slice(&buffer[..buffer.len().min(room)]);
        }
        gathered
    }

    /// The protocol as the kernel reports it, where 0 stood for the default.
    pub(crate) fn protocol_number(&self) -> i32 {
        match (self.family, self.kind, self.proto) {
            (AF_INET | AF_INET6, SOCK_STREAM, 0) => IPPROTO_TCP,
            (AF_INET | AF_INET6, SOCK_DGRAM, 0) => IPPROTO_UDP,
            (_, _, proto) => proto,
        }
    }

    pub(crate) fn with_address<T>(
        &self,
        operation: &'static str,
        address: &(impl ToAddress + ?Sized),
        act: impl FnOnce(&crate::bindings::types::Address) -> std::result::Result<T, ErrorCode>,
    ) -> Result<T> {
        let address = address.to_address(self.family)?;
        act(&address.to_wit()).map_err(|code| Error::new(operation, code).on(&address))
    }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_into(buffer)?)
    }
}

impl Write for &Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(self.send(data)?)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.send(&self.gather(buffers))?)
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        Ok(self.sendall(data)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        (&*self).write(data)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(buffers)
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        (&*self).write_all(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn failed(operation: &'static str) -> impl FnOnce(ErrorCode) -> Error {
    move |code| Error::new(operation, code)
}

/// More than the WIT can say is more than any host gives.
pub(crate) fn wit_length(bufsize: usize) -> u32 {
    u32::try_from(bufsize).unwrap_or(u32::MAX)
}

/// The host gives at most what was asked for.
fn fill(buffer: &mut [u8], data: &[u8]) -> usize {
    let count = data.len().min(buffer.len());
    buffer[..count].copy_from_slice(&data[..count]);
    count
}
