//! Receiving.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::{Deadline, Socket, TakenDescriptor};
use crate::ctx::CapsockCtx;
use crate::os::message::Message;
use crate::os::{self, Descriptor, Interest, ReceiveFlags};
use crate::{Address, AddressFamily, Errno, Protocol, SocketType, UnixAddress};

/// How much is received into the host's memory and copied to the guest's: that
/// costs as little as one more system call.
const COPIED: usize = 64 << 10;

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

/// What is received.
#[derive(Debug)]
pub(crate) enum Received {
    Data(Vec<u8>),
    /// So much of a stream, which is still in the kernel.
    Waiting {
        descriptor: Arc<Descriptor>,
        length: usize,
        /// Whether the guest would have waited for it.
        waits: bool,
    },
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
        let most = length.min(ctx.limits().receive) as usize;
        let flags = how.flags();
        let mut receive_from = |fd: BorrowedFd<'_>, wait| os::receive_from(fd, most, flags | wait);
        if self.reads_error_queue(how) {
            return self.attempt_held(Deadline::Now, &mut receive_from).await;
        }
        if self.protocol.has_connections() {
            self.vet_connected(ctx)?;
            let deadline = self.deadline(how.dont_wait);
            let mut receive = |fd: BorrowedFd<'_>, wait| os::receive(fd, most, flags | wait);
            let mut data = self.attempt_held(deadline, &mut receive).await?;
            if self.waits_for_all(how, deadline) {
                Box::pin(self.receive_rest(ctx, deadline, length as usize, &mut data)).await;
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
        if !plain || most <= COPIED || self.state().shared.is_some() {
            let (data, _sender) = self.receive(ctx, length, how).await?;
            return Ok(Received::Data(data));
        }
        self.vet_connected(ctx)?;
        let descriptor = self.open()?;
        self.tell_error()?;
        let deadline = self.deadline(how.dont_wait);
        let look = |fd: BorrowedFd<'_>| match os::unread(fd) {
            Ok(unread @ 1..) if self.gives_what_it_counts(fd)? => Ok(Received::Waiting {
                descriptor: descriptor.clone(),
                length: unread.min(most),
                waits: deadline.waits(),
            }),
            // Nothing yet, the end, an error, or a protocol that does not tell.
            Ok(_) | Err(_) => os::receive(fd, COPIED, ReceiveFlags::DONTWAIT).map(Received::Data),
        };
        deadline.attempt(descriptor, Interest::READABLE, look).await
    }

    /// Whether a receive gets some of what `FIONREAD` counts. Of TCP it does; a
    /// Unix stream counts urgent data too, which recv(2) does not give.
    fn gives_what_it_counts(&self, fd: BorrowedFd<'_>) -> Result<bool, Errno> {
        if self.protocol == Protocol::Tcp {
            return Ok(true);
        }
        let peek = ReceiveFlags::PEEK | ReceiveFlags::DONTWAIT;
        Ok(!os::receive(fd, 1, peek)?.is_empty())
    }

    /// `recvmsg(2)`: as `receive`, with ancillary data.
    pub(crate) async fn receive_message(
        &self,
        ctx: &CapsockCtx,
        length: u32,
        how: Receive,
    ) -> Result<(Message, Vec<TakenDescriptor>), Errno> {
        let mut message = self.receive_with_descriptors(ctx, length, how).await?;
        let taken = self.take_descriptors(ctx, &mut message, how.peek);
        Ok((message, taken))
    }

    async fn receive_with_descriptors(
        &self,
        ctx: &CapsockCtx,
        length: u32,
        how: Receive,
    ) -> Result<Message, Errno> {
        let most = length.min(ctx.limits().receive) as usize;
        let mut flags = how.flags() | self.message_flags();
        flags.set(ReceiveFlags::TRUNC, how.truncate);
        let mut receive = |fd: BorrowedFd<'_>, wait| {
            let mut message = os::message::receive(fd, most, flags | wait)?;
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
            } else if self.waits_for_all(how, deadline) {
                let rest = self.receive_rest_of_message(ctx, deadline, length, &mut message);
                Box::pin(rest).await;
            }
            return Ok(message);
        }
        let (message, sender) = self.receive_admitted(ctx, how, receive).await?;
        Ok(Message { sender, ..message })
    }

    /// Descriptors that come are close-on-exec. They come by Unix sockets, and packet
    /// sockets take it for an unknown flag.
    fn message_flags(&self) -> ReceiveFlags {
        match self.family {
            AddressFamily::Unix => ReceiveFlags::CMSG_CLOEXEC,
            _ => ReceiveFlags::empty(),
        }
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

    /// Whether `MSG_WAITALL` means something: of a stream that waits.
    fn waits_for_all(&self, how: Receive, deadline: Deadline) -> bool {
        let alone = how.out_of_band || how.peek || how.truncate || self.kind != SocketType::Stream;
        how.wait_all && deadline.waits() && !alone
    }

    /// `MSG_WAITALL` of a stream, after its first piece: until all of `length` is
    /// there, or the stream's end, its deadline, an error, or as much as the guest
    /// may have the host keep.
    async fn receive_rest(
        &self,
        ctx: &CapsockCtx,
        deadline: Deadline,
        length: usize,
        data: &mut Vec<u8>,
    ) {
        let mut kept = ctx.keep();
        while (1..length).contains(&data.len()) && kept.reaches(data.len()) {
            let rest = (length - data.len()).min(ctx.limits().receive as usize);
            let mut receive = |fd: BorrowedFd<'_>, wait| os::receive(fd, rest, wait);
            match self.next_piece(deadline, &mut receive).await {
                Some(piece) if !piece.is_empty() => data.extend(piece),
                _end => break,
            }
        }
    }

    /// As `receive_rest`. As in the kernel, descriptors end it, and data of who
    /// has other credentials is left.
    async fn receive_rest_of_message(
        &self,
        ctx: &CapsockCtx,
        deadline: Deadline,
        length: u32,
        message: &mut Message,
    ) {
        let mut kept = ctx.keep();
        while (1..length as usize).contains(&message.data.len())
            && message.descriptors.is_empty()
            && kept.reaches(message.data.len())
        {
            if message.credentials().is_some() {
                let flags = ReceiveFlags::PEEK | self.message_flags();
                let mut look = |fd: BorrowedFd<'_>, wait| os::message::receive(fd, 1, flags | wait);
                match self.next_piece(deadline, &mut look).await {
                    Some(next) if next.credentials() == message.credentials() => {}
                    _other => break,
                }
            }
            let rest = (length as usize - message.data.len()).min(ctx.limits().receive as usize);
            let flags = self.message_flags();
            let mut receive =
                |fd: BorrowedFd<'_>, wait| os::message::receive(fd, rest, flags | wait);
            match self.next_piece(deadline, &mut receive).await {
                Some(piece) if !piece.data.is_empty() => message.extend(piece),
                _end => break,
            }
        }
    }

    /// A piece of a stream after others; `None` where it does not come. The kernel
    /// tells an error once, and what was received before it comes first, so the
    /// next call tells it.
    async fn next_piece<T>(
        &self,
        deadline: Deadline,
        receive: &mut impl FnMut(BorrowedFd<'_>, ReceiveFlags) -> Result<T, Errno>,
    ) -> Option<T> {
        match self.attempt_held(deadline, receive).await {
            Ok(piece) => Some(piece),
            Err(Errno::WouldBlock | Errno::DeadlineExceeded | Errno::Interrupted) => None,
            Err(errno) => {
                self.state().error = Some(errno);
                None
            }
        }
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
            let local = self.reached_at()?;
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
}

impl Received {
    /// How much memory it needs.
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Data(data) => data.len(),
            Self::Waiting { length, .. } => *length,
        }
    }

    /// Writes it to `memory`, which has the room. Returns how much it was: less
    /// only where the kernel gives messages one by one.
    ///
    /// # Errors
    /// That of the socket. [`Errno::Interrupted`] where another task of the guest
    /// has received the data meanwhile, so that there is none, and the call would
    /// have waited; else [`Errno::WouldBlock`].
    pub(crate) fn write_to(&self, memory: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Data(data) => {
                memory.copy_from_slice(data);
                Ok(data.len())
            }
            Self::Waiting {
                descriptor, waits, ..
            } => match os::receive_into(descriptor.as_fd(), memory) {
                Err(Errno::WouldBlock) if *waits => Err(Errno::Interrupted),
                result => result,
            },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::SendFlags;
    use crate::socket::Transmit;
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
        let length = u32::try_from(length).unwrap();
        socket.receive_direct(ctx, length, how).await
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
            assert_eq!(matches!(received, Received::Waiting { .. }), waiting);
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
        assert!(matches!(data, Received::Waiting { .. }));
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
        server.share(server.before_sharing(&ctx).unwrap());
        let data = received(&ctx, &server, COPIED * 2).await.unwrap();
        assert!(matches!(data, Received::Data(data) if data == b"x"));
    }

    /// `FIONREAD` of a Unix stream counts it, recv(2) does not give it.
    #[tokio::test]
    async fn urgent_data_of_a_unix_stream_is_not_waited_for_in_vain() {
        let ctx = ctx();
        let (one, other) = pair(&ctx);
        let urgent = Transmit {
            flags: SendFlags::OOB,
            ..ALL
        };
        // Before Linux 5.15 there is none.
        if one.send(&ctx, b"!", urgent).await == Err(Errno::NotSupported) {
            return;
        }
        let at_once = Receive {
            dont_wait: true,
            ..Receive::default()
        };
        let most = u32::try_from(COPIED * 2).unwrap();
        let nothing = other.receive_direct(&ctx, most, at_once).await;
        assert_eq!(nothing.unwrap_err(), Errno::WouldBlock);
        let (data, sent) = tokio::join!(
            biased;
            received(&ctx, &other, COPIED * 2),
            one.send_all(&ctx, b"data", ALL)
        );
        sent.unwrap();
        assert_eq!(in_memory(&data.unwrap()), b"data");
    }

    /// Of two tasks of a guest, that found the same.
    #[tokio::test]
    async fn what_another_task_has_taken_is_an_error() {
        let ctx = ctx();
        let (client, mut server) = connected(&ctx).await;
        client.send_all(&ctx, b"x", ALL).await.unwrap();
        arrived(&server, &ctx, 1).await;
        let waiting = received(&ctx, &server, COPIED * 2).await.unwrap();
        server
            .set_timeout(crate::socket::Timeout::NonBlocking)
            .unwrap();
        let at_once = received(&ctx, &server, COPIED * 2).await.unwrap();
        assert_eq!(
            server.receive(&ctx, 1, Receive::default()).await.unwrap().0,
            b"x"
        );
        assert_eq!(waiting.write_to(&mut [0]), Err(Errno::Interrupted));
        assert_eq!(at_once.write_to(&mut [0]), Err(Errno::WouldBlock));
    }

    const WAIT_ALL: Receive = Receive {
        wait_all: true,
        out_of_band: false,
        peek: false,
        dont_wait: false,
        error_queue: false,
        truncate: false,
    };

    fn pair(ctx: &CapsockCtx) -> (Socket, Socket) {
        Socket::create_pair(ctx, AddressFamily::Unix, SocketType::Stream, 0).unwrap()
    }

    /// More than one receive returns, and in pieces.
    #[tokio::test]
    async fn all_is_waited_for_in_every_receive() {
        const LENGTH: usize = 3 << 20;
        let ctx = ctx();
        assert!(LENGTH > ctx.limits().receive as usize);
        let data: Vec<u8> = (0..LENGTH).map(|index| (index % 251) as u8).collect();
        for with_message in [false, true] {
            for (client, server) in [connected(&ctx).await, pair(&ctx)] {
                let send = async {
                    for piece in data.chunks(LENGTH / 7) {
                        client.send_all(&ctx, piece, ALL).await.unwrap();
                        tokio::task::yield_now().await;
                    }
                };
                let length = u32::try_from(LENGTH).unwrap();
                let receive = async {
                    if with_message {
                        let message = server.receive_message(&ctx, length, WAIT_ALL).await;
                        message.unwrap().0.data
                    } else {
                        server.receive(&ctx, length, WAIT_ALL).await.unwrap().0
                    }
                };
                let (received, ()) = tokio::join!(receive, send);
                assert!(received == data, "{} bytes", received.len());
                // The end comes before all of it.
                client.send_all(&ctx, b"end", ALL).await.unwrap();
                drop(client);
                let (message, _) = server.receive_message(&ctx, 9, WAIT_ALL).await.unwrap();
                assert_eq!((message.data.as_slice(), message.length), (&b"end"[..], 3));
            }
        }
    }

    /// As in the kernel: what comes with descriptors is the last of it, and data of
    /// another process is left.
    #[tokio::test]
    async fn all_is_not_waited_for_beyond_descriptors_and_credentials() {
        use crate::options::FlagOption;
        use crate::socket::{Data, Passed};
        use std::io::IoSlice;
        let ctx = &ctx();
        let (one, other) = pair(ctx);
        one.send_all(ctx, b"ab", ALL).await.unwrap();
        let parts = [IoSlice::new(b"cd")];
        let passed = Socket::create(ctx, AddressFamily::Inet, SocketType::Datagram, 0).unwrap();
        let data = Data::new(&parts, false);
        let passed = [Passed::Socket(&passed)];
        let sent = one.send_message(ctx, data, vec![], &passed, ALL, None);
        assert_eq!(sent.await.unwrap(), 2);
        one.send_all(ctx, b"ef", ALL).await.unwrap();
        let (message, _) = other.receive_message(ctx, 9, WAIT_ALL).await.unwrap();
        assert_eq!(message.data, b"abcd");

        let (one, other) = pair(ctx);
        other
            .set_flag(ctx, FlagOption::PassCredentials, true)
            .unwrap();
        one.send_all(ctx, b"own ", ALL).await.unwrap();
        one.send_all(ctx, b"own ", ALL).await.unwrap();
        let theirs = one.open().unwrap().as_fd().try_clone_to_owned().unwrap();
        let mut python = std::process::Command::new("python3");
        python.args(["-c", "import os; os.write(1, b'theirs')"]);
        assert!(python.stdout(theirs).status().unwrap().success());
        for (length, expected) in [(9, &b"own own "[..]), (6, b"theirs")] {
            let (message, _) = other.receive_message(ctx, length, WAIT_ALL).await.unwrap();
            assert_eq!(message.data, expected);
        }
    }

    /// What is kept is bounded, and what was received is not lost.
    #[tokio::test]
    async fn no_more_is_kept_than_the_guest_has_memory() {
        let mut limits = crate::Limits::default();
        limits.receive = 4;
        limits.memory = 8;
        let ctx = ctx().with_limits(limits);
        let (one, other) = pair(&ctx);
        one.send_all(&ctx, b"0123456789", ALL).await.unwrap();
        for (length, expected) in [(u32::MAX, &b"01234567"[..]), (2, b"89")] {
            let (data, _) = other.receive(&ctx, length, WAIT_ALL).await.unwrap();
            assert_eq!(data, expected);
        }
    }
}
