//! Peers that a `listen` grant's `from=` does not name: their connections are
//! reset and their datagrams dropped before the guest sees them, however it
//! takes them.

use std::process::Command;

use capsock_tests::{Namespace, Running, pipe, stderr, target};
use rstest::rstest;

/// The peer: first from an address that is not admitted, then from one that is.
const PEERS: &str = r"
import socket, sys
proto, host, port, intruder, welcome = PEERS
kind, number = {
    'tcp': (socket.SOCK_STREAM, 0), 'mptcp': (socket.SOCK_STREAM, 262),
    'udp': (socket.SOCK_DGRAM, 0), 'udplite': (socket.SOCK_DGRAM, 136),
}[proto]
for name, address in [('intruder', intruder), ('welcome', welcome)]:
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    s = socket.socket(family, kind, number)
    s.bind((address, 0))
    if host == '::':
        to = '::1' if family == socket.AF_INET6 else '127.0.0.1'
    else:
        to = host
    s.connect((to, port))
    if name == 'intruder' and kind == socket.SOCK_STREAM:
        s.settimeout(60)
        try:
            s.send(name.encode())
            assert s.recv(1) == b'' and proto == 'mptcp', 'a connection that is not reset'
        except (ConnectionResetError, BrokenPipeError):
            pass
    else:
        s.send(name.encode())
";

#[rstest]
#[case::ipv4("127.0.0.1", "127.0.0.2", "127.0.0.3")]
#[case::ipv6("::1", "fd00::2", "fd00::3")]
#[case::mapped_peers("::", "127.0.0.2", "127.0.0.3")]
#[case::a_mapped_intruder("::", "127.0.0.2", "fd00::3")]
#[case::a_mapped_guest("::", "fd00::2", "127.0.0.3")]
fn only_peers_that_are_named_are_seen(
    #[case] host: &str,
    #[case] intruder: &str,
    #[case] welcome: &str,
    #[values(
        ("tcp", "accept", false),
        ("tcp", "accept", true),
        ("mptcp", "accept", false),
        ("udp", "recv", false),
        ("udp", "recv", true),
        ("udp", "recvmsg", false),
        ("udp", "peek", false),
        ("udp", "peek-recvmsg", false),
        ("udplite", "recv", false)
    )]
    (proto, how, by_denial): (&str, &str, bool),
) {
    let listen = target(proto, host, "ephemeral");
    let from = |ip: &str| match ip.contains(':') {
        true => format!("{listen} from=[{ip}]"),
        false => format!("{listen} from={ip}"),
    };
    // The grant names who may, or a denial who may not.
    let (allow, deny) = (from(welcome), from(intruder));
    let flags = if by_denial {
        vec!["--allow-listen", &listen, "--deny-listen", &deny]
    } else {
        vec!["--allow-listen", &allow]
    };
    only_the_welcome_one_is_seen(&flags, (proto, how), host, (intruder, welcome));
}

/// A socket on `::` takes IPv4 too.
#[rstest]
fn a_denial_of_ipv4_holds_on_a_socket_of_both(
    #[values(("tcp", "accept"), ("udp", "recv"))] (proto, how): (&str, &str),
) {
    let (allow, deny) = (
        target(proto, "::", "ephemeral"),
        target(proto, "0.0.0.0", "*"),
    );
    let flags = ["--allow-listen", &allow, "--deny-listen", &deny];
    only_the_welcome_one_is_seen(&flags, (proto, how), "::", ("127.0.0.2", "fd00::3"));
}

fn only_the_welcome_one_is_seen(
    flags: &[&str],
    (proto, how): (&str, &str),
    host: &str,
    (intruder, welcome): (&str, &str),
) {
    let setup = "for a in fd00::2 fd00::3; do ip address add $a/128 dev lo nodad; done";
    let Some(namespace) = Namespace::new(setup) else {
        return;
    };
    let mut guest = namespace.start(flags, "inbound", &[how, proto, host]);
    let Some(port) = port(&mut guest, proto) else {
        return;
    };
    if how == "accept" {
        guest.expect_line("listening");
    }
    let peers = format!("PEERS = ({proto:?}, {host:?}, {port}, {intruder:?}, {welcome:?})\n");
    let mut python: Command = namespace.command("python3");
    pipe(python.arg("-"), &(peers + PEERS));
    let output = guest.output();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "welcome\n");
    let told = stderr(&output);
    assert!(
        told.contains("denied ") && told.contains(intruder),
        "{told}"
    );
}

/// The port, or `None` where the kernel lacks the protocol.
fn port(guest: &mut Running, proto: &str) -> Option<u16> {
    let line = guest.expect_line("");
    match line.strip_prefix("port ") {
        Some(port) => Some(port.parse().unwrap()),
        None => {
            assert_eq!(line, "EPROTONOSUPPORT");
            eprintln!("skipped: this kernel has no {proto}");
            None
        }
    }
}
