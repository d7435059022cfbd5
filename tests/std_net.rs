//! `std::net` over the SDK: one program, natively and as a guest, prints the same.
//! What a guest of it may not do is as of any other: `std-sdk` in wasi.rs.

use std::path::Path;
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;
use capsock_tests::{capsock, guest, patiently, run, stderr};
use rstest::rstest;
use tempfile::TempDir;

/// All that the program does.
fn flags(directory: &str) -> Vec<String> {
    let mut flags = vec!["--dir".to_owned(), directory.to_owned()];
    let mut allow = |operation: &str, targets: &[String]| {
        for target in targets {
            flags.extend([format!("--allow-{operation}"), target.clone()]);
        }
    };
    let of = |protocol: &str, ports: &str| {
        ["127.0.0.1", "[::1]"].map(|host| format!("{protocol}://{host}:{ports}"))
    };
    let unix = [format!("unix:{directory}/")];
    allow("listen", &of("tcp", "*"));
    allow("listen", &["tcp://192.0.2.1:ephemeral".to_owned()]);
    allow("connect", &of("tcp", "*"));
    allow("listen", &of("udp", "ephemeral"));
    allow("send", &of("udp", "*"));
    allow("recv", &["udp://239.255.0.1:*".to_owned()]);
    allow("resolve", &["*".to_owned()]);
    for operation in ["listen", "connect", "send"] {
        allow(operation, &unix);
    }
    flags
}

fn lines(mut command: Command) -> Vec<String> {
    command.stdin(Stdio::null());
    let output = patiently(move || command.output().unwrap());
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", stderr(&output));
    printed.lines().map(str::to_owned).collect()
}

#[rstest]
fn a_program_does_the_same_natively_and_as_a_guest(
    #[values(
        "tcp4",
        "tcp6",
        "udp4",
        "udp6",
        "errors",
        "timeouts",
        "nonblocking",
        "options",
        "polling",
        "descriptors",
        "files",
        "names",
        "unix-stream",
        "unix-datagram"
    )]
    subject: &str,
) {
    let natively = TempDir::new().unwrap();
    let mut command = Command::new(cargo_bin("std-net"));
    command.arg(subject).arg(natively.path());
    let expected = lines(command);
    assert!(!expected.is_empty());

    let directory = TempDir::new().unwrap();
    let directory = directory.path().to_str().unwrap();
    let flags = flags(directory);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    assert_eq!(
        lines(run(&flags, "std-net", &[subject, directory])),
        expected
    );
}

/// It is on capsock:sockets alone: nothing of the C library's own sockets is left.
#[test]
fn a_program_that_is_linked_with_the_sdk_imports_nothing_of_wasi_sockets() {
    for (name, is_linked) in [("std-sdk", true), ("std", false)] {
        let mut inspect = capsock();
        inspect.arg("inspect").arg(guest(name));
        let told = lines(inspect).join("\n");
        assert_eq!(
            told.contains("capsock:sockets/socket@"),
            is_linked,
            "{told}"
        );
        assert_eq!(told.contains("wasi:sockets/"), !is_linked, "{told}");
    }
}

/// The arguments of the linker are those functions that the crate has, in the
/// crate and in its documentation.
#[test]
fn the_link_arguments_are_the_functions_of_the_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let mut functions = Vec::new();
    for entry in std::fs::read_dir(root.join("guest-sdk/std/src")).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let names = source.split("extern \"C\" fn __wrap_").skip(1);
        functions.extend(names.map(|rest| {
            let end = rest.find('(').unwrap();
            format!("--wrap={}", &rest[..end])
        }));
    }
    functions.sort();
    let line = functions.join(" ");
    assert_eq!(read("guest-sdk/std/link-args").trim(), line);
    assert!(read("docs/rust.md").contains(&format!("\"link-args={line}\"")));
}
