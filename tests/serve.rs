//! `capsock serve`: requests of real clients, and of clients that misbehave.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::Command;
use std::thread;

use capsock_tests::http::{Nginx, certificates};
use capsock_tests::peer::program;
use capsock_tests::python::project;
use capsock_tests::serve::Serving;
use capsock_tests::{PATIENCE, capsock, guest, stderr};
use rstest::rstest;
use rustix::process::Signal;
use tempfile::TempDir;

#[test]
fn a_request_is_handled_by_an_instance_of_its_own() {
    let server = Serving::start(&["--env", "GREETING=hello"], "function");
    let authority = server.authority();
    let told = format!("Method::Get Some(Scheme::Http) {authority} /a");
    assert_eq!(server.get("/a?b=c"), (200, told));
    assert_eq!(server.get("/count"), (200, "1".to_owned()));
    assert_eq!(server.get("/count"), (200, "1".to_owned()));
    assert_eq!(server.get("/env?GREETING"), (200, "hello".to_owned()));
    let (_status, body) = server.get("/stream?40");
    assert_eq!(body.len(), 40 << 16);
}

/// HTTP/1.1, HTTP/2 by prior knowledge, and a Unix socket.
#[rstest]
#[case::http_1("--http1.1")]
#[case::http_2("--http2-prior-knowledge")]
fn curl_is_served(#[case] version: &str) {
    let Some(curl) = program("curl") else { return };
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("socket");
    let place = format!("unix:{}", socket.display());
    let server = Serving::at(&place, &["--listen", "http://[::1]:0"], "function");
    let curl = || {
        let mut command = Command::new(&curl);
        command.args(["--silent", "--show-error", version]);
        command.arg("--unix-socket").arg(&socket);
        command
    };
    let body = "x".repeat(100_000);
    let mut echo = curl();
    echo.args(["--data", &body, "http://function.test/echo"]);
    let answer = echo.output().unwrap();
    assert!(answer.status.success(), "{answer:?}");
    assert!(answer.stdout == body.as_bytes());
    server.send(Signal::TERM);
    let (status, _said) = server.end();
    assert!(status.success());
    assert!(!socket.exists());
}

/// With the certificate that the client asks for, over HTTP/1.1 and HTTP/2; and a client
/// that does not speak TLS is none.
#[rstest]
#[case::http_1("--http1.1", "1.1")]
#[case::http_2("--http2", "2")]
fn https_is_served(#[case] version: &str, #[case] spoken: &str) {
    let (Some(curl), Some(first), Some(second)) = (
        program("curl"),
        certificates("first.test"),
        certificates("second.test"),
    ) else {
        return;
    };
    let path = |of: &TempDir, name: &str| of.path().join(name).to_str().unwrap().to_owned();
    let flags = [&first, &second].map(|of| {
        let (chain, key) = (path(of, "server.pem"), path(of, "server.key"));
        ["--tls-cert".to_owned(), chain, "--tls-key".to_owned(), key]
    });
    let flags = flags.concat();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let server = Serving::at("https://127.0.0.1:0", &flags, "function");
    let (ip, port) = server.authority().split_once(':').unwrap();
    for (of, name) in [(&first, "first.test"), (&second, "second.test")] {
        let mut client = Command::new(&curl);
        client.args([
            "--silent",
            "--show-error",
            version,
            "--cacert",
            &path(of, "ca.pem"),
        ]);
        client.args(["--resolve", &format!("{name}:{port}:{ip}")]);
        client.args([
            "--write-out",
            " %{http_version}",
            &format!("https://{name}:{port}/a"),
        ]);
        let answer = client.output().unwrap();
        let told = format!("Method::Get Some(Scheme::Https) {name}:{port} /a {spoken}");
        assert_eq!(
            String::from_utf8_lossy(&answer.stdout),
            told,
            "{}",
            stderr(&answer)
        );
    }
    assert!(
        !server
            .exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            .contains("200")
    );
    server.send(Signal::TERM);
    assert!(server.end().0.success());
}

#[test]
fn a_certificate_that_cannot_be_used_is_told() {
    let (Some(one), Some(other)) = (certificates("a.test"), certificates("b.test")) else {
        return;
    };
    let path = |of: &TempDir, name: &str| of.path().join(name).to_str().unwrap().to_owned();
    let (chain, key) = (path(&one, "server.pem"), path(&one, "server.key"));
    let (no_chain, no_key) = (path(&other, "server.key"), path(&other, "server.pem"));
    let (of_other, absent) = (path(&other, "server.key"), path(&one, "absent"));
    let place = ["--listen", "https://127.0.0.1:0"];
    for (flags, why) in [
        (&[][..], "a certificate is needed"),
        (&["--tls-cert", &chain][..], "--tls-key"),
        (
            &[
                "--tls-cert",
                &chain,
                "--tls-cert",
                &chain,
                "--tls-key",
                &key,
            ],
            "its key",
        ),
        (
            &["--tls-cert", &no_chain, "--tls-key", &key],
            "no certificate in PEM",
        ),
        (
            &["--tls-cert", &chain, "--tls-key", &no_key],
            "the private key cannot be read",
        ),
        (
            &["--tls-cert", &chain, "--tls-key", &of_other],
            "keys may not be consistent",
        ),
        (
            &["--tls-cert", &chain, "--tls-key", &absent],
            "No such file",
        ),
    ] {
        let mut command = capsock();
        command.arg("serve").args(place).args(flags);
        let output = command.arg(guest("function")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        let said = stderr(&output);
        assert!(said.contains(why), "{flags:?}: {said}");
    }
}

/// A handler of 0.3, which makes requests of 0.3.
#[test]
fn handlers_of_0_3_are_served() {
    let Some(nginx) = Nginx::start("location /a/ { return 200; }") else {
        return;
    };
    let (plain, tls) = (nginx.plain, nginx.tls);
    let grants = [
        "--allow-http".to_owned(),
        format!("http://127.0.0.1:{plain}/a/*"),
        "--allow-http".to_owned(),
        format!("https://localhost:{tls}/a/*"),
        "--tls-ca".to_owned(),
        nginx.authority().to_str().unwrap().to_owned(),
    ];
    let flags: Vec<&str> = grants.iter().map(String::as_str).collect();
    let server = Serving::start(&flags, "function_p3");
    assert_eq!(server.get("/x"), (200, "/x ".to_owned()));
    let authority = server.authority();
    let body = "y".repeat(200_000);
    let answer = server.exchange(&format!(
        "POST /x HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    assert!(
        answer.matches('y').count() >= body.len(),
        "{}",
        answer.len()
    );
    assert_eq!(server.get("/trap").0, 500);
    for (url, told) in [
        (format!("http://127.0.0.1:{plain}/a/b"), "200"),
        (format!("https://localhost:{tls}/a/b"), "200"),
        (
            format!("http://127.0.0.1:{plain}/b"),
            "ErrorCode::HttpRequestDenied",
        ),
        // The certificate is that of the name.
        (
            format!("https://127.0.0.1:{tls}/a/b"),
            "ErrorCode::TlsCertificateError",
        ),
    ] {
        assert_eq!(
            server.get(&format!("/fetch?{url}")),
            (200, told.to_owned()),
            "{url}"
        );
    }
}

/// A `fetch` handler by componentize-js, which may call one API and nothing else.
#[test]
fn an_edge_function_in_javascript() {
    let (Some(nginx), Some(_npm)) = (
        Nginx::start("location /v1/ { return 200 api; }"),
        program("npm"),
    ) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let component = directory.path().join("edge.wasm");
    let mut build = Command::new(project("scripts/build-js"));
    build
        .arg(project("examples/edge-js/edge.js"))
        .arg(&component);
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", stderr(&built));
    let api = format!("API=http://127.0.0.1:{}/v1", nginx.plain);
    let elsewhere = format!("API=http://127.0.0.1:{}/v2", nginx.plain);
    let grant = format!("GET http://127.0.0.1:{}/v1/*", nginx.plain);
    let of = |env: &str| {
        let flags = [
            "--allow-http",
            &grant,
            "--env",
            env,
            "--limit",
            "memory=64MiB",
        ];
        Serving::of("http://127.0.0.1:0", &flags, &component)
    };
    assert_eq!(of(&api).get("/status"), (200, "api".to_owned()));
    let server = of(&elsewhere);
    assert_eq!(server.get("/status").0, 502);
    let denied = format!("denied http GET http://127.0.0.1:{}/v2/status", nginx.plain);
    server.expect_line(&denied);
}

/// Each instance has the grants of the command line, and no others.
#[test]
fn instances_have_the_grants() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = peer.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _peer) = peer.accept().unwrap();
        let mut request = [0; 1024];
        _ = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .unwrap();
    });
    let denied = (200, "ErrorCode::HttpRequestDenied".to_owned());
    let server = Serving::start(&[], "function");
    assert_eq!(server.get(&format!("/fetch?{at}/a")), denied);
    let flag = format!("--allow-http 'GET http://{at}/a'");
    server.expect_line(&flag);
    let (_status, body) = server.get(&format!("/connect?{at}"));
    assert!(body.starts_with("Err("), "{body}");
    server.expect_line(&format!("--allow-connect tcp://{at}"));

    let grant = format!("http://{at}/a");
    let server = Serving::start(&["--allow-http", &grant], "function");
    assert_eq!(
        server.get(&format!("/fetch?{at}/a")),
        (200, "204".to_owned())
    );
    assert_eq!(server.get(&format!("/fetch?{at}/b")), denied);
    serving.join().unwrap();
}

/// What one request does is none of another one's affair.
#[rstest]
#[case::trap("/trap", 500)]
#[case::silent("/silent", 500)]
#[case::compute("/compute", 500)]
#[case::memory("/memory", 500)]
#[case::late("/sleep?60000", 500)]
fn a_request_that_fails_ends_nothing_else(#[case] path: &str, #[case] status: u16) {
    let limits = ["--limit", "request-cpu=100ms", "--limit", "request-time=1s"];
    let server = Serving::start(&limits, "function");
    let beside = server.connect();
    assert_eq!(server.get(path).0, status);
    server.expect_line("capsock: a request failed: ");
    assert_eq!(server.get("/count").0, 200);
    drop(beside);
    server.send(Signal::TERM);
    assert!(server.end().0.success());
}

/// Over a limit it is 503, or the connection is closed; nothing waits.
#[test]
fn limits_hold() {
    let server = Serving::start(&["--limit", "requests=1"], "function");
    let authority = server.authority();
    let mut slow = server.connect();
    let request = format!("GET /sleep?300 HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    slow.write_all(request.as_bytes()).unwrap();
    let busy = loop {
        let answer = server.exchange(&format!(
            "GET / HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n"
        ));
        if !answer.starts_with("HTTP/1.1 200 ") {
            break answer;
        }
    };
    assert!(busy.starts_with("HTTP/1.1 503 "), "{busy}");
    assert!(busy.contains("retry-after: 1\r\n"), "{busy}");

    let server = Serving::start(&["--limit", "peer-connections=1"], "function");
    let mut first = server.connect();
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", server.authority());
    first.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).unwrap();
    assert_eq!(server.exchange(&request), "");
}

/// A sender that never ends its head, has begun what could be HTTP/2, or says nothing.
#[rstest]
#[case::head("GET / HTTP/1.1\r\nhost: a")]
#[case::preface("PRI * HT")]
#[case::silent("")]
fn a_slow_sender_is_not_waited_for(#[case] said: &str) {
    let server = Serving::start(&["--limit", "header-time=100ms"], "function");
    let begun = std::time::Instant::now();
    assert!(!server.exchange(said).contains(" 200 "));
    assert!(begun.elapsed() < PATIENCE / 2);
}

/// The client that asked has gone; the instance ends, and the server does not.
#[test]
fn a_client_that_vanishes_is_no_worse() {
    let server = Serving::start(&[], "function");
    for _ in 0..10 {
        let mut stream = server.connect();
        let request = format!(
            "GET /stream?64 HTTP/1.1\r\nhost: {}\r\n\r\n",
            server.authority()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut some = [0; 100];
        stream.read_exact(&mut some).unwrap();
        drop(stream);
    }
    assert_eq!(server.get("/count").0, 200);
    server.send(Signal::TERM);
    assert!(server.end().0.success());
}

/// What one reader could take for another request than the next one does.
#[rstest]
#[case::no_host("GET / HTTP/1.1\r\n\r\n")]
#[case::two_hosts("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")]
#[case::other_host("GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n")]
#[case::user("GET / HTTP/1.1\r\nhost: a@b\r\n\r\n")]
#[case::path_in_host("GET / HTTP/1.1\r\nhost: a/b\r\n\r\n")]
#[case::tunnel("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n")]
#[case::two_lengths(
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"
)]
#[case::bad_length("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\na")]
#[case::other_coding(
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, x\r\n\r\n0\r\n\r\n"
)]
#[case::space_before_colon("GET / HTTP/1.1\r\nhost : a\r\n\r\n")]
#[case::folded("GET / HTTP/1.1\r\nhost: a\r\n b: c\r\n\r\n")]
#[case::nul("GET / HTTP/1.1\r\nhost: a\0b\r\n\r\n")]
fn what_leaves_a_doubt_is_refused(#[case] request: &str) {
    let server = Serving::start(&[], "function");
    let answer = server.exchange(request);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    assert_eq!(server.get("/count").0, 200);
}

/// SIGTERM under load: what has begun is answered.
#[test]
fn what_is_under_way_is_finished() {
    let server = Serving::start(&[], "function");
    let request = format!(
        "GET /sleep?300 HTTP/1.1\r\nhost: {}\r\n\r\n",
        server.authority()
    );
    let mut streams: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(request.as_bytes()).unwrap();
    }
    for _ in 0..streams.len() {
        server.expect_line("begun");
    }
    server.send(Signal::TERM);
    for mut stream in streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("slept"), "{answer}");
        stream.shutdown(Shutdown::Both).ok();
    }
    assert!(server.end().0.success());
}

/// But not for ever, and a second signal does not wait.
#[rstest]
#[case::drained(&["--drain", "100ms"], false)]
#[case::twice(&[], true)]
fn what_takes_too_long_is_ended(#[case] flags: &[&str], #[case] twice: bool) {
    let server = Serving::start(flags, "function");
    let request = format!(
        "GET /sleep?20000 HTTP/1.1\r\nhost: {}\r\n\r\n",
        server.authority()
    );
    let mut stream = server.connect();
    stream.write_all(request.as_bytes()).unwrap();
    server.expect_line("begun");
    let begun = std::time::Instant::now();
    server.send(Signal::TERM);
    if twice {
        thread::sleep(std::time::Duration::from_millis(100));
        server.send(Signal::TERM);
    }
    _ = server.end();
    assert!(begun.elapsed() < PATIENCE / 6, "{:?}", begun.elapsed());
}

#[rstest]
#[case::no_place(&["function.wasm"], "--listen")]
#[case::no_scheme(&["--listen", "127.0.0.1:80", "function.wasm"], "expected http://ADDRESS:PORT")]
#[case::name(&["--listen", "http://localhost:80", "function.wasm"], "expected http://ADDRESS:PORT")]
#[case::no_component(&["--listen", "http://127.0.0.1:0", "absent.wasm"], "absent.wasm")]
fn what_cannot_be_served_is_told(#[case] args: &[&str], #[case] part: &str) {
    let output = capsock().arg("serve").args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(part), "{said}");
}

#[test]
fn a_command_is_no_handler() {
    let mut command = capsock();
    command.args(["serve", "--listen", "http://127.0.0.1:0"]);
    let output = command.arg(guest("echo-server")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`capsock run`"), "{said}");
}
