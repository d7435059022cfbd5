//! Files that the host trusts, and what it writes and prints: a guest decides
//! neither where, nor what a terminal does.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;

use capsock_tests::{capsock, guest, output, run, stderr};
use rstest::rstest;
use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, what: &str) {
    let told = stderr(output);
    assert_eq!(output.status.code(), Some(2), "{what}: {told}");
    assert!(told.contains(what), "{what}: {told}");
}

/// A directory `app` with what a run trusts, and links to it from outside.
fn trusted() -> TempDir {
    let root = TempDir::new().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir_all(at("app/inner")).unwrap();
    fs::create_dir(at("away")).unwrap();
    fs::write(at("app/inner/policy.toml"), "").unwrap();
    symlink(at("app"), at("alias")).unwrap();
    symlink("../app/inner/policy.toml", at("away/policy.toml")).unwrap();
    symlink(at("away"), at("app/out")).unwrap();
    root
}

#[rstest]
#[case("--policy", "app/inner/policy.toml")]
#[case("--policy", "alias/inner/policy.toml")]
#[case("--policy", "away/policy.toml")]
// The guest could make the link another one.
#[case("--audit", "app/out/audit")]
#[case("--audit", "app/audit")]
#[case("--record", "app/inner/record")]
#[case("--dir", "app/inner:ro")]
#[case("--inherit-listen", "a=unix:app/socket")]
#[case("--allow-connect", "unix:ROOT/app/inner/")]
#[case("--allow-listen", "unix:ROOT/alias/inner/socket")]
#[case("--allow-connect=unix:ROOT/ --deny-connect", "unix:ROOT/app/socket")]
fn what_the_host_trusts_is_not_where_a_guest_writes(#[case] flag: &str, #[case] value: &str) {
    let root = trusted();
    let value = value.replace("ROOT", text(root.path()));
    let flag = flag.replace("ROOT", text(root.path()));
    let mut flags: Vec<&str> = flag.split(' ').collect();
    flags.push(&value);
    let with = |dir: &str| {
        let flags = [&flags[..], &["--dir", dir]].concat();
        let mut run = run(&flags, "command", &["exit", "0"]);
        let output = run.current_dir(root.path()).output().unwrap();
        _ = fs::remove_file(root.path().join("app/socket"));
        output
    };
    for dir in ["app", "alias::/data", "."] {
        assert_refused(&with(dir), "where the guest may write");
        assert_refused(
            &with(dir),
            &format!("--dir {}", dir.split(':').next().unwrap()),
        );
    }
    assert!(fs::read_dir(root.path().join("away")).unwrap().count() == 1);
    for dir in ["app:ro", "alias::/data:ro"] {
        let output = with(dir);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

/// The guest's own files, and sockets beside them, are where they were.
#[test]
fn a_directory_of_sockets_may_be_the_guests() {
    let root = trusted();
    let app = root.path().join("app");
    let grant = format!("unix:{}/", app.display());
    let given = ["--dir", text(&app), "--allow-connect", &grant];
    let output = output(&given, "command", &["exit", "0"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // Where one is granted, the guest could give its name to another one.
    let grant = format!("unix:{}/s", app.display());
    let given = ["--dir", text(&app), "--allow-connect", &grant];
    assert_refused(
        &self::output(&given, "command", &["exit", "0"]),
        "the directory of a rule",
    );
}

#[test]
fn neither_the_cache_nor_the_process_is_given_to_a_guest() {
    let root = TempDir::new().unwrap();
    let with = |dir: &str| {
        let mut run = run(&["--no-cache", "--dir", dir], "command", &["exit", "0"]);
        run.env("XDG_CACHE_HOME", root.path().join("cache"));
        run.output().unwrap()
    };
    fs::create_dir_all(root.path().join("cache/capsock")).unwrap();
    assert_refused(&with(text(root.path())), "the cache of native code");
    assert_refused(&with(text(&root.path().join("cache/capsock"))), "the cache");
    assert_refused(&with("/etc"), "what names are looked up by");
    // By whatever name, and only to read it too.
    for dir in ["/proc", "/proc/self/task::/j", "/proc/self:ro", "/:ro"] {
        assert_refused(&with(dir), "this process's own memory");
    }
    let program = capsock().get_program().to_owned();
    let program = Path::new(&program).canonicalize().unwrap();
    assert_refused(&with(text(program.parent().unwrap())), "this program");
}

#[test]
fn a_directory_that_is_only_to_be_read_is_not_changed() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    fs::write(one.path().join("file"), "content").unwrap();
    symlink("file", one.path().join("link")).unwrap();
    let given = format!("{}::/data:ro", one.path().display());
    for landlock in ["--verbose", "--no-landlock"] {
        let read = output(&[landlock, "--dir", &given], "command", &["describe"]);
        let read = String::from_utf8(read.stdout).unwrap();
        assert!(read.contains("file \"content\""), "{read}");
        let dirs = [("/one", &one), ("/other", &other)]
            .map(|(guest, dir)| format!("--dir={}::{guest}:ro", dir.path().display()));
        let tried = output(
            &[landlock, &dirs[0], &dirs[1]],
            "files",
            &["/one", "/other"],
        );
        let tried = String::from_utf8(tried.stdout).unwrap();
        let changes = ["mkdir", "write", "truncate", "rename", "unlink"];
        for line in tried.lines() {
            let is_change = changes.iter().any(|change| line.starts_with(change));
            assert!(!is_change || !line.ends_with("ok"), "{line}");
        }
        assert!(tried.contains("mkdir"), "{tried}");
    }
    assert_eq!(fs::read(one.path().join("file")).unwrap(), b"content");
    assert_eq!(fs::read_dir(one.path()).unwrap().count(), 2);
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
}

#[rstest]
fn what_is_written_follows_no_link(#[values("--audit", "--record")] flag: &str) {
    let root = TempDir::new().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("profile"), "echo hello\n").unwrap();
    symlink(at("profile"), at("link")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    for link in ["link", "dangling"] {
        let told = output(&[flag, text(&at(link))], "command", &["exit", "0"]);
        assert_refused(&told, "it is a symbolic link, which is not followed");
        assert_refused(&told, flag);
    }
    assert_eq!(fs::read(at("profile")).unwrap(), b"echo hello\n");
    assert!(!at("nothing").exists());
    // The user's alone.
    let told = output(&[flag, text(&at("new"))], "command", &["exit", "0"]);
    assert_eq!(told.status.code(), Some(0), "{}", stderr(&told));
    let mode = fs::metadata(at("new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// As a shell's `>(…)` gives them.
#[test]
fn a_descriptor_may_be_named() {
    let told = output(&["--audit", "/dev/stdout"], "echo-server", &[]);
    let line = String::from_utf8(told.stdout).unwrap();
    assert!(line.contains(r#""verdict":"deny""#), "{line}");
}

/// The rest is in the attack table.
#[test]
fn an_audit_that_cannot_be_written_ends_in_its_exit_code() {
    let told = output(
        &["--audit", "/dev/full", "--record", "/dev/null"],
        "echo-server",
        &[],
    );
    let lines = stderr(&told);
    assert_eq!(told.status.code(), Some(125), "{lines}");
    let said = lines
        .lines()
        .filter(|line| line.contains("--audit /dev/full: No space left"));
    assert_eq!(said.count(), 1, "{lines}");
    assert!(lines.contains("EACCES"), "{lines}");
}

#[test]
fn a_line_that_was_cut_spoils_no_other() {
    let root = TempDir::new().unwrap();
    let path = root.path().join("audit");
    fs::write(&path, "{\"time\":\"2026").unwrap();
    output(&["--audit", text(&path)], "echo-server", &[]);
    let audit = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = audit.lines().collect();
    assert_eq!(lines[0], "{\"time\":\"2026");
    assert!(
        lines[1].starts_with('{') && lines[1].ends_with('}'),
        "{audit}"
    );
}

#[test]
fn a_cache_that_others_may_write_to_is_not_used() {
    let root = TempDir::new().unwrap();
    let at = |name: &str| root.path().join(name);
    let run_with = |cache: &str| {
        let mut run = run(&[], "command", &["exit", "0"]);
        let output = run.env("XDG_CACHE_HOME", at(cache)).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stderr(&output)
    };
    for directory in ["stranger", "linked", "open/capsock", "own"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    symlink(at("stranger"), at("linked/capsock")).unwrap();
    assert!(run_with("linked").contains("is not used: it is no directory, or a symbolic link"));
    assert_eq!(fs::read_dir(at("stranger")).unwrap().count(), 0);
    fs::set_permissions(at("open/capsock"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(run_with("open").contains("others may write to it"));
    assert_eq!(fs::read_dir(at("open/capsock")).unwrap().count(), 0);
    // What is there is used, and what cannot be used is made anew.
    assert_eq!(run_with("own"), "");
    let kept = || {
        let files = fs::read_dir(at("own/capsock")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let code = |file: &PathBuf| file.extension().is_some_and(|kind| kind == "cwasm");
        let files: Vec<PathBuf> = files.filter(code).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    };
    let first = kept();
    let length = first.metadata().unwrap().len();
    fs::write(&first, "no native code").unwrap();
    assert_eq!(run_with("own"), "");
    assert_eq!(kept(), first);
    assert_eq!(first.metadata().unwrap().len(), length);
}

/// Texts of 7 MB, and 5,000 addresses.
#[test]
fn denials_are_bounded_where_they_are_told() {
    let root = TempDir::new().unwrap();
    let audit = root.path().join("audit");
    let told = output(&["--audit", text(&audit)], "flood", &[]);
    let lines = stderr(&told);
    assert_eq!(told.status.code(), Some(0), "{lines}");
    assert!(lines.len() < 64 << 10, "{} bytes", lines.len());
    let last = lines.lines().last().unwrap();
    assert!(last.contains("further denials were left out"), "{last}");
    // Which has every decision.
    let audit = fs::read_to_string(&audit).unwrap();
    assert!(audit.lines().count() >= 5000);
    assert!(audit.lines().all(|line| line.len() < 16 << 10));
}

/// Clears a terminal, with a control character of eight bits too, and turns the
/// direction of writing.
const HOSTILE: &str = "\u{1b}[2J\u{9b}2Jx\u{202e}y\u{2066}";

#[track_caller]
fn assert_harmless(output: &Output) {
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(output);
    let acts = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{2069}').contains(&c);
    assert!(!told.contains(acts), "{told:?}");
    assert!(told.contains(r"\u{9b}2J"), "{told:?}");
    assert!(told.contains(r"\u{202e}"), "{told:?}");
}

#[test]
fn nothing_that_others_named_acts_on_a_terminal() {
    let root = TempDir::new().unwrap();
    let component = |name: &str, text: &str| {
        let path = root.path().join(name);
        let hostile: String = HOSTILE
            .bytes()
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        let component = wat::parse_str(text.replace("HOSTILE", &hostile)).unwrap();
        fs::write(&path, component).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let named = format!("{HOSTILE}.wasm");
    let import = component("import.wasm", r#"(component (import "HOSTILE" (func)))"#);
    let url = component(
        "url.wasm",
        r#"(component (import "url=<https://a.example/HOSTILE>" (component)))"#,
    );
    let trap = component("trap.wasm", TRAP);
    let command = guest("command");
    let attack = guest("attack");
    let path = format!("/tmp/{HOSTILE}");
    let policy = root.path().join("policy.toml");
    fs::write(
        &policy,
        format!("[allow]\nconnect = ['{}']", HOSTILE.replace('\u{1b}', "")),
    )
    .unwrap();
    for arguments in [
        &["inspect", &named][..],
        &["inspect", &import],
        &["inspect", &url],
        &["run", &named],
        &["run", &import],
        &["run", &trap],
        &[
            "run",
            "--audit",
            &format!("/none/{HOSTILE}"),
            text(&command),
            "exit",
            "0",
        ],
        &["run", "--dir", HOSTILE, text(&command), "exit", "0"],
        &["run", "--env", HOSTILE, text(&command), "exit", "0"],
        &["run", "--limit", HOSTILE, text(&command), "exit", "0"],
        &[
            "run",
            "--allow-connect",
            HOSTILE,
            text(&command),
            "exit",
            "0",
        ],
        &["run", "--policy", HOSTILE, text(&command), "exit", "0"],
        &["run", &format!("--{HOSTILE}"), text(&command)],
        &["policy", "check", HOSTILE],
        &["policy", "explain", HOSTILE],
        &["run", "--record", HOSTILE, text(&command), "exit", "0"],
    ] {
        let mut command = capsock();
        command.args(arguments).current_dir(root.path());
        assert_harmless(&command.output().unwrap());
    }
    // A policy file is quoted too; TOML has no escape character.
    let checked = capsock()
        .args(["policy", "check", text(&policy)])
        .output()
        .unwrap();
    assert!(!stderr(&checked).contains(['\u{9b}', '\u{202e}']));
    // What the guest tries; its own output is its own.
    for flags in [
        &[][..],
        &["--trace"],
        &["--allow-connect", "unix:/tmp/none/"],
    ] {
        let mut command = capsock();
        command
            .arg("run")
            .args(flags)
            .arg(&attack)
            .args(["connect-unix", &path]);
        command.env("CAPSOCK_LOG", "trace");
        let told = stderr(&command.output().unwrap());
        assert!(told.contains("denied"), "{told}");
        assert!(!told.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{told:?}");
    }
}

/// A command whose function has a name.
const TRAP: &str = r#"
    (component
        (core module $main
            (func (@name "HOSTILE") (export "run") (result i32) unreachable))
        (core instance $main (instantiate $main))
        (func $run (result (result)) (canon lift (core func $main "run")))
        (instance $command (export "run" (func $run)))
        (export "wasi:cli/run@0.2.12" (instance $command)))
"#;
