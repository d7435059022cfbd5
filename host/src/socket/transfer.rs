//! Receiving and sending.

use std::os::fd::AsFd;

use super::{Role, Socket};
use crate::ctx::CapsockCtx;
use crate::os::message::{Message, SentControl};
use crate::os::{self, Interest, ReceiveFlags, SendFlags};
use crate::policy::Vetted;
use crate::policy::operation::Send;
use crate::{Address, Errno, Protocol, UnixAddress};

/// How to receive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Receive {
    pub(crate) out_of_band: bool,
    pub(crate) peek: bool,
    pub(crate) wait_all: bool,
    pub(crate) dont_wait: bool,
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transmit {
    pub(crate) flags: SendFlags,
    pub(crate) dont_wait: bool,
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
        let deadline = self.deadline(how.dont_wait);
        let descriptor = self.open()?;
        let flags = how.flags();
        if self.protocol.has_connections() {
            let attempt = deadline.attempt(descriptor, Interest::READABLE, |fd| {
                os::receive_from(fd, length, flags)
            });
            let (mut data, _none) = attempt.await?;
            while how.wait_all
                && deadline.waits()
                && !how.out_of_band
                && (1..length).contains(&data.len())
            {
                let offset = if how.peek { 0 } else { data.len() };
                if how.peek {
                    // Peeked data stays, so readiness says nothing about more.
                    deadline.pause(Errno::WouldBlock).await?;
                }
                let rest = length - offset;
                let attempt = deadline.attempt(descriptor, Interest::READABLE, |fd| {
                    os::receive_from(fd, rest, flags)
                });
                // What has been received is not lost to an error: the next call
                // meets it again.
                match attempt.await {
                    Ok((more, _)) if more.len() + offset > data.len() => {
                        data.truncate(offset);
                        data.extend(more);
                    }
                    Ok(_) | Err(_) => break,
                }
            }
            return Ok((data, None));
        }
        loop {
            let attempt = deadline.attempt(descriptor, Interest::READABLE, |fd| {
                os::receive_from(fd, length, flags)
            });
            let (data, sender) = attempt.await?;
            let sender = sender.unwrap_or(Address::Unix(UnixAddress::Unnamed));
            if ctx
                .admit_sender(self.protocol, self.bound().as_ref(), &sender)
                .is_ok()
            {
                return Ok((data, Some(sender)));
            }
            if how.peek {
                // It is still in the queue; it must not be seen by the next call.
                os::receive_from(descriptor.as_fd(), 0, ReceiveFlags::empty())?;
            }
        }
    }

    /// `recvmsg(2)`: as `receive`, with ancillary data.
    pub(crate) async fn receive_message(
        &self,
        ctx: &CapsockCtx,
        length: u32,
        how: Receive,
    ) -> Result<Message, Errno> {
        let length = length.min(ctx.limits().receive) as usize;
        let deadline = self.deadline(how.dont_wait);
        let descriptor = self.open()?;
        let flags = how.flags();
        loop {
            let attempt = deadline.attempt(descriptor, Interest::READABLE, |fd| {
                os::message::receive(fd, length, flags)
            });
            let mut message = attempt.await?;
            if self.protocol.has_connections() {
                message.sender = None;
                return Ok(message);
            }
            let unnamed = Address::Unix(UnixAddress::Unnamed);
            let sender = message.sender.get_or_insert(unnamed);
            if ctx
                .admit_sender(self.protocol, self.bound().as_ref(), sender)
                .is_ok()
            {
                return Ok(message);
            }
            if how.peek {
                os::receive_from(descriptor.as_fd(), 0, ReceiveFlags::empty())?;
            }
        }
    }

    /// `sendmsg(2)`
    pub(crate) async fn send_message(
        &self,
        ctx: &CapsockCtx,
        data: &[Vec<u8>],
        control: &[SentControl],
        how: Transmit,
        remote: Option<Address>,
    ) -> Result<u32, Errno> {
        let descriptor = self.open()?;
        let remote = match remote {
            Some(remote) => self.destination(ctx, remote)?,
            None => None,
        };
        for item in control {
            // The kernel would let a privileged host claim to be anybody.
            if let SentControl::Credentials(claimed) = item
                && *claimed != os::own_credentials()
            {
                return Err(Errno::NotPermitted);
            }
        }
        let deadline = self.deadline(how.dont_wait);
        let attempt = deadline.attempt(descriptor, Interest::WRITABLE, |fd| {
            os::message::send(
                fd,
                data,
                control,
                how.flags,
                remote.as_ref(),
                ctx.directories(),
            )
        });
        attempt.await.map(count)
    }

    /// `send(2)` to the connected peer.
    pub(crate) async fn send(&self, data: &[u8], how: Transmit) -> Result<u32, Errno> {
        let deadline = self.deadline(how.dont_wait);
        let attempt = deadline.attempt(self.open()?, Interest::WRITABLE, |fd| {
            os::send(fd, data, how.flags)
        });
        attempt.await.map(count)
    }

    /// `sendto(2)`
    pub(crate) async fn send_to(
        &self,
        ctx: &CapsockCtx,
        data: &[u8],
        how: Transmit,
        remote: Address,
    ) -> Result<u32, Errno> {
        let Some(remote) = self.destination(ctx, remote)? else {
            return self.send(data, how).await;
        };
        let deadline = self.deadline(how.dont_wait);
        let attempt = deadline.attempt(self.open()?, Interest::WRITABLE, |fd| {
            os::send_to(fd, data, how.flags, &remote, ctx.directories())
        });
        attempt.await.map(count)
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
            (Protocol::Tcp, _) => return Ok(None),
            (Protocol::UnixConnection, Role::Undecided) => return Err(Errno::NotSupported),
            (Protocol::UnixConnection, _) => return Err(Errno::IsConnected),
            (Protocol::Udp | Protocol::UnixDatagram, _) => {}
        }
        if self.bound().is_none() {
            ctx.vet_implicit_bind(self.protocol, self.family)?;
        }
        ctx.vet::<Send>(self.protocol, remote).map(Some)
    }

    /// `send(2)` until everything is sent, against one deadline.
    pub(crate) async fn send_all(&self, data: &[u8], how: Transmit) -> Result<(), Errno> {
        let deadline = self.deadline(how.dont_wait);
        let descriptor = self.open()?;
        let mut rest = data;
        loop {
            let attempt = deadline.attempt(descriptor, Interest::WRITABLE, |fd| {
                os::send(fd, rest, how.flags)
            });
            rest = rest.get(attempt.await?..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Receive {
    /// Without `MSG_WAITALL`: on a non-blocking descriptor it does not wait.
    fn flags(self) -> ReceiveFlags {
        let mut flags = ReceiveFlags::empty();
        flags.set(ReceiveFlags::OOB, self.out_of_band);
        flags.set(ReceiveFlags::PEEK, self.peek);
        flags
    }
}

/// What the kernel took of a list, whose length is a `u32`.
fn count(sent: usize) -> u32 {
    u32::try_from(sent).unwrap_or(u32::MAX)
}
