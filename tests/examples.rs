//! The examples do what Python's documentation says of them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use capsock_test_programs::pattern;
use capsock_tests::{PATIENCE, start, stderr, target};
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
    let mut hosts = std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 0)).unwrap();
    if !hosts.any(|address| address.ip().to_string() == host) {
        // This machine's localhost has one family only.
        return;
    }
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
