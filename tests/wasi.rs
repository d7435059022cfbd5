//! Programs that know nothing of capsock: `wasi:sockets` 0.2, through Rust's
//! `std::net`, and 0.3, under the grants, limits and reports that
//! `capsock:sockets` has; and `std::net` that is linked with the SDK.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use capsock_test_programs::pattern;
use capsock_tests::{PATIENCE, capsock, output, patiently, start, stderr, succeed, target};
use rstest::rstest;
use tempfile::TempDir;

/// What a guest of either version takes for an address.
fn arguments(name: &str, host: &str, port: u16) -> Vec<String> {
    match name {
        "std" | "std-sdk" => vec![target("tcp", host, port).replace("tcp://", "")],
        _ => vec![host.to_owned(), port.to_string()],
    }
}

fn args<'a>(case: &'a str, address: &'a [String], rest: &'a str) -> Vec<&'a str> {
    let mut args = vec![case];
    args.extend(address.iter().map(String::as_str));
    args.push(rest);
    args
}

/// Connects from an address of this machine's own.
fn connect_from(ip: &str, to: std::net::SocketAddr) -> std::io::Result<TcpStream> {
    let domain = socket2::Domain::for_address(to);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.bind(&std::net::SocketAddr::new(ip.parse().unwrap(), 0).into())?;
    socket.connect(&to.into())?;
    Ok(socket.into())
}

#[rstest]
fn a_server_echoes_under_a_listen_grant(
    #[values("std", "std-sdk", "sockets_p3")] name: &str,
    #[values("127.0.0.1", "::1")] host: &str,
) {
    let grant = target("tcp", host, "ephemeral");
    let address = arguments(name, host, 0);
    let mut guest = start(
        &["--allow-listen", &grant],
        name,
        &args("echo-server", &address, "2"),
    );
    let to = guest.address(host);
    for length in [10, 3_000_000] {
        let sent = pattern(length);
        let received = patiently(move || {
            let mut stream = TcpStream::connect(to).unwrap();
            let mut reader = stream.try_clone().unwrap();
            let reading = std::thread::spawn(move || {
                let mut received = Vec::new();
                reader.read_to_end(&mut received).unwrap();
                received
            });
            stream.write_all(&pattern(length)).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            reading.join().unwrap()
        });
        assert!(received == sent, "the echo differs");
    }
    let printed = guest.succeed();
    assert_eq!(printed.matches(host).count(), 2, "{printed}");
}

#[rstest]
fn a_client_is_echoed_under_a_connect_grant_and_denied_without(
    #[values("std", "std-sdk", "sockets_p3")] name: &str,
    #[values("127.0.0.1", "::1")] host: &str,
) {
    let server = TcpListener::bind((host, 0)).unwrap();
    let port = server.local_addr().unwrap().port();
    let echo = std::thread::spawn(move || {
        for _connection in 0..2 {
            let (mut stream, _peer) = server.accept().unwrap();
            let mut reader = stream.try_clone().unwrap();
            let mut data = Vec::new();
            reader.read_to_end(&mut data).unwrap();
            stream.write_all(&data).unwrap();
        }
        server.set_nonblocking(true).unwrap();
        server
    });
    let grant = target("tcp", host, port);
    let address = arguments(name, host, port);
    for length in ["10", "3000000"] {
        let printed = succeed(
            &["--allow-connect", &grant],
            name,
            &args("echo-client", &address, length),
        );
        assert!(
            printed.starts_with(&format!("{length} bytes\n")),
            "{printed}"
        );
    }
    let server = echo.join().unwrap();
    let denied = output(&[], name, &args("echo-client", &address, "10"));
    let told = stderr(&denied);
    // A shell would take brackets for a pattern.
    let told = told.replace('\'', "");
    assert_eq!(
        told,
        format!(
            "capsock: denied connect {grant}: no rule allows it; to allow it: --allow-connect {grant}\n"
        )
    );
    let printed = String::from_utf8(denied.stdout).unwrap();
    assert!(
        ["PermissionDenied\n", "EACCES\n"].contains(&printed.as_str()),
        "{printed}"
    );
    assert!(server.accept().is_err(), "a denied connection has arrived");
}

/// Who is not named by `from=` is reset before the guest sees it.
#[rstest]
fn peers_that_are_not_admitted_are_not_seen(#[values("std", "std-sdk", "sockets_p3")] name: &str) {
    let address = arguments(name, "127.0.0.1", 0);
    let mut guest = start(
        &["--allow-listen", "tcp://127.0.0.1:ephemeral from=127.0.0.3"],
        name,
        &args("echo-server", &address, "1"),
    );
    let to = guest.address("127.0.0.1");
    let mut intruder = connect_from("127.0.0.2", to).unwrap();
    intruder.set_read_timeout(Some(PATIENCE)).unwrap();
    let reset = intruder.read(&mut [0]).unwrap_err();
    assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
    let mut welcome = connect_from("127.0.0.3", to).unwrap();
    welcome.write_all(b"hi").unwrap();
    welcome.shutdown(Shutdown::Write).unwrap();
    let mut echo = Vec::new();
    welcome.read_to_end(&mut echo).unwrap();
    assert_eq!(echo, b"hi");
    let printed = guest.succeed();
    assert!(
        printed.contains("127.0.0.3") && !printed.contains("127.0.0.2"),
        "{printed}"
    );
}

/// Datagrams of senders that no rule admits are dropped before the guest sees
/// them, whatever it is bound under.
#[rstest]
fn senders_that_are_not_admitted_are_not_seen(
    #[values("std", "std-sdk", "sockets_p3")] name: &str,
    #[values("listen", "recv", "send")] by: &str,
) {
    let (local, flags) = match by {
        "listen" => (
            "127.0.0.1",
            vec!["--allow-listen", "udp://127.0.0.1:ephemeral from=127.0.0.3"],
        ),
        "recv" => (
            "127.0.0.1",
            vec![
                "--allow-bind",
                "udp://127.0.0.1:ephemeral",
                "--allow-recv",
                "udp://127.0.0.3:*",
            ],
        ),
        // Bound to any address, as a client is.
        _ => ("0.0.0.0", vec![]),
    };
    let address = arguments(name, local, 0);
    let flags = [&flags[..], &["--allow-send", "udp://127.0.0.3:*"]].concat();
    let mut guest = start(&flags, name, &args("datagram-echo", &address, "1"));
    let to = guest.address("127.0.0.1");
    let intruder = UdpSocket::bind("127.0.0.2:0").unwrap();
    intruder.send_to(b"intruder", to).unwrap();
    let welcome = UdpSocket::bind("127.0.0.3:0").unwrap();
    welcome.set_read_timeout(Some(PATIENCE)).unwrap();
    welcome.send_to(b"hi", to).unwrap();
    let mut buffer = [0; 100];
    assert_eq!(welcome.recv_from(&mut buffer).unwrap(), (2, to));
    let printed = guest.succeed();
    assert!(printed.starts_with("2 bytes of 127.0.0.3\n"), "{printed}");
}

#[rstest]
fn a_datagram_client_is_echoed(
    #[values("std", "std-sdk")] name: &str,
    #[values("127.0.0.1", "::1")] host: &str,
    #[values("connected", "unconnected")] how: &str,
) {
    let server = UdpSocket::bind((host, 0)).unwrap();
    let to = server.local_addr().unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 2000];
        for _datagram in 0..3 {
            let (length, sender) = server.recv_from(&mut buffer).unwrap();
            server.send_to(&buffer[..length], sender).unwrap();
        }
    });
    let (bind, send) = (
        target("udp", host, "ephemeral"),
        target("udp", host, to.port()),
    );
    let local = bind.replace("udp://", "").replace("ephemeral", "0");
    let arguments = ["datagram-client", &local, &to.to_string(), how];
    let flags = ["--allow-bind", &bind, "--allow-send", &send];
    assert_eq!(succeed(&flags, name, &arguments), "3 datagrams\n");
    echo.join().unwrap();
    // A grant to receive is none to send.
    let flags = ["--allow-bind", &bind, "--allow-recv", &send];
    let denied = output(&flags, name, &arguments);
    assert_eq!(denied.stdout, b"PermissionDenied\n");
    let told = stderr(&denied).replace('\'', "");
    assert!(told.contains(&format!("--allow-send {send}")), "{told}");
}

/// A program that ends at once has sent what it wrote, however slow its peer is.
#[rstest]
fn what_was_written_is_sent_before_the_end(#[values("std", "std-sdk")] name: &str) {
    const LENGTH: usize = 10_000_000;
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let guest = start(
        &["--allow-connect", &format!("tcp://{address}")],
        name,
        &["without-reading", &address, &LENGTH.to_string()],
    );
    let (mut stream, _peer) = server.accept().unwrap();
    let received = patiently(move || {
        let mut received = Vec::new();
        let mut buffer = [0; 10_000];
        loop {
            match stream.read(&mut buffer).unwrap() {
                0 => break received,
                length => received.extend_from_slice(&buffer[..length]),
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    });
    assert!(
        received == pattern(LENGTH),
        "{} bytes are there",
        received.len()
    );
    guest.succeed();
}

/// What programs of others that test `wasi:sockets` find: states, errors,
/// addresses, options, the ends of streams, datagrams.
#[rstest]
fn wasi_sockets_do_what_their_wit_says(
    #[values("wasi-p2", "sockets_p3")] name: &str,
    #[values("127.0.0.1", "::1")] host: &str,
    #[values("states", "addresses", "options", "streams", "datagrams")] case: &str,
) {
    let grants = [
        ("--allow-listen", target("tcp", host, "ephemeral")),
        ("--allow-bind", target("tcp", host, "*")),
        ("--allow-connect", target("tcp", host, "*")),
        ("--allow-listen", target("udp", host, "ephemeral")),
        ("--allow-send", target("udp", host, "*")),
        // Addresses that no machine has.
        ("--allow-bind", "tcp://192.0.2.1:ephemeral".to_owned()),
        ("--allow-bind", "tcp://[2001:db8::1]:ephemeral".to_owned()),
    ];
    let flags: Vec<&str> = grants
        .iter()
        .flat_map(|(flag, target)| [*flag, target.as_str()])
        .collect();
    let (name, host) = (name.to_owned(), host.to_owned());
    let flags: Vec<String> = flags.into_iter().map(str::to_owned).collect();
    let case = case.to_owned();
    let printed = patiently(move || {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        succeed(&flags, &name, &[&case, &host])
    });
    assert_eq!(printed, "ok\n");
}

#[rstest]
fn addresses_are_names_and_what_is_no_name_is_told(#[values("wasi-p2", "sockets_p3")] name: &str) {
    let output = output(&[], name, &["names"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(output.stdout, b"ok\n");
}

/// The end is told to the peer, although all had been sent before the shutdown.
#[rstest]
fn a_shutdown_after_all_was_sent_is_told(#[values("wasi-p2", "sockets_p3")] name: &str) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let grant = format!("tcp://{address}");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let joined = address.to_string();
    let to = match name {
        "wasi-p2" => vec![joined.as_str()],
        _ => vec![host.as_str(), port.as_str()],
    };
    let args = [&["shutdown-late"], &to[..]].concat();
    let guest = start(&["--allow-connect", &grant], name, &args);
    let (mut stream, _peer) = server.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = vec![0; 64 * 1024];
    stream.read_exact(&mut all).unwrap();
    assert!(all == pattern(all.len()));
    stream.write_all(b"!").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    drop(stream);
    guest.succeed();
}

/// As of a native program: what a write has taken is sent, however the guest
/// ends.
#[rstest]
fn what_was_written_is_sent_after_the_end(#[values("drop", "exit", "trap")] how: &str) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let grant = format!("tcp://{address}");
    let flags = ["--allow-connect", &grant];
    let guest = start(&flags, "wasi-p2", &["send-and", how, &address]);
    let (mut stream, _peer) = server.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut all = Vec::new();
    let mut buffer = [0; 1000];
    loop {
        match stream.read(&mut buffer).unwrap() {
            0 => break,
            length => all.extend_from_slice(&buffer[..length]),
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    assert!(all == pattern(64 * 1024), "{} bytes are there", all.len());
    assert_eq!(guest.output().status.success(), how != "trap");
}

/// A listener whose peers cannot send 64 KiB without being read.
fn small_listener() -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1024).unwrap();
    let local: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&local.into()).unwrap();
    socket.listen(8).unwrap();
    socket.into()
}

/// To send the rest does not take longer than the guest may run.
#[test]
fn a_peer_that_reads_nothing_does_not_hold_up_the_end_of_the_time() {
    let server = small_listener();
    let address = server.local_addr().unwrap().to_string();
    let grant = format!("tcp://{address}");
    let ended = patiently(move || {
        let flags = ["--allow-connect", &grant, "--limit", "time=1s"];
        output(&flags, "wasi-p2", &["send-and", "exit", &address])
    });
    assert_eq!(ended.status.code(), Some(124), "{}", stderr(&ended));
}

/// An error of what is sent later is told by the next call, once.
#[test]
fn a_reset_while_the_rest_is_sent_is_told_once() {
    let server = small_listener();
    let address = server.local_addr().unwrap().to_string();
    let grant = format!("tcp://{address}");
    let guest = start(
        &["--allow-connect", &grant],
        "wasi-p2",
        &["reset", &address],
    );
    for _connection in 0..2 {
        let (mut stream, _peer) = server.accept().unwrap();
        // Closed with data that was not read, it is reset.
        stream.read_exact(&mut [0]).unwrap();
    }
    let printed = guest.succeed();
    assert_eq!(printed.lines().count(), 3, "{printed}");
}

#[rstest]
#[case::p2("std")]
#[case::sdk("std-sdk")]
#[case::p3("sockets_p3")]
fn sockets_count_against_the_limit(#[case] name: &str) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let grant = format!("tcp://{address}");
    let flags = ["--limit", "sockets=3", "--allow-connect", &grant];
    if name != "sockets_p3" {
        let full = output(&flags, name, &["fill", &address]);
        let printed = String::from_utf8(full.stdout).unwrap();
        assert!(printed.starts_with("3 connections\n"), "{printed}");
        assert_eq!(full.status.code(), Some(1));
    } else {
        assert_eq!(succeed(&flags, name, &["exhaust"]), "EMFILE\n");
    }
}

#[test]
fn states_are_those_of_wasi_0_3() {
    for host in ["127.0.0.1", "::1"] {
        let grant = target("tcp", host, "ephemeral");
        let printed = succeed(&["--allow-listen", &grant], "sockets_p3", &["states", host]);
        assert_eq!(printed, "ok\n");
    }
}

#[rstest]
fn options_and_addresses_are_those_of_the_socket(#[values("std", "std-sdk")] name: &str) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let grant = format!("tcp://{address}");
    let printed = succeed(&["--allow-connect", &grant], name, &["options", &address]);
    assert_eq!(printed, "ttl 9\nlocal 127.0.0.1\npeer 127.0.0.1\n");
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_interfaces_work_in_one_program(#[case] host: &str) {
    let (listen, connect) = (target("tcp", host, "ephemeral"), target("tcp", host, "*"));
    let flags = ["--allow-listen", &listen, "--allow-connect", &connect];
    assert_eq!(succeed(&flags, "mixed", &[host]), "both ways\n");
    // Each has the verdicts of the other.
    let denied = output(&["--allow-listen", &listen], "mixed", &[host]);
    assert!(stderr(&denied).contains("denied connect tcp://"));
}

/// A recording of a program that knows of no grant is all that it needs; the
/// audit has each decision, and the trace each call.
#[rstest]
#[case::p2("std", ["create-tcp-socket(ipv4)", "start-connect(", "10) = 10"])]
#[case::sdk("std-sdk", ["create(inet, stream, 0)", "connect(", "10, 0) = 10"])]
#[case::p3("sockets_p3", ["create(ipv4)", "connect(", "10) = 10"])]
fn recordings_audits_and_traces_are_as_of_other_programs(
    #[case] name: &str,
    #[case] traced: [&str; 3],
) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let echo = std::thread::spawn(move || {
        for _connection in 0..2 {
            let (mut stream, _peer) = server.accept().unwrap();
            let mut data = Vec::new();
            stream.read_to_end(&mut data).unwrap();
            stream.write_all(&data).unwrap();
        }
    });
    let dir = TempDir::new().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let (policy, audit) = (file("policy.toml"), file("audit.jsonl"));
    let address = arguments(name, "127.0.0.1", port);
    let client = args("echo-client", &address, "10");
    let recorded = output(&["--record", &policy], name, &client);
    assert!(recorded.status.success(), "{}", stderr(&recorded));
    let rules = std::fs::read_to_string(&policy).unwrap();
    assert!(
        rules.contains(&format!("\"tcp://127.0.0.1:{port}\"")),
        "{rules}"
    );
    let flags = ["--policy", &policy, "--audit", &audit, "--trace"];
    let again = output(&flags, name, &client);
    assert!(again.status.success(), "{}", stderr(&again));
    echo.join().unwrap();
    let audited = std::fs::read_to_string(&audit).unwrap();
    assert!(
        audited.contains("\"connect\"") && audited.contains(&format!("127.0.0.1:{port}")),
        "{audited}"
    );
    let trace = stderr(&again);
    let data = "\"\\x00\\x1f>]|\\x9b\\xba\\xd9\\xf8\\x17\"";
    let [create, connect, sent] = traced;
    for call in [create, connect, &format!("send(0, {data}, {sent}")] {
        assert!(trace.contains(&format!("] {call}")), "{call}: {trace}");
    }
    assert!(
        trace.contains(&format!(", 127.0.0.1:{port}) = 0")),
        "{trace}"
    );
    assert!(
        trace.contains("] recv(0, ") && trace.contains(") = "),
        "{trace}"
    );
}

/// What is built for a newer WASI is told what it needs, and what is there.
#[test]
fn a_version_that_is_not_there_is_named_with_those_that_are() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("new.wasm");
    let refused = |text: &str| {
        std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
        let output = Command::output(capsock().arg("run").arg(&path)).unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        stderr(&output)
    };
    for version in ["0.2.99", "0.3.0-rc-2025-09-16", "0.3.1", "0.4.0", "1.0.0"] {
        // It asks for more than any version has.
        let told = refused(&format!(
            r#"(component
                (import "wasi:cli/environment@0.2.0" (instance))
                (import "wasi:sockets/tcp@{version}" (instance
                    (export "with-more" (func)))))"#
        ));
        assert!(
            told.contains(&format!("`wasi:sockets/tcp@{version}`"))
                && told.contains("wasi:sockets here are 0.2.12 and 0.3.0"),
            "{told}"
        );
    }
    let told = refused(
        r#"(component
            (instance $run)
            (export "wasi:cli/run@0.4.0" (instance $run)))"#,
    );
    assert!(told.contains("`wasi:cli/run@0.4.0`"), "{told}");
}

/// Whether a guest is there that cannot be built everywhere; in CI it has to be.
fn is_built(name: &str) -> bool {
    let guests = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
    let built = guests.join(format!("{name}.wasm")).exists();
    if !built {
        eprintln!("skipped: {name} is not built: scripts/guests-of-libc");
        assert!(std::env::var_os("CI").is_none(), "{name} is not built");
    }
    built
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_program_in_c_runs_under_the_grants(#[case] host: &str) {
    if !is_built("c-echo") {
        return;
    }
    let grant = target("tcp", host, "ephemeral");
    let server = ["server", host, "1"];
    let mut server = start(&["--allow-listen", &grant], "c-echo", &server);
    let to = server.address(host);
    let port = to.port().to_string();
    let grant = target("tcp", host, &port);
    let client = ["client", host, &port];
    let denied = output(&[], "c-echo", &client);
    assert_eq!(denied.stdout, b"connect: Permission denied\n");
    let told = stderr(&denied).replace('\'', "");
    assert!(told.contains(&format!("--allow-connect {grant}")), "{told}");
    assert_eq!(
        succeed(&["--allow-connect", &grant], "c-echo", &client),
        "hello\n"
    );
    assert_eq!(server.succeed(), "");

    let server = UdpSocket::bind((host, 0)).unwrap();
    let to = server.local_addr().unwrap();
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 100];
        let (length, sender) = server.recv_from(&mut buffer).unwrap();
        server.send_to(&buffer[..length], sender).unwrap();
    });
    // The C library binds a socket that is not bound, as 0.2 wants it.
    let send = target("udp", host, to.port());
    let flags = ["--allow-send", &send];
    let datagram = ["datagram", host, &to.port().to_string()];
    assert_eq!(succeed(&flags, "c-echo", &datagram), "hello\n");
    echo.join().unwrap();
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn tokio_serves_connections_side_by_side(#[case] host: &str) {
    if !is_built("tokio-echo") {
        return;
    }
    let grant = target("tcp", host, "ephemeral");
    let address = target("tcp", host, 0).replace("tcp://", "");
    let mut guest = start(&["--allow-listen", &grant], "tokio-echo", &[&address, "2"]);
    let to = guest.address(host);
    let echo = |stream: &mut TcpStream| {
        let mut data = [0; 4];
        stream.write_all(b"ping").unwrap();
        stream.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"ping");
    };
    let mut first = TcpStream::connect(to).unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    echo(&mut first);
    let mut second = TcpStream::connect(to).unwrap();
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    // The first one is open, and waits.
    echo(&mut second);
    echo(&mut first);
    drop((first, second));
    let printed = guest.succeed();
    assert!(
        printed.contains("4 bytes\n") && printed.contains("8 bytes\n"),
        "{printed}"
    );
    let denied = output(&[], "tokio-echo", &[&address, "2"]);
    let told = stderr(&denied);
    assert!(
        told.contains("PermissionDenied") && told.contains("--allow-listen"),
        "{told}"
    );
}
