//! Programs with their grants sealed in, on jco: WASI in Node.js, which has nothing of
//! capsock or wasmtime. `scripts/jco` fetches it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use capsock_tests::peer::Redis;
use capsock_tests::{PATIENCE, Running, Sealed, guest, stderr, unshared};
use tempfile::TempDir;

/// How `scripts/jco` ends where it has no jco.
const MISSING: i32 = 125;

/// `scripts/jco`; `None`, and a line that says why, where it has no jco. In CI that is
/// an error.
fn jco() -> Option<Command> {
    static WHY_NOT: LazyLock<Option<String>> = LazyLock::new(|| {
        let output = command().arg("--help").output().unwrap();
        (output.status.code() == Some(MISSING)).then(|| stderr(&output))
    });
    if let Some(why) = &*WHY_NOT {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        eprintln!("skipped: {why}");
        return None;
    }
    Some(command())
}

fn command() -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/jco"));
    command.stdin(Stdio::null());
    command
}

/// A program with these grants sealed in.
#[track_caller]
fn seal(flags: &[&str], name: &str) -> Sealed {
    Sealed::new(flags, &guest(name))
}

fn on(mut jco: Command, sealed: &Sealed, args: &[&str]) -> Command {
    jco.arg(&sealed.path).args(args);
    jco
}

/// Runs it on jco to its end.
fn run(sealed: &Sealed, args: &[&str]) -> Output {
    on(command(), sealed, args).output().unwrap()
}

fn printed(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

#[track_caller]
fn assert_denied(output: &Output, operation: &str) {
    let told = stderr(output);
    let line =
        format!("capsock seal: denied {operation}: no rule allows it; to allow it: --allow-");
    assert!(told.starts_with(&line), "{told}");
}

#[test]
fn redis_answers_where_the_rules_allow_it() {
    let host = "127.0.0.1";
    let (Some(_jco), Some(redis), Some(other)) = (jco(), Redis::start(host), Redis::start(host))
    else {
        return;
    };
    let address = format!("{host}:{}", redis.port);
    let grant = format!("tcp://{address}");
    let sealed = seal(&["--allow-connect", &grant], "redis-client-std");

    let output = run(&sealed, &[&address]);
    assert_eq!(
        printed(&output),
        "PING: PONG\nSET greeting Hello, world: OK\nGET greeting: Hello, world\n",
        "{}",
        stderr(&output)
    );
    assert!(output.status.success());

    let elsewhere = format!("{host}:{}", other.port);
    let output = run(&sealed, &[&elsewhere]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(printed(&output), "");
    assert_denied(&output, &format!("connect tcp://{elsewhere}"));
}

#[test]
fn datagrams_pass_to_whom_the_rules_allow() {
    let Some(_jco) = jco() else {
        return;
    };
    let [granted, other] = [0; 2].map(|port| UdpSocket::bind(("127.0.0.1", port)).unwrap());
    let [port, elsewhere] =
        [&granted, &other].map(|socket| socket.local_addr().unwrap().port().to_string());
    let grant = format!("udp://127.0.0.1:{port}");
    let sealed = seal(&["--allow-send", &grant], "attack-std");
    let output = run(&sealed, &["send", "127.0.0.1", &port]);
    assert_eq!(printed(&output), "ok\n", "{}", stderr(&output));
    let mut received = [0; 9];
    let (length, _sender) = granted.recv_from(&mut received).unwrap();
    assert_eq!(&received[..length], b"x");

    let output = run(&sealed, &["send", "127.0.0.1", &elsewhere]);
    assert_eq!(printed(&output), "EACCES\n");
    assert_denied(&output, &format!("send udp://127.0.0.1:{elsewhere}"));
    other.set_nonblocking(true).unwrap();
    let error = other.recv(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_server_answers_whom_the_rules_allow() {
    let Some(jco) = jco() else {
        return;
    };
    let grant = "tcp://127.0.0.1:ephemeral from=127.0.0.2";
    let sealed = seal(&["--allow-listen", grant], "std");
    let mut server = Running::spawn(&mut on(jco, &sealed, &["echo-server", "127.0.0.1:0", "1"]));
    let to = server.address("127.0.0.1");
    let echo = |from: &str| {
        let mut stream = connect_from(from, to);
        // Who is turned away may find that out as it sends.
        _ = stream.write_all(b"hello");
        _ = stream.shutdown(Shutdown::Write);
        let mut answer = String::new();
        _ = stream.read_to_string(&mut answer);
        answer
    };
    assert_eq!(echo("127.0.0.3"), "");
    assert_eq!(echo("127.0.0.2"), "hello");
    assert_eq!(server.expect_line("5 bytes of "), "127.0.0.2");
    let output = server.output();
    assert!(output.status.success());
    assert_denied(
        &output,
        "accept from 127.0.0.3 on tcp://127.0.0.1:ephemeral",
    );
}

/// Connects from an address of this machine's own.
fn connect_from(ip: &str, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let from: SocketAddr = format!("{ip}:0").parse().unwrap();
    socket.bind(&from.into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn names_are_asked_about() {
    let Some(_jco) = jco() else {
        return;
    };
    let sealed = seal(&["--allow-resolve", "allowed.test"], "std");
    let output = run(&sealed, &["look-up", "localhost"]);
    assert_eq!(printed(&output), "[::1]:80\n127.0.0.1:80\n");
    let output = run(&sealed, &["look-up", "denied.test"]);
    assert_eq!(printed(&output), "PermissionDenied\n");
    assert_denied(&output, "resolve denied.test");
}

/// `capsock:sockets` for a guest of the SDK; docs/portable.md says what jco has not.
#[test]
fn a_guest_of_the_sdk_runs() {
    let Some(_jco) = jco() else {
        return;
    };
    let grants = [
        "--portable",
        "--allow-listen=tcp://127.0.0.1:ephemeral",
        "--allow-connect=tcp://127.0.0.1:*",
        "--allow-bind=udp://127.0.0.1:*",
        "--allow-send=udp://127.0.0.1:*",
    ];
    let sealed = seal(&grants, "portable");
    for case in [
        "sockets",
        "options",
        "names",
        "readiness",
        "nested",
        "edges",
        "pollables",
    ] {
        let output = run(&sealed, &[case, "127.0.0.1"]);
        assert!(output.status.success(), "{case}: {}", stderr(&output));
    }
}

/// A server of Python's, and its port.
fn http_server(host: &str, directory: &TempDir) -> (Running, u16) {
    std::fs::write(directory.path().join("greeting"), "hello").unwrap();
    let mut server = Command::new("python3");
    server.args([
        "-u",
        "-m",
        "http.server",
        "0",
        "--bind",
        host,
        "--directory",
    ]);
    let mut server = Running::spawn(server.arg(directory.path()));
    let line = server.expect_line(&format!("Serving HTTP on {host} port "));
    let port = line.split(' ').next().unwrap().parse().unwrap();
    (server, port)
}

const DENIED: &str = "ErrorCode::HttpRequestDenied\n";

#[test]
fn requests_go_where_the_rules_allow() {
    let Some(_jco) = jco() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (mut server, port) = http_server("127.0.0.1", &directory);
    let sealed = seal(
        &["--allow-connect", &format!("tcp://127.0.0.1:{port}")],
        "http-get",
    );
    let output = run(
        &sealed,
        &["http", &format!("127.0.0.1:{port}"), "/greeting?x"],
    );
    assert_eq!(printed(&output), "200 hello\n", "{}", stderr(&output));

    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = elsewhere.local_addr().unwrap().to_string();
    let localhost = format!("localhost:{port}");
    for (scheme, authority, denied) in [
        ("http", &*other, format!("http://{other}")),
        ("http", "127.0.0.1", "http://127.0.0.1".to_owned()),
        ("https", "127.0.0.1", "https://127.0.0.1".to_owned()),
        ("-", "127.0.0.1", "https://127.0.0.1".to_owned()),
        // One of its addresses is not allowed.
        ("http", &localhost, format!("http://{localhost}")),
        ("http", "name.invalid", "http://name.invalid".to_owned()),
    ] {
        let output = run(&sealed, &[scheme, authority, "/greeting"]);
        assert_eq!(printed(&output), DENIED, "{authority}: {}", stderr(&output));
        assert_denied(&output, &format!("http GET {denied}/greeting"));
    }
    elsewhere.set_nonblocking(true).unwrap();
    assert_eq!(
        elsewhere.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );

    let localhost = seal(
        &["--allow-connect", &format!("tcp://localhost:{port}")],
        "http-get",
    );
    let output = run(
        &localhost,
        &["http", &format!("localhost:{port}"), "/greeting"],
    );
    assert_eq!(printed(&output), "200 hello\n", "{}", stderr(&output));

    // A grant of requests is enough, and one of others is not.
    let grant = format!("GET http://127.0.0.1:{port}/greet*");
    let of_requests = seal(&["--allow-http", &grant], "http-get");
    let of = |path| run(&of_requests, &["http", &format!("127.0.0.1:{port}"), path]);
    assert_eq!(printed(&of("/x/../greeting")), "200 hello\n");
    assert_eq!(printed(&of("/moved")), DENIED);
    let denial = format!("http://127.0.0.1:{port}/greet*");
    let flags = ["--allow-http", &grant, "--deny-http", &denial];
    let denying = seal(&flags, "http-get");
    let output = run(
        &denying,
        &["http", &format!("127.0.0.1:{port}"), "/greeting"],
    );
    assert_eq!(printed(&output), DENIED);

    // It would not be asked about where a redirection leads.
    std::fs::create_dir(directory.path().join("moved")).unwrap();
    let output = run(&sealed, &["http", &format!("127.0.0.1:{port}"), "/moved"]);
    assert_eq!(printed(&output), "301 \n", "{}", stderr(&output));

    server.stop();
    let output = server.output();
    let requests: Vec<_> = stderr(&output).matches("GET ").map(str::to_owned).collect();
    assert_eq!(requests.len(), 4, "{}", stderr(&output));
}

/// The host looks a name up in its own file too.
#[test]
fn requests_go_where_the_host_finds_a_name() {
    let (Some(jco), sealed) = (
        jco(),
        seal(&["--allow-connect", "tcp://inward.test:80"], "http-get"),
    ) else {
        return;
    };
    let setup = "printf '127.0.0.1 localhost\\n127.0.1.1 inward.test\\n' > /tmp/capsock-hosts.$$
        mount --bind /tmp/capsock-hosts.$$ /etc/hosts; rm /tmp/capsock-hosts.$$";
    let jco = on(jco, &sealed, &["http", "inward.test", "/"]);
    let Some(mut inside) = unshared("--mount", setup, &jco) else {
        return;
    };
    let output = inside.output().unwrap();
    assert_eq!(printed(&output), DENIED, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("denied http GET http://inward.test/: it resolves to 127.0.1.1"),
        "{}",
        stderr(&output)
    );
}

/// Where hosts may read another address than the one that was checked.
#[test]
fn requests_that_can_be_read_in_two_ways_are_not_made() {
    let Some(_jco) = jco() else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port();
    let grant = format!("tcp://{address}");
    let sealed = seal(&["--allow-connect", &grant], "http-get");
    // Of the authorities jco itself refuses some before.
    for (scheme, authority, path, error) in [
        ("http", format!("user@{address}"), "/", ""),
        ("http", format!("0x7f.0.0.1:{port}"), "/", ""),
        ("http", format!("127.1:{port}"), "/", ""),
        ("http", "127.0.0.1:0".to_owned(), "/", ""),
        (
            "http",
            address.to_string(),
            "@192.0.2.1/",
            "ErrorCode::HttpRequestUriInvalid",
        ),
        (
            "http",
            address.to_string(),
            "//192.0.2.1/",
            "ErrorCode::HttpRequestUriInvalid",
        ),
        (
            "other:ws",
            address.to_string(),
            "/",
            "ErrorCode::HttpProtocolError",
        ),
    ] {
        let output = run(&sealed, &[scheme, &authority, path]);
        assert!(!output.status.success(), "{authority} {path}");
        let printed = printed(&output);
        assert!(printed.contains(error), "{authority} {path}: {printed}");
    }
    listener.set_nonblocking(true).unwrap();
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}
