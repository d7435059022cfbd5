//! Programs of `capsock:sockets` where only WASI is: each sealed with the portable
//! component, on a host of WASI that knows nothing of capsock.
//!
//! docs/portable.md tells what is different there; the cases of the program `portable`
//! assert it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use capsock_test_programs::pattern;
use capsock_tests::{Host, PATIENCE, Running, Sealed, guest, stderr, target};
use rstest::rstest;
use rstest_reuse::{apply, template};

#[template]
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_families(#[case] host: &str) {}

/// Starts a guest that is sealed with these grants.
#[track_caller]
fn start(grants: &[&str], name: &str, args: &[&str]) -> Running {
    Host::Wasi.start(grants, name, args)
}

/// The grants of a guest that is its own peer.
fn own(host: &str) -> [String; 8] {
    let any = if host.contains(':') { "::" } else { "0.0.0.0" };
    [
        "--allow-listen".to_owned(),
        target("tcp", host, "ephemeral"),
        "--allow-listen".to_owned(),
        target("tcp", any, "ephemeral"),
        "--allow-connect".to_owned(),
        target("tcp", host, "*"),
        "--allow-listen".to_owned(),
        target("udp", host, "ephemeral"),
    ]
}

#[track_caller]
fn succeeds(grants: &[&str], name: &str, args: &[&str]) -> String {
    start(grants, name, args).succeed()
}

#[track_caller]
fn peer_of_itself(case: &str, host: &str) -> String {
    let own = own(host);
    let send = target("udp", host, "*");
    let mut grants: Vec<&str> = own.iter().map(String::as_str).collect();
    grants.extend(["--allow-send", &send]);
    succeeds(&grants, "portable", &[case, host])
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn listen(host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _peer) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn peer(host: &str) -> UdpSocket {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A port that nobody listens on.
fn nobody(host: &str) -> String {
    let (listener, port) = listen(host);
    drop(listener);
    port
}

#[apply(both_families)]
fn what_wasi_lacks_is_the_error_of_a_kernel_without_it(
    #[case] host: &str,
    #[values("sockets", "transfers", "options")] case: &str,
) {
    peer_of_itself(case, host);
}

#[test]
fn names_are_those_of_the_host_and_numbers() {
    succeeds(&[], "portable", &["names", "127.0.0.1"]);
}

#[test]
fn there_are_rules_to_ask_for_and_to_give_up() {
    let grant = ["--allow-connect", "tcp://127.0.0.1:7"];
    succeeds(&grant, "portable", &["others", "127.0.0.1"]);
}

#[apply(both_families)]
fn readiness_is_what_a_kernel_would_tell(
    #[case] host: &str,
    #[values("readiness", "edges", "pollables", "nested")] case: &str,
) {
    peer_of_itself(case, host);
}

#[apply(both_families)]
fn sockets_are_bounded(#[case] host: &str) {
    peer_of_itself("many", host);
}

#[apply(both_families)]
fn who_came_before_the_guest_gave_up_its_rules_is_turned_away(#[case] host: &str) {
    peer_of_itself("given-up", host);
}

#[apply(both_families)]
fn what_is_not_sent_when_it_is_closed_goes_on(#[case] host: &str) {
    peer_of_itself("closed", host);
}

#[apply(both_families)]
fn a_listener_that_was_never_bound_needs_its_grant(#[case] host: &str) {
    assert_eq!(peer_of_itself("own-port", host), "listens\n");
    let printed = succeeds(&[], "portable", &["own-port", host]);
    assert_eq!(printed, "EACCES\n");
}

#[apply(both_families)]
fn a_connect_goes_on_by_itself(#[case] host: &str) {
    let (listener, port) = listen(host);
    let grant = target("tcp", host, &port);
    let guest = start(
        &["--allow-connect", &grant],
        "portable",
        &["connect", host, &port],
    );
    accept(&listener).write_all(b"hello").unwrap();
    guest.succeed();
}

#[apply(both_families)]
fn a_connect_that_is_refused_can_be_tried_again(#[case] host: &str) {
    let port = nobody(host);
    let (tcp, udp) = (target("tcp", host, &port), target("udp", host, &port));
    let bind = target("tcp", host, "ephemeral");
    let grants = [
        "--allow-connect",
        &tcp,
        "--allow-send",
        &udp,
        "--allow-listen",
        &bind,
    ];
    succeeds(&grants, "portable", &["refused", host, &port]);
}

#[apply(both_families)]
fn a_datagram_of_a_stranger_wakes_nobody(#[case] host: &str) {
    let (welcome, stranger) = (peer(host), peer(host));
    let bind = target("udp", host, "ephemeral");
    let recv = target("udp", host, welcome.local_addr().unwrap().port());
    let grants = ["--allow-bind", &bind, "--allow-recv", &recv];
    let mut guest = start(&grants, "portable", &["filtered", host]);
    let address = guest.address(host);
    stranger.send_to(b"intruder", address).unwrap();
    welcome.send_to(b"welcome", address).unwrap();
    guest.succeed();
}

/// Its data goes through the portable component.
#[apply(both_families)]
fn a_file_is_sent_in_pieces(#[case] host: &str) {
    const LENGTH: usize = 300_000;
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("data"), pattern(LENGTH)).unwrap();
    let (listener, port) = listen(host);
    let grant = target("tcp", host, &port);
    let flags = ["--portable", "--allow-connect", &grant];
    let sealed = Sealed::new(&flags, &guest("portable"));
    let mut command = sealed.on_wasi(&["sendfile", host, &port]);
    let guest = Running::spawn(command.env("CAPSOCK_TEST_FILES", files.path()));
    let mut received = Vec::new();
    accept(&listener).read_to_end(&mut received).unwrap();
    let expected = pattern(LENGTH);
    assert!(received == [&expected[1..], &expected[1..]].concat());
    guest.succeed();
}

/// Without rules the host alone decides, and it grants everything.
#[test]
fn without_a_policy_it_is_only_carried_over() {
    let (listener, port) = listen("127.0.0.1");
    let guest = start(&["--no-policy"], "echo-client", &["127.0.0.1", &port]);
    let mut stream = accept(&listener);
    let mut buffer = [0; 12];
    stream.read_exact(&mut buffer).unwrap();
    stream.write_all(&buffer).unwrap();
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn a_connect_that_nobody_answers_goes_on(#[case] host: &str) {
    let address = SocketAddr::new(host.parse().unwrap(), 0);
    let domain = socket2::Domain::for_address(address);
    let listener = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    // Linux takes one connection more than the backlog.
    let _filler = connect(address);
    let port = address.port().to_string();
    let grant = target("tcp", host, &port);
    succeeds(
        &["--allow-connect", &grant],
        "portable",
        &["pending", host, &port],
    );
}

/// A single thread, and a poller.
#[apply(both_families)]
fn one_guest_serves_many_clients_at_once(#[case] host: &str) {
    const CLIENTS: usize = 100;
    let grant = target("tcp", host, "ephemeral");
    let mut guest = start(
        &["--allow-listen", &grant],
        "many",
        &["chat", host, &CLIENTS.to_string()],
    );
    let address = guest.address(host);
    let mut clients: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(address)).collect();
    guest.expect_line("complete");
    for round in 0..3 {
        let message = format!("round {round}\n");
        clients[round].write_all(message.as_bytes()).unwrap();
        for (index, client) in clients.iter_mut().enumerate() {
            if index != round {
                let mut heard = vec![0; message.len()];
                client.read_exact(&mut heard).unwrap();
                assert_eq!(heard, message.as_bytes(), "client {index}");
            }
        }
    }
    drop(clients);
    guest.succeed();
}

#[test]
fn a_name_is_looked_up_as_granted() {
    let grants = ["--allow-resolve", "localhost"];
    let printed = succeeds(&grants, "resolve", &["localhost"]);
    assert!(printed.contains("127.0.0.1"), "{printed}");
    let output = start(&[], "resolve", &["name.example"]).output();
    let told = stderr(&output);
    assert!(!output.status.success(), "{told}");
    assert!(
        told.contains("capsock seal: denied resolve name.example"),
        "{told}"
    );
}

#[test]
fn the_examples_talk_to_each_other() {
    let grants = ["--allow-listen", "tcp://127.0.0.1:*"];
    let (_, port) = listen("127.0.0.1");
    let mut server = start(&grants, "echo-server", &["127.0.0.1", &port]);
    // It does not say when it listens.
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let mut stream = loop {
        if let Ok(stream) = TcpStream::connect(address) {
            break stream;
        }
        std::thread::yield_now();
    };
    server.expect_line("Connected by");
    stream.write_all(b"Hello, world").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"Hello, world");
    drop(stream);
    server.succeed();
}
