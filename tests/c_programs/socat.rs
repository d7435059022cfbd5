//! socat, which relays between what it has the addresses of.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Output;

use capsock_tests::{PATIENCE, stderr, target};
use rstest::rstest;
use tempfile::TempDir;

use super::{built, command, connect, free_port, run, shout, until};

/// How long one direction goes on when the other one has ended, in seconds.
const LONG: &str = "60";

#[rstest]
#[case::ipv4("TCP4", "127.0.0.1")]
#[case::ipv6("TCP6", "::1")]
fn socat_is_a_client(#[case] kind: &str, #[case] host: &str) {
    let Some(socat) = built("socat") else {
        return;
    };
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let grant = target("tcp", host, port);
    let address = format!("{kind}:{}", &grant["tcp://".len()..]);
    let peer = std::thread::spawn(move || shout(listener.accept().unwrap().0));
    let args = ["-t", LONG, "-", &address];
    let output = run(
        command(&["--allow-connect", &grant], &socat, &args),
        "over tcp\n",
    );
    assert_eq!(output.stdout, b"OVER TCP\n", "{}", stderr(&output));
    peer.join().unwrap();

    let denied = run(command(&[], &socat, &args), "x");
    assert!(!denied.status.success());
    let told = stderr(&denied).replace('\'', "");
    assert!(told.contains(&format!("--allow-connect {grant}")), "{told}");
    assert!(told.contains("Permission denied"), "{told}");
}

#[test]
fn socat_relays_from_tcp_to_a_unix_socket_and_back() {
    let Some(socat) = built("socat") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("peer.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = std::thread::spawn(move || shout(listener.accept().unwrap().0));
    let port = free_port();
    let (listen, unix) = (
        format!("tcp://127.0.0.1:{port}"),
        format!("unix:{}", path.display()),
    );
    let from = format!("TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr");
    let to = format!("UNIX-CONNECT:{}", path.display());
    let flags = ["--allow-listen", &listen, "--allow-connect", &unix];
    let relay = command(&flags, &socat, &["-t", LONG, &from, &to]);
    let relay = std::thread::spawn(move || run(relay, ""));
    let mut client = connect(port);
    client.write_all(b"from tcp").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "FROM TCP");
    peer.join().unwrap();
    let ended = relay.join().unwrap();
    assert!(ended.status.success(), "{}", stderr(&ended));

    let path = directory.path().join("socat.sock");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = std::thread::spawn(move || shout(listener.accept().unwrap().0));
    let (listen, connect) = (
        format!("unix:{}", path.display()),
        format!("tcp://127.0.0.1:{port}"),
    );
    let from = format!("UNIX-LISTEN:{}", path.display());
    let to = format!("TCP4:127.0.0.1:{port}");
    let flags = ["--allow-listen", &listen, "--allow-connect", &connect];
    let relay = command(&flags, &socat, &["-t", LONG, &from, &to]);
    let relay = std::thread::spawn(move || run(relay, ""));
    let mut client = until(|| UnixStream::connect(&path).ok());
    client.write_all(b"from unix").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "FROM UNIX");
    peer.join().unwrap();
    let ended = relay.join().unwrap();
    assert!(ended.status.success(), "{}", stderr(&ended));
}

#[test]
fn socat_sends_datagrams() {
    let Some(socat) = built("socat") else {
        return;
    };
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = peer.local_addr().unwrap().port();
    let grant = format!("udp://127.0.0.1:{port}");
    // An empty one is its end.
    let peer = std::thread::spawn(move || {
        let mut room = [0; 64];
        let (count, client) = peer.recv_from(&mut room).unwrap();
        let answer = room[..count].to_ascii_uppercase();
        peer.send_to(&answer, client).unwrap();
        peer.send_to(&[], client).unwrap();
    });
    let address = format!("UDP4:127.0.0.1:{port},null-eof");
    let flags = ["--allow-send", &grant, "--allow-recv", &grant];
    let output = run(
        command(&flags, &socat, &["-t", LONG, "-", &address]),
        "a datagram\n",
    );
    assert_eq!(output.stdout, b"A DATAGRAM\n", "{}", stderr(&output));
    peer.join().unwrap();
}

/// By the flags of open(2).
#[test]
fn socat_writes_files() {
    let Some(socat) = built("socat") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file");
    let dir = format!("--dir={}", directory.path().display());
    let write = |how: &str, text: &'static str| {
        let address = format!("OPEN:{},{how}", path.display());
        run(command(&[&dir], &socat, &["-u", "-", &address]), text)
    };
    let output = write("creat,excl", "first\n");
    assert!(output.status.success(), "{}", stderr(&output));
    let output = write("append", "second\n");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(&path).unwrap(), b"first\nsecond\n");
    let output = write("creat,excl", "third\n");
    assert!(stderr(&output).contains("File exists"), "{output:?}");
    let output = write("trunc", "last\n");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read(&path).unwrap(), b"last\n");
}

/// Processes and terminals.
#[rstest]
#[case::system("SYSTEM:true", "fork()")]
#[case::exec("EXEC:true", "fork()")]
#[case::terminal("PTY", "openpty(")]
fn socat_has_no(#[case] address: &str, #[case] function: &str) {
    let Some(socat) = built("socat") else {
        return;
    };
    let output = run(command(&[], &socat, &[address, "-"]), "");
    is_not_implemented(&output, function);
}

#[test]
fn socat_has_no_process_for_each_connection() {
    let Some(socat) = built("socat") else {
        return;
    };
    let port = free_port();
    let grant = format!("tcp://127.0.0.1:{port}");
    let address = format!("TCP4-LISTEN:{port},bind=127.0.0.1,fork");
    let server = command(&["--allow-listen", &grant], &socat, &[&address, "PIPE"]);
    let server = std::thread::spawn(move || run(server, ""));
    let mut received = String::new();
    connect(port).read_to_string(&mut received).unwrap();
    assert_eq!(received, "");
    is_not_implemented(&server.join().unwrap(), "fork()");
}

#[track_caller]
fn is_not_implemented(output: &Output, function: &str) {
    let told = stderr(output);
    assert!(!output.status.success() && output.stdout.is_empty());
    let error = told.lines().find(|line| line.contains(function));
    let is_told = error.is_some_and(|line| line.ends_with("Function not implemented"));
    assert!(is_told, "{told}");
}
