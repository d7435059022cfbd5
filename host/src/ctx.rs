//! What the host keeps for one guest.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use cap_std::AmbientAuthority;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wasmtime::component::ResourceTable;

use crate::authority::Authority;
use crate::lookup::{NameAnswer, NameError};
use crate::os::UnixDirectories;
use crate::policy::operation::{Listen, Operation};
use crate::policy::{
    Check, Decision, Denial, Domain, Invalid, NameRefusal, Policy, Refusal, Vetted, VettedName,
};
use crate::quota::{DataQuota, KeptData, SocketPermit, SocketQuota};
use crate::record::Recording;
use crate::socket::Inherited;
use crate::{Address, AddressFamily, Errno, Limits, Protocol, os};

/// Is told of each denial; see [`CapsockCtx::on_denial`].
type OnDenial = Arc<dyn Fn(&Denial) + Send + Sync>;

/// Is told of what is invalid; see [`CapsockCtx::on_invalid`].
type OnInvalid = Arc<dyn Fn(&Invalid) + Send + Sync>;

/// Is told of each decision; see [`CapsockCtx::on_decision`].
type OnDecision = Arc<dyn Fn(&Decision) + Send + Sync>;

/// Is told of each answer; see [`CapsockCtx::on_answer`].
type OnAnswer = Arc<dyn Fn(&NameAnswer) + Send + Sync>;

/// The sockets side of one guest: its policy, its limits, and who is told of
/// denials.
#[derive(Clone)]
pub struct CapsockCtx {
    authority: Arc<Authority>,
    directories: Arc<UnixDirectories>,
    limits: Limits,
    quota: SocketQuota,
    data: DataQuota,
    lookups: Arc<Semaphore>,
    dns_search: Option<Arc<[Domain]>>,
    inherited: Vec<Inherited>,
    held: Option<Duration>,
    /// Has a receiver for each stream of which the kernel has not taken all.
    unsent: Arc<watch::Sender<()>>,
    on_denial: Option<OnDenial>,
    on_invalid: Option<OnInvalid>,
    on_decision: Option<OnDecision>,
    on_answer: Option<OnAnswer>,
    recording: Option<(Recording, AmbientAuthority)>,
}

/// Gives the host functions access to the embedder's state, as
/// [`WasiView`](wasmtime_wasi::WasiView) does for WASI.
pub trait CapsockView: Send {
    /// The guest's context and its resource table.
    fn capsock(&mut self) -> CapsockCtxView<'_>;
}

/// What [`CapsockView::capsock`] lends.
#[derive(Debug)]
pub struct CapsockCtxView<'a> {
    /// The guest's context.
    pub ctx: &'a mut CapsockCtx,
    /// The table that holds the guest's resources; the same as WASI's.
    pub table: &'a mut ResourceTable,
}

impl CapsockCtx {
    /// A guest under `policy`, with the default [`Limits`].
    ///
    /// `authority` is what opens the directories of the policy's `unix:` rules
    /// and makes the sockets: get it from [`cap_std::ambient_authority`]. Needs
    /// no tokio runtime yet; the guest's calls do, one with I/O and time.
    pub fn new(policy: Policy, authority: AmbientAuthority) -> Self {
        let limits = Limits::default();
        Self {
            directories: Arc::new(UnixDirectories::open(&policy, authority)),
            authority: Arc::new(Authority::new(policy)),
            quota: SocketQuota::new(&limits),
            data: DataQuota::new(&limits),
            lookups: Arc::new(Semaphore::new(limits.lookups as usize)),
            limits,
            dns_search: None,
            inherited: Vec::new(),
            held: None,
            unsent: Arc::default(),
            on_denial: None,
            on_invalid: None,
            on_decision: None,
            on_answer: None,
            recording: None,
        }
    }

    /// The same guest with other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.quota = SocketQuota::new(&limits);
        self.data = DataQuota::new(&limits);
        self.lookups = Arc::new(Semaphore::new(limits.lookups as usize));
        self.limits = limits;
        self
    }

    /// Looks the guest's names up within these domains too, in their order, in
    /// place of the search list of `resolv.conf(5)`: a name with a dot after it was
    /// not found as it is, a single label before that. A name that ends in a dot is
    /// looked up as it is alone; so is one with any dot where this is not called.
    ///
    /// A rule is about the name that the guest asks for, whichever name answers;
    /// [`CapsockCtx::on_answer`] tells of that.
    pub fn with_dns_search(mut self, domains: impl IntoIterator<Item = Domain>) -> Self {
        self.dns_search = Some(domains.into_iter().collect());
        self
    }

    /// Gives the guest a listening socket under a name. To give it is the grant:
    /// the policy is not asked about its address, nor about its peers.
    ///
    /// The guest gets duplicates; it cannot end the listener for others but by
    /// `shutdown`. The socket becomes non-blocking, also for who shares it.
    ///
    /// # Errors
    /// [`Errno::InvalidArgument`] for a socket that does not listen, and
    /// [`Errno::NotSocket`] for what is none;
    /// [`Errno::AddressFamilyNotSupported`], or another of `socket(2)`, for a
    /// kind that guests cannot have.
    pub fn inherit(
        mut self,
        name: impl Into<String>,
        socket: impl Into<OwnedFd>,
    ) -> Result<Self, Errno> {
        self.inherited
            .push(Inherited::new(name.into(), socket.into())?);
        Ok(self)
    }

    /// For a guest that has its thread to itself: a call of `capsock:sockets`
    /// that has to wait holds the thread, up to `longest`, before others have
    /// it. So the next byte wakes the guest itself, and not first the runtime,
    /// which is faster.
    ///
    /// Whatever else the thread does is late by as much. Not for a guest with
    /// tasks of its own (`wasi:cli/run@0.3`), which would all wait.
    ///
    /// Without it, a wait never holds the thread.
    pub fn holding_thread(mut self, longest: Duration) -> Self {
        self.held = Some(longest);
        self
    }

    /// Waits until the kernel has all that the guest wrote to streams of
    /// `wasi:sockets` 0.2, which take up to 64 KiB more than the kernel does at
    /// once.
    ///
    /// After a guest has ended, and its [`Store`](wasmtime::Store) was dropped,
    /// await it on a clone of the context before the runtime is shut down, or
    /// what is left is lost, which a native program's exit does not do. It takes
    /// as long as the peers take something; those that take nothing for 10
    /// seconds are reset.
    pub async fn all_sent(&self) {
        self.unsent.closed().await;
    }

    /// Calls `tell` at each denial, on the guest's thread. Denials are also
    /// `tracing` events of this crate, at level `WARN`.
    pub fn on_denial(mut self, tell: impl Fn(&Denial) + Send + Sync + 'static) -> Self {
        self.on_denial = Some(Arc::new(tell));
        self
    }

    /// Calls `tell` at each operation that makes no sense, whatever is granted,
    /// such as connecting to port 0, on the guest's thread. To the guest it is an
    /// invalid argument. These are `tracing` events too, as denials are.
    pub fn on_invalid(mut self, tell: impl Fn(&Invalid) + Send + Sync + 'static) -> Self {
        self.on_invalid = Some(Arc::new(tell));
        self
    }

    /// Calls `tell` at each decision of the policy, on the guest's thread.
    /// Operations that need no grant are no decision, unless a rule forbids
    /// them.
    pub fn on_decision(mut self, tell: impl Fn(&Decision) + Send + Sync + 'static) -> Self {
        self.on_decision = Some(Arc::new(tell));
        self
    }

    /// Calls `tell` at each answer to a look-up of a name, on the guest's thread.
    /// Answers are also `tracing` events of this crate, at level `DEBUG`.
    pub fn on_answer(mut self, tell: impl Fn(&NameAnswer) + Send + Sync + 'static) -> Self {
        self.on_answer = Some(Arc::new(tell));
        self
    }

    /// Lets the guest do everything that no rule forbids, whatever its grants,
    /// and tells what it did. For a guest that is trusted, to find out the
    /// policy that it needs.
    ///
    /// `authority` opens the directories of the Unix paths that it uses.
    pub fn recording(mut self, authority: AmbientAuthority) -> (Self, Recording) {
        let policy = self.authority.policy().forbidding();
        let recording = Recording::new(policy.clone());
        self.authority = Arc::new(Authority::new(policy));
        self.recording = Some((recording.clone(), authority));
        (self, recording)
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn dns_search(&self) -> Option<Arc<[Domain]>> {
        self.dns_search.clone()
    }

    pub(crate) fn inherited(&self) -> &[Inherited] {
        &self.inherited
    }

    pub(crate) fn directories(&self) -> &Arc<UnixDirectories> {
        &self.directories
    }

    pub(crate) fn held(&self) -> Option<Duration> {
        self.held
    }

    /// [`CapsockCtx::all_sent`] waits until it is dropped.
    pub(crate) fn count_unsent(&self) -> impl Send + use<> {
        self.unsent.subscribe()
    }

    pub(crate) fn take_socket(&self) -> Result<SocketPermit, Errno> {
        self.quota.take()
    }

    /// For data that is kept until all of it has come.
    pub(crate) fn keep(&self) -> KeptData {
        self.data.keep()
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The one way to an address that the kernel may be given.
    pub(crate) fn vet<O: Operation>(
        &self,
        protocol: Protocol,
        mut address: Address,
    ) -> Result<Vetted<O>, Errno> {
        // That there is no such interface is for those to know who may use it.
        let absent = os::interfaces::use_own_name(&mut address).err();
        let vetted = self
            .judge(
                |policy| match policy.vet(protocol, address.clone()) {
                    Ok(vetted) => Ok(Ok(vetted)),
                    Err(Refusal::Invalid(invalid)) => Ok(Err(invalid)),
                    Err(Refusal::Denied(denial)) => Err(denial),
                },
                || Check::of_use::<O>(protocol, address.clone()),
            )?
            .map_err(|invalid| self.refuse(&invalid))?;
        absent.map_or(Ok(vetted), Err)
    }

    /// Checks that the address makes sense for an operation, where that has to be
    /// known before the policy is asked.
    pub(crate) fn check<O: Operation>(
        &self,
        protocol: Protocol,
        address: &Address,
    ) -> Result<(), Errno> {
        Invalid::check(O::OP, protocol, address).map_err(|invalid| self.refuse(&invalid))
    }

    pub(crate) fn vet_open(&self, protocol: Protocol) -> Result<(), Errno> {
        self.judge(|policy| policy.vet_open(protocol), || Check::Open(protocol))
    }

    pub(crate) fn vet_implicit_bind(
        &self,
        protocol: Protocol,
        family: AddressFamily,
    ) -> Result<(), Errno> {
        self.judge(
            |policy| policy.vet_implicit_bind(protocol, family),
            || Check::ImplicitBind { protocol, family },
        )
    }

    pub(crate) fn admit_peer(
        &self,
        protocol: Protocol,
        local: &Address,
        peer: &Address,
    ) -> Result<(), Errno> {
        self.judge(
            |policy| policy.admit_peer(protocol, local, peer),
            || Check::Peer {
                protocol,
                local: local.clone(),
                peer: peer.clone(),
            },
        )
    }

    pub(crate) fn admit_sender(
        &self,
        protocol: Protocol,
        local: Option<&Address>,
        sender: &Address,
    ) -> Result<(), Errno> {
        self.judge(
            |policy| policy.admit_sender(protocol, local, sender),
            || Check::Sender {
                protocol,
                local: local.cloned(),
                sender: sender.clone(),
            },
        )
    }

    /// Whether a listener of the guest could have accepted a connection. Says
    /// nothing to anybody where it could not.
    pub(crate) fn could_accept(&self, protocol: Protocol, local: &Address, peer: &Address) -> bool {
        let policy = self.authority.policy();
        policy.vet::<Listen>(protocol, local.clone()).is_ok()
            && policy.admit_peer(protocol, local, peer).is_ok()
    }

    pub(crate) fn vet_option(&self, name: &str, value: &str) -> Result<(), Errno> {
        self.judge(
            |policy| policy.vet_option(name, value),
            || Check::Option {
                name: name.to_owned(),
                value: value.to_owned(),
                by_value: false,
            },
        )
    }

    pub(crate) fn vet_interfaces(&self) -> Result<(), Errno> {
        self.judge(Policy::vet_interfaces, || Check::Interfaces)
    }

    /// Whether the guest may know the names of interfaces, where it has not asked
    /// for them.
    pub(crate) fn may_name_interfaces(&self) -> bool {
        self.authority.policy().vet_interfaces().is_ok()
    }

    /// Whether the guest may bind sockets to an interface, where it has not tried.
    pub(crate) fn may_bind_to(&self, interface: &str) -> bool {
        let policy = self.authority.policy();
        policy.vet_option("so-bindtodevice", interface).is_ok()
    }

    pub(crate) fn vet_raw_option(&self, number: &str, by_value: bool) -> Result<(), Errno> {
        self.judge(
            |policy| policy.vet_raw_option(number, by_value),
            || Check::Option {
                name: "raw".to_owned(),
                value: number.to_owned(),
                by_value,
            },
        )
    }

    pub(crate) fn vet_pass(&self, protocol: Protocol, over: &Address) -> Result<(), Errno> {
        self.judge(
            |policy| policy.vet_pass(protocol, over),
            || Check::Pass {
                protocol,
                over: over.clone(),
            },
        )
    }

    pub(crate) fn vet_take(&self, protocol: Protocol, over: &Address) -> Result<(), Errno> {
        self.judge(
            |policy| policy.vet_take(protocol, over),
            || Check::Take {
                protocol,
                over: over.clone(),
            },
        )
    }

    pub(crate) fn vet_name(&self, name: &str) -> Result<VettedName, NameError> {
        let vetted = self.judge(
            |policy| match policy.vet_name(name) {
                Ok(vetted) => Ok(Ok(vetted)),
                Err(NameRefusal::Invalid(invalid)) => Ok(Err(invalid)),
                Err(NameRefusal::Denied(denial)) => Err(denial),
            },
            || Check::Name(name.to_owned()),
        );
        match vetted {
            Ok(vetted) => vetted.map_err(|invalid| {
                self.refuse(&invalid);
                NameError::NoName
            }),
            Err(_denied) => Err(NameError::AccessDenied),
        }
    }

    /// Keeps the answers to a look-up that the guest may be told, and lets rules
    /// for the name be about them. `found` is the canonical name.
    pub(crate) fn admit_answers<T>(
        &self,
        name: &VettedName,
        found: Option<&str>,
        answers: &mut Vec<T>,
        ip: impl Fn(&T) -> IpAddr,
    ) -> Result<(), NameError> {
        let policy = self.authority.policy();
        let mut refused = None;
        answers.retain(|answer| {
            let verdict = policy.admit_answer(name, ip(answer));
            verdict.map_err(|denial| refused = Some(denial)).is_ok()
        });
        if answers.is_empty()
            && let Some(denial) = refused
        {
            self.deny(&denial);
            return Err(NameError::AccessDenied);
        }
        if let Some((recording, _authority)) = &self.recording {
            recording.pin(name, answers.iter().map(&ip));
        }
        if self.recording.is_some() || policy.has_rules_for(name) {
            self.authority.pin(name, answers.iter().map(&ip));
        }
        let asked = name.as_str();
        let found = found.unwrap_or(asked);
        tracing::debug!(asked, found, "answered");
        if let Some(tell) = &self.on_answer {
            let mut addresses: Vec<IpAddr> = answers.iter().map(ip).collect();
            // There is an answer for each type of socket.
            addresses.dedup();
            tell(&NameAnswer {
                asked: asked.to_owned(),
                name: found.to_owned(),
                addresses,
            });
        }
        Ok(())
    }

    /// A place for one look-up. Over the limit it fails; it never waits.
    pub(crate) fn take_lookup(&self) -> Result<OwnedSemaphorePermit, NameError> {
        let permit = self.lookups.clone().try_acquire_owned();
        permit.map_err(|_none_left| NameError::Again)
    }

    /// Where every question to the policy is asked, and everybody is told. The
    /// question as a value is made only if somebody wants to know it.
    fn judge<T>(
        &self,
        vet: impl Fn(&Policy) -> Result<T, Denial>,
        check: impl FnOnce() -> Check,
    ) -> Result<T, Errno> {
        let policy = self.authority.policy();
        let verdict = vet(&policy);
        if self.on_decision.is_none() && self.recording.is_none() {
            return verdict.map_err(|denial| self.deny(&denial));
        }
        self.tell(policy, verdict, vet, &check())
    }

    fn tell<T>(
        &self,
        mut policy: Arc<Policy>,
        mut verdict: Result<T, Denial>,
        vet: impl Fn(&Policy) -> Result<T, Denial>,
        check: &Check,
    ) -> Result<T, Errno> {
        if let Some((recording, authority)) = &self.recording {
            if let Err(denial) = verdict {
                verdict = recording.learn(check, denial).and_then(|lesson| {
                    if lesson.once {
                        let rules = lesson.rules.into_iter();
                        policy = Arc::new(rules.fold(Policy::clone(&policy), Policy::with));
                    } else {
                        lesson
                            .rules
                            .into_iter()
                            .for_each(|rule| self.authority.learn(rule));
                        policy = self.authority.policy();
                        self.directories.add(&policy, *authority);
                    }
                    vet(&policy)
                });
            }
            if verdict.is_ok() {
                recording.note(check.clone());
            }
        }
        if let Some(tell) = &self.on_decision
            && let Some(decision) = Decision::new(check, &policy, verdict.as_ref().err())
        {
            tell(&decision);
        }
        verdict.map_err(|denial| self.deny(&denial))
    }

    fn deny(&self, denial: &Denial) -> Errno {
        tracing::warn!(%denial, reason = denial.reason(), "denied");
        if let Some(tell) = &self.on_denial {
            tell(denial);
        }
        Errno::AccessDenied
    }

    fn refuse(&self, invalid: &Invalid) -> Errno {
        tracing::warn!(%invalid, "refused");
        if let Some(tell) = &self.on_invalid {
            tell(invalid);
        }
        invalid.errno()
    }
}

impl fmt::Debug for CapsockCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapsockCtx")
            .field("policy", &self.authority.policy())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
