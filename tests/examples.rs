//! The examples do what Python's documentation says of them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use capsock_tests::{PATIENCE, start, target};
use rstest::rstest;

fn free_port(host: &str) -> u16 {
    TcpListener::bind((host, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The guest prints nothing before it has a client, so try until it listens.
fn connect(address: SocketAddr) -> TcpStream {
    let start = std::time::Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(error) if start.elapsed() > PATIENCE => panic!("{address}: {error}"),
            Err(_not_yet) => std::thread::yield_now(),
        }
    }
}

fn talk(address: SocketAddr) -> SocketAddr {
    let mut stream = connect(address);
    stream.write_all(b"Hello, world").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Hello, world");
    stream.local_addr().unwrap()
}

#[rstest]
#[case::ipv4("echo-server", "127.0.0.1")]
#[case::dual_stack_ipv4("dual-stack-echo-server", "127.0.0.1")]
#[case::dual_stack_ipv6("dual-stack-echo-server", "::1")]
fn a_server_echoes_one_connection_and_ends(#[case] name: &str, #[case] host: &str) {
    let port = free_port(host);
    let guest = start(
        &["--allow-listen", &target("tcp", host, port)],
        name,
        &[host, &port.to_string()],
    );
    let client = talk(SocketAddr::new(host.parse().unwrap(), port));
    assert_eq!(guest.succeed(), format!("Connected by {client}\n"));
}

#[test]
fn forever_keeps_accepting() {
    let port = free_port("127.0.0.1");
    let grant = target("tcp", "127.0.0.1", port);
    let mut guest = start(
        &["--allow-listen", &grant],
        "echo-server",
        &["127.0.0.1", &port.to_string(), "--forever"],
    );
    for _ in 0..3 {
        let client = talk(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(guest.expect_line("Connected by"), client.to_string());
    }
}

#[rstest]
#[case::ipv4("echo-client", "127.0.0.1")]
#[case::dual_stack_ipv4("dual-stack-echo-client", "127.0.0.1")]
#[case::dual_stack_ipv6("dual-stack-echo-client", "::1")]
fn a_client_says_hello_and_prints_the_answer(#[case] name: &str, #[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let guest = start(
        &["--allow-connect", &target("tcp", host, &port)],
        name,
        &[host, &port],
    );
    let (mut stream, _peer) = listener.accept().unwrap();
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer).unwrap();
    stream.write_all(&buffer[..count]).unwrap();
    assert_eq!(guest.succeed(), "Received 'Hello, world'\n");
}

/// Of the addresses that a dual-stack server could have, it takes the first one
/// that it is granted.
#[rstest]
#[case::ipv4("0.0.0.0", "127.0.0.1")]
#[case::ipv6("::", "::1")]
fn a_dual_stack_server_takes_the_address_that_it_can(#[case] host: &str, #[case] from: &str) {
    let port = free_port(host);
    let guest = start(
        &["--allow-listen", &target("tcp", host, port)],
        "dual-stack-echo-server",
        &["", &port.to_string()],
    );
    talk(SocketAddr::new(from.parse().unwrap(), port));
    guest.succeed();
}

/// Of the addresses of a name, a client takes the first one that answers.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_dual_stack_client_tries_each_address_of_a_name(#[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut hosts = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 0)).unwrap();
    if !hosts.any(|address| address.ip().to_string() == host) {
        // This machine's localhost has one family only.
        return;
    }
    let grants = [
        "--allow-connect",
        &target("tcp", "127.0.0.1", &port),
        "--allow-connect",
        &target("tcp", "::1", &port),
    ];
    let guest = start(&grants, "dual-stack-echo-client", &["localhost", &port]);
    let (mut stream, _peer) = listener.accept().unwrap();
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer).unwrap();
    stream.write_all(&buffer[..count]).unwrap();
    assert_eq!(guest.succeed(), "Received 'Hello, world'\n");
}

/// Two guests: one connects and passes the connection, the other uses it.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_connection_goes_from_guest_to_guest(#[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = target("tcp", host, address.port());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket").display().to_string();
    let unix = format!("unix:{path}");
    let flags = [
        "--allow-listen",
        &unix,
        "--allow-take-fd",
        &unix,
        "--allow-connect",
        &connect,
    ];
    let mut receiver = start(&flags, "send-fds", &["receive", &path]);
    receiver.expect_line("Listening");
    let flags = [
        "--allow-connect",
        &unix,
        "--allow-pass-fd",
        &unix,
        "--allow-connect",
        &connect,
    ];
    let port = address.port().to_string();
    let sender = start(&flags, "send-fds", &["send", &path, host, &port]);
    let (mut stream, _peer) = listener.accept().unwrap();
    assert_eq!(
        sender.succeed(),
        format!("Sent a connection to {address}\n")
    );
    assert_eq!(
        receiver.succeed(),
        format!("Received 'a connection'\nConnected to {address}\n")
    );
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Hello, world");
}
