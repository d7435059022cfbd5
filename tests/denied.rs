//! Denied operations: the guest gets `access-denied`, nothing happens, the
//! socket stays usable, and the user learns which flag would allow it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

use capsock_tests::{PATIENCE, Running, start, stderr, target};
use rstest::rstest;
use rstest_reuse::{apply, template};
use socket2::{Domain, Socket, Type};

#[template]
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_families(#[case] host: &str) {}

fn listen(host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

/// A port that nothing has at the moment.
fn free_port(host: &str) -> String {
    listen(host).1
}

/// Waits for a guest that has to succeed; each of the hints has to be on
/// standard error.
#[track_caller]
fn assert_hints(guest: Running, hints: &[(&str, String)]) {
    let output = guest.output();
    let stderr = stderr(&output);
    assert!(output.status.success(), "{stderr}");
    for (flag, target) in hints {
        // A shell would take brackets for a pattern.
        let hint = if target.contains('[') {
            format!("{flag} '{target}'\n")
        } else {
            format!("{flag} {target}\n")
        };
        assert!(stderr.contains(&hint), "no `{hint}` in: {stderr}");
    }
    assert_eq!(
        stderr.lines().count(),
        hints.len(),
        "one line a denial: {stderr}"
    );
}

#[apply(both_families)]
fn a_bind(#[case] host: &str) {
    let (granted, denied) = (free_port(host), free_port(host));
    let guest = start(
        &["--allow-listen", &target("tcp", host, &granted)],
        "denied",
        &["bind", host, &granted, &denied],
    );
    assert_hints(guest, &[("--allow-listen", target("tcp", host, &denied))]);
}

#[apply(both_families)]
fn a_listen(#[case] host: &str) {
    let (_listener, port) = listen(host);
    let (bind, connect) = (target("tcp", host, "ephemeral"), target("tcp", host, &port));
    let guest = start(
        &["--allow-bind", &bind, "--allow-connect", &connect],
        "denied",
        &["listen", host, &port, "0"],
    );
    assert_hints(guest, &[("--allow-listen", bind)]);
}

#[apply(both_families)]
fn a_listen_on_every_interface_without_a_bind(#[case] host: &str) {
    let everything = if host.contains(':') { "::" } else { "0.0.0.0" };
    let flags = [
        "--allow-listen",
        &target("tcp", host, "*"),
        "--allow-listen",
        "tcp://*:*",
    ];
    let guest = start(&flags, "denied", &["listen-unbound", host, "0", "0"]);
    assert_hints(
        guest,
        &[("--allow-listen", target("tcp", everything, "ephemeral"))],
    );
}

#[apply(both_families)]
fn a_connect(#[case] host: &str) {
    let (listener, granted) = listen(host);
    let (other, denied) = listen(host);
    let grant = target("tcp", host, &granted);
    let guest = start(
        &["--allow-connect", &grant],
        "denied",
        &["connect", host, &granted, &denied],
    );
    let (mut stream, _peer) = listener.accept().unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 1);
    assert_hints(guest, &[("--allow-connect", target("tcp", host, &denied))]);
    other.set_nonblocking(true).unwrap();
    assert_eq!(
        other.accept().unwrap_err().kind(),
        ErrorKind::WouldBlock,
        "no packet went there"
    );
}

#[apply(both_families)]
fn a_datagram(#[case] host: &str) {
    let peer = || {
        let socket = UdpSocket::bind((host, 0)).unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        (socket, port)
    };
    let ((socket, granted), (other, denied)) = (peer(), peer());
    let grant = target("udp", host, &granted);
    let guest = start(
        &["--allow-send", &grant],
        "denied",
        &["datagram", host, &granted, &denied],
    );
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(socket.recv(&mut [0]).unwrap(), 1);
    assert_hints(guest, &[("--allow-send", target("udp", host, &denied))]);
    other.set_nonblocking(true).unwrap();
    assert_eq!(
        other.recv(&mut [0]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

/// A peer that may not connect is reset; the listener serves the next one.
#[test]
fn an_accept() {
    let flags = ["--allow-listen", "tcp://127.0.0.1:ephemeral from=127.0.0.2"];
    let mut guest = start(&flags, "tcp", &["serve", "127.0.0.1", "1"]);
    let address = guest.address("127.0.0.1");

    let mut stranger = TcpStream::connect(address).unwrap();
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = stranger.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let welcome = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    welcome
        .bind(&std::net::SocketAddr::from(([127, 0, 0, 2], 0)).into())
        .unwrap();
    welcome.connect(&address.into()).unwrap();
    let mut welcome = TcpStream::from(welcome);
    welcome.write_all(b"Hello, world").unwrap();
    welcome.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    welcome.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Hello, world");

    let output = guest.output();
    assert!(output.status.success(), "{}", stderr(&output));
    let hint = "--allow-listen 'tcp://127.0.0.1:ephemeral from=127.0.0.1'\n";
    assert!(stderr(&output).contains(hint), "{}", stderr(&output));
}

#[test]
fn a_denial_outweighs_a_grant_in_any_order_and_suggests_nothing() {
    let allow = ["--allow-listen", "tcp://127.0.0.1:ephemeral"];
    let deny = ["--deny-bind", "tcp://127.0.0.0/8:*"];
    for flags in [[allow, deny].concat(), [deny, allow].concat()] {
        let output = start(&flags, "tcp", &["serve", "127.0.0.1", "1"]).output();
        assert!(!output.status.success());
        let stderr = stderr(&output);
        let line = "capsock: denied bind tcp://127.0.0.1:ephemeral: the rule `deny bind tcp://127.0.0.0/8:*` forbids it\n";
        assert!(stderr.contains(line), "{stderr}");
        assert!(!stderr.contains("to allow it"), "{stderr}");
    }
}

/// Denying every bind denies the one that the kernel does by itself.
#[rstest]
#[case::connect("tcp", "--allow-connect", "std-traits")]
#[case::send("udp", "--allow-send", "client")]
fn an_implicit_bind(#[case] proto: &str, #[case] flag: &str, #[case] case: &str) {
    let (_listener, port) = listen("127.0.0.1");
    let program = if proto == "tcp" { "tcp" } else { "datagram" };
    let allow = target(proto, "127.0.0.1", &port);
    let deny = format!("{proto}://*:ephemeral");
    let flags = [flag, &allow, "--deny-bind", &deny];
    let output = start(&flags, program, &[case, "127.0.0.1", &port]).output();
    let stderr = stderr(&output);
    assert!(!output.status.success());
    let line = format!(
        "denied bind {proto}://0.0.0.0:ephemeral: the rule `deny bind {deny}` forbids it\n"
    );
    assert!(stderr.contains(&line), "{stderr}");
}

/// What no grant can allow is refused as before, and told once with the reason,
/// over either interface.
#[rstest]
#[case::capsock("dns")]
#[case::wasi("std")]
fn a_peer_that_makes_no_sense(#[case] program: &str) {
    let everything = ["--allow-connect", "tcp://0.0.0.0:*"];
    let mut lines = String::new();
    for (host, port) in [
        ("0.0.0.0", "80"),
        ("::", "80"),
        ("127.0.0.1", "0"),
        ("224.0.0.1", "80"),
        ("255.255.255.255", "80"),
    ] {
        let address = target("", host, port).replace("://", "");
        let args = match program {
            "std" => vec!["connect", &address, &address],
            _ => vec!["plain", host, port],
        };
        let output = start(&everything, program, &args).output();
        assert!(output.status.success(), "{}", stderr(&output));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            told.contains("EINVAL") || told.contains("InvalidInput"),
            "{told}"
        );
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
        lines += &stderr(&output);
    }
    insta::allow_duplicates! {
        insta::assert_snapshot!(lines, @"
        capsock: refused connect tcp://0.0.0.0:80: 0.0.0.0 stands for every interface, and is no peer; name 127.0.0.1 to reach this machine
        capsock: refused connect tcp://[::]:80: :: stands for every interface, and is no peer; name ::1 to reach this machine
        capsock: refused connect tcp://127.0.0.1:ephemeral: no peer has port 0; name the port that it is bound to
        capsock: refused connect tcp://224.0.0.1:80: 224.0.0.1 is a group of peers, and a connection has one
        capsock: refused connect tcp://255.255.255.255:80: 255.255.255.255 is a group of peers, and a connection has one
        ");
    }
}
