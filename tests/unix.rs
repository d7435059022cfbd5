//! Unix sockets between guests and native peers.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use capsock_test_programs::pattern;
use capsock_tests::{Running, output, run, start, stderr, succeed};
use rstest::rstest;

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

/// A path in `dir` of so many bytes.
fn path_of(length: usize, dir: &Path, letter: char) -> PathBuf {
    let name = length - dir.as_os_str().len() - 1;
    dir.join(letter.to_string().repeat(name))
}

/// No library binds a path of 108 bytes, but the kernel does.
const BIND_AND_SEND: &str = "
import ctypes, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
address = struct.pack('H108s', socket.AF_UNIX, sys.argv[1].encode())
assert len(sys.argv[1]) == 108
assert ctypes.CDLL(None).bind(s.fileno(), address, len(address)) == 0
s.settimeout(30)
s.sendto(b'x', sys.argv[2])
answer, address = s.recvfrom(64)
assert (answer, address) == (b'x', sys.argv[2]), (answer, address)
";

/// A path that fills `sun_path` has no NUL at its end; it must not confuse the
/// host.
#[test]
fn a_peer_with_the_longest_path_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let guests = path_of(107, dir.path(), 'g');
    let ours = path_of(108, dir.path(), 'p');
    let mut guest = start(
        &[
            "--allow-bind",
            &format!("unix:{}", guests.display()),
            "--allow-send",
            &format!("unix:{}/", dir.path().display()),
        ],
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
    guest.succeed();
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

/// A server that answers its peer at the address that it sees.
fn answer(server: &UnixDatagram) -> SocketAddr {
    let mut buffer = [0; 64];
    let (count, peer) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"PING");
    server.send_to_addr(b"PONG", &peer).unwrap();
    peer
}

#[rstest]
#[case::in_the_directory("client", 0)]
#[case::beneath_it("sub/client", 0)]
#[case::of_107_bytes("c", 107)]
#[case::of_108_bytes("c", 108)]
fn a_peer_sees_the_path_that_a_guest_bound(#[case] name: &str, #[case] length: usize) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    let client = match length {
        0 => dir.path().join(name),
        _ => path_of(length, dir.path(), 'c'),
    };
    let path = dir.path().join("server");
    let server = UnixDatagram::bind(&path).unwrap();
    let guest = start(
        &[
            "--allow-bind",
            &format!("unix:{}/", dir.path().display()),
            "--allow-send",
            &format!("unix:{}", path.display()),
        ],
        "unix",
        &["ask", client.to_str().unwrap(), path.to_str().unwrap()],
    );
    if length == 108 {
        // It is seen, but no library answers to such a one.
        let mut buffer = [0; 64];
        let (_, peer) = server.recv_from(&mut buffer).unwrap();
        assert_eq!(peer.as_pathname(), Some(client.as_path()));
        return;
    }
    assert_eq!(answer(&server).as_pathname(), Some(client.as_path()));
    guest.succeed();
}

/// The directory of a rule is the user's: links in its own path are too.
#[test]
fn a_granted_directory_may_be_named_through_a_link() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("real")).unwrap();
    symlink("real", dir.path().join("alias")).unwrap();
    let client = dir.path().join("alias/client");
    let path = dir.path().join("server");
    let server = UnixDatagram::bind(&path).unwrap();
    let guest = start(
        &[
            "--allow-bind",
            &format!("unix:{}", client.display()),
            "--allow-send",
            &format!("unix:{}", path.display()),
        ],
        "unix",
        &["ask", client.to_str().unwrap(), path.to_str().unwrap()],
    );
    assert_eq!(answer(&server).as_pathname(), Some(client.as_path()));
    guest.succeed();
    assert!(dir.path().join("real/client").exists());
}

/// As between native programs, whatever name the server was bound by.
#[test]
fn a_guest_and_a_server_see_each_others_names() {
    let dir = tempfile::tempdir().unwrap();
    let (client, path) = (dir.path().join("client"), dir.path().join("server"));
    // The same file: the kernel keeps the name that it was bound by.
    let by = dir.path().join("./server");
    let server = UnixListener::bind(&by).unwrap();
    let guest = start(
        &[
            "--allow-bind",
            &format!("unix:{}", client.display()),
            "--allow-connect",
            &format!("unix:{}", path.display()),
        ],
        "unix",
        &["names", client.to_str().unwrap(), path.to_str().unwrap()],
    );
    let (stream, peer) = server.accept().unwrap();
    assert_eq!(peer.as_pathname(), Some(client.as_path()));
    assert_eq!(
        stream.peer_addr().unwrap().as_pathname(),
        Some(client.as_path())
    );
    assert_eq!(guest.succeed().trim_end(), by.to_str().unwrap());
}

/// A server of a guest, seen from a client: `getpeername`.
#[test]
fn a_client_sees_the_path_of_the_server_in_a_guest() {
    let dir = tempfile::tempdir().unwrap();
    let path = path_of(107, dir.path(), 's');
    let mut guest = start(
        &["--allow-listen", &format!("unix:{}", path.display())],
        "unix",
        &["serve", path.to_str().unwrap()],
    );
    guest.expect_line("listening");
    let stream = UnixStream::connect(&path).unwrap();
    let peer = stream.peer_addr().unwrap();
    assert_eq!(peer.as_pathname(), Some(path.as_path()));
    echo_through(stream);
    guest.succeed();
}

#[rstest]
#[case::by_a_bind("")]
#[case::by_an_option("passcred")]
fn a_name_of_the_kernels_choice_needs_no_grant(#[case] how: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server");
    let server = UnixDatagram::bind(&path).unwrap();
    let guest = start(
        &["--allow-send", &format!("unix:{}", path.display())],
        "unix",
        &["autobind", how, path.to_str().unwrap()],
    );
    let mut buffer = [0; 64];
    let (_count, peer) = server.recv_from(&mut buffer).unwrap();
    assert_eq!(peer.as_abstract_name().map(<[u8]>::len), Some(5));
    // Nor does it let others be heard: neither one with a name nor one without.
    let intruder = UnixDatagram::bind(dir.path().join("intruder")).unwrap();
    intruder.send_to_addr(b"intruder", &peer).unwrap();
    let nameless = UnixDatagram::unbound().unwrap();
    nameless.send_to_addr(b"intruder", &peer).unwrap();
    server.send_to_addr(b"PONG", &peer).unwrap();
    // To listen there does.
    let listened = guest.succeed();
    assert!(listened.contains("EACCES"), "{listened}");
}

/// While a guest binds, its directory is swapped for a link and back. Without
/// the CLI's own Landlock, which would hold the guest in `granted` as well.
#[rstest]
#[case::as_the_user(None)]
#[case::as_nobody(Some(65534))]
fn a_link_that_comes_while_a_guest_binds_leads_nowhere(#[case] user: Option<u32>) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["granted", "granted/sub", "outside"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let path = at("granted/sub/s");
    let grant = format!("unix:{}/", at("granted").display());
    let mut command = run(
        &["--allow-bind", &grant, "--no-landlock"],
        "unix",
        &["bind-often", path.to_str().unwrap(), "300"],
    );
    if let Some(user) = user {
        let owner = std::fs::metadata(dir.path()).unwrap().uid();
        if owner != 0 {
            return; // Only root can become somebody else.
        }
        for name in ["", "granted", "granted/sub", "outside"] {
            std::os::unix::fs::chown(at(name), Some(user), None).unwrap();
        }
        command.uid(user).env("XDG_CACHE_HOME", at("granted"));
    }
    let guest = Running::spawn(&mut command);
    let over = AtomicBool::new(false);
    let printed = std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let mut swaps = 0;
            // Each state lasts for other parts of what a bind takes.
            let linger = |swaps| (0..swaps % 64 * 256).for_each(|_| std::hint::spin_loop());
            while !over.load(Ordering::Relaxed) {
                std::fs::rename(at("granted/sub"), at("granted/real")).unwrap();
                symlink(at("outside"), at("granted/sub")).unwrap();
                linger(swaps);
                std::fs::remove_file(at("granted/sub")).unwrap();
                std::fs::rename(at("granted/real"), at("granted/sub")).unwrap();
                linger(swaps);
                swaps += 1;
            }
            swaps
        });
        let printed = guest.succeed();
        over.store(true, Ordering::Relaxed);
        assert!(swapping.join().unwrap() > 0);
        printed
    });
    assert_eq!(std::fs::read_dir(at("outside")).unwrap().count(), 0);
    assert!(printed.contains("EACCES"), "{printed}");
}

#[test]
fn a_socket_that_was_left_behind_is_removed_by_who_may_bind_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let one = format!("unix:{}", at("one").display());
    succeed(
        &["--allow-bind", &one],
        "unix",
        &["unlink-own", at("one").to_str().unwrap()],
    );

    let removed = |name: &str| {
        let target = format!("unix:{}/", dir.path().display());
        succeed(
            &["--allow-listen", &target],
            "unix",
            &["try-unlink", at(name).to_str().unwrap()],
        )
    };
    // Each kind of socket, while it is open and when it is not any more.
    let listener = UnixListener::bind(at("stream")).unwrap();
    let datagram = UnixDatagram::bind(at("datagram")).unwrap();
    for name in ["stream", "datagram"] {
        assert!(removed(name).contains("EADDRINUSE"), "{name}");
        assert!(at(name).exists(), "{name}");
    }
    listener.set_nonblocking(true).unwrap();
    listener.accept().expect_err("nobody has connected");
    drop((listener, datagram));
    for name in ["stream", "datagram"] {
        symlink(at(name), at("link")).unwrap();
        assert!(removed("link").contains("EACCES"), "{name}");
        assert!(removed(name).contains("Ok"), "{name}");
        assert!(std::fs::symlink_metadata(at(name)).is_err(), "{name}");
        std::fs::remove_file(at("link")).unwrap();
    }
    std::fs::write(at("file"), "").unwrap();
    std::fs::create_dir(at("directory")).unwrap();
    for name in ["file", "directory"] {
        assert!(removed(name).contains("ENOTSOCK"), "{name}");
        assert!(at(name).exists(), "{name}");
    }
    assert!(removed("missing").contains("ENOENT"));

    // Who may connect may not remove.
    drop(UnixListener::bind(at("theirs")).unwrap());
    let theirs = at("theirs");
    let output = output(
        &["--allow-connect", &format!("unix:{}", theirs.display())],
        "unix",
        &["try-unlink", theirs.to_str().unwrap()],
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("EACCES"));
    let grant = format!("--allow-listen unix:{}", theirs.display());
    assert!(stderr(&output).contains(&grant), "{}", stderr(&output));
    assert!(theirs.exists());
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
