//! Families and protocols beside TCP, UDP and Unix, against the kernel and
//! CPython; where this kernel lacks one, its own error comes through.

use std::net::UdpSocket;
use std::process::Command;

use capsock_tests::{output, pipe, run, start, stderr, succeed, target};
use rstest::rstest;

fn python(program: &str, args: &[&str]) -> Command {
    let mut python = Command::new("python3");
    python.args(["-c", program]).args(args);
    python
}

/// iproute2 asks the same of the kernel.
#[test]
fn netlink_tells_the_links_that_ip_tells() {
    let ours = succeed(&["--allow-raw", "netlink://route"], "families", &["links"]);
    let theirs = pipe(Command::new("ip").args(["-o", "link"]), "");
    let theirs: Vec<String> = theirs
        .lines()
        .map(|line| {
            let mut fields = line.split(": ");
            let (index, name) = (fields.next().unwrap(), fields.next().unwrap());
            // A link to another one is NAME@OTHER.
            format!("{index} {}", name.split('@').next().unwrap())
        })
        .collect();
    assert!(!theirs.is_empty());
    assert_eq!(ours.lines().collect::<Vec<_>>(), theirs);
}

#[test]
fn a_packet_socket_sees_the_frames_of_its_interface() {
    let marker = format!("capsock frame {}", std::process::id());
    let mut guest = start(
        &["--allow-raw", "packet://lo"],
        "families",
        &["sniff", "lo", &marker],
    );
    assert_eq!(guest.expect_line("ready"), "(lo, 0x0003)");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.send_to(marker.as_bytes(), address).unwrap();
    assert_eq!(guest.expect_line("found"), "protocol 0x0800");
    guest.succeed();
}

#[rstest]
#[case::any_from_the_start("packet://lo", &["create", "17", "3", "768"], "packet://*")]
#[case::another_protocol("netlink://generic", &["create", "16", "3", "0"], "netlink://route")]
fn a_rule_for_another_interface_or_protocol_is_not_enough(
    #[case] granted: &str,
    #[case] args: &[&str],
    #[case] missing: &str,
) {
    let output = output(&["--allow-raw", granted], "families", args);
    assert_eq!(output.stdout, b"13\n");
    let hint = format!("--allow-raw {missing}").replace("packet://*", "'packet://*'");
    assert!(stderr(&output).contains(&hint), "{}", stderr(&output));
}

#[rstest]
#[case::ipv4("raw/1", "127.0.0.1", "127.0.0.2")]
#[case::ipv6("raw/58", "::1", "::2")]
fn a_raw_socket_pings(#[case] proto: &str, #[case] host: &str, #[case] other: &str) {
    let at = if host.contains(':') { "[::1]" } else { host };
    let answer = succeed(
        &["--allow-raw", &format!("{proto}://{at}")],
        "families",
        &["ping", "raw", host, other],
    );
    assert_eq!(answer, format!("reply from {host}\n"));
}

/// Echoes on datagram sockets need a kernel that lets this group send them, so
/// they have a network namespace to themselves.
#[rstest]
#[case::ipv4("127.0.0.1", "127.0.0.2")]
#[case::ipv6("[::1]", "::2")]
fn a_datagram_socket_pings(#[case] at: &str, #[case] other: &str) {
    let host = at.trim_matches(['[', ']']);
    let inside = run(
        &["--allow-send", &format!("icmp://{at}")],
        "families",
        &["ping", "datagram", host, other],
    );
    let mut command = Command::new("unshare");
    command
        .args(["--net", "sh", "-ec"])
        .arg("ip link set lo up; echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range; exec \"$@\"")
        .arg("sh")
        .arg(inside.get_program())
        .args(inside.get_args());
    assert_eq!(pipe(&mut command, ""), format!("reply from {host}\n"));
}

const MPTCP: &str = "262";
const UDPLITE: &str = "136";

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn multipath_tcp_connects(#[case] host: &str) {
    // Each listens for the other: once the guest, once CPython.
    let mut guest = start(
        &["--allow-listen", &target("mptcp", host, "ephemeral")],
        "families",
        &["serve", MPTCP, host],
    );
    let port = guest.address(host).port().to_string();
    pipe(&mut python(MPTCP_CLIENT, &[host, &port]), "");
    guest.succeed();

    let mut server = python(MPTCP_SERVER, &[host]);
    let mut server = server.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let port = line_of(&mut server);
    let told = succeed(
        &["--allow-connect", &target("mptcp", host, &port)],
        "families",
        &["connect", MPTCP, host, &port],
    );
    assert_eq!(told, "protocol 262\n");
    assert!(server.wait().unwrap().success());
}

const MPTCP_CLIENT: &str = "
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM, 262)
s.connect((sys.argv[1], int(sys.argv[2])))
s.sendall(b'Hello, world')
assert s.recv(12, socket.MSG_WAITALL) == b'Hello, world'
";

const MPTCP_SERVER: &str = "
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM, 262)
s.bind((sys.argv[1], 0)); s.listen()
print(s.getsockname()[1], flush=True)
conn, _ = s.accept()
conn.sendall(conn.recv(12, socket.MSG_WAITALL))
";

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn udp_lite_datagrams_are_echoed(#[case] host: &str) {
    let mut echo = python(UDPLITE_ECHO, &[host]);
    let mut echo = echo.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let port = line_of(&mut echo);
    succeed(
        &["--allow-send", &target("udplite", host, &port)],
        "families",
        &["datagrams", UDPLITE, host, &port],
    );
    assert!(echo.wait().unwrap().success());
}

const UDPLITE_ECHO: &str = "
import socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM, 136)
s.bind((sys.argv[1], 0))
print(s.getsockname()[1], flush=True)
data, peer = s.recvfrom(64)
s.sendto(data, peer)
";

fn line_of(child: &mut std::process::Child) -> String {
    use std::io::{BufRead, BufReader};
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// Where the kernel lacks a family, the guest gets what CPython gets.
#[rstest]
#[case::can_raw("--allow-raw", "can://*", [29, 3, 1])]
#[case::can_bcm("--allow-raw", "can://*", [29, 2, 2])]
#[case::can_isotp("--allow-raw", "can://*", [29, 2, 6])]
#[case::tipc_stream("--allow-connect", "tipc://*", [30, 1, 0])]
#[case::tipc_rdm("--allow-send", "tipc://*", [30, 4, 0])]
#[case::l2cap("--allow-connect", "bluetooth://l2cap/*", [31, 5, 0])]
#[case::hci("--allow-bind", "bluetooth://hci/0/0", [31, 3, 1])]
#[case::sco("--allow-connect", "bluetooth://sco/*", [31, 5, 2])]
#[case::rfcomm("--allow-connect", "bluetooth://rfcomm/*", [31, 1, 3])]
#[case::alg("--allow-bind", "alg://hash/sha256", [38, 5, 0])]
#[case::rds("--allow-send", "rds://127.0.0.1:*", [21, 5, 0])]
#[case::vsock_stream("--allow-connect", "vsock://2:*", [40, 1, 0])]
#[case::vsock_datagram("--allow-send", "vsock://2:*", [40, 2, 0])]
#[case::netlink("--allow-raw", "netlink://route", [16, 3, 0])]
fn the_kernel_decides_on_families(
    #[case] flag: &str,
    #[case] granted: &str,
    #[case] numbers: [u32; 3],
) {
    let numbers = numbers.map(|number| number.to_string());
    let [family, kind, proto] = numbers.each_ref().map(String::as_str);
    let theirs = pipe(&mut python(CREATE, &[family, kind, proto]), "");
    let ours = succeed(
        &[flag, granted],
        "families",
        &["create", family, kind, proto],
    );
    assert_eq!(ours, theirs);
}

const CREATE: &str = "
import socket, sys
try:
    socket.socket(*map(int, sys.argv[1:]))
    print(0)
except OSError as error:
    print(error.errno)
";

#[test]
fn none_is_made_without_a_rule_and_each_denial_says_what_would_allow_it() {
    let output = output(&[], "families", &["denied"]);
    assert!(output.status.success(), "{}", stderr(&output));
    insta::assert_snapshot!(stderr(&output));
}

#[test]
fn a_raw_socket_whose_guest_writes_the_header_needs_its_option_too() {
    let output = output(
        &["--allow-raw", "raw/255://127.0.0.1"],
        "families",
        &["denied"],
    );
    assert!(
        stderr(&output).contains("--allow-option 'ip-hdrincl=1'"),
        "{}",
        stderr(&output)
    );
}

/// SHA-256 of "abc" begins with ba78 (FIPS 180-4); a kernel without AF_ALG gives
/// CPython and guests the same errno.
#[test]
fn the_kernels_cryptography_hashes_and_encrypts() {
    let flags = [
        "--allow-bind",
        "alg://hash/*",
        "--allow-bind",
        "alg://skcipher/cbc(aes)",
        "--allow-option",
        "raw=279/1",
    ];
    let ours = succeed(&flags, "families", &["digest"]);
    let theirs = pipe(&mut python(CREATE, &["38", "5", "0"]), "");
    let expected = if theirs == "0\n" { "ba78\n" } else { &theirs };
    assert_eq!(ours, expected);
}

#[test]
fn families_of_other_systems_are_not_supported() {
    succeed(
        &["--allow-send", "udp://127.0.0.1:*"],
        "families",
        &["foreign"],
    );
}

/// This machine's vsock transport may be none at all; CPython gets the same.
#[test]
fn vsock_binds_and_connects_as_far_as_the_kernel_goes() {
    let port = 40_000 + std::process::id() % 10_000;
    let (listen, port_text) = (format!("vsock://any:{port}"), port.to_string());
    let ours = succeed(
        &["--allow-listen", &listen, "--allow-connect", "vsock://1:*"],
        "families",
        &["vsock", &port_text],
    );
    let theirs = pipe(&mut python(VSOCK, &[&port_text]), "");
    assert_eq!(ours, theirs);
}

const VSOCK: &str = "
import socket, sys
port = int(sys.argv[1])
s = socket.socket(socket.AF_VSOCK)
s.bind((socket.VMADDR_CID_ANY, port)); s.listen()
print('connect', socket.socket(socket.AF_VSOCK).connect_ex((1, port)))
";
