//! TCP: a socket of the host's, and where it stands between made and closed.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use capsock_checked::io::poll::Pollable;
use capsock_checked::io::streams::{InputStream, OutputStream, StreamError};
use capsock_checked::{Accepted, ErrorCode, ShutdownType, Tcp, TcpSocket, grants};
use capsock_policy::operation::Listen;
use capsock_policy::{AddressFamily, Errno, Protocol};

use super::{Ready, Shutdown, settings::Settings};
use crate::errors::{errno, stream_errno};
use crate::wait::Deadline;

/// How much is asked of a stream at once: more than hosts give.
const PIECE: usize = 64 << 10;

/// A TCP socket. One that could not connect gets another of the host's, which has no
/// second attempt.
#[derive(Debug)]
pub(crate) struct Stream {
    family: AddressFamily,
    state: RefCell<State>,
    /// What the guest bound it to.
    bound: Cell<Option<SocketAddr>>,
    /// What waits for the next operation: `SO_ERROR`.
    error: Cell<Option<Errno>>,
    settings: RefCell<Settings>,
}

#[derive(Debug)]
enum State {
    Fresh(Tcp),
    Connecting(Tcp),
    Connected(Connection),
    Listening {
        /// Accepted to see whether there is one, and not asked for yet.
        next: Option<Accepted>,
        socket: Tcp,
    },
    /// For a moment, while it becomes another one; and where the host has none.
    Closed,
}

/// The streams end before the socket that they are of.
#[derive(Debug)]
struct Connection {
    input: InputStream,
    output: OutputStream,
    socket: Tcp,
    peer: Option<SocketAddr>,
    /// Received, and not asked for yet.
    buffer: VecDeque<u8>,
    /// Nothing more comes.
    ended: bool,
    /// An error comes before the end.
    error: Option<Errno>,
    /// The guest's own doing.
    receives: bool,
    sends: bool,
    /// The guest knows that it is connected.
    told: bool,
}

thread_local! {
    /// Closed, and not sent to their end yet: to drop them would wait for that.
    static UNSENT: RefCell<Vec<Connection>> = const { RefCell::new(Vec::new()) };
}

impl Stream {
    pub(crate) fn create(family: AddressFamily) -> Result<Self, Errno> {
        let socket = Tcp::create(family).map_err(errno)?;
        Ok(Self::of(family, State::Fresh(socket), None))
    }

    fn of(family: AddressFamily, state: State, bound: Option<SocketAddr>) -> Self {
        Self {
            family,
            state: RefCell::new(state),
            bound: Cell::new(bound),
            error: Cell::new(None),
            settings: RefCell::default(),
        }
    }

    pub(crate) fn bind(&self, local: SocketAddr) -> Result<(), Errno> {
        let state = self.state.borrow();
        let State::Fresh(socket) = &*state else {
            return Err(Errno::InvalidArgument);
        };
        if self.bound.get().is_some() {
            return Err(Errno::InvalidArgument);
        }
        bind(socket, local)?;
        self.bound.set(Some(local));
        Ok(())
    }

    pub(crate) fn listen(&self, backlog: u32) -> Result<(), Errno> {
        let mut state = self.state.borrow_mut();
        // WASI takes no 0, which is the shortest queue.
        let backlog = u64::from(backlog.max(1));
        let socket = match &*state {
            State::Fresh(socket) => socket,
            State::Listening { socket, .. } => {
                // Not every host can change it, and none has to.
                return match socket.socket().set_listen_backlog_size(backlog) {
                    Ok(()) | Err(ErrorCode::NotSupported) => Ok(()),
                    Err(code) => Err(errno(code)),
                };
            }
            _ => return Err(Errno::InvalidArgument),
        };
        let local = self.bound.get().unwrap_or(any(self.family));
        grants::vet::<Listen>(Protocol::Tcp, local)?;
        if self.bound.get().is_none() {
            bind(socket, local)?;
            self.bound.set(Some(local));
        }
        let begun = socket.socket().set_listen_backlog_size(backlog);
        begun.map_err(errno)?;
        socket.start_listen().map_err(errno)?;
        finish(socket, || socket.socket().finish_listen())?;
        state.become_next(|state| match state {
            State::Fresh(socket) => State::Listening { next: None, socket },
            state => state,
        });
        Ok(())
    }

    /// The next connection, and who it is of.
    pub(crate) fn accept(&self, deadline: Deadline) -> Result<(Self, SocketAddr), Errno> {
        let accept = || {
            let mut state = self.state.borrow_mut();
            let State::Listening { next, socket } = &mut *state else {
                return Err(Errno::InvalidArgument);
            };
            match next.take() {
                // The guest may have given up what admitted it since.
                Some(next) if socket.admits(next.peer) => Ok(next),
                _ => socket.accept().map_err(errno),
            }
        };
        let accepted = deadline.attempt(accept, || self.pollable(Interest::Input))?;
        let Accepted {
            socket,
            peer,
            input,
            output,
        } = accepted;
        let connection = Connection::new(socket, input, output, Some(peer), true);
        let bound = self.bound.get();
        let stream = Self::of(self.family, State::Connected(connection), bound);
        stream.settings.replace(self.settings.borrow().inherited());
        Ok((stream, peer))
    }

    pub(crate) fn connect(&self, remote: SocketAddr, deadline: Deadline) -> Result<(), Errno> {
        match self.told_connect()? {
            Told::Nothing => {}
            Told::Connected => return Ok(()),
        }
        {
            let mut state = self.state.borrow_mut();
            let State::Fresh(socket) = &*state else {
                return Err(Errno::IsConnected);
            };
            socket.begin_connect(remote).map_err(errno)?;
            state.become_next(|state| match state {
                State::Fresh(socket) => State::Connecting(socket),
                state => state,
            });
        }
        loop {
            self.progress();
            if let Some(error) = self.error.take() {
                return Err(error);
            }
            match &mut *self.state.borrow_mut() {
                State::Connected(connection) => {
                    connection.told = true;
                    return Ok(());
                }
                State::Connecting(_) if !deadline.waits() => return Err(Errno::InProgress),
                _ => {}
            }
            deadline.wait(self.pollable(Interest::Output))?;
        }
    }

    /// What an earlier connect, which went on by itself, has to say to another one.
    fn told_connect(&self) -> Result<Told, Errno> {
        self.progress();
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        match &mut *self.state.borrow_mut() {
            State::Fresh(_) => Ok(Told::Nothing),
            State::Connecting(_) => Err(Errno::AlreadyInProgress),
            State::Closed => Err(Errno::InvalidArgument),
            State::Connected(connection) if !connection.told => {
                connection.told = true;
                Ok(Told::Connected)
            }
            _ => Err(Errno::IsConnected),
        }
    }

    /// Goes on with a connect that is under way.
    fn progress(&self) {
        let mut state = self.state.borrow_mut();
        let State::Connecting(socket) = &*state else {
            return;
        };
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => {}
            Ok((input, output)) => {
                let peer = socket.remote_address().ok();
                state.become_next(|state| match state {
                    State::Connecting(socket) => {
                        State::Connected(Connection::new(socket, input, output, peer, false))
                    }
                    state => state,
                });
                if let State::Connected(connection) = &*state {
                    self.settings.borrow_mut().apply(connection.socket.socket());
                }
            }
            Err(code) => {
                self.error.set(Some(errno(code)));
                // Without another one there is no other attempt. The former one gives
                // its address up first.
                *state = State::Closed;
                if let Ok(socket) = self.another() {
                    *state = State::Fresh(socket);
                }
            }
        }
    }

    /// A socket of the host's as this one was before its connect.
    fn another(&self) -> Result<Tcp, Errno> {
        let socket = Tcp::create(self.family).map_err(errno)?;
        self.settings.borrow_mut().apply(socket.socket());
        if let Some(local) = self.bound.get() {
            bind(&socket, local)?;
        }
        Ok(socket)
    }

    /// At most `most` bytes, and at least one but at the stream's end. With `peek`
    /// they stay.
    pub(crate) fn receive(
        &self,
        most: usize,
        peek: bool,
        deadline: Deadline,
    ) -> Result<Vec<u8>, Errno> {
        let receive = || {
            self.progress();
            self.tell_error()?;
            match &mut *self.state.borrow_mut() {
                State::Connected(_) if most == 0 => Ok(Vec::new()),
                State::Connected(connection) => connection.receive(most, peek),
                State::Connecting(_) => Err(Errno::WouldBlock),
                _ => Err(Errno::NotConnected),
            }
        };
        deadline.attempt(receive, || self.pollable(Interest::Input))
    }

    /// Sends what the host takes of it.
    pub(crate) fn send(&self, data: &[u8], deadline: Deadline) -> Result<usize, Errno> {
        let send = || {
            self.progress();
            self.tell_error()?;
            match &mut *self.state.borrow_mut() {
                State::Connected(connection) => connection.send(data),
                State::Connecting(_) => Err(Errno::WouldBlock),
                _ => Err(Errno::BrokenPipe),
            }
        };
        let sent = deadline.attempt(send, || self.pollable(Interest::Output))?;
        if deadline.waits() {
            self.until_taken(deadline);
        }
        Ok(sent)
    }

    /// Waits until the kernel has what the host has taken: where it could not have all
    /// at once, the host goes on by itself, and ends with the program.
    fn until_taken(&self, deadline: Deadline) {
        loop {
            match &*self.state.borrow() {
                State::Connected(connection) if connection.is_sending() => {}
                _ => return,
            }
            if deadline.wait(self.pollable(Interest::Output)).is_err() {
                // It goes on.
                return;
            }
        }
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        self.progress();
        match &mut *self.state.borrow_mut() {
            State::Connected(connection) => connection.shutdown(how),
            // It would have to stop listening and stay bound.
            State::Listening { .. } => Err(Errno::NotSupported),
            _ => Err(Errno::NotConnected),
        }
    }

    pub(crate) fn local_address(&self) -> SocketAddr {
        let state = self.state.borrow();
        let told = state
            .socket()
            .and_then(|socket| socket.local_address().ok());
        // There is none before the bind, and while it connects.
        let own = || self.bound.get().unwrap_or(any(self.family));
        told.unwrap_or_else(own)
    }

    pub(crate) fn remote_address(&self) -> Result<SocketAddr, Errno> {
        self.progress();
        match &*self.state.borrow() {
            State::Connected(connection) => connection.peer.ok_or(Errno::NotConnected),
            _ => Err(Errno::NotConnected),
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(&*self.state.borrow(), State::Listening { .. })
    }

    /// The host's socket, for its options; `None` while it connects, when the host has
    /// none to be asked.
    pub(crate) fn with_socket<T>(&self, use_it: impl FnOnce(&TcpSocket) -> T) -> Option<T> {
        self.progress();
        match &*self.state.borrow() {
            State::Connecting(_) => None,
            state => state.socket().map(|socket| use_it(socket.socket())),
        }
    }

    pub(crate) fn settings(&self) -> &RefCell<Settings> {
        &self.settings
    }

    pub(crate) fn take_error(&self) -> Option<Errno> {
        self.progress();
        let earlier = self.error.take();
        earlier.or_else(|| match &mut *self.state.borrow_mut() {
            State::Connected(connection) => connection.error.take(),
            _ => None,
        })
    }

    /// For the next operation.
    pub(super) fn keep_error(&self, error: Errno) {
        self.error.set(Some(error));
    }

    fn tell_error(&self) -> Result<(), Errno> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// What epoll(7) would say of it.
    pub(crate) fn ready(&self, asked: Ready) -> Ready {
        self.progress();
        let mut state = self.state.borrow_mut();
        let mut ready = match &mut *state {
            // Never connected.
            State::Fresh(_) => Ready::WRITABLE | Ready::HANG_UP,
            State::Connecting(_) | State::Closed => Ready::empty(),
            State::Connected(connection) => connection.ready(asked),
            State::Listening { next, socket } => {
                if next.is_none() {
                    *next = socket.accept().ok();
                }
                match next {
                    Some(_) => Ready::READABLE,
                    None => Ready::empty(),
                }
            }
        };
        if self.error.get().is_some() {
            ready |= Ready::READABLE | Ready::READ_HANG_UP | Ready::ERROR;
        }
        ready
    }

    /// What becomes ready as the socket may; `None` where nothing will.
    pub(crate) fn pollable(&self, interest: Interest) -> Option<Pollable> {
        match (&*self.state.borrow(), interest) {
            (State::Connecting(socket), _) | (State::Listening { socket, .. }, Interest::Input) => {
                Some(socket.socket().subscribe())
            }
            (State::Connected(connection), Interest::Input) => Some(connection.input.subscribe()),
            (State::Connected(connection), Interest::Output) => Some(connection.output.subscribe()),
            (State::Fresh(_) | State::Listening { .. } | State::Closed, _) => None,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let state = self.state.replace(State::Closed);
        if let State::Connected(connection) = state
            && connection.is_sending()
        {
            // The peer reads the end after what is under way.
            _ = connection.socket.socket().shutdown(ShutdownType::Send);
            UNSENT.with(|unsent| unsent.borrow_mut().push(connection));
        }
    }
}

/// Which direction is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Input,
    Output,
}

enum Told {
    Nothing,
    Connected,
}

impl State {
    fn socket(&self) -> Option<&Tcp> {
        match self {
            Self::Fresh(socket) | Self::Connecting(socket) | Self::Listening { socket, .. } => {
                Some(socket)
            }
            Self::Connected(connection) => Some(&connection.socket),
            Self::Closed => None,
        }
    }

    fn become_next(&mut self, next: impl FnOnce(Self) -> Self) {
        *self = next(std::mem::replace(self, Self::Closed));
    }
}

impl Connection {
    fn new(
        socket: Tcp,
        input: InputStream,
        output: OutputStream,
        peer: Option<SocketAddr>,
        told: bool,
    ) -> Self {
        Self {
            input,
            output,
            socket,
            peer,
            buffer: VecDeque::new(),
            ended: false,
            error: None,
            receives: true,
            sends: true,
            told,
        }
    }

    /// Receives until so much is there, as far as it does not block.
    fn fill(&mut self, most: usize) {
        while self.buffer.len() < most && !self.ended {
            let length = (most - self.buffer.len()).min(PIECE) as u64;
            match self.input.read(length) {
                Ok(data) if data.is_empty() => return,
                Ok(data) => self.buffer.extend(data),
                Err(error) => {
                    self.ended = true;
                    if let StreamError::LastOperationFailed(_) = error {
                        self.error = Some(stream_errno(&error, Errno::ConnectionReset));
                    }
                }
            }
        }
    }

    fn receive(&mut self, most: usize, peek: bool) -> Result<Vec<u8>, Errno> {
        self.fill(most);
        let count = self.buffer.len().min(most);
        if count > 0 {
            return Ok(match peek {
                true => self.buffer.range(..count).copied().collect(),
                false if count == self.buffer.len() => std::mem::take(&mut self.buffer).into(),
                false => self.buffer.drain(..count).collect(),
            });
        }
        match self.error.take() {
            Some(error) => Err(error),
            None if self.ended => Ok(Vec::new()),
            None => Err(Errno::WouldBlock),
        }
    }

    fn send(&mut self, data: &[u8]) -> Result<usize, Errno> {
        let failed = |error: StreamError| stream_errno(&error, Errno::BrokenPipe);
        if !self.sends {
            return Err(Errno::BrokenPipe);
        }
        let room = match self.output.check_write().map_err(failed)? {
            0 if data.is_empty() => return Ok(0),
            0 => return Err(Errno::WouldBlock),
            room => usize::try_from(room).unwrap_or(usize::MAX),
        };
        let data = data.get(..room.min(data.len())).unwrap_or_default();
        self.output.write(data).map_err(failed)?;
        Ok(data.len())
    }

    /// Whether the host still has something that the kernel has not.
    fn is_sending(&self) -> bool {
        matches!(self.output.check_write(), Ok(0))
    }

    fn shutdown(&mut self, how: Shutdown) -> Result<(), Errno> {
        let half = match how {
            Shutdown::Receive => ShutdownType::Receive,
            Shutdown::Send => ShutdownType::Send,
            Shutdown::Both => ShutdownType::Both,
        };
        if how != Shutdown::Send {
            // What has come before can be received.
            self.fill(PIECE);
        }
        self.socket.socket().shutdown(half).map_err(errno)?;
        self.receives &= how == Shutdown::Send;
        self.sends &= how == Shutdown::Receive;
        self.ended |= !self.receives;
        Ok(())
    }

    fn ready(&mut self, asked: Ready) -> Ready {
        let mut ready = Ready::empty();
        if self.buffer.is_empty() {
            self.fill(1);
        }
        if !self.buffer.is_empty() || self.ended {
            ready |= Ready::READABLE;
        }
        if self.ended {
            ready |= Ready::READ_HANG_UP;
        }
        if self.error.is_some() {
            ready |= Ready::ERROR | Ready::HANG_UP;
        }
        if self.ended && !self.sends {
            ready |= Ready::HANG_UP;
        }
        if asked.contains(Ready::WRITABLE) {
            match self.output.check_write() {
                Ok(0) if self.sends => {}
                _ => ready |= Ready::WRITABLE,
            }
        }
        ready
    }
}

/// How many closed ones are not sent to their end. Those that are end here.
pub(super) fn unsent() -> usize {
    UNSENT.with(|unsent| {
        let mut unsent = unsent.borrow_mut();
        unsent.retain(Connection::is_sending);
        unsent.len()
    })
}

/// Where the kernel binds by itself.
pub(super) fn any(family: AddressFamily) -> SocketAddr {
    match family {
        AddressFamily::Inet => (Ipv4Addr::UNSPECIFIED, 0).into(),
        _ => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

fn bind(socket: &Tcp, local: SocketAddr) -> Result<(), Errno> {
    socket.start_bind(local).map_err(errno)?;
    finish(socket, || socket.finish_bind())
}

/// Ends what was begun, which takes the host no time but what it needs for itself.
fn finish(socket: &Tcp, end: impl Fn() -> Result<(), ErrorCode>) -> Result<(), Errno> {
    let subscribe = || Some(socket.socket().subscribe());
    Deadline::Never.attempt(|| end().map_err(errno), subscribe)
}
