//! Servers on libevent and libmicrohttpd, memcached and civetweb, asked by sockets.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use capsock_test_programs::pattern;
use capsock_tests::PATIENCE;
use capsock_tests::peer::Server;
use rstest::rstest;
use tempfile::TempDir;

use super::{built, command, free_port, is_there};

/// The body of the answer to one request, whose status has to be 200.
#[track_caller]
fn ask<S: Read + Write>(mut connection: S, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let body = answer.split_off(end.expect("an answer has a head") + 4);
    let head = String::from_utf8(answer).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body
}

fn over_tcp(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn over_unix(path: &str) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn libevent_serves_over_tcp_and_a_unix_socket() {
    let Some(component) = built("libevent") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let data = pattern(3_000_000);
    fs::write(directory.path().join("data"), &data).unwrap();
    let root = directory.path().to_str().unwrap();
    let readable = format!("--dir={root}:ro");

    // The sample listens on every address.
    let port = free_port();
    let grant = format!("tcp://0.0.0.0:{port}");
    let flags = [readable.as_str(), "--allow-listen", &grant];
    let args = ["-p", &port.to_string(), root];
    let _server = Server::start(&mut command(&flags, &component, &args), || is_there(port));
    // One that says nothing keeps nobody else waiting.
    let _silent = over_tcp(port);
    assert!(ask(over_tcp(port), "GET", "/data", b"") == data);
    let list = String::from_utf8(ask(over_tcp(port), "GET", "/", b"")).unwrap();
    assert!(list.contains("<a href=\"data\">"), "{list}");

    let path = format!("{root}/http.sock");
    let grant = format!("unix:{path}");
    let flags = [readable.as_str(), "--allow-listen", &grant];
    let mut server = command(&flags, &component, &["-U", &path, root]);
    let _server = Server::start(&mut server, || UnixStream::connect(&path).is_ok());
    assert!(ask(over_unix(&path), "GET", "/data", b"") == data);
}

#[rstest]
fn libmicrohttpd_serves_over_tcp_and_a_unix_socket(
    #[values("select", "epoll", "pool")] mode: &str,
) {
    let Some(component) = built("microhttpd") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let data = pattern(3_000_000);
    let file = directory.path().join("data");
    fs::write(&file, &data).unwrap();
    let file = file.to_str().unwrap();
    let readable = format!("--dir={}:ro", directory.path().display());

    let port = free_port();
    let grant = format!("tcp://127.0.0.1:{port}");
    let flags = [readable.as_str(), "--allow-listen", &grant];
    let args = [mode, &port.to_string(), file];
    let _server = Server::start(&mut command(&flags, &component, &args), || is_there(port));
    let _silent = over_tcp(port);
    assert_eq!(ask(over_tcp(port), "GET", "/a/path", b""), b"GET /a/path\n");
    // More than a call takes, and as often as not so that the kernel would take it.
    for _ in 0..10 {
        assert!(ask(over_tcp(port), "POST", "/", &data) == data);
    }
    assert!(ask(over_tcp(port), "GET", "/file", b"") == data);

    let path = directory.path().join("http.sock");
    let path = path.to_str().unwrap();
    let grant = format!("unix:{path}");
    let flags = [readable.as_str(), "--allow-listen", &grant];
    let mut server = command(&flags, &component, &[mode, path, file]);
    let _server = Server::start(&mut server, || UnixStream::connect(path).is_ok());
    assert_eq!(ask(over_unix(path), "GET", "/", b""), b"GET /\n");
    assert!(ask(over_unix(path), "GET", "/file", b"") == data);
}

/// A load of sets and gets by eight clients at once, each of which finds what it set.
fn load<S: Read + Write + Send + 'static>(connect: impl Fn() -> S) {
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let mut stream = connect();
            std::thread::spawn(move || {
                for round in 0..50 {
                    let value = format!("value {round} of {client}").repeat(1 + round);
                    let set = format!("set key{client} 0 0 {}\r\n{value}\r\n", value.len());
                    stream.write_all(set.as_bytes()).unwrap();
                    expect(&mut stream, "STORED\r\n");
                    let get = format!("get key{client}\r\n");
                    stream.write_all(get.as_bytes()).unwrap();
                    let length = value.len();
                    expect(
                        &mut stream,
                        &format!("VALUE key{client} 0 {length}\r\n{value}\r\nEND\r\n"),
                    );
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}

fn expect(stream: &mut impl Read, expected: &str) {
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), expected);
}

#[test]
fn memcached_with_four_threads_serves_over_tcp_and_a_unix_socket() {
    let Some(component) = built("memcached") else {
        return;
    };
    let port = free_port();
    let grant = format!("tcp://127.0.0.1:{port}");
    let number = port.to_string();
    let args = ["-t", "4", "-l", "127.0.0.1", "-p", &number, "-U", "0"];
    let mut server = command(&["--allow-listen", &grant], &component, &args);
    let _server = Server::start(&mut server, || is_there(port));
    load(|| over_tcp(port));
    let mut stream = over_tcp(port);
    stream.write_all(b"stats\r\n").unwrap();
    let mut stats = String::new();
    while !stats.ends_with("END\r\n") {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).unwrap();
        assert_ne!(count, 0, "{stats}");
        stats.push_str(str::from_utf8(&part[..count]).unwrap());
    }
    assert!(stats.contains("STAT threads 4\r\n"), "{stats}");
    assert!(stats.contains("STAT cmd_set 400\r\n"), "{stats}");

    let directory = TempDir::new().unwrap();
    let path = directory.path().join("memcached.sock");
    let path = path.to_str().unwrap();
    let grant = format!("unix:{path}");
    let mut server = command(
        &["--allow-listen", &grant],
        &component,
        &["-t", "4", "-s", path],
    );
    let _server = Server::start(&mut server, || UnixStream::connect(path).is_ok());
    load(|| over_unix(path));
}

#[test]
fn civetweb_with_twenty_threads_serves_many_at_once() {
    let Some(component) = built("civetweb") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let data = pattern(3_000_000);
    fs::write(directory.path().join("data"), &data).unwrap();
    let root = directory.path().to_str().unwrap();
    let readable = format!("--dir={root}:ro");
    let port = free_port();
    let grant = format!("tcp://127.0.0.1:{port}");
    let flags = [readable.as_str(), "--allow-listen", &grant];
    let listening = format!("127.0.0.1:{port}");
    let args = [
        "-listening_ports",
        &listening,
        "-document_root",
        root,
        "-num_threads",
        "20",
    ];
    let _server = Server::start(&mut command(&flags, &component, &args), || is_there(port));
    // Ten that say nothing have a thread each.
    let _silent: Vec<_> = (0..10).map(|_| over_tcp(port)).collect();
    let clients: Vec<_> = (0..10)
        .map(|_client| {
            let data = data.clone();
            std::thread::spawn(move || {
                for _ in 0..3 {
                    assert!(ask(over_tcp(port), "GET", "/data", b"") == data);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}
