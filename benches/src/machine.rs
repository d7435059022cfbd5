//! The machine that is measured on.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::process::Command;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use serde_derive::{Deserialize, Serialize};

use crate::guest;

/// What the figures depend on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) capsock: String,
    pub(crate) wasmtime: String,
    pub(crate) python: String,
    pub(crate) date: String,
    /// The load average of the last minute, as the run began: what else ran.
    pub(crate) load: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| {
            let value = line.strip_prefix("model name")?;
            Some(value.trim_start_matches([' ', '\t', ':']).to_owned())
        });
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: output("uname", &["-sr"]),
            rustc: output("rustc", &["--version"]),
            capsock: env!("CARGO_PKG_VERSION").to_owned(),
            wasmtime: locked("wasmtime"),
            python: output(guest::native_python(), &["--version"]),
            date: output("date", &["-u", "+%Y-%m-%d"]),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

/// What a command prints; nothing where there is none.
fn output(program: impl AsRef<OsStr>, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// The version of a dependency that this was built with.
fn locked(name: &str) -> String {
    let lock = include_str!("../../Cargo.lock");
    let start = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split(&start).nth(1);
    let version = version.and_then(|rest| rest.split('"').next());
    version.unwrap_or_default().to_owned()
}

/// Keeps this thread, and what it starts from now on, on one core: the last one
/// that it may use, since interrupts rather go to the first.
pub(crate) fn pin() -> io::Result<usize> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let mut cores = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    let core = cores.next_back().unwrap_or(0);
    let mut one = CpuSet::new();
    one.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &one)?;
    Ok(core)
}

/// Raises the limit of open descriptors as far as it goes, and returns it.
pub(crate) fn raise_descriptors() -> io::Result<u64> {
    let (_soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// The memory of a process that is in use, in bytes (`VmRSS`, proc(5)).
pub(crate) fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}
