//! Packages of PyPI in pure Python, as they are, and parts of the standard library, in the
//! guest: `tests/python/packages.py`.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use capsock_tests::http::{Nginx, certificates};
use capsock_tests::peer::{MariaDb, Postgres, RabbitMq, Server, free_port, program};
use capsock_tests::python::{project, python};
use capsock_tests::{Running, stderr};
use rstest::rstest;
use tempfile::TempDir;

/// `packages.py NAME ARGS` in the guest; `None`, and told, where something of it could not
/// be had, which on CI is a failure.
fn run(flags: &[&str], args: &[&str]) -> Option<Output> {
    let packages = project("target/python-packages");
    if !packages.exists() {
        let is_ci = std::env::var_os("CI").is_some();
        assert!(!is_ci, "run scripts/python-packages");
        eprintln!("skipped: there is no target/python-packages");
        return None;
    }
    let given = format!("{}::/packages:ro", packages.display());
    let flags = [flags, &["--dir", &given, "--env", "PYTHONPATH=/packages"]].concat();
    let program = project("tests/python/packages.py");
    let args = [&[program.to_str().unwrap()], args].concat();
    Some(Running::spawn(&mut python(&flags, &args)?).output())
}

#[track_caller]
fn is_ok(output: &Output) {
    assert!(output.stdout == b"ok\n", "{}", stderr(output));
}

fn readable(directory: &Path) -> String {
    format!("{}:ro", directory.display())
}

/// With nginx, over TLS; and a certificate that nobody signed is refused.
#[rstest]
fn a_client_of_https(#[values("urllib", "requests", "urllib3", "httpx")] name: &str) {
    let Some(nginx) = Nginx::start("") else {
        return;
    };
    let (root, port) = (nginx.root(), nginx.tls);
    fs::write(root.join("data"), [b'x'; 100_000]).unwrap();
    let grant = format!("tcp://127.0.0.1:{port}");
    let flags = ["--allow-connect", &grant, "--dir", &readable(root)];
    let url = format!("https://localhost:{port}/data");
    let directory = root.to_str().unwrap();
    let Some(output) = run(&flags, &[name, &url, directory]) else {
        return;
    };
    is_ok(&output);
}

/// The server and its clients are threads and tasks of one guest.
#[rstest]
fn both_ends_in_the_guest(
    #[values(
        "http_server",
        "asyncio_tls",
        "websockets",
        "uvicorn",
        "bottle",
        "flask",
        "aiohttp",
        "aiosmtpd",
        "pymodbus"
    )]
    name: &str,
) {
    let Some(directory) = certificates("localhost") else {
        return;
    };
    // Of what is uploaded, flask makes files.
    let scratch = TempDir::new().unwrap();
    let scratch = format!("{}::/tmp", scratch.path().display());
    let flags = [
        "--allow-listen",
        "tcp://loopback:*,ephemeral",
        "--allow-connect",
        "tcp://loopback:*",
        "--dir",
        &readable(directory.path()),
        "--dir",
        &scratch,
    ];
    let Some(output) = run(&flags, &[name, directory.path().to_str().unwrap()]) else {
        return;
    };
    is_ok(&output);
}

/// With a server at a port of loopback, which the guest may connect to.
#[track_caller]
fn with_server_at(port: u16, name: &str, flags: &[&str]) {
    let grant = format!("tcp://127.0.0.1:{port}");
    let flags = [&["--allow-connect", &grant], flags].concat();
    let Some(output) = run(&flags, &[name, "127.0.0.1", &port.to_string()]) else {
        return;
    };
    is_ok(&output);
}

/// Flags for what wakes a thread by a pair of sockets that it makes over TCP.
const PAIRS: &[&str] = &[
    "--allow-listen",
    "tcp://127.0.0.1:ephemeral",
    "--allow-connect",
    "tcp://127.0.0.1:*",
];

#[test]
fn pg8000_with_postgresql() {
    let Some(server) = Postgres::start("127.0.0.1") else {
        return;
    };
    with_server_at(server.port, "pg8000", &[]);
}

#[test]
fn pymysql_with_mariadb() {
    let Some(server) = MariaDb::start() else {
        return;
    };
    with_server_at(server.port, "pymysql", &[]);
}

#[test]
fn pika_with_rabbitmq() {
    let Some(server) = RabbitMq::start() else {
        return;
    };
    with_server_at(server.port, "pika", PAIRS);
}

/// Servers that say all on their command line; `PORT` and `DIRECTORY` stand there for
/// their own.
#[rstest]
#[case::dnspython(
    "dnspython",
    "dnsmasq",
    "--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root \
     --port=PORT --listen-address=127.0.0.1 --bind-interfaces --local=/test/ \
     --host-record=host.test,192.0.2.7,2001:db8::7 TEXTS"
)]
#[case::nats("nats", "nats-server", "-a 127.0.0.1 -p PORT -js -sd DIRECTORY")]
#[case::pymemcache("pymemcache", "memcached", "-l 127.0.0.1 -p PORT -U 0 -u root")]
fn a_client(#[case] name: &str, #[case] server: &str, #[case] args: &str) {
    let Some(server) = program(server) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let port = free_port("127.0.0.1");
    // All of one name, too many for a datagram.
    let texts: Vec<String> = (10..30)
        .map(|number| format!("--txt-record=long.test,{number}{}", "x".repeat(198)))
        .collect();
    let args = args
        .replace("PORT", &port.to_string())
        .replace("DIRECTORY", directory.path().to_str().unwrap())
        .replace("TEXTS", &texts.join(" "));
    let mut command = Command::new(server);
    command.args(args.split_whitespace());
    let _server = Server::start(&mut command, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    // Names are asked for by datagrams.
    let datagrams = format!("udp://127.0.0.1:{port}");
    with_server_at(port, name, &["--allow-send", &datagrams]);
}

#[test]
fn ldap3_with_slapd() {
    let Some(slapd) = program("slapd") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let base = directory.path().display();
    fs::create_dir(directory.path().join("data")).unwrap();
    let text = format!(
        "include /etc/ldap/schema/core.schema\npidfile {base}/pid\nargsfile {base}/args\n\
         modulepath /usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\n\
         suffix dc=example,dc=org\nrootdn cn=admin,dc=example,dc=org\nrootpw secret\n\
         directory {base}/data\n"
    );
    let configuration = directory.path().join("slapd.conf");
    fs::write(&configuration, text).unwrap();
    let port = free_port("127.0.0.1");
    let mut server = Command::new(slapd);
    server.args(["-h", &format!("ldap://127.0.0.1:{port}"), "-d", "0"]);
    server.arg("-f").arg(configuration);
    let _server = Server::start(&mut server, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    with_server_at(port, "ldap3", &[]);
}

/// It looks for interfaces by netlink, and its sockets are of every interface until they
/// are bound to one.
#[test]
fn scapy_with_packets_of_the_loopback_interface() {
    let flags = "--allow-raw packet://* --allow-raw netlink://0 --allow-interfaces \
                 --allow-option raw=263/1 --allow-option raw=263/2";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let Some(output) = run(&flags, &["scapy", "lo"]) else {
        return;
    };
    is_ok(&output);
}

#[test]
fn paho_with_mosquitto() {
    let Some(broker) = program("mosquitto") else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let configuration = directory.path().join("mosquitto.conf");
    let port = free_port("127.0.0.1");
    // As root it would become another user, who may not write there.
    let user = std::env::var("USER").unwrap_or_else(|_unset| "root".to_owned());
    let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser {user}\n");
    fs::write(&configuration, text).unwrap();
    let mut server = Command::new(broker);
    server.arg("-c").arg(configuration);
    let _broker = Server::start(&mut server, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    with_server_at(port, "paho", PAIRS);
}
