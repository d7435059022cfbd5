//! What a guest is told of its authority, and what it gives up.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use capsock_tests::{PATIENCE, output, start, stderr, succeed, target};
use rstest::rstest;
use rstest_reuse::{apply, template};
use socket2::{Domain, Socket, Type};

#[template]
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_families(#[case] host: &str) {}

#[test]
fn a_guest_may_ask_and_asking_is_no_denial() {
    let flags = [
        "--allow-connect",
        "tcp://10.0.0.0/8:443",
        "--deny-connect",
        "tcp://10.9.0.0/16:*",
        "--allow-resolve",
        "*.example.com",
        "--allow-interfaces",
    ];
    let questions = [
        "connect tcp://10.0.0.1:443",
        "connect tcp://10.9.0.1:443",
        "connect tcp://10.0.0.1:80",
        "connect tcp://[::ffff:10.0.0.1]:443",
        "resolve api.example.com",
        "resolve example.com",
        "interfaces *",
        "option so-mark=1",
        "connect tcp://*:443",
        "connect tcp://10.0.0.1",
        "fly tcp://10.0.0.1:443",
    ];
    let args: Vec<&str> = std::iter::once("may").chain(questions).collect();
    let output = output(&flags, "authority", &args);
    assert_eq!(stderr(&output), "");
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @"
    true
    false
    false
    true
    true
    false
    true
    false
    may: invalid rule `connect tcp://*:443` at character 9: `*` is many addresses; name one, such as `192.0.2.1`
    may: invalid rule `connect tcp://10.0.0.1` at character 23: expected `:PORTS`; `:*` is every port
    may: invalid rule `fly tcp://10.0.0.1:443` at character 1: unknown operation `fly`; expected one of `connect`, `bind`, `listen`, `send`, `recv`, `resolve`, `option`, `raw`, `pass-fd`, `take-fd`, `interfaces`, `http`
    ");
    let grants = succeed(&flags, "authority", &["grants"]);
    insta::assert_snapshot!(grants, @"
    allow connect tcp://10.0.0.0/8:443
    allow resolve *.example.com
    allow interfaces *
    deny connect tcp://10.9.0.0/16:*
    ");
}

#[apply(both_families)]
fn what_is_given_up_is_denied_and_open_connections_go_on(#[case] host: &str) {
    let listen = || {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        (listener, port)
    };
    let ((kept, kept_port), (given_up, port)) = (listen(), listen());
    let targets = [target("tcp", host, &kept_port), target("tcp", host, &port)];
    let flags: Vec<&str> = targets
        .iter()
        .flat_map(|target| ["--allow-connect", target])
        .collect();
    let mut guest = start(&flags, "authority", &["connect", host, &kept_port, &port]);
    let (mut open, _peer) = given_up.accept().unwrap();
    let told = guest.expect_line("limit: invalid rule `allow connect tcp://x` at character 22:");
    assert!(told.starts_with("expected `:PORTS`"), "{told}");
    let mut said = [0; 5];
    open.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"still");
    open.write_all(b"here").unwrap();
    kept.accept().unwrap();

    let output = guest.output();
    let told = stderr(&output);
    assert!(output.status.success(), "{told}");
    let line = |target: &str| {
        format!(
            "capsock: denied connect {target}: the guest gave it up: no rule of its limit allows it\n"
        )
    };
    // No flag is named: none would help.
    assert_eq!(told, line(&targets[1]) + &line(&targets[0]));
    given_up.set_nonblocking(true).unwrap();
    let error = given_up.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "no packet went there");
}

#[test]
fn a_denial_in_a_limit_wins_over_its_grants() {
    let flags = ["--allow-connect", "tcp://127.0.0.1:*"];
    let output = output(&flags, "authority", &["deny", "127.0.0.1", "9"]);
    let told = stderr(&output);
    assert!(output.status.success(), "{told}");
    insta::assert_snapshot!(told, @"capsock: denied connect tcp://127.0.0.1:9: the guest gave it up: its rule `deny connect tcp://127.0.0.1:9` forbids it");
}

#[test]
fn peers_of_a_listener_are_checked_under_the_limit() {
    let flags = ["--allow-listen", "tcp://127.0.0.1:ephemeral"];
    let mut guest = start(&flags, "authority", &["accept", "127.0.0.1"]);
    let address = guest.address("127.0.0.1");
    let _before = TcpStream::connect(address).unwrap();
    guest.expect_line("limited");

    let mut stranger = TcpStream::connect(address).unwrap();
    stranger.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = stranger.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let welcome = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    welcome
        .bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())
        .unwrap();
    welcome.connect(&address.into()).unwrap();
    guest.expect_line("127.0.0.2:");
    guest.succeed();
}

#[apply(both_families)]
fn datagrams_are_checked_under_the_limit(#[case] host: &str) {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let flags = [
        "--allow-listen",
        &target("udp", host, "ephemeral"),
        "--allow-send",
        &target("udp", host, &port),
    ];
    let mut guest = start(&flags, "authority", &["datagrams", host, &port]);
    let address = guest.address(host);
    socket.send_to(b"one", address).unwrap();
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer).unwrap();
    assert_eq!(&answer[..length], b"answer");
    guest.expect_line("limited");
    socket.send_to(b"two", address).unwrap();
    guest.succeed();
    socket.set_nonblocking(true).unwrap();
    let error = socket.recv(&mut answer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "nothing more was sent");
}

#[test]
fn names_options_and_interfaces_are_given_up_as_well() {
    let flags = [
        "--allow-interfaces",
        "--allow-option",
        "ip-freebind",
        "--allow-option",
        "sethostname",
    ];
    let output = output(&flags, "authority", &["rest"]);
    let told = stderr(&output);
    assert!(output.status.success(), "{told}");
    insta::assert_snapshot!(told, @"
    capsock: denied interfaces *: the guest gave it up: no rule of its limit allows it
    capsock: denied resolve localhost: the guest gave it up: its rule `deny resolve localhost` forbids it
    capsock: denied option ip-freebind=1: the guest gave it up: no rule of its limit allows it
    capsock: denied option sethostname=x: the guest gave it up: no rule of its limit allows it
    ");
}

#[test]
fn limits_are_bounded() {
    let flags = ["--allow-connect", "tcp://127.0.0.1:*"];
    succeed(&flags, "authority", &["too-many"]);
}
