//! TLS by OpenSSL: its own command, socat and curl.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use capsock_tests::peer::{Server, program};
use capsock_tests::stderr;
use tempfile::TempDir;

use super::{built, command, free_port, is_there, run, until};

/// What a server of the name `localhost` has, who signed it (`ca.pem`), and somebody
/// who did not (`other.pem`).
struct Certificates(TempDir);

impl Certificates {
    fn make(openssl: &Path) -> Self {
        let directory = TempDir::new().unwrap();
        let make = |name: &str, subject: &str, more: &[&str]| {
            let mut command = Command::new(openssl);
            command.current_dir(&directory);
            command.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
            command.args(["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", subject]);
            command.args(["-keyout", &format!("{name}.key")]);
            command.args(["-out", &format!("{name}.pem")]).args(more);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", stderr(&output));
        };
        make("ca", "/CN=the signer", &[]);
        make("other", "/CN=somebody else", &[]);
        let signed = ["-CA", "ca.pem", "-CAkey", "ca.key"];
        let named = ["-addext", "subjectAltName=DNS:localhost"];
        make("server", "/CN=localhost", &[&signed[..], &named].concat());
        Self(directory)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// The flag that lets a guest read them.
    fn readable(&self) -> String {
        format!("--dir={}:ro", self.0.path().display())
    }

    /// `openssl s_server` that sends lines back from their end.
    fn server(&self, place: [&str; 2]) -> Vec<String> {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        let options = ["-cert", &certificate, "-key", &key, "-rev", "-quiet"];
        let arguments = [&["s_server"][..], &place, &options].concat();
        arguments.into_iter().map(str::to_owned).collect()
    }

    /// `openssl s_client` that trusts one, and gives up where it cannot.
    fn client(&self, place: &[&str], trusted: &str) -> Vec<String> {
        let trusted = self.path(trusted);
        let options = ["-CAfile", &trusted, "-verify_return_error", "-quiet"];
        let arguments = [&["s_client"][..], place, &options].concat();
        arguments.into_iter().map(str::to_owned).collect()
    }
}

/// The guest, and the native program that is its peer.
fn programs() -> Option<(PathBuf, PathBuf)> {
    Some((built("openssl")?, program("openssl")?))
}

fn guest(flags: &[&str], component: &Path, args: &[String]) -> Command {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    command(flags, component, &args)
}

/// The server ends the connection when it reads `CLOSE`.
const LINES: &str = "a line\nCLOSE\n";

#[track_caller]
fn is_answered(output: &Output) {
    assert_eq!(output.stdout, b"enil a\n", "{}", stderr(output));
}

#[track_caller]
fn is_not_verified(output: &Output, why: &str) {
    let told = stderr(output);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(told.contains(why), "{told}");
}

#[test]
fn s_client_verifies_a_server_over_tcp_and_a_unix_socket() {
    let Some((component, openssl)) = programs() else {
        return;
    };
    let certificates = Certificates::make(&openssl);
    let readable = certificates.readable();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut server = Command::new(&openssl);
    server.args(certificates.server(["-accept", &address]));
    let _server = Server::start(&mut server, || is_there(port));
    let grant = format!("tcp://{address}");
    let flags = [readable.as_str(), "--allow-connect", &grant];
    let address = format!("localhost:{port}");
    let place = ["-4", "-connect", &address];
    let talk = |place: &[&str], trusted: &str| {
        let args = certificates.client(place, trusted);
        run(guest(&flags, &component, &args), LINES)
    };
    is_answered(&talk(&place, "ca.pem"));
    is_not_verified(&talk(&place, "other.pem"), "certificate verify failed");
    let named = [&place[..], &["-verify_hostname", "localhost"]].concat();
    is_answered(&talk(&named, "ca.pem"));
    let misnamed = [&place[..], &["-verify_hostname", "elsewhere"]].concat();
    is_not_verified(&talk(&misnamed, "ca.pem"), "hostname mismatch");
    let args = certificates.client(&place, "ca.pem");
    let denied = run(guest(&[&readable], &component, &args), LINES);
    assert!(stderr(&denied).contains("Permission denied"));

    let path = certificates.path("tls.sock");
    let mut server = Command::new(&openssl);
    server.args(certificates.server(["-unix", &path]));
    let _server = Server::start(&mut server, || UnixStream::connect(&path).is_ok());
    let grant = format!("unix:{path}");
    let flags = [readable.as_str(), "--allow-connect", &grant];
    let args = certificates.client(&["-unix", &path], "ca.pem");
    is_answered(&run(guest(&flags, &component, &args), LINES));
}

/// TLS is the guest's, and whom it trusts is what the host tells: without a directory.
#[test]
fn a_guest_trusts_whom_the_host_trusts_without_a_directory() {
    let (Some((component, openssl)), Some(curl)) = (programs(), built("curl")) else {
        return;
    };
    let certificates = Certificates::make(&openssl);
    let serve = |more: &[&str]| {
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let mut server = Command::new(&openssl);
        let (certificate, key) = (
            certificates.path("server.pem"),
            certificates.path("server.key"),
        );
        server.args(["s_server", "-cert", &certificate, "-key", &key]);
        server.args(["-accept", &address, "-quiet"]).args(more);
        (port, Server::start(&mut server, || is_there(port)))
    };
    let ((lines, _lines), (pages, _pages)) = (serve(&["-rev"]), serve(&["-www"]));
    let grants = [lines, pages].map(|port| format!("--allow-connect=tcp://127.0.0.1:{port}"));
    let (address, page) = (
        format!("localhost:{lines}"),
        format!("https://localhost:{pages}/"),
    );
    let talk = |system: &str, flags: &[&str]| {
        let flags = [&[grants[0].as_str(), &grants[1]][..], flags].concat();
        let client = [
            "s_client",
            "-4",
            "-connect",
            &address,
            "-verify_return_error",
            "-quiet",
        ];
        [
            (&component, &client[..], LINES),
            (&curl, &["-sS4", &page], ""),
        ]
        .map(|(component, args, input)| {
            let mut client = command(&flags, component, args);
            client.env("SSL_CERT_FILE", certificates.path(system));
            client.env_remove("SSL_CERT_DIR");
            run(client, input)
        })
    };
    let is_fetched = |output: &Output| {
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("s_server"), "{told}{}", stderr(output));
    };

    let [by_openssl, by_curl] = talk("other.pem", &[]);
    is_not_verified(&by_openssl, "certificate verify failed");
    is_not_verified(&by_curl, "unable to get local issuer certificate");
    let added = format!("--tls-ca={}", certificates.path("ca.pem"));
    let trusting = [
        talk("other.pem", &[&added]),
        // Whatever the system's are.
        talk("none.pem", &[&added]),
        talk("ca.pem", &[]),
    ];
    for [by_openssl, by_curl] in trusting {
        is_answered(&by_openssl);
        is_fetched(&by_curl);
    }
    // A file of the guest's own goes before.
    let own = TempDir::new().unwrap();
    fs::create_dir(own.path().join("certs")).unwrap();
    for name in ["cert.pem", "certs/ca-certificates.crt"] {
        fs::copy(certificates.path("other.pem"), own.path().join(name)).unwrap();
    }
    let own = format!("--dir={}::/etc/ssl:ro", own.path().display());
    let [by_openssl, by_curl] = talk("ca.pem", &[&own]);
    is_not_verified(&by_openssl, "certificate verify failed");
    is_not_verified(&by_curl, "unable to get local issuer certificate");
}

#[test]
fn s_server_serves_over_tcp_and_a_unix_socket() {
    let Some((component, openssl)) = programs() else {
        return;
    };
    let certificates = Certificates::make(&openssl);
    let readable = certificates.readable();
    let talk = |place: &[&str], trusted: &str| {
        let mut client = Command::new(&openssl);
        client.args(certificates.client(place, trusted));
        run(client, LINES)
    };

    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let grant = format!("tcp://{address}");
    let flags = [readable.as_str(), "--allow-listen", &grant];
    let args = certificates.server(["-accept", &address]);
    let _server = Server::start(&mut guest(&flags, &component, &args), || is_there(port));
    let place = ["-connect", &address, "-verify_hostname", "localhost"];
    is_answered(&talk(&place, "ca.pem"));
    is_not_verified(&talk(&place, "other.pem"), "certificate verify failed");
    let older = [&place[..], &["-tls1_2"]].concat();
    is_answered(&talk(&older, "ca.pem"));

    let path = certificates.path("tls.sock");
    let grant = format!("unix:{path}");
    let flags = [readable.as_str(), "--allow-listen", &grant];
    let args = certificates.server(["-unix", &path]);
    let _server = Server::start(&mut guest(&flags, &component, &args), || {
        UnixStream::connect(&path).is_ok()
    });
    is_answered(&talk(&["-unix", &path], "ca.pem"));
}

#[test]
fn socat_is_a_client_with_tls() {
    let (Some((_, openssl)), Some(socat)) = (programs(), built("socat")) else {
        return;
    };
    let certificates = Certificates::make(&openssl);
    let readable = certificates.readable();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut server = Command::new(&openssl);
    server.args(certificates.server(["-accept", &address]));
    let _server = Server::start(&mut server, || is_there(port));
    let grant = format!("tcp://{address}");
    let flags = [readable.as_str(), "--allow-connect", &grant];
    let talk = |trusted: &str, name: &str| {
        let trusted = certificates.path(trusted);
        let address = format!("OPENSSL:{address},cafile={trusted},commonname={name}");
        run(command(&flags, &socat, &["-t", "60", "-", &address]), LINES)
    };
    is_answered(&talk("ca.pem", "localhost"));
    is_not_verified(&talk("other.pem", "localhost"), "certificate verify failed");
    is_not_verified(&talk("ca.pem", "elsewhere"), "does not match");
}

#[test]
fn socat_relays_from_tls_to_a_unix_socket() {
    let (Some((_, openssl)), Some(socat)) = (programs(), built("socat")) else {
        return;
    };
    let certificates = Certificates::make(&openssl);
    let readable = certificates.readable();
    let path = certificates.path("peer.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let peer = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).unwrap();
        stream.write_all(line.to_uppercase().as_bytes()).unwrap();
    });
    let port = free_port();
    let (listen, connect) = (format!("tcp://127.0.0.1:{port}"), format!("unix:{path}"));
    let (certificate, key) = (
        certificates.path("server.pem"),
        certificates.path("server.key"),
    );
    let from =
        format!("OPENSSL-LISTEN:{port},bind=127.0.0.1,cert={certificate},key={key},verify=0");
    let to = format!("UNIX-CONNECT:{path}");
    let flags = [
        &readable,
        "--allow-listen",
        &listen,
        "--allow-connect",
        &connect,
    ];
    let relay = command(&flags, &socat, &[&from, &to]);
    let relay = std::thread::spawn(move || run(relay, ""));
    // Its one connection is that of the client, who tries until there is a listener.
    let address = format!("127.0.0.1:{port}");
    let place = ["-connect", &address, "-verify_hostname", "localhost"];
    let output = until(|| {
        let mut client = Command::new(&openssl);
        client.args(certificates.client(&place, "ca.pem"));
        let output = run(client, "a line\n");
        (!stderr(&output).contains("Connection refused")).then_some(output)
    });
    assert_eq!(output.stdout, b"A LINE\n", "{}", stderr(&output));
    peer.join().unwrap();
    let ended = relay.join().unwrap();
    assert!(ended.status.success(), "{}", stderr(&ended));
}

#[test]
fn curl_fetches_with_tls_and_http_2() {
    let (Some((_, openssl)), Some(curl)) = (programs(), built("curl")) else {
        return;
    };
    let Some(nginx) = program("nginx") else {
        return;
    };
    let certificates = Certificates::make(&openssl);
    // Started as root, nginx reads files as another user.
    fs::set_permissions(certificates.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let body = capsock_test_programs::pattern(3_000_000);
    fs::write(certificates.path("data"), &body).unwrap();
    let port = free_port();
    let base = certificates.0.path().display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {base}/{kind};"))
        .concat();
    let text = format!(
        "daemon off; master_process off; pid {base}/pid; error_log {base}/error.log; events {{}}
        http {{ access_log off; {temporary} server {{
            listen 127.0.0.1:{port} ssl http2; root {base};
            ssl_certificate {base}/server.pem; ssl_certificate_key {base}/server.key;
        }} }}"
    );
    let configuration = certificates.path("nginx.conf");
    fs::write(&configuration, text).unwrap();
    let mut server = Command::new(nginx);
    server.args(["-e", &certificates.path("error.log")]);
    server.args(["-p", certificates.0.path().to_str().unwrap()]);
    server.args(["-c", &configuration]);
    let _server = Server::start(&mut server, || is_there(port));

    let grant = format!("tcp://127.0.0.1:{port}");
    let readable = certificates.readable();
    let flags = [readable.as_str(), "--allow-connect", &grant];
    let fetch = |host: &str, trusted: &str, more: &[&str]| {
        let url = format!("https://{host}:{port}/data");
        let trusted = certificates.path(trusted);
        let options = ["-sS4", "--cacert", &trusted, &url];
        run(command(&flags, &curl, &[&options, more].concat()), "")
    };
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let said = ["-w", "%{stderr}%{http_version}", option];
        let output = fetch("localhost", "ca.pem", &said);
        assert!(output.stdout == body, "{}", stderr(&output));
        assert_eq!(stderr(&output), version);
    }
    is_not_verified(
        &fetch("127.0.0.1", "ca.pem", &[]),
        "no alternative certificate subject name matches",
    );
    is_not_verified(
        &fetch("localhost", "other.pem", &[]),
        "unable to get local issuer certificate",
    );
}
