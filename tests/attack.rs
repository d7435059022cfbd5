//! The attack table, tried from the outside: real guests under the real CLI, in
//! a network namespace where each address that an attacker is after is this
//! machine's, and watched. `just attack` prints it.

#[path = "attack/table/mod.rs"]
mod table;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use capsock_tests::{Namespace, Running, capsock, run, stderr};
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{ContentArrangement, Table};
use table::{Interface, Outcome, Try, rows};

/// Addresses of this machine, so that what is not denied arrives.
const ADDRESSES: &str = "
    ip address add 9.9.9.8/32 dev lo
    ip link add wire type veth peer name wire-end
    ip link set wire up
    ip link set wire-end up
    ip address add 9.9.8.1/24 broadcast 9.9.8.255 dev wire
    ip address add 10.7.0.1/24 broadcast 10.7.0.255 dev wire
    ip address add 10.0.0.1/24 dev lo
    ip address add 10.1.2.3/32 dev lo
    ip route add default dev lo
    ip address add 169.254.169.254/32 dev lo
    ip address add 169.254.42.42/32 dev lo
    ip address add 169.254.0.23/32 dev lo
    ip link add secretif type veth peer name secretif-end
    ip link property add dev secretif altname other-name
    ip link add fifteen-letters type veth peer name fifteen-end
    for address in ::127.0.0.1 fd00:ec2::254 fd00:42::42; do
        ip address add $address/128 dev lo nodad
    done";

/// Those of another one, which is watched too.
const ELSEWHERE: [&str; 3] = ["9.9.9.9", "64:ff9b::7f00:1", "2002:7f00:1::"];

#[test]
fn attack_table() {
    try_all(&[Interface::Capsock, Interface::P2, Interface::P3]);
}

#[test]
fn attack_table_of_sealed_programs() {
    try_all(&[Interface::Sealed]);
}

#[test]
fn attack_table_of_sealed_programs_of_p3() {
    try_all(&[Interface::SealedP3]);
}

/// Tries each row over these interfaces, and prints the table.
fn try_all(interfaces: &[Interface]) {
    let Some(namespace) = Namespace::with_names(ADDRESSES, env!("CARGO_BIN_EXE_capsock-test-dns"))
    else {
        return;
    };
    let internet = namespace.internet(&ELSEWHERE);
    let mut witness = Witness::start(&namespace, &internet);
    let mut failed = String::new();
    let mut table = Table::new();
    table
        .load_style(ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(120)
        .set_header(["attempt", "expected", "got"]);
    let mut tried = vec![0; interfaces.len()];
    for row in rows() {
        let mut counts: Vec<(String, usize)> = Vec::new();
        let everywhere = |attempt| {
            let over = move |interface: Interface| Some((interface, interface.attempt(attempt)?));
            interfaces.iter().copied().filter_map(over)
        };
        for (interface, attempt) in row.tries.iter().flat_map(everywhere) {
            let place = interfaces.iter().position(|&one| one == interface);
            tried[place.unwrap()] += 1;
            let got = match attack(&namespace, &mut witness, interface, &attempt) {
                Ok(got) => got,
                Err(wrong) => {
                    writeln!(
                        failed,
                        "{}\n    {interface:?} {attempt:?}\n    {wrong}",
                        row.attempt
                    )
                    .unwrap();
                    "NOT AS EXPECTED".to_owned()
                }
            };
            match counts.iter_mut().find(|(known, _)| *known == got) {
                Some((_, count)) => *count += 1,
                None => counts.push((got, 1)),
            }
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(got, count)| format!("{count} x {got}"))
            .collect();
        if counts.is_empty() {
            continue;
        }
        table.add_row([row.attempt, row.expected, &counts.join(", ")]);
    }
    println!("{table}");
    println!("tried over {interfaces:?}: {tried:?}");
    assert!(failed.is_empty(), "\n{failed}");
    assert!(tried.iter().all(|&tries| tries > 50), "{tried:?}");
}

/// Tries it; what the guest got, in a word, or what is not as expected.
fn attack(
    namespace: &Namespace,
    witness: &mut Witness,
    interface: Interface,
    attempt: &Try,
) -> Result<String, String> {
    let grants = attempt.grants.replace("{dir}", witness.directory());
    let does = attempt.does.replace("{dir}", witness.directory());
    let grants = shlex::split(&grants).unwrap();
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let does: Vec<&str> = does.split_whitespace().collect();
    let full: &[&str] = match attempt.outcome {
        Outcome::Unaudited => &["--audit", "/dev/full"],
        _ => &[],
    };
    let grants = [full, &grants].concat();
    let command = match interface {
        Interface::Sealed | Interface::SealedP3 => {
            match witness.seal(guest(interface, &does), &grants) {
                Ok(sealed) => wasi_host(&sealed, &does),
                Err(usage) => *usage,
            }
        }
        _ => run(&grants, guest(interface, &does), &does),
    };
    let mut under = attempt.under.split_whitespace();
    let command = match under.next() {
        Some(program) => {
            let mut outer = Command::new(program);
            outer.args(under).arg(command.get_program());
            outer.args(command.get_args());
            outer
        }
        None => command,
    };
    let guest = Running::spawn(namespace.enter(&command).stdin(Stdio::null()));
    let output = guest.output();
    let told = stderr(&output);
    let printed = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    let arrived = witness.seen();
    // The guest's own panic is its way to trap.
    if told.contains("panicked at host") || told.contains("panicked at cli") {
        return Err(format!("the host panicked: {told}"));
    }
    let code = output.status.code();
    let got = match code {
        Some(0) => printed,
        Some(125) if told.contains("--audit /dev/full: ") => format!("{printed}, unaudited"),
        Some(124) => "ended at its deadline".to_owned(),
        Some(134) => "trap".to_owned(),
        Some(2) => "usage error".to_owned(),
        _ => return Err(format!("{}: {printed}{told}", output.status)),
    };
    let as_expected = match attempt.outcome {
        Outcome::Prints(expected) => code == Some(0) && got == expected,
        Outcome::Ends => code == Some(124),
        Outcome::Traps => code == Some(134),
        Outcome::Usage => code == Some(2),
        Outcome::Unaudited => got == "EACCES, unaudited",
    };
    if !as_expected || attempt.arrives == arrived.is_empty() {
        return Err(format!("got {got}; arrived: [{arrived}]; {told}"));
    }
    Ok(if attempt.arrives {
        format!("{got} with the grant")
    } else {
        got
    })
}

/// What tries it.
fn guest(interface: Interface, does: &[&str]) -> &'static str {
    match interface {
        _ if does[0].starts_with("threads-") => "c-attack-threads",
        Interface::Capsock => "attack",
        Interface::P2 | Interface::Sealed => "attack-std",
        Interface::P3 | Interface::SealedP3 => "sockets_p3",
    }
}

/// The host of WASI that grants everything.
fn wasi_host(component: &Path, does: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsock-test-wasi"));
    command.arg(component).args(does);
    command
}

/// Each row of the table stands in SECURITY.md, with what proves it.
#[test]
fn each_row_is_in_the_security_policy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let security = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let plain = security.replace('`', "");
    for attempt in rows().into_iter().map(|row| row.attempt) {
        assert!(
            plain.contains(&format!("| {attempt} |")),
            "SECURITY.md has no row `{attempt}`"
        );
    }
}

/// Python, in both namespaces: it listens at every address, and tells what came.
struct Witness {
    python: Child,
    stdout: BufReader<ChildStdout>,
    directory: tempfile::TempDir,
}

impl Witness {
    fn start(namespace: &Namespace, internet: &Namespace) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut python = namespace
            .command("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("attack/witness.py"))
            .arg(directory.path())
            .arg(internet.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(python.stdout.take().unwrap());
        let mut witness = Self {
            python,
            stdout,
            directory,
        };
        assert_eq!(witness.line(), "ready");
        witness
    }

    fn directory(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    /// A program of WASI with these grants sealed in; the command that is to fail
    /// where they cannot be.
    fn seal(&self, program: &str, grants: &[&str]) -> Result<PathBuf, Box<Command>> {
        let sealed = self.directory.path().join("sealed.wasm");
        let program = capsock_tests::guest(program);
        let mut seal = capsock();
        seal.arg("seal")
            .args(grants)
            .arg(program)
            .arg("-o")
            .arg(&sealed);
        match seal.output().unwrap().status.success() {
            true => Ok(sealed),
            false => Err(Box::new(seal)),
        }
    }

    /// What has arrived since the last time it was asked.
    fn seen(&mut self) -> String {
        writeln!(self.python.stdin.as_mut().unwrap()).unwrap();
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        _ = self.python.kill();
        _ = self.python.wait();
    }
}
