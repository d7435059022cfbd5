//! Programs in C from Debian's sources, unpatched, each with a real peer, over TCP
//! and a Unix socket.

#[path = "c_programs/busybox.rs"]
mod busybox;
#[path = "c_programs/servers.rs"]
mod servers;
#[path = "c_programs/socat.rs"]
mod socat;
#[path = "c_programs/tls.rs"]
mod tls;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use capsock_tests::peer::{self, Server, program};
use capsock_tests::{PATIENCE, Running, capsock, patiently, stderr};
use tempfile::TempDir;

/// A program; `None`, and a line that says so, where its source or the compiler
/// was missing. That it was not built of a source that is there is an error in CI.
fn built(name: &str) -> Option<PathBuf> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/c-programs");
    let path = programs.join(format!("{name}.wasm"));
    if path.exists() {
        return Some(path);
    }
    // By what is built together with it.
    let source = name.split('_').next().unwrap_or(name);
    if programs.join(format!("{source}.gone")).exists() {
        eprintln!("skipped: Debian's mirror has no source of {name} any more");
        return None;
    }
    eprintln!("skipped: {name} is not built: just c-programs");
    assert!(std::env::var_os("CI").is_none(), "{name} is not built");
    None
}

fn command(flags: &[&str], component: &Path, args: &[&str]) -> Command {
    let mut command = capsock();
    command.arg("run").args(flags).arg(component).args(args);
    command.stdin(Stdio::null());
    command
}

#[track_caller]
fn succeed(flags: &[&str], component: &Path, args: &[&str]) -> String {
    let output = run(command(flags, component, args), "");
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn run(mut command: Command, input: &'static str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    patiently(move || {
        let mut child = command.spawn().unwrap();
        // It may not read it.
        let _unread = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    })
}

/// Answers one connection with what it sends, in capitals.
fn shout<S: Read + Write>(mut connection: S) {
    let mut received = String::new();
    connection.read_to_string(&mut received).unwrap();
    connection
        .write_all(received.to_uppercase().as_bytes())
        .unwrap();
}

/// Tries until there is a listener.
fn connect(port: u16) -> TcpStream {
    until(|| TcpStream::connect(("127.0.0.1", port)).ok())
}

#[track_caller]
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_port() -> u16 {
    peer::free_port("127.0.0.1")
}

fn is_there(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn netcat_is_a_client_over_tcp_and_a_unix_socket() {
    let Some(netcat) = built("netcat") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let grant = format!("tcp://127.0.0.1:{port}");
    let peer = std::thread::spawn(move || shout(listener.accept().unwrap().0));
    let args = ["-N", "127.0.0.1", &port];
    let client = command(&["--allow-connect", &grant], &netcat, &args);
    let output = run(client, "over tcp\n");
    assert_eq!(output.stdout, b"OVER TCP\n", "{}", stderr(&output));
    peer.join().unwrap();
    let denied = run(command(&[], &netcat, &args), "x");
    assert!(!denied.status.success());

    let directory = TempDir::new().unwrap();
    let path = directory.path().join("peer.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = std::thread::spawn(move || shout(listener.accept().unwrap().0));
    let path = path.to_str().unwrap();
    let grant = format!("unix:{path}");
    let client = command(&["--allow-connect", &grant], &netcat, &["-N", "-U", path]);
    let output = run(client, "over unix\n");
    assert_eq!(output.stdout, b"OVER UNIX\n", "{}", stderr(&output));
    peer.join().unwrap();
}

#[test]
fn netcat_is_a_server_over_tcp_and_a_unix_socket() {
    let Some(netcat) = built("netcat") else {
        return;
    };
    let port = free_port();
    let grant = format!("tcp://127.0.0.1:{port}");
    let args = ["-N", "-l", "127.0.0.1", &port.to_string()];
    let server = command(&["--allow-listen", &grant], &netcat, &args);
    let server = std::thread::spawn(move || run(server, "from the guest\n"));
    // Once it has sent all, it sends no more; and it ends when its client has.
    let mut client = connect(port);
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "from the guest\n");
    client.write_all(b"from the client\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let output = server.join().unwrap();
    assert_eq!(output.stdout, b"from the client\n", "{}", stderr(&output));

    let directory = TempDir::new().unwrap();
    let path = directory.path().join("netcat.sock");
    let grant = format!("unix:{}", path.display());
    let args = ["-N", "-l", "-U", path.to_str().unwrap()];
    let server = command(&["--allow-listen", &grant], &netcat, &args);
    let server = std::thread::spawn(move || run(server, "unix\n"));
    let start = Instant::now();
    let mut client = loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(error) if start.elapsed() > PATIENCE => panic!("{error}"),
            Err(_not_yet) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "unix\n");
    client.shutdown(Shutdown::Write).unwrap();
    server.join().unwrap();
}

#[test]
fn netcat_sends_datagrams() {
    let Some(netcat) = built("netcat") else {
        return;
    };
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let grant = format!("udp://127.0.0.1:{port}");
    let args = ["-u", "-w", "1", "127.0.0.1", &port];
    let client = command(&["--allow-send", &grant], &netcat, &args);
    let answering = std::thread::spawn(move || {
        let mut room = [0; 100];
        let (length, sender) = peer.recv_from(&mut room).unwrap();
        peer.send_to(b"answer\n", sender).unwrap();
        room[..length].to_vec()
    });
    let output = run(client, "question\n");
    assert_eq!(output.stdout, b"answer\n", "{}", stderr(&output));
    assert_eq!(answering.join().unwrap(), b"question\n");
}

#[test]
fn redis_cli_asks_a_server_over_tcp_and_a_unix_socket() {
    let Some(redis_cli) = built("redis-cli") else {
        return;
    };
    let Some(redis) = program("redis-server") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("redis.sock");
    let port = free_port().to_string();
    let mut server = Command::new(redis);
    server.current_dir(&directory).args(["--port", &port]);
    server
        .args(["--bind", "127.0.0.1", "--save", "", "--unixsocket"])
        .arg(&path);
    let _server = Server::start(&mut server, || UnixStream::connect(&path).is_ok());

    let grant = format!("tcp://127.0.0.1:{port}");
    let tcp = ["--allow-connect", grant.as_str()];
    assert_eq!(succeed(&tcp, &redis_cli, &["-p", &port, "ping"]), "PONG\n");
    assert_eq!(
        succeed(&tcp, &redis_cli, &["-p", &port, "set", "key", "value"]),
        "OK\n"
    );
    let path = path.to_str().unwrap();
    let grant = format!("unix:{path}");
    let unix = ["--allow-connect", grant.as_str()];
    assert_eq!(
        succeed(&unix, &redis_cli, &["-s", path, "get", "key"]),
        "value\n"
    );
    // Commands from standard input.
    let typed = run(
        command(&tcp, &redis_cli, &["-p", &port]),
        "incr n\nincr n\n",
    );
    assert_eq!(typed.stdout, b"1\n2\n", "{}", stderr(&typed));
    let denied = run(command(&[], &redis_cli, &["-p", &port, "ping"]), "");
    assert!(
        stderr(&denied).contains("Permission denied"),
        "{}",
        stderr(&denied)
    );
}

/// Answers one request of HTTP.
fn answer<S: Read + Write>(mut connection: S, body: &[u8]) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte).unwrap();
        request.extend(byte);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body).unwrap();
}

#[test]
fn curl_fetches_over_tcp_and_a_unix_socket() {
    let Some(curl) = built("curl") else { return };
    let body = capsock_test_programs::pattern(3_000_000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = body.clone();
    let peer = std::thread::spawn(move || answer(listener.accept().unwrap().0, &sent));
    let grant = format!("tcp://127.0.0.1:{port}");
    let url = format!("http://localhost:{port}/");
    let output = run(
        command(&["--allow-connect", &grant], &curl, &["-sS4", &url]),
        "",
    );
    assert!(output.stdout == body, "{}", stderr(&output));
    peer.join().unwrap();
    let denied = run(command(&[], &curl, &["-sS4", &url]), "");
    assert!(
        stderr(&denied).contains("Could not connect"),
        "{}",
        stderr(&denied)
    );

    let directory = TempDir::new().unwrap();
    let path = directory.path().join("http.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = std::thread::spawn(move || answer(listener.accept().unwrap().0, b"unix\n"));
    let path = path.to_str().unwrap();
    let grant = format!("unix:{path}");
    let args = ["-sS", "--unix-socket", path, "http://localhost/"];
    assert_eq!(
        succeed(&["--allow-connect", &grant], &curl, &args),
        "unix\n"
    );
    peer.join().unwrap();
}

#[test]
fn mosquitto_publishes_and_subscribes_over_tcp_and_a_unix_socket() {
    let (Some(publish), Some(subscribe)) = (built("mosquitto_pub"), built("mosquitto")) else {
        return;
    };
    let Some(broker) = program("mosquitto") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("mqtt.sock");
    let configuration = directory.path().join("mosquitto.conf");
    let port = free_port().to_string();
    // As root it would become another user, who may not write there.
    let user = std::env::var("USER").unwrap_or_else(|_unset| "root".to_owned());
    let text = format!(
        "listener {port} 127.0.0.1\nlistener 0 {}\nallow_anonymous true\nuser {user}\n",
        path.display()
    );
    std::fs::write(&configuration, text).unwrap();
    let mut server = Command::new(broker);
    server.arg("-c").arg(configuration);
    let _broker = Server::start(&mut server, || UnixStream::connect(&path).is_ok());

    let path = path.to_str().unwrap();
    let (tcp, unix) = (format!("tcp://127.0.0.1:{port}"), format!("unix:{path}"));
    let (tcp, unix) = (["--allow-connect", &tcp], ["--allow-connect", &unix]);
    let topic = ["-t", "a/topic", "-q", "1"];
    // Retained, so that it does not matter who comes first.
    let over_tcp = ["-h", "127.0.0.1", "-p", &port, "-r", "-m", "over tcp"];
    succeed(&tcp, &publish, &[&over_tcp[..], &topic].concat());
    let mut listening = command(
        &unix,
        &subscribe,
        &[&["--unix", path, "-C", "2"][..], &topic].concat(),
    );
    let mut listening = Running::spawn(&mut listening);
    listening.wait_for_line("over tcp");
    let over_unix = ["--unix", path, "-m", "over unix"];
    succeed(&unix, &publish, &[&over_unix[..], &topic].concat());
    assert_eq!(listening.succeed(), "over unix\n");
}

/// Sends back what comes, until the end.
fn echo<S: Read + Write>(mut connection: S) {
    let mut room = [0; 1000];
    loop {
        match connection.read(&mut room).unwrap() {
            0 => return,
            count => connection.write_all(&room[..count]).unwrap(),
        }
    }
}

/// Errors of Lua are setjmp and longjmp.
#[test]
fn lua_socket_talks_over_tcp_and_a_unix_socket() {
    let Some(lua) = built("lua") else { return };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("c-lua");
    let script = scripts.join("client.lua");
    let script = script.to_str().unwrap();
    let scripts = format!("--dir={}:ro", scripts.display());
    let talked = "over LuaSocket\tnil\tnil\nready\t0\ncaught\tfalse\tthrown\n";

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let peer = std::thread::spawn(move || echo(listener.accept().unwrap().0));
    let nobody = free_port().to_string();
    let flags = [scripts.as_str(), "--allow-connect", "tcp://127.0.0.1:*"];
    let told = succeed(&flags, &lua, &[script, "127.0.0.1", &port, &nobody]);
    assert_eq!(told, format!("{talked}nil\tconnection refused\n"));
    peer.join().unwrap();

    let directory = TempDir::new().unwrap();
    let path = directory.path().join("echo.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = std::thread::spawn(move || echo(listener.accept().unwrap().0));
    let path = path.to_str().unwrap();
    let grant = format!("unix:{path}");
    let flags = [scripts.as_str(), "--allow-connect", &grant];
    assert_eq!(succeed(&flags, &lua, &[script, path]), talked);
    peer.join().unwrap();
}
