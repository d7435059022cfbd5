//! Guests in this process, under the engine that the CLI has.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use capsock_host::cap_std::ambient_authority;
use capsock_host::{CapsockCtx, CapsockCtxView, CapsockView, Limits, MemoryLimiter, Policy};
use wasmtime::component::{Accessor, Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::p2::bindings as p2;
use wasmtime_wasi::p3::bindings as p3;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};

/// How often guests are asked whether they may go on: the CLI's default.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Guest {
    wasi: WasiCtx,
    sockets: CapsockCtx,
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

/// A component that is ready to run.
#[derive(Clone)]
pub(crate) struct Program {
    engine: Engine,
    command: Command,
}

/// A command of either version of WASI, linked.
#[derive(Clone)]
enum Command {
    P2(p2::CommandPre<Guest>),
    P3(p3::CommandPre<Guest>),
}

/// The configuration of every engine; the caller may add to it.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.concurrency_support(false);
    config
}

/// An engine whose guests yield as those of the CLI do.
pub(crate) fn engine(config: &Config) -> wasmtime::Result<Engine> {
    let engine = Engine::new(config)?;
    let weak = engine.weak();
    let clock = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new()
        .name("clock".to_owned())
        .spawn(clock)?;
    Ok(engine)
}

/// The code of a component for any processor of this kind, as [`precompiled`]
/// takes it: under valgrind there is less than the processor has.
pub(crate) fn precompile(concurrent: bool, path: &Path) -> wasmtime::Result<Vec<u8>> {
    let engine = Engine::new(&portable(concurrent)?)?;
    Component::from_file(&engine, path)?.serialize()
}

/// A program of the code that [`precompile`] has made, in an engine without a
/// clock.
pub(crate) fn precompiled(concurrent: bool, code: &Path) -> wasmtime::Result<Program> {
    let engine = Engine::new(&portable(concurrent)?)?;
    // SAFETY: the file is one that the process which started this one has just
    // made in a directory of its own.
    #[allow(unsafe_code, reason = "a file of native code is to be trusted")]
    let component = unsafe { Component::deserialize_file(&engine, code)? };
    match concurrent {
        true => Program::concurrent(&engine, &component),
        false => Program::of(&engine, &component),
    }
}

fn portable(concurrent: bool) -> wasmtime::Result<Config> {
    let mut config = config();
    config.target(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH))?;
    if concurrent {
        config.concurrency_support(true);
    }
    Ok(config)
}

impl Program {
    pub(crate) fn new(engine: &Engine, path: &Path) -> wasmtime::Result<Self> {
        Self::of(engine, &Component::from_file(engine, path)?)
    }

    pub(crate) fn of(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let mut linker = linker(engine)?;
        capsock_host::add_to_linker_async(&mut linker)?;
        // Python's interpreter can ask the CLI for its script. Here it gets the
        // text of it as an argument.
        linker
            .instance("capsock:python/script@0.1.0")?
            .func_new("read", |_, _, _, _| {
                Err(wasmtime::format_err!("there is no script"))
            })?;
        Ok(Self {
            engine: engine.clone(),
            command: Command::P2(p2::CommandPre::new(linker.instantiate_pre(component)?)?),
        })
    }

    /// A command of WASI 0.3; its engine runs tasks concurrently.
    pub(crate) fn concurrent(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let mut linker = linker(engine)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        Ok(Self {
            engine: engine.clone(),
            command: Command::P3(p3::CommandPre::new(linker.instantiate_pre(component)?)?),
        })
    }

    /// What a guest works on that has these arguments and may reach this machine
    /// and the directory.
    pub(crate) fn store(
        &self,
        args: &[String],
        directory: &Path,
    ) -> wasmtime::Result<Store<Guest>> {
        let limits = limits();
        let mut wasi = WasiCtx::builder();
        wasi.arg("bench")
            .args(args)
            .inherit_stderr()
            .inherit_network()
            .allow_tcp(true)
            .allow_udp(true)
            .preopened_dir(
                directory,
                directory.display().to_string(),
                FsPerms::ReadWrite,
            )?;
        let sockets = CapsockCtx::new(policy(directory)?, ambient_authority());
        let guest = Guest {
            wasi: wasi.build(),
            sockets: sockets
                .with_limits(limits.clone())
                .holding_thread(limits.tick),
            table: ResourceTable::new(),
            memory: MemoryLimiter::new(&limits),
        };
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(limits.hostcall_fuel as usize);
        store.set_max_component_handles(limits.handles as usize * 2);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        Ok(store)
    }

    /// Runs it to its end.
    pub(crate) async fn call(&self, mut store: Store<Guest>) -> wasmtime::Result<()> {
        let result = match &self.command {
            Command::P2(command) => {
                let command = command.instantiate_async(&mut store).await?;
                command.wasi_cli_run().call_run(&mut store).await
            }
            Command::P3(command) => {
                let command = command.instantiate_async(&mut store).await?;
                let run =
                    async |store: &Accessor<Guest>| command.wasi_cli_run().call_run(store).await;
                store.run_concurrent(run).await.flatten()
            }
        };
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(())) => Err(wasmtime::format_err!("the guest failed")),
            Err(error) => match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
                Some(exit) if exit.0 == 0 => Ok(()),
                _ => Err(error),
            },
        }
    }

    pub(crate) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<()> {
        match &self.command {
            Command::P2(command) => command.instantiate_async(store).await.map(drop),
            Command::P3(command) => command.instantiate_async(store).await.map(drop),
        }
    }

    /// Runs it to its end on this thread.
    pub(crate) fn run(&self, args: &[String], directory: &Path) -> io::Result<()> {
        let run = async { self.call(self.store(args, directory)?).await };
        runtime()?
            .block_on(run)
            .map_err(|error| io::Error::other(error.root_cause().to_string()))
    }
}

/// What guests of every version have.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

/// The runtime that the CLI has.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// The CLI's, with room for the most connections and threads.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.sockets = 11_000;
    limits.handles = 44_000;
    limits.threads = 1_100;
    limits
}

/// What the programs need, by rules as a user would write them.
pub(crate) fn policy(directory: &Path) -> wasmtime::Result<Policy> {
    use capsock_host::Op::{Bind, Connect, Listen, Send};
    let unix = format!("unix:{}/", directory.display());
    Ok(Policy::default()
        .allow(Connect, "tcp://127.0.0.1:*")?
        .allow(Listen, "tcp://127.0.0.1:ephemeral from=loopback")?
        // memcached's, which has to be told its port.
        .allow(Listen, "tcp://127.0.0.1:1024-65535 from=loopback")?
        .allow(Send, "udp://127.0.0.1:*")?
        .allow(Bind, "udp://127.0.0.1:ephemeral")?
        .allow(Connect, &unix)?)
}

/// A program that `just c-sdk`, `just c-programs` or `scripts/bench-memcached` builds.
pub(crate) fn native(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/{name}"))
}

/// CPython of the version that the guest is, which `scripts/cpython` finds or builds.
pub(crate) fn native_python() -> PathBuf {
    let built = native("cpython/python");
    if built.exists() {
        built
    } else {
        "python3".into()
    }
}

/// A component that `just guests` builds.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/guests/{name}.wasm"))
}
