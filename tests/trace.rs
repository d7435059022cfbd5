//! `--trace` prints each operation as strace does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use capsock_tests::{output, run, start, stderr};
use rustix::process::{Pid, Signal, kill_process};

/// The lines of standard error that are a trace, without their times.
fn calls(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter(|line| line.starts_with("[  "));
    lines
        .map(|line| {
            let (at, rest) = line[1..].split_once("] ").unwrap();
            at.trim().parse::<f64>().unwrap();
            let (call, taken) = rest.rsplit_once(" <").unwrap();
            taken.strip_suffix('>').unwrap().parse::<f64>().unwrap();
            call.to_owned()
        })
        .collect()
}

#[test]
fn a_client_is_seen_call_by_call() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let grant = format!("tcp://{address}");
    let guest = start(
        &["--trace", "--allow-connect", &grant],
        "echo-client",
        &["127.0.0.1", &address.port().to_string()],
    );
    let (mut stream, _peer) = server.accept().unwrap();
    let mut data = [0; 12];
    stream.read_exact(&mut data).unwrap();
    stream
        .write_all(&[data.as_slice(), &[0; 30]].concat())
        .unwrap();
    let ended = guest.output();
    assert!(ended.status.success(), "{}", stderr(&ended));
    let calls = calls(&stderr(&ended));
    let made = calls.iter().find(|call| call.starts_with("create(inet, "));
    let socket = made.and_then(|call| call.rsplit(" = ").next()).unwrap();
    let expected = [
        format!("connect({socket}, {address}) = 0"),
        format!("send-all({socket}, \"Hello, world\", 12, 0) = 0"),
    ];
    for line in expected {
        assert!(calls.contains(&line), "{line}: {calls:#?}");
    }
    let received = calls.iter().find(|call| call.starts_with("recv")).unwrap();
    assert!(
        received.starts_with(&format!("recv({socket}, 1024, 0) = 42 \"Hello, world\\x00")),
        "{received}"
    );
    assert!(received.contains("\"..."), "{received}");
}

#[test]
fn a_denial_says_why_and_an_error_its_name() {
    let denied = output(&["--trace"], "echo-client", &["10.0.0.5", "22"]);
    let seen = stderr(&denied);
    let line = "10.0.0.5:22) = EACCES (denied: no rule allows it)";
    assert!(
        calls(&seen).iter().any(|call| call.ends_with(line)),
        "{seen}"
    );

    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let grant = format!("tcp://127.0.0.1:{port}");
    let refused = output(
        &["--trace", "--allow-connect", &grant],
        "echo-client",
        &["127.0.0.1", &port.to_string()],
    );
    let seen = stderr(&refused);
    let line = format!("127.0.0.1:{port}) = ECONNREFUSED");
    assert!(
        calls(&seen).iter().any(|call| call.ends_with(&line)),
        "{seen}"
    );
}

#[test]
fn a_call_that_never_ends_is_unfinished() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("policy.toml");
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    // A recording ends in good order at a signal.
    let flags = ["--trace", "--record", file.to_str().unwrap()];
    let mut guest = run(&flags, "udp-echo", &["server", "127.0.0.1", &port]);
    guest.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut guest = guest.spawn().unwrap();
    let mut seen = BufReader::new(guest.stderr.take().unwrap()).lines();
    let bound = seen.any(|line| line.unwrap().contains("local-address("));
    assert!(bound);
    // Then it waits for a datagram: proc(5).
    let stat = format!("/proc/{}/stat", guest.id());
    while !std::fs::read_to_string(&stat).unwrap().contains(") S ") {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&guest), Signal::TERM).unwrap();
    let rest: Vec<String> = seen.map(Result::unwrap).collect();
    guest.wait().unwrap();
    let last = rest.last().unwrap();
    assert!(
        last.contains("recv-from(") && last.contains(") = ? <unfinished …> <"),
        "{rest:#?}"
    );
}

#[test]
fn nothing_is_printed_without_the_flag() {
    let denied = output(&[], "echo-client", &["10.0.0.5", "22"]);
    assert!(calls(&stderr(&denied)).is_empty());
}
