//! The host crate in a program of its own: a guest that does not end well
//! leaves nothing behind.

use std::net::TcpListener;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capsock_host::cap_std::ambient_authority;
use capsock_host::{CapsockCtx, CapsockCtxView, CapsockView, Limits, Op, Policy, Quota};
use capsock_tests::guest;
use rstest::rstest;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

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

/// A program that is ready to be called.
struct Program {
    name: &'static str,
    engine: Engine,
    command: CommandPre<Guest>,
}

impl Program {
    /// Compiles it without a cache, whose thread opens files when it likes.
    fn new(name: &'static str) -> Self {
        Self::linked(name, |linker| {
            capsock_host::add_to_linker_async(linker).unwrap();
        })
    }

    fn linked(name: &'static str, link: impl FnOnce(&mut Linker<Guest>)) -> Self {
        let engine = Engine::default();
        let component = Component::from_file(&engine, guest(name)).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        link(&mut linker);
        let command = CommandPre::new(linker.instantiate_pre(&component).unwrap()).unwrap();
        Self {
            name,
            engine,
            command,
        }
    }

    /// Calls its `main`, and returns the result and what it printed. With
    /// `dropped` the call is dropped in the middle, once it has printed.
    async fn call(
        &self,
        args: &[&str],
        sockets: CapsockCtx,
        dropped: bool,
    ) -> (Option<wasmtime::Result<Result<(), ()>>>, String) {
        let stdout = MemoryOutputPipe::new(1 << 16);
        let mut wasi = WasiCtx::builder();
        wasi.arg(self.name).args(args).stdout(stdout.clone());
        let state = Guest {
            wasi: wasi.build(),
            sockets,
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, state);
        let running = async {
            let command = self.command.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        };
        let printed = async {
            // On the guest's own thread: it does not run meanwhile, but waits
            // in the call that follows what it printed.
            while !dropped || stdout.contents().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let result = tokio::select! {
            result = running => Some(result),
            () = printed => None,
        };
        drop(store);
        (
            result,
            String::from_utf8_lossy(&stdout.contents()).into_owned(),
        )
    }
}

/// Descriptors are the process's, so one test at a time counts them.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn loopback() -> Policy {
    let policy = Policy::default()
        .allow(Op::Listen, "tcp://127.0.0.1:ephemeral")
        .unwrap();
    policy.allow(Op::Connect, "tcp://127.0.0.1:*").unwrap()
}

#[rstest]
#[case::trap("trap", true)]
#[case::exit("exit", true)]
#[case::in_accept("accept", false)]
#[case::in_recv("recv", false)]
#[case::in_sendall("sendall", false)]
#[case::in_poll("poll", false)]
fn a_guest_that_ends_in_the_middle_leaves_no_descriptor_open(
    #[case] case: &str,
    #[case] by_itself: bool,
) {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let sockets = || CapsockCtx::new(loopback(), ambient_authority());
    let program = Program::new("hold");
    // The first call opens what the process keeps.
    for round in 0..3 {
        let before = open_descriptors();
        let (result, printed) =
            runtime.block_on(program.call(&[case, &port], sockets(), !by_itself));
        assert_eq!(printed, "holding\n");
        match result {
            Some(result) => assert!(by_itself && result.is_err(), "{result:?}"),
            None => assert!(!by_itself),
        }
        if round > 0 {
            assert_eq!(open_descriptors(), before);
        }
    }
}

#[test]
fn the_limit_on_sockets_is_the_embedders() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut limits = Limits::default();
    limits.sockets = 5;
    let sockets = CapsockCtx::new(Policy::default(), ambient_authority()).with_limits(limits);
    let (result, printed) =
        runtime.block_on(Program::new("misuse").call(&["quota"], sockets, false));
    result.unwrap().unwrap().unwrap();
    assert_eq!(printed, "5 sockets\n");
}

/// What one guest has, another one that shares its quota has not.
#[test]
fn guests_share_a_quota() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let mut limits = Limits::default();
    limits.sockets = 10;
    let quota = Quota::new(&limits);
    let sockets = || CapsockCtx::new(loopback(), ambient_authority()).with_quota(&quota);
    let (hold, misuse) = (Program::new("hold"), Program::new("misuse"));
    let printed = runtime.block_on(async {
        let args = ["recv", port.as_str()];
        let mut waiting = std::pin::pin!(hold.call(&args, sockets(), false));
        let connected = tokio::task::spawn_blocking(move || peer.accept().unwrap());
        let _connection = tokio::select! {
            _ = &mut waiting => panic!("the first guest was to wait"),
            connection = connected => connection.unwrap(),
        };
        tokio::select! {
            _ = &mut waiting => panic!("the first guest was to wait"),
            (_result, printed) = misuse.call(&["quota"], sockets(), false) => printed,
        }
    });
    // The first one has six.
    assert_eq!(printed, "4 sockets\n");
}

/// One guest that waits does not keep another one of the same thread waiting.
#[test]
fn guests_of_one_thread_run_side_by_side() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let sockets = || CapsockCtx::new(loopback(), ambient_authority());
    let (hold, misuse) = (Program::new("hold"), Program::new("misuse"));
    runtime.block_on(async {
        let args = ["recv", port.as_str()];
        let waiting = hold.call(&args, sockets(), false);
        let other = misuse.call(&["quota"], sockets(), false);
        tokio::select! {
            _ = waiting => panic!("the first guest was to wait"),
            (result, _printed) = other => result.unwrap().unwrap().unwrap(),
        }
    });
}

/// An embedder serves `wasi:sockets` with one call; without it, wasmtime-wasi's
/// own denies everything.
#[test]
fn std_programs_run_under_the_policy_of_an_embedder() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let run = |program: &Program, policy: Policy| {
        let sockets = CapsockCtx::new(policy, ambient_authority());
        let args = ["connect", &address];
        let (result, printed) = runtime.block_on(program.call(&args, sockets, false));
        result.unwrap().unwrap().unwrap();
        printed
    };
    let ours = Program::linked("std", |linker| {
        capsock_host::wasi::add_to_linker_p2(linker).unwrap();
    });
    let theirs = Program::linked("std", |_linker| {});
    let connected = format!("{address}: connected to {address}\n");
    let denied = format!("{address}: PermissionDenied\n");
    assert_eq!(run(&theirs, loopback()), denied);
    assert_eq!(run(&ours, Policy::default()), denied);
    // The first call opens what the process keeps.
    for round in 0..3 {
        let before = open_descriptors();
        assert_eq!(run(&ours, loopback()), connected);
        assert!(round == 0 || open_descriptors() == before);
    }
}

/// A call of 0.3 that is dropped in the middle leaves no descriptor.
#[test]
fn wasi_0_3_is_served_with_one_call() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = wasmtime::Config::new();
        config.wasm_component_model_async(true);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_file(&engine, guest("sockets_p3")).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        wasmtime_wasi::p3::add_to_linker(&mut linker).unwrap();
        capsock_host::wasi::add_to_linker_p2(&mut linker).unwrap();
        capsock_host::wasi::add_to_linker_p3(&mut linker).unwrap();
        let command = linker.instantiate_pre(&component).unwrap();
        let command = wasmtime_wasi::p3::bindings::CommandPre::new(command).unwrap();
        // The first calls open what the process keeps.
        for round in 0..2 {
            let before = open_descriptors();
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = server.local_addr().unwrap().port().to_string();
            let cases: [(&[&str], Policy, &str); 3] = [
                (&["connect", "tcp", "127.0.0.1", &port], loopback(), "ok\n"),
                (
                    &["connect", "tcp", "127.0.0.1", &port],
                    Policy::default(),
                    "EACCES\n",
                ),
                // It waits for connections, and is dropped.
                (&["echo-server", "127.0.0.1", "0", "1"], loopback(), "port "),
            ];
            for (args, policy, expected) in cases {
                let stdout = MemoryOutputPipe::new(1 << 16);
                let mut wasi = WasiCtx::builder();
                wasi.arg("sockets_p3").args(args).stdout(stdout.clone());
                let state = Guest {
                    wasi: wasi.build(),
                    sockets: CapsockCtx::new(policy, ambient_authority()),
                    table: ResourceTable::new(),
                };
                let mut store = Store::new(&engine, state);
                let instance = command.instantiate_async(&mut store).await.unwrap();
                let run = store
                    .run_concurrent(async |store| instance.wasi_cli_run().call_run(store).await);
                let printed = async {
                    while !stdout.contents().starts_with(b"port ") {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                };
                tokio::select! {
                    result = run => result.unwrap().unwrap().unwrap(),
                    () = printed => {}
                }
                drop(store);
                let printed = String::from_utf8_lossy(&stdout.contents()).into_owned();
                assert!(printed.starts_with(expected), "{args:?}: {printed}");
            }
            drop(server);
            assert!(round == 0 || open_descriptors() == before);
        }
    });
}
