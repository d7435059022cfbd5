//! Pairs, duplicates, numbers, files, servers and pollers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use capsock_tests::{PATIENCE, pipe, start, succeed, target};
use rstest::rstest;
use rstest_reuse::{apply, template};

#[template]
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_families(#[case] host: &str) {}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn pairs_duplicates_numbers_files_and_default_timeouts() {
    succeed(&[], "descriptors", &["local"]);
}

#[test]
fn flags_of_the_type_do_what_they_do_in_python() {
    let theirs = pipe(Command::new("python3").args(["-c", FLAGS]), "");
    assert_eq!(succeed(&[], "descriptors", &["flags"]), theirs);
}

const FLAGS: &str = "
from socket import *
def show(s):
    timeout = s.gettimeout()
    print(int(s.type), str(s.getblocking()).lower(), 'None' if timeout is None else f'Some({timeout})')
for limit in (None, 1.5):
    setdefaulttimeout(limit)
    for kind in (SOCK_STREAM, SOCK_DGRAM):
        show(socket(AF_INET, kind))
        show(socket(AF_INET, kind | SOCK_NONBLOCK))
        show(socket(AF_INET, kind | SOCK_CLOEXEC))
        show(socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC))
        show(socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC))
    one, other = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK)
    show(one)
    show(other)
    show(socketpair(AF_UNIX, SOCK_STREAM)[0])
    for kind in (SOCK_STREAM, SOCK_STREAM | SOCK_NONBLOCK):
        show(fromfd(one.fileno(), AF_UNIX, kind))
";

#[apply(both_families)]
fn create_server_serves(#[case] host: &str) {
    let mut guest = start(
        &["--allow-listen", &target("tcp", host, "*")],
        "descriptors",
        &["servers", host],
    );
    let mut answer = String::new();
    connect(guest.address(host))
        .read_to_string(&mut answer)
        .unwrap();
    assert_eq!(answer, "served");
    guest.succeed();
}

#[apply(both_families)]
fn create_connection_connects(#[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let flags = [
        "--allow-connect",
        &target("tcp", host, &port),
        "--allow-bind",
        &target("tcp", host, "ephemeral"),
    ];
    let guest = start(&flags, "descriptors", &["connection", host, &port]);
    let mut said = String::new();
    listener
        .accept()
        .unwrap()
        .0
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "connected");
    guest.succeed();
}

#[test]
fn a_dual_stack_server_takes_both() {
    let mut guest = start(
        &["--allow-listen", "tcp://[::]:ephemeral"],
        "descriptors",
        &["dual-stack"],
    );
    let port = guest.address("::").port();
    for host in ["127.0.0.1", "::1"] {
        // Kept to the end of the iteration: the guest learns the peer by then.
        let mut stream = connect(SocketAddr::new(host.parse().unwrap(), port));
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    guest.succeed();
}

#[test]
fn pollers_and_select_tell_what_is_ready() {
    succeed(&[], "many", &["local"]);
}

#[apply(both_families)]
fn readiness_is_the_kernels(#[case] host: &str) {
    let (listen, connect) = (target("tcp", host, "ephemeral"), target("tcp", host, "*"));
    let flags = ["--allow-listen", &listen, "--allow-connect", &connect];
    succeed(&flags, "many", &["readiness", host]);
}

#[apply(both_families)]
fn one_guest_serves_many_clients_at_once(#[case] host: &str) {
    const CLIENTS: usize = 200;
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
        for (index, client) in clients
            .iter_mut()
            .enumerate()
            .filter(|(index, _)| *index != round)
        {
            let mut heard = vec![0; message.len()];
            client.read_exact(&mut heard).unwrap();
            assert_eq!(heard, message.as_bytes(), "client {index}");
        }
    }
    drop(clients);
    guest.succeed();
}
