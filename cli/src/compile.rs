//! Compiling a component, in a process of its own: a thread that compiles cannot
//! be stopped, and its memory has no bound.

use std::fs::File;
use std::io::{self, Read, Seek, Write, stdin, stdout};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use capsock_host::Limits;
use rustix::fs::MemfdFlags;
use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
};

use crate::wasi::Surface;
use crate::{Failure, guard, load, terminal};

/// The command of this program that compiles.
pub(crate) const COMMAND: &str = "compile-for-run";

/// Its exit codes.
const UNUSABLE: i32 = 1;
const NO_MEMORY: i32 = 3;

/// How much of an error is told.
const ERROR: u64 = 64 << 10;

/// Compiles a component to native code, which is written to `code`.
///
/// # Errors
/// Why it cannot be compiled, or not within its limits.
pub(crate) fn compile(component: &[u8], limits: &Limits, code: &File) -> Result<(), String> {
    let unstarted = |error: io::Error| format!("cannot start the compiler: {error}");
    let input = anonymous(component).map_err(unstarted)?;
    // The program that runs, even if another one has its name by now.
    let mut compiler = Command::new("/proc/self/exe")
        .args([COMMAND, &limits.compile_memory.to_string()])
        .stdin(input)
        .stdout(code.try_clone().map_err(unstarted)?)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(unstarted)?;
    let mut pipe = compiler.stderr.take();
    let (done, is_done) = mpsc::channel();
    let listener = thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(pipe) = &mut pipe {
            // What cannot be read is not told.
            _ = pipe.take(ERROR).read_to_end(&mut text);
            _ = io::copy(pipe, &mut io::sink());
        }
        _ = done.send(text);
    });
    let said = is_done.recv_timeout(limits.compile_time);
    if said == Err(RecvTimeoutError::Timeout) {
        // It may have ended just now.
        _ = compiler.kill();
    }
    let status = compiler.wait().map_err(unstarted)?;
    _ = listener.join();
    let said = said.map_err(|_timeout| {
        let time = humantime::format_duration(limits.compile_time);
        format!("compiling it takes longer than {time}: --limit 'compile-time={time}'")
    })?;
    let said = String::from_utf8_lossy(&said);
    let said = said.trim_end();
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(UNUSABLE), _) => Err(said.to_owned()),
        // Without memory it may also panic, or end by a signal.
        _ => Err(format!(
            "compiling it failed, as it does beyond --limit compile-memory={}: {status}{}{said}",
            limits.compile_memory,
            if said.is_empty() { "" } else { ": " }
        )),
    }
}

/// The compiler: from standard input to standard output, within so many bytes.
pub(crate) fn serve(memory: u64) -> Result<i32, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        let error = format!("{error:#}");
        // To the process that asked, which tells it.
        terminal::show(format_args!("{error}"));
        Ok(match error.contains("out of memory") {
            true => NO_MEMORY,
            false => UNUSABLE,
        })
    };
    if let Err(error) = confine(memory) {
        return failed(&error);
    }
    let mut component = Vec::new();
    if let Err(error) = stdin().read_to_end(&mut component) {
        return failed(&error);
    }
    let surface = match Surface::of(&component) {
        Ok(surface) => surface,
        Err(error) => return failed(&error),
    };
    let engine = load::engine(surface.concurrency)?;
    let code = guard::caught(|| engine.precompile_component(&component));
    let code = match code {
        Ok(code) => code,
        Err(fault) => return failed(&fault),
    };
    match code {
        Ok(code) => match stdout().write_all(&code).and_then(|()| stdout().flush()) {
            Ok(()) => Ok(0),
            Err(error) => failed(&error),
        },
        Err(error) => failed(&error),
    }
}

/// It ends with who asked, and takes no more than it may.
fn confine(memory: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let bounds = [
        // Memory of its own, whatever it is for.
        (Resource::Data, memory),
        // What it writes.
        (Resource::Fsize, memory),
        (Resource::Core, 0),
    ];
    for (resource, bound) in bounds {
        let maximum = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let bound = Some(bound.min(maximum));
        setrlimit(
            resource,
            Rlimit {
                current: bound,
                maximum: bound,
            },
        )?;
    }
    Ok(())
}

/// A file without a name, in memory, from its beginning.
pub(crate) fn anonymous(content: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("capsock", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}
