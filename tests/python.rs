//! Python programs in the sandbox, beside CPython's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use capsock_tests::python::{project, python};
use capsock_tests::{Namespace, Running, capsock, pipe, stderr, target};
use rstest::rstest;

fn example(name: &str) -> String {
    let path = project("examples/python").join(name);
    path.to_str().unwrap().to_owned()
}

/// Skips a test where there is no Python guest.
macro_rules! guest {
    ($($argument:expr),*) => {
        match python($($argument),*) {
            Some(command) => command,
            None => return,
        }
    };
}

fn output(command: &mut Command) -> Output {
    Running::spawn(command).output()
}

#[track_caller]
fn succeed(command: &mut Command) -> String {
    Running::spawn(command).succeed()
}

fn native(args: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(args).stdin(Stdio::null());
    command
}

/// The programs of the documentation word for word, one in the guest and one in
/// CPython: their port is 50007, and their server `daring.cwi.nl`.
#[rstest]
#[case::guest_serves(true, "echo-server.py", "echo-client.py")]
#[case::guest_asks(false, "echo-server.py", "echo-client.py")]
#[case::guest_serves_dual(true, "dual-stack-echo-server.py", "dual-stack-echo-client.py")]
#[case::guest_asks_dual(false, "dual-stack-echo-server.py", "dual-stack-echo-client.py")]
fn the_documentations_programs_talk(
    #[case] guest_serves: bool,
    #[case] server: &str,
    #[case] client: &str,
) {
    let setup = "echo 127.0.0.1 daring.cwi.nl > /tmp/capsock-hosts.$$
        mount --bind /tmp/capsock-hosts.$$ /etc/hosts; rm /tmp/capsock-hosts.$$";
    let (server, client) = (example(server), example(client));
    let (server, client) = if guest_serves {
        let grants = [
            "--allow-listen",
            "tcp://127.0.0.1:50007",
            "--allow-listen",
            "tcp://[::]:50007",
        ];
        (guest!(&grants, &[&server]), native(&[&client]))
    } else {
        let grants = ["--allow-connect", "tcp://daring.cwi.nl:50007 in=loopback"];
        (native(&[&server]), guest!(&grants, &[&client]))
    };
    let Some(namespace) = Namespace::new(setup) else {
        return;
    };
    let mut server = namespace.enter(&server);
    let server = Running::spawn(server.stdin(Stdio::null()));
    let mut listens = namespace.command("sh");
    listens.args(["-c", "until ss -ltn | grep -q :50007; do :; done"]);
    assert!(listens.status().unwrap().success());
    let received = succeed(namespace.enter(&client).stdin(Stdio::null()));
    assert_eq!(received, "Received b'Hello, world'\n");
    let connected = server.succeed();
    assert!(
        connected.starts_with("Connected by ('127.0.0.1', ")
            || connected.starts_with("Connected by ('::ffff:127.0.0.1', "),
        "{connected}"
    );
}

/// `''` is every address that the guest may bind.
#[rstest]
#[case::all_of_them("AF_INET", "tcp://0.0.0.0:*", "0.0.0.0")]
#[case::one("AF_INET", "tcp://127.0.0.1:*", "127.0.0.1")]
#[case::a_class("AF_INET", "tcp://loopback:*", "127.0.0.1")]
#[case::all_of_ipv6("AF_INET6", "tcp://[::]:*", "::")]
#[case::one_of_ipv6("AF_INET6", "tcp://[::1]:*", "::1")]
#[case::a_class_of_ipv6("AF_INET6", "tcp://loopback:*", "::1")]
#[case::of_the_other_version("AF_INET6", "tcp://127.0.0.1:*", "Permission denied")]
#[case::of_another_protocol("AF_INET", "udp://127.0.0.1:*", "Permission denied")]
#[case::a_net("AF_INET", "tcp://127.0.0.0/8:*", "Permission denied")]
fn an_empty_host_is_what_the_guest_may_bind(
    #[case] family: &str,
    #[case] grant: &str,
    #[case] bound: &str,
) {
    let program = format!(
        "
from socket import *
s = socket({family})
try:
    s.bind(('', 0))
    # What anybody may bind, not everybody may listen on.
    s.listen()
    print(s.getsockname()[0])
except OSError as error:
    print(error.strerror)
"
    );
    let printed = succeed(&mut guest!(&["--allow-listen", grant], &["-c", &program]));
    assert_eq!(printed.trim_end(), bound);
}

#[test]
fn what_cpython_prints_and_its_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let syntax = script("syntax.py", "def f(:\n    pass\n");
    let unhandled = script(
        "unhandled.py",
        "import sys\nprint(sys.argv[1:], __name__)\nraise ValueError('bad')\n",
    );
    let exits = script("exits.py", "import sys\nsys.exit(3)\n");
    let text = script("text.py", "import sys\nsys.exit('a text')\n");
    let last = script(
        "last.py",
        "import atexit\natexit.register(print, 'last')\nprint('first')\n",
    );
    let missing = directory.path().join("missing.py");
    let cases: [&[&str]; 14] = [
        &[missing.to_str().unwrap()],
        &[&syntax],
        &[&unhandled, "a", "-b", "--c"],
        &[&exits],
        &[&text],
        &[&last],
        &["-c", "import sys; print(sys.argv)", "x", "-y"],
        &["-c", "1 + "],
        &["-c", "import os; os._exit(7)"],
        &["-c", "exit(4)"],
        &["-c", "import no_such_module"],
        &["-W", "error", "-c", "import warnings; warnings.warn('x')"],
        &["-m", "no_such_module"],
        &["-c"],
    ];
    for args in cases {
        let guest = output(&mut guest!(&[], args));
        let cpython = output(&mut native(args));
        assert_eq!(guest.status.code(), cpython.status.code(), "{args:?}");
        assert_eq!(guest.stdout, cpython.stdout, "{args:?}");
        // What comes before differs between versions: carets, and who speaks.
        let last_line = |output: &Output| {
            let told = stderr(output);
            let line = told.lines().last().unwrap_or_default();
            let line = line.split_once("python3: ").map_or(line, |(_, line)| line);
            line.trim_start_matches("python: ").to_owned()
        };
        if args != ["-c"] {
            assert_eq!(last_line(&guest), last_line(&cpython), "{args:?}");
        }
    }
    let traceback = stderr(&output(&mut guest!(&[], &[&unhandled])));
    assert!(
        traceback.starts_with("Traceback (most recent call last):\n  File \"")
            && traceback
                .contains("unhandled.py\", line 3, in <module>\n    raise ValueError('bad')\n"),
        "{traceback}"
    );
}

#[test]
fn a_script_comes_from_standard_input_too() {
    let script = "import sys\nprint(sys.argv, 6 * 7)\n";
    assert_eq!(
        pipe(&mut guest!(&[], &["-", "x"]), script),
        "['-', 'x'] 42\n"
    );
    assert_eq!(pipe(&mut guest!(&[], &[]), script), "[''] 42\n");
    let json = pipe(&mut guest!(&[], &["-m", "json.tool"]), "{\"a\": 1}");
    assert_eq!(json, "{\n    \"a\": 1\n}\n");
}

/// The script that the command line names is read, and nothing beside it.
#[test]
fn a_script_has_no_directory() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script.py");
    std::fs::write(&script, "import os\nimport beside\nprint(beside.x)\n").unwrap();
    std::fs::write(directory.path().join("beside.py"), "x = 1\n").unwrap();
    let (path, dir) = (script.to_str().unwrap(), directory.path().to_str().unwrap());
    let told = stderr(&output(&mut guest!(&[], &[path])));
    assert!(told.ends_with("ModuleNotFoundError: No module named 'beside'\n"));
    assert_eq!(succeed(&mut guest!(&["--dir", dir], &[path])), "1\n");
}

/// Processes; and what is not done is not said to be.
#[test]
fn what_a_guest_does_not_have_is_told() {
    for (program, expected) in [
        (
            "import os; os.fork()",
            "OSError: [Errno 52] Function not implemented\n",
        ),
        (
            "import subprocess; subprocess.run(['true'])",
            "OSError: [Errno 52] Function not implemented\n",
        ),
        (
            "import multiprocessing as m; m.Process(target=print).start()",
            "OSError: [Errno 52] Function not implemented\n",
        ),
        (
            "import ctypes; ctypes.CDLL('libc.so.6')",
            "OSError: libc.so.6: a guest has no shared libraries\n",
        ),
        (
            "import ctypes; ctypes.pythonapi.Py_IncRef",
            "AttributeError: Py_IncRef: a guest does not know functions by their names\n",
        ),
        (
            "import ctypes as c; c.CFUNCTYPE(c.c_int)(lambda: 1)",
            "MemoryError\n",
        ),
        (
            "import ctypes as c; c.CFUNCTYPE(c.c_double, c.c_double)(1)(1.0)",
            "RuntimeError: ffi_prep_cif failed\n",
        ),
    ] {
        let output = output(&mut guest!(&[], &["-c", program]));
        assert!(stderr(&output).ends_with(expected), "{}", stderr(&output));
    }
}

/// Packages take it for structures.
#[test]
fn ctypes_has_its_data() {
    let program = "
import ctypes as c
class Packet(c.BigEndianStructure):
    _fields_ = [('kind', c.c_uint8), ('length', c.c_uint32), ('name', c.c_char * 8)]
class Half(c.Structure):
    _pack_ = 1
    _fields_ = [('a', c.c_uint8, 3), ('b', c.c_uint8, 5), ('d', c.c_double)]
p = Packet(1, 2, b'hello')
print(c.sizeof(Packet), bytes(p), Packet.from_buffer_copy(bytes(p)).length)
print(c.sizeof(Half), Half(5, 9, 2.5).b, c.c_long(0xffffffff).value, sum((c.c_int * 4)(1, 2, 3, 4)))
text = c.create_string_buffer(b'abc', 8)
c.memset(text, ord('x'), 2)
other = c.create_string_buffer(8)
c.memmove(c.byref(other, 1), text, 3)
print(text.raw, c.string_at(text, 4), other.raw, c.cast(text, c.c_char_p).value)
c.pointer(p).contents.length = 77
print(p.length)
";
    let native = succeed(Command::new("python3").args(["-c", program]));
    // Of which only this is another size: a long.
    let native = native.replace("4294967295", "-1");
    let printed = succeed(&mut guest!(&[] as &[&str], &["-c", program]));
    assert_eq!(printed, native);
}

#[test]
fn errors_are_those_of_python() {
    let program = "
import errno, socket
try:
    socket.create_connection(('127.0.0.1', 1))
except ConnectionRefusedError as error:
    print(error.errno == errno.ECONNREFUSED, error.strerror)
try:
    socket.socket().connect(('127.0.0.1', 2))
except PermissionError as error:
    print(error.errno == errno.EACCES)
with socket.socket() as s:
    s.setblocking(False)
    print(errno.errorcode[s.connect_ex(('127.0.0.1', 2))])
print(errno.errorcode[errno.ENONET])
s = socket.socket()
s.close()
try:
    s.getsockname()
except OSError as error:
    print(error.errno == errno.EBADF)
";
    let printed = succeed(&mut guest!(
        &["--allow-connect", "tcp://127.0.0.1:1"],
        &["-c", program]
    ));
    assert_eq!(
        printed,
        "True Connection refused\nTrue\nEACCES\nENONET\nTrue\n"
    );
}

/// Each of the calls raises what it raises in CPython, and none ends the guest.
#[test]
fn bad_arguments_raise_what_they_raise_in_python() {
    let script = project("tests/python/arguments.py");
    let args = [script.to_str().unwrap()];
    let guest = succeed(&mut guest!(&[], &args));
    let cpython = succeed(&mut native(&args));
    assert_eq!(guest.lines().count(), cpython.lines().count());
    for (guest, cpython) in guest.lines().zip(cpython.lines()) {
        assert_eq!(guest, cpython, "the guest, and CPython");
    }
}

/// Every name of CPython 3.13's module is there with its number, or told why
/// not; and nothing else.
#[test]
fn every_name_of_the_module_is_there() {
    let parity = std::fs::read_to_string(project("docs/parity.md")).unwrap();
    let program = "
import errno, socket
for name in dir(socket):
    value = getattr(socket, name)
    number = name.isupper() or name == 'AF_DECnet'
    number = number and isinstance(value, int) and not hasattr(errno, name)
    print(name, int(value)) if number else print(name)
";
    let guest = succeed(&mut guest!(&[], &["-c", program]));
    let guest: Vec<&str> = guest.lines().collect();
    let cpython: Vec<&str> = include_str!("python/names-of-3.14.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.ends_with("# 3.14"))
        .collect();
    for line in &cpython {
        let excused = parity.contains(&format!("- `{line}`: not there"));
        assert!(guest.contains(line) || excused, "{line}");
    }
    for line in guest {
        let older = line.starts_with("RDS_") || line.starts_with("__");
        // Modules that it imports; and what is no macro in glibc.
        let older = older || ["array", "selectors", "IPPROTO_MAX 263"].contains(&line);
        assert!(cpython.contains(&line) || older, "{line}");
    }
}

/// Options as programs pack them, families and descriptors, beside CPython.
#[test]
fn options_pairs_and_descriptors_are_as_in_python() {
    let program = "
import array, os, struct
from socket import *
s = socket(AF_INET, SOCK_DGRAM)
s.bind(('127.0.0.1', 0))
s.setsockopt(IPPROTO_IP, IP_MULTICAST_TTL, struct.pack('b', 3))
s.setsockopt(IPPROTO_IP, IP_MULTICAST_LOOP, struct.pack('i', 0))
print(s.getsockopt(IPPROTO_IP, IP_MULTICAST_TTL), s.getsockopt(IPPROTO_IP, IP_MULTICAST_LOOP))
s.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack('ii', 1, 5))
print(s.getsockopt(SOL_SOCKET, SO_LINGER, 8), s.getsockopt(SOL_SOCKET, SO_ERROR))
print(s.getsockopt(SOL_SOCKET, SO_TYPE), s.getsockopt(SOL_SOCKET, SO_DOMAIN))
try:
    s.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, b'short')
except OSError as error:
    print(error.strerror)
a, b = socketpair()
d = a.dup()
a.close()
d.sendmsg([b'one', bytearray(b'two'), memoryview(b'three')])
print(b.recvmsg(100, CMSG_SPACE(4)))
fd = d.detach()
e = socket(fileno=fd)
print(e.family, e.type, e.proto, e.fileno() == fd, d.fileno())
print(os.get_inheritable(fd))
send_fds(b, [b'x'], [e.fileno()])
os.close(e.detach())
try:
    e.send(b'x')
except OSError as error:
    print(error.strerror)
print(has_dualstack_ipv6(), getservbyname('http', 'tcp'), htons(1), inet_pton(AF_INET6, '::1'))
print(getnameinfo(('127.0.0.1', 80), NI_NUMERICHOST | NI_NUMERICSERV))
print(b.getsockname(), repr(b.getpeername()))
u = socket(AF_UNIX, SOCK_DGRAM)
u.bind(b'\\0capsock-\\xff-python')
print(type(u.getsockname()), u.getsockname()[:10])
";
    let grants = [
        "--allow-bind",
        "udp://127.0.0.1:ephemeral",
        "--allow-pass-fd",
        "*",
        "--allow-bind",
        "unix-abstract:capsock-\\xFF-python",
    ];
    assert_eq!(
        succeed(&mut guest!(&grants, &["-c", program])),
        succeed(&mut native(&["-c", program]))
    );
}

/// The tuples of families that are not everywhere, and the kernel's errors where
/// it lacks them, beside CPython.
#[test]
fn other_families_have_the_tuples_of_python() {
    let program = "
from socket import *
def show(family, type, proto, *addresses):
    try:
        s = socket(family, type, proto)
    except OSError as error:
        return print('socket', family, error.strerror)
    for address in addresses:
        try:
            s.bind(address)
            name = s.getsockname()
            # Of netlink, the number of the process.
            print(name[1:] if family == AF_NETLINK else name)
        except (OSError, TypeError, OverflowError, ValueError) as error:
            print(family, error.__class__.__name__, getattr(error, 'strerror', ''))
show(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, 7, (1,), ('a', 0), (0, 0))
show(AF_PACKET, SOCK_RAW, 0, 7, ('lo',), (b'lo', 3), ('lo', 'x'), ('lo', 70000), ('lo', 3), ('nope', 3))
show(AF_VSOCK, SOCK_STREAM, 0, 7, (1,), ('a', 1), (VMADDR_CID_ANY, 20050))
show(AF_CAN, SOCK_RAW, CAN_RAW, ('vcan0',))
show(AF_TIPC, SOCK_STREAM, 0, (TIPC_ADDR_NAMESEQ, 5000, 1, 2))
show(AF_ALG, SOCK_SEQPACKET, 0, ('hash', 'sha256'))
show(AF_RDS, SOCK_SEQPACKET, 0, ('127.0.0.1', 4000))
show(AF_QIPCRTR, SOCK_DGRAM, 0)
";
    let grants = [
        "--allow-raw=netlink://route",
        "--allow-raw=packet://lo",
        "--allow-raw=packet://nope",
        "--allow-bind=vsock://*",
        "--allow-raw=can://*",
        "--allow-bind=tipc://*",
        "--allow-bind=alg://hash/sha256",
        "--allow-bind=rds://127.0.0.1:4000",
    ];
    assert_eq!(
        succeed(&mut guest!(&grants, &["-c", program])),
        succeed(&mut native(&["-c", program]))
    );
}

/// What the column Python of docs/parity.md names is there.
#[test]
fn the_table_of_parity_names_what_is_there() {
    let parity = std::fs::read_to_string(project("docs/parity.md")).unwrap();
    let mut names = Vec::new();
    for row in parity.lines().filter(|row| row.starts_with("| ")) {
        let cells: Vec<&str> = row
            .replace("\\|", "/")
            .leak()
            .split('|')
            .map(str::trim)
            .collect();
        let [
            _,
            _entry,
            _kind,
            platform,
            _wit,
            _rust,
            python,
            test,
            missing,
            _,
        ] = cells[..]
        else {
            continue;
        };
        if python == "Python" || python == "---" {
            continue;
        }
        // CPython on Linux has nothing of macOS.
        let is_done = !test.is_empty() && !platform.starts_with("macos");
        let is_done = is_done && !missing.starts_with("nothing");
        assert!(!python.is_empty() || !is_done, "{row}");
        names.extend(python.split('`').skip(1).step_by(2));
    }
    assert!(names.len() > 100);
    let script = "
import fnmatch, importlib, os, sys
for name in sys.stdin.read().split('\\n'):
    if name.startswith('examples/'):
        continue
    module, _, path = name.partition('.')
    thing = importlib.import_module(module)
    for part in path.split('.') if path else ():
        if '*' in part:
            assert fnmatch.filter(dir(thing), part), name
            break
        thing = getattr(thing, part)
";
    let printed = pipe(&mut guest!(&[], &["-c", script]), &names.join("\n"));
    assert_eq!(printed, "");
    for name in names.iter().filter(|name| name.starts_with("examples/")) {
        assert!(project(name).exists(), "{name}");
    }
}

#[test]
fn timeouts_and_scattered_messages() {
    let grant = ["--allow-listen", "tcp://127.0.0.1:ephemeral"];
    assert_eq!(
        succeed(&mut guest!(&grant, &[&example("timeouts.py")])),
        "accept: timed out\naccept: BlockingIOError\n0.0 False\n10.0\n"
    );
    let script = example("recvmsg-into.py");
    assert_eq!(
        succeed(&mut guest!(&[], &[&script])),
        succeed(&mut native(&[&script]))
    );
}

#[test]
fn an_address_in_time_wait_is_reused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let script = std::fs::read_to_string(example("reuse-address.py")).unwrap();
    let script = script.replace("50007", &port.to_string());
    let grant = target("tcp", "127.0.0.1", port);
    for _ in 0..2 {
        let guest = Running::spawn(&mut guest!(&["--allow-listen", &grant], &["-c", &script]));
        let mut peer = connect(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        assert!(guest.succeed().starts_with("closed ('127.0.0.1', "));
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let start = std::time::Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(error) if start.elapsed() > capsock_tests::PATIENCE => panic!("{address}: {error}"),
            Err(_not_yet) => std::thread::yield_now(),
        }
    }
}

/// A socket goes from one guest to another, by way of this process.
#[test]
fn a_socket_goes_from_guest_to_guest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let (path, unix) = (path.to_str().unwrap(), format!("unix:{}", path.display()));
    let flags = [
        "--allow-connect",
        &unix,
        "--allow-pass-fd",
        &unix,
        "--allow-take-fd",
        &unix,
    ];
    let script = example("send-fds.py");
    let receiver = Running::spawn(&mut guest!(&flags, &[&script, path, "receive"]));
    let (to, _) = listener.accept().unwrap();
    let sender = Running::spawn(&mut guest!(&flags, &[&script, path, "send"]));
    let (from, _) = listener.accept().unwrap();
    relay(&from, &to);
    drop((from, to));
    sender.succeed();
    assert_eq!(
        receiver.succeed(),
        "a socket 1\nthrough the socket that was sent\n"
    );
}

/// Hands on a message with its descriptors.
fn relay(from: &std::os::unix::net::UnixStream, to: &std::os::unix::net::UnixStream) {
    use rustix::net::*;
    use std::io::{IoSlice, IoSliceMut};
    use std::os::fd::AsFd;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut data = [0; 100];
    let mut buffers = [IoSliceMut::new(&mut data)];
    let message = recvmsg(from, &mut buffers, &mut control, RecvFlags::empty()).unwrap();
    let descriptors: Vec<_> = control
        .drain()
        .filter_map(|item| match item {
            RecvAncillaryMessage::ScmRights(rights) => Some(rights.collect::<Vec<_>>()),
            _ => None,
        })
        .flatten()
        .collect();
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&borrowed)));
    let data = [IoSlice::new(&data[..message.bytes])];
    sendmsg(to, &data, &mut control, SendFlags::empty()).unwrap();
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_web_server_serves_curl_and_a_client_in_python(#[case] host: &str) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("page.html"), "a page\n").unwrap();
    let files = directory.path().to_str().unwrap();
    let grant = target("tcp", host, "ephemeral");
    let mut server = Running::spawn(&mut guest!(
        &["--dir", files, "--allow-listen", &grant],
        &[&example("web-server.py"), host, "0", files]
    ));
    let address = server.address(host);
    let url = format!("http://{address}/page.html");
    let curl = |args: &[&str]| succeed(Command::new("curl").args(["-sS"]).args(args));
    assert_eq!(curl(&[&url, &url]), "a page\na page\n");
    assert_eq!(curl(&["-d", "abc", &url]), "cba");
    let large = "x".repeat(1 << 20);
    let mut upload = Command::new("curl");
    let upload = upload.args(["-sS", "--data-binary", "@-", &url]);
    assert_eq!(pipe(upload, &large), large);

    let script = example("http-client.py");
    let grant = target("tcp", host, address.port());
    let fetch = |path: &str| {
        let url = format!("http://{address}/{path}");
        python(&["--allow-connect", &grant], &[&script, &url])
    };
    let page = succeed(&mut fetch("page.html").unwrap());
    assert_eq!(page, "200 text/html\na page\n");
    let missing = output(&mut fetch("missing").unwrap());
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(stderr(&missing), "404 File not found\n");
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn an_asyncio_server_serves_a_chat(#[case] host: &str) {
    let grant = target("tcp", host, "ephemeral");
    let mut server = Running::spawn(&mut guest!(
        &["--allow-listen", &grant],
        &[&example("chat-server.py"), host, "0"]
    ));
    let address = server.address(host);
    let join = |name: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut asked = [0; 11];
        stream.read_exact(&mut asked).unwrap();
        assert_eq!(&asked, b"your name? ");
        writeln!(stream, "{name}").unwrap();
        BufReader::new(stream)
    };
    let line = |stream: &mut BufReader<TcpStream>| {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        line
    };
    let mut ann = join("ann");
    let mut bob = join("bob");
    assert_eq!(line(&mut ann), "bob is here\n");
    writeln!(bob.get_mut(), "hello").unwrap();
    assert_eq!(line(&mut ann), "bob: hello\n");
    writeln!(ann.get_mut(), "hello, bob").unwrap();
    assert_eq!(line(&mut bob), "ann: hello, bob\n");
    drop(bob);
    assert_eq!(line(&mut ann), "bob left\n");
}

#[rstest]
#[case::tcp(true)]
#[case::unix(false)]
fn the_redis_package_of_pypi_works(#[case] tcp: bool) {
    let libraries = project("target/python-packages").canonicalize().unwrap();
    let libraries = libraries.to_str().unwrap();
    let variable = format!("PYTHONPATH={libraries}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (grant, args) = if tcp {
        (
            target("tcp", "127.0.0.1", port),
            vec!["127.0.0.1".to_owned(), port.to_string()],
        )
    } else {
        (
            format!("unix:{}", path.display()),
            vec![path.display().to_string()],
        )
    };
    let script = example("redis-client.py");
    let mut arguments = vec![script.as_str()];
    arguments.extend(args.iter().map(String::as_str));
    let flags = [
        "--dir",
        libraries,
        "--env",
        &variable,
        "--allow-connect",
        &grant,
    ];
    let mut guest = guest!(&flags, &arguments);
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--save", "", "--unixsocket"]);
    command.arg(&path).arg("--dir").arg(directory.path());
    let Ok(mut server) = command.stdout(Stdio::piped()).spawn() else {
        assert!(std::env::var_os("CI").is_none(), "redis-server is missing");
        eprintln!("skipped: redis-server is missing");
        return;
    };
    let mut log = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(
        log.any(|line| line.unwrap().contains("eady to accept connections unix") || path.exists())
    );
    let printed = output(&mut guest);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(stderr(&printed), "");
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap(),
        "True\nb'capsock' None\n1000 [b'998', b'999']\nb'hello'\n"
    );
}

/// What a call has needed is freed with it: with half a MiB left, a guest sends many times its memory, and empty lists.
#[rstest]
#[case::sendall(2_000, "a.sendall(data); b.recv(n)")]
#[case::sendto(2_000, "u.sendto(data[:60_000], me); u.recv(n)")]
#[case::sendmsg(2_000, "a.sendmsg([data[:n // 2], data[n // 2:]]); b.recv(n)")]
#[case::no_bytes(60_000, "u.sendto(b'', me); u.recv(1)")]
#[case::empty_lists(30_000, "a.sendmsg([b'x']); b.recv(1)")]
#[case::empty_lists_received(30_000, "a.send(b'x'); b.recvmsg(1)")]
fn what_was_sent_is_freed(#[case] times: u32, #[case] call: &str) {
    let program = format!(
        "
import socket
n = 1 << 16
a, b = socket.socketpair()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('127.0.0.1', 0))
me, data, spare = u.getsockname(), bytes(n), [bytes(n) for _ in range(8)]
def run(times):
    for _ in range(times):
        {call}
run(1)
held = []
for size in n, 1 << 12, 600:
    try:
        while True:
            held.append(bytes(size))
    except MemoryError:
        pass
spare.clear()
run({times})
print('all of it')
"
    );
    let flags = [
        "--limit=memory=40MiB",
        "--allow-bind=udp://127.0.0.1:ephemeral",
        "--allow-send=udp://127.0.0.1:*",
    ];
    let printed = succeed(&mut guest!(&flags, &["-c", &program]));
    assert_eq!(printed, "all of it\n");
}

/// What is more than the host copies is received into the guest's memory, which
/// the interpreter does not make smaller.
#[test]
fn a_large_receive_is_whole() {
    let program = "
import socket
a, b = socket.socketpair()
a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
data = bytes(range(250)) * 600
print(a.send(data), b.recv(1 << 20) == data)
";
    let printed = succeed(&mut guest!(&[] as &[&str], &["-c", program]));
    assert_eq!(printed, "150000 True\n");
}

#[test]
fn a_sniffer_prints_frames() {
    let flags = ["--allow-raw", "packet://lo"];
    let mut guest = Running::spawn(&mut guest!(&flags, &[&example("sniffer.py"), "lo"]));
    guest.expect_line("listening on lo");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .send_to(b"to be sniffed", socket.local_addr().unwrap())
        .unwrap();
    loop {
        let line = guest.expect_line("(b'");
        if line.contains("to be sniffed") {
            assert!(line.contains("('lo', 2048, "), "{line}");
            break;
        }
    }
}

/// Where the kernel has no CAN, its error is told; where it has, an interface
/// that does not exist is.
#[rstest]
#[case("can-raw.py")]
#[case("can-bcm.py")]
fn can_tells_what_is_missing(#[case] name: &str) {
    let grant = ["--allow-raw", "can://vcan0"];
    let output = output(&mut guest!(&grant, &[&example(name)]));
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.ends_with("Address family not supported by protocol\n")
            || told.ends_with("No such device\n"),
        "{told}"
    );
}

#[test]
fn an_unclosed_socket_is_told() {
    let program = "import socket\ns = socket.socket(socket.AF_UNIX)\ndel s\n";
    let output = output(&mut guest!(&[], &["-W", "always", "-c", program]));
    let told = stderr(&output);
    assert!(
        told.contains("ResourceWarning: unclosed <socket.socket fd=")
            && told.contains("family=1, type=1, proto=0>"),
        "{told}"
    );
}

/// The modules of the standard library that are about networks, with CPython at
/// the other end.
#[rstest]
#[case::socketserver("socketserver")]
#[case::xmlrpc("xmlrpc")]
#[case::asyncio_datagrams("asyncio_datagrams")]
#[case::selectors("selectors")]
#[case::smtplib("smtplib")]
#[case::ftplib("ftplib")]
fn modules_of_the_standard_library_work(
    #[case] module: &str,
    #[values(true, false)] guest_serves: bool,
) {
    let script = project("tests/python/modules.py");
    let script = script.to_str().unwrap();
    let grants = [
        "--allow-listen",
        "tcp://127.0.0.1:ephemeral",
        "--allow-listen",
        "udp://127.0.0.1:ephemeral",
        "--allow-connect",
        "tcp://127.0.0.1:*",
        "--allow-send",
        "udp://127.0.0.1:*",
    ];
    let serve = [script, module, "serve"];
    let mut server = if guest_serves {
        guest!(&grants, &serve)
    } else {
        native(&serve)
    };
    let mut server = Running::spawn(&mut server);
    let port = server.expect_line("port");
    let ask = [script, module, "ask", &port];
    let mut client = if guest_serves {
        native(&ask)
    } else {
        guest!(&grants, &ask)
    };
    let printed = succeed(&mut client);
    assert!(printed.ends_with("done\n"), "{printed}");
}

/// A component of an application has its modules in it, and needs no script.
#[test]
fn an_application_is_a_component_of_its_own() {
    _ = guest!(&[], &[]);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("helper.py"), "ANSWER = 42\n").unwrap();
    let app = "import sys, socket\nfrom helper import ANSWER\nprint(ANSWER, sys.argv[1:], __name__)\nsys.exit(5)\n";
    std::fs::write(path("app.py"), app).unwrap();
    let mut build = Command::new(project("scripts/python"));
    build.args([path("app.py"), path("app.wasm")]);
    succeed(&mut build);
    let mut run = capsock();
    run.args(["run", "--no-cache"])
        .arg(path("app.wasm"))
        .arg("x");
    let ended = output(run.stdin(Stdio::null()));
    assert_eq!(stderr(&ended), "");
    assert_eq!(ended.stdout, b"42 ['x'] __main__\n");
    assert_eq!(ended.status.code(), Some(5));
}

/// CPython's own tests: what passed when docs/python-conformance.md was written
/// passes. `just python-conformance` runs the rest.
#[rstest]
fn no_test_of_cpython_that_passed_fails(
    #[values(
        "test_socket",
        "test_socketserver",
        "test_ssl",
        "test_s[a-np-r]*",
        "test_[e-h]*",
        "test_[i-p]*",
        "test_t*",
        "test_[q-rux]*",
        "test_asyncio.test_[a-r]*",
        "test_asyncio.test_s*",
        "test_asyncio.test_[t-z]*",
        "test_concurrent_futures.*"
    )]
    modules: &str,
) {
    _ = guest!(&[], &[]);
    let mut conformance = Command::new("python3");
    conformance
        .arg(project("tests/python/conformance.py"))
        .arg("--check")
        .arg(project("docs/python-conformance.md"))
        .args(["--only", modules])
        .arg(capsock().get_program())
        .arg(project("target/guests/python.wasm"))
        .arg(project("target/cpython/python"))
        .arg(project("target/cpython/source/Lib"));
    succeed(&mut conformance);
}

/// As asyncio and others do before they bind, with no grant of the directory.
#[test]
fn a_socket_that_was_left_behind_is_removed_without_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let printed = succeed(&mut guest!(
        &["--allow-listen", &format!("unix:{}", path.display())],
        &["-c", LEFT_BEHIND, path.to_str().unwrap()]
    ));
    assert_eq!(
        printed,
        "in use\nin use\nmissing\nmissing\nserved\nserved\n"
    );
}

const LEFT_BEHIND: &str = "
import asyncio, errno, os, pathlib, socket, sys
path = sys.argv[1]
def fails(function):
    try:
        function()
    except FileNotFoundError:
        print('missing')
    except OSError as error:
        assert error.errno == errno.EADDRINUSE, error
        print('in use')
with socket.socket(socket.AF_UNIX) as s:
    s.bind(path)
    fails(lambda: os.unlink(path))
with socket.socket(socket.AF_UNIX) as s:
    fails(lambda: s.bind(path))
for remove in os.unlink, os.remove, lambda path: pathlib.Path(path).unlink():
    remove(path)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
os.unlink(path)
fails(lambda: os.unlink(path))
fails(lambda: os.unlink(path + '-of-somebody-else'))
async def serve():
    server = await asyncio.start_unix_server(lambda reader, writer: None, path)
    server.close()
    await server.wait_closed()
    print('served')
asyncio.run(serve())
asyncio.run(serve())
";

/// A guest's listener has its path for whoever it is passed to, which a rule can
/// name.
#[rstest]
#[case::granted(true, "True 1\n")]
#[case::not_granted(false, "False 0\n")]
fn a_listener_that_is_passed_has_the_path_it_was_bound_to(
    #[case] granted: bool,
    #[case] expected: &str,
) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (own, relay) = (
        format!("unix:{}", at("own")),
        format!("unix:{}", at("relay")),
    );
    let mut native = Running::spawn(&mut native(&["-c", RELAY, &at("relay"), &at("own")]));
    native.expect_line("ready");
    let grants = [
        "--allow-listen",
        &own,
        "--allow-connect",
        &relay,
        "--allow-pass-fd",
        &relay,
    ];
    succeed(&mut guest!(
        &grants,
        &["-c", GIVES, &at("relay"), &at("own")]
    ));
    let listen = match granted {
        true => own,
        false => format!("unix:{}", at("other")),
    };
    let grants = [
        "--allow-listen",
        &listen,
        "--allow-connect",
        &relay,
        "--allow-take-fd",
        &relay,
    ];
    let printed = succeed(&mut guest!(
        &grants,
        &["-c", TAKES, &at("relay"), &at("own")]
    ));
    assert_eq!(printed, expected);
    native.succeed();
}

const RELAY: &str = "
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print('ready', flush=True)
giver, _ = server.accept()
_, fds, _, _ = socket.recv_fds(giver, 1, 1)
passed = socket.socket(fileno=fds[0])
assert passed.getsockname() == sys.argv[2], passed
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[2])
giver.close()
taker, _ = server.accept()
socket.send_fds(taker, [b'x'], [passed.fileno()])
taker.recv(1)
";

const GIVES: &str = "
import socket, sys
own = socket.socket(socket.AF_UNIX)
own.bind(sys.argv[2])
own.listen()
relay = socket.socket(socket.AF_UNIX)
relay.connect(sys.argv[1])
socket.send_fds(relay, [b'x'], [own.fileno()])
relay.recv(1)
";

const TAKES: &str = "
import socket, sys
relay = socket.socket(socket.AF_UNIX)
relay.connect(sys.argv[1])
_, fds, _, _ = socket.recv_fds(relay, 1, 1)
sockets = [socket.socket(fileno=fd) for fd in fds]
accepted = [each.accept() for each in sockets]
print(all(each.getsockname() == sys.argv[2] for each in sockets) and len(fds) == 1, len(accepted))
";

/// However much it is given, a stream takes what fits, and asyncio writes the rest
/// later: with a buffer of its own a large write comes in as many pieces.
#[test]
fn a_large_write_of_asyncio_arrives() {
    let program = "
import asyncio, socket
LENGTH = 20 << 20
one, other = socket.socketpair()
one.setblocking(False)
sent = one.sendmsg([b'x' * LENGTH, b'y'])
assert 0 < sent < LENGTH, sent
async def main():
    near, far = socket.socketpair()
    reader, _near = await asyncio.open_connection(sock=near)
    _far, writer = await asyncio.open_connection(sock=far)
    async def write():
        for _ in range(3):
            writer.write(b'x' * LENGTH)
        await writer.drain()
        writer.close()
    data, _ = await asyncio.gather(reader.read(), write())
    print(len(data) == 3 * LENGTH)
asyncio.run(main())
";
    let printed = succeed(&mut guest!(&["--limit", "memory=512MiB"], &["-c", program]));
    assert_eq!(printed, "True\n");
}

/// Its name is the host's, from the guest's working directory.
#[test]
fn a_relative_name_of_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let socket = format!("unix:{path}/s");
    let program = "
import os, socket, sys
os.chdir(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.bind('s')
s.listen()
c = socket.socket(socket.AF_UNIX)
c.connect('./s')
c.send(b'x')
print(s.accept()[0].recv(1))
s.close()
os.unlink('s')
print(os.path.exists('s'))
";
    let inner = format!("{path}:ro");
    let flags = [
        "--allow-listen",
        &socket,
        "--allow-connect",
        &socket,
        "--dir",
        &inner,
    ];
    let printed = succeed(&mut guest!(&flags, &["-c", program, path]));
    assert_eq!(printed, "b'x'\nFalse\n");
}

/// A thread that computes lets others run, and so does one that waits.
#[test]
fn threads_take_turns() {
    let program = "
import threading, time
stop = False
def compute():
    while not stop:
        pass
computing = threading.Thread(target=compute)
computing.start()
began = time.monotonic()
for _ in range(20):
    time.sleep(0.001)
print(time.monotonic() - began < 5)
stop = True
computing.join()
";
    let printed = succeed(&mut guest!(&[] as &[&str], &["-c", program]));
    assert_eq!(printed, "True\n");
}
