//! What the host keeps for one guest.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use cap_std::AmbientAuthority;
use tokio::sync::watch;
use wasmtime::component::ResourceTable;

use crate::lookup::{NameAnswer, NameError};
use crate::os::UnixDirectories;
#[cfg(feature = "http")]
use crate::policy::http::{Request, VettedRequest};
#[cfg(feature = "http")]
use crate::policy::operation::Connect;
use crate::policy::operation::{Listen, Operation};
use crate::policy::{
    Authority, Check, Decision, Denial, DescriptorKind, Domain, Invalid, Machine, NameRefusal,
    Policy, Refusal, Vetted, VettedName,
};
use crate::quota::{Quota, Taken, What};
use crate::record::Recording;
use crate::signals::Signals;
use crate::socket::{Inherited, KnownSockets, MadePaths};
use crate::{Address, AddressFamily, Errno, Limits, Protocol, TrustStore, os};

/// Is told of each denial; see [`CapsockCtx::on_denial`].
type OnDenial = Arc<dyn Fn(&Denial) + Send + Sync>;

/// Is told of what is invalid; see [`CapsockCtx::on_invalid`].
type OnInvalid = Arc<dyn Fn(&Invalid) + Send + Sync>;

/// Is told of each decision; see [`CapsockCtx::on_decision`].
type OnDecision = Arc<dyn Fn(&Decision) -> Result<(), Unrecorded> + Send + Sync>;

/// A decision that could not be recorded, where it has to be: what
/// [`CapsockCtx::on_decision`] may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrecorded;

impl fmt::Display for Unrecorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the decision could not be recorded, so the operation is denied")
    }
}

impl std::error::Error for Unrecorded {}

/// Is told of each answer; see [`CapsockCtx::on_answer`].
type OnAnswer = Arc<dyn Fn(&NameAnswer) + Send + Sync>;

/// The sockets side of one guest: its policy, its limits, and who is told of
/// denials.
#[derive(Clone)]
pub struct CapsockCtx {
    authority: Arc<Authority>,
    directories: Arc<UnixDirectories>,
    limits: Limits,
    /// What the guest uses, within what it shares with others.
    quota: Quota,
    /// One with its clones, being of one guest.
    paths: Arc<MadePaths>,
    dns_search: Option<Arc<[Domain]>>,
    trust_store: TrustStore,
    inherited: Vec<Inherited>,
    known: Arc<KnownSockets>,
    held: Option<Duration>,
    signals: Signals,
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

/// What rules mean on this machine, for [`Policy::on`]: a [`CapsockCtx`] sets it
/// for its policy by itself.
pub fn this_machine() -> Arc<dyn Machine> {
    static MACHINE: LazyLock<Arc<os::ThisMachine>> = LazyLock::new(Arc::default);
    MACHINE.clone()
}

impl CapsockCtx {
    /// A guest under `policy`, with the default [`Limits`].
    ///
    /// `authority` is what opens the directories of the policy's `unix:` rules
    /// and makes the sockets: get it from [`cap_std::ambient_authority`]. Needs
    /// no tokio runtime yet; the guest's calls do, one with I/O and time.
    pub fn new(policy: Policy, authority: AmbientAuthority) -> Self {
        let limits = Limits::default();
        let policy = policy.on(this_machine());
        Self {
            directories: Arc::new(UnixDirectories::open(&policy, authority)),
            authority: Arc::new(Authority::new(policy)),
            quota: Quota::process().within(&limits),
            paths: Arc::default(),
            limits,
            dns_search: None,
            trust_store: TrustStore::system(),
            inherited: Vec::new(),
            known: Arc::default(),
            held: None,
            signals: Signals::default(),
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
        self.quota = self.quota.parent().within(&limits);
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

    /// Tells the guest to trust these authorities, in place of the system's. It has its
    /// TLS itself, and does as it likes; to be told who is trusted takes no grant.
    pub fn with_trust_store(mut self, store: TrustStore) -> Self {
        self.trust_store = store;
        self
    }

    /// The same guest, sharing a quota with others that are given it. Without
    /// it, a guest shares [`Quota::process`].
    pub fn with_quota(mut self, quota: &Quota) -> Self {
        self.quota = quota.within(&self.limits);
        self
    }

    /// Gives the guest a listening socket under a name. To give it is the grant:
    /// the policy is not asked about its address, nor about its peers.
    ///
    /// The guest gets duplicates, and accepts. It cannot change the listener for
    /// others who have it: that it shuts it down, listens again or sets options is
    /// not permitted (`EPERM`). But the socket becomes non-blocking, also for them.
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

    /// Lets the guest catch signals, which the embedder sends by `signals`.
    ///
    /// Without it the guest is told that none can come.
    pub fn with_signals(mut self, signals: &Signals) -> Self {
        self.signals = signals.clone();
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

    /// Calls `tell` at each decision of the policy, on the guest's thread, before
    /// the operation is done. Operations that need no grant are no decision,
    /// unless a rule forbids them.
    ///
    /// Where it returns [`Unrecorded`], the operation is denied whatever the
    /// policy says: an audit that fails lets nothing by. To the guest that is
    /// `access-denied` as any denial; it is none of [`on_denial`](Self::on_denial).
    ///
    /// ```
    /// # use capsock_host::{CapsockCtx, Policy, cap_std::ambient_authority};
    /// use std::io::Write;
    /// use capsock_host::Unrecorded;
    ///
    /// # let context = CapsockCtx::new(Policy::default(), ambient_authority());
    /// let context = context.on_decision(|decision| {
    ///     writeln!(std::io::stderr(), "{decision:?}").map_err(|_unwritten| Unrecorded)
    /// });
    /// ```
    pub fn on_decision(
        mut self,
        tell: impl Fn(&Decision) -> Result<(), Unrecorded> + Send + Sync + 'static,
    ) -> Self {
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

    /// The domains to search for a name: without those within which it is another
    /// name that a rule denies.
    pub(crate) fn dns_search(&self, name: &VettedName) -> Option<Arc<[Domain]>> {
        let policy = self.authority.policy();
        let is_denied = |domain: &&Domain| {
            let whole = format!("{}.{domain}", name.as_str());
            match policy.vet_name(&whole) {
                Err(NameRefusal::Denied(denial)) => denial.rule().is_some(),
                _ => false,
            }
        };
        let domains = self.dns_search.as_ref()?.iter();
        Some(
            domains
                .filter(|domain| !is_denied(domain))
                .cloned()
                .collect(),
        )
    }

    pub(crate) fn trust_store(&self) -> &TrustStore {
        &self.trust_store
    }

    pub(crate) fn inherited(&self) -> &[Inherited] {
        &self.inherited
    }

    pub(crate) fn known(&self) -> &KnownSockets {
        &self.known
    }

    pub(crate) fn directories(&self) -> &Arc<UnixDirectories> {
        &self.directories
    }

    pub(crate) fn held(&self) -> Option<Duration> {
        self.held
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// [`CapsockCtx::all_sent`] waits until it is dropped.
    pub(crate) fn count_unsent(&self) -> impl Send + use<> {
        self.unsent.subscribe()
    }

    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }

    pub(crate) fn take_socket(&self) -> Result<Taken, Errno> {
        self.quota.take_socket()
    }

    /// For data that is kept until all of it has come.
    pub(crate) fn keep(&self) -> Taken {
        self.quota.nothing(What::Kept)
    }

    /// The files of Unix sockets that the guest made.
    pub(crate) fn paths(&self) -> &MadePaths {
        &self.paths
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The one way to an address that the kernel may be given.
    pub(crate) fn vet<O: Operation>(
        &self,
        protocol: Protocol,
        address: Address,
    ) -> Result<Vetted<O>, Errno> {
        let address = os::interfaces::with_own_name(address);
        self.judge(
            |policy| match policy.vet(protocol, address.clone()) {
                Ok(vetted) => Ok(Ok(vetted)),
                Err(Refusal::Invalid(invalid)) => Ok(Err(invalid)),
                Err(Refusal::Denied(denial)) => Err(denial),
            },
            || Check::of_use::<O>(protocol, address.clone()),
        )?
        .map_err(|invalid| self.refuse(&invalid))
    }

    /// Whether a request of HTTP may be made, whatever address its host turns out to have.
    /// Nobody is told where it may: [`vet_destination`](Self::vet_destination) does.
    #[cfg(feature = "http")]
    pub(crate) fn vet_request(&self, request: &Request) -> Result<VettedRequest, Errno> {
        let ask = |policy: &Policy| match policy.vet_request(request) {
            Ok(vetted) => Ok(Ok(vetted)),
            Err(Refusal::Invalid(invalid)) => Ok(Err(invalid)),
            Err(Refusal::Denied(denial)) => Err(denial),
        };
        let verdict = match ask(&self.authority.policy()) {
            Ok(verdict) => verdict,
            Err(_denial) => self.judge(ask, || Check::Request {
                request: request.clone(),
                ip: None,
            })?,
        };
        verdict.map_err(|invalid| self.refuse(&invalid))
    }

    /// The addresses of these that a request may be sent to.
    ///
    /// # Errors
    /// Where it is none: the denial of the first.
    #[cfg(feature = "http")]
    pub(crate) fn vet_destination(
        &self,
        request: &VettedRequest,
        addresses: &[IpAddr],
    ) -> Result<Vec<Vetted<Connect>>, Errno> {
        let mut allowed = addresses
            .iter()
            .filter(|ip| self.may_send_to(request, **ip));
        let Some(told) = allowed.next().or(addresses.first()).copied() else {
            return Ok(Vec::new());
        };
        let first = self.judge(
            |policy| match policy.vet_destination(request, told) {
                Ok(vetted) => Ok(Ok(vetted)),
                Err(Refusal::Invalid(invalid)) => Ok(Err(invalid)),
                Err(Refusal::Denied(denial)) => Err(denial),
            },
            || Check::Request {
                request: request.request().clone(),
                ip: Some(told),
            },
        )?;
        let first = first.map_err(|invalid| self.refuse(&invalid))?;
        // By what a recording has learnt just now too.
        let policy = self.authority.policy();
        let others = addresses.iter().filter(|ip| **ip != told);
        let others = others.filter_map(|ip| policy.vet_destination(request, *ip).ok());
        Ok(std::iter::once(first).chain(others).collect())
    }

    /// Whether a request may be sent to an address.
    #[cfg(feature = "http")]
    pub(crate) fn may_send_to(&self, request: &VettedRequest, ip: IpAddr) -> bool {
        let policy = self.authority.policy();
        policy.vet_destination(request, ip).is_ok()
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

    /// Whether the guest may know an interface by its name and its number.
    pub(crate) fn vet_interface(&self, name: &str) -> Result<(), Errno> {
        match self.authority.policy().names_interface(name) {
            true => Ok(()),
            false => self.vet_interfaces(),
        }
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

    pub(crate) fn vet_take(
        &self,
        protocol: Protocol,
        over: &Address,
        kind: DescriptorKind,
    ) -> Result<(), Errno> {
        self.judge(
            |policy| policy.vet_take(protocol, over, kind),
            || Check::Take {
                protocol,
                over: over.clone(),
                kind,
            },
        )
    }

    /// Whether the guest may take a descriptor of a kind, where it has no less
    /// without it; while it is recorded, what it has could be what it needs.
    pub(crate) fn may_take(
        &self,
        protocol: Protocol,
        over: &Address,
        kind: DescriptorKind,
    ) -> bool {
        let policy = self.authority.policy();
        self.recording.is_some() || policy.vet_take(protocol, over, kind).is_ok()
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
            let Err(denial) = policy.admit_answer(name, ip(answer)) else {
                return true;
            };
            // There is an answer for each type of socket.
            if let Some(tell) = &self.on_decision
                && refused.as_ref() != Some(&denial)
            {
                // It is denied as it is; what is not written denies what follows.
                _ = tell(&Decision::of(&denial));
            }
            refused = Some(denial);
            false
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
        self.answered(name, found, answers.iter().map(ip));
        Ok(())
    }

    /// Tells what a look-up found.
    pub(crate) fn answered(
        &self,
        name: &VettedName,
        found: Option<&str>,
        addresses: impl Iterator<Item = IpAddr>,
    ) {
        let asked = name.as_str();
        let found = found.unwrap_or(asked);
        tracing::debug!(asked, found, "answered");
        if let Some(tell) = &self.on_answer {
            let mut addresses: Vec<IpAddr> = addresses.collect();
            // There is an answer for each type of socket.
            addresses.dedup();
            tell(&NameAnswer {
                asked: asked.to_owned(),
                name: found.to_owned(),
                addresses,
            });
        }
    }

    /// A place for one look-up. Over the limit it fails; it never waits.
    pub(crate) fn take_lookup(&self) -> Result<Taken, NameError> {
        self.quota.take(What::Lookups, 1).ok_or(NameError::Again)
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
        let recorded = match &self.on_decision {
            Some(tell) => Decision::new(check, &policy, verdict.as_ref().err())
                .map_or(Ok(()), |decision| tell(&decision)),
            None => Ok(()),
        };
        let verdict = verdict.map_err(|denial| self.deny(&denial));
        recorded.map_err(|Unrecorded| Errno::AccessDenied)?;
        verdict
    }

    fn deny(&self, denial: &Denial) -> Errno {
        tracing::warn!(%denial, reason = denial.reason(), "denied");
        if let Some(tell) = &self.on_denial {
            tell(denial);
        }
        Errno::AccessDenied
    }

    pub(crate) fn refuse(&self, invalid: &Invalid) -> Errno {
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
