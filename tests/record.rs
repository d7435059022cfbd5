//! `--record` writes the policy that a guest needs, and `--audit` what was
//! decided.

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};

use capsock_tests::{Running, output, run, start, stderr, target};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The lines of a file without its head.
fn rules(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let (head, rules) = text.split_once("\n\n").unwrap();
    assert!(head.starts_with("# "), "{head}");
    rules.to_owned()
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", stderr(output));
}

fn free_port(host: &str) -> u16 {
    let listener = TcpListener::bind((host, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Records a run, which has to succeed, then does it again under the recorded
/// policy alone, without a denial.
fn record_and_repeat(
    name: &str,
    args: &[&str],
    peer: impl Fn(&mut Running),
    denials: &[&str],
) -> String {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("policy.toml");
    let mut record = vec!["--record", file.to_str().unwrap()];
    record.extend(denials);
    let mut guest = start(&record, name, args);
    peer(&mut guest);
    let recorded = guest.output();
    assert_success(&recorded);
    assert!(
        stderr(&recorded).contains("WARNING"),
        "{}",
        stderr(&recorded)
    );

    let mut guest = start(&["--policy", file.to_str().unwrap()], name, args);
    peer(&mut guest);
    let repeated = guest.output();
    assert_success(&repeated);
    assert_eq!(stderr(&repeated), "");
    assert_eq!(repeated.stdout, recorded.stdout);
    rules(&file)
}

#[test]
fn a_client_needs_its_connect() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let echo = |_guest: &mut Running| {
        let (mut one, _peer) = server.accept().unwrap();
        let mut other = one.try_clone().unwrap();
        std::thread::spawn(move || std::io::copy(&mut one, &mut other));
    };
    let args = ["127.0.0.1", &port.to_string()];
    assert_eq!(
        record_and_repeat("echo-client", &args, echo, &[]),
        format!("[allow]\nconnect = [\n    \"tcp://127.0.0.1:{port}\", # once\n]\n")
    );
}

#[test]
fn a_server_needs_its_listen_and_nothing_that_this_implies() {
    let port = free_port("127.0.0.1");
    let bound = std::cell::RefCell::new(None);
    let talk = |_guest: &mut Running| {
        let stream = loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                break stream;
            }
            std::thread::yield_now();
        };
        bound.borrow_mut().replace(stream.local_addr().unwrap());
    };
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("policy.toml");
    let (path, text) = (file.to_str().unwrap(), port.to_string());
    let mut guest = start(&["--record", path], "echo-server", &["127.0.0.1", &text]);
    talk(&mut guest);
    assert_success(&guest.output());
    let listen = format!("tcp://127.0.0.1:{port}");
    // The bind, the listen, and the peer.
    assert_eq!(
        rules(&file),
        format!("[allow]\nlisten = [\n    \"{listen}\", # 3 times\n]\n")
    );
    let mut guest = start(&["--policy", path], "echo-server", &["127.0.0.1", &text]);
    talk(&mut guest);
    let repeated = guest.output();
    assert_success(&repeated);
    assert_eq!(stderr(&repeated), "");
}

#[rstest]
fn datagrams_need_a_send_or_a_listen(#[values("127.0.0.1", "::1")] host: &str) {
    // The client: an answer needs no grant besides.
    let server = UdpSocket::bind((host, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let echo = |_guest: &mut Running| {
        let mut buffer = [0; 64];
        let (count, peer) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..count], peer).unwrap();
    };
    let sent = target("udp", host, port);
    let args = ["client", host, &port.to_string()];
    assert_eq!(
        record_and_repeat("udp-echo", &args, echo, &[]),
        format!("[allow]\nsend = [\n    \"{sent}\", # 2 times\n]\n")
    );

    // The server: whoever sends, as it is bound; whom it answers, exactly.
    let client = UdpSocket::bind((host, 0)).unwrap();
    let bound = free_port(host);
    let talk = |guest: &mut Running| {
        guest.expect_line("Bound");
        client.connect((host, bound)).unwrap();
        client.send(b"Hello").unwrap();
        client.recv(&mut [0; 64]).unwrap();
        client.send(b"").unwrap();
    };
    let args = ["server", host, &bound.to_string()];
    let listened = target("udp", host, bound);
    let answered = target("udp", host, client.local_addr().unwrap().port());
    let rules = record_and_repeat("udp-echo", &args, talk, &[]);
    assert!(
        rules.contains(&format!("listen = [\n    \"{listened}\"")),
        "{rules}"
    );
    assert!(
        rules.contains(&format!("send = [\n    \"{answered}\"")),
        "{rules}"
    );
    assert!(
        !rules.contains("bind") && !rules.contains("recv"),
        "{rules}"
    );
}

#[test]
fn a_unix_socket_needs_its_path() {
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("a b.sock");
    let talk = |guest: &mut Running| {
        guest.expect_line("Listening");
        drop(std::os::unix::net::UnixStream::connect(&socket).unwrap());
        fs::remove_file(&socket).unwrap();
    };
    let args = ["server", socket.to_str().unwrap()];
    let rules = record_and_repeat("unix-echo", &args, talk, &[]);
    let path = socket.to_str().unwrap().replace(' ', "\\\\x20");
    assert_eq!(
        rules,
        format!("[allow]\nlisten = [\n    \"unix:{path}\", # 3 times\n]\n")
    );
}

/// What is no use of an address.
#[rstest]
#[case::raw("attack", &["socket", "raw"], "raw", "raw/1://*")]
#[case::packet("attack", &["socket", "packet"], "raw", "packet://*")]
#[case::netlink("attack", &["socket", "netlink"], "raw", "netlink://route")]
#[case::name("attack", &["look-up", "no-such-name.invalid"], "resolve", "no-such-name.invalid")]
#[case::interfaces("interfaces", &["list"], "interfaces", "*")]
#[case::option("attack", &["option", "so-mark"], "option", "so-mark=7")]
fn other_grants_are_learnt_too(
    #[case] name: &str,
    #[case] args: &[&str],
    #[case] op: &str,
    #[case] target: &str,
) {
    let rules = record_and_repeat(name, args, |_guest| (), &[]);
    let (rule, _times) = rules.split_once(", # ").unwrap();
    assert_eq!(rule, format!("[allow]\n{op} = [\n    \"{target}\""));
    assert_eq!(rules.lines().count(), 4, "{rules}");
}

#[test]
fn a_signal_ends_a_recording_that_is_written() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("policy.toml");
    let port = free_port("127.0.0.1");
    let mut command: Command = run(
        &["--record", file.to_str().unwrap()],
        "udp-echo",
        &["server", "127.0.0.1", &port.to_string()],
    );
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let bound = format!("udp://127.0.0.1:{port}");
    assert_eq!(
        rules(&file),
        format!("[allow]\nbind = [\n    \"{bound}\", # once\n]\n")
    );
}

#[test]
fn a_denial_holds_while_recording() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("policy.toml");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port().to_string();
    let denied = output(
        &[
            "--record",
            file.to_str().unwrap(),
            "--deny-connect",
            "tcp://127.0.0.0/8:*",
        ],
        "echo-client",
        &["127.0.0.1", &port],
    );
    assert!(!denied.status.success());
    assert!(
        stderr(&denied).contains("forbids it"),
        "{}",
        stderr(&denied)
    );
    assert_eq!(
        rules(&file),
        "[deny]\nconnect = [\n    \"tcp://127.0.0.0/8:*\",\n]\n"
    );
}

#[test]
fn every_decision_is_a_line_of_the_audit() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("audit.jsonl");
    let path = file.to_str().unwrap();
    let port = free_port("127.0.0.1");
    let target = format!("tcp://127.0.0.1:{port}");
    let args = ["127.0.0.1", &port.to_string()];
    // Nobody listens there; that is the kernel's answer, not a denial.
    output(
        &["--audit", path, "--allow-connect", "tcp://127.0.0.0/8:*"],
        "echo-client",
        &args,
    );
    output(&["--audit", path], "echo-client", &args);
    let deny = "tcp://127.0.0.1:*";
    output(
        &["--audit", path, "--deny-connect", deny],
        "echo-client",
        &args,
    );

    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = [
        ("allow", vec!["allow connect tcp://127.0.0.0/8:*"], None),
        ("deny", vec![], Some("no rule allows it")),
        (
            "deny",
            vec!["deny connect tcp://127.0.0.1:*"],
            Some("the rule `deny connect tcp://127.0.0.1:*` forbids it"),
        ),
    ];
    assert_eq!(lines.len(), expected.len(), "{text}");
    for (line, (verdict, rules, reason)) in lines.iter().zip(expected) {
        assert!(
            line["guest"]
                .as_str()
                .unwrap()
                .ends_with("echo-client.wasm")
        );
        assert_eq!(line["op"], "connect");
        assert_eq!(line["target"], *target);
        assert_eq!(line["from"], serde_json::Value::Null);
        assert_eq!(line["verdict"], verdict);
        assert_eq!(line["rules"], serde_json::json!(rules));
        assert_eq!(line["reason"], serde_json::json!(reason));
        // RFC 3339 with microseconds: 2026-01-02T03:04:05.678901Z
        let time = line["time"].as_str().unwrap();
        assert_eq!((time.len(), time.ends_with('Z')), (27, true), "{time}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_the_guest_runs() {
    for flag in ["--record", "--audit"] {
        let refused = output(&[flag, "/nowhere/file"], "echo-client", &[]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(flag), "{}", stderr(&refused));
    }
}
