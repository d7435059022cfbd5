//! The examples do what Python's documentation says of them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;

use capsock_test_programs::pattern;
use capsock_tests::{PATIENCE, Running, output, start, stderr, succeed, target};
use rstest::rstest;

fn free_port(host: &str) -> u16 {
    TcpListener::bind((host, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The guest prints nothing before it has a client, so try until it listens.
fn connect(address: SocketAddr) -> TcpStream {
    let start = std::time::Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(error) if start.elapsed() > PATIENCE => panic!("{address}: {error}"),
            Err(_not_yet) => std::thread::yield_now(),
        }
    }
}

fn talk(address: SocketAddr) -> SocketAddr {
    let mut stream = connect(address);
    stream.write_all(b"Hello, world").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Hello, world");
    stream.local_addr().unwrap()
}

#[rstest]
#[case::ipv4("echo-server", "127.0.0.1")]
#[case::dual_stack_ipv4("dual-stack-echo-server", "127.0.0.1")]
#[case::dual_stack_ipv6("dual-stack-echo-server", "::1")]
fn a_server_echoes_one_connection_and_ends(#[case] name: &str, #[case] host: &str) {
    let port = free_port(host);
    let guest = start(
        &["--allow-listen", &target("tcp", host, port)],
        name,
        &[host, &port.to_string()],
    );
    let client = talk(SocketAddr::new(host.parse().unwrap(), port));
    assert_eq!(guest.succeed(), format!("Connected by {client}\n"));
}

#[test]
fn forever_keeps_accepting() {
    let port = free_port("127.0.0.1");
    let grant = target("tcp", "127.0.0.1", port);
    let mut guest = start(
        &["--allow-listen", &grant],
        "echo-server",
        &["127.0.0.1", &port.to_string(), "--forever"],
    );
    for _ in 0..3 {
        let client = talk(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(guest.expect_line("Connected by"), client.to_string());
    }
}

#[rstest]
#[case::ipv4("echo-client", "127.0.0.1")]
#[case::dual_stack_ipv4("dual-stack-echo-client", "127.0.0.1")]
#[case::dual_stack_ipv6("dual-stack-echo-client", "::1")]
fn a_client_says_hello_and_prints_the_answer(#[case] name: &str, #[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let guest = start(
        &["--allow-connect", &target("tcp", host, &port)],
        name,
        &[host, &port],
    );
    let (mut stream, _peer) = listener.accept().unwrap();
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer).unwrap();
    stream.write_all(&buffer[..count]).unwrap();
    assert_eq!(guest.succeed(), "Received 'Hello, world'\n");
}

/// Of the addresses that a dual-stack server could have, it takes the first one
/// that it is granted.
#[rstest]
#[case::ipv4("0.0.0.0", "127.0.0.1")]
#[case::ipv6("::", "::1")]
fn a_dual_stack_server_takes_the_address_that_it_can(#[case] host: &str, #[case] from: &str) {
    let port = free_port(host);
    let guest = start(
        &["--allow-listen", &target("tcp", host, port)],
        "dual-stack-echo-server",
        &["", &port.to_string()],
    );
    talk(SocketAddr::new(from.parse().unwrap(), port));
    guest.succeed();
}

/// Of the addresses of a name, a client takes the first one that answers.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_dual_stack_client_tries_each_address_of_a_name(#[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let grants = [
        "--allow-connect",
        &target("tcp", "127.0.0.1", &port),
        "--allow-connect",
        &target("tcp", "::1", &port),
    ];
    let guest = start(&grants, "dual-stack-echo-client", &["localhost", &port]);
    let (mut stream, _peer) = listener.accept().unwrap();
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer).unwrap();
    stream.write_all(&buffer[..count]).unwrap();
    assert_eq!(guest.succeed(), "Received 'Hello, world'\n");
}

#[rstest]
#[case::ipv4("raw/1", "127.0.0.1")]
#[case::ipv6("raw/58", "::1")]
fn ping_is_answered_by_this_machine(#[case] proto: &str, #[case] host: &str) {
    let at = if host.contains(':') { "[::1]" } else { host };
    let grant = format!("{proto}://{at}");
    let told = start(&["--allow-raw", &grant], "ping", &[host, "2"]).succeed();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert!(
        lines[1].contains(&format!("from {host}: seq=2 time=")),
        "{told}"
    );
    assert_eq!(lines[2], "2 sent, 2 received");
}

#[rstest]
#[case::ipv4("IPv4", "127.0.0.1")]
#[case::ipv6("IPv6", "::1")]
fn sniff_prints_what_goes_over_an_interface(#[case] version: &str, #[case] host: &str) {
    let mut guest = start(&["--allow-raw", "packet://lo"], "sniff", &["lo"]);
    guest.expect_line("listening on lo");
    let receiver = UdpSocket::bind((host, 0)).unwrap();
    let (sender, to) = (
        UdpSocket::bind((host, 0)).unwrap(),
        receiver.local_addr().unwrap(),
    );
    sender.send_to(&[7; 123], to).unwrap();
    let (from, to) = (sender.local_addr().unwrap().port(), to.port());
    // Other tests use the interface too.
    let header = if host.contains(':') { 48 } else { 28 };
    let expected = format!(
        "{version} {host} > {host} udp {from} > {to} {} bytes",
        123 + header
    );
    guest.wait_for_line(&expected);
}

/// Where the kernel has no CAN, its error is told; where it has, an interface
/// that does not exist is.
#[rstest]
#[case("raw")]
#[case("bcm")]
fn can_tells_what_is_missing(#[case] protocol: &str) {
    let guest = start(
        &["--allow-raw", "can://capsock-none"],
        "can",
        &[protocol, "capsock-none"],
    );
    let output = guest.output();
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(
        told.contains("(EAFNOSUPPORT)") || told.contains("(ENODEV)"),
        "{told}"
    );
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn datagrams_are_echoed_between_examples(#[case] host: &str) {
    let (listen, send) = (target("udp", host, "ephemeral"), target("udp", host, "*"));
    let flags = ["--allow-listen", &listen, "--allow-send", &send];
    let mut server = start(&flags, "udp-echo", &["server", host, "0"]);
    let address: SocketAddr = server.expect_line("Bound to").parse().unwrap();
    let port = address.port().to_string();
    let send = target("udp", host, &port);
    let printed = succeed(
        &["--allow-send", &send],
        "udp-echo",
        &["client", host, &port],
    );
    assert_eq!(printed, "Received \"Hello, world\"\n");
    let socket = std::net::UdpSocket::bind((host, 0)).unwrap();
    socket.send_to(b"", address).unwrap();
    server.succeed();
}

#[rstest]
#[case::path(false)]
#[case::abstract_name(true)]
fn unix_sockets_echo_between_examples(#[case] is_abstract: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s").display().to_string();
    let (grant, name) = match is_abstract {
        true => (format!("unix-abstract:{path}"), format!("@{path}")),
        false => (format!("unix:{path}"), path),
    };
    let mut server = start(&["--allow-listen", &grant], "unix-echo", &["server", &name]);
    server.expect_line("Listening");
    let printed = succeed(
        &["--allow-connect", &grant],
        "unix-echo",
        &["client", &name],
    );
    assert_eq!(printed, "Received \"Hello, world\"\n");
    server.succeed();
}

#[test]
fn names_are_resolved_as_the_system_does() {
    let output = output(
        &["--allow-resolve", "*.invalid"],
        "resolve",
        &["localhost", "name.invalid", "denied.example"],
    );
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    let (addresses, errors): (Vec<_>, Vec<_>) = printed
        .lines()
        .partition(|line| line.ends_with(" localhost"));
    assert_eq!(addresses, ["::1 localhost", "127.0.0.1 localhost"]);
    assert_eq!(errors.len(), 2, "{printed}");
    // A machine without a name server says EAI_AGAIN for the first.
    assert!(
        errors[0].starts_with("getaddrinfo `name.invalid`: ") && errors[0].contains("(gaierror -"),
        "{printed}"
    );
    assert_eq!(
        errors[1],
        "getaddrinfo `denied.example`: Permission denied (EACCES)"
    );
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_chat_serves_a_thousand_clients(#[case] host: &str) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // The guest's share of the descriptors is four fifths of the limit.
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < 4096) {
        let current = Some(4096);
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    }
    let (_guest, address) = chat(host);
    let mut clients: Vec<_> = (0..1000).map(|_| join_chat(address)).collect();
    // Connections are accepted in their order, so all of them are there once
    // the last one speaks, and again when the first one does.
    for (speaker, line) in [(999, "Hello, everybody\n"), (0, "Hello, last one\n")] {
        clients[speaker].write_all(line.as_bytes()).unwrap();
        for client in &mut clients {
            assert_eq!(hear(client, line.len()), line.as_bytes());
        }
    }
}

/// It is dropped when its queue is full, and the others do not wait for it.
#[test]
fn a_client_of_the_chat_that_does_not_read_stops_nobody() {
    let (_guest, address) = chat("127.0.0.1");
    let mut silent = join_chat(address);
    let (mut talker, mut listener) = (join_chat(address), join_chat(address));
    listener.write_all(b"here\n").unwrap();
    for client in [&mut talker, &mut listener] {
        assert_eq!(hear(client, 5), b"here\n");
    }
    let line = [&[b'x'; 4000][..], b"\n"].concat();
    const LINES: usize = 4000;
    for _ in 0..LINES {
        talker.write_all(&line).unwrap();
        for client in [&mut talker, &mut listener] {
            assert_eq!(hear(client, line.len()), line);
        }
    }
    let mut heard = Vec::new();
    // The end, or a reset.
    _ = silent.read_to_end(&mut heard);
    assert!(heard.len() < LINES * line.len(), "it was not dropped");
}

fn chat(host: &str) -> (Running, SocketAddr) {
    let listen = target("tcp", host, "ephemeral");
    let mut guest = start(&["--allow-listen", &listen], "chat", &[host, "0"]);
    let address = guest.expect_line("Listening on").parse().unwrap();
    (guest, address)
}

fn join_chat(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn hear(client: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut heard = vec![0; length];
    client.read_exact(&mut heard).unwrap();
    heard
}

/// Two guests: one connects and passes the connection, the other uses it.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_connection_goes_from_guest_to_guest(#[case] host: &str) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = target("tcp", host, address.port());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket").display().to_string();
    let unix = format!("unix:{path}");
    let flags = [
        "--allow-listen",
        &unix,
        "--allow-take-fd",
        &unix,
        "--allow-connect",
        &connect,
    ];
    let mut receiver = start(&flags, "send-fds", &["receive", &path]);
    receiver.expect_line("Listening");
    let flags = [
        "--allow-connect",
        &unix,
        "--allow-pass-fd",
        &unix,
        "--allow-connect",
        &connect,
    ];
    let port = address.port().to_string();
    let sender = start(&flags, "send-fds", &["send", &path, host, &port]);
    let (mut stream, _peer) = listener.accept().unwrap();
    assert_eq!(
        sender.succeed(),
        format!("Sent a connection to {address}\n")
    );
    assert_eq!(
        receiver.succeed(),
        format!("Received 'a connection'\nConnected to {address}\n")
    );
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "Hello, world");
}

/// `curl` of a path below the server's address: the status, the headers, and
/// what is to be known of the body.
fn curl(args: &[&str]) -> (String, Vec<u8>) {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--path-as-is", "--include"])
        .args(["--max-time", "60"])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    let split = b"\r\n\r\n";
    let end = output.stdout.windows(split.len()).position(|w| w == split);
    let (head, body) = output.stdout.split_at(end.unwrap());
    let head = String::from_utf8(head.to_vec()).unwrap();
    (head, body[split.len()..].to_vec())
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn static_files_serves_a_directory_to_curl(#[case] host: &str) {
    let outside = tempfile::tempdir().unwrap();
    let directory = outside.path().join("public");
    std::fs::create_dir_all(directory.join("sub dir")).unwrap();
    let data = pattern(3 << 20);
    for (name, content) in [
        ("public/data.bin", &data[..]),
        ("public/index.html", b"<p>hello</p>"),
        ("public/sub dir/a.txt", b"spaces"),
        ("public/empty", b""),
        ("secret", b"secret"),
    ] {
        std::fs::write(outside.path().join(name), content).unwrap();
    }
    std::os::unix::fs::symlink(outside.path().join("secret"), directory.join("link")).unwrap();
    let mapping = format!("{}::/public", directory.display());
    let grant = target("tcp", host, "ephemeral");
    let mut guest = start(
        &["--dir", &mapping, "--allow-listen", &grant],
        "static-files",
        &[host, "0", "/public"],
    );
    let base = guest.expect_line("Serving /public on");
    let base = base.trim_end_matches('/');
    let get = |path: &str, more: &[&str]| {
        let url = format!("{base}{path}");
        curl(&[&[url.as_str()], more].concat())
    };
    for (path, status, body) in [
        ("/data.bin", "200 OK", &data[..]),
        ("/", "200 OK", b"<p>hello</p>"),
        ("/?query", "200 OK", b"<p>hello</p>"),
        ("/sub%20dir/a.txt", "200 OK", b"spaces"),
        ("/empty", "200 OK", b""),
        ("/none", "404 Not Found", b"404 Not Found\n"),
        ("/sub%20dir", "404 Not Found", b"404 Not Found\n"),
        ("/../secret", "404 Not Found", b"404 Not Found\n"),
        ("/%2e%2e/secret", "404 Not Found", b"404 Not Found\n"),
        (
            "/sub%20dir/..%2f../secret",
            "404 Not Found",
            b"404 Not Found\n",
        ),
        ("/a%00b", "404 Not Found", b"404 Not Found\n"),
        ("/%ff", "404 Not Found", b"404 Not Found\n"),
    ] {
        let (head, received) = get(path, &[]);
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {head}"
        );
        let length = format!("Content-Length: {}\r\n", body.len());
        assert!(head.contains(&length), "{path}: {head}");
        assert!(received == body, "{path}: other bytes");
    }
    // A link out of the directory: WASI does not follow it.
    let (head, received) = get("/link", &[]);
    assert!(head.starts_with("HTTP/1.1 4"), "{head}");
    assert!(!received.windows(6).any(|bytes| bytes == b"secret"));

    let (head, received) = get("/data.bin", &["--head"]);
    assert!(head.contains(&format!("Content-Length: {}\r\n", data.len())));
    assert!(received.is_empty());
    let (head, _body) = get("/data.bin", &["--request", "DELETE"]);
    assert!(head.starts_with("HTTP/1.1 405 ") && head.contains("Allow: GET, HEAD\r\n"));
    // What is not HTTP is told so, and the server lives on.
    let (_, address) = base.split_once("//").unwrap();
    let mut stream = connect(address.parse().unwrap());
    stream.write_all(b"\x16\x03\x01 nonsense\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(get("/", &[]).1, b"<p>hello</p>");
}

/// std::net over the SDK, and a Unix socket beside it.
#[test]
fn a_gateway_hands_tcp_to_a_unix_socket() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("app.sock");
    let path = path.to_str().unwrap();
    let app = std::os::unix::net::UnixListener::bind(path).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _peer) = app.accept().unwrap();
        let mut request = String::new();
        stream.read_to_string(&mut request).unwrap();
        stream.write_all(request.to_uppercase().as_bytes()).unwrap();
    });
    let grant = format!("unix:{path}");
    let listen = ["--allow-listen", "tcp://127.0.0.1:ephemeral"];
    let flags = [&listen[..], &["--allow-connect", &grant]].concat();
    let args = ["127.0.0.1:0", path, "1"];
    let ask = |mut guest: Running| {
        let mut stream = TcpStream::connect(guest.address("127.0.0.1")).unwrap();
        // Without a grant it is reset, since the request is not read: before it is sent,
        // or after.
        let mut answer = String::new();
        _ = (stream.write_all(b"hello"))
            .and_then(|()| stream.shutdown(Shutdown::Write))
            .and_then(|()| stream.read_to_string(&mut answer));
        (answer, guest.output())
    };
    let (answer, output) = ask(start(&flags, "gateway", &args));
    answering.join().unwrap();
    assert_eq!(answer, "HELLO", "{}", stderr(&output));
    let (answer, output) = ask(start(&listen, "gateway", &args));
    let told = stderr(&output);
    assert_eq!(answer, "");
    assert!(told.contains(&format!("--allow-connect {grant}")), "{told}");
}
