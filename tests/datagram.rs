//! UDP between guests and native peers.

use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::process::Stdio;

use capsock_tests::{Host, Namespace, PATIENCE, start, stderr, target};
use rstest::rstest;
use rstest_reuse::{apply, template};

#[template]
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_families(#[case] host: &str) {}

fn peer(host: &str) -> UdpSocket {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

#[apply(both_families)]
fn datagrams_are_echoed_whole(#[case] host: &str, #[values(Host::Capsock, Host::Wasi)] on: Host) {
    let (bind, send) = (target("udp", host, "ephemeral"), target("udp", host, "*"));
    let flags = ["--allow-bind", &bind, "--allow-send", &send];
    let mut guest = on.start(&flags, "datagram", &["echo", host, "0"]);
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
fn a_connected_client_talks_to_its_peer(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let socket = peer(host);
    let port = socket.local_addr().unwrap().port().to_string();
    let send = target("udp", host, &port);
    let guest = on.start(
        &["--allow-send", &send],
        "datagram",
        &["client", host, &port],
    );
    let mut buffer = [0; 2048];
    let (count, sender) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"Hello, world");
    socket.send_to(&buffer[..count], sender).unwrap();
    guest.succeed();
}

#[apply(both_families)]
fn a_datagram_of_a_sender_that_is_not_granted_is_never_seen(#[case] host: &str) {
    let (welcome, stranger) = (peer(host), peer(host));
    let bind = target("udp", host, "ephemeral");
    let recv = target("udp", host, welcome.local_addr().unwrap().port());
    let mut guest = start(
        &["--allow-bind", &bind, "--allow-recv", &recv],
        "datagram",
        &["admit", host, "0"],
    );
    let address = guest.address(host);
    // Loopback keeps the order.
    stranger.send_to(b"intruder", address).unwrap();
    welcome.send_to(b"welcome", address).unwrap();
    let output = guest.output();
    assert!(output.status.success(), "{}", stderr(&output));
    let flag = target("udp", host, stranger.local_addr().unwrap().port());
    let flag = if host.contains(':') {
        format!("'{flag}'")
    } else {
        flag
    };
    assert!(
        stderr(&output).contains(&format!("--allow-recv {flag}")),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_listen_grant_admits_the_peers_that_it_names() {
    let mut guest = start(
        &["--allow-listen", "udp://127.0.0.1:ephemeral from=127.0.0.2"],
        "datagram",
        &["admit", "127.0.0.1", "0"],
    );
    let address = guest.address("127.0.0.1");
    peer("127.0.0.1").send_to(b"intruder", address).unwrap();
    peer("127.0.0.2").send_to(b"welcome", address).unwrap();
    guest.succeed();
}

/// As the kernel binds it by itself: that needs no grant, and gives none.
#[test]
fn a_client_that_is_bound_to_any_address_hears_only_whom_it_may_ask() {
    let mut guest = start(
        &["--allow-send", "udp://127.0.0.2:*"],
        "datagram",
        &["admit", "0.0.0.0", "0"],
    );
    let address = guest.address("127.0.0.1");
    peer("127.0.0.1").send_to(b"intruder", address).unwrap();
    peer("127.0.0.2").send_to(b"welcome", address).unwrap();
    guest.succeed();
}

/// Of datagram sockets Linux shares a port that it chooses, where both have such an
/// option, and the newest receives. There is but one port to choose.
#[apply(both_families)]
fn a_port_of_another_program_is_never_chosen(#[case] host: &str) {
    const VICTIM: &str = r"
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
for option in socket.SO_REUSEADDR, socket.SO_REUSEPORT:
    s.setsockopt(socket.SOL_SOCKET, option, 1)
s.bind(('', 0))
print(s.getsockname()[1], flush=True)
sys.stdin.read()
";
    let only_port = "echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range";
    let Some(namespace) = Namespace::new(only_port) else {
        return;
    };
    let mut python = namespace.command("python3");
    python.args(["-c", VICTIM, host]);
    python.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let mut told = BufReader::new(python.stdout.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert_eq!(line, "40000\n");
    let send = target("udp", host, "9");
    let guest = namespace.start(&["--allow-send", &send], "datagram", &["reuse", host, "0"]);
    let printed = guest.succeed();
    drop(python.stdin.take());
    python.wait().unwrap();
    let each = "bind: EADDRINUSE\nconnect: EADDRINUSE\nsendto: EADDRINUSE\n";
    assert_eq!(printed, [each, each].concat());
}
