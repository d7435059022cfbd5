//! The examples do what Python's documentation says of them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};

use capsock_tests::{PATIENCE, start, stderr, target};
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

#[rstest]
#[case::ipv4("raw/1", "127.0.0.1")]
#[case::ipv6("raw/58", "::1")]
fn ping_is_answered_by_this_machine(#[case] proto: &str, #[case] host: &str) {
    let at = if host.contains(':') { "[::1]" } else { host };
    let grant = format!("{proto}://{at}");
    let told = start(&["--allow-raw", &grant], "ping", &[host, "2"]).succeed();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(
        lines[1].contains(&format!("from {host}: seq=2 time=")),
        "{told}"
    );
    assert_eq!(lines[2], "2 sent, 2 received");
}

#[rstest]
#[case::ipv4("IPv4", "127.0.0.1")]
#[case::ipv6("IPv6", "::1")]
fn sniff_prints_what_goes_over_an_interface(#[case] version: &str, #[case] host: &str) {
    let mut guest = start(&["--allow-raw", "packet://lo"], "sniff", &["lo"]);
    guest.expect_line("listening on lo");
    let receiver = UdpSocket::bind((host, 0)).unwrap();
    let (sender, to) = (
        UdpSocket::bind((host, 0)).unwrap(),
        receiver.local_addr().unwrap(),
    );
    sender.send_to(&[7; 123], to).unwrap();
    let (from, to) = (sender.local_addr().unwrap().port(), to.port());
    // Other tests use the interface too.
    let header = if host.contains(':') { 48 } else { 28 };
    let expected = format!(
        "{version} {host} > {host} udp {from} > {to} {} bytes",
        123 + header
    );
    guest.wait_for_line(&expected);
}

/// Where the kernel has no CAN, its error is told; where it has, an interface
/// that does not exist is.
#[rstest]
#[case("raw")]
#[case("bcm")]
fn can_tells_what_is_missing(#[case] protocol: &str) {
    let guest = start(
        &["--allow-raw", "can://capsock-none"],
        "can",
        &[protocol, "capsock-none"],
    );
    let output = guest.output();
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains("(EAFNOSUPPORT)") || told.contains("(ENODEV)"),
        "{told}"
    );
}
