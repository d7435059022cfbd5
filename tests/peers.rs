//! Guests that talk to programs which were not made for this: nginx, Redis and
//! PostgreSQL, each started for the test. `scripts/peers` installs them.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use capsock_test_programs::pattern;
use capsock_tests::peer::{Postgres, Redis, Server, free_port, program};
use capsock_tests::{output, stderr, succeed, target};
use rstest::rstest;

/// Directories that another user can enter.
fn open_to_all(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn nginx_serves_a_guest(#[case] host: &str) {
    let Some(nginx) = program("nginx") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    open_to_all(directory.path());
    let root = directory.path().join("root");
    fs::create_dir(&root).unwrap();
    let data = pattern(1 << 20);
    fs::write(root.join("data"), &data).unwrap();
    let port = free_port(host);
    let listen = target("tcp", host, port).replace("tcp://", "");
    let config = directory.path().join("nginx.conf");
    let base = directory.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {base}/{kind};"))
        .concat();
    let text = format!(
        "daemon off; master_process off; pid {base}/pid; error_log {base}/error.log; events {{}}
        http {{ access_log off; {temporary} server {{ listen {listen}; root {base}/root; }} }}"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(nginx);
    command.arg("-e").arg(directory.path().join("error.log"));
    command
        .arg("-p")
        .arg(directory.path())
        .arg("-c")
        .arg(&config);
    let _nginx = Server::start(&mut command, || TcpStream::connect((host, port)).is_ok());

    let grant = target("tcp", host, port);
    let get = |path| {
        let args = ["http", host, &port.to_string(), path];
        let printed = succeed(&["--allow-connect", &grant], "peers", &args);
        printed.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let [status, server, body] = get("/data").try_into().unwrap();
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(server.starts_with("Server: nginx"), "{server}");
    let sum: u64 = data.iter().map(|byte| u64::from(*byte)).sum();
    assert_eq!(body, format!("{} {sum}", data.len()));
    assert_eq!(get("/none")[0], "HTTP/1.1 404 Not Found");
}

#[test]
fn redis_answers_a_guest_on_a_unix_socket() {
    let Some(redis) = program("redis-server") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let mut command = Command::new(redis);
    command
        .args(["--port", "0", "--save", "", "--dir"])
        .arg(directory.path());
    command.arg("--unixsocket").arg(&path);
    let _redis = Server::start(&mut command, || UnixStream::connect(&path).is_ok());
    let grant = format!("unix:{}", path.display());
    let args = ["redis", path.to_str().unwrap()];
    assert_eq!(
        succeed(&["--allow-connect", &grant], "peers", &args),
        "+PONG\n+OK\n$30000\n$-1\n-ERR unknown command\n"
    );
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn redis_answers_a_guest_of_the_standard_library(#[case] host: &str) {
    let Some(redis) = Redis::start(host) else {
        return;
    };
    let grant = target("tcp", host, redis.port);
    let address = grant.replace("tcp://", "");
    assert_eq!(
        succeed(
            &["--allow-connect", &grant],
            "redis-client-std",
            &[&address]
        ),
        "PING: PONG\nSET greeting Hello, world: OK\nGET greeting: Hello, world\n"
    );
    let denied = output(&[], "redis-client-std", &[&address]);
    assert_eq!(denied.status.code(), Some(1));
    let told = stderr(&denied).replace('\'', "");
    assert!(
        told.contains(&format!("to allow it: --allow-connect {grant}\n")),
        "{told}"
    );
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn postgresql_takes_a_guest_in(#[case] host: &str) {
    let Some(server) = Postgres::start(host) else {
        return;
    };
    let port = server.port;
    let grant = target("tcp", host, port);
    let args = ["postgres", host, &port.to_string(), "guest"];
    // The answers to the query: its row, that it is complete, and that the
    // server is ready for another one.
    let printed = succeed(&["--allow-connect", &grant], "peers", &args);
    assert_eq!(printed, "first R, then TDCZ\n");
}
