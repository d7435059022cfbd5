//! Who is compared, and how each runs a program.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use capsock_seal::Keeper;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use wasmtime::component::Component;

use crate::guest::{self, Program};
use crate::native;

/// What interprets the programs in Python.
const PYTHON_PROGRAMS: &str = include_str!("../guests/python/bench.py");

/// Longer than an answer takes: one that does not come must not end in a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contestant {
    Native,
    Tokio,
    Capsock,
    /// The program of `Wasi02`, linked with the SDK.
    CapsockStd,
    Wasi02,
    /// The program of `Wasi02` with its grants sealed in, on the same host.
    Sealed,
    Wasi03,
    NativePython,
    CapsockPython,
    /// The same in C, on the C SDK.
    CapsockC,
    /// In C with threads: the programs of another thread than the first, or that
    /// are about threads.
    NativeThreads,
    CapsockThreads,
}

impl Contestant {
    /// All, with the one first that the others are compared with.
    pub(crate) const ALL: [Self; 8] = [
        Self::Native,
        Self::Tokio,
        Self::Capsock,
        Self::Wasi02,
        Self::Sealed,
        Self::Wasi03,
        Self::NativePython,
        Self::CapsockPython,
    ];

    /// Those, the program of `Wasi02` linked with the SDK, and those in C that are the
    /// same.
    pub(crate) const ON_SDKS: [Self; 11] = [
        Self::Native,
        Self::Tokio,
        Self::Capsock,
        Self::CapsockStd,
        Self::CapsockC,
        Self::CapsockThreads,
        Self::Wasi02,
        Self::Sealed,
        Self::Wasi03,
        Self::NativePython,
        Self::CapsockPython,
    ];

    /// What threads do.
    pub(crate) const THREADS: [Self; 2] = [Self::NativeThreads, Self::CapsockThreads];

    /// Those without an interpreter, whose cost would hide the others'.
    pub(crate) const RUST: [Self; 6] = [
        Self::Native,
        Self::Tokio,
        Self::Capsock,
        Self::Wasi02,
        Self::Sealed,
        Self::Wasi03,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Tokio => "native, tokio",
            Self::Capsock => "capsock",
            Self::CapsockStd => "capsock, std::net",
            Self::Wasi02 => "wasi:sockets 0.2",
            Self::Sealed => "wasi:sockets 0.2, sealed",
            Self::Wasi03 => "wasi:sockets 0.3",
            Self::NativePython => "native, Python",
            Self::CapsockPython => "capsock, Python",
            Self::CapsockC => "capsock, C",
            Self::NativeThreads => "native, C with threads",
            Self::CapsockThreads => "capsock, C with threads",
        }
    }
}

/// What runs the contestants.
pub(crate) struct Arena {
    sdk: Program,
    std_on_sdk: Program,
    std: Program,
    sealed: Program,
    p3: Program,
    python: Result<Program, String>,
    c: Result<Program, String>,
    threads: Result<Program, String>,
    memcached: Result<Program, String>,
    /// Where sockets and files of the programs are.
    pub(crate) directory: PathBuf,
}

/// What [`Arena::alone`] has a process run, on its only thread and without a clock.
pub(crate) fn run_alone(
    contestant: &str,
    code: &Path,
    directory: &Path,
    program: &[String],
) -> io::Result<()> {
    let named = |known: &Contestant| known.name() == contestant;
    match Contestant::ALL.into_iter().find(named) {
        Some(Contestant::Native) => native::run(&slices(program)),
        Some(Contestant::Tokio) => native::run_on_tokio(&slices(program)),
        Some(contestant) => {
            let guest = guest::precompiled(contestant == Contestant::Wasi03, code);
            guest.map_err(io::Error::other)?.run(program, directory)
        }
        None => Err(ErrorKind::NotFound.into()),
    }
}

/// A contestant at work.
pub(crate) enum Running {
    Thread(Option<JoinHandle<io::Result<()>>>),
    Process(Child),
}

impl Arena {
    pub(crate) fn new(directory: &Path, python: bool) -> wasmtime::Result<Self> {
        let engine = guest::engine(&guest::config())?;
        let concurrent = guest::engine(guest::config().concurrency_support(true))?;
        let sealed = seal(&guest::path("bench-std"), directory)?;
        let threading = guest::engine(
            guest::config()
                .concurrency_support(true)
                .wasm_component_model_threading(true),
        )?;
        let in_c = |engine, path: PathBuf| match path.exists() {
            true => Program::new(engine, &path).map_err(|error| format!("{error:#}")),
            false => Err(format!("{} is not built", path.display())),
        };
        let p3 = Component::from_file(&concurrent, guest::path("bench_p3"))?;
        Ok(Self {
            sdk: Program::new(&engine, &guest::path("bench-sdk"))?,
            std_on_sdk: Program::new(&engine, &guest::path("bench-std-sdk"))?,
            std: Program::new(&engine, &guest::path("bench-std"))?,
            sealed: Program::new(&engine, &sealed)?,
            c: in_c(&engine, guest::path("bench-c-bench")),
            threads: in_c(&threading, guest::path("bench-c-threads")),
            memcached: in_c(&threading, guest::native("c-programs/memcached.wasm")),
            p3: Program::concurrent(&concurrent, &p3)?,
            python: match guest::path("python") {
                _ if !python => Err("not in this run".to_owned()),
                path if path.exists() => {
                    // Minutes of compiling, once.
                    let mut config = guest::config();
                    config.concurrency_support(true);
                    config.wasm_component_model_threading(true);
                    config.cache(Some(wasmtime::Cache::new(wasmtime::CacheConfig::new())?));
                    let program =
                        guest::engine(&config).and_then(|engine| Program::new(&engine, &path));
                    program.map_err(|error| format!("{error:#}"))
                }
                _ => Err("target/guests/python.wasm is not built".to_owned()),
            },
            directory: directory.to_owned(),
        })
    }

    /// The component of the program with its grants sealed in.
    pub(crate) fn sealed(&self) -> PathBuf {
        self.directory.join(SEALED)
    }

    /// The arguments with which this executable runs a program of a contestant in
    /// a process of its own.
    pub(crate) fn alone(
        &self,
        contestant: Contestant,
        program: &[String],
    ) -> Result<Vec<OsString>, String> {
        let code = self.directory.join(format!("{contestant:?}.cwasm"));
        let component = match contestant {
            Contestant::Capsock => Some(guest::path("bench-sdk")),
            Contestant::CapsockStd => Some(guest::path("bench-std-sdk")),
            Contestant::Wasi02 => Some(guest::path("bench-std")),
            Contestant::Sealed => Some(self.sealed()),
            Contestant::Wasi03 => Some(guest::path("bench_p3")),
            _ => None,
        };
        if let Some(path) = component
            && !code.exists()
        {
            let compiled = guest::precompile(contestant == Contestant::Wasi03, &path);
            let compiled = compiled.map_err(|error| format!("{error:#}"))?;
            std::fs::write(&code, compiled).map_err(|error| error.to_string())?;
        }
        let mut arguments: Vec<OsString> = vec!["alone".into(), contestant.name().into()];
        arguments.extend([code.into(), self.directory.clone().into()]);
        arguments.extend(program.iter().map(OsString::from));
        Ok(arguments)
    }

    /// Starts a program of a contestant in a process of its own.
    pub(crate) fn start_alone(
        &self,
        contestant: Contestant,
        program: &[String],
    ) -> Result<Running, String> {
        let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
        let child = command.args(self.alone(contestant, program)?);
        let child = child.stdin(Stdio::null()).spawn();
        child
            .map(Running::Process)
            .map_err(|error| error.to_string())
    }

    /// Starts a program of a contestant. It is on the core of this thread.
    pub(crate) fn start(&self, contestant: Contestant, args: &[String]) -> Result<Running, String> {
        let args = args.to_vec();
        let directory = self.directory.clone();
        let guest = |program: &Program, args: Vec<String>| {
            let program = program.clone();
            Running::thread(contestant, move || program.run(&args, &directory))
        };
        match contestant {
            Contestant::Native => Running::thread(contestant, move || native::run(&slices(&args))),
            Contestant::Tokio => {
                Running::thread(contestant, move || native::run_on_tokio(&slices(&args)))
            }
            Contestant::Capsock => guest(&self.sdk, args),
            Contestant::Wasi02 | Contestant::Sealed | Contestant::Wasi03
                if args[0] == "echo-unix" =>
            {
                Err("wasi:sockets has no Unix sockets".to_owned())
            }
            Contestant::CapsockStd => guest(&self.std_on_sdk, args),
            Contestant::CapsockC => guest(self.c.as_ref().map_err(String::clone)?, args),
            Contestant::CapsockThreads => {
                guest(self.threads.as_ref().map_err(String::clone)?, args)
            }
            Contestant::NativeThreads => Running::program("bench-c-threads", &args),
            Contestant::Wasi02 => guest(&self.std, args),
            Contestant::Sealed => guest(&self.sealed, args),
            Contestant::Wasi03 => guest(&self.p3, args),
            Contestant::NativePython => Command::new(guest::native_python())
                .arg("-c")
                .arg(PYTHON_PROGRAMS)
                .args(&args)
                .stdin(Stdio::null())
                .spawn()
                .map(Running::Process)
                .map_err(|error| format!("{}: {error}", guest::native_python().display())),
            Contestant::CapsockPython => {
                let program = self.python.as_ref().map_err(String::clone)?;
                let interpreter = ["-c".to_owned(), PYTHON_PROGRAMS.to_owned()];
                guest(program, interpreter.into_iter().chain(args).collect())
            }
        }
    }

    /// Starts memcached: as a guest of the C SDK, or the one that is built for this
    /// machine from the same source.
    pub(crate) fn start_memcached(
        &self,
        contestant: Contestant,
        args: &[String],
    ) -> Result<Running, String> {
        let program = match contestant {
            Contestant::NativeThreads => return Running::program("bench-memcached", args),
            _ => self.memcached.as_ref().map_err(String::clone)?.clone(),
        };
        let (args, directory) = (args.to_vec(), self.directory.clone());
        Running::thread(contestant, move || program.run(&args, &directory))
    }
}

/// The name of the sealed program.
const SEALED: &str = "sealed.wasm";

/// The program with the grants inside that it needs, as `capsock seal` writes it.
fn seal(program: &Path, directory: &Path) -> wasmtime::Result<PathBuf> {
    let policy = guest::policy(directory)?;
    let program = std::fs::read(program)?;
    let sealed = Keeper::firewall()
        .map_err(|error| error.to_string())
        .and_then(|keeper| {
            let sealed = capsock_seal::seal(&program, Some(&policy), &keeper, &[]);
            sealed.map_err(|error| error.to_string())
        });
    let path = directory.join(SEALED);
    std::fs::write(&path, sealed.map_err(wasmtime::Error::msg)?)?;
    Ok(path)
}

fn slices(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

impl Running {
    /// The thread has the name of the contestant, for perf(1).
    fn thread(
        contestant: Contestant,
        run: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<Self, String> {
        let thread = std::thread::Builder::new().name(contestant.name().to_owned());
        let handle = thread.spawn(run).map_err(|error| error.to_string())?;
        Ok(Self::Thread(Some(handle)))
    }

    /// A program for this machine, beneath `target`.
    fn program(name: &str, args: &[String]) -> Result<Self, String> {
        let mut command = Command::new(guest::native(name));
        let child = command.args(args).stdin(Stdio::null()).spawn();
        child
            .map(Self::Process)
            .map_err(|error| format!("target/{name}: {error}"))
    }

    /// The process that it is in.
    pub(crate) fn process(&self) -> u32 {
        match self {
            Self::Thread(_) => std::process::id(),
            Self::Process(child) => child.id(),
        }
    }

    /// Why it has ended, if it has.
    fn ended(&mut self) -> Option<String> {
        match self {
            Self::Thread(handle) => {
                let handle = handle.take_if(|handle| handle.is_finished())?;
                Some(match handle.join() {
                    Ok(Ok(())) => "it ended".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(_panic) => "it panicked".to_owned(),
                })
            }
            Self::Process(child) => match child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(format!("it ended: {status}")),
                Err(error) => Some(error.to_string()),
            },
        }
    }

    /// Waits until the listener has somebody, or the contestant has ended.
    pub(crate) fn wait_readable(&mut self, listener: impl AsFd) -> Result<(), String> {
        let while_waiting = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        loop {
            let mut set = [PollFd::new(&listener, PollFlags::IN)];
            match poll(&mut set, Some(&while_waiting)) {
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.to_string()),
            }
            if let Some(why) = self.ended() {
                return Err(why);
            }
        }
    }

    /// Asks again and again until there is an answer, or the contestant has ended.
    pub(crate) fn wait_for<T>(
        &mut self,
        mut ask: impl FnMut() -> Option<Result<T, String>>,
    ) -> Result<T, String> {
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            if let Some(why) = self.ended() {
                return Err(why);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Takes the connection that it makes.
    pub(crate) fn accept(&mut self, listener: &TcpListener) -> Result<TcpStream, String> {
        self.wait_readable(listener)?;
        let accepted = listener.accept().and_then(|(stream, _peer)| {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        accepted.map_err(|error| error.to_string())
    }

    /// Waits for its end, which the harness has told it.
    pub(crate) fn join(&mut self) -> io::Result<()> {
        match self {
            Self::Thread(handle) => match handle.take().map(JoinHandle::join) {
                Some(Ok(result)) => match result {
                    // The harness closes connections where a sample ends.
                    Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
                    result => result,
                },
                Some(Err(_panic)) => Err(io::Error::other("a contestant panicked")),
                None => Ok(()),
            },
            Self::Process(child) => child.wait().map(drop),
        }
    }
}
