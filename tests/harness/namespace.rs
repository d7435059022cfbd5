//! A network of its own for a test, where it can have what the machine has not.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::{Running, run};

/// A network namespace with nothing in it but loopback, which is up, and a mount
/// namespace, where files can be other ones; it ends with the test.
#[derive(Debug)]
pub struct Namespace {
    /// Lives in the namespace, and keeps it by that.
    holder: Child,
    servers: Vec<Child>,
    files: Option<TempDir>,
}

impl Namespace {
    /// Makes one, and runs `setup` in it, a script of sh(1) that has `ip`.
    ///
    /// `None`, with the reason printed, where this user may not make any; on CI
    /// that is a failure.
    #[track_caller]
    pub fn new(setup: &str) -> Option<Self> {
        let script = format!("set -e\nip link set lo up\n{setup}\necho ready\nexec cat");
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare(1) of util-linux");
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("a line");
        let namespace = Self {
            holder,
            servers: Vec::new(),
            files: None,
        };
        if line == "ready\n" {
            return Some(namespace);
        }
        let reason = "cannot make a network namespace: that takes root and iproute2";
        assert!(std::env::var_os("CI").is_none(), "{reason}");
        eprintln!("skipped: {reason}");
        None
    }

    /// Makes one whose names are those that the program `name_server` answers for;
    /// it is told of as `new` and [`Self::serve`] do.
    #[track_caller]
    pub fn with_names(setup: &str, name_server: &str) -> Option<Self> {
        let files = tempfile::tempdir().expect("a directory for the files");
        let write = |name: &str, content: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, content).expect("a file");
            path.display().to_string()
        };
        let resolver = write(
            "resolv.conf",
            "nameserver 127.0.0.1\nsearch search.example\n",
        );
        let hosts = write("hosts", "127.0.0.1 localhost\n9.9.9.9 hosts.file\n");
        let mut namespace = Self::new(&format!(
            "mount --bind {resolver} /etc/resolv.conf
             mount --bind {hosts} /etc/hosts
             {setup}"
        ))?;
        namespace.files = Some(files);
        namespace.serve(&Command::new(name_server));
        Some(namespace)
    }

    /// Another host, with addresses of the internet that are not this one's own:
    /// it is reached over a cable of its own.
    ///
    /// # Panics
    /// Where it cannot be made, though this one could.
    #[track_caller]
    pub fn internet(&self, addresses: &[&str]) -> Self {
        let (mut there, mut here) = (String::new(), String::new());
        for address in addresses {
            let (flag, bits, gateway) = match address.contains(':') {
                true => ("-6", "128 dev lo nodad", "fd31::2"),
                false => ("-4", "32 dev lo", "172.31.255.2"),
            };
            there += &format!("ip {flag} address add {address}/{bits}\n");
            here += &format!("ip {flag} route add {address} via {gateway}\n");
        }
        let host = Self::new(&there).expect("a second network namespace");
        let join = format!(
            "set -e
             in_there() {{ nsenter --net=/proc/{0}/ns/net -- \"$@\"; }}
             ip link add cable type veth peer name cable netns {0}
             ip link set cable up
             in_there ip link set cable up
             ip address add 172.31.255.1/30 dev cable
             ip address add fd31::1/64 dev cable nodad
             in_there ip address add 172.31.255.2/30 dev cable
             in_there ip address add fd31::2/64 dev cable nodad
             in_there ip route add default via 172.31.255.1
             in_there ip -6 route add default via fd31::1
             {here}",
            host.holder.id()
        );
        let joined = self.command("sh").args(["-c", &join]).status();
        assert!(joined.expect("sh(1)").success(), "{join}");
        host
    }

    /// Where it is, for setns(2).
    pub fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// Starts a server inside, which prints `ready` when it is; it ends with the
    /// namespace.
    #[track_caller]
    pub fn serve(&mut self, server: &Command) {
        let mut server = self
            .enter(server)
            .stdout(Stdio::piped())
            .spawn()
            .expect("nsenter(1) of util-linux");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("a line");
        self.servers.push(server);
        assert_eq!(line, "ready\n");
    }

    /// The same command inside. The directory and the environment are those of
    /// `command`; what its streams are has to be said of the new one.
    pub fn enter(&self, command: &Command) -> Command {
        let mut inside = self.command(command.get_program());
        if let Some(directory) = command.get_current_dir() {
            inside.current_dir(directory);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside.args(command.get_args());
        inside
    }

    /// Starts a guest inside, whose output the test follows.
    pub fn start(&self, flags: &[&str], name: &str, args: &[&str]) -> Running {
        Running::spawn(self.enter(&run(flags, name, args)).stdin(Stdio::null()))
    }

    /// A command that runs inside.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holder.id()))
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()))
            .arg("--")
            .arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // They have nothing to lose.
        for child in self.servers.iter_mut().chain([&mut self.holder]) {
            _ = child.kill();
            _ = child.wait();
        }
    }
}
