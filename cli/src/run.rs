//! `capsock run`: instantiates a component and calls its `wasi:cli/run`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use capsock_host::cap_std::ambient_authority;
use capsock_host::http::{self, HttpCtx, WasiHttpCtxView, WasiHttpView};
use capsock_host::policy::Reach;
use capsock_host::{
    CapsockCtx, CapsockCtxView, CapsockView, Limits, MemoryLimiter, Quota, Signals,
};
use capsock_seal::Seal;
use wasmtime::component::{Accessor, Component, Linker, ResourceTable};
use wasmtime::{Engine, Store, Trap};
use wasmtime_wasi::p2::bindings as p2;
use wasmtime_wasi::p3::bindings as p3;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView};

use crate::args::{Landlock, Mapping, Run};
use crate::audit::{self, Audit};
use crate::inherit::{self, Listener};
use crate::landlock::Directories;
use crate::record::Record;
use crate::script::{self, ScriptView, Scripts};
use crate::seal::MOST;
use crate::terminal::tell;
use crate::told::Told;
use crate::wasi::Surface;
use crate::{Failure, bounds, landlock, links, load, signals, trusted};

/// How long a call of the guest that waits may hold the thread, which has little
/// else to do: the end of the time, and signals while recording.
const HOLD: Duration = Duration::from_millis(10);

/// What the host functions of one guest work on.
struct Guest {
    wasi: WasiCtx,
    sockets: CapsockCtx,
    http: HttpCtx,
    table: ResourceTable,
    memory: MemoryLimiter,
    scripts: Scripts,
}

impl ScriptView for Guest {
    fn scripts(&mut self) -> &mut Scripts {
        &mut self.scripts
    }
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

/// Runs a component to its end, and returns its exit code.
pub(crate) fn run(mut run: Run) -> Result<i32, Failure> {
    // Before any of it is made or opened.
    trusted::check(&run)?;
    // First of what opens descriptors: systemd's have fixed numbers.
    let listeners = inherit::open(&run.inherit)?;
    let bytes = unseal(load::read(&run.component, &run.limits)?, &mut run);
    let surface = Surface::of(&bytes);
    let surface = surface.map_err(|error| load::unusable(&run.component, &error))?;
    let engine = load::engine(surface.concurrency)?;
    let command = prepare(&engine, &run, &bytes, &surface)?;
    drop(bytes);
    let limits = run.limits.clone();
    let component = run.component.clone();
    let restriction = Restriction::of(&run);
    let scripts = Scripts::open(command.component(), &run.args);
    let (signals, ended) = signals::relay(run.record.is_some());
    let alone = !surface.concurrency.has_tasks();
    let (guest, observers) = guest(run, alone, listeners, scripts, &signals)?;
    let sockets = guest.sockets.clone();
    let mut store = Store::new(&engine, guest);
    store.limiter(|guest| &mut guest.memory);
    bounds::apply(&limits, surface.concurrency.has_tasks(), &mut store);
    restrict(&restriction)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let unstarted = |error| Failure::Usage(format!("cannot start: {error}"));
    let runtime = runtime.map_err(unstarted)?;
    bounds::start(&limits, &engine).map_err(unstarted)?;
    let run = async {
        tokio::select! {
            outcome = call(store, command, &component, &limits, &sockets, &signals) => outcome,
            code = ended => Ok(code),
        }
    };
    let result = runtime.block_on(run);
    if let Some(record) = observers.record {
        record.write()?;
    }
    // A look-up that still goes on is not waited for.
    runtime.shutdown_background();
    observers.told.end();
    match observers.audit {
        // Whatever the guest made of the denials.
        Some(audit) if !audit.is_complete() => result.map(|_code| audit::UNWRITTEN),
        _ => result,
    }
}

/// The program that a component was sealed of, to be run under the policy within the
/// rules of its seal: what they allow is what the sealed component would, and what the
/// machine alone knows counts as well. What another capsock has sealed runs as it is,
/// its keeper within the policy.
fn unseal(mut component: Vec<u8>, run: &mut Run) -> Vec<u8> {
    for _seal in 0..MOST {
        match Seal::said_by(&component) {
            Ok(Some(seal)) if seal.keeper().is_built_in() => {
                if let Some(rules) = seal.policy() {
                    run.policy = std::mem::take(&mut run.policy).sealed(rules.clone());
                }
                component = seal.program().to_vec();
            }
            Ok(_) => break,
            Err(broken) => {
                tell(format_args!("{}: {broken}", run.component.display()));
                break;
            }
        }
    }
    component
}

/// Who is told what the guest does.
struct Observers {
    told: Arc<Told>,
    audit: Option<Arc<Audit>>,
    record: Option<Record>,
}

/// What the kernel is to be told.
struct Restriction {
    landlock: Landlock,
    verbose: bool,
    reach: Reach,
    directories: Directories,
}

impl Restriction {
    fn of(run: &Run) -> Self {
        Self {
            // A recording allows what no grant says.
            landlock: match run.record {
                Some(_) => Landlock::Off,
                None => run.landlock,
            },
            verbose: run.verbose,
            reach: run.policy.reach(),
            directories: directories(&run.dirs),
        }
    }
}

fn directories(dirs: &[Mapping]) -> Directories {
    let of = |writable| -> Vec<PathBuf> {
        let dirs = dirs.iter().filter(|dir| dir.writable == writable);
        dirs.map(|dir| dir.host.clone()).collect()
    };
    Directories {
        writable: of(true),
        readable: of(false),
    }
}

/// After all is opened, and before the guest's threads are started, which are
/// restricted as this one is.
fn restrict(restriction: &Restriction) -> Result<(), Failure> {
    if restriction.landlock == Landlock::Off {
        return Ok(());
    }
    let enforced = landlock::enforce(&restriction.reach, &restriction.directories)
        .map_err(|error| Failure::Usage(format!("landlock: {error}")))?;
    if restriction.landlock == Landlock::Required && !enforced.is_full() {
        return Err(Failure::Usage(format!("--require-landlock: {enforced}")));
    }
    if restriction.verbose {
        tell(format_args!("{enforced}"));
    }
    Ok(())
}

/// A command of either version, linked.
enum Command {
    P2(p2::CommandPre<Guest>),
    P3(p3::CommandPre<Guest>),
}

impl Command {
    fn component(&self) -> &Component {
        match self {
            Self::P2(command) => command.instance_pre().component(),
            Self::P3(command) => command.instance_pre().component(),
        }
    }
}

fn prepare(
    engine: &Engine,
    run: &Run,
    bytes: &[u8],
    surface: &Surface,
) -> Result<Command, Failure> {
    let component = load::component(engine, &run.component, bytes, &run.limits, run.cache)?;
    link(engine, &component, surface).map_err(|error| match surface.unmet() {
        Some(unmet) => load::unusable(&run.component, &unmet),
        None => load::unusable(&run.component, &format!("{error:#}")),
    })
}

fn link(engine: &Engine, component: &Component, surface: &Surface) -> wasmtime::Result<Command> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    links::add_to_linker_p2(&mut linker)?;
    capsock_host::wasi::add_to_linker_p2(&mut linker)?;
    script::add_to_linker(&mut linker)?;
    capsock_host::add_to_linker_async(&mut linker)?;
    // It has so many functions that each start would take a third longer.
    let has_http = surface
        .imports
        .iter()
        .any(|name| name.starts_with("wasi:http/"));
    if has_http {
        http::add_to_linker_p2(&mut linker)?;
    }
    if surface.concurrency.is_needed() {
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        links::add_to_linker_p3(&mut linker)?;
        capsock_host::wasi::add_to_linker_p3(&mut linker)?;
        if has_http {
            http::add_to_linker_p3(&mut linker)?;
        }
    }
    let linked = linker.instantiate_pre(component)?;
    Ok(match surface.runs_concurrently() {
        true => Command::P3(p3::CommandPre::new(linked)?),
        false => Command::P2(p2::CommandPre::new(linked)?),
    })
}

/// `alone` is a guest without tasks of its own.
fn guest(
    run: Run,
    alone: bool,
    listeners: Vec<Listener>,
    scripts: Scripts,
    signals: &Signals,
) -> Result<(Guest, Observers), Failure> {
    let mut wasi = WasiCtx::builder();
    wasi.inherit_stdio().args(&run.args);
    // Later ones of a name do not count to a guest, so the user's come first.
    wasi.envs(&run.env).envs(&inherit::variables(&listeners));
    for dir in &run.dirs {
        let permissions = match dir.writable {
            true => FsPerms::ReadWrite,
            false => FsPerms::ReadOnly,
        };
        wasi.preopened_dir(&dir.host, &dir.guest, permissions)
            .map_err(|error| Failure::Usage(format!("--dir {}: {error:#}", dir.host.display())))?;
    }
    let told = Arc::new(Told::default());
    let (denials, refusals) = (told.clone(), told.clone());
    let mut table = ResourceTable::new();
    table.set_max_capacity(run.limits.handles as usize);
    let memory = MemoryLimiter::new(&run.limits);
    // It is the only guest of this process.
    let quota = Quota::new(&run.limits);
    let mut sockets = CapsockCtx::new(run.policy, ambient_authority())
        .with_limits(run.limits)
        .with_quota(&quota)
        .with_trust_store(run.trust_store)
        .with_signals(signals)
        .on_denial(move |denial| denials.denial(denial))
        .on_invalid(move |invalid| refusals.invalid(invalid));
    if alone {
        sockets = sockets.holding_thread(HOLD);
    }
    if !run.dns_search.is_empty() {
        sockets = sockets.with_dns_search(run.dns_search);
    }
    let mut audit = None;
    if let Some(path) = &run.audit {
        let file = Arc::new(Audit::open(path, &run.component)?);
        let (decisions, answers) = (file.clone(), file.clone());
        sockets = sockets
            .on_decision(move |decision| decisions.decision(decision))
            .on_answer(move |answer| answers.answer(answer));
        audit = Some(file);
    }
    let mut record = None;
    if let Some(path) = run.record {
        let (recorded, recording) = sockets.recording(ambient_authority());
        sockets = recorded;
        record = Some(Record::create(path, &run.component, recording)?);
    }
    let sockets = inherit::give(sockets, listeners)?;
    let guest = Guest {
        wasi: wasi.build(),
        memory,
        scripts,
        http: HttpCtx::new(&sockets),
        sockets,
        table,
    };
    let observers = Observers {
        told,
        audit,
        record,
    };
    Ok((guest, observers))
}

async fn call(
    mut store: Store<Guest>,
    command: Command,
    component: &Path,
    limits: &Limits,
    sockets: &CapsockCtx,
    signals: &Signals,
) -> Result<i32, Failure> {
    let outcome = async {
        let result = match command {
            Command::P2(command) => {
                let command = command.instantiate_async(&mut store).await;
                let command = command.map_err(|error| uninstantiated(error, component))?;
                command.wasi_cli_run().call_run(&mut store).await
            }
            Command::P3(command) => {
                let command = command.instantiate_async(&mut store).await;
                let command = command.map_err(|error| uninstantiated(error, component))?;
                let run =
                    async |store: &Accessor<Guest>| command.wasi_cli_run().call_run(store).await;
                store.run_concurrent(run).await.flatten()
            }
        };
        drop(store);
        signals.end();
        sockets.all_sent().await;
        result.map_err(Failure::Trap)
    };
    match bounds::in_time(limits, outcome).await {
        Some(Ok(Ok(()))) => Ok(0),
        Some(Ok(Err(()))) => Ok(1),
        Some(Err(Failure::Trap(error))) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(Failure::Trap(bounds::explained(error, limits))),
        },
        Some(Err(failure)) => Err(failure),
        None => {
            bounds::tell_too_long(limits.time.unwrap_or_default(), "");
            Ok(bounds::TOO_LONG)
        }
    }
}

/// The component's own code may have run here already, and trap; whatever else
/// fails has to do with the component, or with a limit that it exceeds from the
/// start.
fn uninstantiated(error: wasmtime::Error, component: &Path) -> Failure {
    match error.is::<Trap>() || error.is::<I32Exit>() {
        true => Failure::Trap(error),
        false => load::unusable(component, &format!("{error:#}")),
    }
}
