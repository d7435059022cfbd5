//! Programs that were not made for this, for guests to talk to. `scripts/peers`
//! installs them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
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

/// A PostgreSQL with a user `guest`, who needs no password, at a port of its own.
#[derive(Debug)]
pub struct Postgres {
    /// Where it listens.
    pub port: u16,
    _server: Server,
    _directory: TempDir,
}

impl Postgres {
    /// `None`, and told, where it is missing.
    #[track_caller]
    pub fn start(host: &str) -> Option<Self> {
        let (Some(initdb), Some(postgres)) = (program("initdb"), program("postgres")) else {
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = directory.path().join("data");
        // It refuses to run as root.
        let nobody = fs::metadata(directory.path())
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let command = |program: &Path| {
            if !nobody {
                return Command::new(program);
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            command.arg(program);
            command
        };
        fs::create_dir(&data).unwrap();
        if nobody {
            std::os::unix::fs::chown(&data, Some(65534), Some(65534)).unwrap();
        }
        let mut init = command(&initdb);
        init.args(["--no-sync", "--auth=trust", "--username=guest", "--pgdata"]);
        let output = init.arg(&data).current_dir("/").output().unwrap();
        assert!(output.status.success(), "{}", crate::stderr(&output));

        let port = free_port(host);
        let mut server = command(&postgres);
        server.arg("-D").arg(&data).current_dir("/");
        server.args(["-c", "fsync=off", "-c", "unix_socket_directories="]);
        server.args([
            "-p",
            &port.to_string(),
            "-c",
            &format!("listen_addresses={host}"),
        ]);
        // It accepts connections before it is ready for them.
        let server = Server::start(&mut server, || {
            let mut question =
                Command::new(initdb.canonicalize().unwrap().with_file_name("pg_isready"));
            question.args(["-q", "-h", host, "-p", &port.to_string()]);
            question.status().unwrap().success()
        });
        Some(Self {
            port,
            _server: server,
            _directory: directory,
        })
    }
}
