//! The socket: its state, and operations that check, then try, then wait.

mod buffers;
mod descriptors;
mod destination;
mod file;
mod hold;
mod implicit;
mod inherited;
mod multicast;
mod options;
mod passed;
mod paths;
mod raw_options;
mod receive;
mod send;
mod shared;
mod wait;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::ctx::CapsockCtx;
use crate::options::FlagOption;
use crate::os::{self, Descriptor, Interest};
use crate::policy::operation::{Bind, Connect, Listen, Send};
use crate::quota::Taken;
use crate::{Address, AddressFamily, Errno, PacketAddress, Protocol, SocketType, UnixAddress};

use buffers::SharedBuffers;
use descriptors::PairEnd;
pub(crate) use descriptors::{TakenDescriptor, TakenSocket};
pub(crate) use file::SentFile;
use hold::Hold;
pub(crate) use inherited::Inherited;
pub(crate) use multicast::MulticastInterface;
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub use passed::FileDescription;
pub(crate) use passed::{Passed, Pipe, TakenFile, TakenPipe};
pub(crate) use paths::MadePaths;
pub(crate) use raw_options::RawValue;
pub(crate) use receive::{Receive, Received};
pub(crate) use send::{Data, Sending, SendingMessage, Transmit};
pub(crate) use shared::KnownSockets;
use shared::Seen;
use wait::NO_CONNECTION_SLOT;
pub(crate) use wait::{Deadline, Timeout};

/// `IPPROTO_RAW`
const IPPROTO_RAW: u8 = libc::IPPROTO_RAW as u8;

/// One socket of a guest.
#[derive(Debug)]
#[allow(
    unreachable_pub,
    reason = "the generated bindings re-export it, inside this crate"
)]
pub struct Socket {
    /// `None` once it is closed. Pollables hold it weakly, so that none of them
    /// keeps a closed socket open.
    descriptor: Option<Arc<Descriptor>>,
    /// Given back when it is closed.
    permit: Option<Taken>,
    /// One with its duplicates; given up when it is closed.
    buffers: SharedBuffers,
    family: AddressFamily,
    kind: SocketType,
    protocol: Protocol,
    timeout: Timeout,
    /// One with its duplicates, and with what comes back of what was sent.
    state: Arc<Mutex<State>>,
    /// The pollers that it is registered with.
    sets: Mutex<Vec<Weak<Descriptor>>>,
}

#[derive(Debug, Default)]
struct State {
    role: Role,
    /// What the guest bound the socket to, as it was checked: with port 0 where
    /// the kernel chose one.
    bound: Option<Address>,
    /// The kernel has chosen a port, which is no other program's.
    has_port: bool,
    /// An error that the kernel has told, and the guest has not heard yet.
    error: Option<Errno>,
    /// `SO_LINGER` of some time, which the kernel is not told.
    linger: Option<Duration>,
    /// Another process may have the socket too: it was sent or received.
    shared: Option<Seen>,
    /// It listened already as the guest got it, so it is somebody else's too.
    borrowed: bool,
    /// `SO_PASSCRED` was set, for which the kernel binds a Unix socket by itself.
    passes_credentials: bool,
    /// `UDP_CORK` was set.
    corks: bool,
    /// Where the kernel sends the datagram that is not complete, and with it
    /// whatever comes until it is, whatever address that has (udp(7)).
    corked: Option<Address>,
    hold: Hold,
    /// Of a socket that has no address to name it by. One with the other end of
    /// its pair.
    pair: Option<PairEnd>,
}

/// What the socket is for, which its first successful call decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Undecided,
    /// Listens on the address that was checked.
    Listener(Address),
    /// Listened before the guest had it; whoever gave it has granted it.
    Inherited,
    /// Connected, or connecting, to the address that was checked.
    Client(Address),
    /// Accepted from this peer.
    Accepted(Address),
}

/// Something to be awaited beside other things: the socket's readiness.
#[derive(Debug)]
pub(crate) struct Readiness {
    descriptor: Weak<Descriptor>,
    interest: Interest,
}

impl Socket {
    /// `socket(2)`
    pub(crate) fn create(
        ctx: &CapsockCtx,
        family: AddressFamily,
        kind: SocketType,
        number: u32,
    ) -> Result<Self, Errno> {
        let protocol = Protocol::of(family, kind, number)?;
        vet_open(ctx, protocol, number)?;
        let permit = ctx.take_socket()?;
        let fd = os::create(family, kind, number)?;
        let socket = Self::new(ctx, fd, family, kind, protocol, permit);
        socket.bound_unsent()?;
        Ok(socket)
    }

    /// `socketpair(2)`
    pub(crate) fn create_pair(
        ctx: &CapsockCtx,
        family: AddressFamily,
        kind: SocketType,
        number: u32,
    ) -> Result<(Self, Self), Errno> {
        let protocol = Protocol::of(family, kind, number)?;
        vet_open(ctx, protocol, number)?;
        let permits = (ctx.take_socket()?, ctx.take_socket()?);
        let (one, other) = os::create_pair(family, kind, number)?;
        let unnamed = os::local_address(one.as_fd())?;
        let [near, far] = PairEnd::both();
        let socket = |fd, permit, end| {
            let socket = Self::new(ctx, fd, family, kind, protocol, permit);
            *socket.state() = State {
                role: Role::Accepted(unnamed.clone()),
                pair: Some(end),
                ..State::default()
            };
            socket
        };
        Ok((socket(one, permits.0, near), socket(other, permits.1, far)))
    }

    /// `dup(2)`
    pub(crate) fn duplicate(&self, ctx: &CapsockCtx) -> Result<Self, Errno> {
        let descriptor = self.open()?;
        let permit = ctx.take_socket()?;
        let fd = os::duplicate(descriptor.as_fd())?;
        let mut duplicate = Self::new(ctx, fd, self.family, self.kind, self.protocol, permit);
        duplicate.timeout = self.timeout;
        duplicate.state = self.state.clone();
        duplicate.buffers = self.buffers.clone();
        Ok(duplicate)
    }

    /// `bind(2)`
    pub(crate) fn bind(&self, ctx: &CapsockCtx, local: Address) -> Result<(), Errno> {
        let descriptor = self.open_for(&local)?;
        let vetted = ctx.vet(self.protocol, local)?;
        let directories = ctx.directories();
        if vetted.unix_path().is_some() {
            ctx.paths().check(ctx.limits().unix_paths, directories)?;
        }
        let bind = || os::bind(descriptor.as_fd(), &vetted, directories);
        match self.shares_ports() && vetted.address().port() == 0 {
            true => os::with_own_port(descriptor.as_fd(), bind)?,
            false => bind()?,
        }
        if let Some(path) = vetted.unix_path() {
            ctx.paths().add(path, directories);
        }
        self.changed(Some(match vetted.address() {
            // The kernel has chosen an abstract name, which rules are about.
            Address::Unix(UnixAddress::Unnamed) => os::local_address(descriptor.as_fd())?,
            address => address.clone(),
        }))
    }

    /// `unlink(2)` of the file of a Unix socket that is not open any more.
    pub(crate) fn unlink(ctx: &CapsockCtx, local: Address) -> Result<(), Errno> {
        let Address::Unix(UnixAddress::Pathname(_)) = local else {
            return Err(Errno::InvalidArgument);
        };
        let vetted = ctx.vet::<Bind>(Protocol::UnixConnection, local)?;
        os::unlink(&vetted, ctx.directories())?;
        if let Some(path) = vetted.unix_path() {
            ctx.paths().remove(path);
        }
        Ok(())
    }

    /// `lstat(2)` of the file of a Unix socket. Programs ask for paths of all kinds, so
    /// that a denial is not told.
    pub(crate) fn stat(ctx: &CapsockCtx, local: Address) -> Result<os::SocketStatus, Errno> {
        let Address::Unix(UnixAddress::Pathname(_)) = local else {
            return Err(Errno::InvalidArgument);
        };
        let policy = ctx.authority().policy();
        let vetted = policy.vet::<Bind>(Protocol::UnixConnection, local);
        let vetted = vetted.map_err(|_denied| Errno::AccessDenied)?;
        os::stat(&vetted, ctx.directories())
    }

    /// `listen(2)`
    pub(crate) fn listen(&self, ctx: &CapsockCtx, backlog: u32) -> Result<(), Errno> {
        let descriptor = self.open()?;
        if !self.protocol.has_connections() {
            return Err(Errno::NotSupported);
        }
        let bound = self.bound()?;
        let local = match (bound.clone(), self.family) {
            (Some(bound), _) => bound,
            (None, family) => Address::unspecified(family).ok_or(Errno::InvalidArgument)?,
        };
        let vetted = ctx.vet::<Listen>(self.protocol, local)?;
        if self.state().borrowed && self.flag(FlagOption::AcceptsConnections)? {
            // It does so already, and the length of its queue is its owner's.
            return Ok(());
        }
        self.check_own()?;
        let backlog = backlog.min(ctx.limits().backlog);
        self.buffer_queue(backlog)?;
        os::listen(descriptor.as_fd(), &vetted, backlog)?;
        self.state().role = Role::Listener(vetted.address().clone());
        self.changed(bound)
    }

    /// `accept(2)`; resets the connections of peers that may not connect.
    pub(crate) async fn accept(&self, ctx: &CapsockCtx) -> Result<(Self, Address), Errno> {
        self.accept_until(ctx, self.deadline(false)).await
    }

    /// As `accept`, with a deadline that is not the socket's.
    pub(crate) async fn accept_until(
        &self,
        ctx: &CapsockCtx,
        deadline: Deadline,
    ) -> Result<(Self, Address), Errno> {
        let descriptor = self.open()?;
        let local = match self.role() {
            Role::Listener(local) => Some(self.listens_at(ctx, local)?),
            Role::Inherited => None,
            // An algorithm is not listened on; each accept is an operation of it.
            _ if self.protocol == Protocol::Alg => {
                self.vet_default(ctx)?;
                None
            }
            _ if self.protocol.has_connections() => return Err(Errno::InvalidArgument),
            _ => return Err(Errno::NotSupported),
        };
        let mut turned_away = 0;
        loop {
            let permit = match ctx.take_socket() {
                Ok(permit) => permit,
                Err(full) => return Err(deadline.back_off(descriptor, full).await),
            };
            let mut accept = |fd: BorrowedFd<'_>, wait: os::ReceiveFlags| {
                if wait.contains(os::ReceiveFlags::DONTWAIT) {
                    self.keep_nonblocking()?;
                }
                os::accept(fd)
            };
            let (fd, peer) = match self.attempt_held(deadline, &mut accept).await {
                Err(full @ (Errno::TooManyOpenFiles | Errno::TooManyOpenFilesInSystem)) => {
                    return Err(deadline.back_off(descriptor, full).await);
                }
                result => result?,
            };
            let admitted = match &local {
                Some(local) => ctx.admit_peer(self.protocol, local, &peer),
                None => Ok(()),
            };
            if admitted.is_err() {
                os::reset(fd);
                turned_away += 1;
                deadline.go_on(turned_away)?;
                continue;
            }
            let bound = self.bound()?;
            let peer = match (self.protocol, &bound) {
                (Protocol::Alg, Some(algorithm)) => algorithm.clone(),
                _ => peer,
            };
            let accepted = Self::new(ctx, fd, self.family, self.kind, self.protocol, permit);
            *accepted.state() = State {
                role: Role::Accepted(peer.clone()),
                bound,
                linger: self.state().linger,
                ..State::default()
            };
            match local {
                Some(_) => accepted.inherit_buffers(self)?,
                None => accepted.bound_unsent()?,
            }
            return Ok((accepted, peer));
        }
    }

    /// `connect(2)`
    pub(crate) async fn connect(&self, ctx: &CapsockCtx, remote: Address) -> Result<(), Errno> {
        let descriptor = self.open_for(&remote)?.clone();
        self.keep_nonblocking()?;
        self.vet_implicit_bind(ctx)?;
        let directories = ctx.directories();
        let bound;
        let remote = if self.protocol.has_connections() {
            let vetted = ctx.vet::<Connect>(self.protocol, remote)?;
            self.bind_implicitly(ctx)?;
            bound = self.bound()?;
            self.establish(&descriptor, &vetted, directories).await?
        } else {
            let vetted = ctx.vet::<Send>(self.protocol, remote)?;
            self.bind_implicitly(ctx)?;
            bound = self.bound()?;
            os::connect(descriptor.as_fd(), &vetted, directories)?;
            vetted.address().clone()
        };
        self.state().role = Role::Client(remote);
        self.changed(bound)
    }

    /// `connect(2)` of a datagram socket to no address (`AF_UNSPEC`): it has no
    /// peer any more.
    pub(crate) fn disconnect(&self) -> Result<(), Errno> {
        let descriptor = self.open()?;
        // Of a stream that listens it would end the listening.
        self.check_own()?;
        os::disconnect(descriptor.as_fd())?;
        let mut state = self.state();
        state.role = Role::Undecided;
        state.has_port = false;
        drop(state);
        Ok(())
    }

    /// As `disconnect`, but the port stays that the kernel chose at the bind,
    /// which Linux gives up.
    pub(crate) fn disconnect_bound(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        let descriptor = self.open()?;
        let Some(asked) = self.bound()? else {
            return self.disconnect();
        };
        let vetted = ctx.vet::<Bind>(self.protocol, asked)?;
        let chosen = os::local_address(descriptor.as_fd())?.port();
        self.disconnect()?;
        if os::local_address(descriptor.as_fd())?.port() == 0 {
            os::bind_again(descriptor.as_fd(), &vetted, chosen)?;
        }
        Ok(())
    }

    /// `shutdown(2)`
    pub(crate) fn shutdown(&self, how: os::Shutdown) -> Result<(), Errno> {
        let descriptor = self.open()?;
        self.check_own()?;
        os::shutdown(descriptor.as_fd(), how)
    }

    /// `close(2)`. A second one fails; of a socket the first one never does.
    pub(crate) fn close(&mut self) -> Result<(), Errno> {
        self.leave_sets();
        // A wait of the same guest may still hold it, and closes it as it ends.
        drop(self.descriptor.take().ok_or(Errno::BadDescriptor)?);
        self.permit = None;
        self.buffers = self.buffers.none();
        Ok(())
    }

    /// `getsockname(2)`
    pub(crate) fn local_address(&self) -> Result<Address, Errno> {
        let descriptor = self.open()?;
        match self.bound()? {
            // Without Landlock the kernel knows it by another path.
            Some(path @ Address::Unix(UnixAddress::Pathname(_))) => Ok(path),
            _ => Ok(self.told(os::local_address(descriptor.as_fd())?)),
        }
    }

    /// `getpeername(2)`
    pub(crate) fn remote_address(&self) -> Result<Address, Errno> {
        Ok(self.told(os::remote_address(self.open()?.as_fd())?))
    }

    /// An address as the kernel tells it, in the socket's family: RDS has
    /// internet's.
    fn told(&self, address: Address) -> Address {
        match (self.family, address) {
            (AddressFamily::Rds, Address::Inet(address)) => Address::Rds(address),
            (_, address) => address,
        }
    }

    /// Whether and how long operations wait.
    pub(crate) fn timeout(&self) -> Result<Timeout, Errno> {
        self.open()?;
        Ok(self.timeout)
    }

    pub(crate) fn set_timeout(&mut self, timeout: Timeout) -> Result<(), Errno> {
        self.open()?;
        self.timeout = timeout;
        Ok(())
    }

    pub(crate) fn family(&self) -> AddressFamily {
        self.family
    }

    /// Whether the guest bound the socket, or the kernel did.
    pub(crate) fn is_bound(&self) -> bool {
        matches!(self.bound(), Ok(Some(_)))
            || self
                .local_address()
                .is_ok_and(|local| Address::unspecified(self.family) != Some(local))
    }

    /// What becomes ready as the socket does.
    pub(crate) fn readiness(&self, interest: Interest) -> Result<Readiness, Errno> {
        let descriptor = self.open()?;
        if !interest.readable && !interest.writable {
            return Err(Errno::InvalidArgument);
        }
        Ok(Readiness::new(Arc::downgrade(descriptor), interest))
    }

    pub(crate) fn open(&self) -> Result<&Arc<Descriptor>, Errno> {
        self.descriptor.as_ref().ok_or(Errno::BadDescriptor)
    }

    fn open_for(&self, address: &Address) -> Result<&Arc<Descriptor>, Errno> {
        let descriptor = self.open()?;
        if matches!(address, Address::SystemControl | Address::Link) {
            return Err(Errno::NotSupported);
        }
        if address.family() != self.family {
            return Err(Errno::AddressFamilyNotSupported);
        }
        Ok(descriptor)
    }

    fn new(
        ctx: &CapsockCtx,
        fd: OwnedFd,
        family: AddressFamily,
        kind: SocketType,
        protocol: Protocol,
        permit: Taken,
    ) -> Self {
        Self {
            descriptor: Some(Arc::new(Descriptor::new(
                fd,
                ctx.held(),
                ctx.signals().clone(),
                ctx.quota().clone(),
            ))),
            permit: Some(permit),
            buffers: SharedBuffers::new(ctx.quota()),
            family,
            kind,
            protocol,
            timeout: Timeout::Blocking,
            state: Arc::default(),
            sets: Mutex::default(),
        }
    }

    /// Remembers a poller that it was registered with.
    pub(crate) fn joined(&self, set: &Arc<Descriptor>) {
        let mut sets = self.sets();
        sets.retain(|set| set.strong_count() > 0);
        sets.push(Arc::downgrade(set));
    }

    pub(crate) fn left(&self, set: &Arc<Descriptor>) {
        self.sets()
            .retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(set)));
    }

    /// Ends what epoll keeps of it: by itself it would go on to tell of a closed
    /// socket as long as a duplicate, or another process, has it open.
    fn leave_sets(&self) {
        let sets = std::mem::take(&mut *self.sets());
        for set in sets.iter().filter_map(Weak::upgrade) {
            if let Some(descriptor) = &self.descriptor
                && let Err(error) = os::epoll::delete(set.as_fd(), descriptor.as_fd())
            {
                tracing::debug!(%error, "EPOLL_CTL_DEL");
            }
        }
    }

    fn sets(&self) -> MutexGuard<'_, Vec<Weak<Descriptor>>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn role(&self) -> Role {
        self.state().role.clone()
    }

    fn deadline(&self, dont_wait: bool) -> Deadline {
        Deadline::new(if dont_wait {
            Timeout::NonBlocking
        } else {
            self.timeout
        })
    }

    /// Connects a stream, and waits for the end of it if the socket waits.
    async fn establish(
        &self,
        descriptor: &Descriptor,
        remote: &crate::policy::Vetted<Connect>,
        directories: &os::UnixDirectories,
    ) -> Result<Address, Errno> {
        let deadline = self.deadline(false);
        let address = remote.address().clone();
        let started = loop {
            self.keep_nonblocking()?;
            match os::connect(descriptor.as_fd(), remote, directories) {
                // Of a Unix socket: the listener's queue is full, and there is
                // nothing to wait for that tells when it is not.
                Err(NO_CONNECTION_SLOT) => deadline.pause(descriptor, NO_CONNECTION_SLOT).await?,
                result => break result,
            }
        };
        match started {
            // PEP 475: an interrupted connect goes on by itself.
            Err(Errno::InProgress | Errno::Interrupted) => {
                self.state().role = Role::Client(address.clone());
                self.finish_connect(deadline, descriptor, remote, directories)
                    .await?;
            }
            result => result?,
        }
        Ok(address)
    }

    /// Waits for the end of a connect that is under way, if the socket waits.
    async fn finish_connect(
        &self,
        deadline: Deadline,
        descriptor: &Descriptor,
        remote: &crate::policy::Vetted<Connect>,
        directories: &os::UnixDirectories,
    ) -> Result<(), Errno> {
        self.state().role = Role::Client(remote.address().clone());
        deadline.until_connected(descriptor).await?;
        match self.protocol {
            // TCP tells how it ended, and keeps that in mind, only when it is
            // asked by another connect.
            Protocol::Tcp | Protocol::Mptcp => os::connect(descriptor.as_fd(), remote, directories),
            // The others would begin anew.
            _ => os::take_error(descriptor.as_fd())?.map_or(Ok(()), Err),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.leave_sets();
    }
}

impl Readiness {
    pub(crate) fn new(descriptor: Weak<Descriptor>, interest: Interest) -> Self {
        Self {
            descriptor,
            interest,
        }
    }

    /// Whether the kernel says so now.
    pub(crate) fn is_now(&self) -> bool {
        self.descriptor.upgrade().is_none_or(|descriptor| {
            descriptor
                .poll(self.interest, Duration::ZERO)
                .unwrap_or(true)
        })
    }

    /// Waits until the socket is ready for the interest, or closed.
    pub(crate) async fn ready(&self) {
        if let Some(descriptor) = self.descriptor.upgrade() {
            // The guest's next operation meets the same error.
            if let Err(error) = descriptor.ready(self.interest).await {
                tracing::debug!(%error, "waiting for readiness");
            }
        }
    }
}

/// Whether the guest may have a socket of this kind at all.
fn vet_open(ctx: &CapsockCtx, protocol: Protocol, number: u32) -> Result<(), Errno> {
    ctx.vet_open(protocol)?;
    match protocol {
        // It receives from every interface from the start.
        Protocol::Packet if number != 0 => {
            let everywhere = Address::Packet(PacketAddress::EVERYWHERE);
            ctx.vet::<Bind>(protocol, everywhere).map(|_| ())
        }
        // The guest writes the IP header, and with it the destination.
        Protocol::Raw(IPPROTO_RAW) => ctx.vet_option("ip-hdrincl", "1"),
        _ => Ok(()),
    }
}
