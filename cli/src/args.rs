//! The command line: what was asked for, checked and parsed, and not yet done.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::thread;

use capsock_host::policy::Question;
use capsock_host::{Domain, Effect, Invalid, Limits, Op, Policy, Rule, TrustStore};
use capsock_serve::Place;
use clap::{Args, Parser, Subcommand};

use crate::inherit::Listen;
use crate::serve::Serve;
use crate::{compile, policy, trust};

/// BSD sockets for WebAssembly components, granted one capability at a time.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 90)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Serve(Box<ServeArgs>),
    Policy(PolicyArgs),
    Inspect(InspectArgs),
    Seal(Box<SealArgs>),
    #[command(name = compile::COMMAND, hide = true)]
    Compile(CompileArgs),
}

/// Run a component that is a WASI command, with the sockets that it is granted.
///
/// It may use capsock:sockets, wasi:sockets 0.2 and 0.3 (as std::net does), or
/// all of them: the grants are the same.
///
/// Nothing is allowed until a grant allows it, and a denial outweighs every
/// grant. A denied operation fails in the guest, and a line here names the flag
/// that would allow it.
#[derive(Debug, Args)]
#[command(
    override_usage = "capsock run [OPTIONS] COMPONENT [ARGS]...",
    after_help = TARGETS,
    after_long_help = long_help()
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    grants: Grants,

    /// Listen there, and give the listener to the guest under this name; it
    /// needs no grant, and accepts every peer
    #[arg(long = "inherit-listen", value_name = "NAME=ADDRESS")]
    inherit_listen: Vec<String>,

    /// Give the guest the listeners that systemd passed: sd_listen_fds(3)
    #[arg(long)]
    inherit_systemd: bool,

    /// Look names up within this domain too, such as svc.cluster.local, in place of
    /// the search list of resolv.conf; can be repeated. A rule is about the name
    /// that the guest asks for. Without it a name with a dot is looked up as it is
    #[arg(long = "dns-search", value_name = "DOMAIN")]
    dns_search: Vec<String>,

    /// Tell the guest to trust the certificate authorities in this file too, in PEM,
    /// beside those of the system (SSL_CERT_FILE, SSL_CERT_DIR), which it is told
    /// always; can be repeated. Keys in the file are not given to the guest
    #[arg(long = "tls-ca", value_name = "FILE")]
    tls_ca: Vec<PathBuf>,

    /// Set an environment variable of the guest
    #[arg(long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Give the guest a directory, as GUEST if that is written: HOST:ro and
    /// HOST::GUEST:ro to read it, without :ro to change it too. What the host
    /// trusts may not be where the guest may write: policy, audit, record and
    /// --tls-ca files, directories of Unix rules, the cache
    // A name that ends in `:ro` is written with a `/` behind it.
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]")]
    dirs: Vec<String>,

    /// Set a limit of the guest; --help lists them
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,

    /// Print each socket operation on standard error as strace does: call,
    /// arguments, result, time
    #[arg(long)]
    pub(crate) trace: bool,

    /// Append each decision about a grant to this file, a JSON object a line, and
    /// for each name that was looked up which name answered. A decision that cannot
    /// be written is a denial
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,

    /// Allow everything but what --deny-… forbids, whatever the grants, and write
    /// to this file the smallest policy that allows what the guest did. Only for
    /// a guest that you trust
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Compile the component anew, and do not keep the result
    #[arg(long)]
    no_cache: bool,

    /// Fail unless the kernel enforces the grants' ports and paths as well
    #[arg(long, conflicts_with_all = ["no_landlock", "record"])]
    require_landlock: bool,

    /// Do not have the kernel enforce the grants' ports and paths as well
    #[arg(long)]
    no_landlock: bool,

    /// Say on standard error what the kernel enforces
    #[arg(short, long)]
    verbose: bool,

    /// The component to run, and the arguments of the guest: all that follows
    /// COMPONENT is the guest's, whatever it looks like
    // One list, as clap takes flags for its own between two.
    #[arg(
        value_names = ["COMPONENT", "ARGS"],
        num_args = 1..,
        required = true,
        trailing_var_arg = true
    )]
    command: Vec<OsString>,
}

/// Serve HTTP: each request is handled by an instance of a component of its own, with
/// the grants that all have.
///
/// The component exports wasi:http/incoming-handler 0.2 or wasi:http/handler 0.3, as
/// HTTP functions in Rust, JavaScript, Python or Go do. It may use wasi:http to make
/// requests, wasi:sockets and capsock:sockets, as far as the grants allow it.
#[derive(Debug, Args)]
#[command(
    override_usage = "capsock serve [OPTIONS] --listen WHERE COMPONENT",
    after_help = TARGETS,
    after_long_help = serve_help()
)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    grants: Grants,

    /// Listen there: http://ADDRESS:PORT, https://ADDRESS:PORT or unix:PATH; can be
    /// repeated. Port 0 is one of the kernel's choice, which a line on standard error
    /// tells
    #[arg(long = "listen", value_name = "WHERE", required = true)]
    listen: Vec<Place>,

    /// Show this certificate to clients of https, in PEM, with those between it and its
    /// authority behind it; can be repeated: of several, the client's SNI chooses
    #[arg(long = "tls-cert", value_name = "FILE", requires = "tls_key")]
    tls_cert: Vec<PathBuf>,

    /// The private key of it, in PEM; as many as there are certificates, in their order
    #[arg(long = "tls-key", value_name = "FILE", requires = "tls_cert")]
    tls_key: Vec<PathBuf>,

    /// Serve on so many threads, and not on one for each core
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    /// How long requests may take that are under way at SIGTERM or ctrl-c
    #[arg(long, value_name = "TIME", default_value = "30s")]
    drain: humantime::Duration,

    /// Look names up within this domain too; see `capsock run --help`
    #[arg(long = "dns-search", value_name = "DOMAIN")]
    dns_search: Vec<String>,

    /// Trust the certificate authorities in this file too, in PEM, for https and for what
    /// a guest does itself; can be repeated
    #[arg(long = "tls-ca", value_name = "FILE")]
    tls_ca: Vec<PathBuf>,

    /// Set an environment variable of each instance
    #[arg(long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Give each instance a directory; see `capsock run --help`
    #[arg(long = "dir", value_name = "HOST[::GUEST][:ro]")]
    dirs: Vec<String>,

    /// Set a limit of the server or of each instance; --help lists them
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,

    /// Compile the component anew, and do not keep the result
    #[arg(long)]
    no_cache: bool,

    /// The component
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Grants (each can be repeated)")]
struct Grants {
    /// Connect to this address
    #[arg(long, value_name = "TARGET")]
    allow_connect: Vec<String>,
    /// Listen on this address, which implies binding it
    #[arg(long, value_name = "TARGET")]
    allow_listen: Vec<String>,
    /// Bind this local address
    #[arg(long, value_name = "TARGET")]
    allow_bind: Vec<String>,
    /// Send datagrams to this address, and receive its answers
    #[arg(long, value_name = "TARGET")]
    allow_send: Vec<String>,
    /// Receive datagrams from this address
    #[arg(long, value_name = "TARGET")]
    allow_recv: Vec<String>,
    /// Look up this host name, *.DOMAIN for every name beneath it, or * for any;
    /// localhost needs no grant
    #[arg(long, value_name = "NAME")]
    allow_resolve: Vec<String>,
    /// Set this socket option, NAME or NAME=VALUE: ip-freebind, ip-transparent,
    /// msg-fastopen, so-bindtodevice, so-mark, or raw=LEVEL/NAME by number; others
    /// need no grant. Or the name of the machine: sethostname
    #[arg(long, value_name = "OPTION")]
    allow_option: Vec<String>,
    /// Use this raw socket, netlink protocol, packet or CAN interface
    #[arg(long, value_name = "TARGET")]
    allow_raw: Vec<String>,
    /// Send sockets to the peers of this Unix socket, or * for all of them
    #[arg(long, value_name = "TARGET")]
    allow_pass_fd: Vec<String>,
    /// Receive sockets from the peers of this Unix socket, or * for all of them
    #[arg(long, value_name = "TARGET")]
    allow_take_fd: Vec<String>,
    /// List the network interfaces, and know them by name in zones of addresses
    #[arg(long, value_name = "*", num_args = 0..=1, default_missing_value = "*", require_equals = true)]
    allow_interfaces: Vec<String>,
    /// Have such requests of wasi:http made, such as 'GET https://HOST/PATH', where a * at
    /// the end of the path is whatever follows. It allows no socket and no other look-up
    #[arg(long, value_name = "REQUESTS")]
    allow_http: Vec<String>,
    /// Never connect to this address, whatever allows it
    #[arg(long, value_name = "TARGET")]
    deny_connect: Vec<String>,
    /// Never listen on this address
    #[arg(long, value_name = "TARGET")]
    deny_listen: Vec<String>,
    /// Never bind this local address, nor listen on it
    #[arg(long, value_name = "TARGET")]
    deny_bind: Vec<String>,
    /// Never send datagrams to this address
    #[arg(long, value_name = "TARGET")]
    deny_send: Vec<String>,
    /// Never receive datagrams from this address
    #[arg(long, value_name = "TARGET")]
    deny_recv: Vec<String>,
    /// Never look up this host name
    #[arg(long, value_name = "NAME")]
    deny_resolve: Vec<String>,
    /// Never set this socket option
    #[arg(long, value_name = "OPTION")]
    deny_option: Vec<String>,
    /// Never use this raw socket, netlink protocol, packet or CAN interface
    #[arg(long, value_name = "TARGET")]
    deny_raw: Vec<String>,
    /// Never send sockets to the peers of this Unix socket
    #[arg(long, value_name = "TARGET")]
    deny_pass_fd: Vec<String>,
    /// Never receive sockets from the peers of this Unix socket
    #[arg(long, value_name = "TARGET")]
    deny_take_fd: Vec<String>,
    /// Never list the network interfaces
    #[arg(long, value_name = "*", num_args = 0..=1, default_missing_value = "*", require_equals = true)]
    deny_interfaces: Vec<String>,
    /// Never have such requests made
    #[arg(long, value_name = "REQUESTS")]
    deny_http: Vec<String>,
    /// Take the rules of this policy file too
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
}

/// Check policy files, or ask what a policy allows and why.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Check that policy files can be used, and count their rules.
    #[command(after_long_help = CHECK_EXAMPLES)]
    Check {
        /// Policy files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Say whether grants allow an operation, by which rule, and why.
    ///
    /// Where they do not, the rules that nearly would are told, and the flag that
    /// would allow it.
    #[command(after_long_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// An operation and one target, such as 'connect tcp://10.0.0.5:5432'
        #[arg(value_name = "QUESTION", required = true)]
        question: Vec<String>,
        #[command(flatten)]
        grants: Box<Grants>,
    },
}

const CHECK_EXAMPLES: &str = "\
A policy file has the targets of the flags, by operation:
  [allow]
  connect = [\"tcp://10.20.0.0/16:5432\", \"unix:/run/app/db.sock\"]
  listen = [\"tcp://[::1]:8080-8090 from=loopback\"]
  [deny]
  connect = [\"tcp://10.20.9.0/24:*\"]

Example:
  capsock policy check policy.toml

Exit codes:
  0 if all files can be used; 2 if one cannot, which is told as FILE:LINE:COLUMN: WHY";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  capsock policy explain --policy policy.toml 'connect tcp://10.0.0.5:5432'
  capsock policy explain --allow-connect 'tcp://*:443' 'connect tcp://[::1]:443'
  Whether a listener accepts a peer:
    capsock policy explain --policy policy.toml 'listen tcp://0.0.0.0:80 from=10.0.0.1'
  capsock policy explain --policy policy.toml 'resolve api.example.com'
  By name, where the class of what it resolves to decides:
    capsock policy explain --policy policy.toml 'connect tcp://api.example.com:443'

Exit codes:
  0 if it is allowed; 1 if it is denied; 2 for usage (a grant, a file, the question)";

/// What `capsock policy` is to do.
#[derive(Debug)]
pub(crate) enum PolicyTask {
    Check(Vec<PathBuf>),
    Explain(Policy, Box<Question>),
}

impl PolicyArgs {
    /// Checks and parses every value.
    pub(crate) fn parse(self) -> Result<PolicyTask, UsageError> {
        match self.command {
            PolicyCommand::Check { files } => Ok(PolicyTask::Check(files)),
            PolicyCommand::Explain { question, grants } => {
                let question: Result<Question, _> = question.join(" ").parse();
                let question = question.map_err(|error| UsageError(error.to_string()))?;
                Ok(PolicyTask::Explain(
                    grants.parse(&mut Limits::default())?,
                    Box::new(question),
                ))
            }
        }
    }
}

/// Say what a component imports and exports, and which grants that needs.
///
/// It is read, and neither compiled nor run.
#[derive(Debug, Args)]
#[command(after_long_help = INSPECT_EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The component
    #[arg(value_name = "COMPONENT")]
    pub(crate) component: PathBuf,
}

/// Put grants into a component: it runs on any host of WASI, and reaches no more than
/// they allow.
///
/// A firewall stands between the program and the host's wasi:sockets, and asks the
/// same rules as `capsock run` does about every address, name, peer and sender; also
/// about requests of wasi:http where the program makes them. Under `capsock run` the
/// command line's grants have to allow an operation too: a seal can only narrow.
/// SECURITY.md has what a seal does not keep.
#[derive(Debug, Args)]
#[command(
    override_usage = "capsock seal [OPTIONS] COMPONENT -o FILE",
    after_long_help = SEAL_EXAMPLES
)]
pub(crate) struct SealArgs {
    #[command(flatten)]
    grants: Grants,

    /// Put in capsock:sockets too, on what WASI has of it, for programs of capsock's
    /// SDKs: TCP, UDP, names; docs/portable.md has what there is not
    #[arg(long)]
    portable: bool,

    /// Put in no grants: what is allowed, the host alone decides. Of use with --portable
    /// alone, since the firewall does nothing without grants
    #[arg(long, requires = "portable", conflicts_with = "Grants")]
    no_policy: bool,

    /// Let this interface or package through that the program imports, such as
    /// example:log/sink: capsock does not know it, and it might be a way to the network
    #[arg(long, value_name = "INTERFACE")]
    pass: Vec<String>,

    /// Write the sealed component to this file, or to standard output for `-`
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// The component
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
}

const SEAL_EXAMPLES: &str = "\
Examples:
  A Redis client that reaches one server, on whatever host:
    capsock seal --allow-connect tcp://127.0.0.1:6379 redis-client-std.wasm -o sealed.wasm
    wasmtime run -S tcp,inherit-network sealed.wasm
    capsock run --allow-connect tcp://127.0.0.1:6379 sealed.wasm
  The grants of a file, and what was sealed in:
    capsock seal --policy policy.toml app.wasm -o sealed.wasm
    capsock inspect sealed.wasm
  A program of the SDK, where only WASI is:
    capsock seal --portable --allow-listen tcp://127.0.0.1:50007 echo-server.wasm -o sealed.wasm

Exit codes:
  0; 2 for usage (a grant, a file, a component that cannot be sealed)";

/// What is sealed, and with what.
#[derive(Debug)]
pub(crate) struct SealTask {
    pub(crate) component: PathBuf,
    pub(crate) output: PathBuf,
    /// `None` where the host alone decides.
    pub(crate) policy: Option<Policy>,
    pub(crate) policy_files: Vec<PathBuf>,
    /// Whether a policy file has limits, which are no rules.
    pub(crate) has_limits: bool,
    pub(crate) portable: bool,
    pub(crate) pass: Vec<String>,
}

impl SealArgs {
    /// Checks and parses every value.
    pub(crate) fn parse(self) -> Result<SealTask, UsageError> {
        let mut limits = Limits::default();
        let policy_files = self.grants.policy.clone();
        let policy = self.grants.parse(&mut limits)?;
        Ok(SealTask {
            policy_files,
            policy: (!self.no_policy).then_some(policy),
            has_limits: limits != Limits::default(),
            component: self.component,
            output: self.output,
            portable: self.portable,
            pass: self.pass,
        })
    }
}

/// Compile a component from standard input to native code on standard output. What
/// `run` starts.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// Bytes that it may take
    pub(crate) memory: u64,
}

const INSPECT_EXAMPLES: &str = "\
Example:
  capsock inspect server.wasm

Exit codes:
  0; 2 if the file is no component";

const TARGETS: &str = "\
Targets:
  tcp://HOST:PORTS  udp://HOST:PORTS  ip://HOST:PORTS (both)
  unix:/PATH  unix:/DIRECTORY/ (all beneath it)
  unix-abstract:NAME  unix-abstract:BEGINNING* (all that begin so)
  mptcp://HOST:PORTS  udplite://HOST:PORTS  icmp://HOST  vsock://CID:PORTS  alg://TYPE/NAME
  tipc://name:TYPE:INSTANCES  bluetooth://rfcomm/DEVICE/CHANNEL
  raw/N://HOST  netlink://PROTOCOL  packet://INTERFACE  can://INTERFACE  (with raw)
  HOST   an address (IPv6 in brackets), a CIDR, localhost, a class (public, loopback,
         private, link-local, metadata, multicast, broadcast), or * for the public
         internet without this machine
  PORTS  80  8080-8090  80,443  ephemeral (port 0, the kernel chooses)  *
  A listen target can name its peers: 'tcp://0.0.0.0:80 from=private,loopback'
  Of requests: 'GET,HEAD https://api.example.com/v1/*', or without methods for all

See --help for examples and exit codes.";

const EXAMPLES: &str = "\
Targets:
  tcp://HOST:PORTS  udp://HOST:PORTS  ip://HOST:PORTS (both)
  unix:/PATH  unix:/DIRECTORY/ (all beneath it)
  unix-abstract:NAME  unix-abstract:BEGINNING* (all that begin so)
  mptcp://HOST:PORTS  udplite://HOST:PORTS  icmp://HOST  vsock://CID:PORTS  alg://TYPE/NAME
  tipc://name:TYPE:INSTANCES  bluetooth://rfcomm/DEVICE/CHANNEL
  raw/N://HOST  netlink://PROTOCOL  packet://INTERFACE  can://INTERFACE  (with raw)
  HOST   an address (IPv6 in brackets), a CIDR, localhost, a class (public, loopback,
         private, link-local, metadata, multicast, broadcast), or * for the public
         internet without this machine
  PORTS  80  8080-8090  80,443  ephemeral (port 0, the kernel chooses)  *
  A listen target can name its peers: 'tcp://0.0.0.0:80 from=private,loopback'
  Of requests: 'GET,HEAD https://api.example.com/v1/*', or without methods for all

Examples:
  An echo server that only this machine reaches:
    capsock run --allow-listen tcp://127.0.0.1:50007 echo-server.wasm
  A client of one network's databases, but for one subnet:
    capsock run --allow-connect tcp://10.20.0.0/16:5432 \\
                --deny-connect 'tcp://10.20.9.0/24:*' client.wasm
  A Redis client that knows nothing of capsock:
    capsock run --allow-connect tcp://127.0.0.1:6379 redis-client-std.wasm
  A DNS client:
    capsock run --allow-send udp://9.9.9.9:53 dig.wasm example.com
  The grants of a file:
    capsock run --policy policy.toml server.wasm
  A server of the files of a directory, which it reads as /srv and cannot change:
    capsock run --dir ./site::/srv:ro --allow-listen tcp://127.0.0.1:8080 server.wasm
  A server on sockets that it is given, from descriptor 3 on:
    capsock run --inherit-listen web=tcp://127.0.0.1:8080 \\
                --inherit-listen local=unix:/run/web.sock server.wasm

Exit codes:
  the guest's own; 2 for what is wrong before it starts (usage, a grant, the component);
  124 where it ran longer than its limit `time`; 125 where --audit could not be written,
  and all that followed was denied; 134 for a trap. A signal that the guest does not catch
  ends capsock as it ends any process, and so does a second ctrl-c or SIGTERM where the
  guest has not received the first";

const SERVE_EXAMPLES: &str = "\
Examples:
  A function that may call one API and nothing else:
    capsock serve --listen http://127.0.0.1:8080 \\
                  --allow-http 'GET https://api.example.com/v1/*' function.wasm
  Behind nginx, over a Unix socket:
    capsock serve --listen unix:/run/function.sock function.wasm

Exit codes:
  0 after SIGTERM or ctrl-c, once what was under way is done or --drain is over; a second
  one ends it at once; 2 for what is wrong before it serves (usage, a grant, the component)";

fn serve_help() -> String {
    help(&Limits::SERVE, SERVE_EXAMPLES)
}

fn long_help() -> String {
    help(&Limits::DEFAULT, EXAMPLES)
}

/// The limits as `capsock-host` has them, and the rest.
fn help(limits: &Limits, examples: &str) -> String {
    let limits: String = limits
        .list()
        .map(|(name, value, meaning)| format!("  {name:23}  {value:6}  {meaning}\n"))
        .collect();
    format!(
        "Limits (--limit NAME=VALUE), and what they are without the flag:\n{limits}  \
         A size is bytes, or has a unit: 64KiB, 1MiB, 4MB. A time is 500ms, 5s or 1h30m.\n\n\
         {examples}"
    )
}

/// A run, ready to be done.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) component: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) dirs: Vec<Mapping>,
    pub(crate) policy: Policy,
    /// The files that the policy is from.
    pub(crate) policies: Vec<PathBuf>,
    pub(crate) inherit: Inherit,
    pub(crate) limits: Limits,
    pub(crate) dns_search: Vec<Domain>,
    pub(crate) trust_store: TrustStore,
    /// The files that were added to it.
    pub(crate) tls_ca: Vec<PathBuf>,
    pub(crate) landlock: Landlock,
    pub(crate) verbose: bool,
    pub(crate) cache: bool,
    pub(crate) audit: Option<PathBuf>,
    pub(crate) record: Option<PathBuf>,
    /// What else the host trusts, each by its flag.
    pub(crate) trusted: Vec<(&'static str, PathBuf)>,
}

/// Whether the kernel's second layer is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landlock {
    Off,
    /// As far as the kernel has it.
    BestEffort,
    Required,
}

/// The listeners that the guest is given.
#[derive(Debug)]
pub(crate) struct Inherit {
    pub(crate) systemd: bool,
    pub(crate) listen: Vec<Listen>,
}

/// A directory of the host, and its name in the guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) writable: bool,
}

/// A value of a flag that cannot be used.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl RunArgs {
    /// Checks and parses every value.
    pub(crate) fn parse(self) -> Result<Run, UsageError> {
        let mut command = self.command.into_iter();
        let component = PathBuf::from(command.next().unwrap_or_default());
        if component.as_os_str().is_empty() {
            let message = "COMPONENT: expected the path of a component, found an empty one";
            return Err(UsageError(message.to_owned()));
        }
        let name = component.file_name().unwrap_or_default().to_owned();
        let args = std::iter::once(name).chain(command).map(|arg| {
            let unusable = |arg: OsString| {
                UsageError(format!(
                    "argument {arg:?} is not UTF-8, and a guest takes no other"
                ))
            };
            arg.into_string().map_err(unusable)
        });
        let mut limits = Limits::default();
        let policy = self.grants.parse(&mut limits)?;
        set_limits(&mut limits, &self.limits)?;
        Ok(Run {
            args: args.collect::<Result<_, _>>()?,
            env: parse_variables(&self.env)?,
            dirs: self.dirs.iter().map(|dir| parse_dir(dir)).collect(),
            policy,
            policies: self.grants.policy,
            inherit: Inherit {
                systemd: self.inherit_systemd,
                listen: parse_listeners(&self.inherit_listen)?,
            },
            limits,
            dns_search: parse_domains(&self.dns_search)?,
            trust_store: trust::store(&self.tls_ca)?,
            tls_ca: self.tls_ca,
            landlock: match (self.no_landlock, self.require_landlock) {
                (true, _) => Landlock::Off,
                (_, true) => Landlock::Required,
                _ => Landlock::BestEffort,
            },
            verbose: self.verbose,
            cache: !self.no_cache,
            audit: self.audit,
            record: self.record,
            trusted: Vec::new(),
            component,
        })
    }
}

impl ServeArgs {
    /// Checks and parses every value.
    pub(crate) fn parse(self) -> Result<Serve, UsageError> {
        let mut limits = Limits::SERVE;
        let policy = self.grants.parse(&mut limits)?;
        set_limits(&mut limits, &self.limits)?;
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let is_https = |place: &Place| matches!(place, Place::Https(_));
        let certificates = trust::certificates(&self.tls_cert, &self.tls_key)?;
        if self.listen.iter().any(is_https) && certificates.is_empty() {
            let message = "--listen https://…: a certificate is needed: --tls-cert FILE and \
                           --tls-key FILE";
            return Err(UsageError(message.to_owned()));
        }
        let with = |flag, paths: Vec<PathBuf>| paths.into_iter().map(move |path| (flag, path));
        let sockets = self.listen.iter().filter_map(|place| match place {
            Place::Unix(path) => Some(path.clone()),
            Place::Http(_) | Place::Https(_) => None,
        });
        let trusted = with("--listen", sockets.collect())
            .chain(with("--tls-cert", self.tls_cert))
            .chain(with("--tls-key", self.tls_key))
            .collect();
        Ok(Serve {
            certificates,
            places: self.listen.clone(),
            threads: self.threads.unwrap_or_else(cores),
            drain: self.drain.into(),
            instance: Run {
                component: self.component,
                args: Vec::new(),
                env: parse_variables(&self.env)?,
                dirs: self.dirs.iter().map(|dir| parse_dir(dir)).collect(),
                policy,
                policies: self.grants.policy,
                inherit: Inherit {
                    systemd: false,
                    listen: Vec::new(),
                },
                limits,
                dns_search: parse_domains(&self.dns_search)?,
                trust_store: trust::store(&self.tls_ca)?,
                tls_ca: self.tls_ca,
                landlock: Landlock::Off,
                verbose: false,
                cache: !self.no_cache,
                audit: None,
                record: None,
                trusted,
            },
        })
    }
}

fn parse_variables(variables: &[String]) -> Result<Vec<(String, String)>, UsageError> {
    variables.iter().map(|it| parse_env(it)).collect()
}

impl Grants {
    /// The rules; the limits of policy files go to `limits`.
    fn parse(&self, limits: &mut Limits) -> Result<Policy, UsageError> {
        let flags = [
            (Effect::Allow, Op::Connect, &self.allow_connect),
            (Effect::Allow, Op::Listen, &self.allow_listen),
            (Effect::Allow, Op::Bind, &self.allow_bind),
            (Effect::Allow, Op::Send, &self.allow_send),
            (Effect::Allow, Op::Recv, &self.allow_recv),
            (Effect::Allow, Op::Resolve, &self.allow_resolve),
            (Effect::Allow, Op::Option, &self.allow_option),
            (Effect::Allow, Op::Raw, &self.allow_raw),
            (Effect::Allow, Op::PassFd, &self.allow_pass_fd),
            (Effect::Allow, Op::TakeFd, &self.allow_take_fd),
            (Effect::Allow, Op::Interfaces, &self.allow_interfaces),
            (Effect::Allow, Op::Http, &self.allow_http),
            (Effect::Deny, Op::Connect, &self.deny_connect),
            (Effect::Deny, Op::Listen, &self.deny_listen),
            (Effect::Deny, Op::Bind, &self.deny_bind),
            (Effect::Deny, Op::Send, &self.deny_send),
            (Effect::Deny, Op::Recv, &self.deny_recv),
            (Effect::Deny, Op::Resolve, &self.deny_resolve),
            (Effect::Deny, Op::Option, &self.deny_option),
            (Effect::Deny, Op::Raw, &self.deny_raw),
            (Effect::Deny, Op::PassFd, &self.deny_pass_fd),
            (Effect::Deny, Op::TakeFd, &self.deny_take_fd),
            (Effect::Deny, Op::Interfaces, &self.deny_interfaces),
            (Effect::Deny, Op::Http, &self.deny_http),
        ];
        let mut policy = Policy::default();
        for file in &self.policy {
            policy = policy.and(policy::read(file, limits).map_err(UsageError)?);
        }
        for (effect, op, target) in flags.into_iter().flat_map(|(effect, op, targets)| {
            targets.iter().map(move |target| (effect, op, target))
        }) {
            let rule = Rule::parse(effect, op, target);
            policy =
                policy.with(rule.map_err(|error| UsageError(format!("--{effect}-{op}: {error}")))?);
        }
        Ok(policy)
    }
}

fn parse_env(variable: &str) -> Result<(String, String), UsageError> {
    match variable.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(UsageError(format!(
            "--env: expected NAME=VALUE, found `{variable}`"
        ))),
    }
}

fn parse_listeners(flags: &[String]) -> Result<Vec<Listen>, UsageError> {
    let mut listeners: Vec<Listen> = Vec::new();
    for flag in flags {
        let listen = Listen::parse(flag)?;
        if listeners.iter().any(|other| other.name == listen.name) {
            return Err(UsageError(format!(
                "--inherit-listen `{flag}`: another one has the name `{}`",
                listen.name
            )));
        }
        listeners.push(listen);
    }
    Ok(listeners)
}

fn parse_domains(flags: &[String]) -> Result<Vec<Domain>, UsageError> {
    let parse = |flag: &String| {
        flag.parse().map_err(|invalid: Invalid| {
            UsageError(format!(
                "--dns-search {}: {}",
                invalid.target(),
                invalid.reason()
            ))
        })
    };
    flags.iter().map(parse).collect()
}

fn set_limits(limits: &mut Limits, flags: &[String]) -> Result<(), UsageError> {
    for limit in flags {
        let Some((name, value)) = limit.split_once('=') else {
            return Err(UsageError(format!(
                "--limit: expected NAME=VALUE, found `{limit}`"
            )));
        };
        let set = limits.set(name, value);
        set.map_err(|error| UsageError(format!("--limit: {error}")))?;
    }
    Ok(())
}

fn parse_dir(dir: &str) -> Mapping {
    let read_only = |text: &str| text.strip_suffix(":ro").map(str::to_owned);
    let (host, last) = match dir.split_once("::") {
        Some((host, guest)) => (Some(host), guest),
        None => (None, dir),
    };
    let writable = read_only(last).is_none();
    let last = read_only(last).unwrap_or_else(|| last.to_owned());
    Mapping {
        host: host.unwrap_or(&last).into(),
        guest: last,
        writable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_directory_is_named_alike_or_as_written_and_may_be_read_only() {
        let mapping = |host: &str, guest: &str, writable| Mapping {
            host: host.into(),
            guest: guest.to_owned(),
            writable,
        };
        for (text, host, guest, writable) in [
            ("/srv", "/srv", "/srv", true),
            ("/srv::/data", "/srv", "/data", true),
            ("/srv:ro", "/srv", "/srv", false),
            ("/srv::/data:ro", "/srv", "/data", false),
            ("/srv::ro", "/srv", "ro", true),
            ("/srv:ro/", "/srv:ro/", "/srv:ro/", true),
            ("/srv:ro::/data", "/srv:ro", "/data", true),
        ] {
            assert_eq!(parse_dir(text), mapping(host, guest, writable), "{text}");
        }
    }

    #[test]
    fn flags_after_the_component_are_the_guests() {
        let cli = Cli::try_parse_from([
            "capsock",
            "run",
            "--env",
            "A=b=c",
            "x.wasm",
            "--forever",
            "--env",
        ]);
        let Command::Run(args) = cli.expect("valid").command else {
            panic!("not a run");
        };
        let run = args.parse().expect("valid");
        assert_eq!(run.args, ["x.wasm", "--forever", "--env"]);
        assert_eq!(run.env, [("A".to_owned(), "b=c".to_owned())]);
    }
}
