//! Programs that were not made for this, for guests to talk to. `scripts/peers`
//! installs them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::PATIENCE;

/// A program that ends with the test.
#[derive(Debug)]
pub struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

impl Server {
    /// Starts a program, and waits until `ready`.
    #[track_caller]
    pub fn start(command: &mut Command, ready: impl Fn() -> bool) -> Self {
        let output = tempfile::tempfile().unwrap();
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let mut server = Self(command.spawn().unwrap());
        let start = Instant::now();
        while !ready() {
            if let Some(status) = server.0.try_wait().unwrap() {
                panic!("{command:?} ended: {status}");
            }
            assert!(start.elapsed() < PATIENCE, "{command:?} is not ready");
            // It says so in no other way than by answering.
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }
}

/// Where a program is; `None`, and a line that says so, where it is missing. In
/// CI that is an error.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.extend(["/usr/sbin".into(), "/sbin".into()]);
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.map(|version| version.unwrap().path().join("bin")));
    }
    let found = places
        .iter()
        .map(|place| place.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed");
        eprintln!("skipped: {name} is not installed; scripts/peers installs it");
    }
    found
}

/// A port that nobody listens on.
pub fn free_port(host: &str) -> u16 {
    let listener = TcpListener::bind((host, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// A Redis that listens on TCP.
#[derive(Debug)]
pub struct Redis {
    /// Where it listens.
    pub port: u16,
    _server: Server,
    /// Where it works, as long as it runs.
    _directory: TempDir,
}

impl Redis {
    /// Starts one; `None` as [`program`] has it.
    #[track_caller]
    pub fn start(host: &str) -> Option<Self> {
        let redis = program("redis-server")?;
        let directory = tempfile::tempdir().unwrap();
        let port = free_port(host);
        let mut command = Command::new(redis);
        command
            .args(["--save", "", "--bind", host, "--port", &port.to_string()])
            .arg("--dir")
            .arg(directory.path());
        let server = Server::start(&mut command, || TcpStream::connect((host, port)).is_ok());
        Some(Self {
            port,
            _server: server,
            _directory: directory,
        })
    }
}
