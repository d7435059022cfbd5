//! What one instance has, from its request to its end.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use capsock_host::cap_std::ambient_authority;
use capsock_host::http::{HttpCtx, WasiHttpCtxView, WasiHttpView};
use capsock_host::{
    CapsockCtx, CapsockCtxView, CapsockView, Limits, MemoryLimiter, Policy, Quota, TrustStore,
};
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

/// What each instance of a component begins with: what it may do, and what it is given.
///
/// ```
/// use capsock_host::{Limits, Op, Policy};
/// use capsock_serve::Template;
///
/// let policy = Policy::default().allow(Op::Http, "GET https://api.example.com/v1/*")?;
/// let template = Template::new(policy, Limits::SERVE).env("MODE", "production");
/// # _ = template;
/// # Ok::<(), capsock_host::ParseRuleError>(())
/// ```
#[derive(Clone)]
pub struct Template {
    policy: Policy,
    limits: Limits,
    quota: Quota,
    trust_store: TrustStore,
    env: Vec<(String, String)>,
    dirs: Vec<(PathBuf, String, FsPerms)>,
    observe: Arc<Observe>,
    on_failure: Option<Arc<OnFailure>>,
}

type Observe = dyn Fn(CapsockCtx) -> CapsockCtx + Send + Sync;

type OnFailure = dyn Fn(&wasmtime::Error) + Send + Sync;

impl Template {
    /// Instances under this policy and these limits, each of them for itself, and what the
    /// host has to share for all of them together.
    pub fn new(policy: Policy, limits: Limits) -> Self {
        Self {
            policy,
            quota: Quota::process(),
            limits,
            trust_store: TrustStore::system(),
            env: Vec::new(),
            dirs: Vec::new(),
            observe: Arc::new(|sockets| sockets),
            on_failure: None,
        }
    }

    /// With this environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// With a directory of the host, under a name of the guest's.
    pub fn dir(
        mut self,
        host: impl Into<PathBuf>,
        guest: impl Into<String>,
        permissions: FsPerms,
    ) -> Self {
        self.dirs.push((host.into(), guest.into(), permissions));
        self
    }

    /// With whom it trusts; see [`CapsockCtx::with_trust_store`].
    pub fn trust_store(mut self, store: TrustStore) -> Self {
        self.trust_store = store;
        self
    }

    /// With a quota that all instances share with others; see [`CapsockCtx::with_quota`].
    pub fn quota(mut self, quota: &Quota) -> Self {
        self.quota = quota.clone();
        self
    }

    /// With changes to the context of each instance: who is told of denials, say.
    pub fn context(
        mut self,
        change: impl Fn(CapsockCtx) -> CapsockCtx + Send + Sync + 'static,
    ) -> Self {
        self.observe = Arc::new(change);
        self
    }

    /// Calls `tell` where an instance traps, takes too long, or ends without a response. It
    /// is a `tracing` event too, at level `ERROR`.
    pub fn on_failure(mut self, tell: impl Fn(&wasmtime::Error) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Arc::new(tell));
        self
    }

    /// Tells how an instance ended, if it failed.
    pub(crate) fn tell(&self, ended: wasmtime::Result<()>) {
        let Err(error) = ended else { return };
        tracing::error!(error = format!("{error:#}"), "a request failed");
        if let Some(tell) = &self.on_failure {
            tell(&error);
        }
    }

    /// The limits of each instance.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What an instance works on.
    pub(crate) fn store(&self, engine: &Engine) -> wasmtime::Result<Store<Guest>> {
        let mut wasi = WasiCtx::builder();
        wasi.inherit_stdout().inherit_stderr().envs(&self.env);
        for (host, guest, permissions) in &self.dirs {
            wasi.preopened_dir(host, guest, *permissions)?;
        }
        let sockets = CapsockCtx::new(self.policy.clone(), ambient_authority())
            .with_limits(self.limits.clone())
            .with_quota(&self.quota)
            .with_trust_store(self.trust_store.clone());
        let sockets = (self.observe)(sockets);
        let mut table = ResourceTable::new();
        table.set_max_capacity(self.limits.handles as usize);
        let guest = Guest {
            wasi: wasi.build(),
            http: HttpCtx::new(&sockets),
            sockets,
            table,
            memory: MemoryLimiter::new(&self.limits),
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.memory);
        self.bound(&mut store);
        Ok(store)
    }

    /// Bounds what wasmtime does for it.
    fn bound(&self, store: &mut Store<Guest>) {
        let limits = &self.limits;
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(limits.handles as usize);
        }
        store.set_hostcall_fuel(limits.hostcall_fuel as usize);
        store.set_max_component_handles(limits.handles as usize * OWN_HANDLES);
        let ticks = limits.request_cpu.as_nanos() / limits.tick.as_nanos().max(1);
        let mut left = u64::try_from(ticks).unwrap_or(u64::MAX);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_store| {
            left = left.checked_sub(1).ok_or(OutOfTime)?;
            Ok(UpdateDeadline::Yield(1))
        });
    }
}

/// Handles in the guest's own tables, for each one in the host's.
const OWN_HANDLES: usize = 2;

/// A request that computed for too long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutOfTime;

impl fmt::Display for OutOfTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it computed for longer than its limit request-cpu")
    }
}

impl std::error::Error for OutOfTime {}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template")
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// What the host functions of one instance work on.
pub(crate) struct Guest {
    wasi: WasiCtx,
    sockets: CapsockCtx,
    http: HttpCtx,
    table: ResourceTable,
    memory: MemoryLimiter,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl CapsockView for Guest {
    fn capsock(&mut self) -> CapsockCtxView<'_> {
        CapsockCtxView {
            ctx: &mut self.sockets,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http.view(&mut self.table)
    }
}
