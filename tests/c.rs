//! The C SDK: a program in C and one in C++, natively and as guests, print the same of
//! every function; the examples in C; what a guest cannot have.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use capsock_tests::c::{built, has_exceptions, is_built, wait_for_listener};
use capsock_tests::{capsock, output, patiently, start, stderr, succeed, target};
use rstest::rstest;
use tempfile::TempDir;

/// What the guest prints otherwise, and why: the subject, the line natively, the
/// line of the guest.
const DIFFERENCES: &[(&str, &str, &str)] = &[(
    // clang calls std::terminate where a noexcept is met, without the exception.
    "forbidden",
    "not caught: thrown where nobody catches",
    "not caught",
)];

#[rstest]
fn a_program_does_the_same_natively_and_as_a_guest(
    #[values(
        "text",
        "tcp4",
        "tcp6",
        "errors",
        "nonblocking",
        "options",
        "timeouts",
        "udp4",
        "udp6",
        "messages",
        "packet-info",
        "unix-stream",
        "unix-datagram",
        "rights",
        "polling",
        "selecting",
        "epolling",
        "events",
        "timers",
        "pipes",
        "duplicates",
        "names",
        "interfaces",
        "files",
        "opening",
        "directories",
        "error-texts",
        "streams",
        "sending-files",
        "memory-files",
        "signals",
        "jumps",
        "nameser",
        "clocks",
        "processors",
        "mounts",
        "threads",
        "thread-data",
        "canceling",
        "thread-signals",
        "exiting",
        "locks",
        "conditions",
        "semaphores",
        "c11",
        "waits",
        "alarms",
        "locked-streams"
    )]
    subject: &str,
) {
    let jumps = [
        "jumps",
        "threads",
        "canceling",
        "thread-signals",
        "exiting",
        "c11",
        "locked-streams",
    ];
    if !jumps.contains(&subject) || has_exceptions() {
        assert_same("c-conformance", subject);
    }
}

#[rstest]
fn a_program_in_cpp_does_the_same_natively_and_as_a_guest(
    #[values(
        "exceptions",
        "uncaught",
        "uncaught-in-thread",
        "forbidden",
        "jumping",
        "threads",
        "library",
        "files",
        "sockets"
    )]
    subject: &str,
) {
    assert_same("cpp-conformance", subject);
}

fn assert_same(program: &str, subject: &str) {
    let native = built(program);
    let guest = built(&format!("guests/{program}.wasm"));
    if !is_built(&native) || !is_built(&guest) {
        return;
    }
    let natively = TempDir::new().unwrap();
    let mut command = Command::new(native);
    command.arg(subject).arg(natively.path());
    let expected = lines(&run(command));

    let directory = TempDir::new().unwrap();
    let mut command = capsock();
    command.arg("run").args(grants(directory.path()));
    command.args([guest.as_path(), Path::new(subject), directory.path()]);
    let found = run(command);
    let told = stderr(&found);
    let found = lines(&found);
    for (number, (native, guest)) in expected.iter().zip(&found).enumerate() {
        let is_known = DIFFERENCES.contains(&(subject, native.as_str(), guest.as_str()));
        assert!(
            native == guest || is_known,
            "line {}:\nnatively `{native}`\nguest    `{guest}`\n{told}",
            number + 1
        );
    }
    assert_eq!(expected.len(), found.len(), "{told}");
}

/// The program has no subject that is not a case above.
#[rstest]
fn each_subject_is_tested(#[values("c-conformance", "cpp-conformance")] program: &str) {
    let native = built(program);
    if !is_built(&native) {
        return;
    }
    let subjects = lines(&run(Command::new(native)));
    let tests = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("c.rs"));
    let tests = tests.unwrap();
    for subject in subjects {
        assert!(
            tests.contains(&format!("        \"{subject}\"")),
            "{subject}"
        );
    }
}

fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null());
    patiently(move || command.output().unwrap())
}

fn lines(output: &Output) -> Vec<String> {
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", stderr(output));
    assert!(!printed.is_empty());
    printed.lines().map(str::to_owned).collect()
}

/// Everything that the program does.
fn grants(directory: &Path) -> Vec<String> {
    let path = directory.display();
    let name = directory.file_name().unwrap().to_str().unwrap();
    let mut grants = vec![
        format!("--dir={path}"),
        format!("--allow-listen=unix:{path}/"),
        format!("--allow-connect=unix:{path}/"),
        format!("--allow-bind=unix:{path}/"),
        format!("--allow-send=unix:{path}/"),
        format!("--allow-listen=unix-abstract:capsock-c-{name}"),
        format!("--allow-connect=unix-abstract:capsock-c-{name}"),
        "--allow-pass-fd=*".to_owned(),
        "--allow-take-fd=*".to_owned(),
        "--allow-interfaces".to_owned(),
        "--allow-recv=udp://239.1.2.3:ephemeral".to_owned(),
        "--allow-recv=udp://239.1.2.4:ephemeral".to_owned(),
        "--allow-recv=udp://[ff15::1]:ephemeral".to_owned(),
        // One that has an address already is tried to be bound.
        "--allow-listen=tcp://127.0.0.1:1024-65535".to_owned(),
    ];
    for host in ["127.0.0.1", "::1"] {
        grants.push(format!(
            "--allow-listen={}",
            target("tcp", host, "ephemeral")
        ));
        grants.push(format!("--allow-connect={}", target("tcp", host, "*")));
        grants.push(format!("--allow-bind={}", target("udp", host, "ephemeral")));
        grants.push(format!("--allow-send={}", target("udp", host, "*")));
        grants.push(format!("--allow-recv={}", target("udp", host, "*")));
    }
    grants
}

/// The ends of two pipes, which CPython sends.
#[test]
fn pipes_that_come_are_read_and_written_by_their_numbers() {
    const PEER: &str = r"
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind('\0' + sys.argv[1])
server.listen(1)
print('listening', flush=True)
guest, _ = server.accept()
to_guest, from_guest = os.pipe(), os.pipe()
socket.send_fds(guest, [b'x'], [to_guest[0], from_guest[1]])
os.close(from_guest[1])
heard = os.read(from_guest[0], 64)
os.write(to_guest[1], b'heard ' + heard)
os.close(to_guest[1])
assert guest.recv(1) == b''
";
    if !is_built(&built("guests/c-taken.wasm")) {
        return;
    }
    let name = format!("capsock-c-taken-{}", std::process::id());
    let mut python = Command::new("python3");
    let python = python.args(["-c", PEER, &name]).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let mut line = [0; 10];
    let mut told = python.stdout.take().unwrap();
    std::io::Read::read_exact(&mut told, &mut line).unwrap();
    let unix = format!("unix-abstract:{name}");
    let take = format!("{unix} of=pipe,writable-pipe");
    let flags = ["--allow-connect", &unix, "--allow-take-fd", &take];
    assert_eq!(
        succeed(&flags, "c-taken", &[&name]),
        "4 5\n1\n1 1\n1\n1\n-1\n-1 -1\n6\n1\n12 heard from C\n0\n1\n"
    );
    assert!(python.wait().unwrap().success());
}

/// It asks for what is in no directory of its own.
#[test]
fn a_guest_reads_whom_the_host_trusts_and_no_key() {
    const PATHS: &str = "\
/etc/ssl/cert.pem: 0 0 0 111 000 0 0 Read-only file system Permission denied
/etc/ssl/certs/ca-certificates.crt: 0 0 0 111 000 0 0 Read-only file system Permission denied
/etc/resolv.conf: 0 0 0 111 000 0 0 Read-only file system Permission denied
/dev/null: 0 0 0 000 111 0 0 written Permission denied
/dev/urandom: 0 0 0 000 111 0 0 written Permission denied
/etc/ssl/none: -1 -1 -1 000 000 -1 -1 No such file or directory No such file or directory
Read-only file system
Read-only file system
1
1
";
    let guest = built("guests/c-trust.wasm");
    if !is_built(&guest) {
        return;
    }
    let directory = TempDir::new().unwrap();
    let certificate = block("CERTIFICATE", "c2lnbmVk");
    let key = block("PRIVATE KEY", "c2VjcmV0");
    let path = directory.path().join("cert.pem");
    std::fs::write(&path, format!("{key}{certificate}{key}")).unwrap();
    let told = |system: &Path, flags: &[&str], args: &[&str]| {
        let mut command = capsock();
        command.arg("run").args(flags).arg(&guest).args(args);
        command.env("SSL_CERT_FILE", system);
        command.env_remove("SSL_CERT_DIR");
        let output = run(command);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(told(&path, &[], &[]), format!("{PATHS}{certificate}"));
    let none = directory.path().join("none.pem");
    assert_eq!(told(&none, &[], &[]), PATHS);
    let added = format!("--tls-ca={}", path.display());
    assert_eq!(told(&none, &[&added], &[]), format!("{PATHS}{certificate}"));
    // Its own file goes before, whatever it has.
    let own = format!("--dir={}::/etc/ssl:ro", directory.path().display());
    let own = told(&none, &[&own], &["/etc/ssl/cert.pem"]);
    assert_eq!(own, format!("{key}{certificate}{key}"));
}

fn block(label: &str, content: &str) -> String {
    format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
}

#[test]
fn what_a_guest_cannot_have_fails() {
    if !is_built(&built("guests/c-cannot.wasm")) {
        return;
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    let told = succeed(&["--dir", path], "c-cannot", &[path]);
    let wrong: Vec<&str> = told
        .lines()
        .filter(|line| line.contains(", not ") || line.ends_with(": no"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(told.lines().count(), 52, "{told}");
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn the_examples_in_c_talk_to_each_other(#[case] host: &str) {
    if !is_built(&built("guests/c-echo-server.wasm")) {
        return;
    }
    let port = TcpListener::bind((host, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let grant = target("tcp", host, port);
    let port = port.to_string();
    let client = [host, &port];
    let denied = output(&[], "c-echo-client", &client);
    assert!(!denied.status.success());
    let told = stderr(&denied).replace('\'', "");
    assert!(told.contains("Permission denied"), "{told}");
    assert!(told.contains(&format!("--allow-connect {grant}")), "{told}");

    let server = start(&["--allow-listen", &grant], "c-echo-server", &client);
    wait_for_listener(&port);
    let received = succeed(&["--allow-connect", &grant], "c-echo-client", &client);
    assert_eq!(received, "Received Hello, world\n");
    let told = server.succeed();
    assert!(
        told.starts_with(&format!("Connected by {host} port ")),
        "{told}"
    );
}

/// docs/c.md says of every function that the SDK has what it does.
#[test]
fn each_function_is_documented() {
    let wrapped = built("c-sdk/lib/wasm32-wasip2/wrapped");
    if !is_built(&wrapped) {
        return;
    }
    let wrapped = std::fs::read_to_string(wrapped).unwrap();
    let functions: BTreeSet<&str> = wrapped
        .lines()
        .filter_map(|line| line.strip_prefix("--wrap="))
        // libc's own names for what has another.
        .filter(|name| !name.starts_with("__"))
        .collect();
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/c.md");
    let document = std::fs::read_to_string(document).unwrap();
    let missing: Vec<_> = functions
        .into_iter()
        .filter(|name| !document.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/c.md lacks {missing:?}");
}

/// The SDK works where it was moved to, from another directory.
#[test]
fn the_sdk_can_be_moved() {
    let sdk = built("c-sdk");
    if !is_built(&sdk) {
        return;
    }
    let elsewhere = TempDir::new().unwrap();
    let moved = elsewhere.path().join("a directory");
    let copied = Command::new("cp").arg("-r").arg(&sdk).arg(&moved).status();
    assert!(copied.unwrap().success());
    let source = elsewhere.path().join("hello.c");
    std::fs::write(
        &source,
        "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n",
    )
    .unwrap();
    let mut command = Command::new(moved.join("bin/capsock-cc"));
    command.current_dir(elsewhere.path());
    command.args(["-O2", "hello.c", "-o", "hello.wasm"]);
    let compiled = run(command);
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    let mut command = capsock();
    command.arg("run").arg(elsewhere.path().join("hello.wasm"));
    assert_eq!(run(command).stdout, b"hello\n");
}

/// And its exit code is the program's.
#[test]
fn a_program_asks_what_it_may_do_and_gives_it_up() {
    if !is_built(&built("guests/c-authority.wasm")) {
        return;
    }
    let flags = ["--allow-connect", "tcp://127.0.0.1:80-81"];
    let told = output(&flags, "c-authority", &[]);
    assert_eq!(told.status.code(), Some(43), "{}", stderr(&told));
    insta::assert_snapshot!(String::from_utf8(told.stdout).unwrap(), @"
    allow connect tcp://127.0.0.1:80-81
    1
    0
    -1 1
    may: invalid rule `connect tcp://127.0.0.1:*` at character 9: these are many ports; name one
    -1 1
    0
    0
    1
    0
    0
    ");
}

/// Without a directory; and beside those of one.
#[test]
fn files_are_put_into_a_program() {
    let sdk = built("c-sdk");
    if !is_built(&sdk) {
        return;
    }
    let work = TempDir::new().unwrap();
    let path = |name: &str| work.path().join(name);
    std::fs::create_dir_all(path("data/inner")).unwrap();
    std::fs::write(path("data/a.txt"), "inside\n").unwrap();
    std::fs::write(path("data/inner/b"), "").unwrap();
    std::fs::create_dir(path("host")).unwrap();
    std::fs::write(path("host/a.txt"), "outside\n").unwrap();
    std::fs::write(path("host/c"), "").unwrap();
    let source = r#"
        #include <capsock.h>
        #include <dirent.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <string.h>
        #include <sys/stat.h>
        static void list(const char *path) {
            DIR *stream = opendir(path);
            struct dirent *entry;
            while ((entry = readdir(stream)))
                printf("%s%s ", entry->d_name, entry->d_type == DT_DIR ? "/" : "");
            printf("%d\n", closedir(stream));
        }
        int main(void) {
            char line[10];
            struct stat status;
            FILE *file = fopen("/data/a.txt", "r");
            fputs(fgets(line, sizeof line, file), stdout);
            printf("%d %d\n", stat("/data/../data/inner", &status), S_ISDIR(status.st_mode));
            printf("%d %d\n", fstat(fileno(file), &status), (int)status.st_size);
            list("/data");
            list("/data/inner");
            printf("%d %d\n", open("/data/a.txt", O_RDWR), errno == EROFS);
            printf("%d %d\n", open("/data/a.txt/b", O_RDONLY), errno == ENOENT || errno == ENOTDIR);
            printf("%d\n", capsock_add_file("added", "text", 4));
            printf("%d\n", open("/added", O_RDONLY) >= 0);
            printf("%d %d\n", open("\xff", O_RDONLY), errno == ENOENT || errno == EILSEQ);
            return 0;
        }"#;
    std::fs::write(path("main.c"), source).unwrap();
    let tool = |name: &str| {
        let mut command = Command::new(sdk.join("bin").join(name));
        command.current_dir(work.path());
        command
    };
    insta::allow_duplicates! { for deflated in [&[][..], &["-z", "*.txt"], &["-z", "*"]] {
        let mut embed = tool("capsock-embed");
        embed.args(["-o", "files.o", "data=/data"]).args(deflated);
        let embedded = run(embed);
        assert!(embedded.status.success(), "{}", stderr(&embedded));
        let mut compile = tool("capsock-cc");
        compile.args(["-O2", "main.c", "files.o", "-o", "main.wasm"]);
        let compiled = run(compile);
        assert!(compiled.status.success(), "{}", stderr(&compiled));
        let print = |flags: &[&str]| {
            let mut command = capsock();
            command.arg("run").args(flags).arg(path("main.wasm"));
            String::from_utf8(run(command).stdout).unwrap()
        };
        insta::assert_snapshot!(print(&[]), @"
        inside
        0 1
        0 7
        ./ ../ a.txt inner/ 0
        ./ ../ b 0
        -1 1
        -1 1
        0
        1
        -1 1
        ");
        // What is put in stands before the host's.
        let host = format!("{}::/data:ro", path("host").display());
        insta::assert_snapshot!(print(&["--dir", &host]), @"
        inside
        0 1
        0 7
        ./ ../ a.txt c inner/ 0
        ./ ../ b 0
        -1 1
        -1 1
        0
        1
        -1 1
        ");
    } }
    let mut wrong = tool("capsock-embed");
    wrong.args(["-o", "files.o", "absent=/data"]);
    assert_eq!(
        stderr(&run(wrong)),
        "capsock-embed: absent: there is no such file or directory\n"
    );
}
