//! Requests of wasi:http, from guests to nginx and to servers that misbehave.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use capsock_tests::http::Nginx;
use capsock_tests::{output, stderr};
use rstest::rstest;
use tempfile::TempDir;

/// What nginx tells of a request: the method, the host, the target as it was sent, the
/// version, and which connection that was.
const TELL: &str = r#"
    location / {
        return 200 "$request_method $http_host $request_uri $server_protocol $connection";
    }
    location /large { return 200 "0123456789012345678901234567890123456789"; }
    location /redirect { return 302 http://127.0.0.1:1/; }
    location /headers { HEADERS return 200 ""; }
"#;

fn nginx() -> Option<Nginx> {
    let header = format!("add_header x-long {};", "x".repeat(1000));
    Nginx::start(&TELL.replace("HEADERS", &header.repeat(10)))
}

/// `http-client` with these requests.
fn ask(flags: &[&str], requests: &[&str]) -> Output {
    output(flags, "http-client", requests)
}

#[track_caller]
fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A line of `http-client` without the number of the connection.
fn without_connection(line: &str) -> &str {
    line.rsplit_once(' ').unwrap().0
}

#[rstest]
fn a_request_needs_a_grant_of_it_or_of_the_connection(
    #[values("http", "https")] scheme: &str,
    #[values("127.0.0.1", "localhost")] host: &str,
    #[values("--allow-http", "--allow-connect")] flag: &str,
) {
    let Some(nginx) = nginx() else { return };
    let (port, version) = match scheme {
        "http" => (nginx.plain, "HTTP/1.1"),
        _ => (nginx.tls, "HTTP/2.0"),
    };
    let target = match flag {
        "--allow-http" => format!("GET {scheme}://{host}:{port}/a/*"),
        _ => format!("tcp://{host}:{port}"),
    };
    let authority = nginx.authority();
    let trust = ["--tls-ca", authority.to_str().unwrap()];
    let request = format!("GET {scheme} {host}:{port} /a/b?c=d");
    let asked = ask(&[&trust[..], &[flag, &target]].concat(), &[&request]);
    let line = match (scheme, host) {
        // The certificate is that of the name.
        ("https", "127.0.0.1") => "ErrorCode::TlsCertificateError".to_owned(),
        _ => {
            let line = lines(&asked).remove(0);
            let (line, _connection) = line.rsplit_once(' ').unwrap();
            let text = line.splitn(3, ' ').nth(2).unwrap();
            assert_eq!(text, format!("GET {host}:{port} /a/b?c=d {version}"));
            return;
        }
    };
    assert_eq!(lines(&asked), [line], "{}", stderr(&asked));
}

/// And the line says which flag would allow it, which is so.
#[rstest]
fn what_is_not_granted_is_denied(#[values("127.0.0.1", "localhost")] host: &str) {
    let Some(nginx) = nginx() else { return };
    let port = nginx.plain;
    let of = |rule: String| ["--allow-http".to_owned(), rule];
    let request = format!("GET http {host}:{port} /a/b?c=d");
    for grant in [
        of(format!("POST http://{host}:{port}/a/*")),
        of(format!("GET http://{host}:{port}/a")),
        of(format!("GET http://{host}:{port}/b/*")),
        of(format!("GET https://{host}:{port}/a/*")),
        of(format!("GET http://{host}:{}/a/*", port ^ 1)),
        of("http://*/*".to_owned()),
    ] {
        let flags: Vec<&str> = grant.iter().map(String::as_str).collect();
        let asked = ask(&flags, &[&request]);
        assert_eq!(lines(&asked), ["ErrorCode::HttpRequestDenied"], "{grant:?}");
        let told = stderr(&asked);
        let allow = format!("GET http://{host}:{port}/a/b");
        let flag = format!("to allow it: --allow-http '{allow}'");
        assert!(told.contains(&flag), "{grant:?}: {told}");
        let asked = ask(&["--allow-http", &allow], &[&request]);
        assert!(lines(&asked)[0].starts_with("200 "), "{asked:?}");
    }
    let target = format!("http://{host}:{port}/*");
    let denied = format!("http://{host}:{port}/a/b");
    let flags = ["--allow-http", &target, "--deny-http", &denied];
    let asked = ask(&flags, &[&request]);
    assert_eq!(lines(&asked), ["ErrorCode::HttpRequestDenied"]);
    assert!(stderr(&asked).contains("forbids it"), "{}", stderr(&asked));
}

/// A grant of requests is none of sockets, and of no look-up.
#[test]
fn a_grant_of_requests_is_no_other() {
    let flags = [
        "--allow-http",
        "http://127.0.0.1/*",
        "--allow-http",
        "http://a.test/*",
    ];
    let connected = output(&flags, "attack", &["connect", "tcp", "127.0.0.1", "80"]);
    let told = stderr(&connected);
    assert!(told.contains("denied connect tcp://127.0.0.1:80"), "{told}");
    let resolved = output(&flags, "resolve", &["a.test"]);
    let told = stderr(&resolved);
    assert!(told.contains("denied resolve a.test"), "{told}");
}

#[test]
fn what_is_sent_is_what_was_checked() {
    let Some(nginx) = nginx() else { return };
    let at = format!("127.0.0.1:{}", nginx.plain);
    let grant = format!("http://{at}/a/*");
    for (written, sent) in [
        ("/a/b/../c?d=/../e", "200 CUT GET AT /a/c?d=/../e HTTP/1.1"),
        ("/a/%62/./c", "200 CUT GET AT /a/b/c HTTP/1.1"),
        ("/a/../b", "ErrorCode::HttpRequestDenied"),
        ("/a/%2e%2e/b", "ErrorCode::HttpRequestUriInvalid"),
        ("/a/..%2fb", "ErrorCode::HttpRequestUriInvalid"),
    ] {
        let request = format!("GET http {at} {written}");
        let asked = ask(&["--allow-http", &grant], &[&request]);
        let line = lines(&asked).remove(0);
        let line = match line.strip_prefix("200 ") {
            Some(rest) => {
                let rest = rest.split_once(' ').unwrap().1;
                format!("200 CUT {}", without_connection(rest))
            }
            None => line,
        };
        assert_eq!(line, sent.replace("AT", &at), "{written}");
    }
    // To reach another server over it, or to have two requests of one.
    for (header, error) in [
        ("host:evil.example", "host: HeaderError::Forbidden"),
        (
            "transfer-encoding:chunked",
            "transfer-encoding: HeaderError::Forbidden",
        ),
        ("connection:upgrade", "connection: HeaderError::Forbidden"),
        ("upgrade:h2c", "upgrade: HeaderError::Forbidden"),
    ] {
        let request = format!("GET http {at} /a/b {header}");
        let asked = ask(&["--allow-http", &grant], &[&request]);
        assert_eq!(lines(&asked), [error]);
    }
    for method in ["CONNECT", "TRACE"] {
        let request = format!("{method} http {at} /a/b");
        let asked = ask(&["--allow-http", &grant], &[&request]);
        assert_eq!(lines(&asked), ["ErrorCode::HttpRequestMethodInvalid"]);
    }
}

/// Over HTTP/1.1 and HTTP/2; and a redirect is the guest's affair.
#[rstest]
fn a_connection_is_used_again(#[values("http", "https")] scheme: &str) {
    let Some(nginx) = nginx() else { return };
    let port = if scheme == "http" {
        nginx.plain
    } else {
        nginx.tls
    };
    let grant = format!("{scheme}://localhost:{port}/*");
    let authority = nginx.authority();
    let flags = [
        "--allow-http",
        &grant,
        "--tls-ca",
        authority.to_str().unwrap(),
    ];
    let request = |path: &str| format!("GET {scheme} localhost:{port} {path} show=location");
    let requests = ["/1", "/large", "/redirect", "/2"].map(request);
    let asked = ask(&flags, &requests.each_ref().map(String::as_str));
    let lines = lines(&asked);
    let connection = |line: &str| line.rsplit_once(' ').unwrap().1.to_owned();
    assert_eq!(connection(&lines[0]), connection(&lines[3]), "{lines:?}");
    assert!(
        lines[2].starts_with("302 location=http://127.0.0.1:1/ "),
        "{lines:?}"
    );
}

/// A server that closes after each response, as it may.
#[test]
fn a_connection_that_was_closed_is_made_anew() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap();
    let serving = thread::spawn(move || {
        for _ in 0..3 {
            let (mut stream, _peer) = server.accept().unwrap();
            let mut request = [0; 1024];
            _ = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .unwrap();
        }
    });
    let grant = format!("http://{at}/*");
    let request = format!("GET http {at} /");
    let asked = ask(&["--allow-http", &grant], &[&request, &request, &request]);
    assert_eq!(lines(&asked), ["200 2 ok"; 3], "{}", stderr(&asked));
    serving.join().unwrap();
}

#[test]
fn tls_is_verified() {
    let Some(nginx) = nginx() else { return };
    let port = nginx.tls;
    let grant = format!("https://localhost:{port}/*");
    let request = format!("GET https localhost:{port} /");
    let asked = ask(&["--allow-http", &grant], &[&request]);
    assert_eq!(lines(&asked), ["ErrorCode::TlsCertificateError"]);
    // To a server without TLS, and a request without TLS to one with.
    let grant = format!("https://localhost:{}/*", nginx.plain);
    let request = format!("GET https localhost:{} /", nginx.plain);
    let asked = ask(&["--allow-http", &grant], &[&request]);
    assert_eq!(lines(&asked), ["ErrorCode::TlsProtocolError"]);
    let grant = format!("http://localhost:{port}/*");
    let request = format!("GET http localhost:{port} /");
    let asked = ask(&["--allow-http", &grant], &[&request]);
    assert!(lines(&asked)[0].starts_with("400 "), "{asked:?}");
}

#[test]
fn requests_are_traced() {
    let Some(nginx) = nginx() else { return };
    let at = format!("127.0.0.1:{}", nginx.plain);
    let grant = format!("http://{at}/a");
    let requests = ["/a?secret", "/b"].map(|path| format!("GET http {at} {path}"));
    let flags = ["--trace", "--allow-http", &grant];
    let told = stderr(&ask(&flags, &requests.each_ref().map(String::as_str)));
    assert!(
        told.contains(&format!("request(\"GET http://{at}/a\") = 200 <")),
        "{told}"
    );
    let denied = format!("request(\"GET http://{at}/b\") = ");
    let line = told
        .lines()
        .find(|line| line.contains(&denied))
        .expect(&told);
    assert!(
        line.contains("http-request-denied (denied: no rule allows it)"),
        "{line}"
    );
    assert!(!told.contains("secret"), "{told}");
}

/// No proxy of the environment is asked.
#[test]
fn no_proxy_is_used() {
    let Some(nginx) = nginx() else { return };
    let at = format!("127.0.0.1:{}", nginx.plain);
    let grant = format!("http://{at}/*");
    let request = format!("GET http {at} /");
    let mut command = capsock_tests::run(&["--allow-http", &grant], "http-client", &[&request]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:1/");
    }
    let asked = command.output().unwrap();
    assert!(lines(&asked)[0].starts_with("200 "), "{asked:?}");
}

#[rstest]
#[case::requests("http-requests=1", &["--at-once", "GET http AT /", "GET http AT /"], "ErrorCode::ConnectionLimitReached")]
#[case::response_body("http-body=39", &["GET http AT /large"], "200 0  HTTP response body size exceeds limit: 39 bytes")]
#[case::response_headers("http-headers=8KiB", &["GET http AT /headers"], "ErrorCode::HttpResponseHeaderSectionSize(Some(8192))")]
#[case::sockets("sockets=0", &["GET http AT /"], "ErrorCode::ConnectionLimitReached")]
fn limits_hold(#[case] limit: &str, #[case] requests: &[&str], #[case] told: &str) {
    let Some(nginx) = nginx() else { return };
    let at = format!("127.0.0.1:{}", nginx.plain);
    let grant = format!("http://{at}/*");
    let requests = requests.iter().map(|it| it.replace("AT", &at));
    let requests: Vec<String> = requests.collect();
    let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
    let asked = ask(&["--allow-http", &grant, "--limit", limit], &requests);
    assert_eq!(lines(&asked).last().unwrap(), told, "{}", stderr(&asked));
}

/// Of a request, before all of it is sent; 0.2 has no error for headers.
#[test]
fn a_request_that_is_too_large_is_not_sent() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _peer) = server.accept().unwrap();
        let mut received = Vec::new();
        // It is ended without its last chunk.
        _ = stream.read_to_end(&mut received);
        received
    });
    let grant = format!("http://{at}/*");
    let flags = ["--allow-http", &grant, "--limit", "http-body=99999"];
    let asked = ask(&flags, &[&format!("POST http {at} / body=1000000")]);
    let told = "ErrorCode::HttpRequestBodySize(Some(99999))";
    assert_eq!(lines(&asked), [told], "{}", stderr(&asked));
    let received = serving.join().unwrap();
    assert!(received.len() < 110_000 && !received.ends_with(b"0\r\n\r\n"));

    let flags = ["--allow-http", &grant, "--limit", "http-headers=1KiB"];
    let asked = ask(
        &flags,
        &[&format!("GET http {at} / x:{}", "x".repeat(2000))],
    );
    assert_eq!(asked.status.code(), Some(134));
    let told = stderr(&asked);
    assert!(told.contains("--limit http-headers=1024"), "{told}");
}

/// The user's limit, and the guest's own that is less.
#[rstest]
#[case::tls(
    b"",
    "https",
    "http-connect-time=100ms",
    "",
    "ErrorCode::ConnectionTimeout"
)]
#[case::tls_asked(
    b"",
    "https",
    "time=60s",
    "connect=100",
    "ErrorCode::ConnectionTimeout"
)]
#[case::first(
    b"",
    "http",
    "http-first-byte-time=100ms",
    "",
    "ErrorCode::HttpResponseTimeout"
)]
#[case::first_asked(b"", "http", "time=60s", "first=100", "ErrorCode::HttpResponseTimeout")]
#[case::not_more(
    b"",
    "http",
    "http-first-byte-time=100ms",
    "first=99999999",
    "ErrorCode::HttpResponseTimeout"
)]
#[case::head(
    b"HTTP/1.1 200 OK\r\nx: ",
    "http",
    "http-first-byte-time=100ms",
    "",
    "ErrorCode::HttpResponseTimeout"
)]
#[case::between(
    b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab",
    "http",
    "http-between-bytes-time=100ms",
    "",
    "200 2 ab connection read timeout"
)]
#[case::nonsense(
    b"SSH-2.0-OpenSSH\r\n",
    "http",
    "time=60s",
    "",
    "ErrorCode::HttpProtocolError"
)]
#[case::smuggled(
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
    "http",
    "time=60s",
    "",
    "ErrorCode::HttpProtocolError"
)]
fn a_server_that_misbehaves_is_no_worse_than_an_error(
    #[case] answer: &'static [u8],
    #[case] scheme: &str,
    #[case] limit: &str,
    #[case] asked: &str,
    #[case] told: &str,
) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = server.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _peer) = server.accept().unwrap();
        let mut request = [0; 1024];
        _ = stream.read(&mut request).unwrap();
        stream.write_all(answer).unwrap();
        // Until the guest has gone.
        _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let grant = format!("{scheme}://{at}/*");
    let request = format!("GET {scheme} {at} / {asked}");
    let output = ask(&["--allow-http", &grant, "--limit", limit], &[&request]);
    assert_eq!(lines(&output), [told], "{}", stderr(&output));
    serving.join().unwrap();
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let grant = format!("http://{at}/*");
    let asked = ask(&["--allow-http", &grant], &[&format!("GET http {at} /")]);
    assert_eq!(lines(&asked), ["ErrorCode::ConnectionRefused"]);
}

/// The policy that a recorded run leaves allows what it did, and no more.
#[test]
fn requests_are_recorded_and_audited() {
    let Some(nginx) = nginx() else { return };
    let at = format!("localhost:{}", nginx.plain);
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (policy, audit) = (path("policy.toml"), path("audit"));
    let request = format!("GET http {at} /a?b");
    let asked = ask(&["--record", &policy], &[&request]);
    assert!(lines(&asked)[0].starts_with("200 "), "{asked:?}");
    let written = std::fs::read_to_string(&policy).unwrap();
    let rule = format!("\"GET http://{at}/a\"");
    assert!(written.contains(&rule), "{written}");
    assert!(!written.contains("connect"), "{written}");

    let flags = ["--policy", &policy, "--audit", &audit];
    let other = format!("GET http {at} /b");
    let asked = ask(&flags, &[&request, &other]);
    let told = lines(&asked);
    assert!(told[0].starts_with("200 "), "{asked:?}");
    assert_eq!(told[1], "ErrorCode::HttpRequestDenied");
    let audited = std::fs::read_to_string(&audit).unwrap();
    let of = |path: &str| format!("\"GET http://{at}{path}\"");
    let allowed = audited
        .lines()
        .find(|line| line.contains(&of("/a")))
        .expect(&audited);
    let denied = audited
        .lines()
        .find(|line| line.contains(&of("/b")))
        .expect(&audited);
    assert!(
        allowed.contains("\"allow\"") && denied.contains("\"deny\""),
        "{audited}"
    );
}
