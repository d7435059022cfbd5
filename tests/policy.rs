//! Policy files, and asking what a policy allows, through the CLI.

use std::path::{Path, PathBuf};
use std::process::Output;

use capsock_tests::{capsock, guest, output, stderr};
use tempfile::TempDir;

fn capsock_output(args: &[&str]) -> Output {
    capsock().args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Files of one test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A text without the directory's name, which differs from run to run.
    fn stable(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

#[test]
fn a_guest_runs_under_a_policy_file_and_flags_together() {
    let files = Files::new();
    let listen = files.write("listen.toml", "allow.listen = ['tcp://127.0.0.1:*']");
    let connect = files.write("connect.toml", "[allow]\nconnect = [\"tcp://127.0.0.1:*\"]");
    let deny = files.write("deny.toml", "[deny]\nconnect = [\"tcp://*:*\"]");
    // A flag, a file and the other file say the same.
    for flags in [
        ["--policy", &listen, "--policy", &connect],
        ["--policy", &listen, "--allow-connect", "tcp://127.0.0.1:*"],
        ["--allow-listen", "tcp://127.0.0.1:*", "--policy", &connect],
    ] {
        let output = output(&flags, "misuse", &["errors"]);
        assert!(output.status.success(), "{flags:?}: {}", stderr(&output));
    }
    let flags = ["--policy", &listen, "--policy", &connect, "--policy", &deny];
    let output = output(&flags, "misuse", &["errors"]);
    assert!(!output.status.success());
    let told = stderr(&output);
    assert!(
        told.contains("the rule `deny connect tcp://*:*` forbids it"),
        "{told}"
    );
}

#[test]
fn a_file_that_cannot_be_used_is_told_before_the_guest_starts() {
    let files = Files::new();
    let unknown = files.write("p.toml", "[allow]\nconect = []\n");
    let missing = files.0.path().join("missing.toml");
    let binary = files.write("binary.toml", b"\xff\xfe");
    for (path, message) in [
        (
            unknown.as_str(),
            "p.toml:2:1: unknown operation `conect`; did you mean `connect`?",
        ),
        (missing.to_str().unwrap(), "missing.toml: No such file"),
        (&binary, "binary.toml: stream did not contain valid UTF-8"),
    ] {
        for command in [
            vec!["run", "--policy", path, "x.wasm"],
            vec!["policy", "explain", "--policy", path, "interfaces"],
        ] {
            let output = capsock_output(&command);
            let told = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert!(
                told.starts_with("capsock: ") && told.contains(message),
                "{told}"
            );
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }
}

#[test]
fn check_counts_rules_or_says_where_a_file_is_wrong() {
    let files = Files::new();
    let good = files.write(
        "good.toml",
        "[allow]\nconnect = [\"tcp://10.20.0.0/16:5432\", \"unix:/run/app/\"]\n[deny]\nconnect = [\"tcp://10.20.9.0/24:*\"]\n",
    );
    let one = files.write("one.toml", "allow.interfaces = ['*']");
    let empty = files.write("empty.toml", "");
    let output = capsock_output(&["policy", "check", &good, &one, &empty]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!(files.stable(&stdout(&output)), @"
    good.toml: 3 rules (2 allow, 1 deny)
    one.toml: 1 rule (1 allow, 0 deny)
    empty.toml: 0 rules (0 allow, 0 deny)
    ");

    let bad = files.write(
        "bad.toml",
        "[allow]\nconnect = [\n  \"tcp://10.0.0.1:80\",\n  \"tcp://10.0.0.1:70000\",\n]\n",
    );
    let table = files.write("table.toml", "[allows]\n");
    let output = capsock_output(&["policy", "check", &bad, &one, &table]);
    assert_eq!(output.status.code(), Some(2));
    // What is right is said all the same.
    assert_eq!(
        files.stable(&stdout(&output)),
        "one.toml: 1 rule (1 allow, 0 deny)\n"
    );
    insta::assert_snapshot!(files.stable(&stderr(&output)), @"
    bad.toml:4:19: invalid target `tcp://10.0.0.1:70000` of `connect`: expected a port from 1 to 65535, a range `N-M`, `ephemeral` or `*`
    table.toml:1:2: unknown table `allows`: did you mean `allow`?
    ");
    assert_eq!(capsock_output(&["policy", "check"]).status.code(), Some(2));
}

#[test]
fn explain_answers_by_text_and_exit_code() {
    let files = Files::new();
    let policy = files.write(
        "policy.toml",
        "[allow]\nconnect = [\"tcp://*:5432\"]\nlisten = [\"tcp://0.0.0.0:80 from=private\"]\n[deny]\nconnect = [\"tcp://9.9.9.9:*\"]\n",
    );
    let policy = ["--policy", policy.as_str()];
    let mut answers = String::new();
    for (code, flags, question) in [
        (0, &policy[..], "connect tcp://8.8.8.8:5432"),
        (1, &policy, "connect tcp://10.0.0.5:5432"),
        (
            0,
            &["--allow-connect", "tcp://10.0.0.0/8:5432"],
            "connect tcp://10.0.0.5:5432",
        ),
        (1, &policy, "connect tcp://9.9.9.9:5432"),
        (1, &policy, "connect tcp://[64:ff9b::a00:5]:5432"),
        (1, &policy, "connect tcp://0.0.0.0:5432"),
        (0, &policy, "listen tcp://0.0.0.0:80 from=10.0.0.1"),
        (1, &policy, "listen tcp://0.0.0.0:80 from=8.8.8.8"),
        (1, &[], "connect unix:/run/it's"),
        (1, &[], "connect unix:/run/$HOME/\\x2A.sock"),
        (
            0,
            &["--allow-connect", "tcp://*.example.com:443"],
            "connect tcp://api.example.com:443",
        ),
        (
            1,
            &["--allow-resolve", "*"],
            "connect tcp://api_1.example.com:443",
        ),
        (0, &["--allow-resolve", "*"], "resolve api_1.example.com"),
        (1, &[], "interfaces"),
        (0, &["--allow-interfaces"], "interfaces"),
    ] {
        let output = capsock_output(&[&["policy", "explain"], flags, &[question]].concat());
        assert_eq!(
            output.status.code(),
            Some(code),
            "{question}: {}",
            stderr(&output)
        );
        answers += &format!("? {question}\n{}", stdout(&output));
    }
    insta::assert_snapshot!(answers);
    // The words need no quotes.
    let words = ["policy", "explain", "resolve", "localhost"];
    assert_eq!(capsock_output(&words).status.code(), Some(0));
    // What a single label means is not for the rule to say.
    let words = [
        "policy",
        "explain",
        "--allow-resolve",
        "db",
        "resolve",
        "db",
    ];
    let answer = stdout(&capsock_output(&words));
    assert!(
        answer.contains("--dns-search: the rule is about `db`"),
        "{answer}"
    );
    let words = [
        "policy",
        "explain",
        "--allow-resolve",
        "*",
        "resolve",
        "db.example",
    ];
    let answer = stdout(&capsock_output(&words));
    assert!(!answer.contains("--dns-search"), "{answer}");
    for question in ["connect tcp://*:80", "fly tcp://10.0.0.5:80", "connect"] {
        let output = capsock_output(&["policy", "explain", question]);
        assert_eq!(output.status.code(), Some(2), "{question}");
        assert!(
            stderr(&output).contains(&format!("`{question}` at character")),
            "{}",
            stderr(&output)
        );
    }
}

/// As a shell takes it from what was printed.
#[test]
fn a_shell_takes_the_flag_that_is_advised() {
    for target in [
        "unix:/tmp/it's",
        "unix:/tmp/$HOME;ls",
        "unix:/tmp/a\\x20b\\x2A\\n\\\\",
        "unix:/tmp/`id`!\"",
        "unix-abstract:\\x2A\\0\u{fc}",
        "tcp://[::1]:80",
    ] {
        let question = format!("connect {target}");
        let advice = stdout(&capsock_output(&["policy", "explain", &question]));
        let (_, flag) = advice.split_once("to allow it: ").expect(&advice);
        let script = format!(
            "\"$CAPSOCK\" policy explain {} \"$QUESTION\"",
            flag.trim_end()
        );
        let mut shell = std::process::Command::new("sh");
        shell.env("CAPSOCK", capsock().get_program());
        let output = shell
            .env("QUESTION", &question)
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{script}: {}",
            stderr(&output)
        );
    }
}

/// The flag that `explain` gives is the one that the run needs.
#[test]
fn what_explain_advises_lets_the_guest_run() {
    let question = ["policy", "explain", "listen tcp://127.0.0.1:50007"];
    let advice = stdout(&capsock_output(&question));
    let denied = stderr(&output(&[], "echo-server", &[]));
    let flag = "to allow it: --allow-listen tcp://127.0.0.1:50007";
    assert!(advice.contains(flag), "{advice}");
    assert!(denied.contains(flag), "{denied}");
}

#[test]
fn inspect_names_what_a_component_needs() {
    let inspected = |path: &Path| {
        let output = capsock_output(&["inspect", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let names = inspected(&guest("names"));
    for (import, grant) in [
        ("capsock:sockets/names@0.1.0", "--allow-resolve"),
        ("capsock:sockets/socket@0.1.0", "--allow-connect"),
        ("wasi:cli/stdout@0.2", "no grant"),
        ("wasi:cli/run@0.2", "a command"),
    ] {
        let line = names.lines().find(|line| line.trim().starts_with(import));
        assert!(line.is_some_and(|line| line.contains(grant)), "{names}");
    }
    // Nothing is said to be missing of what runs.
    assert!(!names.contains("not "), "{names}");

    let files = Files::new();
    let component = |text: &str| files.write("x.wasm", wat::parse_str(text).unwrap());
    let path = component(
        r#"(component
            (import "wasi:sockets/tcp@0.2.6" (instance))
            (import "wasi:filesystem/preopens@0.2.6" (instance))
            (import "wasi:http/types@0.2.6" (instance))
            (import "wasi:http/outgoing-handler@0.2.6" (instance))
            (import "wasi:sockets/types@0.3.0" (instance))
            (import "wasi:sockets/types@0.4.0" (instance))
            (import "capsock:sockets/socket@0.9.0" (instance))
            (import "plain" (func))
            (component (import "inner:is/not@1.0.0" (instance))))"#,
    );
    insta::assert_snapshot!(inspected(&PathBuf::from(path)), @"
    imports:
      wasi:sockets/tcp@0.2.6            --allow-connect, --allow-listen, --allow-bind
      wasi:filesystem/preopens@0.2.6    --dir DIR:ro to read, --dir DIR to write too
      wasi:http/types@0.2.6             no grant
      wasi:http/outgoing-handler@0.2.6  --allow-http, or --allow-connect
      wasi:sockets/types@0.3.0          --allow-connect, --allow-listen, --allow-bind, --allow-send, --allow-recv
      wasi:sockets/types@0.4.0          not provided: `capsock run` cannot run it
      capsock:sockets/socket@0.9.0      not provided: `capsock run` cannot run it
      plain                             not provided: `capsock run` cannot run it
    exports: nothing
    it is no command: `capsock run` needs an export `wasi:cli/run`, and `capsock serve` one of `wasi:http/incoming-handler` or `wasi:http/handler`
    ");
}

#[test]
fn inspect_refuses_what_is_no_component_as_run_does() {
    let files = Files::new();
    for path in [
        files.write("core.wasm", wat::parse_str("(module)").unwrap()),
        files.write("text.wasm", "not wasm"),
        files.write("empty.wasm", ""),
        files
            .0
            .path()
            .join("missing.wasm")
            .to_str()
            .unwrap()
            .to_owned(),
    ] {
        let run = capsock_output(&["run", &path]);
        let inspect = capsock_output(&["inspect", &path]);
        assert_eq!(inspect.status.code(), Some(2), "{path}");
        assert_eq!(stderr(&inspect), stderr(&run));
    }
    let cut = files.write("cut.wasm", b"\0asm\x0d\0\x01\0\x07");
    let output = capsock_output(&["inspect", &cut]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("unexpected end"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn help_has_examples_and_exit_codes() {
    for command in [
        &["policy", "check", "--help"][..],
        &["policy", "explain", "--help"],
        &["inspect", "--help"],
    ] {
        let help = stdout(&capsock_output(command));
        assert!(help.contains("Example"), "{help}");
        assert!(help.contains("Exit codes:\n  0"), "{help}");
    }
}
