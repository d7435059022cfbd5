//! The command line: what is wrong is told in one line, and the guest gets what
//! it is given.

use std::process::Output;

use capsock_tests::{capsock, guest, output, run, stderr, succeed};
use tempfile::TempDir;

fn capsock_output(args: &[&str]) -> Output {
    capsock().args(args).output().unwrap()
}

/// A usage error: exit code 2 and one line, which has to name the value.
#[track_caller]
fn assert_unusable(output: &Output, value: &str) -> String {
    let line = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.starts_with("capsock: ") && line.contains(value),
        "no `{value}` in: {line}"
    );
    line
}

#[test]
fn without_the_grant_the_echo_server_ends_and_the_flag_is_named() {
    let output = output(&[], "echo-server", &[]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @"
    capsock: denied bind tcp://127.0.0.1:50007: no rule allows it; to allow it: --allow-listen tcp://127.0.0.1:50007
    Error: bind 127.0.0.1:50007: Permission denied (EACCES)
    ");
}

#[test]
fn a_component_that_cannot_be_used_is_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let component = |name: &str, text: &str| file(name, &wat::parse_str(text).unwrap());
    for (path, reason) in [
        ("missing.wasm".to_owned(), "No such file"),
        (dir.path().to_str().unwrap().to_owned(), "Is a directory"),
        (
            component("core.wasm", "(module)"),
            "core module, not a component",
        ),
        (
            file("text.wasm", b"not wasm"),
            "not a WebAssembly component",
        ),
        (file("empty.wasm", b""), "not a WebAssembly component"),
        (file("cut.wasm", b"\0asm\x0d\0\x01\0\x07"), "unexpected end"),
        (component("library.wasm", "(component)"), "wasi:cli/run"),
        (
            component(
                "unknown.wasm",
                r#"(component (import "foo:bar/baz@1.2.3" (instance (export "f" (func)))))"#,
            ),
            "foo:bar/baz@1.2.3",
        ),
    ] {
        let output = capsock_output(&["run", &path]);
        assert_unusable(&output, &path);
        assert_unusable(&output, reason);
    }
}

#[test]
fn a_malformed_value_is_named_with_the_reason() {
    let echo = guest("echo-server");
    let echo = echo.to_str().unwrap();
    for (flag, value, reason) in [
        (
            "--allow-connect",
            "tcp://127.0.0.1",
            "at character 16: expected `:PORTS`",
        ),
        ("--allow-listen", "tcp://2130706433:80", "never guessed"),
        (
            "--deny-send",
            "tcp://127.0.0.1:53",
            "`send` and `recv` are for datagrams",
        ),
        ("--env", "NAME", "expected NAME=VALUE"),
        ("--dir", "/nonexistent", "/nonexistent"),
    ] {
        let output = capsock_output(&["run", flag, value, echo]);
        assert_unusable(&output, value);
        assert_unusable(&output, reason);
        assert_unusable(&output, flag);
    }
}

/// Files of authorities, with what they are called for.
#[test]
fn an_authority_that_cannot_be_used_is_named_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nc2lnbmVk\n-----END CERTIFICATE-----\n";
    let key = CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY");
    let trust = guest("trust");
    let trust = trust.to_str().unwrap();
    let good = file("good.pem", CERTIFICATE);
    for (path, reason) in [
        (file("key.pem", &key), "no certificate in PEM"),
        (file("empty.pem", ""), "no certificate in PEM"),
        (file("der", "0\u{1}"), "openssl x509 -inform der"),
        (file("cut.pem", &CERTIFICATE[..40]), "not written in PEM"),
        (
            file("malformed.pem", &CERTIFICATE.replace("c2", "!!")),
            "not written in PEM",
        ),
        (dir.path().to_str().unwrap().to_owned(), "Is a directory"),
        ("/nonexistent/ca.pem".to_owned(), "No such file"),
        ("/dev/zero".to_owned(), "more than 8 MiB"),
    ] {
        for before in [&[][..], &["--tls-ca", &good]] {
            let flags = [&["run"][..], before, &["--tls-ca", &path, trust]].concat();
            let output = capsock_output(&flags);
            assert_unusable(&output, &path);
            assert_unusable(&output, reason);
            assert_unusable(&output, "--tls-ca");
        }
    }
    let other = file("other.pem", &format!("{key}{CERTIFICATE}{key}"));
    let mut command = run(&["--tls-ca", &good, "--tls-ca", &other], "trust", &[]);
    command.env("SSL_CERT_FILE", &good);
    command.env_remove("SSL_CERT_DIR");
    let output = command.output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        CERTIFICATE.repeat(3),
        "{}",
        stderr(&output)
    );
    let writable = dir.path().to_str().unwrap();
    let output = capsock_output(&["run", "--dir", writable, "--tls-ca", &good, trust]);
    assert_unusable(&output, "--tls-ca");
    assert_unusable(&output, "where the guest may write");
}

/// Whoever passes on the arguments of others grants nothing by it.
#[test]
fn what_follows_the_component_is_the_guests() {
    let component = guest("command");
    let component = component.to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let audit = dir.path().join("audit");
    let audit = format!("--audit={}", audit.display());
    let passed = [
        "describe",
        "--allow-connect=tcp://127.0.0.1:1",
        "--dir=/",
        "--policy=/none",
        &audit,
        "--help",
        "-h",
        "-v",
        "--version",
        "--limit",
        "--",
        "--env",
        "A=b",
        "--",
        "-",
    ];
    let shown = format!("{:?}", [&["command.wasm"][..], &passed].concat());
    for before in [
        &["run"][..],
        &["run", "--no-cache"],
        &["run", "--no-cache", "--"],
    ] {
        let mut command = capsock();
        command.args(before).arg(component).args(passed);
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            told.lines().next(),
            Some(&format!("args {shown}")[..]),
            "{before:?}: {}",
            stderr(&output)
        );
        assert!(told.contains("env []"), "{told}");
        // Not what -v says.
        assert!(!stderr(&output).contains("landlock"), "{}", stderr(&output));
    }
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    // The first of them, too.
    for first in ["--", "--help", "-v"] {
        let output = capsock_output(&["run", component, first]);
        assert!(
            stderr(&output).contains("the guest trapped"),
            "{first}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_component_that_is_missing_is_told() {
    for args in [&["run"][..], &["run", "--"], &["run", "--env", "A=b"]] {
        let output = capsock_output(args);
        assert_eq!(output.status.code(), Some(2));
        let told = stderr(&output);
        assert!(
            told.contains("not provided:\n  <COMPONENT> [ARGS]..."),
            "{told}"
        );
        assert!(
            told.contains("Usage: capsock run [OPTIONS] COMPONENT [ARGS]..."),
            "{told}"
        );
    }
    assert_unusable(&capsock_output(&["run", ""]), "COMPONENT");
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let output = capsock_output(&["run", "--allow-fly", "tcp://127.0.0.1:1", "x.wasm"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--allow-fly"));
}

#[test]
fn the_guest_gets_its_arguments_environment_directories_and_input() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "content").unwrap();
    let mapping = format!("{}::/data", dir.path().display());
    let mut command = run(
        &["--env", "A=b=c", "--dir", &mapping],
        "command",
        &["describe", "--env", "x"],
    );
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"input").unwrap();
    let output = child.wait_with_output().unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r#"
    args ["command.wasm", "describe", "--env", "x"]
    env [("A", "b=c")]
    file "content"
    input "input"
    "#);
}

#[test]
fn the_exit_code_is_the_guests_own_and_134_for_a_trap() {
    // WASI 0.2 lets Rust's `exit` say no more than 0 or 1.
    for (args, code) in [(["exit", "0"], 0), (["exit", "1"], 1), (["trap", ""], 134)] {
        let output = output(&[], "command", &args);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            stderr(&output)
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exit.wasm");
    std::fs::write(&path, wat::parse_str(EXIT_WITH_42).unwrap()).unwrap();
    assert_eq!(
        capsock_output(&["run", path.to_str().unwrap()])
            .status
            .code(),
        Some(42)
    );
}

const EXIT_WITH_42: &str = r#"
    (component
        (import "wasi:cli/exit@0.2.12" (instance $exit
            (export "exit-with-code" (func (param "status-code" u8)))))
        (core func $exit (canon lower (func $exit "exit-with-code")))
        (core module $main
            (import "" "exit" (func $exit (param i32)))
            (func (export "run") (result i32)
                (call $exit (i32.const 42))
                (i32.const 0)))
        (core instance $main (instantiate $main
            (with "" (instance (export "exit" (func $exit))))))
        (func $run (result (result)) (canon lift (core func $main "run")))
        (instance $command (export "run" (func $run)))
        (export "wasi:cli/run@0.2.12" (instance $command)))
"#;

#[test]
fn a_trap_is_told_with_where_it_was() {
    let output = output(&[], "command", &["trap", ""]);
    assert!(
        stderr(&output).contains("capsock: the guest trapped: "),
        "{}",
        stderr(&output)
    );
    assert!(
        stderr(&output).contains("unreachable"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn errors_have_the_errno_that_the_kernel_or_python_gives() {
    let grants = [
        "--allow-listen",
        "tcp://127.0.0.1:*",
        "--allow-connect",
        "tcp://127.0.0.1:*",
    ];
    succeed(&grants, "misuse", &["errors"]);
}

#[test]
fn sockets_are_counted_and_closed_ones_are_not() {
    // What a process may have open here bounds it too.
    let mut command = run(&[], "misuse", &["quota"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let counted: u32 = String::from_utf8_lossy(&output.stdout)
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=1024).contains(&counted), "{counted}");
}

/// Ports and paths, since the kernel knows no more of the grants.
#[test]
fn the_kernel_is_told_the_grants_too() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let flags = [
        "-v",
        "--require-landlock",
        "--allow-connect",
        "tcp://127.0.0.1:80,443",
        "--allow-resolve",
        "a.example",
        "--dir",
        dir,
    ];
    let told = output(&flags, "command", &["exit", "0"]);
    let told_anyway = output(&["-v", "--no-landlock"], "command", &["exit", "0"]);
    assert_eq!(stderr(&told_anyway), "");
    let lines = stderr(&told);
    if told.status.code() == Some(2) {
        // What an older kernel does of it is not enough for the flag.
        assert!(
            lines.starts_with("capsock: --require-landlock: "),
            "{lines}"
        );
        return;
    }
    let expected = format!(
        "capsock: landlock enforces: TCP connects to ports 53, 80, 443; TCP binds of ports ephemeral; abstract Unix sockets: none of others; writes beneath {dir}\n"
    );
    assert_eq!((told.status.code(), lines), (Some(0), expected));
}

#[test]
fn help_has_examples_and_exit_codes() {
    let output = capsock_output(&["run", "--help"]);
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout));
}

/// A component that takes a while to compile.
fn slow_component() -> Vec<u8> {
    let step = |index: usize| {
        format!("(local.set 0 (i32.mul (i32.add (local.get 0) (i32.const {index})) (i32.const 7)))")
    };
    let body: String = (0..100).map(step).collect();
    let function = format!("(func (param i32) (result i32) {body} (local.get 0))");
    wat::parse_str(format!(
        "(component (core module {}))",
        function.repeat(2000)
    ))
    .unwrap()
}

/// On a terminal, and nowhere else, a line says that it compiles.
#[test]
fn compiling_shows_on_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slow.wasm");
    std::fs::write(&path, slow_component()).unwrap();
    let arguments = ["run", "--no-cache", path.to_str().unwrap()];

    let piped = capsock_output(&arguments);
    assert_unusable(&piped, "wasi:cli/run");

    let command = format!(
        "{} {}",
        capsock().get_program().to_str().unwrap(),
        arguments.join(" ")
    );
    // script(1) gives it a terminal.
    let terminal = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&terminal.stdout);
    assert!(shown.contains("compiling slow.wasm"), "{shown:?}");
    assert_eq!(terminal.status.code(), Some(2));
}

/// In a process of its own, which ends beyond them.
#[test]
fn compiling_has_limits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("slow.wasm");
    std::fs::write(&path, slow_component()).unwrap();
    let path = path.to_str().unwrap();
    for (limit, why) in [
        ("compile-time=20ms", "compiling it takes longer than 20ms"),
        ("compile-memory=1", "beyond --limit compile-memory=1"),
        (
            "compile-memory=10MB",
            "beyond --limit compile-memory=10000000",
        ),
        ("component=1000", "it is larger than 1000 bytes"),
    ] {
        let limited = capsock_output(&["run", "--no-cache", "--limit", limit, path]);
        assert_unusable(&limited, why);
        assert_unusable(&limited, path);
        let name = limit.split('=').next().unwrap();
        assert_unusable(&limited, &format!("{name}="));
    }
    // A file without an end.
    assert_unusable(
        &capsock_output(&["run", "--limit", "component=1MB", "/dev/zero"]),
        "larger",
    );
}

/// `just release` builds by what this does; it takes too long to be tested whole.
#[test]
fn what_the_released_build_is_trained_with_runs() {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut train = std::process::Command::new("python3");
    train.arg("scripts/train").arg(capsock().get_program());
    let output = train.arg("20").current_dir(project).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

/// A guest's operations on its own files are the same with and without Landlock,
/// errors too.
#[test]
fn landlock_changes_no_operation_on_files() {
    let files = |flag: &str| {
        let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        std::os::unix::fs::symlink("file", one.path().join("link")).unwrap();
        let dirs = [("/one", &one), ("/other", &other)]
            .map(|(guest, dir)| format!("--dir={}::{guest}", dir.path().display()));
        output(&[flag, &dirs[0], &dirs[1]], "files", &["/one", "/other"])
    };
    let with = files("--require-landlock");
    if stderr(&with).contains("landlock") {
        eprintln!("skipped: {}", stderr(&with));
        return;
    }
    let without = files("--no-landlock");
    assert!(without.status.success(), "{}", stderr(&without));
    let [with, without] = [with, without].map(|output| String::from_utf8(output.stdout).unwrap());
    assert!(without.contains("link . foo: Some(63)"), "EPERM: {without}");
    assert_eq!(with, without);
}
