//! Receiving and sending.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::{Deadline, Role, Socket, State, TakenSocket};
use crate::ctx::CapsockCtx;
use crate::options::FAST_OPEN_GRANT;
use crate::os::message::{Message, SentControl};
use crate::os::{self, Descriptor, Interest, ReceiveFlags, SendFlags};
use crate::policy::Vetted;
use crate::policy::operation::{Bind, Connect, Send};
use crate::{Address, AddressFamily, Errno, Protocol, SocketType, UnixAddress};

/// The longest initialization vector, in bytes; ciphers have 8 to 32.
const VECTOR: usize = 1024;

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

/// How much is received into the host's memory and copied to the guest's: that
/// costs as little as one more system call.
const COPIED: usize = 64 << 10;

/// What is received.
#[derive(Debug)]
pub(crate) enum Received {
    Data(Vec<u8>),
    /// So much of a stream, which is still in the kernel.
    Waiting(Arc<Descriptor>, usize),
}

/// A send to where the guest may send, whose data comes later.
#[derive(Debug)]
pub(crate) struct Sending {
    descriptor: Arc<Descriptor>,
    deadline: Deadline,
    flags: SendFlags,
    /// Whether it may wait in the kernel.
    held: bool,
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmit {
    pub(crate) flags: SendFlags,
    pub(crate) dont_wait: bool,
    pub(crate) fast_open: bool,
}

impl Socket {
    /// `recvfrom(2)`: at most `length` bytes of a stream, or one datagram of a
    /// sender that the policy admits.
    pub(crate) async fn receive(
        &self,
        ctx: &CapsockCtx,
        length: u32,
        how: Receive,
    ) -> Result<(Vec<u8>, Option<Address>), Errno> {
        let length = length.min(ctx.limits().receive) as usize;
        let flags = how.flags();
        let mut receive_from =
            |fd: BorrowedFd<'_>, wait| os::receive_from(fd, length, flags | wait);
        if self.reads_error_queue(how) {
            return self.attempt_held(Deadline::Now, &mut receive_from).await;
        }
        if self.protocol.has_connections() {
            self.vet_connected(ctx)?;
            let deadline = self.deadline(how.dont_wait);
            let mut receive = |fd: BorrowedFd<'_>, wait| os::receive(fd, length, flags | wait);
            let mut data = self.attempt_held(deadline, &mut receive).await?;
            if how.wait_all {
                data = Box::pin(self.receive_rest(deadline, length, how, data)).await;
            }
            return Ok((data, None));
        }
        self.receive_admitted(ctx, how, receive_from).await
    }

    /// As `receive`, without the sender. Much of a stream stays in the kernel until
    /// there is memory for it.
    pub(crate) async fn receive_direct(
        &self,
        ctx: &CapsockCtx,
        length: u32,
        how: Receive,
    ) -> Result<Received, Errno> {
        let most = length.min(ctx.limits().receive) as usize;
        let plain = how == Receive::default() && self.kind == SocketType::Stream;
        // Who shares the socket could take it first.
        if !plain || most <= COPIED || self.state().shared {
            let (data, _sender) = self.receive(ctx, length, how).await?;
            return Ok(Received::Data(data));
        }
        self.vet_connected(ctx)?;
        let descriptor = self.open()?;
        self.tell_error()?;
        let look = |fd: BorrowedFd<'_>| match os::unread(fd) {
            Ok(unread @ 1..) => Ok(Received::Waiting(descriptor.clone(), unread.min(most))),
            // Nothing yet, the end, an error, or a protocol that does not tell.
            Ok(0) | Err(_) => os::receive(fd, COPIED, ReceiveFlags::DONTWAIT).map(Received::Data),
        };
        let deadline = self.deadline(how.dont_wait);
        deadline.attempt(descriptor, Interest::READABLE, look).await
    }

    /// `recvmsg(2)`: as `receive`, with ancillary data.
    pub(crate) async fn receive_message(
        &self,
        ctx: &CapsockCtx,
        length: u32,
        how: Receive,
    ) -> Result<(Message, Vec<TakenSocket>), Errno> {
        let mut message = self.receive_with_descriptors(ctx, length, how).await?;
        let sockets = self.take_sockets(ctx, &mut message, how.peek);
        Ok((message, sockets))
    }

    async fn receive_with_descriptors(
        &self,
        ctx: &CapsockCtx,
        length: u32,
        how: Receive,
    ) -> Result<Message, Errno> {
        let length = length.min(ctx.limits().receive) as usize;
        let mut flags = how.flags();
        flags.set(ReceiveFlags::TRUNC, how.truncate);
        let mut receive = |fd: BorrowedFd<'_>, wait| {
            let mut message = os::message::receive(fd, length, flags | wait)?;
            let sender = message.sender.take();
            Ok((message, sender))
        };
        if self.reads_error_queue(how) {
            let (message, sender) = self.attempt_held(Deadline::Now, &mut receive).await?;
            return Ok(Message { sender, ..message });
        }
        if self.protocol.has_connections() {
            self.vet_connected(ctx)?;
            let deadline = self.deadline(how.dont_wait);
            let (mut message, _none) = self.attempt_held(deadline, &mut receive).await?;
            if how.truncate && self.protocol == Protocol::Tcp {
                // The kernel counted it and wrote nothing.
                message.data.clear();
            }
            return Ok(message);
        }
        let (message, sender) = self.receive_admitted(ctx, how, receive).await?;
        Ok(Message { sender, ..message })
    }

    /// Whether the kernel reads the error queue, whose senders need not be
    /// admitted. Other families ignore `MSG_ERRQUEUE`, and give a message.
    fn reads_error_queue(&self, how: Receive) -> bool {
        let has_one = matches!(
            self.family,
            AddressFamily::Inet | AddressFamily::Inet6 | AddressFamily::Packet | AddressFamily::Can
        );
        how.error_queue && has_one
    }

    /// `MSG_WAITALL` of a stream, after its first piece.
    async fn receive_rest(
        &self,
        deadline: Deadline,
        length: usize,
        how: Receive,
        mut data: Vec<u8>,
    ) -> Vec<u8> {
        let alone = how.out_of_band || how.peek || self.kind != SocketType::Stream;
        let wanted = deadline.waits() && !alone;
        while wanted && (1..length).contains(&data.len()) {
            let rest = length - data.len();
            let mut receive = |fd: BorrowedFd<'_>, wait| os::receive(fd, rest, wait);
            match self.attempt_held(deadline, &mut receive).await {
                Ok(more) if !more.is_empty() => data.extend(more),
                Ok(_end) => break,
                Err(Errno::WouldBlock | Errno::DeadlineExceeded) => break,
                Err(errno) => {
                    // The kernel tells an error once. What was received before
                    // it comes first, so the next call tells it.
                    self.state().error = Some(errno);
                    break;
                }
            }
        }
        data
    }

    /// A datagram of a sender that the policy admits; others are dropped.
    async fn receive_admitted<T>(
        &self,
        ctx: &CapsockCtx,
        how: Receive,
        mut receive: impl FnMut(BorrowedFd<'_>, ReceiveFlags) -> Result<(T, Option<Address>), Errno>,
    ) -> Result<(T, Option<Address>), Errno> {
        let descriptor = self.open()?;
        let deadline = self.deadline(how.dont_wait);
        let mut turned_away = 0;
        loop {
            let attempt = self.attempt_held(deadline, &mut receive);
            let (received, sender) = attempt.await?;
            let sender = match sender {
                Some(sender) => self.told(sender),
                None if self.family == AddressFamily::Unix => Address::Unix(UnixAddress::Unnamed),
                // Data of the kernel, or of the device that the socket is bound to.
                None => return Ok((received, None)),
            };
            let local = self.bound();
            if ctx
                .admit_sender(self.protocol, local.as_ref(), &sender)
                .is_ok()
            {
                return Ok((received, Some(sender)));
            }
            if how.peek {
                // It is still in the queue; it must not be seen by the next call.
                os::receive_from(descriptor.as_fd(), 0, ReceiveFlags::DONTWAIT)?;
            }
            turned_away += 1;
            deadline.go_on(turned_away)?;
        }
    }

    /// `sendmsg(2)`
    pub(crate) async fn send_message(
        &self,
        ctx: &CapsockCtx,
        data: &[Vec<u8>],
        control: Vec<SentControl<Address>>,
        sockets: &[&Self],
        how: Transmit,
        remote: Option<Address>,
    ) -> Result<u32, Errno> {
        let descriptor = self.open()?;
        let control = control.into_iter().map(|item| self.vet_control(ctx, item));
        let control: Vec<_> = control.collect::<Result<_, _>>()?;
        let passed: Vec<_> = sockets
            .iter()
            .map(|socket| socket.open())
            .collect::<Result<_, _>>()?;
        let descriptors: Vec<_> = passed.iter().map(|passed| passed.as_fd()).collect();
        let remote = match remote {
            Some(remote) if self.opens_fast(how) => {
                // Nothing but data goes with a connect.
                if !(control.is_empty() && sockets.is_empty()) {
                    return Err(Errno::InvalidArgument);
                }
                return self.open_fast(ctx, &data.concat(), how, remote).await;
            }
            Some(remote) => self.destination(ctx, remote)?,
            None => None,
        };
        if remote.is_none() {
            self.vet_connected(ctx)?;
        }
        self.vet_pass(ctx, sockets, remote.as_ref().map(Vetted::address))?;
        let mut places = self.places_in_flight(ctx, sockets)?;
        sockets.iter().try_for_each(|socket| socket.end_hold())?;
        let deadline = self.deadline(how.dont_wait);
        let attempt = deadline.attempt(descriptor, Interest::WRITABLE, |fd| {
            let (flags, remote) = (how.flags, remote.as_ref());
            let directories = ctx.directories();
            let sent =
                os::message::send(fd, data, &control, &descriptors, flags, remote, directories)?;
            self.put_in_flight(&mut places);
            for socket in sockets {
                socket.share();
            }
            Ok(sent)
        });
        attempt.await.map(count)
    }

    fn vet_control(
        &self,
        ctx: &CapsockCtx,
        item: SentControl<Address>,
    ) -> Result<SentControl<Vetted<Bind>>, Errno> {
        // To send from an address takes what binding the socket to it would,
        // with the port that it was bound to.
        let vet = |source: Option<Address>| {
            let port = self.bound().map_or(0, |bound| bound.port());
            let source = source.map(|source| ctx.vet(self.protocol, source.with_port(port)));
            source.transpose()
        };
        // To choose the interface is what binding the socket to it would be.
        let interface = |index: u32| match index {
            0 => Ok(index),
            index => {
                let name = os::interfaces::name(index).map_err(|_none| Errno::NoDevice)?;
                ctx.vet_option("so-bindtodevice", &name).map(|()| index)
            }
        };
        Ok(match item {
            // The kernel would let a privileged host claim to be anybody.
            SentControl::Credentials(claimed) if claimed != os::own_credentials() => {
                return Err(Errno::NotPermitted);
            }
            SentControl::PacketInfo {
                interface_index,
                source,
            } => SentControl::PacketInfo {
                interface_index: interface(interface_index)?,
                source: vet(source)?,
            },
            SentControl::Ipv6PacketInfo {
                interface_index,
                source,
            } => SentControl::Ipv6PacketInfo {
                interface_index: interface(interface_index)?,
                source: vet(source)?,
            },
            SentControl::Credentials(own) => SentControl::Credentials(own),
            SentControl::TypeOfService(value) => SentControl::TypeOfService(value),
            SentControl::TimeToLive(value) => SentControl::TimeToLive(value),
            SentControl::Ipv6TrafficClass(value) => SentControl::Ipv6TrafficClass(value),
            SentControl::Ipv6HopLimit(value) => SentControl::Ipv6HopLimit(value),
            SentControl::UdpSegmentSize(value) => SentControl::UdpSegmentSize(value),
            SentControl::AlgorithmOperation(value) => SentControl::AlgorithmOperation(value),
            SentControl::AlgorithmInitializationVector(vector) if vector.len() > VECTOR => {
                return Err(Errno::InvalidArgument);
            }
            SentControl::AlgorithmInitializationVector(vector) => {
                SentControl::AlgorithmInitializationVector(vector)
            }
            SentControl::AlgorithmAssociatedLength(value) => {
                SentControl::AlgorithmAssociatedLength(value)
            }
        })
    }

    /// `send(2)` to the connected peer.
    pub(crate) async fn send(
        &self,
        ctx: &CapsockCtx,
        data: &[u8],
        how: Transmit,
    ) -> Result<u32, Errno> {
        self.sending(ctx, how)?.send(data).await
    }

    /// A send to the connected peer.
    pub(crate) fn sending(&self, ctx: &CapsockCtx, how: Transmit) -> Result<Sending, Errno> {
        self.vet_connected(ctx)?;
        let descriptor = self.open()?;
        let deadline = self.deadline(how.dont_wait);
        Ok(Sending {
            held: self.waits_in_kernel(deadline, descriptor)?,
            descriptor: descriptor.clone(),
            deadline,
            flags: how.flags,
        })
    }

    /// `sendto(2)`
    pub(crate) async fn send_to(
        &self,
        ctx: &CapsockCtx,
        data: &[u8],
        how: Transmit,
        remote: Address,
    ) -> Result<u32, Errno> {
        if self.opens_fast(how) {
            return self.open_fast(ctx, data, how, remote).await;
        }
        let Some(remote) = self.destination(ctx, remote)? else {
            return self.send(ctx, data, how).await;
        };
        let deadline = self.deadline(how.dont_wait);
        let attempt = deadline.attempt(self.open()?, Interest::WRITABLE, |fd| {
            os::send_to(fd, data, how.flags, &remote, ctx.directories())
        });
        attempt.await.map(count)
    }

    fn opens_fast(&self, how: Transmit) -> bool {
        how.fast_open && self.protocol == Protocol::Tcp
    }

    /// `MSG_FASTOPEN`: `connect(2)` and `send(2)` in one.
    async fn open_fast(
        &self,
        ctx: &CapsockCtx,
        data: &[u8],
        how: Transmit,
        remote: Address,
    ) -> Result<u32, Errno> {
        let descriptor = self.open_for(&remote)?;
        ctx.vet_option(FAST_OPEN_GRANT, "1")?;
        if self.bound().is_none() {
            ctx.vet_implicit_bind(self.protocol, self.family)?;
        }
        let remote = ctx.vet::<Connect>(self.protocol, remote)?;
        let directories = ctx.directories();
        let flags = how.flags | os::FAST_OPEN;
        match os::send_to(descriptor.as_fd(), data, flags, &remote, directories) {
            // The peer has to be asked for a cookie first: only the connect has
            // begun, and nothing is sent.
            Err(Errno::InProgress) => {
                let deadline = self.deadline(how.dont_wait);
                self.finish_connect(deadline, descriptor, &remote, directories)
                    .await?;
                let attempt = deadline.attempt(descriptor, Interest::WRITABLE, |fd| {
                    os::send(fd, data, how.flags | SendFlags::DONTWAIT)
                });
                attempt.await.map(count)
            }
            sent => {
                let sent = sent?;
                self.state().role = Role::Client(remote.address().clone());
                Ok(count(sent))
            }
        }
    }

    /// Where a message with an address goes; `None` is to the connected peer.
    fn destination(
        &self,
        ctx: &CapsockCtx,
        remote: Address,
    ) -> Result<Option<Vetted<Send>>, Errno> {
        self.open_for(&remote)?;
        match (self.protocol, self.role()) {
            // tcp(7) takes no address: a connected stream sends to its peer.
            (Protocol::Tcp | Protocol::Mptcp, _) => return Ok(None),
            (Protocol::Alg, _) => return Err(Errno::NotSupported),
            (protocol, Role::Undecided) if protocol.has_connections() => {
                return Err(Errno::NotSupported);
            }
            (protocol, _) if protocol.has_connections() => return Err(Errno::IsConnected),
            _ => {}
        }
        if self.bound().is_none() {
            ctx.vet_implicit_bind(self.protocol, self.family)?;
        }
        ctx.vet::<Send>(self.protocol, remote).map(Some)
    }

    /// Each datagram is an operation of its own: the guest may have given up the
    /// peer since the connect. A stream stays connected.
    pub(super) fn vet_connected(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        let (role_is_others, peer) = {
            let state = self.state();
            let peer = match &state.role {
                Role::Client(remote) if !self.protocol.has_connections() => Some(remote.clone()),
                _ => None,
            };
            (self.role_is_others_to_change(&state), peer)
        };
        if role_is_others {
            let descriptor = self.open()?;
            return match os::remote_address(descriptor.as_fd()) {
                Ok(peer) if self.protocol.has_connections() => {
                    ctx.vet::<Connect>(self.protocol, peer).map(drop)
                }
                Ok(peer) => ctx.vet::<Send>(self.protocol, peer).map(drop),
                // The send meets it too.
                Err(_not_connected) => Ok(()),
            };
        }
        match peer {
            Some(peer) => ctx.vet::<Send>(self.protocol, peer).map(drop),
            None => Ok(()),
        }
    }

    /// Whether another process that has the socket can connect it: one that is
    /// not connected, and datagram sockets at any time.
    fn role_is_others_to_change(&self, state: &State) -> bool {
        state.shared
            && matches!(self.family, AddressFamily::Inet | AddressFamily::Inet6)
            && (!self.protocol.has_connections() || state.role == Role::Undecided)
    }

    /// `send(2)` until everything is sent, against one deadline.
    pub(crate) async fn send_all(
        &self,
        ctx: &CapsockCtx,
        data: &[u8],
        how: Transmit,
    ) -> Result<(), Errno> {
        self.sending(ctx, how)?.send_all(data).await
    }
}

impl Sending {
    /// `send(2)`
    pub(crate) async fn send(&self, data: &[u8]) -> Result<u32, Errno> {
        self.once(data).await.map(count)
    }

    /// `send(2)` until everything is sent, against one deadline.
    pub(crate) async fn send_all(&self, data: &[u8]) -> Result<(), Errno> {
        let mut rest = data;
        loop {
            rest = rest.get(self.once(rest).await?..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    async fn once(&self, data: &[u8]) -> Result<usize, Errno> {
        let send = |fd: BorrowedFd<'_>, at_once| {
            let mut flags = self.flags;
            flags.set(SendFlags::DONTWAIT, at_once);
            os::send(fd, data, flags)
        };
        self.deadline
            .attempt_held(self.held, &self.descriptor, Interest::WRITABLE, send)
            .await
    }
}

impl Received {
    /// How much memory it needs.
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Waiting(_, length) => *length,
        }
    }

    /// Writes it to `memory`, which has the room. Returns how much it was: less
    /// only where the kernel gives messages one by one.
    pub(crate) fn write_to(&self, memory: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Data(data) => {
                memory.copy_from_slice(data);
                Ok(data.len())
            }
            Self::Waiting(descriptor, _) => os::receive_into(descriptor.as_fd(), memory),
        }
    }
}

impl Receive {
    /// Without `MSG_WAITALL`: on a non-blocking descriptor it does not wait.
    fn flags(self) -> ReceiveFlags {
        let mut flags = ReceiveFlags::empty();
        flags.set(ReceiveFlags::OOB, self.out_of_band);
        flags.set(ReceiveFlags::PEEK, self.peek);
        flags.set(ReceiveFlags::ERRQUEUE, self.error_queue);
        flags
    }
}

/// What the kernel took of a list, whose length is a `u32`.
fn count(sent: usize) -> u32 {
    u32::try_from(sent).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Op, Policy};
    use cap_std::ambient_authority;

    const ALL: Transmit = Transmit {
        flags: SendFlags::empty(),
        dont_wait: false,
        fast_open: false,
    };

    /// Two ends of a TCP connection.
    async fn connected(ctx: &CapsockCtx) -> (Socket, Socket) {
        let socket = || Socket::create(ctx, AddressFamily::Inet, SocketType::Stream, 0).unwrap();
        let (listener, client) = (socket(), socket());
        // Room for all that is sent before any of it is received.
        let room = crate::options::NumberOption::ReceiveBufferSize;
        listener.set_number(ctx, room, 1 << 20).unwrap();
        let local: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(ctx, local.into()).unwrap();
        listener.listen(ctx, 1).unwrap();
        let address = listener.local_address().unwrap();
        client.connect(ctx, address).await.unwrap();
        let (accepted, _peer) = listener.accept(ctx).await.unwrap();
        (client, accepted)
    }

    fn ctx() -> CapsockCtx {
        let policy = Policy::default()
            .allow(Op::Listen, "tcp://127.0.0.1:ephemeral")
            .unwrap();
        let policy = policy.allow(Op::Connect, "tcp://127.0.0.1:*").unwrap();
        CapsockCtx::new(policy, ambient_authority())
    }

    /// Until the kernel has so many bytes to be received.
    async fn arrived(socket: &Socket, ctx: &CapsockCtx, count: usize) {
        let peek = Receive {
            peek: true,
            ..Receive::default()
        };
        loop {
            let (seen, _) = socket.receive(ctx, 1 << 20, peek).await.unwrap();
            if seen.len() >= count {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn received(ctx: &CapsockCtx, socket: &Socket, length: usize) -> Result<Received, Errno> {
        let how = Receive::default();
        socket.receive_direct(ctx, count(length), how).await
    }

    fn in_memory(received: &Received) -> Vec<u8> {
        let mut memory = vec![0; received.room()];
        let written = received.write_to(&mut memory).unwrap();
        memory.truncate(written);
        memory
    }

    #[tokio::test]
    async fn much_of_a_stream_goes_to_the_memory_that_it_is_for() {
        let ctx = ctx();
        let (client, server) = connected(&ctx).await;
        let sent: Vec<u8> = (0..COPIED * 5).map(|index| (index % 251) as u8).collect();
        client.send_all(&ctx, &sent, ALL).await.unwrap();
        arrived(&server, &ctx, sent.len()).await;
        let mut start = 0;
        for (length, expected, waiting) in [
            // As much as there is room for,
            (COPIED, COPIED, false),
            (COPIED + 1, COPIED + 1, true),
            // and no more than there is.
            (COPIED * 9, COPIED * 3 - 1, true),
        ] {
            let received = received(&ctx, &server, length).await.unwrap();
            assert_eq!(matches!(received, Received::Waiting(..)), waiting);
            let data = in_memory(&received);
            assert_eq!(data.len(), expected);
            assert!(data == sent[start..start + expected]);
            start += expected;
        }
        // What comes later is waited for.
        let (later, sent) = tokio::join!(
            biased;
            received(&ctx, &server, COPIED * 2),
            client.send_all(&ctx, b"later", ALL)
        );
        sent.unwrap();
        assert_eq!(in_memory(&later.unwrap()), b"later");
        drop(client);
        let end = received(&ctx, &server, COPIED * 2).await.unwrap();
        assert_eq!(in_memory(&end), b"");
    }

    /// Its data comes before, and once it is told.
    #[tokio::test]
    async fn a_reset_is_told_after_what_came_before_it() {
        let ctx = ctx();
        let (client, server) = connected(&ctx).await;
        client.send_all(&ctx, &[7; 10], ALL).await.unwrap();
        arrived(&server, &ctx, 10).await;
        let data = received(&ctx, &server, COPIED * 2).await.unwrap();
        assert!(matches!(data, Received::Waiting(..)));
        // A close with a time of none is a reset.
        client.set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(in_memory(&data), [7; 10]);
        let next = received(&ctx, &server, COPIED * 2).await;
        assert_eq!(next.unwrap_err(), Errno::ConnectionReset);
        let end = received(&ctx, &server, COPIED * 2).await.unwrap();
        assert_eq!(in_memory(&end), b"");
    }

    /// Who shares a socket may take what the kernel has, so it is received at once.
    #[tokio::test]
    async fn of_a_shared_socket_nothing_stays_in_the_kernel() {
        let ctx = ctx();
        let (client, server) = connected(&ctx).await;
        client.send_all(&ctx, b"x", ALL).await.unwrap();
        server.share();
        let data = received(&ctx, &server, COPIED * 2).await.unwrap();
        assert!(matches!(data, Received::Data(data) if data == b"x"));
    }
}
