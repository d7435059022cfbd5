//! Files and pipes that are passed over Unix sockets, with CPython as the peer.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use capsock_tests::{output, run, stderr, succeed};
use rstest::rstest;
use tempfile::TempDir;

/// A directory with a file of ten bytes.
fn directory() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "0123456789").unwrap();
    std::fs::create_dir(dir.path().join("sub")).unwrap();
    dir
}

#[test]
fn files_go_over_a_pair_as_they_are_open_and_nothing_leaks() {
    let dir = directory();
    let path = dir.path().display().to_string();
    // Fewer descriptors than the guest passes: what leaks shows.
    let command = run(&["--dir", &path], "passed", &["own", &path]);
    let mut limited = Command::new("prlimit");
    limited
        .arg("--nofile=200")
        .arg(command.get_program())
        .args(command.get_args());
    let output = limited.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// Who gets the file has no more of it than the guest had, whatever the file's
/// own permissions are.
#[rstest]
#[case::to_read("", "r", "r@2 23456789 EBADF\n", "0123456789")]
#[case::to_write("", "rw", "rw@2 23456789 ok\n", "0123456789peer")]
#[case::of_a_directory_that_is_only_to_be_read(":ro", "r", "r@2 23456789 EBADF\n", "0123456789")]
fn a_peer_gets_a_file_as_it_is_open(
    #[case] suffix: &str,
    #[case] mode: &str,
    #[case] told: &str,
    #[case] after: &str,
) {
    let dir = directory();
    let file = dir.path().join("file");
    let python = Python::start("gets", &[]);
    let unix = python.unix();
    let given = format!("{}{suffix}", dir.path().display());
    let flags = [
        "--dir",
        &given,
        "--allow-connect",
        &unix,
        "--allow-pass-fd",
        &unix,
    ];
    let args = ["send", &python.name, file.to_str().unwrap(), mode];
    assert_eq!(succeed(&flags, "passed", &args), told);
    python.succeed();
    assert_eq!(std::fs::read_to_string(file).unwrap(), after);
}

#[test]
fn a_file_that_may_not_be_passed_is_not() {
    let dir = directory();
    let (given, file) = (dir.path().display().to_string(), dir.path().join("file"));
    let python = Python::start("gets", &[]);
    let unix = python.unix();
    let flags = [
        "--dir",
        &given,
        "--allow-connect",
        &unix,
        "--allow-take-fd",
        "* of=file",
    ];
    let args = ["send", &python.name, file.to_str().unwrap(), "r"];
    let output = output(&flags, "passed", &args);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "EACCES\n");
    assert_eq!(
        stderr(&output),
        format!(
            "capsock: denied pass-fd {unix}: no rule allows it; to allow it: --allow-pass-fd {unix}\n"
        )
    );
}

const NOTHING: &str = "socket: cut\nread: cut\nboth: cut\nwrite: cut\nmemory: cut\nreader: cut\n\
    writer: cut\nmixed: cut\ndirectory: cut\ndevice: cut\npath: cut\nproc: cut\nneither: cut\n";

/// What a grant without the kind, or a denial with it, takes away is closed.
#[rstest]
#[case::nothing(&[], NOTHING)]
#[case::sockets(&[""], "socket: socket\nread: cut\nboth: cut\nwrite: cut\nmemory: cut\n\
    reader: cut\nwriter: cut\nmixed: socket cut\n")]
#[case::files(&[" of=file"], "socket: cut\nread: r@2 23456789 unwritten uncut\n\
    both: r@0 0123456789 unwritten uncut\nwrite: cut\nmemory: r@0 memory unwritten uncut\n\
    reader: cut\nwriter: cut\nmixed: r@0 0123456789 unwritten uncut cut\n")]
#[case::files_to_write(&[" of=writable-file"], "socket: cut\nread: r@2 23456789 unwritten uncut\n\
    both: rw@0 0123456789 wrote cut\nwrite: w@0 unread wrote cut\nmemory: rw@0 memory wrote cut\n\
    reader: cut\nwriter: cut\nmixed: rw@0 0123456789 wrote cut cut\n")]
#[case::pipes(&[" of=pipe"], "socket: cut\nread: cut\nboth: cut\nwrite: cut\nmemory: cut\n\
    reader: reader piped\nwriter: cut\nmixed: cut\n")]
#[case::pipes_to_write(&[" of=writable-pipe"], "socket: cut\nread: cut\nboth: cut\nwrite: cut\n\
    memory: cut\nreader: reader piped\nwriter: writer wrote\nmixed: cut\n")]
#[case::several(&[" of=socket,pipe", " of=file"], "socket: socket\n\
    read: r@2 23456789 unwritten uncut\nboth: r@0 0123456789 unwritten uncut\nwrite: cut\n\
    memory: r@0 memory unwritten uncut\nreader: reader piped\nwriter: cut\n\
    mixed: r@0 0123456789 unwritten uncut socket cut\n")]
fn a_guest_takes_what_the_rule_names(#[case] of: &[&str], #[case] expected: &str) {
    let dir = directory();
    let python = Python::start("offers", &[dir.path().to_str().unwrap()]);
    let unix = python.unix();
    let mut flags = vec!["--allow-connect".to_owned(), unix.clone()];
    for of in of {
        flags.extend(["--allow-take-fd".to_owned(), format!("{unix}{of}")]);
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let output = output(&flags, "passed", &["take", &python.name]);
    assert!(output.status.success(), "{}", stderr(&output));
    let never = "directory: cut\ndevice: cut\npath: cut\nproc: cut\nneither: cut\n";
    let mut expected = expected.to_owned();
    if !expected.ends_with(never) {
        expected.push_str(never);
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    python.succeed();
    let writes = of.iter().any(|of| of.contains("writable-file"));
    let after = std::fs::read_to_string(dir.path().join("both")).unwrap();
    assert_eq!(after, if writes { "01234" } else { "0123456789" });
}

/// Each kind is told as denied once for a message, with the flag that grants it;
/// a file that can be read is not told as one that cannot be written.
#[test]
fn what_is_not_taken_is_told_with_its_kind() {
    let dir = directory();
    let python = Python::start("offers", &[dir.path().to_str().unwrap()]);
    let unix = python.unix();
    let flags = [
        "--allow-connect",
        &unix,
        "--allow-take-fd",
        "* of=file",
        "--deny-take-fd",
        "* of=pipe",
    ];
    let output = output(&flags, "passed", &["take", &python.name]);
    let told = stderr(&output).replace(&python.name, "NAME");
    assert_eq!(
        told,
        "capsock: denied take-fd unix-abstract:NAME: no rule allows it; to allow it: --allow-take-fd unix-abstract:NAME\n\
         capsock: denied take-fd unix-abstract:NAME of=writable-file: no rule allows it; to allow it: --allow-take-fd 'unix-abstract:NAME of=writable-file'\n\
         capsock: denied take-fd unix-abstract:NAME of=pipe: the rule `deny take-fd * of=pipe` forbids it\n\
         capsock: denied take-fd unix-abstract:NAME of=writable-pipe: the rule `deny take-fd * of=pipe` forbids it\n"
    );
    python.succeed();
}

/// What was taken to be read is not to be written by whom it is passed on to, nor
/// by the guest by way of them; what cannot be opened for less is not passed on.
#[rstest]
#[case::to_read("* of=file", "0123456789")]
#[case::to_write("* of=writable-file", "0123456789peer")]
fn a_file_that_was_taken_is_passed_on_as_it_was_taken(#[case] take: &str, #[case] after: &str) {
    let dir = directory();
    let given = dir.path().display().to_string();
    let python = Python::start("takes-back", &[&given]);
    let unix = python.unix();
    // Where the host may open it anew, and where Landlock forbids that.
    let flags = [
        "--dir",
        &given,
        "--allow-connect",
        &unix,
        "--allow-take-fd",
        take,
        "--allow-pass-fd",
        &unix,
    ];
    let printed = succeed(&flags, "passed", &["on", &python.name]);
    assert_eq!(printed, "ok\n");
    python.succeed();
    let text = |name: &str| std::fs::read_to_string(Path::new(&given).join(name)).unwrap();
    assert_eq!(text("both"), after);
}

#[test]
fn a_recording_names_the_kinds() {
    let dir = directory();
    let policy = dir.path().join("policy.toml");
    let python = Python::start("offers", &[dir.path().to_str().unwrap()]);
    let (record, unix) = (policy.display().to_string(), python.unix());
    let output = output(&["--record", &record], "passed", &["take", &python.name]);
    assert!(output.status.success(), "{}", stderr(&output));
    python.succeed();
    let recorded = std::fs::read_to_string(policy).unwrap();
    // To write is to read too, so these are the smallest that allow it.
    for (kind, is_there) in [
        ("", true),
        (" of=writable-file", true),
        (" of=writable-pipe", true),
        (" of=file", false),
        (" of=pipe", false),
    ] {
        let target = format!("{unix}{kind}\"");
        assert_eq!(recorded.contains(&target), is_there, "{kind}: {recorded}");
    }
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
            "capsock-passed-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        );
        let name = name.replace(['(', ')'], "");
        let mut command = Command::new("python3");
        command.args(["-c", PEER, case, &name]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "listening\n");
        Self {
            name,
            child,
            stdout,
        }
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
import errno, fcntl, os, socket, sys, threading

case, name, *rest = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.settimeout(60)
server.bind('\0' + name)
server.listen(1)
print('listening', flush=True)
peer, _ = server.accept()
peer.settimeout(60)

def modes(fd):
    mode = fcntl.fcntl(fd, fcntl.F_GETFL)
    assert not mode & os.O_NONBLOCK
    return ['r', 'w', 'rw'][mode & os.O_ACCMODE]

def told(fd):
    position = os.lseek(fd, 0, os.SEEK_CUR)
    text = os.read(fd, 100).decode()
    try:
        os.write(fd, b'peer')
        wrote = 'ok'
    except OSError as error:
        wrote = errno.errorcode[error.errno]
    return f'{modes(fd)}@{position} {text} {wrote}'

if case == 'gets':
    data, (fd,), flags, _ = socket.recv_fds(peer, 8, 4)
    assert (data, flags & socket.MSG_CTRUNC) == (b'x', 0)
    peer.sendall(told(fd).encode())
elif case == 'takes-back':
    path = os.path.join(rest[0], 'both')
    with open(path, 'w') as file:
        file.write('0123456789')
    fd = os.open(path, os.O_RDWR)
    os.lseek(fd, 4, os.SEEK_SET)
    socket.send_fds(peer, [b'x'], [fd])
    _, (back,), _, _ = socket.recv_fds(peer, 8, 4)
    # A position of its own.
    assert os.lseek(back, 0, os.SEEK_CUR) == 4
    os.lseek(back, 10, os.SEEK_SET)
    assert os.lseek(fd, 0, os.SEEK_CUR) == 4
    told(back)
elif case == 'offers':
    directory = rest[0]
    def create(name, flags, text):
        path = os.path.join(directory, name)
        with open(path, 'w') as file:
            file.write(text)
        return os.open(path, flags)
    def once(text, what):
        socket.send_fds(peer, [text], what)
        assert peer.recv(1) == b'y'
    free = socket.socket()
    once(b'socket', [free.fileno()])
    read = create('read', os.O_RDONLY, '0123456789')
    os.lseek(read, 2, os.SEEK_SET)
    once(b'read', [read])
    both = create('both', os.O_RDWR, '0123456789')
    once(b'both', [both])
    assert os.lseek(both, 0, os.SEEK_CUR) == 0
    once(b'write', [create('write', os.O_WRONLY, '')])
    memory = os.memfd_create('memory')
    os.write(memory, b'memory')
    os.lseek(memory, 0, os.SEEK_SET)
    once(b'memory', [memory])
    reader, writer = os.pipe()
    os.write(writer, b'piped')
    os.close(writer)
    once(b'reader', [reader])
    reader, writer = os.pipe()
    got = []
    def drain():
        while data := os.read(reader, 65536):
            got.append(data)
    draining = threading.Thread(target=drain)
    draining.start()
    socket.send_fds(peer, [b'writer'], [writer])
    os.close(writer)
    assert peer.recv(1) == b'y'
    draining.join()
    assert b''.join(got) in (b'', b'g' * 100_000)
    mixed = create('mixed', os.O_RDWR, '0123456789')
    once(b'mixed', [mixed, os.open(directory, os.O_RDONLY), free.fileno()])
    once(b'directory', [os.open(directory, os.O_RDONLY)])
    once(b'device', [os.open('/dev/null', os.O_RDWR)])
    once(b'path', [os.open(os.path.join(directory, 'read'), os.O_PATH)])
    once(b'proc', [os.open('/proc/self/status', os.O_RDONLY)])
    once(b'neither', [os.open(os.path.join(directory, 'read'), os.O_ACCMODE)])
"#;
