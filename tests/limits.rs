//! What one guest may use, and no more: it gets an error, or its end, and the
//! host goes on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use capsock_tests::{Running, capsock, output, patiently, run, stderr, succeed};
use rstest::rstest;

/// `--limit LIMIT…`
fn limited<'a>(limits: &[&'a str]) -> Vec<&'a str> {
    limits.iter().flat_map(|limit| ["--limit", limit]).collect()
}

/// A guest that goes on when it is told to.
struct Guest {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Guest {
    fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    #[track_caller]
    fn expect_line(&mut self, prefix: &str) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let rest = line.trim_end().strip_prefix(prefix);
        rest.unwrap_or_else(|| panic!("expected `{prefix}…`, found {line:?}"))
            .trim()
            .to_owned()
    }

    fn go_on(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
    }

    /// A field of /proc/PID/status, in KiB.
    fn status(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.unwrap().trim().strip_suffix(" kB").unwrap();
        number.parse().unwrap()
    }

    fn descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(path).unwrap().count()
    }

    /// Waits for the end, with standard input and output still open.
    fn end(mut self) -> Output {
        let status = self.child.wait().unwrap();
        let mut stderr = Vec::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_end(&mut stderr).unwrap();
        let mut stdout = Vec::new();
        self.stdout.read_to_end(&mut stdout).unwrap();
        Output {
            status,
            stdout,
            stderr,
        }
    }
}

/// Runs a command, and returns also how much memory it had at most, in KiB.
fn with_peak(command: &Command) -> (Output, u64) {
    const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)";
    let output = Command::new("python3")
        .args(["-c", MEASURE])
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let peak = stdout.lines().last().unwrap().parse().unwrap();
    (output, peak)
}

#[test]
fn the_limit_on_sockets_is_set_by_a_flag() {
    assert_eq!(
        succeed(&limited(&["sockets=3"]), "misuse", &["quota"]),
        "3 sockets\n"
    );
}

#[test]
fn a_full_table_of_handles_is_emfile() {
    assert_eq!(
        succeed(&limited(&["handles=40"]), "limits", &["handles"]),
        "40 sockets\n"
    );
}

#[test]
fn a_receive_is_cut() {
    assert_eq!(
        succeed(&limited(&["receive=10"]), "limits", &["receive"]),
        "recv 10\nrecvmsg 10\nwaitall 80\n"
    );
}

/// Linux queues one more than the backlog.
#[rstest]
#[case::three(3, 4)]
#[case::none(0, 1)]
fn a_backlog_is_cut(#[case] limit: u32, #[case] queued: usize) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let path = path.to_str().unwrap();
    let (limit, grant) = (format!("backlog={limit}"), format!("unix:{path}"));
    let flags = ["--limit", &limit, "--allow-listen", &grant];
    let mut guest = Guest::start(run(&flags, "limits", &["backlog", path]));
    guest.expect_line("listening");
    let address = socket2::SockAddr::unix(path).unwrap();
    let mut clients = Vec::new();
    loop {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None);
        let client = client.unwrap();
        client.set_nonblocking(true).unwrap();
        match client.connect(&address) {
            Ok(()) => clients.push(client),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                break;
            }
        }
    }
    assert_eq!(clients.len(), queued);
    guest.go_on();
    assert!(guest.end().status.success());
}

/// Linux doubles what it is given (socket(7)).
#[test]
fn socket_buffers_are_cut() {
    assert_eq!(
        succeed(&limited(&["socket-buffer=10000"]), "limits", &["buffers"]),
        "20000\n20000\n"
    );
}

/// The host looks at a socket again through one more descriptor, however many
/// pollables wait for it.
#[test]
fn pollables_take_no_descriptors() {
    const SOCKETS: usize = 12;
    let flags = [
        &limited(&["sockets=12"])[..],
        &["--allow-listen", "tcp://127.0.0.1:*"],
        &["--allow-connect", "tcp://127.0.0.1:*"],
    ];
    let mut guest = Guest::start(run(&flags.concat(), "attack", &["pollables"]));
    guest.expect_line("waiting");
    let mut most = 0;
    while guest.child.try_wait().unwrap().is_none() {
        // It may have ended by now.
        let path = format!("/proc/{}/fd", guest.child.id());
        let Ok(open) = std::fs::read_dir(path) else {
            break;
        };
        most = most.max(open.count());
        std::thread::yield_now();
    }
    assert_eq!(guest.expect_line("waits"), "");
    assert!(guest.end().status.success());
    // Some are the host's own.
    const OWN: usize = 24;
    assert!((SOCKETS..SOCKETS + OWN).contains(&most), "{most}");
}

#[rstest]
#[case::unlimited(&[], "0 answers", false)]
#[case::answers(&["answers=1"], "1 answers", true)]
#[case::lookups(&["lookups=0"], "Temporary failure in name resolution", true)]
fn lookups_are_limited(#[case] limits: &[&str], #[case] expected: &str, #[case] is: bool) {
    let printed = succeed(&limited(limits), "limits", &["lookups", "localhost"]);
    assert_eq!(printed.contains(expected), is, "{printed}");
    if !is {
        // Streams, datagrams and raw sockets.
        let answers: u32 = printed.strip_suffix(" answers\n").unwrap().parse().unwrap();
        assert!(answers > 1, "{answers}");
    }
}

#[test]
fn the_shortest_and_the_longest_timeout_are_taken_as_they_are() {
    succeed(&[], "limits", &["timeouts"]);
}

/// All of it written on, so that the host has it, too.
#[test]
fn a_guest_that_takes_all_memory_gets_an_error() {
    let peak = |limit: &str| {
        let command = run(&limited(&[limit]), "limits", &["memory"]);
        let (output, peak) = with_peak(&command);
        assert!(output.status.success(), "{}", stderr(&output));
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let taken: u64 = stdout.split(' ').next().unwrap().parse().unwrap();
        (taken, peak / 1024)
    };
    let (few, small) = peak("memory=16MiB");
    let (many, large) = peak("memory=128MiB");
    assert!((8..16).contains(&few), "{few}");
    assert!((112..128).contains(&many), "{many}");
    assert!(large < 128 + 64, "{large} MiB");
    assert!((90..130).contains(&(large - small)), "{small} {large} MiB");
}

/// Not the tenth of a second memory, either.
#[test]
fn a_component_that_needs_more_memory_from_the_start_is_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = |memories: &str| {
        let text = format!(
            r#"(component
                (core module $main
                    {memories}
                    (func (export "run") (result i32) (i32.const 0)))
                (core instance $main (instantiate $main))
                (func $run (result (result)) (canon lift (core func $main "run")))
                (instance $run (export "run" (func $run)))
                (export "wasi:cli/run@0.2.12" (instance $run)))"#
        );
        let path = dir.path().join("memory.wasm");
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        let mut command = capsock();
        let limit = ["run", "--limit", "memory=1MiB"];
        command.args(limit).arg(path).output().unwrap()
    };
    let fits = run("(memory 10) (table 20000 funcref)");
    assert!(fits.status.success(), "{}", stderr(&fits));
    for too_much in [
        "(memory 17)",
        "(table 70000 funcref)",
        "(memory 10) (table 40000 funcref)",
    ] {
        let output = run(too_much);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{too_much}: {told}");
        assert!(told.contains("memory.wasm: "), "{told}");
        assert!(told.contains("limit"), "{told}");
    }
}

#[test]
fn a_call_that_copies_too_much_traps_before_it_is_copied() {
    let copy = |limits: &[&str], args: &[&str]| {
        let (output, peak) = with_peak(&run(&limited(limits), "limits", args));
        let code = output.status.code().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        (code, printed + &stderr(&output), peak / 1024)
    };
    let (code, told, usual) = copy(&["hostcall-fuel=1MiB"], &["copy", "1000000"]);
    assert_eq!(code, 0, "{told}");
    for (limits, args) in [
        (&["hostcall-fuel=1MiB"][..], &["copy", "1048577"][..]),
        // What no socket takes is not copied at all.
        (&[], &["copy", "9000000"]),
        (&["memory=300MiB"], &["copy-parts"]),
        (&[], &["claim"]),
    ] {
        let (code, told, peak) = copy(limits, args);
        let (expected, why) = match args {
            ["claim"] => (134, "out of bounds"),
            ["copy", "9000000"] => (0, "EMSGSIZE"),
            ["copy-parts"] => (0, "copying"),
            _ => (134, "fuel"),
        };
        assert_eq!(code, expected, "{args:?}: {told}");
        assert!(told.contains(why), "{args:?}: {told}");
        // The parts are copied once by the guest, in its own memory.
        let own = if args == ["copy-parts"] { 100 } else { 10 };
        assert!(peak < usual + own + 20, "{args:?}: {usual} {peak} MiB");
    }
}

#[test]
fn sendall_of_more_than_a_call_may_copy_is_done_in_pieces() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let received = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    });
    let grant = format!("tcp://127.0.0.1:{port}");
    let flags = ["--allow-connect", &grant, "--limit", "hostcall-fuel=1MiB"];
    succeed(&flags, "limits", &["sendall", &port]);
    assert!(received.join().unwrap() > 40 << 20);
    succeed(&[], "limits", &["sendall-in-time"]);
}

#[rstest]
#[case::spin(&["spin"], "")]
#[case::sleep(&["wait", "sleep"], "")]
#[case::recv(&["wait", "recv"], "")]
#[case::sendall(&["wait", "sendall"], "")]
#[case::poll(&["wait", "poll"], "")]
#[case::stdin(&["wait", "stdin"], "")]
#[case::stdout(&["wait", "stdout"], ", in a call that blocks the host")]
#[case::calls(&["wait", "calls"], "")]
fn a_guest_ends_at_its_deadline(#[case] args: &'static [&'static str], #[case] where_it_was: &str) {
    let start = Instant::now();
    let output = patiently(|| Guest::start(run(&limited(&["time=300ms"]), "limits", args)).end());
    assert_eq!(
        stderr(&output),
        format!("capsock: the guest was ended after 300ms{where_it_was}: --limit 'time=300ms'\n")
    );
    assert_eq!(output.status.code(), Some(124));
    assert!(start.elapsed() >= Duration::from_millis(300));
}

/// Whatever it waits for, and with a deadline that is far away.
#[rstest]
#[case::sleep("limits", &["wait", "sleep"], "waiting")]
#[case::recv("limits", &["wait", "recv"], "waiting")]
#[case::recv_in_the_kernel("limits", &["wait", "recv-again"], "waiting")]
#[case::sendall("limits", &["wait", "sendall"], "waiting")]
#[case::poll("limits", &["wait", "poll"], "waiting")]
#[case::stdin("limits", &["wait", "stdin"], "waiting")]
#[case::accept_p2("std", &["echo-server", "127.0.0.1:0", "1"], "port")]
#[case::receive_p2("std", &["datagram-echo", "127.0.0.1:0", "1"], "port")]
#[case::accept_p3("sockets_p3", &["echo-server", "127.0.0.1", "0", "1"], "port")]
#[case::receive_p3("sockets_p3", &["datagram-echo", "127.0.0.1", "0", "1"], "port")]
fn a_guest_that_waits_lets_the_processor_sleep(
    #[case] name: &str,
    #[case] args: &[&str],
    #[case] begun: &str,
) {
    const WINDOW: Duration = Duration::from_millis(500);
    let flags = limited(&["time=1h"]);
    let grants = [
        "--allow-listen",
        "tcp://127.0.0.1:ephemeral",
        "--allow-listen",
        "udp://127.0.0.1:ephemeral",
    ];
    let flags = [&flags[..], &grants].concat();
    let mut command = run(&flags, name, args);
    // Held open, so that to read it is to wait.
    let mut guest = Running::spawn(command.stdin(Stdio::piped()));
    guest.expect_line(begun);
    let mut turns = Vec::new();
    for _window in 0..10 {
        let before = guest.turns();
        std::thread::sleep(WINDOW);
        turns.push(guest.turns().saturating_sub(before));
        // The first ones may see it begin to wait.
        if turns.last() <= Some(&2) {
            return;
        }
    }
    panic!("it had {turns:?} turns in windows of {WINDOW:?}");
}

#[test]
fn a_guest_that_ends_before_its_deadline_is_not_touched() {
    let output = output(&limited(&["time=1h"]), "limits", &["timeouts"]);
    assert!(output.status.success(), "{}", stderr(&output));
}

/// The interrupt of a terminal.
#[test]
fn a_guest_that_computes_can_be_interrupted() {
    let mut guest = Guest::start(run(&[], "limits", &["spin"]));
    guest.expect_line("spinning");
    let pid = guest.child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(kill.success());
    let output = patiently(|| guest.end());
    assert!(!output.status.success());
}

/// The descriptors are the process's: the kernel has none left long before the
/// guest is at its own limit.
#[test]
fn an_accept_without_descriptors_in_the_host_does_not_spin() {
    const DESCRIPTORS: usize = 24;
    let flags = ["--allow-listen", "tcp://127.0.0.1:ephemeral"];
    let guest = run(&flags, "limits", &["accept-all"]);
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--nofile={DESCRIPTORS}"))
        .arg(guest.get_program())
        .args(guest.get_args());
    let mut guest = Guest::start(command);
    let port: u16 = guest.expect_line("port").parse().unwrap();
    let clients: Vec<TcpStream> = (0..DESCRIPTORS + 10)
        .map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap())
        .collect();
    let accepted: usize = guest.expect_line("accepted").parse().unwrap();
    assert!(
        (1..DESCRIPTORS * 4 / 5 - 1).contains(&accepted),
        "{accepted}"
    );
    // One a pause of 10 ms.
    let refusals: usize = guest.expect_line("refusals").parse().unwrap();
    assert!((2..=101).contains(&refusals), "{refusals}");
    let output = guest.end();
    assert!(output.status.success(), "{}", stderr(&output));
    drop(clients);
}

#[rstest]
#[case::no_value("sockets", "expected NAME=VALUE, found `sockets`")]
#[case::unknown("socket=1", "there is no limit `socket`; the nearest is `sockets`")]
#[case::no_number("sockets=x", "limit `sockets`: expected a number")]
#[case::no_size(
    "memory=big",
    "limit `memory`: expected a size such as 64MiB, found `big`"
)]
#[case::no_time("time=5", "limit `time`: expected none, or a time")]
fn a_limit_that_cannot_be_set_is_a_usage_error(#[case] limit: &str, #[case] why: &str) {
    let output = output(&limited(&[limit]), "limits", &["receive"]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.starts_with("capsock: --limit: "), "{told}");
    assert!(told.contains(why), "{told}");
}

/// `just soak` is this with 100,000 sockets.
#[test]
fn soak() {
    /// How much more memory the host may have at the end, in KiB.
    const MORE: u64 = 4096;
    let sockets = std::env::var("CAPSOCK_SOAK").unwrap_or_else(|_unset| "2000".to_owned());
    let flags = [
        "--allow-listen",
        "tcp://127.0.0.1:ephemeral",
        "--allow-listen",
        "udp://127.0.0.1:ephemeral",
        "--allow-connect",
        "tcp://127.0.0.1:*",
        "--allow-send",
        "udp://127.0.0.1:*",
    ];
    let mut guest = Guest::start(run(&flags, "limits", &["soak", &sockets]));
    let measure = |guest: &mut Guest, when: &str| {
        guest.expect_line(when);
        let figures = (guest.descriptors(), guest.status("VmRSS"));
        println!(
            "{when:5}  {} descriptors, {} KiB of memory",
            figures.0, figures.1
        );
        guest.go_on();
        figures
    };
    let start = Instant::now();
    let (descriptors, memory) = measure(&mut guest, "start");
    let (descriptors_after, memory_after) = measure(&mut guest, "end");
    println!("{sockets} sockets in {:.1?}", start.elapsed());
    let output = guest.end();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(descriptors, descriptors_after);
    assert!(
        memory_after <= memory + MORE,
        "it grew by {} KiB, more than {MORE}",
        memory_after - memory
    );
}
