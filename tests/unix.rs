//! Unix sockets between guests and native peers.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use capsock_test_programs::pattern;
use capsock_tests::{output, start, stderr, succeed};

/// A name in the abstract namespace that no other test has.
fn unique(name: &str) -> String {
    format!("capsock-test-{}-{name}", std::process::id())
}

fn echo_through(mut stream: UnixStream) {
    let data = pattern(1 << 20);
    stream.write_all(&data).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer == data);
}

fn echo_back(listener: &UnixListener) {
    let (mut stream, _peer) = listener.accept().unwrap();
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    stream.write_all(&data).unwrap();
}

#[test]
fn a_server_on_a_path_is_reached_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut guest = start(
        &["--allow-listen", &format!("unix:{}", path.display())],
        "unix",
        &["serve", path.to_str().unwrap()],
    );
    guest.expect_line("listening");
    echo_through(UnixStream::connect(&path).unwrap());
    guest.succeed();
}

#[test]
fn a_server_on_an_abstract_name_is_reached_there() {
    let name = unique("server");
    let mut guest = start(
        &["--allow-listen", &format!("unix-abstract:{name}")],
        "unix",
        &["serve", &format!("@{name}")],
    );
    guest.expect_line("listening");
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    echo_through(UnixStream::connect_addr(&address).unwrap());
    guest.succeed();
}

#[test]
fn a_client_reaches_a_path_in_a_granted_directory() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    let path = dir.path().join("sub/s");
    let listener = UnixListener::bind(&path).unwrap();
    let guest = start(
        &[
            "--allow-connect",
            &format!("unix:{}/", dir.path().display()),
        ],
        "unix",
        &["client", path.to_str().unwrap()],
    );
    echo_back(&listener);
    guest.succeed();
}

#[test]
fn a_client_reaches_an_abstract_name() {
    let name = unique("client");
    let listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let guest = start(
        &["--allow-connect", &format!("unix-abstract:{name}")],
        "unix",
        &["client", &format!("@{name}")],
    );
    echo_back(&listener);
    guest.succeed();
}

#[test]
fn datagrams_go_both_ways_between_paths() {
    let dir = tempfile::tempdir().unwrap();
    let (guests, ours) = (dir.path().join("guest"), dir.path().join("peer"));
    let peer = UnixDatagram::bind(&ours).unwrap();
    let mut guest = start(
        &[
            "--allow-bind",
            &format!("unix:{}", guests.display()),
            "--allow-send",
            &format!("unix:{}", ours.display()),
        ],
        "unix",
        &["datagram", guests.to_str().unwrap()],
    );
    guest.expect_line("bound");
    peer.send_to(b"Hello, world", &guests).unwrap();
    let mut buffer = [0; 64];
    let count = peer.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"Hello, world");
    guest.succeed();
}

/// No library binds a path of 108 bytes, but the kernel does.
const BIND_AND_SEND: &str = "
import ctypes, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = struct.pack('H108s', socket.AF_UNIX, sys.argv[1].encode())
assert len(sys.argv[1]) == 108
assert ctypes.CDLL(None).bind(s.fileno(), address, len(address)) == 0
s.sendto(b'x', sys.argv[2])
";

/// A path that fills `sun_path` has no NUL at its end; it must not confuse the
/// host.
#[test]
fn a_peer_with_the_longest_path_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let guests = dir.path().join("guest");
    let ours = dir
        .path()
        .join("p".repeat(107 - dir.path().as_os_str().len()));
    let mut guest = start(
        &["--allow-bind", &format!("unix:{}", guests.display())],
        "unix",
        &["datagram", guests.to_str().unwrap()],
    );
    guest.expect_line("bound");
    let status = Command::new("python3")
        .args(["-c", BIND_AND_SEND])
        .args([&ours, &guests])
        .status()
        .unwrap();
    assert!(status.success());
    let output = guest.output();
    // It may not answer there, but it has lived to learn that.
    assert!(stderr(&output).contains("EINVAL"), "{}", stderr(&output));
}

#[test]
fn seqpackets_keep_their_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let mut guest = start(
        &["--allow-listen", &format!("unix:{}", path.display())],
        "unix",
        &["seqpacket", path.to_str().unwrap()],
    );
    guest.expect_line("listening");
    let status = Command::new("python3")
        .args(["-c", SEQPACKET, path.to_str().unwrap()])
        .status();
    assert!(status.unwrap().success());
    guest.succeed();
}

const SEQPACKET: &str = "
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(b'one')
s.send(b'two')
assert s.recv(64) == b'three'
";

/// Tries `case` on `path` under a grant for `granted/`, and returns what the
/// guest got.
fn attempt(case: &str, granted: &Path, path: &str) -> String {
    let op = case.strip_prefix("try-").unwrap().replace("bind", "listen");
    succeed(
        &[
            &format!("--allow-{op}"),
            &format!("unix:{}/", granted.display()),
        ],
        "unix",
        &[case, path],
    )
}

#[test]
fn no_link_leads_out_of_a_granted_directory() {
    let dir = tempfile::tempdir().unwrap();
    let (granted, outside) = (dir.path().join("granted"), dir.path().join("outside"));
    std::fs::create_dir(&granted).unwrap();
    std::fs::create_dir(&outside).unwrap();
    let _listener = UnixListener::bind(outside.join("s")).unwrap();
    let _inside = UnixListener::bind(granted.join("real")).unwrap();
    symlink(outside.join("s"), granted.join("link")).unwrap();
    symlink("real", granted.join("inner")).unwrap();
    std::fs::create_dir(granted.join("sub")).unwrap();
    let _beneath = UnixListener::bind(granted.join("sub/s")).unwrap();
    symlink("sub", granted.join("alias")).unwrap();
    symlink(&outside, granted.join("dir")).unwrap();
    let at = |name: &str| format!("{}/{name}", granted.display());

    for name in ["real", "sub/s"] {
        assert!(
            attempt("try-connect", &granted, &at(name)).contains("Ok"),
            "{name}"
        );
    }
    for name in [
        "link",
        "alias/s",
        "inner",
        "../outside/s",
        "./real",
        "/real",
        "dir/s",
    ] {
        let result = attempt("try-connect", &granted, &at(name));
        assert!(
            result.starts_with("Err") && !result.contains("REFUSED"),
            "{name}: {result}"
        );
    }
    for name in ["dir/new", "../outside/new"] {
        let result = attempt("try-bind", &granted, &at(name));
        assert!(result.starts_with("Err"), "{name}: {result}");
    }
    assert!(!outside.join("new").exists());
    assert!(attempt("try-bind", &granted, &at("link")).contains("EADDRINUSE"));
    assert!(attempt("try-bind", &granted, &at("new")).contains("Ok"));
    assert!(granted.join("new").exists());
    assert!(attempt("try-connect", &granted, &at("missing")).contains("ENOENT"));
    std::fs::write(granted.join("file"), "").unwrap();
    assert!(attempt("try-connect", &granted, &at("file")).contains("ECONNREFUSED"));
}

#[test]
fn a_grant_of_one_name_is_not_one_of_another() {
    let name = unique("other");
    let listener =
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let output = output(
        &["--allow-connect", "unix-abstract:granted"],
        "unix",
        &["try-connect", &format!("@{name}")],
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("EACCES"));
    assert!(
        stderr(&output).contains(&format!("--allow-connect unix-abstract:{name}")),
        "{}",
        stderr(&output)
    );
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err());
}
