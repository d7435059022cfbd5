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
    // What is in PATH of it wants to become another user.
    if name == "rabbitmq-server" {
        places = vec!["/usr/lib/rabbitmq/bin".into()];
    }
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
    let [port] = free_ports(host);
    port
}

/// Ports that nobody listens on.
fn free_ports<const N: usize>(host: &str) -> [u16; N] {
    // Together, that they differ.
    let listeners = [(); N].map(|()| TcpListener::bind((host, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
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

/// Whether what this process makes belongs to root.
fn is_root(directory: &Path) -> bool {
    fs::metadata(directory).is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
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
        let nobody = is_root(directory.path());
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

/// A `MariaDB` with a user `guest`, whose password is `secret`, at a port of its own.
#[derive(Debug)]
pub struct MariaDb {
    /// Where it listens.
    pub port: u16,
    _server: Server,
    _directory: TempDir,
}

impl MariaDb {
    /// `None`, and told, where it is missing.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let (Some(install), Some(mariadb)) = (program("mariadb-install-db"), program("mariadbd"))
        else {
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let option = |name: &str| format!("--{name}={}", path(name).display());
        let command = |program: &Path| {
            let mut command = Command::new(program);
            command.arg("--no-defaults").arg(option("datadir"));
            // Else it would look for the user `mysql`.
            if is_root(directory.path()) {
                command.arg("--user=root");
            }
            command
        };
        let mut init = command(&install);
        init.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        let output = init.output().unwrap();
        assert!(output.status.success(), "{}", crate::stderr(&output));

        let users = "create user guest@'127.0.0.1' identified by 'secret';
            grant all on *.* to guest@'127.0.0.1';";
        fs::write(path("init-file"), users).unwrap();
        let port = free_port("127.0.0.1");
        let mut server = command(&mariadb);
        server.args(["--bind-address=127.0.0.1", &format!("--port={port}")]);
        server.args([option("socket"), option("pid-file"), option("init-file")]);
        server.arg("--skip-name-resolve");
        let server = Server::start(&mut server, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self {
            port,
            _server: server,
            _directory: directory,
        })
    }
}

/// A `RabbitMQ` at a port of its own, and a port mapper of Erlang's for it alone.
#[derive(Debug)]
pub struct RabbitMq {
    /// Where it listens.
    pub port: u16,
    _server: Server,
    _mapper: Server,
    _directory: TempDir,
}

impl RabbitMq {
    /// `None`, and told, where it is missing.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let (Some(rabbitmq), Some(epmd)) = (program("rabbitmq-server"), program("epmd")) else {
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let [port, between_nodes, mapper_port] = free_ports("127.0.0.1");
        // Without one Erlang starts it, as a daemon that would stay.
        let mut mapper = Command::new(epmd);
        mapper.args(["-address", "127.0.0.1", "-port", &mapper_port.to_string()]);
        let mapper = Server::start(&mut mapper, || {
            TcpStream::connect(("127.0.0.1", mapper_port)).is_ok()
        });
        let mut server = Command::new(rabbitmq);
        server
            // Its cookie is there.
            .env("HOME", directory.path())
            .env("ERL_EPMD_PORT", mapper_port.to_string())
            .env("RABBITMQ_NODENAME", "test@localhost")
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", between_nodes.to_string())
            .env("RABBITMQ_MNESIA_BASE", path("mnesia"))
            .env("RABBITMQ_LOG_BASE", path("log"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins"))
            .env("RABBITMQ_CONFIG_FILE", path("rabbitmq"))
            .env("RABBITMQ_CONF_ENV_FILE", path("rabbitmq-env.conf"))
            // The script becomes Erlang, whose children end with it.
            .env("RABBITMQ_ALLOW_INPUT", "1")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            )
            .current_dir(directory.path());
        let server = Server::start(&mut server, || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self {
            port,
            _server: server,
            _mapper: mapper,
            _directory: directory,
        })
    }
}
