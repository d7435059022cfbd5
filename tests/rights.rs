//! Sockets that are passed over Unix sockets, with CPython as the peer.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use capsock_tests::{output, run, start, stderr, succeed, target};
use rstest::rstest;

#[test]
fn sockets_go_over_a_pair_and_nothing_leaks() {
    // Fewer descriptors than the guest passes: what leaks shows.
    let command = run(&[], "rights", &["pairs"]);
    let mut limited = Command::new("prlimit");
    limited
        .arg("--nofile=150")
        .arg(command.get_program())
        .args(command.get_args());
    let output = limited.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// The guest's socket goes to Python, which talks on it.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn python_gets_a_connected_socket(#[case] host: &str) {
    let mut python = Python::start("gets", &[host]);
    let port = python.line();
    let connect = target("tcp", host, &port);
    let unix = python.unix();
    let flags = [
        "--allow-connect",
        &connect,
        "--allow-connect",
        &unix,
        "--allow-pass-fd",
        &unix,
    ];
    let printed = succeed(&flags, "rights", &["send", &python.name, host, &port]);
    assert_eq!(printed, "got 1\nheard Hello from Python\n");
    python.succeed();
}

#[test]
fn a_pass_that_is_not_granted_sends_nothing() {
    let mut python = Python::start("gets", &["127.0.0.1"]);
    let port = python.line();
    let connect = target("tcp", "127.0.0.1", &port);
    let unix = python.unix();
    let flags = [
        "--allow-connect",
        &connect,
        "--allow-connect",
        &unix,
        "--allow-pass-fd",
        "unix:/elsewhere",
        "--allow-take-fd",
        "*",
    ];
    let output = output(
        &flags,
        "rights",
        &["send", &python.name, "127.0.0.1", &port],
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "EACCES\ngot 0\n\n");
    assert_eq!(
        stderr(&output),
        format!(
            "capsock: denied pass-fd {unix}: no rule allows it; to allow it: --allow-pass-fd {unix}\n"
        )
    );
    python.succeed();
}

/// Python's listener and connection go to the guest, which uses both.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_guest_gets_a_listener_and_a_connected_socket(#[case] host: &str) {
    let mut python = Python::start("sends", &[host]);
    let (listener, server) = (python.line(), python.line());
    let (listen, connect) = (target("tcp", host, listener), target("tcp", host, server));
    let unix = python.unix();
    let flags = [
        "--allow-connect",
        &unix,
        "--allow-take-fd",
        &unix,
        "--allow-listen",
        &listen,
        "--allow-connect",
        &connect,
    ];
    succeed(&flags, "rights", &["receive", &python.name]);
    python.succeed();
}

/// Who shares a socket may connect it after it was checked.
#[test]
fn a_shared_socket_reaches_no_more_than_the_guest_may() {
    let python = Python::start("lures", &[]);
    let unix = python.unix();
    let flags = ["--allow-connect", &unix, "--allow-take-fd", &unix];
    let printed = succeed(&flags, "rights", &["lured", &python.name]);
    assert_eq!(printed, "EACCES EACCES\nEACCES EAGAIN\n");
    python.succeed();
}

/// Who shares a socket may bind it, or connect it, after it was checked.
#[rstest]
#[case::ipv4("127.0.0.1", "0.0.0.0")]
#[case::ipv6("::1", "::")]
fn a_shared_socket_listens_where_the_guest_may(#[case] host: &str, #[case] any: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("receiver").display().to_string();
    for (listen, send, expected) in [(false, false, "EACCES\nEACCES\n"), (true, true, "ok\nok\n")] {
        let python = Python::start("binds", &[host, &path]);
        let unix = python.unix();
        let (anywhere, there) = (target("tcp", any, "ephemeral"), target("tcp", host, "*"));
        let to = format!("unix:{path}");
        let mut flags = vec!["--allow-connect", &unix, "--allow-take-fd", &unix];
        flags.extend(["--allow-listen", &anywhere]);
        if listen {
            flags.extend(["--allow-listen", &there]);
        }
        if send {
            flags.extend(["--allow-send", &to]);
        }
        let printed = succeed(&flags, "rights", &["bound", &python.name]);
        assert_eq!(printed, expected);
        python.succeed();
        _ = std::fs::remove_file(&path);
    }
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_listener_that_comes_back_is_what_it_was(#[case] host: &str) {
    let (listen, connect) = (target("tcp", host, "ephemeral"), target("tcp", host, "*"));
    let flags = ["--allow-listen", &listen, "--allow-connect", &connect];
    succeed(&flags, "rights", &["own-listener", host]);
}

/// Each is closed, and told as cut.
#[test]
fn what_a_guest_may_not_have_is_closed() {
    let mut python = Python::start("offers", &[]);
    let (listener, server) = (python.line(), python.line());
    let unix = python.unix();
    let bind = target("udp", "127.0.0.1", "1");
    let flags = [
        "--allow-connect",
        &unix,
        "--allow-take-fd",
        &unix,
        "--allow-bind",
        &bind,
    ];
    let output = output(&flags, "rights", &["refused", &python.name]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "fine 1 false\nnine 8 true\nfile 0 true\nmixed 1 true\nlistener 0 true\nconnected 0 true\n\
         connecting 0 true\nbound 0 true\nsends 0 true\nnetlink 0 true\n"
    );
    let mut told = stderr(&output);
    for (port, name) in [(&listener, "LISTENER"), (&server, "SERVER")] {
        told = told.replace(&format!(":{port}"), &format!(":{name}"));
    }
    insta::assert_snapshot!(told);
    python.succeed();
}

#[test]
fn a_take_that_is_not_granted_closes_all() {
    let mut python = Python::start("offers", &[]);
    let (_listener, _server) = (python.line(), python.line());
    let unix = python.unix();
    let flags = ["--allow-connect", &unix, "--allow-pass-fd", "*"];
    let output = output(&flags, "rights", &["refused", &python.name]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        printed.starts_with("fine 0 true\nnine 0 true\n"),
        "{printed}"
    );
    let told = format!(
        "capsock: denied take-fd {unix}: no rule allows it; to allow it: --allow-take-fd {unix}\n"
    );
    assert!(stderr(&output).starts_with(&told), "{}", stderr(&output));
    python.succeed();
}

#[rstest]
#[case::denied(&[], "EACCES\nEACCES\n0 true\n")]
#[case::granted(&["--allow-pass-fd", "*", "--allow-take-fd", "*"], "ok\nok\n1 false\n")]
#[case::forbidden(
    &["--allow-pass-fd", "*", "--allow-take-fd", "*", "--deny-take-fd", "*"],
    "ok\nok\n0 true\n"
)]
fn a_pair_whose_end_has_left_needs_the_wide_grant(#[case] more: &[&str], #[case] expected: &str) {
    let python = Python::start("answers", &[]);
    let unix = python.unix();
    let mut flags = vec!["--allow-connect", &unix, "--allow-pass-fd", &unix];
    flags.extend(more);
    let printed = succeed(&flags, "rights", &["exposed", &python.name]);
    assert_eq!(printed, expected);
    python.succeed();
}

/// The path of a guest's listener is what the grants for its connections name.
#[rstest]
#[case::granted(true, "ok\n1 false\n")]
#[case::denied(false, "EACCES\n0 true\n")]
fn a_guest_that_accepted_passes_and_takes(#[case] granted: bool, #[case] expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket").display().to_string();
    let unix = format!("unix:{path}");
    let mut flags = vec!["--allow-listen", &unix];
    if granted {
        flags.extend(["--allow-pass-fd", &unix, "--allow-take-fd", &unix]);
    }
    let mut guest = start(&flags, "rights", &["serve", &path]);
    guest.expect_line("listening");
    let mut python = Command::new("python3");
    let status = python.args(["-c", PEER, "visits", &path]).status().unwrap();
    assert!(status.success());
    assert_eq!(guest.succeed(), expected);
}

#[test]
fn datagrams_carry_sockets_to_granted_paths() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let all = format!("unix:{}/", dir.path().display());
    let unix = format!("unix:{}", at("granted"));
    let flags = [
        "--allow-bind",
        &all,
        "--allow-send",
        &all,
        "--allow-pass-fd",
        &unix,
        "--allow-take-fd",
        &unix,
    ];
    let args = ["datagram", &at("granted"), &at("other")];
    assert_eq!(succeed(&flags, "rights", &args), "ok\nEACCES\nok\n1\n");
}

/// A peer that listens at an abstract address.
struct Python {
    name: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Python {
    fn start(case: &str, args: &[&str]) -> Self {
        let name = format!(
            "capsock-rights-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let name = name.replace(['(', ')'], "");
        let mut command = Command::new("python3");
        command.args(["-c", PEER, case, &name]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut python = Self {
            name,
            child,
            stdout,
        };
        assert_eq!(python.line(), "listening");
        python
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn unix(&self) -> String {
        format!("unix-abstract:{}", self.name)
    }

    #[track_caller]
    fn succeed(mut self) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        assert_eq!(rest, "");
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended by itself, and been waited for.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

const PEER: &str = r#"
import os, socket, sys

def tcp_listener(host):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    return listener, listener.getsockname()

def say(text):
    print(text, flush=True)

case, name, *rest = sys.argv[1:]
if case == 'visits':
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(name)
    pair = socket.socketpair()
    socket.send_fds(peer, [b'one'], [pair[0].fileno()])
    peer.shutdown(socket.SHUT_WR)
    while socket.recv_fds(peer, 8, 1)[0]:
        pass
    sys.exit()

server = socket.socket(socket.AF_UNIX)
server.settimeout(60)
server.bind('\0' + name)
server.listen(1)
say('listening')

if case == 'gets':
    listener, address = tcp_listener(rest[0])
    say(address[1])
    connection, _ = listener.accept()
    peer, _ = server.accept()
    message, fds, flags, _ = socket.recv_fds(peer, 8, 4)
    for fd in fds:
        with socket.socket(fileno=fd) as received:
            received.setblocking(True)
            assert received.getpeername()[:2] == address[:2], received
            received.sendall(b'Hello from Python')
    peer.sendall(b'got %d' % len(fds))
    if fds:
        connection.sendall(b'heard ' + connection.recv(64))
    assert message == (b'x' if fds else b'n')
    connection.shutdown(socket.SHUT_WR)
elif case == 'sends':
    listener, address = tcp_listener(rest[0])
    say(address[1])
    other, other_address = tcp_listener(rest[0])
    say(other_address[1])
    client = socket.create_connection(other_address[:2])
    conn, _ = other.accept()
    peer, _ = server.accept()
    socket.send_fds(peer, [b'x'], [listener.fileno(), client.fileno()])
    assert conn.recv(64) == b'to the server'
    client.setblocking(True)
    listener.setblocking(True)
    conn.sendall(b'from the server')
    assert peer.recv(64) == b'connect'
    visitor = socket.create_connection(address[:2])
    assert visitor.recv(64) == b'accepted'
    peer.sendall(b'done')
elif case == 'lures':
    listener, address = tcp_listener('127.0.0.1')
    receiver = socket.socket(type=socket.SOCK_DGRAM)
    receiver.bind(('127.0.0.1', 0))
    sent = [socket.socket(), socket.socket(type=socket.SOCK_DGRAM)]
    peer, _ = server.accept()
    socket.send_fds(peer, [b'x'], [each.fileno() for each in sent])
    assert peer.recv(64) == b'taken'
    for each, to in zip(sent, [address, receiver.getsockname()]):
        each.setblocking(True)
        each.connect(to)
    listener.accept()[0].sendall(b'forbidden')
    peer.sendall(b'connected')
    assert peer.recv(64) == b''
    receiver.setblocking(False)
    try:
        assert not receiver.recv(64)
    except BlockingIOError:
        pass
elif case == 'binds':
    host, path = rest
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    sent = [socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)]
    peer, _ = server.accept()
    socket.send_fds(peer, [b'x'], [each.fileno() for each in sent])
    assert peer.recv(64) == b'taken'
    sent[0].bind((host, 0))
    sent[1].connect(path)
    peer.sendall(b'bound')
    assert peer.recv(64) == b''
elif case == 'answers':
    peer, _ = server.accept()
    _, (end,), _, _ = socket.recv_fds(peer, 8, 1)
    with socket.socket(fileno=end) as end:
        spare = socket.socket()
        socket.send_fds(end, [b'back'], [spare.fileno()])
        peer.recv(1)
elif case == 'offers':
    listener, address = tcp_listener('127.0.0.1')
    say(address[1])
    other, other_address = tcp_listener('127.0.0.1')
    say(other_address[1])
    client = socket.create_connection(other_address)
    # The queue has room for one, so the last connect stays under way.
    full = socket.create_server(('127.0.0.1', 0), backlog=0)
    first, connecting = socket.create_connection(full.getsockname()), socket.socket()
    connecting.setblocking(False)
    connecting.connect_ex(full.getsockname())
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(other_address)
    sends = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sends.connect(address)
    free, null = socket.socket(), os.open('/dev/null', os.O_RDONLY)
    offers = [
        (b'fine', [free]),
        (b'nine', [free] * 9),
        (b'file', [null]),
        (b'mixed', [null, free, listener]),
        (b'listener', [listener]),
        (b'connected', [client]),
        (b'connecting', [connecting]),
        (b'bound', [bound]),
        (b'sends', [sends]),
        (b'netlink', [socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)]),
    ]
    peer, _ = server.accept()
    for text, what in offers:
        fds = [what if isinstance(what, int) else what.fileno() for what in what]
        socket.send_fds(peer, [text], fds)
        assert peer.recv(1) == b'y'
"#;
