//! `capsock run`: instantiates a component and calls its `wasi:cli/run`.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use capsock_host::cap_std::ambient_authority;
use capsock_host::{CapsockCtx, CapsockCtxView, CapsockView, Denial, Op};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::{Command, CommandPre};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView};

use crate::Failure;
use crate::args::Run;
use crate::audit;
use crate::inherit::{self, Listener};
use crate::load;
use crate::record::{self, Record};

/// How many different denials are told; a guest must not flood the terminal.
const DENIALS_TOLD: usize = 1000;

/// How many handles a guest may hold.
const HANDLES: usize = 4096;

/// What the host functions of one guest work on.
struct Guest {
    wasi: WasiCtx,
    sockets: CapsockCtx,
    table: ResourceTable,
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

/// Runs a component to its end, and returns its exit code.
pub(crate) fn run(run: Run) -> Result<i32, Failure> {
    // First: systemd's descriptors have fixed numbers.
    let listeners = inherit::open(&run.inherit)?;
    let engine = load::engine(run.cache)?;
    let command = prepare(&engine, &run)?;
    let (guest, record) = guest(run, listeners)?;
    let store = Store::new(&engine, guest);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::Usage(format!("cannot start: {error}")))?;
    match record {
        None => runtime.block_on(call(store, command)),
        Some(record) => {
            let outcome = runtime.block_on(record::until_signal(call(store, command)));
            record.write()?;
            outcome
        }
    }
}

fn prepare(engine: &Engine, run: &Run) -> Result<CommandPre<Guest>, Failure> {
    let unusable =
        |error: wasmtime::Error| Failure::Usage(format!("{}: {error:#}", run.component.display()));
    let component = load::component(engine, &run.component)?;
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(unusable)?;
    capsock_host::add_to_linker_async(&mut linker).map_err(unusable)?;
    CommandPre::new(linker.instantiate_pre(&component).map_err(unusable)?).map_err(unusable)
}

fn guest(run: Run, listeners: Vec<Listener>) -> Result<(Guest, Option<Record>), Failure> {
    let mut wasi = WasiCtx::builder();
    wasi.inherit_stdio().args(&run.args);
    // Later ones of a name do not count to a guest, so the user's come first.
    wasi.envs(&run.env).envs(&inherit::variables(&listeners));
    for dir in &run.dirs {
        wasi.preopened_dir(&dir.host, &dir.guest, FsPerms::ReadWrite)
            .map_err(|error| Failure::Usage(format!("--dir {}: {error:#}", dir.host.display())))?;
    }
    let told = Mutex::new(HashSet::new());
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES);
    let mut sockets = CapsockCtx::new(run.policy, ambient_authority())
        .on_denial(move |denial| tell(&told, denial));
    if let Some(path) = &run.audit {
        sockets = sockets.on_decision(audit::to(path, &run.component)?);
    }
    let mut record = None;
    if let Some(path) = run.record {
        let (recorded, recording) = sockets.recording(ambient_authority());
        sockets = recorded;
        record = Some(Record::create(path, &run.component, recording)?);
    }
    let guest = Guest {
        wasi: wasi.build(),
        sockets: inherit::give(sockets, listeners)?,
        table,
    };
    Ok((guest, record))
}

async fn call(mut store: Store<Guest>, command: CommandPre<Guest>) -> Result<i32, Failure> {
    let outcome = async {
        let command: Command = command.instantiate_async(&mut store).await?;
        command.wasi_cli_run().call_run(&mut store).await
    };
    match outcome.await {
        Ok(Ok(())) => Ok(0),
        Ok(Err(())) => Ok(1),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => Ok(exit.0),
            None => Err(Failure::Trap(error)),
        },
    }
}

/// Prints a denial the first time, with the flag that would allow it.
fn tell(told: &Mutex<HashSet<Denial>>, denial: &Denial) {
    // A poisoned set is still a set.
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() == DENIALS_TOLD || !told.insert(denial.clone()) {
        return;
    }
    match denial.grant() {
        // There is only `*`, and the flag alone says it.
        Some(grant) if grant.op == Op::Interfaces => {
            eprintln!(
                "capsock: denied {denial}; to allow it: --allow-{}",
                grant.op
            );
        }
        Some(grant) => {
            let target = shlex::try_quote(&grant.target).unwrap_or_default();
            eprintln!(
                "capsock: denied {denial}; to allow it: --allow-{} {target}",
                grant.op
            );
        }
        None => eprintln!("capsock: denied {denial}"),
    }
    if told.len() == DENIALS_TOLD {
        eprintln!("capsock: further denials are not shown");
    }
}
