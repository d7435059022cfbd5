//! Sockets: socket(2), bind(2), listen(2), accept(2), connect(2), and what
//! sends and receives without ancillary data.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::rc::Rc;
use std::time::Duration;

use capsock_guest::{
    AddressFamily, MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MsgFlag, SHUT_RD, SHUT_RDWR,
    SHUT_WR, SO_ERROR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, Socket, SocketKind,
    socketpair_with,
};

use crate::address::{self, Given, Length};
use crate::bindings::monotonic_clock::now;
use crate::errno::{self, Errno, Result};
use crate::event::nanoseconds;
use crate::memory;
use crate::table::{self, Kind, Object};
use crate::thread::scheduler::{self, Source, Sources};
use crate::thread::signal;
use crate::wait;

/// What one message may have: the kernel's own limit is lower, and the host traps
/// where a call hands over much more.
const LARGEST_MESSAGE: usize = 1 << 20;

/// How long is waited for what nothing tells of.
const PAUSE: Duration = Duration::from_millis(1);

/// What a timeout of the host is to be.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// A socket, and the times that C has for it. The host has one time for all
/// operations, so it is told where it differs.
pub(crate) struct Sock {
    pub(crate) host: Socket,
    pub(crate) receive_timeout: Cell<Option<Duration>>,
    pub(crate) send_timeout: Cell<Option<Duration>>,
    /// Of the two forms of the time of arrival, whether the older is wanted.
    pub(crate) wants_timeval: Cell<bool>,
    told: Cell<Option<Duration>>,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Receive,
    Send,
}

impl Sock {
    pub(crate) fn new(host: Socket) -> Self {
        Self {
            host,
            receive_timeout: Cell::new(None),
            send_timeout: Cell::new(None),
            wants_timeval: Cell::new(false),
            // Every new one waits.
            told: Cell::new(None),
            source: Source::new(),
        }
    }

    /// Does what may wait: the host waits where this thread is the only one, and
    /// the scheduler where others can run meanwhile. EAGAIN is that the time is up.
    pub(crate) fn blocking<T>(
        &self,
        nonblocking: bool,
        direction: Direction,
        mut act: impl FnMut(&Socket) -> Result<T>,
    ) -> Result<T> {
        if nonblocking || !scheduler::are_many() {
            let restarts = self.timeout(direction).is_none();
            let done =
                signal::uninterrupted(restarts, || act(self.prepare(nonblocking, direction)?));
            return scheduler::yield_on(Errno::EAGAIN, done);
        }
        scheduler::check_interrupt()?;
        let deadline = self.deadline(direction);
        loop {
            match act(self.prepare(true, direction)?) {
                Err(Errno::EAGAIN) if self.wait(direction, deadline)? => {}
                done => return done,
            }
        }
    }

    /// When an operation that begins now is to end.
    fn deadline(&self, direction: Direction) -> Option<u64> {
        let time = self.timeout(direction)?;
        Some(now().saturating_add(nanoseconds(time)))
    }

    /// Lets others run until something happens, and tells whether it did in time.
    pub(crate) fn wait(&self, direction: Direction, deadline: Option<u64>) -> Result<bool> {
        let events = match direction {
            Direction::Receive => wait::IN | wait::PRI,
            Direction::Send => wait::OUT,
        };
        let sources = Sources::of(&self.source, events, |poller, key, interest, trigger| {
            Ok(poller.register(self.host.as_resource(), key, interest, trigger)?)
        })?;
        match deadline {
            None => signal::restarting(sources.wait(None)),
            Some(_) => sources.wait(deadline),
        }
    }

    fn timeout(&self, direction: Direction) -> Option<Duration> {
        match direction {
            Direction::Receive => self.receive_timeout.get(),
            Direction::Send => self.send_timeout.get(),
        }
    }

    /// Has the host wait as long as this operation may.
    pub(crate) fn prepare(&self, nonblocking: bool, direction: Direction) -> Result<&Socket> {
        let time = match nonblocking {
            true => AT_ONCE,
            false => self.timeout(direction),
        };
        if self.told.get() != time {
            self.host.settimeout(time)?;
            self.told.set(time);
        }
        Ok(&self.host)
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.host.kind() == SOCK_STREAM
    }

    /// recv(2) into `room`.
    pub(crate) fn receive(
        &self,
        nonblocking: bool,
        room: &mut [u8],
        flags: MsgFlag,
    ) -> Result<usize> {
        let nonblocking = nonblocking || flags.contains(MSG_DONTWAIT);
        let receive = |room: &mut [u8], flags| {
            self.blocking(nonblocking, Direction::Receive, |host| {
                if room.is_empty() {
                    // It waits, takes a message, and tells errors, as any other.
                    let (data, _sender) = host.recvfrom_flags(0, flags)?;
                    return Ok(data.len());
                }
                Ok(host.recv_into_flags(room, flags)?)
            })
        };
        let waits_for_all = flags.contains(MSG_WAITALL) && !flags.contains(MSG_PEEK);
        if nonblocking || !waits_for_all || !self.is_stream() || !scheduler::are_many() {
            return receive(room, flags);
        }
        // Which the host waits for only where it may wait at all.
        let flags = MsgFlag::from_bits(flags.bits() & !MSG_WAITALL.bits());
        let mut received = 0;
        while received < room.len() {
            match receive(&mut room[received..], flags) {
                Ok(0) => break,
                Ok(count) => received += count,
                Err(errno) if received == 0 || errno == Errno::CANCEL => return Err(errno),
                Err(_later) => break,
            }
        }
        Ok(received)
    }

    /// send(2). A blocking one sends all of a stream's data.
    pub(crate) fn send(&self, nonblocking: bool, data: &[u8], flags: MsgFlag) -> Result<usize> {
        if !self.is_stream() && data.len() > LARGEST_MESSAGE {
            return Err(Errno::EMSGSIZE);
        }
        let nonblocking = nonblocking || flags.contains(MSG_DONTWAIT);
        let sent = self.blocking(nonblocking, Direction::Send, |host| {
            Ok(host.send_flags(data, flags)?)
        })?;
        self.send_rest(nonblocking, data, sent, flags)
    }

    /// The rest of a stream's data, of which `sent` bytes are sent.
    pub(crate) fn send_rest(
        &self,
        nonblocking: bool,
        data: &[u8],
        mut sent: usize,
        flags: MsgFlag,
    ) -> Result<usize> {
        if nonblocking || flags.contains(MSG_DONTWAIT) || !self.is_stream() {
            return Ok(sent);
        }
        while sent < data.len() {
            let rest = self.blocking(false, Direction::Send, |host| {
                Ok(host.send_flags(&data[sent..], flags)?)
            });
            match rest {
                Err(Errno::CANCEL) => return Err(Errno::CANCEL),
                Ok(0) | Err(_) => break,
                Ok(count) => sent += count,
            }
        }
        Ok(sent)
    }

    /// The end of a connect(2) that is under way.
    fn wait_for_connection(&self, deadline: Option<u64>) -> Result<()> {
        loop {
            if !self.wait(Direction::Send, deadline)? {
                return Err(Errno::EINPROGRESS);
            }
            let error = self.host.getsockopt(SOL_SOCKET, SO_ERROR)?;
            if error != 0 {
                return Err(Errno::of_linux(error));
            }
            if self.host.getpeername().is_ok() {
                return Ok(());
            }
        }
    }

    /// How much could be read: FIONREAD. Of a stream at most a megabyte.
    pub(crate) fn pending(&self) -> Result<usize> {
        const MOST: usize = 1 << 20;
        let host = self.prepare(true, Direction::Receive)?;
        let pending = if self.is_stream() {
            host.recv_flags(MOST, MSG_PEEK).map(|data| data.len())
        } else {
            host.recv_into_flags(&mut [0; 1], MSG_PEEK | MSG_TRUNC)
        };
        match pending.map_err(Errno::from) {
            Err(Errno::EAGAIN) => Ok(0),
            pending => pending,
        }
    }
}

/// The flags that are joined to a type.
struct Flags {
    kind: SocketKind,
    nonblocking: bool,
    close_on_exec: bool,
}

impl Flags {
    fn of(kind: c_int) -> Result<Self> {
        let known = 0xf | SOCK_NONBLOCK.number() | SOCK_CLOEXEC.number();
        if kind & !known != 0 {
            return Err(Errno::EINVAL);
        }
        Ok(Self {
            kind: SocketKind::from_number(kind & 0xf).ok_or(Errno::EINVAL)?,
            nonblocking: kind & SOCK_NONBLOCK.number() != 0,
            close_on_exec: kind & SOCK_CLOEXEC.number() != 0,
        })
    }

    fn insert(&self, socket: Sock) -> Result<c_int> {
        let object = Object::new(Kind::Socket(socket), self.nonblocking);
        table::insert(object, self.close_on_exec)
    }
}

fn with_socket<T>(fd: c_int, act: impl FnOnce(&Object, &Sock) -> Result<T>) -> Result<T> {
    let object = table::lookup(fd)?;
    act(&object, object.socket()?)
}

/// socket(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    let make = || {
        let flags = Flags::of(kind)?;
        let family = AddressFamily::from_number(family);
        flags.insert(Sock::new(Socket::with_proto(family, flags.kind, protocol)?))
    };
    errno::int(make())
}

/// socketpair(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_socketpair(
    family: c_int,
    kind: c_int,
    protocol: c_int,
    pair: *mut c_int,
) -> c_int {
    let make = || {
        let flags = Flags::of(kind)?;
        if pair.is_null() {
            return Err(Errno::EFAULT);
        }
        let family = AddressFamily::from_number(family);
        let (first, second) = socketpair_with(family, flags.kind, protocol)?;
        let first = flags.insert(Sock::new(first))?;
        let second = flags.insert(Sock::new(second)).inspect_err(|_full| {
            drop(table::remove(first));
        })?;
        // SAFETY: socketpair(2) has room for two.
        unsafe { memory::put(pair.cast::<[c_int; 2]>(), [first, second]) }
    };
    errno::nothing(make())
}

/// bind(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_bind(fd: c_int, start: *const c_void, length: Length) -> c_int {
    errno::nothing(with_socket(fd, |_object, socket| {
        // SAFETY: as bind(2) says.
        let local = unsafe { address::read(start, length)? };
        Ok(socket.host.bind(Given(local))?)
    }))
}

/// listen(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_listen(fd: c_int, backlog: c_int) -> c_int {
    errno::nothing(with_socket(fd, |_object, socket| {
        Ok(socket.host.listen(backlog)?)
    }))
}

/// accept(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_accept(
    fd: c_int,
    start: *mut c_void,
    length: *mut Length,
) -> c_int {
    // SAFETY: as accept(2) says.
    unsafe { __wrap_accept4(fd, start, length, 0) }
}

/// accept4(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_accept4(
    fd: c_int,
    start: *mut c_void,
    length: *mut Length,
    flags: c_int,
) -> c_int {
    errno::int(with_socket(fd, |object, listener| {
        let flags = Flags::of(flags | SOCK_STREAM.number())?;
        let nonblocking = object.is_nonblocking();
        let (connection, peer) =
            listener.blocking(nonblocking, Direction::Receive, |host| Ok(host.accept()?))?;
        let connection = Sock::new(connection);
        // As the kernel has it, which copies the listener.
        connection
            .receive_timeout
            .set(listener.receive_timeout.get());
        connection.send_timeout.set(listener.send_timeout.get());
        // SAFETY: as accept(2) says.
        unsafe { address::write(start, length, Some(&peer))? };
        flags.insert(connection)
    }))
}

/// connect(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_connect(fd: c_int, start: *const c_void, length: Length) -> c_int {
    errno::nothing(with_socket(fd, |object, socket| {
        // SAFETY: as connect(2) says.
        if unsafe { address::is_unspecified(start, length) } {
            // To disconnect is none of the interface's operations.
            return Err(Errno::EAFNOSUPPORT);
        }
        // SAFETY: as connect(2) says.
        let remote = unsafe { address::read(start, length)? };
        let connect = |nonblocking| {
            let host = socket.prepare(nonblocking, Direction::Send)?;
            host.connect(Given(remote.clone())).map_err(|error| {
                // It goes on: SO_SNDTIMEO of socket(7).
                if error.is_timeout() {
                    Errno::EINPROGRESS
                } else {
                    error.into()
                }
            })
        };
        let nonblocking = object.is_nonblocking();
        if nonblocking || !scheduler::are_many() {
            let restarts = socket.timeout(Direction::Send).is_none();
            let mut is_begun = false;
            return loop {
                match connect(nonblocking) {
                    Err(Errno::EINTR) if !signal::interrupts(restarts) => is_begun = true,
                    Err(Errno::EALREADY) if is_begun => {
                        break socket.wait_for_connection(socket.deadline(Direction::Send));
                    }
                    Err(Errno::EISCONN) if is_begun => break Ok(()),
                    done => break done,
                }
            };
        }
        scheduler::check_cancel()?;
        let deadline = socket.deadline(Direction::Send);
        loop {
            match connect(true) {
                Err(Errno::EINPROGRESS) => return socket.wait_for_connection(deadline),
                // The queue of a Unix listener is full, which nothing tells the end of.
                Err(Errno::EAGAIN) if deadline.is_none_or(|deadline| now() < deadline) => {
                    scheduler::sleep(PAUSE)?;
                }
                done => return done,
            }
        }
    }))
}

/// shutdown(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_shutdown(fd: c_int, how: c_int) -> c_int {
    errno::nothing(with_socket(fd, |_object, socket| {
        let how = match how {
            0 => SHUT_RD,
            1 => SHUT_WR,
            2 => SHUT_RDWR,
            _ => return Err(Errno::EINVAL),
        };
        Ok(socket.host.shutdown(how)?)
    }))
}

/// getsockname(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getsockname(
    fd: c_int,
    start: *mut c_void,
    length: *mut Length,
) -> c_int {
    errno::nothing(with_socket(fd, |_object, socket| {
        let local = socket.host.getsockname()?;
        // SAFETY: as getsockname(2) says.
        unsafe { address::write(start, length, Some(&local)) }
    }))
}

/// getpeername(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getpeername(
    fd: c_int,
    start: *mut c_void,
    length: *mut Length,
) -> c_int {
    errno::nothing(with_socket(fd, |_object, socket| {
        let peer = socket.host.getpeername()?;
        // SAFETY: as getpeername(2) says.
        unsafe { address::write(start, length, Some(&peer)) }
    }))
}

/// recv(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_recv(
    fd: c_int,
    start: *mut c_void,
    length: usize,
    flags: c_int,
) -> isize {
    errno::count(with_socket(fd, |object, socket| {
        // SAFETY: as recv(2) says.
        let room = unsafe { memory::room(start, length)? };
        socket.receive(object.is_nonblocking(), room, MsgFlag::from_bits(flags))
    }))
}

/// recvfrom(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_recvfrom(
    fd: c_int,
    start: *mut c_void,
    length: usize,
    flags: c_int,
    sender: *mut c_void,
    sender_length: *mut Length,
) -> isize {
    errno::count(with_socket(fd, |object, socket| {
        // SAFETY: as recvfrom(2) says.
        let room = unsafe { memory::room(start, length)? };
        let flags = MsgFlag::from_bits(flags);
        if sender.is_null() {
            return socket.receive(object.is_nonblocking(), room, flags);
        }
        let nonblocking = object.is_nonblocking() || flags.contains(MSG_DONTWAIT);
        let (count, from) = socket.blocking(nonblocking, Direction::Receive, |host| {
            Ok(host.recvfrom_into_flags(room, flags)?)
        })?;
        // SAFETY: as recvfrom(2) says.
        unsafe { address::write(sender, sender_length, address::sender(from).as_ref())? };
        Ok(count)
    }))
}

/// send(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_send(
    fd: c_int,
    start: *const c_void,
    length: usize,
    flags: c_int,
) -> isize {
    errno::count(with_socket(fd, |object, socket| {
        // SAFETY: as send(2) says.
        let data = unsafe { memory::bytes(start, length)? };
        socket.send(object.is_nonblocking(), data, MsgFlag::from_bits(flags))
    }))
}

/// sendto(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sendto(
    fd: c_int,
    start: *const c_void,
    length: usize,
    flags: c_int,
    receiver: *const c_void,
    receiver_length: Length,
) -> isize {
    errno::count(with_socket(fd, |object, socket| {
        // SAFETY: as sendto(2) says.
        let data = unsafe { memory::bytes(start, length)? };
        let flags = MsgFlag::from_bits(flags);
        if receiver.is_null() || receiver_length == 0 {
            return socket.send(object.is_nonblocking(), data, flags);
        }
        if data.len() > LARGEST_MESSAGE {
            return Err(Errno::EMSGSIZE);
        }
        // SAFETY: as sendto(2) says.
        let receiver = unsafe { address::read(receiver, receiver_length)? };
        let nonblocking = object.is_nonblocking() || flags.contains(MSG_DONTWAIT);
        socket.blocking(nonblocking, Direction::Send, |host| {
            Ok(host.sendto_flags(data, flags, Given(receiver.clone()))?)
        })
    }))
}

/// sockatmark(3): the interface does not tell it.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_sockatmark(fd: c_int) -> c_int {
    errno::int(with_socket(fd, |_object, _socket| Err(Errno::ENOTTY)))
}

/// Closes what a number led to, and tells what the kernel has to say of it.
pub(crate) fn close(object: Rc<Object>) -> Result<()> {
    match &object.kind {
        Kind::Socket(socket) if table::is_last(&object) => Ok(socket.host.close()?),
        _ => Ok(()),
    }
}
