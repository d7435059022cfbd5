//! Whether a program gets the same verdicts of the firewall as of capsock itself: one
//! guest does random operations under random rules, first under `capsock-host`, then
//! composed with the firewall on wasmtime's own sockets, which allow everything.
//!
//! `capsock-test-verdicts SEQUENCES SEED` runs in a network namespace that
//! `tests/verdicts.rs` makes, and prints the smallest case that differs.

use std::fmt::Write as _;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::exit;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use capsock_host::cap_std::ambient_authority;
use capsock_host::{CapsockCtx, CapsockCtxView, CapsockView, Policy};
use capsock_policy::{Rule, Told};
use capsock_seal::{Keeper, join};
use capsock_tests::guest;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use socket2::{Domain, Socket, Type};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store, StoreContextMut};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Where somebody listens who is no guest, on each of this machine's addresses.
const PEERS_PORT: u16 = 20051;

/// This machine's addresses, of each class that it can have.
const OWN: [&str; 9] = [
    "127.0.0.1",
    "127.0.0.2",
    "9.9.9.8",
    // Of a network that is its own as a whole.
    "9.9.11.77",
    "10.9.0.1",
    "169.254.169.254",
    "::1",
    "2620:fe::8",
    "fd31::1",
];

/// How often a case has to differ: the kernel may be late.
const TRIES: usize = 2;

fn main() {
    let mut args = std::env::args().skip(1);
    let mut number = |what| -> u64 {
        let argument = args
            .next()
            .unwrap_or_else(|| panic!("{what} as an argument"));
        argument.parse().expect("a number")
    };
    let (sequences, seed) = (number("the sequences"), number("the seed"));
    let world = World::new().expect("a world");
    let mut counts = Counts::default();
    let begun = Instant::now();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(sequences).expect("fewer sequences"),
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let counted = Mutex::new(&mut counts);
    let result = runner.run(&case(), |case| {
        let mut counts = counted.lock().unwrap_or_else(PoisonError::into_inner);
        world
            .compare(&case, &mut counts)
            .map_err(TestCaseError::fail)
    });
    println!("{counts} in {:?}", begun.elapsed());
    match result {
        Ok(()) => {}
        Err(TestError::Fail(difference, case)) => {
            println!("seed {seed}, the smallest that differs:\n{case}\n{difference}");
            exit(1);
        }
        Err(error) => panic!("{error}"),
    }
}

/// What was seen, so that it is seen that much was.
#[derive(Default)]
struct Counts {
    cases: u64,
    operations: u64,
    denied: u64,
    invalid: u64,
    heard: u64,
    arrived: u64,
    /// Cases that differed once and not again.
    unsteady: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            cases,
            operations,
            denied,
            invalid,
            heard,
            arrived,
            unsteady,
        } = self;
        write!(
            f,
            "{cases} policies, {operations} operations: {denied} denied, {invalid} invalid, {heard} \
             with somebody heard, {arrived} that somebody was reached by; {unsteady} differed once"
        )
    }
}

/// Rules, and what a guest does under them.
#[derive(Clone)]
struct Case {
    rules: Vec<String>,
    operations: Vec<Vec<String>>,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for rule in &self.rules {
            writeln!(f, "    {rule}")?;
        }
        for operation in self.operations.iter().flatten() {
            writeln!(f, "  {operation}")?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Hosts of rules: loopback, where most happens, and the others.
const NEAR: &str = r"127\.0\.0\.[12]|\[::1\]|127\.0\.0\.0/8|loopback|localhost|\*";
const HOSTS: &str = r"127\.0\.0\.[12]|\[::1\]|127\.0\.0\.0/8|loopback|localhost|\*|public|private|link-local|metadata|multicast|broadcast|9\.9\.9\.[89]|9\.9\.9\.0/24|9\.0\.0\.0/8|9\.9\.11\.0/24|9\.9\.11\.77|10\.9\.0\.1|10\.9\.0\.0/24|10\.0\.0\.0/7|169\.254\.169\.254|169\.254\.0\.0/16|0\.0\.0\.0/0|\[::/0\]|\[2620:fe::8\]|\[2620:fe::/48\]|\[fd31::1\]|\[fc00::/7\]|0\.0\.0\.0|\[::\]|\[::ffff:127\.0\.0\.1\]|\[64:ff9b::/96\]|\[64:ff9b::7f00:1\]|\[2002::/16\]|8\.8\.8\.8|198\.18\.0\.0/15|255\.255\.255\.255|224\.0\.0\.0/4";
const PORTS: &str = r"\*|20041|20042|20051|20041,20051|20041-20051|1-65535|53";
const NAMES: &str = r"localhost|[ax]\.localhost|(\*\.)?example|\*\.example|public\.example|(private|loopback|own|metadata|mixed|mapped|nat64|6to4|many|chain|inward|none|failing)\.example|single";
const CLASSES: &str = "public|loopback|private|link-local|metadata";

fn matching(pattern: &str) -> impl Strategy<Value = String> + use<> {
    string_regex(pattern).expect("a pattern")
}

fn rule() -> impl Strategy<Value = String> {
    let host = format!("({NEAR}|{NEAR}|{NEAR}|{HOSTS})");
    let local = format!("({PORTS}|ephemeral|20041,ephemeral|\\*)");
    let effect = "(allow|allow|allow|allow|deny)";
    let kinds = [
        (
            6,
            format!("{effect} connect (tcp|tcp|ip)://{host}:({PORTS})"),
        ),
        (4, format!("{effect} listen (tcp|udp|ip)://{host}:{local}")),
        (
            4,
            format!("{effect} listen (tcp|udp|ip)://{host}:{local} from={host}(,{host})?"),
        ),
        (4, format!("{effect} bind (tcp|udp|ip)://{host}:{local}")),
        (4, format!("{effect} send (udp|udp|ip)://{host}:({PORTS})")),
        (4, format!("{effect} recv (udp|udp|ip)://{host}:({PORTS})")),
        (2, format!("{effect} resolve ({NAMES}|\\*)")),
        (
            3,
            format!(
                "{effect} (connect tcp|send udp)://({NAMES}):({PORTS})( in=({CLASSES})(,({CLASSES}))?)?"
            ),
        ),
    ];
    let strategies = kinds
        .into_iter()
        .map(|(weight, kind)| (weight, matching(&kind).boxed()));
    proptest::strategy::Union::new_weighted(strategies.collect())
        .prop_filter("a rule", |rule| rule.parse::<Rule>().is_ok())
}

/// Rules under which much is let through, for others to take something away.
const WIDE: [&str; 18] = [
    "allow listen ip://127.0.0.0/8:*",
    "allow listen ip://[::1]:*",
    "allow listen ip://0.0.0.0:*",
    "allow listen ip://[::]:*",
    "allow listen tcp://9.9.9.8:*",
    "allow listen tcp://127.0.0.1:* from=*,loopback,private",
    "allow listen udp://10.9.0.1:* from=loopback,private",
    "allow bind udp://127.0.0.1:*",
    "allow connect tcp://loopback:*",
    "allow connect ip://9.9.9.8:*",
    "allow connect tcp://private:*",
    "allow connect ip://*:*",
    "allow send udp://loopback:*",
    "allow send ip://*:*",
    "allow recv udp://loopback:*",
    "allow recv ip://private:*",
    "allow resolve *",
    "allow connect tcp://*.example:* in=loopback,private,public",
];

fn rules() -> impl Strategy<Value = Vec<String>> {
    let wide = proptest::sample::subsequence(WIDE.to_vec(), 0..=WIDE.len());
    let rules = prop::collection::vec(rule(), 0..16);
    (wide, rules).prop_map(|(wide, rules)| {
        let wide = wide.into_iter().map(str::to_owned);
        wide.chain(rules).collect()
    })
}

fn ip() -> impl Strategy<Value = IpAddr> {
    let near = select(vec!["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::"]);
    let far = select(vec![
        "9.9.9.8",
        "9.9.9.9",
        "9.9.9.10",
        "9.9.11.77",
        "10.9.0.1",
        "10.9.0.2",
        "169.254.169.254",
        "2620:fe::8",
        "2620:fe::fe",
        "fd31::1",
        "8.8.8.8",
        "11.0.0.1",
        "198.18.0.1",
        "240.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0.0.0.0",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ]);
    prop_oneof![3 => near, 2 => far].prop_map(|ip| ip.parse().expect("an address"))
}

fn local() -> impl Strategy<Value = SocketAddr> {
    (ip(), select(vec![0, 0, 20041, 20042])).prop_map(SocketAddr::from)
}

fn remote() -> impl Strategy<Value = SocketAddr> {
    let ports = [0, 20041, 20042, PEERS_PORT, PEERS_PORT, PEERS_PORT, 53];
    (ip(), select(ports.to_vec())).prop_map(SocketAddr::from)
}

/// A socket that is kept, or a fresh one, mostly of the family that it is for.
fn which(ip: IpAddr) -> impl Strategy<Value = &'static str> {
    let (fresh, other) = match ip {
        IpAddr::V4(_) => ("fresh4", "fresh6"),
        IpAddr::V6(_) => ("fresh6", "fresh4"),
    };
    prop_oneof![12 => Just(fresh), 1 => Just(other), 5 => kept()]
}

fn kept() -> impl Strategy<Value = &'static str> {
    select(vec!["last", "last", "0", "1", "2", "3", "4", "5"])
}

/// Peers that listeners and datagram sockets may hear.
fn sources(with_ports: bool) -> impl Strategy<Value = String> {
    let own = select(OWN.to_vec());
    let peers = prop::collection::vec((own, prop::bool::weighted(0.3)), 0..4);
    peers.prop_map(move |peers| {
        let texts: Vec<String> = peers
            .into_iter()
            .map(|(ip, with_port)| match with_ports && with_port {
                true => SocketAddr::new(ip.parse().expect(ip), PEERS_PORT).to_string(),
                false => ip.to_owned(),
            })
            .collect();
        match texts.is_empty() {
            true => "-".to_owned(),
            false => texts.join(","),
        }
    })
}

fn receivers() -> impl Strategy<Value = String> {
    let receiver = prop_oneof![
        1 => Just("-".to_owned()),
        4 => remote().prop_map(|remote| remote.to_string()),
    ];
    prop::collection::vec(receiver, 1..3).prop_map(|receivers| receivers.join(","))
}

fn name() -> impl Strategy<Value = String> {
    let others = [
        "1.2.3.4",
        "::1",
        "[::1]",
        "[127.0.0.1]",
        "::ffff:127.0.0.1",
        "fe80::1%lo",
        "127.1",
        "0x7f.1",
        "2130706433",
        "a..b",
        "-a.example",
        "a_b.example",
        "\"\"",
        "LOCALHOST",
        "localhost.",
        "PUBLIC.example.",
        "single.",
        "two.labels",
        "127.0.0.1.",
        "example",
    ];
    let others = select(others.map(str::to_owned).to_vec());
    prop_oneof![4 => matching(&NAMES.replace(r"(\*\.)?", "").replace(r"\*", "b")), 1 => others]
}

/// Operations that belong together, or one alone.
fn operations() -> impl Strategy<Value = Vec<String>> {
    let protocol = || select(vec!["tcp", "udp"]);
    let one = |operation: String| vec![operation];
    prop_oneof![
        4 => (local(), sources(false)).prop_flat_map(|(local, peers)| {
            which(local.ip()).prop_map(move |which| vec![
                format!("bind tcp {which} {local}"),
                "listen last".to_owned(),
                format!("accept last drop {peers}"),
            ])
        }),
        4 => (local(), sources(true)).prop_flat_map(|(local, senders)| {
            which(local.ip()).prop_map(move |which| vec![
                format!("bind udp {which} {local}"),
                "stream last -".to_owned(),
                format!("receive last {senders}"),
            ])
        }),
        2 => (local(), remote(), receivers(), sources(true)).prop_flat_map(
            |(local, remote, receivers, senders)| which(local.ip()).prop_map(move |which| vec![
                format!("bind udp {which} {local}"),
                format!("stream last {remote}"),
                format!("send last {receivers}"),
                format!("receive last {senders}"),
            ])
        ),
        2 => receivers().prop_flat_map(|receivers| {
            select(vec![("fresh4", "0.0.0.0:0"), ("fresh6", "[::]:0")]).prop_map(
                move |(which, any)| vec![
                    format!("bind udp {which} {any}"),
                    "stream last -".to_owned(),
                    format!("send last {receivers}"),
                ],
            )
        }),
        4 => remote().prop_flat_map(|remote| {
            which(remote.ip()).prop_map(move |which| vec![format!("connect {which} {remote}")])
        }),
        3 => name().prop_map(move |name| one(format!("resolve {name}"))),
        2 => (name(), select(vec![PEERS_PORT, 20041, 53]), any::<bool>()).prop_map(
            |(name, port, tcp)| vec![match tcp {
                true => format!("connect-name {name} {port}"),
                false => format!("send-name {name} {port}"),
            }]
        ),
        1 => (protocol(), local()).prop_flat_map(move |(protocol, local)| {
            which(local.ip()).prop_map(move |which| one(format!("bind {protocol} {which} {local}")))
        }),
        1 => (protocol(), local()).prop_flat_map(move |(protocol, local)| {
            which(local.ip()).prop_map(move |which| {
                one(format!("start-bind {protocol} {which} {local}"))
            })
        }),
        1 => (protocol(), kept()).prop_map(move |(protocol, which)| {
            one(format!("finish-bind {protocol} {which}"))
        }),
        1 => (select(vec!["listen", "start-listen", "finish-listen", "finish-connect"]), kept())
            .prop_map(move |(operation, which)| one(format!("{operation} {which}"))),
        1 => (kept(), remote()).prop_map(move |(which, remote)| {
            one(format!("start-connect {which} {remote}"))
        }),
        2 => (kept(), select(vec!["keep", "drop"]), sources(false)).prop_map(
            move |(which, keep, peers)| one(format!("accept {which} {keep} {peers}"))
        ),
        1 => (kept(), remote(), any::<bool>()).prop_map(move |(which, remote, connected)| {
            one(match connected {
                true => format!("stream {which} {remote}"),
                false => format!("stream {which} -"),
            })
        }),
        1 => (kept(), receivers()).prop_map(move |(which, to)| one(format!("send {which} {to}"))),
        1 => (kept(), sources(true)).prop_map(move |(which, senders)| {
            one(format!("receive {which} {senders}"))
        }),
        1 => (protocol(), kept()).prop_map(move |(protocol, which)| {
            one(format!("names {protocol} {which}"))
        }),
        1 => protocol().prop_map(move |protocol| one(format!("drop {protocol}"))),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let operations = prop::collection::vec(operations(), 1..40);
    (rules(), operations).prop_map(|(rules, operations)| Case { rules, operations })
}

/// What happened: each operation, what the guest said came of it, whom it reached,
/// and what was told of denials.
type Transcript = Vec<[String; 4]>;

/// What one run of the guest is given, and what comes of it.
#[derive(Default)]
struct Script {
    operations: std::vec::IntoIter<String>,
    operation: String,
    rules: Vec<String>,
    transcript: Transcript,
    connections: Vec<(String, TcpStream)>,
    told: Arc<Mutex<Vec<String>>>,
    stderr: Option<(MemoryOutputPipe, usize)>,
}

struct Guest {
    wasi: WasiCtx,
    sockets: CapsockCtx,
    table: ResourceTable,
    script: Script,
    peers: Arc<Peers>,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl CapsockView for Guest {
    fn capsock(&mut self) -> CapsockCtxView<'_> {
        CapsockCtxView {
            ctx: &mut self.sockets,
            table: &mut self.table,
        }
    }
}

/// Those who listen on this machine, and are no guests.
struct Peers {
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
}

impl Peers {
    fn new() -> std::io::Result<Self> {
        let mut peers = Self {
            tcp: Vec::new(),
            udp: Vec::new(),
        };
        for ip in OWN {
            let local = SocketAddr::new(ip.parse().expect(ip), PEERS_PORT);
            let tcp = TcpListener::bind(local)?;
            tcp.set_nonblocking(true)?;
            peers.tcp.push(tcp);
            let udp = UdpSocket::bind(local)?;
            udp.set_nonblocking(true)?;
            peers.udp.push(udp);
        }
        Ok(peers)
    }

    /// Which of them were reached since the last call.
    fn reached(&self) -> String {
        let mut reached = String::new();
        for tcp in &self.tcp {
            while let Ok((stream, _)) = tcp.accept() {
                _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                _ = write!(reached, "tcp {} ", name_of(tcp.local_addr()));
            }
        }
        for udp in &self.udp {
            while udp.recv_from(&mut [0; 8]).is_ok() {
                _ = write!(reached, "udp {} ", name_of(udp.local_addr()));
            }
        }
        reached
    }

    fn send_from(&self, source: &str, to: SocketAddr) -> std::io::Result<()> {
        if let Ok(source) = source.parse::<SocketAddr>() {
            let mut udp = self.udp.iter();
            let from = udp.find(|udp| udp.local_addr().is_ok_and(|local| local == source));
            from.expect("a peer").send_to(b"y", to)?;
            return Ok(());
        }
        UdpSocket::bind(SocketAddr::new(source.parse().expect("an address"), 0))?
            .send_to(b"y", to)?;
        Ok(())
    }
}

fn name_of(address: std::io::Result<SocketAddr>) -> String {
    address.map_or_else(|error| error.to_string(), |address| address.to_string())
}

fn connect_from(source: &str, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    // Nothing of it is left in TIME_WAIT, where its address would be in use.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&SocketAddr::new(source.parse().expect("an address"), 0).into())?;
    socket.connect_timeout(&to.into(), Duration::from_secs(2))?;
    Ok(socket.into())
}

/// A program, compiled once.
struct Program {
    command: CommandPre<Guest>,
    engine: Engine,
}

struct World {
    host: Program,
    firewall: Program,
    peers: Arc<Peers>,
}

impl World {
    fn new() -> wasmtime::Result<Self> {
        let engine = Engine::default();
        let bytes = std::fs::read(guest("verdicts"))?;
        let passed = ["test:verdicts".to_owned()];
        let joined = join(&bytes, &Keeper::firewall()?, &passed)?;
        let mut linker = Self::linker(&engine)?;
        let firewall = {
            let mut policy = linker.instance("capsock:firewall/policy@0.1.0")?;
            policy.func_wrap("rules", |store: StoreContextMut<'_, Guest>, (): ()| {
                Ok((Some(store.data().script.rules.clone()),))
            })?;
            Program::new(&engine, &linker, &joined)?
        };
        let mut linker = Self::linker(&engine)?;
        capsock_host::wasi::add_to_linker_p2(&mut linker)?;
        Ok(Self {
            host: Program::new(&engine, &linker, &bytes)?,
            firewall,
            peers: Arc::new(Peers::new()?),
        })
    }

    fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let mut runner = linker.instance("test:verdicts/runner")?;
        runner.func_wrap("next", |mut store: StoreContextMut<'_, Guest>, (): ()| {
            let script = &mut store.data_mut().script;
            let next = script.operations.next();
            script.operation = next.clone().unwrap_or_default();
            Ok((next,))
        })?;
        runner.func_wrap(
            "verdict",
            |mut store: StoreContextMut<'_, Guest>, (verdict,): (String,)| {
                let Guest { script, peers, .. } = store.data_mut();
                script.note(verdict, peers.reached());
                Ok(())
            },
        )?;
        runner.func_wrap(
            "connect-from",
            |mut store: StoreContextMut<'_, Guest>, (source, to): (String, String)| {
                let to = to.parse().expect("an address");
                let connected = connect_from(&source, to);
                let is_connected = connected.is_ok();
                let connection = connected.ok().map(|stream| (source, stream));
                store.data_mut().script.connections.extend(connection);
                Ok((is_connected,))
            },
        )?;
        runner.func_wrap(
            "send-from",
            |store: StoreContextMut<'_, Guest>, (source, to): (String, String)| {
                let to = to.parse().expect("an address");
                Ok((store.data().peers.send_from(&source, to).is_ok(),))
            },
        )?;
        runner.func_wrap_async(
            "has-ended",
            |store: StoreContextMut<'_, Guest>, (source,): (String,)| {
                let mut connections = store.data().script.connections.iter().rev();
                let connection = connections.find(|(from, _)| *from == source);
                let connection = connection.map(|(_, stream)| stream.try_clone());
                Box::new(async move {
                    settle().await;
                    let Some(Ok(mut stream)) = connection else {
                        return Ok((false,));
                    };
                    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
                    // Closed or reset, as each host does it.
                    Ok((match stream.read(&mut [0]) {
                        Ok(length) => length == 0,
                        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
                    },))
                })
            },
        )?;
        runner.func_wrap_async("settle", |_: StoreContextMut<'_, Guest>, (): ()| {
            Box::new(async {
                settle().await;
                Ok(())
            })
        })?;
        Ok(linker)
    }

    /// What differs, if something does: each time, since the kernel may be late.
    fn compare(&self, case: &Case, counts: &mut Counts) -> Result<(), String> {
        let mut difference = String::new();
        for again in 0..TRIES {
            let host = self.host.run(case, &self.peers);
            let firewall = self.firewall.run(case, &self.peers);
            match first_difference(&host, &firewall) {
                None => {
                    counts.count(&host);
                    counts.unsteady += u64::from(again > 0);
                    return Ok(());
                }
                Some(found) => difference = found,
            }
        }
        Err(difference)
    }
}

impl Counts {
    fn count(&mut self, transcript: &Transcript) {
        self.cases += 1;
        self.operations += transcript.len() as u64;
        for [operation, verdict, reached, _] in transcript {
            self.denied += u64::from(verdict.contains("access-denied"));
            self.invalid += u64::from(verdict.contains("invalid-argument"));
            self.arrived += u64::from(!reached.is_empty());
            let hears = operation.starts_with("accept") || operation.starts_with("receive");
            self.heard += u64::from(hears && verdict.starts_with("[\""));
        }
    }
}

fn first_difference(host: &Transcript, firewall: &Transcript) -> Option<String> {
    let texts = |transcript: &Transcript, index: usize| -> String {
        let line = transcript.get(index);
        line.map_or("nothing".to_owned(), |[_, verdict, reached, told]| {
            format!("{verdict} / {reached}/ {told}")
        })
    };
    let length = host.len().max(firewall.len());
    let index = (0..length).find(|index| host.get(*index) != firewall.get(*index))?;
    let line = host.get(index).or(firewall.get(index))?;
    Some(format!(
        "{}\n  host:     {}\n  firewall: {}",
        line[0],
        texts(host, index),
        texts(firewall, index)
    ))
}

/// Lets the runtime see what the kernel has: each turn of a runtime of one thread
/// asks for events, and runs the tasks that wait for them.
async fn settle() {
    for _turn in 0..8 {
        tokio::task::yield_now().await;
    }
}

impl Program {
    fn new(engine: &Engine, linker: &Linker<Guest>, bytes: &[u8]) -> wasmtime::Result<Self> {
        let component = Component::new(engine, bytes)?;
        Ok(Self {
            command: CommandPre::new(linker.instantiate_pre(&component)?)?,
            engine: engine.clone(),
        })
    }

    /// Runs the guest to its end. A trap is the last line of the transcript.
    fn run(&self, case: &Case, peers: &Arc<Peers>) -> Transcript {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let rules = case.rules.iter().map(|rule| rule.parse().expect("a rule"));
        let policy = rules.fold(Policy::default(), Policy::with);
        let stderr = MemoryOutputPipe::new(1 << 20);
        let mut wasi = WasiCtx::builder();
        wasi.stderr(stderr.clone())
            .inherit_network()
            .allow_tcp(true)
            .allow_udp(true)
            .allow_ip_name_lookup(true);
        let script = Script {
            operations: case.operations.concat().into_iter(),
            rules: case.rules.clone(),
            stderr: Some((stderr, 0)),
            ..Script::default()
        };
        let lines = Arc::new(Mutex::new(Told::default()));
        let tell = |told: &Arc<Mutex<Vec<String>>>, line: Option<String>| {
            lock(told).extend(line);
        };
        let sockets = CapsockCtx::new(policy, ambient_authority());
        let (denials, invalids) = (
            (script.told.clone(), lines.clone()),
            (script.told.clone(), lines),
        );
        let sockets = sockets
            .on_denial(move |denial| {
                let line = lock(&denials.1).denial(denial);
                tell(&denials.0, line);
            })
            .on_invalid(move |invalid| {
                let line = lock(&invalids.1).invalid(invalid);
                tell(&invalids.0, line);
            });
        let guest = Guest {
            wasi: wasi.build(),
            sockets,
            table: ResourceTable::new(),
            script,
            peers: peers.clone(),
        };
        let mut store = Store::new(&self.engine, guest);
        let result = runtime.block_on(async {
            let command = self.command.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        });
        let Guest { script, peers, .. } = store.data_mut();
        match result {
            Ok(Ok(())) => {}
            Ok(Err(())) => script.note("failed".to_owned(), peers.reached()),
            Err(error) => {
                // Where it was is another place in each component.
                script.note(format!("trapped: {}", error.root_cause()), peers.reached());
            }
        }
        let transcript = std::mem::take(&mut script.transcript);
        drop(store);
        runtime.block_on(settle());
        transcript
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    fn note(&mut self, verdict: String, reached: String) {
        let mut told = std::mem::take(&mut *lock(&self.told));
        if let Some((stderr, read)) = &mut self.stderr {
            let all = stderr.contents();
            let text = String::from_utf8_lossy(&all[*read..]).into_owned();
            *read = all.len();
            told.extend(text.lines().map(|line| {
                line.strip_prefix("capsock seal: ")
                    .unwrap_or(line)
                    .to_owned()
            }));
        }
        let told = without_chosen_ports(&told.join("; "));
        let operation = self.operation.clone();
        self.transcript.push([operation, verdict, reached, told]);
    }
}

/// The ports that the kernel chose are others each time.
fn without_chosen_ports(text: &str) -> String {
    let mut parts = text.split(':');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        match part[..end].parse::<u16>() {
            Ok(port @ 30_000..) if port != u16::MAX => _ = write!(text, ":chosen{}", &part[end..]),
            _ => _ = write!(text, ":{part}"),
        }
    }
    text
}
