//! Listeners that the guest is given: by flags, and as systemd does it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::{Command, Stdio};

use capsock_tests::{Running, capsock, guest, output, start, stderr, succeed};
use rstest::rstest;

/// A connection whose sending half can be ended.
trait Connection: Read + Write {
    fn finish(&self);
}

impl Connection for TcpStream {
    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Connection for UnixStream {
    fn finish(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

fn talk(mut stream: impl Connection) {
    stream.write_all(b"Hello, world").unwrap();
    stream.finish();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Hello, world");
}

#[rstest]
#[case::ipv4("127.0.0.1:0", "2 1 6")]
#[case::ipv6("[::1]:0", "10 1 6")]
#[case::every_interface("0.0.0.0:0", "2 1 6")]
fn a_tcp_listener_needs_no_grant(#[case] address: &str, #[case] kind: &str) {
    let flag = format!("web=tcp://{address}");
    let mut guest = start(&["--inherit-listen", &flag], "inherited", &["serve", "web"]);
    let local = guest.expect_line(&format!("web {kind}"));
    talk(TcpStream::connect(local).unwrap());
    guest.succeed();
}

/// Who made the listener has it too. By one handle or the other, by name or by
/// number: only what it accepts is the guest's to change.
#[test]
fn a_listener_is_not_changed_for_others() {
    let flags = [
        "--inherit-listen",
        "web=tcp://127.0.0.1:0",
        "--allow-listen",
        "tcp://127.0.0.1:*",
        "--allow-option",
        "raw",
    ];
    let mut guest = start(&flags, "inherited", &["change", "web"]);
    let tries = [
        "pacing",
        "buffer",
        "reuse",
        "ttl",
        "mss",
        "defer",
        "congestion",
        "linger",
        "by number",
        "shutdown",
    ];
    let address = guest.address("127.0.0.1");
    for _handle in 0..3 {
        for what in tries {
            assert_eq!(guest.expect_line(what), "EPERM", "{what}");
        }
    }
    guest.expect_line("tried");
    let mut stream = TcpStream::connect(address).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "mine");
    guest.succeed();
}

#[test]
fn a_unix_listener_needs_no_grant() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let flag = format!("local=unix:{}", path.display());
    let mut guest = start(
        &["--inherit-listen", &flag],
        "inherited",
        &["serve", "local"],
    );
    let local = guest.expect_line("local 1 1 0");
    assert_eq!(local, path.to_str().unwrap());
    talk(UnixStream::connect(&path).unwrap());
    guest.succeed();

    let name = format!("capsock-test-{}-inherited", std::process::id());
    let flag = format!("local=unix-abstract:{name}");
    let mut guest = start(
        &["--inherit-listen", &flag],
        "inherited",
        &["serve", "local"],
    );
    guest.expect_line("local 1 1 0");
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    talk(UnixStream::connect_addr(&address).unwrap());
    guest.succeed();
}

#[test]
fn two_names_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let flags = [
        "--inherit-listen",
        "web=tcp://127.0.0.1:0",
        "--inherit-listen",
        &format!("local=unix:{}", path.display()),
    ];
    let mut guest = start(&flags, "inherited", &["serve", "local", "web", "local"]);
    guest.expect_line("local 1 1 0");
    talk(UnixStream::connect(&path).unwrap());
    let web = guest.expect_line("web 2 1 6");
    talk(TcpStream::connect(web).unwrap());
    guest.expect_line("local 1 1 0");
    talk(UnixStream::connect(&path).unwrap());
    guest.succeed();
}

#[test]
fn a_name_that_is_not_there_is_told_with_those_that_are() {
    let flags = ["--inherit-listen", "web=tcp://127.0.0.1:0"];
    assert_eq!(
        succeed(&flags, "inherited", &["unknown", "wbe"]),
        "inherited: no inherited listener has the name `wbe`; there are: web\n"
    );
    assert_eq!(
        succeed(&[], "inherited", &["unknown", "wbe"]),
        "inherited: no inherited listener has the name `wbe`; none were given\n"
    );
}

/// A parent as systemd is one: two listeners as descriptors 3 and 4, and the
/// same process id after the exec.
const PARENT: &str = "
import os, socket, sys
tcp = socket.create_server(('127.0.0.1', 0))
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[1])
unix.listen()
print('port', tcp.getsockname()[1], flush=True)
# Out of the way first, as either may have the other's number.
high = [os.dup2(listener.fileno(), number) for listener, number in ((tcp, 50), (unix, 51))]
for number, fd in enumerate(high, 3):
    os.dup2(fd, number)
environment = dict(os.environ, LISTEN_FDS=sys.argv[2], LISTEN_FDNAMES='web:local')
environment['LISTEN_PID'] = sys.argv[3] if sys.argv[3] != 'own' else str(os.getpid())
os.closerange(5, 100)
os.execve(sys.argv[4], sys.argv[4:], environment)
";

fn systemd(path: &str, count: &str, pid: &str) -> Command {
    let capsock = capsock();
    let mut parent = Command::new("python3");
    parent
        .args(["-c", PARENT, path, count, pid])
        .arg(capsock.get_program())
        .args(["run", "--inherit-systemd"])
        .arg(guest("inherited"))
        .arg("numbers")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    parent
}

#[test]
fn what_systemd_passes_has_the_numbers_from_three() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut guest = Running::spawn(&mut systemd(path.to_str().unwrap(), "2", "own"));
    let web = guest.address("127.0.0.1");
    guest.expect_line("names web local");
    guest.expect_line("listening");
    talk(TcpStream::connect(web).unwrap());
    guest.expect_line("listening");
    talk(UnixStream::connect(&path).unwrap());
    guest.succeed();
}

#[rstest]
#[case::for_another_process("2", "1", "no sockets were passed to this process")]
#[case::none("0", "own", "no sockets were passed to this process")]
#[case::names_of_others("1", "own", "invalid LISTEN_FDNAMES")]
#[case::not_a_number("two", "own", "invalid LISTEN_FDS")]
#[case::more_than_there_are("90", "own", "Bad file descriptor")]
fn what_systemd_would_not_pass_is_an_error(
    #[case] count: &str,
    #[case] pid: &str,
    #[case] why: &str,
) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let result = systemd(path.to_str().unwrap(), count, pid)
        .output()
        .unwrap();
    assert_eq!(result.status.code(), Some(2), "{}", stderr(&result));
    let message = stderr(&result);
    assert!(
        message.starts_with("capsock: --inherit-systemd: ") && message.contains(why),
        "{message}"
    );
}

#[test]
fn a_descriptor_that_does_not_listen_is_an_error() {
    let parent = "
import os, socket, sys
one = socket.socket()
os.dup2(os.dup2(one.fileno(), 50), 3)
environment = dict(os.environ, LISTEN_FDS='1', LISTEN_FDNAMES='web', LISTEN_PID=str(os.getpid()))
os.execve(sys.argv[1], sys.argv[1:], environment)
";
    let capsock = capsock();
    let mut python = Command::new("python3");
    python.args(["-c", parent]).arg(capsock.get_program());
    python
        .args(["run", "--inherit-systemd"])
        .arg(guest("inherited"));
    let result = python.output().unwrap();
    assert_eq!(result.status.code(), Some(2));
    assert_eq!(
        stderr(&result),
        "capsock: --inherit-systemd: `web`: not a socket that listens for TCP or Unix connections: invalid argument (EINVAL)\n"
    );
}

/// The interface that its owner bound it to is nobody's business without a grant.
#[test]
fn the_interface_of_a_listener_is_told_as_granted() {
    let parent = "
import os, socket, sys
one = socket.create_server(('127.0.0.1', 0))
one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'lo')
os.dup2(os.dup2(one.fileno(), 50), 3)
environment = dict(os.environ, LISTEN_FDS='1', LISTEN_FDNAMES='web', LISTEN_PID=str(os.getpid()))
os.execve(sys.argv[1], sys.argv[1:], environment)
";
    for (flag, said) in [
        ("--no-landlock", "EACCES"),
        ("--allow-interfaces", "lo"),
        ("--allow-option=so-bindtodevice=lo", "lo"),
        ("--allow-option=so-bindtodevice=lo2", "EACCES"),
    ] {
        let capsock = capsock();
        let mut python = Command::new("python3");
        python.args(["-c", parent]).arg(capsock.get_program());
        python.args(["run", "--inherit-systemd", flag]);
        let result = python
            .arg(guest("inherited"))
            .args(["interface", "web"])
            .output()
            .unwrap();
        assert!(result.status.success(), "{}", stderr(&result));
        let printed = String::from_utf8_lossy(&result.stdout);
        assert_eq!(printed.trim_end(), said, "{flag}");
    }
}

#[test]
fn a_listener_that_cannot_be_opened_is_an_error_of_usage() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("web=tcp://{}", listener.local_addr().unwrap());
    for (flags, why) in [
        (vec!["web=tcp://127.0.0.1"], "not an address and a port"),
        (vec!["tcp://127.0.0.1:0"], "no name"),
        (
            vec!["web=tcp://127.0.0.1:0", "web=tcp://[::1]:0"],
            "another one has the name `web`",
        ),
        (
            vec!["web=unix:/nowhere/at/all"],
            "No such file or directory",
        ),
        (vec![taken.as_str()], "Address already in use"),
    ] {
        let flags: Vec<&str> = flags
            .into_iter()
            .flat_map(|flag| ["--inherit-listen", flag])
            .collect();
        let result = output(&flags, "inherited", &["serve", "web"]);
        assert_eq!(result.status.code(), Some(2), "{flags:?}");
        let message = stderr(&result);
        assert!(
            message.starts_with("capsock: --inherit-listen ") && message.contains(why),
            "{message}"
        );
        assert_eq!(
            BufReader::new(&*result.stderr).lines().count(),
            1,
            "{message}"
        );
    }
}
