//! recvmsg, sendmsg and ancillary data.

use std::io::{BufRead, BufReader};
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
