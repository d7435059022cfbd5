//! Sending.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use super::{Deadline, Passed, Role, Socket};
use crate::ctx::CapsockCtx;
use crate::options::FAST_OPEN_GRANT;
use crate::os::message::SentControl;
use crate::os::{self, Descriptor, Interest, SendFlags, UnixDirectories};
use crate::policy::Vetted;
use crate::policy::operation::{Bind, Connect, Send};
use crate::{Address, Errno, Protocol, SocketType};

/// The longest initialization vector, in bytes; ciphers have 8 to 32.
const VECTOR: usize = 1024;

/// How many items of ancillary data one message has at most.
const CONTROL: usize = 64;

/// A send to where the guest may send, whose data comes later.
#[derive(Debug)]
pub(crate) struct Sending {
    descriptor: Arc<Descriptor>,
    deadline: Deadline,
    flags: SendFlags,
    /// Whether it may wait in the kernel.
    held: bool,
    kind: SocketType,
}

/// A message to where the guest may send, whose data comes later.
#[derive(Debug)]
pub(crate) struct SendingMessage {
    descriptor: Arc<Descriptor>,
    deadline: Deadline,
    flags: SendFlags,
    control: Vec<SentControl<Vetted<Bind>>>,
    remote: Option<Vetted<Send>>,
    directories: Arc<UnixDirectories>,
    kind: SocketType,
}

/// What a guest hands over to be sent, in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Data<'a> {
    parts: &'a [IoSlice<'a>],
    /// These are the first bytes: a call takes no more.
    is_cut: bool,
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmit {
    pub(crate) flags: SendFlags,
    pub(crate) dont_wait: bool,
    pub(crate) fast_open: bool,
}

impl Socket {
    /// Whether a message is one for [`Socket::sending_message`].
    pub(crate) fn sends_later(
        &self,
        passed: usize,
        how: Transmit,
        remote: Option<&Address>,
    ) -> bool {
        passed == 0 && !(remote.is_some() && self.opens_fast(how))
    }

    /// `sendmsg(2)` without descriptors, and without a connect, to where the guest may
    /// send.
    pub(crate) fn sending_message(
        &self,
        ctx: &CapsockCtx,
        control: Vec<SentControl<Address>>,
        how: Transmit,
        remote: Option<Address>,
    ) -> Result<SendingMessage, Errno> {
        let descriptor = self.open()?.clone();
        let control = self.vet_all_control(ctx, control)?;
        let remote = self.vet_destination(ctx, remote)?;
        self.vet_corked(ctx, how.flags, remote.as_ref())?;
        self.bind_to_send(ctx, remote.as_ref())?;
        Ok(SendingMessage {
            descriptor,
            deadline: self.deadline(how.dont_wait),
            flags: how.flags,
            control,
            remote,
            directories: ctx.directories().clone(),
            kind: self.kind,
        })
    }

    /// `sendmsg(2)`
    pub(crate) async fn send_message(
        &self,
        ctx: &CapsockCtx,
        data: Data<'_>,
        control: Vec<SentControl<Address>>,
        passed: &[Passed<'_>],
        how: Transmit,
        remote: Option<Address>,
    ) -> Result<u32, Errno> {
        if self.sends_later(passed.len(), how, remote.as_ref()) {
            let sending = self.sending_message(ctx, control, how, remote)?;
            return sending.send(data).await;
        }
        let parts = data.of(self.kind)?;
        let descriptor = self.open()?;
        let control = self.vet_all_control(ctx, control)?;
        let descriptors = passed.iter().map(Passed::as_fd);
        let descriptors: Vec<_> = descriptors.collect::<Result<_, _>>()?;
        let remote = match remote {
            Some(remote) if self.opens_fast(how) => {
                // Nothing but data goes with a connect.
                if !(control.is_empty() && passed.is_empty()) {
                    return Err(Errno::InvalidArgument);
                }
                let data: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
                return self.open_fast(ctx, &data.concat(), how, remote).await;
            }
            remote => self.vet_destination(ctx, remote)?,
        };
        self.vet_pass(ctx, passed, remote.as_ref().map(Vetted::address))?;
        self.vet_corked(ctx, how.flags, remote.as_ref())?;
        let mut places = self.places_in_flight(ctx, passed)?;
        self.bind_to_send(ctx, remote.as_ref())?;
        let sockets: Vec<&Self> = passed.iter().filter_map(Passed::socket).collect();
        sockets.iter().try_for_each(|socket| socket.end_hold())?;
        let seen = sockets.iter().map(|socket| socket.before_sharing(ctx));
        let seen: Vec<_> = seen.collect::<Result<_, _>>()?;
        let deadline = self.deadline(how.dont_wait);
        let attempt = deadline.attempt(descriptor, Interest::WRITABLE, |fd| {
            let (flags, remote) = (how.flags, remote.as_ref());
            let directories = ctx.directories();
            let sent = os::message::send(
                fd,
                parts,
                &control,
                &descriptors,
                flags,
                remote,
                directories,
            )?;
            self.put_in_flight(&mut places);
            for (socket, seen) in sockets.iter().zip(&seen) {
                socket.share(seen.clone());
            }
            Ok(sent)
        });
        attempt.await.map(count)
    }

    /// # Errors
    /// [`Errno::NoBufferSpace`] for more than one message has, as in the kernel.
    fn vet_all_control(
        &self,
        ctx: &CapsockCtx,
        control: Vec<SentControl<Address>>,
    ) -> Result<Vec<SentControl<Vetted<Bind>>>, Errno> {
        if control.len() > CONTROL {
            return Err(Errno::NoBufferSpace);
        }
        let vetted = control.into_iter().map(|item| self.vet_control(ctx, item));
        vetted.collect()
    }

    fn vet_control(
        &self,
        ctx: &CapsockCtx,
        item: SentControl<Address>,
    ) -> Result<SentControl<Vetted<Bind>>, Errno> {
        // To send from an address takes what binding the socket to it would,
        // with the port that it was bound to.
        let vet = |source: Option<Address>| {
            let port = self.bound()?.map_or(0, |bound| bound.port());
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
        let data = [IoSlice::new(data)];
        self.sending(ctx, how)?.send(Data::new(&data, false)).await
    }

    /// A send to the connected peer.
    pub(crate) fn sending(&self, ctx: &CapsockCtx, how: Transmit) -> Result<Sending, Errno> {
        self.vet_connected(ctx)?;
        self.vet_corked(ctx, how.flags, None)?;
        self.bind_to_send(ctx, None)?;
        let descriptor = self.open()?;
        let deadline = self.deadline(how.dont_wait);
        Ok(Sending {
            held: self.waits_in_kernel(deadline, descriptor)?,
            descriptor: descriptor.clone(),
            deadline,
            flags: how.flags,
            kind: self.kind,
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
        self.vet_corked(ctx, how.flags, Some(&remote))?;
        self.bind_to_send(ctx, Some(&remote))?;
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
        self.vet_implicit_bind(ctx)?;
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

impl<'a> Data<'a> {
    /// All of it, or `is_cut` what comes first.
    pub(crate) fn new(parts: &'a [IoSlice<'a>], is_cut: bool) -> Self {
        Self { parts, is_cut }
    }

    /// What a socket of a kind is given.
    ///
    /// # Errors
    /// [`Errno::MessageTooLarge`] for the start of a message: it goes as a whole.
    fn of(self, kind: SocketType) -> Result<&'a [IoSlice<'a>], Errno> {
        match self.is_cut && kind != SocketType::Stream {
            true => Err(Errno::MessageTooLarge),
            false => Ok(self.parts),
        }
    }
}

impl SendingMessage {
    /// `sendmsg(2)`
    pub(crate) async fn send(&self, data: Data<'_>) -> Result<u32, Errno> {
        let parts = data.of(self.kind)?;
        let send = |fd: BorrowedFd<'_>| {
            let (control, remote) = (&self.control, self.remote.as_ref());
            os::message::send(
                fd,
                parts,
                control,
                &[],
                self.flags,
                remote,
                &self.directories,
            )
        };
        let attempt = self
            .deadline
            .attempt(&self.descriptor, Interest::WRITABLE, send);
        attempt.await.map(count)
    }
}

impl Sending {
    /// `send(2)`
    pub(crate) async fn send(&self, data: Data<'_>) -> Result<u32, Errno> {
        match data.of(self.kind)? {
            [] => self.once(&[]).await,
            [first, ..] => self.once(first).await,
        }
        .map(count)
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

/// What the kernel took of a list, whose length is a `u32`.
fn count(sent: usize) -> u32 {
    u32::try_from(sent).unwrap_or(u32::MAX)
}
