//! Programs with their grants sealed in, on a host of WASI that grants everything and
//! knows nothing of capsock, and under `capsock run`.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use capsock_tests::{Namespace, Running, capsock, guest, stderr};
use rstest::rstest;
use tempfile::TempDir;

struct Sealed {
    /// Where it is, as long as this lives.
    _directory: TempDir,
    path: PathBuf,
}

/// `capsock seal FLAGS PROGRAM -o FILE`
fn command(directory: &Path, flags: &[&str], program: &Path) -> (Command, PathBuf) {
    let path = directory.join("sealed.wasm");
    let mut seal = capsock();
    seal.arg("seal")
        .args(flags)
        .arg(program)
        .arg("-o")
        .arg(&path);
    (seal, path)
}

#[track_caller]
fn seal(flags: &[&str], program: &Path) -> Sealed {
    let directory = tempfile::tempdir().unwrap();
    let (mut command, path) = command(directory.path(), flags, program);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    Sealed {
        _directory: directory,
        path,
    }
}

impl Sealed {
    /// On the host of WASI.
    fn on_wasi(&self, args: &[&str]) -> Output {
        self.host(args).output().unwrap()
    }

    fn host(&self, args: &[&str]) -> Command {
        let mut host = Command::new(env!("CARGO_BIN_EXE_capsock-test-wasi"));
        host.arg(&self.path).args(args).stdin(Stdio::null());
        host
    }

    fn on_capsock(&self, grants: &[&str], args: &[&str]) -> Output {
        let mut run = capsock();
        run.arg("run").args(grants).arg(&self.path).args(args);
        run.stdin(Stdio::null()).output().unwrap()
    }

    fn inspect(&self) -> Output {
        capsock().arg("inspect").arg(&self.path).output().unwrap()
    }
}

fn printed(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap().trim_end()
}

/// A port where somebody listens, and who.
fn listener(host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

#[rstest]
#[case("127.0.0.1", "127.0.0.1")]
#[case("::1", "[::1]")]
fn what_is_sealed_in_is_allowed_and_nothing_else(
    #[case] host: &str,
    #[case] shown: &str,
    #[values("attack-std", "sockets_p3")] program: &str,
) {
    let (granted, port) = listener(host);
    let (_other, other) = listener(host);
    let grant = format!("tcp://{shown}:{port}");
    let sealed = seal(&["--allow-connect", &grant], &guest(program));

    let output = sealed.on_wasi(&["connect", "tcp", host, &port]);
    assert_eq!(printed(&output), "ok", "{}", stderr(&output));
    let mut received = Vec::new();
    granted
        .accept()
        .unwrap()
        .0
        .read_to_end(&mut received)
        .unwrap();
    assert_eq!(received, b"x");

    let output = sealed.on_wasi(&["connect", "tcp", host, &other]);
    assert_eq!(printed(&output), "EACCES");
    let target = format!("tcp://{shown}:{other}");
    assert_eq!(
        stderr(&output),
        format!(
            "capsock seal: denied connect {target}: no rule allows it; to allow it: \
             --allow-connect {}\n",
            shlex::try_quote(&target).unwrap()
        )
    );
}

#[rstest]
#[case("127.0.0.1", "127.0.0.1")]
#[case("::1", "[::1]")]
fn datagrams_pass_to_whom_the_rules_allow(
    #[case] host: &str,
    #[case] shown: &str,
    #[values("attack-std", "sockets_p3")] program: &str,
) {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let grant = format!("udp://{shown}:{port}");
    let sealed = seal(&["--allow-send", &grant], &guest(program));
    let output = sealed.on_wasi(&["send", host, &port]);
    assert_eq!(printed(&output), "ok", "{}", stderr(&output));
    let mut received = [0; 9];
    let (length, _sender) = socket.recv_from(&mut received).unwrap();
    assert_eq!(&received[..length], b"x");
    let output = sealed.on_wasi(&["send", host, "9"]);
    assert_eq!(printed(&output), "EACCES");
}

/// `capsock run` has the seal's rules and its own.
#[rstest]
fn under_capsock_both_policies_have_to_allow_it(
    #[values("attack-std", "sockets_p3")] program: &str,
) {
    let (_one, one) = listener("127.0.0.1");
    let (_other, other) = listener("127.0.0.1");
    let grant = |port: &str| format!("tcp://127.0.0.1:{port}");
    let sealed = seal(&["--allow-connect", &grant(&one)], &guest(program));
    let both = format!("tcp://127.0.0.1:{one},{other}");
    let connect = |grants: &[&str], port: &str| {
        sealed.on_capsock(grants, &["connect", "tcp", "127.0.0.1", port])
    };
    assert_eq!(printed(&connect(&["--allow-connect", &both], &one)), "ok");

    let output = connect(&["--allow-connect", &both], &other);
    assert_eq!(printed(&output), "EACCES");
    assert_eq!(
        stderr(&output),
        format!(
            "capsock: denied connect tcp://127.0.0.1:{other}: the component is sealed: no rule \
             of its seal allows it\n"
        )
    );

    let output = connect(&[], &one);
    assert_eq!(printed(&output), "EACCES");
    assert!(stderr(&output).ends_with(&format!("--allow-connect tcp://127.0.0.1:{one}\n")));
}

/// The firewall asks the host's sockets which addresses are the machine's own, and the
/// guest may have left it none.
#[rstest]
#[case("9.9.9.8", "tcp://*:80")]
#[case("2620:fe::fe", "tcp://*:80")]
fn addresses_of_the_machine_are_its_own_whatever_the_guest_has_used_up(
    #[case] own: &str,
    #[case] grant: &str,
) {
    let setup = format!(
        "ip addr add {own} dev lo\necho 40000 40063 > /proc/sys/net/ipv4/ip_local_port_range"
    );
    let Some(namespace) = Namespace::new(&setup) else {
        return;
    };
    let sealed = seal(&["--allow-connect", grant], &guest("attack-std"));
    for case in [&["connect", "tcp"][..], &["connect-without-ports"]] {
        let args = [case, &[own, "80"]].concat();
        let mut host = namespace.enter(&sealed.host(&args));
        let output = host.stdin(Stdio::null()).output().unwrap();
        assert_eq!(printed(&output), "EACCES", "{case:?}: {}", stderr(&output));
    }
}

/// What is recorded is what the seal allows.
#[test]
fn a_recording_stays_within_the_seal() {
    let (_one, one) = listener("127.0.0.1");
    let (_other, other) = listener("127.0.0.1");
    let allowed = format!("tcp://127.0.0.1:{one}");
    let sealed = seal(&["--allow-connect", &allowed], &guest("attack-std"));
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("policy.toml");
    let connect = |port: &str| {
        let flags = ["--record", record.to_str().unwrap()];
        let output = sealed.on_capsock(&flags, &["connect", "tcp", "127.0.0.1", port]);
        let policy = std::fs::read_to_string(&record).unwrap();
        (output, policy)
    };
    let (output, policy) = connect(&one);
    assert_eq!(printed(&output), "ok");
    assert!(policy.contains(&allowed), "{policy}");

    let (output, policy) = connect(&other);
    assert_eq!(printed(&output), "EACCES");
    let told = stderr(&output);
    let line = format!("{other}: the component is sealed: no rule of its seal allows it\n");
    assert!(told.ends_with(&line), "{told}");
    assert!(!policy.contains(&other), "{policy}");
}

#[rstest]
fn of_two_seals_both_have_to_allow_it(#[values("attack-std", "sockets_p3")] program: &str) {
    let (_one, one) = listener("127.0.0.1");
    let (_both, both) = listener("127.0.0.1");
    let grant = |ports: &str| format!("tcp://127.0.0.1:{ports}");
    let inner = seal(&["--allow-connect", &grant(&both)], &guest(program));
    let wide = grant(&format!("{one},{both}"));
    let outer = seal(&["--allow-connect", &wide], &inner.path);
    let all = ["--allow-connect", "tcp://127.0.0.1:*"];
    for (port, expected) in [(&one, "EACCES"), (&both, "ok")] {
        let args = ["connect", "tcp", "127.0.0.1", port];
        assert_eq!(printed(&outer.on_wasi(&args)), expected);
        assert_eq!(printed(&outer.on_capsock(&all, &args)), expected);
    }
    // The other way round.
    let inner = seal(&["--allow-connect", &wide], &guest(program));
    let outer = seal(&["--allow-connect", &grant(&both)], &inner.path);
    for (port, expected) in [(&one, "EACCES"), (&both, "ok")] {
        let args = ["connect", "tcp", "127.0.0.1", port];
        assert_eq!(printed(&outer.on_wasi(&args)), expected);
        assert_eq!(printed(&outer.on_capsock(&all, &args)), expected);
    }
    let inspected = outer.inspect();
    let text = printed(&inspected);
    let (first, second) = (grant(&both), wide);
    assert!(
        text.find(&first).unwrap() < text.find(&second).unwrap(),
        "{text}"
    );
}

#[test]
fn inspect_shows_what_is_sealed_in() {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.toml");
    let text = "[allow]\nconnect = [\"tcp://10.20.0.0/16:5432\"]\nresolve = [\"*.example.com\"]\n\
                [deny]\nconnect = [\"tcp://10.20.9.0/24:*\"]\n[limits]\nsockets = 7\n";
    std::fs::write(&policy, text).unwrap();
    let (mut seal, path) = command(
        directory.path(),
        &["--policy", policy.to_str().unwrap()],
        &guest("attack-std"),
    );
    let output = seal.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        printed(&output).starts_with(&format!("{}: 3 rules (2 allow, 1 deny); ", path.display())),
        "{}",
        printed(&output)
    );
    assert_eq!(
        stderr(&output),
        "capsock: the limits of the policy are not sealed in: the host that runs it has its own\n"
    );
    let inspected = capsock().arg("inspect").arg(&path).output().unwrap();
    let (_imports, sealed) = printed(&inspected).split_once("sealed with").unwrap();
    insta::assert_snapshot!(sealed, @r"
     3 rules (2 allow, 1 deny), by the firewall component:
      allow connect tcp://10.20.0.0/16:5432
      allow resolve *.example.com
      deny connect tcp://10.20.9.0/24:*
    ");
}

/// A seal that was changed is told by `inspect`, which fails; the component runs as it
/// is, within the command line's grants.
/// What is inside may say of itself what it likes.
#[test]
fn inspect_tells_the_seals_around_a_program_that_lies() {
    let mut program = std::fs::read(guest("attack-std")).unwrap();
    // A custom section: its length, its name and what it says.
    program.extend(b"\0\x0f\x0ccapsock-seal??");
    let directory = tempfile::tempdir().unwrap();
    let liar = directory.path().join("liar.wasm");
    std::fs::write(&liar, program).unwrap();
    let inspected = capsock().arg("inspect").arg(&liar).output().unwrap();
    assert_eq!(inspected.status.code(), Some(2));
    let sealed = seal(&["--allow-connect", "tcp://192.0.2.1:1"], &liar);
    let inspected = sealed.inspect();
    assert!(inspected.status.success(), "{}", stderr(&inspected));
    let text = printed(&inspected);
    assert!(text.contains("allow connect tcp://192.0.2.1:1\n"), "{text}");
    assert!(
        text.contains("the program inside, which is sealed by the above: it says"),
        "{text}"
    );
}

/// The file is there as a whole or as it was, with its mode, and by its links.
#[test]
fn what_was_there_is_written_over_and_nothing_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    std::fs::write(file("kept"), "precious").unwrap();
    std::fs::set_permissions(file("kept"), Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("kept", file("link")).unwrap();
    std::os::unix::fs::symlink("elsewhere", file("link.unfinished")).unwrap();
    let grant = ["--allow-connect", "tcp://192.0.2.1:1"];
    let program = guest("attack-std");
    let seal_to = |output: &Path| {
        let mut seal = capsock();
        seal.arg("seal").args(grant).arg(&program);
        seal.arg("-o").arg(output);
        seal
    };
    let write = |output: &Path| seal_to(output).output().unwrap();
    assert!(write(&file("link")).status.success());
    let there: BTreeSet<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        there,
        ["kept", "link", "link.unfinished"].map(String::from).into()
    );
    let sealed = std::fs::read(file("kept")).unwrap();
    assert!(sealed.starts_with(b"\0asm"));
    assert_eq!(
        std::fs::metadata(file("kept")).unwrap().mode() & 0o777,
        0o600
    );
    assert!(
        std::fs::symlink_metadata(file("link"))
            .unwrap()
            .is_symlink()
    );

    let stdout = std::fs::File::create(file("redirected")).unwrap();
    let status = seal_to(Path::new("/dev/stdout")).stdout(stdout).status();
    assert!(status.unwrap().success());
    assert_eq!(std::fs::read(file("redirected")).unwrap(), sealed);
    assert!(
        std::fs::symlink_metadata("/dev/stdout")
            .unwrap()
            .is_symlink()
    );

    let output = write(Path::new("-"));
    assert!(output.stdout == sealed, "{}", stderr(&output));
    assert!(stderr(&output).contains("capsock: -: 1 rule (1 allow, 0 deny); "));

    let policy = file("policy.toml");
    std::fs::write(&policy, "").unwrap();
    let output = seal_to(&policy).arg("--policy").arg(&policy).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("this is the policy"),
        "{}",
        stderr(&output)
    );
    assert_eq!(std::fs::read(&policy).unwrap(), b"");
}

/// Each is composed anew, so there is an end.
#[test]
fn inspect_does_not_look_at_seals_without_end() {
    const SEALS: usize = 17;
    let mut sealed = seal(
        &["--allow-connect", "tcp://192.0.2.1:1"],
        &guest("attack-std"),
    );
    for _seal in 1..SEALS {
        sealed = seal(&["--allow-connect", "tcp://192.0.2.1:1"], &sealed.path);
    }
    let inspected = sealed.inspect();
    let text = printed(&inspected);
    assert_eq!(text.matches("sealed with 1 rule").count(), SEALS - 1);
    assert!(
        text.ends_with("\nfurther seals, which are not looked at"),
        "{text}"
    );
}

#[test]
fn a_seal_that_was_changed_is_told() {
    let (_listener, port) = listener("127.0.0.1");
    let grant = format!("tcp://127.0.0.1:{port}");
    let sealed = seal(&["--allow-connect", &grant], &guest("attack-std"));
    let mut bytes = std::fs::read(&sealed.path).unwrap();
    let sought = b"allow connect tcp://127.0.0.1:";
    let place = bytes
        .windows(sought.len())
        .position(|window| window == sought)
        .unwrap();
    bytes[place + sought.len() - 2] = b'2';
    std::fs::write(&sealed.path, bytes).unwrap();
    let output = sealed.inspect();
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(
        told.ends_with(
            "sealed.wasm: it says that it is sealed, but its rules are not those that were \
             sealed; seal the program anew\n"
        ),
        "{told}"
    );
    let output = sealed.on_capsock(
        &["--allow-connect", &grant],
        &["connect", "tcp", "127.0.0.1", &port],
    );
    assert_eq!(printed(&output), "EACCES");
    assert!(stderr(&output).contains("it says that it is sealed, but"));
}

#[test]
fn what_cannot_be_sealed_is_a_usage_error_and_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let policy = file("policy.toml", b"[allow]\nconnect = [\"tcp://127.0.0.1\"]\n");
    let policy = policy.to_str().unwrap();
    let program = guest("attack-std");
    let module = file("module.wasm", &wat::parse_str("(module)").unwrap());
    let cases: [(&[&str], &Path, &str); 14] = [
        (&["--policy", policy], &program, "policy.toml:2:28: "),
        (&["--policy", "/nonexistent"], &program, "/nonexistent: "),
        (
            &["--allow-connect", "tcp://x"],
            &program,
            "--allow-connect: ",
        ),
        (
            &["--allow-conect", "tcp://x:1"],
            &program,
            "--allow-connect",
        ),
        (&[], Path::new("/nonexistent"), "/nonexistent: No such file"),
        (&[], Path::new("/"), "/: Is a directory"),
        (
            &[],
            &file("text", b"text"),
            "text: this is not a WebAssembly component",
        ),
        (&[], &module, "module.wasm: this is a core module"),
        (
            &[],
            &file("cut.wasm", &std::fs::read(&program).unwrap()[..5000]),
            "it is no valid component: ",
        ),
        (&[], &guest("command"), "it imports neither sockets"),
        (&[], &guest("mixed"), "and no keeper has both"),
        (&["--portable"], &guest("mixed"), "and no keeper has both"),
        (&["--portable"], &guest("sockets_p3"), "without --portable"),
        (&["--no-policy"], &program, "--portable"),
    ];
    for (flags, program, message) in cases {
        let (mut seal, path) = command(directory.path(), flags, program);
        let output = seal.output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(message), "{told}");
        assert!(!told.contains("panicked"), "{told}");
        assert!(!path.exists(), "{flags:?} {}", program.display());
    }
    // Nor does it write where it cannot.
    let mut seal = capsock();
    seal.arg("seal")
        .arg(&program)
        .args(["-o", "/nonexistent/sealed.wasm"]);
    let output = seal.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nonexistent/sealed.wasm: "));
}

/// Who stands at a socket that is not theirs is turned away before the program knows.
#[rstest]
#[case::p2("std", &["127.0.0.1:0", "1"], "5 bytes of 127.0.0.2")]
#[case::p3("sockets_p3", &["127.0.0.1", "0", "1"], "127.0.0.2")]
fn peers_and_senders_are_asked_about(
    #[case] program: &str,
    #[case] args: &[&str],
    #[case] line: &str,
) {
    let sealed = seal(
        &["--allow-listen", "tcp://127.0.0.1:ephemeral from=127.0.0.2"],
        &guest(program),
    );
    let mut host = sealed.host(&[&["echo-server"], args].concat());
    let mut server = Running::spawn(&mut host);
    let port: u16 = server.expect_line("port ").parse().unwrap();
    let from = |source: &str| {
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let source: std::net::SocketAddr = format!("{source}:0").parse().unwrap();
        socket.bind(&source.into()).unwrap();
        let to: std::net::SocketAddr = ([127, 0, 0, 1], port).into();
        socket.connect(&to.into()).unwrap();
        std::net::TcpStream::from(socket)
    };
    let mut denied = from("127.0.0.3");
    _ = denied.write_all(b"denied");
    let mut answer = Vec::new();
    _ = denied.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    let mut allowed = from("127.0.0.2");
    allowed.write_all(b"hello").unwrap();
    allowed.shutdown(std::net::Shutdown::Write).unwrap();
    allowed.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"hello");
    server.expect_line(line);
    let told = stderr(&server.output());
    assert!(
        told.starts_with("capsock seal: denied accept from 127.0.0.3 on "),
        "{told}"
    );

    let flags = [
        "--allow-bind",
        "udp://127.0.0.1:ephemeral",
        "--allow-recv",
        "udp://127.0.0.2:*",
        "--allow-send",
        "udp://127.0.0.2:*",
    ];
    let sealed = seal(&flags, &guest(program));
    let mut host = sealed.host(&[&["datagram-echo"], args].concat());
    let mut server = Running::spawn(&mut host);
    let port: u16 = server.expect_line("port ").parse().unwrap();
    let [denied, allowed] = ["127.0.0.3", "127.0.0.2"].map(|ip| UdpSocket::bind((ip, 0)).unwrap());
    denied.send_to(b"denied", ("127.0.0.1", port)).unwrap();
    allowed.send_to(b"allowed", ("127.0.0.1", port)).unwrap();
    let mut received = [0; 99];
    let (length, _server) = allowed.recv_from(&mut received).unwrap();
    assert_eq!(&received[..length], b"allowed");
    let told = stderr(&server.output());
    assert!(
        told.starts_with("capsock seal: denied recv udp://127.0.0.3:"),
        "{told}"
    );
}

/// A program of both versions has both under the same rules.
#[test]
fn no_version_of_the_sockets_goes_round_the_seal() {
    let (_granted, granted) = listener("127.0.0.1");
    let (_other, other) = listener("127.0.0.1");
    let flags = [
        ("--allow-connect", format!("tcp://127.0.0.1:{granted}")),
        ("--allow-send", format!("udp://127.0.0.1:{granted}")),
    ];
    let flags: Vec<&str> = flags
        .iter()
        .flat_map(|(flag, rule)| [*flag, rule])
        .collect();
    let sealed = seal(&flags, &guest("versions"));
    let all = [
        "--allow-connect",
        "tcp://127.0.0.1:*",
        "--allow-send",
        "udp://127.0.0.1:*",
    ];
    for (port, verdict) in [(&granted, "ok"), (&other, "denied")] {
        for output in [
            sealed.on_wasi(&["127.0.0.1", port]),
            sealed.on_capsock(&all, &["127.0.0.1", port]),
        ] {
            let expected = format!("0.2 {verdict}\n0.3 {verdict}");
            assert_eq!(printed(&output), expected, "{}", stderr(&output));
        }
    }
}
