//! recvmsg, sendmsg and ancillary data.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use capsock_tests::{start, succeed, target};
use rstest::rstest;

#[test]
fn buffers_are_gathered_and_scattered_and_credentials_passed() {
    succeed(&[], "messages", &["local"]);
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn datagrams_carry_ancillary_data_both_ways(#[case] host: &str) {
    let (bind, send) = (target("udp", host, "ephemeral"), target("udp", host, "*"));
    succeed(
        &["--allow-bind", &bind, "--allow-send", &send],
        "messages",
        &["datagrams", host],
    );
}

#[test]
fn datagrams_are_segmented_and_coalesced() {
    let flags = [
        "--allow-bind",
        "udp://127.0.0.1:ephemeral",
        "--allow-send",
        "udp://127.0.0.1:*",
    ];
    succeed(&flags, "messages", &["segments"]);
}

/// The source address of a datagram needs the grant to bind it, and its interface
/// the one of SO_BINDTODEVICE.
#[rstest]
#[case::ipv4("127.0.0.1", "127.0.0.2", true, "127.0.0.2\n127.0.0.1\n")]
#[case::ipv4_denied("127.0.0.1", "127.0.0.2", false, "EACCES\nEACCES\n")]
#[case::ipv6("::1", "::1", true, "::1\n::1\n")]
#[case::ipv6_foreign_denied("::1", "2001:db8::7", false, "EACCES\nEACCES\n")]
fn a_datagram_is_sent_from_a_granted_address(
    #[case] host: &str,
    #[case] from: &str,
    #[case] granted: bool,
    #[case] expected: &str,
) {
    let bind = target("udp", host, "ephemeral");
    let source = target("udp", from, "ephemeral");
    let send = target("udp", host, "*");
    let recv = target("udp", from, "*");
    let mut flags = vec!["--allow-bind", &bind, "--allow-send", &send];
    flags.extend(["--allow-recv", &recv]);
    if granted {
        flags.extend([
            "--allow-bind",
            &source,
            "--allow-option",
            "so-bindtodevice=lo",
        ]);
    }
    assert_eq!(
        succeed(&flags, "messages", &["source", host, from]),
        expected
    );
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn the_error_queue_tells_what_became_of_a_datagram(#[case] host: &str) {
    let (bind, send) = (target("udp", host, "ephemeral"), target("udp", host, "*"));
    let flags = ["--allow-bind", &bind, "--allow-send", &send];
    succeed(&flags, "messages", &["errors", host]);
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn the_whole_length_is_told_when_it_is_asked_for(#[case] host: &str) {
    let (bind, send) = (target("udp", host, "ephemeral"), target("udp", host, "*"));
    let (listen, connect) = (target("tcp", host, "ephemeral"), target("tcp", host, "*"));
    let flags = [
        "--allow-bind",
        &bind,
        "--allow-send",
        &send,
        "--allow-listen",
        &listen,
        "--allow-connect",
        &connect,
    ];
    succeed(&flags, "messages", &["lengths", host]);
}

#[rstest]
#[case::ipv4("127.0.0.1", true, true, "Hello, world\nEISCONN\n")]
#[case::ipv6("::1", true, true, "Hello, world\nEISCONN\n")]
#[case::without_the_option("127.0.0.1", false, true, "EACCES\n")]
#[case::without_the_address("127.0.0.1", true, false, "EACCES\n")]
fn fast_open_connects_and_sends_in_one(
    #[case] host: &str,
    #[case] option: bool,
    #[case] address: bool,
    #[case] expected: &str,
) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let connect = target("tcp", host, &port);
    let mut flags = Vec::new();
    if option {
        flags.extend(["--allow-option", "msg-fastopen"]);
    }
    if address {
        flags.extend(["--allow-connect", &connect]);
    }
    let guest = start(&flags, "messages", &["fast-open", host, &port]);
    if option && address {
        let (mut stream, _peer) = listener.accept().unwrap();
        let mut data = String::new();
        stream.read_to_string(&mut data).unwrap();
        stream.write_all(data.as_bytes()).unwrap();
    }
    assert_eq!(guest.succeed(), expected);
}

/// Two hundred descriptors, of a process that may have a hundred: a leak would
/// show. The peer is CPython.
#[test]
fn descriptors_that_were_not_asked_for_are_closed() {
    let name = format!("capsock-test-{}-strays", std::process::id());
    let mut python = Command::new("python3");
    python
        .args(["-c", SEND_DESCRIPTORS, &name])
        .stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(python.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "listening\n");
    let mut guest = start(
        &["--allow-connect", &format!("unix-abstract:{name}")],
        "messages",
        &["strays", &name],
    );
    guest.expect_line("survived");
    guest.succeed();
    assert!(python.wait().unwrap().success());
}

const SEND_DESCRIPTORS: &str = "
import array, os, resource, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind('\\0' + sys.argv[1])
listener.listen(1)
print('listening', flush=True)
conn, _ = listener.accept()
# The guest's process is at the other end: it must not get near this limit.
pid = int.from_bytes(conn.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), sys.byteorder)
resource.prlimit(pid, resource.RLIMIT_NOFILE, (100, 100))
descriptors = array.array('i', [os.open('/dev/null', os.O_RDONLY)] * 3)
for _ in range(200):
    conn.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
    assert conn.recv(1) == b'y'
";

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn all_is_waited_for_in_every_receive(#[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let connect = target("tcp", host, &port);
    let guest = start(
        &["--allow-connect", &connect],
        "messages",
        &["wait-all", host, &port],
    );
    let (mut stream, _peer) = listener.accept().unwrap();
    for piece in 0..6 * 2_000 {
        stream.write_all(&[(piece % 256) as u8; 1000]).unwrap();
    }
    stream.write_all(b"end").unwrap();
    drop(stream);
    guest.succeed();
}
