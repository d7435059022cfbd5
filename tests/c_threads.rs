//! Threads of the C SDK, as far as they are not as on Linux: how a program ends
//! whose threads cannot go on, and what is linked. What is as on Linux is in
//! `c.rs`, and what could harm the host in the attack table.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use capsock_tests::c::{built, has_exceptions, is_built, wait_for_listener};
use capsock_tests::{capsock, output, patiently, start, stderr, target};
use rstest::rstest;
use tempfile::TempDir;

/// What a run prints on standard error, with addresses as they are in every build.
fn told(what: &str) -> Option<(Output, String)> {
    if !is_built(&built("guests/c-stuck.wasm")) {
        return None;
    }
    let output = output(&[], "c-stuck", &[what]);
    let told = stderr(&output);
    let words: Vec<String> = told
        .split(' ')
        .map(|word| match word.strip_prefix("0x") {
            Some(digits) => {
                let rest = digits.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
                format!("0xADDRESS{rest}")
            }
            None => word.to_owned(),
        })
        .collect();
    Some((output, words.join(" ")))
}

#[test]
fn threads_that_all_wait_for_each_other_are_told() {
    let Some((output, told)) = told("deadlock") else {
        return;
    };
    // WASI's exit says no more.
    assert_eq!(output.status.code(), Some(128 + 6));
    assert_eq!(output.stdout, b"begun\n");
    insta::assert_snapshot!(told, @r"
    deadlock: every thread waits for another one
      the main thread waits for the end of thread 2
      thread 2 waits for the mutex at 0xADDRESS, which thread 3 (backwards) has
      thread 3 (backwards) waits for the mutex at 0xADDRESS, which thread 2 has
      thread 4 waits for the condition variable at 0xADDRESS
      thread 5 waits for the semaphore at 0xADDRESS
    ");
}

#[test]
fn a_thread_that_waits_for_itself_is_told() {
    let Some((output, told)) = told("alone") else {
        return;
    };
    assert_eq!(output.status.code(), Some(128 + 6));
    insta::assert_snapshot!(told, @r"
    deadlock: every thread waits for another one
      the main thread waits for the mutex at 0xADDRESS, which itself has
    ");
}

/// What is left to be written is written.
#[test]
fn a_thread_that_waits_for_a_stream_is_told() {
    let Some((output, told)) = told("stream") else {
        return;
    };
    assert_eq!(output.status.code(), Some(128 + 6));
    assert_eq!(output.stdout, b"begun\n");
    insta::assert_snapshot!(told, @r"
    deadlock: every thread waits for another one
      the main thread waits for the lock of a FILE at 0xADDRESS, which thread 2 has
      thread 2 waits for the mutex at 0xADDRESS, which the main thread has
    ");
}

/// exit(3) writes what another thread is writing neither twice nor in between, and
/// waits for no thread that reads, or has but locked a stream.
#[rstest]
#[case::writing("writing")]
#[case::reading("reading")]
#[case::locked("locked")]
fn a_program_ends_while_a_thread_has_a_stream(#[case] what: &str) {
    let guest = built("guests/c-ends.wasm");
    if !is_built(&guest) {
        return;
    }
    let mut command = capsock();
    command.arg("run").arg(guest).arg(what);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let standard_input = child.stdin.take();
    let output = patiently(move || child.wait_with_output().unwrap());
    drop(standard_input);
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    if what == "writing" {
        let lines: Vec<&str> = printed.split_inclusive('\n').collect();
        assert!(lines.len() > 1, "{printed}");
        for (number, line) in lines.iter().enumerate() {
            let expected = format!("{number:05} {number:0100}\n");
            let is_last = number + 1 == lines.len();
            assert!(
                expected == *line || is_last && expected.starts_with(line),
                "{line} is not {expected}"
            );
        }
    } else {
        assert_eq!(printed, "left");
    }
}

#[test]
fn a_thread_that_overflows_its_stack_is_ended_before_it_writes_elsewhere() {
    let Some((output, told)) = told("overflow") else {
        return;
    };
    if !has_exceptions() {
        return;
    }
    assert_eq!(output.status.code(), Some(134), "{told}");
    assert_eq!(output.stdout, b"begun\ndeep enough\n");
    let first = told.lines().next();
    assert_eq!(
        first,
        Some("a thread has overflowed its stack: pthread_attr_setstacksize sets its size")
    );
}

#[test]
fn a_program_that_makes_more_threads_than_it_asked_for_is_told_the_limit() {
    if !is_built(&built("guests/c-attack-threads.wasm")) {
        return;
    }
    let flags = ["--limit", "threads=20"];
    let told = stderr(&output(&flags, "c-attack-threads", &["threads-flood-raw"]));
    assert!(told.contains("--limit threads=20"), "{told}");
}

const LOCAL: &str = "#include <stdint.h>\n\
    static _Thread_local int own = 7;\n\
    int take_own(void) { return own++; }\n";
const WITH_THREADS: &str = "#include <pthread.h>\n#include <stdio.h>\n\
    int take_own(void);\n\
    static void *run(void *none) { take_own(); take_own(); return none; }\n\
    int main(void) {\n\
        pthread_t made;\n\
        pthread_create(&made, NULL, run, NULL);\n\
        pthread_join(made, NULL);\n\
        printf(\"%d\\n\", take_own());\n\
    }\n";
const WITHOUT: &str = "#include <stdio.h>\nint take_own(void);\n\
    int main(void) { take_own(); printf(\"%d\\n\", take_own()); }\n";

/// What of two files makes a program, of which `local.o` has a `_Thread_local`.
fn link(directory: &Path, compiler: &[&str], main: &str) -> Output {
    std::fs::write(directory.join("local.c"), LOCAL).unwrap();
    std::fs::write(directory.join("main.c"), main).unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(directory);
        patiently(move || command.output().unwrap())
    };
    let compiled = run(&[compiler, &["-O2", "-c", "local.c", "-o", "local.o"]].concat());
    assert!(compiled.status.success(), "{}", stderr(&compiled));
    let archived = run(&["ar", "rc", "liblocal.a", "local.o"]);
    assert!(archived.status.success(), "{}", stderr(&archived));
    let cc = built("c-sdk/bin/capsock-cc");
    let link = ["-O2", "main.c", "-L.", "-llocal", "-o", "program.wasm"];
    run(&[&[cc.to_str().unwrap()], &link[..]].concat())
}

/// The clang that the SDK was built with, as a compiler of its own.
fn clang() -> String {
    let built_with = std::fs::read_to_string(built("c-sdk/lib/built-with")).unwrap();
    let line = built_with
        .lines()
        .find_map(|line| line.strip_prefix("clang="));
    line.unwrap().to_owned()
}

fn imports_threads(component: &Path) -> bool {
    let bytes = std::fs::read(component).unwrap();
    bytes.windows(10).any(|window| window == b"thread-new")
}

#[test]
fn each_thread_has_its_own_thread_local_storage_or_the_program_is_not_linked() {
    if !is_built(&built("c-sdk/bin/capsock-cc")) {
        return;
    }
    let directory = TempDir::new().unwrap();
    let directory = directory.path();
    let program = directory.join("program.wasm");
    let printed = || {
        let mut command = capsock();
        command.arg("run").arg(&program);
        let output = patiently(move || command.output().unwrap());
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let cc = built("c-sdk/bin/capsock-cc");
    let ours = [cc.to_str().unwrap()];
    let clang = clang();
    let other = [&*clang, "--target=wasm32-wasi", "-ffreestanding"];

    let linked = link(directory, &ours, WITH_THREADS);
    assert!(linked.status.success(), "{}", stderr(&linked));
    assert_eq!(printed(), "7\n");
    let linked = link(directory, &other, WITH_THREADS);
    assert!(!linked.status.success());
    let told = stderr(&linked);
    assert!(
        told.contains("liblocal.a(local.o) was not compiled by capsock-cc"),
        "{told}"
    );
    assert!(!program.exists());
    // One thread has all there is.
    let linked = link(directory, &other, WITHOUT);
    assert!(linked.status.success(), "{}", stderr(&linked));
    assert_eq!(printed(), "8\n");
    assert!(!imports_threads(&program));
}

/// A program that makes none needs no host that has them.
#[test]
fn only_a_program_that_makes_threads_imports_them() {
    let [with, without] =
        ["c-stuck", "c-echo-server"].map(|name| built(&format!("guests/{name}.wasm")));
    if !is_built(&with) {
        return;
    }
    assert!(imports_threads(&with));
    assert!(!imports_threads(&without));
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn the_server_with_a_thread_for_each_client_serves_them_all_at_once(#[case] host: &str) {
    if !is_built(&built("guests/c-threaded-server.wasm")) {
        return;
    }
    let port = TcpListener::bind((host, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let grant = target("tcp", host, port);
    let number = port.to_string();
    let _server = start(
        &["--allow-listen", &grant],
        "c-threaded-server",
        &[host, &number],
    );
    wait_for_listener(&number);
    let mut clients: Vec<_> = (0..30)
        .map(|_client| {
            let stream = TcpStream::connect((host, port)).unwrap();
            stream
                .set_read_timeout(Some(capsock_tests::PATIENCE))
                .unwrap();
            BufReader::new(stream)
        })
        .collect();
    // Whoever is heard by the first one is known to the server, and hears the next.
    let mut line = String::new();
    for speaker in (0..clients.len()).rev() {
        let said = format!("line of {speaker}\n");
        loop {
            clients[speaker]
                .get_mut()
                .write_all(said.as_bytes())
                .unwrap();
            let listener = usize::from(speaker == 0);
            line.clear();
            clients[listener].read_line(&mut line).unwrap();
            if line.ends_with(&format!(": {said}")) {
                break;
            }
        }
    }
    for client in &mut clients[2..] {
        line.clear();
        client.read_line(&mut line).unwrap();
        assert!(line.contains(": line of "), "{line}");
    }
}
