//! The kernel's own, coarser layer beneath the policy: Landlock.
//!
//! It knows TCP ports, files and abstract Unix sockets, not addresses. So it
//! only bounds what a mistake in this program could do.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use capsock_host::TrustStore;
use capsock_host::policy::Reach;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

/// The newest that is asked for; an older kernel does what it can.
const ABI: ABI = ABI::V6;

/// Where the C library finds names, its own parts and the kernel's files. In
/// `/run`, where secrets are, only what a resolver writes.
const SYSTEM: [&str; 8] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/proc",
    "/dev",
    "/run/systemd/resolve",
    "/run/resolvconf",
];

/// What the kernel was told, and how much of it it does.
#[derive(Debug)]
pub(crate) struct Enforced {
    status: RulesetStatus,
    connect: Option<BTreeSet<u16>>,
    bind: Option<BTreeSet<u16>>,
    abstract_sockets: bool,
    writable: Vec<PathBuf>,
}

impl Enforced {
    /// Whether all of it is enforced.
    pub(crate) fn is_full(&self) -> bool {
        self.status == RulesetStatus::FullyEnforced
    }
}

/// The directories that the guest was given.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    pub(crate) writable: Vec<PathBuf>,
    /// Only that.
    pub(crate) readable: Vec<PathBuf>,
}

/// Restricts this thread, and all that it starts from now on, to what the
/// guest's policy reaches, to the directories that it was given, and to reading
/// the system's files.
pub(crate) fn enforce(reach: &Reach, directories: &Directories) -> Result<Enforced, RulesetError> {
    let mut connect = reach.connect_ports.clone();
    if let (Some(ports), true) = (&mut connect, reach.names) {
        // A name server's long answers come over TCP.
        ports.insert(53);
    }
    let bind = reach.bind_ports.clone();
    let mut net = BitFlags::<AccessNet>::empty();
    net |= connect
        .as_ref()
        .map_or(BitFlags::empty(), |_| AccessNet::ConnectTcp.into());
    net |= bind
        .as_ref()
        .map_or(BitFlags::empty(), |_| AccessNet::BindTcp.into());
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI))?;
    if !net.is_empty() {
        ruleset = ruleset.handle_access(net)?;
    }
    ruleset = ruleset.scope(Scope::Signal)?;
    if !reach.abstract_sockets {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket)?;
    }
    let read = AccessFs::from_read(ABI);
    let sockets = read | AccessFs::MakeSock | AccessFs::RemoveFile;
    let ruleset = ruleset
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, AccessFs::from_read(ABI)))?
        // A guest may ask for them later.
        .add_rules(path_beneath_rules(TrustStore::system_paths(), read))?
        .add_rules(path_beneath_rules(["/dev"], AccessFs::from_file(ABI)))?
        .add_rules(path_beneath_rules(
            &directories.writable,
            AccessFs::from_all(ABI),
        ))?
        .add_rules(path_beneath_rules(&directories.readable, read))?
        .add_rules(path_beneath_rules(&reach.unix_directories, read))?
        .add_rules(path_beneath_rules(&reach.unix_bound, sockets))?;
    let ruleset = allow_ports(ruleset, &connect, AccessNet::ConnectTcp)?;
    let ruleset = allow_ports(ruleset, &bind, AccessNet::BindTcp)?;
    let writable = directories.writable.iter().cloned();
    Ok(Enforced {
        status: ruleset.restrict_self()?.ruleset,
        connect,
        bind,
        abstract_sockets: reach.abstract_sockets,
        writable: writable.chain(reach.unix_bound.iter().cloned()).collect(),
    })
}

fn allow_ports(
    mut ruleset: RulesetCreated,
    ports: &Option<BTreeSet<u16>>,
    access: AccessNet,
) -> Result<RulesetCreated, RulesetError> {
    for port in ports.iter().flatten() {
        ruleset = ruleset.add_rule(NetPort::new(*port, access))?;
    }
    Ok(ruleset)
}

impl fmt::Display for Enforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.status {
            RulesetStatus::FullyEnforced => "landlock enforces",
            RulesetStatus::PartiallyEnforced => "landlock enforces a part of",
            RulesetStatus::NotEnforced => return f.write_str("this kernel has no landlock"),
        })?;
        write!(f, ": TCP connects to {}", Listed(&self.connect))?;
        write!(f, "; TCP binds of {}", Listed(&self.bind))?;
        let abstract_sockets = if self.abstract_sockets {
            "any"
        } else {
            "none of others"
        };
        write!(
            f,
            "; abstract Unix sockets: {abstract_sockets}; writes beneath "
        )?;
        match self.writable.as_slice() {
            [] => f.write_str("nothing"),
            paths => {
                let paths: Vec<_> = paths
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect();
                f.write_str(&paths.join(", "))
            }
        }
    }
}

struct Listed<'a>(&'a Option<BTreeSet<u16>>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("any port"),
            Some(ports) if ports.is_empty() => f.write_str("no port"),
            Some(ports) => {
                let name = |port: &u16| match port {
                    0 => "ephemeral".to_owned(),
                    port => port.to_string(),
                };
                let ports: Vec<_> = ports.iter().map(name).collect();
                write!(f, "ports {}", ports.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    use std::path::Path;

    use capsock_host::{Op, Policy};

    use super::*;

    /// On a thread of its own, which alone is restricted.
    #[test]
    fn the_kernel_forbids_what_the_policy_does_not_reach() {
        let (one, other) = (listener(), listener());
        let (granted, denied) = (port(&one), port(&other));
        let name = format!("capsock-landlock-{}", std::process::id());
        let name = SocketAddr::from_abstract_name(name).expect("a name");
        let _listener = UnixListener::bind_addr(&name).expect("bind");
        let (inside, outside) = (
            tempfile::tempdir().expect("dir"),
            tempfile::tempdir().expect("dir"),
        );
        let (sockets, readable) = (
            tempfile::tempdir().expect("dir"),
            tempfile::tempdir().expect("dir"),
        );
        std::fs::write(readable.path().join("file"), "x").expect("written");
        let policy = Policy::default()
            .allow(Op::Connect, &format!("tcp://127.0.0.1:{granted}"))
            .and_then(|policy| {
                policy.allow(Op::Listen, &format!("unix:{}/", sockets.path().display()))
            })
            .expect("grants");
        let thread = std::thread::spawn(move || {
            let directories = Directories {
                writable: vec![inside.path().to_owned()],
                readable: vec![readable.path().to_owned()],
            };
            let enforced = enforce(&policy.reach(), &directories).expect("landlock");
            if !enforced.is_full() {
                eprintln!("skipped: {enforced}");
                return;
            }
            let kind = |result: std::io::Result<()>| result.map_err(|error| error.kind());
            let denied_by_kernel = Err(ErrorKind::PermissionDenied);
            let connect = |port| kind(TcpStream::connect(("127.0.0.1", port)).map(|_| ()));
            assert_eq!(connect(granted), Ok(()));
            assert_eq!(connect(denied), denied_by_kernel);
            let bind = |port| kind(TcpListener::bind(("127.0.0.1", port)).map(|_| ()));
            assert_eq!(bind(denied), denied_by_kernel);
            // As before a connect.
            assert_eq!(bind(0), Ok(()));
            let reached = UnixStream::connect_addr(&name).map(|_| ());
            assert_eq!(kind(reached), denied_by_kernel);
            let write = |path: &Path| kind(std::fs::write(path.join("file"), "x"));
            assert_eq!(write(inside.path()), Ok(()));
            assert_eq!(write(outside.path()), denied_by_kernel);
            assert_eq!(write(readable.path()), denied_by_kernel);
            let read = |path: &Path| kind(std::fs::read(path.join("file")).map(|_| ()));
            assert_eq!(read(readable.path()), Ok(()));
            assert_eq!(write(sockets.path()), denied_by_kernel);
            let socket = UnixListener::bind(sockets.path().join("socket")).map(|_| ());
            assert_eq!(kind(socket), Ok(()));
            let removed = std::fs::remove_file(sockets.path().join("socket"));
            assert_eq!(kind(removed), Ok(()));
            let read = std::fs::read("/etc/passwd").map(|_| ());
            assert_eq!(kind(read), Ok(()));
        });
        thread.join().expect("no assertion fails");
    }

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").expect("bind")
    }

    fn port(listener: &TcpListener) -> u16 {
        listener.local_addr().expect("an address").port()
    }
}
