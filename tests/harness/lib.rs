//! Runs guests under the real CLI, for tests that are their peers.

pub mod c;
pub mod http;
mod namespace;
pub mod peer;
pub mod python;
mod sealed;
pub mod serve;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

pub use namespace::Namespace;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
pub use sealed::{Host, Sealed};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The component of a guest program or an example, which `just guests` builds.
pub fn guest(name: &str) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../target/guests/{name}.wasm"));
    assert!(
        path.exists(),
        "{} is missing: run `just guests`",
        path.display()
    );
    path
}

/// The CLI.
pub fn capsock() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin("capsock"))
}

/// `capsock run FLAGS GUEST ARGS`
pub fn run(flags: &[&str], name: &str, args: &[&str]) -> Command {
    let mut command = capsock();
    command
        .arg("run")
        .args(flags)
        .arg(guest(name))
        .args(args)
        .stdin(Stdio::null());
    command
}

/// Starts a guest whose output the test follows.
pub fn start(flags: &[&str], name: &str, args: &[&str]) -> Running {
    Running::spawn(&mut run(flags, name, args))
}

/// Runs a guest to its end.
pub fn output(flags: &[&str], name: &str, args: &[&str]) -> Output {
    start(flags, name, args).output()
}

/// Runs a guest that has to succeed, and returns what it printed.
#[track_caller]
pub fn succeed(flags: &[&str], name: &str, args: &[&str]) -> String {
    start(flags, name, args).succeed()
}

/// Runs a command that has to succeed with `input`, and returns its output.
#[track_caller]
pub fn pipe(command: &mut Command, input: &str) -> String {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The command in new namespaces of `unshare`'s option, after the shell commands
/// `setup`. Where that is not permitted it is `None`, and the reason is printed:
/// it takes root.
pub fn unshared(option: &str, setup: &str, command: &Command) -> Option<Command> {
    let unshare = |script: &str| {
        let mut unshare = Command::new("unshare");
        unshare.args([option, "sh", "-ec", script, "sh"]);
        unshare
    };
    let trial = unshare(setup).output().unwrap();
    if !trial.status.success() {
        eprintln!("skipped: unshare {option}: {}", stderr(&trial));
        return None;
    }
    let mut inside = unshare(&format!("{setup}\nexec \"$@\""));
    inside
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    Some(inside)
}

/// What a process wrote to standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A guest that runs; it is ended with the test.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it was made of.
    files: Option<TempDir>,
}

impl Running {
    /// Starts a command, which ends as a guest or is one.
    pub fn spawn(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            stdout,
            files: None,
        }
    }

    /// Keeps a directory as long as this lives.
    #[must_use]
    pub fn with(mut self, files: TempDir) -> Self {
        self.files = Some(files);
        self
    }

    /// The next line that the guest prints, which has to start with `prefix`;
    /// returns what follows.
    #[track_caller]
    pub fn expect_line(&mut self, prefix: &str) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        match line.trim_end().strip_prefix(prefix) {
            Some(rest) => rest.trim_start().to_owned(),
            None => {
                let mut stderr = String::new();
                self.child.kill().unwrap();
                self.child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut stderr)
                    .unwrap();
                panic!("expected a line `{prefix}…`, found {line:?}; standard error:\n{stderr}");
            }
        }
    }

    /// Reads on until the guest prints exactly this line.
    #[track_caller]
    pub fn wait_for_line(&mut self, wanted: &str) {
        let mut line = String::new();
        while line.trim_end() != wanted {
            line.clear();
            let count = self.stdout.read_line(&mut line).unwrap();
            assert!(count > 0, "it ended without the line `{wanted}`");
        }
    }

    /// The address that the guest listens on or is bound to.
    #[track_caller]
    pub fn address(&mut self, host: &str) -> SocketAddr {
        let ip: IpAddr = host.parse().unwrap();
        SocketAddr::new(ip, self.expect_line("port").parse().unwrap())
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.state() == 'Z'
    }

    /// Sends it a signal.
    pub fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Interrupts the system calls that the guest's process waits in, by
    /// stopping it and letting it go on: signal(7).
    pub fn interrupt(&self) {
        while self.state() != 'S' {
            std::thread::yield_now();
        }
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::STOP).unwrap();
        let stopped = waitpid(Some(id), WaitOptions::UNTRACED).unwrap();
        assert!(stopped.unwrap().1.stopped());
        kill_process(id, Signal::CONT).unwrap();
    }

    /// How long the process has used a processor, in the hundredths of a second
    /// that proc(5) counts.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_name, rest) = stat.rsplit_once(") ").unwrap();
        let fields = rest.split(' ').skip(11).take(2);
        let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// How often its threads got the processor, as proc(5) counts.
    pub fn turns(&self) -> u64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let statuses = threads.map(|thread| {
            // One that ends meanwhile does not count.
            std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap_or_default()
        });
        let turns = |status: String| -> u64 {
            let lines = status
                .lines()
                .filter(|line| line.contains("ctxt_switches:"));
            lines
                .map(|line| line.rsplit_once('\t').unwrap().1.parse::<u64>().unwrap())
                .sum()
        };
        statuses.map(turns).sum()
    }

    /// The state of the process as proc(5) has it: `S` is waiting.
    fn state(&self) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_name, rest) = stat.rsplit_once(") ").unwrap();
        rest.chars().next().unwrap()
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the end.
    pub fn output(mut self) -> Output {
        // Read both, so that neither can fill up and stop the guest.
        let mut pipe = self.child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut stderr = Vec::new();
            pipe.read_to_end(&mut stderr).unwrap();
            stderr
        });
        let mut stdout = Vec::new();
        self.stdout.read_to_end(&mut stdout).unwrap();
        Output {
            status: self.child.wait().unwrap(),
            stdout,
            stderr: stderr.join().unwrap(),
        }
    }

    /// Waits for the end, which has to be a success; returns what was printed.
    #[track_caller]
    pub fn succeed(self) -> String {
        let output = self.output();
        assert!(
            output.status.success(),
            "{}: {}",
            output.status,
            stderr(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, and been waited for.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A target such as `tcp://[::1]:ephemeral`.
pub fn target(proto: &str, host: &str, ports: impl std::fmt::Display) -> String {
    match host.parse::<IpAddr>().unwrap() {
        IpAddr::V4(ip) => format!("{proto}://{ip}:{ports}"),
        IpAddr::V6(ip) => format!("{proto}://[{ip}]:{ports}"),
    }
}

/// Runs `work`, and fails if it takes too long.
pub fn patiently<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(work()));
    receive
        .recv_timeout(PATIENCE)
        .expect("it takes too long, or panicked")
}
