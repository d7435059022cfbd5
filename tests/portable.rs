//! Programs of `capsock:sockets` where only WASI is: each sealed with the portable
//! component, on a host of WASI that knows nothing of capsock.
//!
//! docs/portable.md tells what is different there; the cases of the program `portable`
//! assert it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use capsock_test_programs::pattern;
use capsock_tests::{PATIENCE, Running, capsock, guest, stderr, target};
use rstest::rstest;
use rstest_reuse::{apply, template};
use tempfile::TempDir;

#[template]
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_families(#[case] host: &str) {}

/// A guest that is sealed, as long as this lives.
struct Sealed {
    directory: TempDir,
}

impl Sealed {
    /// `capsock seal --portable GRANTS GUEST`
    #[track_caller]
    fn new(grants: &[&str], name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut seal = capsock();
        seal.args(["seal", "--portable"])
            .args(grants)
            .arg(guest(name))
            .arg("-o")
            .arg(directory.path().join("sealed.wasm"));
        let output = seal.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        Self { directory }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut host = Command::new(env!("CARGO_BIN_EXE_capsock-test-wasi"));
        host.arg(self.directory.path().join("sealed.wasm"))
            .args(args)
            .stdin(Stdio::null());
        host
    }

    fn start(&self, args: &[&str]) -> Running {
        Running::spawn(&mut self.command(args))
    }
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
    Sealed::new(grants, name).start(args).succeed()
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
    let sealed = Sealed::new(&["--allow-connect", &grant], "portable");
    let guest = sealed.start(&["connect", host, &port]);
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
    let sealed = Sealed::new(&grants, "portable");
    let mut guest = sealed.start(&["filtered", host]);
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
    let sealed = Sealed::new(&["--allow-connect", &grant], "portable");
    let mut command = sealed.command(&["sendfile", host, &port]);
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
    let sealed = Sealed::new(&["--no-policy"], "echo-client");
    let (listener, port) = listen("127.0.0.1");
    let guest = sealed.start(&["127.0.0.1", &port]);
    let mut stream = accept(&listener);
    let mut buffer = [0; 12];
    stream.read_exact(&mut buffer).unwrap();
    stream.write_all(&buffer).unwrap();
    drop(stream);
    guest.succeed();
}

/// The programs of tests/tcp.rs.
fn tcp_client(host: &str, case: &str) -> (Running, TcpStream) {
    let (listener, port) = listen(host);
    let grant = target("tcp", host, &port);
    let sealed = Sealed::new(&["--allow-connect", &grant], "tcp");
    let guest = sealed.start(&[case, host, &port]);
    let stream = accept(&listener);
    (guest, stream)
}

fn tcp_server(host: &str, case: &str, number: usize) -> (Running, SocketAddr) {
    let grant = target("tcp", host, "ephemeral");
    let sealed = Sealed::new(&["--allow-listen", &grant], "tcp");
    let mut guest = sealed.start(&[case, host, &number.to_string()]);
    let address = guest.address(host);
    (guest, address)
}

const MEGABYTE: usize = 1 << 20;

#[apply(both_families)]
fn clients_one_after_the_other_are_echoed(#[case] host: &str) {
    const CLIENTS: usize = 20;
    let (guest, address) = tcp_server(host, "serve", CLIENTS);
    for _ in 0..CLIENTS {
        let mut stream = connect(address);
        stream.write_all(b"Hello, world").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "Hello, world");
    }
    guest.succeed();
}

#[apply(both_families)]
fn a_megabyte_each_way_through_a_server(#[case] host: &str) {
    let (guest, address) = tcp_server(host, "collect", MEGABYTE);
    let mut stream = connect(address);
    let data = pattern(MEGABYTE);
    stream.write_all(&data).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer == data, "{} bytes came back", answer.len());
    guest.succeed();
}

#[apply(both_families)]
fn a_megabyte_each_way_by_a_client(#[case] host: &str) {
    let (guest, mut stream) = tcp_client(host, "send-and-read-back");
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    assert!(data == pattern(MEGABYTE), "received {} bytes", data.len());
    stream.write_all(&data).unwrap();
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn large_receives_are_whole(#[case] host: &str) {
    let (guest, mut stream) = tcp_client(host, "large");
    stream.write_all(&pattern(MEGABYTE)).unwrap();
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn receives_and_sends_wait_as_long_as_they_are_told(#[case] host: &str) {
    let (mut guest, mut stream) = tcp_client(host, "timeouts");
    for _ in 0..2 {
        guest.expect_line("speak");
        stream.write_all(b"x").unwrap();
    }
    guest.succeed();
}

#[apply(both_families)]
fn a_connect_that_nobody_answers_times_out_and_goes_on(
    #[case] host: &str,
    #[values(("tcp", "connect-timeout"), ("portable", "pending"))] program: (&str, &str),
) {
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
    let args = [program.1, host, &port];
    succeeds(&["--allow-connect", &grant], program.0, &args);
}

#[apply(both_families)]
fn data_in_flight_arrives_after_a_close(#[case] host: &str) {
    let (guest, mut stream) = tcp_client(host, "close-in-flight");
    guest.succeed();
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    assert!(data == pattern(200_000), "received {} bytes", data.len());
}

#[apply(both_families)]
fn receive_flags_do_what_they_say(#[case] host: &str) {
    let (mut guest, mut stream) = tcp_client(host, "flags");
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"abc").unwrap();
    guest.expect_line("go on");
    for byte in [b"d", b"e", b"f", b"g", b"h"] {
        stream.write_all(byte).unwrap();
    }
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn an_error_after_data_is_told_after_the_data(#[case] host: &str) {
    let (mut guest, mut stream) = tcp_client(host, "reset");
    guest.expect_line("send");
    stream.write_all(b"abc").unwrap();
    // A reset overtakes data that has not been read, so the guest gets the time.
    let time = std::time::Duration::from_millis(200);
    stream.set_read_timeout(Some(time)).unwrap();
    assert!(stream.read(&mut [0; 1]).is_err());
    let reset = Some(std::time::Duration::ZERO);
    socket2::SockRef::from(&stream).set_linger(reset).unwrap();
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn datagrams_are_echoed_whole(#[case] host: &str) {
    let (bind, send) = (target("udp", host, "ephemeral"), target("udp", host, "*"));
    let grants = ["--allow-bind", &bind, "--allow-send", &send];
    let sealed = Sealed::new(&grants, "datagram");
    let mut guest = sealed.start(&["echo", host, "0"]);
    let socket = peer(host);
    socket.connect(guest.address(host)).unwrap();
    let mut buffer = [0; 2048];
    for message in ["Hello, world", "again"] {
        socket.send(message.as_bytes()).unwrap();
        let count = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], message.as_bytes());
    }
    socket.send(b"").unwrap();
    guest.succeed();
}

#[apply(both_families)]
fn a_connected_client_talks_to_its_peer(#[case] host: &str) {
    let socket = peer(host);
    let port = socket.local_addr().unwrap().port().to_string();
    let send = target("udp", host, &port);
    let sealed = Sealed::new(&["--allow-send", &send], "datagram");
    let guest = sealed.start(&["client", host, &port]);
    let mut buffer = [0; 2048];
    let (count, sender) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"Hello, world");
    socket.send_to(&buffer[..count], sender).unwrap();
    guest.succeed();
}

/// A single thread, and a poller.
#[apply(both_families)]
fn one_guest_serves_many_clients_at_once(#[case] host: &str) {
    const CLIENTS: usize = 100;
    let grant = target("tcp", host, "ephemeral");
    let sealed = Sealed::new(&["--allow-listen", &grant], "many");
    let mut guest = sealed.start(&["chat", host, &CLIENTS.to_string()]);
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
    let sealed = Sealed::new(&[], "resolve");
    let output = sealed.start(&["name.example"]).output();
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
    let sealed = Sealed::new(&grants, "echo-server");
    let mut server = sealed.start(&["127.0.0.1", &port]);
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
