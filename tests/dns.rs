//! Names in rules, against a name server that answers what an attacker would,
//! in a network namespace with a resolv.conf of its own.

use std::process::{Command, Stdio};

use capsock_tests::c::{built, is_built};
use capsock_tests::{Namespace, Running, output, pipe, run, stderr};

/// A namespace whose loopback device has private addresses, with the name server,
/// and a host that has public ones; somebody listens on port 443 of all of them.
struct World(
    Namespace,
    #[expect(dead_code, reason = "it ends with the test")] Namespace,
);

impl World {
    fn new() -> Option<Self> {
        Self::with("")
    }

    /// With more done in it than that.
    fn with(setup: &str) -> Option<Self> {
        let addresses = "
            ip addr add 10.1.2.3/32 dev lo
            ip addr add 169.254.169.254/32 dev lo";
        let mut namespace = Namespace::with_names(
            &format!("{addresses}\n{setup}"),
            env!("CARGO_BIN_EXE_capsock-test-dns"),
        )?;
        let mut listener = Command::new("python3");
        listener.args(["-c", LISTEN]);
        namespace.serve(&listener);
        let mut internet = namespace.internet(&["9.9.9.9", "2620:fe::fe"]);
        internet.serve(&listener);
        Some(Self(namespace, internet))
    }

    /// What a guest prints, and what the host tells of denials.
    fn run(&self, flags: &[&str], args: &[&str]) -> (String, String) {
        self.run_guest(flags, "dns", args)
    }

    /// What the guest `names` says of each call.
    #[track_caller]
    fn calls<const N: usize>(&self, flags: &[&str], calls: [(&str, &str); N]) {
        let lines: String = calls.iter().map(|(call, _)| format!("{call}\n")).collect();
        let told = pipe(
            &mut self.0.enter(&run(flags, "names", &["look-up"])),
            &lines,
        );
        assert_eq!(told.lines().count(), N, "{told}");
        for ((call, expected), told) in calls.iter().zip(told.lines()) {
            assert_eq!(told, *expected, "{call} with {flags:?}");
        }
    }

    fn run_guest(&self, flags: &[&str], name: &str, args: &[&str]) -> (String, String) {
        let mut command = self.0.enter(&run(flags, name, args));
        let output = Running::spawn(command.stdin(Stdio::null())).output();
        assert!(output.status.success(), "{}", stderr(&output));
        let told = String::from_utf8(output.stdout.clone()).unwrap();
        (told, stderr(&output))
    }
}

const LISTEN: &str = "
import socket, threading
s = socket.create_server(('::', 443), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
while True: s.accept()
";

const DENIED: &str = "Permission denied (EACCES)";

#[test]
fn a_rule_for_a_name_is_enough_to_connect_to_it() {
    let Some(world) = World::new() else { return };
    let flags = ["--allow-connect", "tcp://public.example:443"];
    let (told, denials) = world.run(
        &flags,
        &["connect", "443", "public.example", "PUBLIC.example."],
    );
    for line in told.lines() {
        assert!(
            line.ends_with("connected to 9.9.9.9:443")
                || line.ends_with("connected to [2620:fe::fe]:443"),
            "{told}"
        );
    }
    assert_eq!((told.lines().count(), denials.as_str()), (2, ""));
    // Without the look-up the address is not granted, nor is another port.
    let (told, denials) = world.run(&flags, &["plain", "9.9.9.9", "443"]);
    assert_eq!(told, format!("connect 9.9.9.9:443: {DENIED}\n"));
    assert!(
        denials.contains("--allow-connect tcp://9.9.9.9:443"),
        "{denials}"
    );
    let (_, denials) = world.run(&flags, &["connect", "80", "public.example"]);
    assert!(denials.contains(":80: no rule allows it"), "{denials}");
    // A wildcard is not about the apex.
    let (told, _) = world.run(
        &["--allow-connect", "tcp://*.public.example:443"],
        &["lookup", "public.example"],
    );
    assert_eq!(
        told,
        format!("public.example: getaddrinfo `public.example`: {DENIED}\n")
    );
}

/// Rules for names hold for programs that know of none, with the floor and the
/// pins.
#[test]
fn names_in_rules_hold_over_wasi_sockets() {
    let Some(world) = World::new() else { return };
    let flags = ["--allow-connect", "tcp://public.example:443"];
    let args = [
        "connect",
        "9.9.9.9:443",
        "public.example:443",
        "9.9.9.9:443",
        "other.example:443",
    ];
    let (told, denials) = world.run_guest(&flags, "std", &args);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "9.9.9.9:443: PermissionDenied");
    assert!(
        lines[1].starts_with("public.example:443: connected to "),
        "{told}"
    );
    // The address is pinned now.
    assert_eq!(lines[2], "9.9.9.9:443: connected to 9.9.9.9:443");
    assert_eq!(lines[3], "other.example:443: PermissionDenied");
    assert!(
        denials.contains("--allow-resolve other.example"),
        "{denials}"
    );

    let (told, denials) = world.run_guest(
        &flags,
        "sockets_p3",
        &["connect-each", "public.example", "443"],
    );
    let connected = |line: &str| line.starts_with("public.example: connected to ");
    assert!(
        told.lines().all(connected) && told.lines().count() == 2,
        "{told}"
    );
    assert_eq!(denials, "");

    // A name that leads inward is denied, over both.
    let inward = ["--allow-connect", "tcp://private.example:443"];
    let (told, denials) = world.run_guest(&inward, "std", &["connect", "private.example:443"]);
    assert_eq!(told, "private.example:443: PermissionDenied\n");
    assert!(denials.contains("10.1.2.3, which is private"), "{denials}");
    let (told, denials) = world.run_guest(&inward, "sockets_p3", &["look-up", "private.example"]);
    assert_eq!(told, "EACCES\n");
    assert!(denials.contains("10.1.2.3, which is private"), "{denials}");
}

#[test]
fn names_that_lead_inward_are_denied_and_the_class_is_named() {
    let Some(world) = World::new() else { return };
    let names = [
        ("private.example", "10.1.2.3, which is private", "private"),
        ("loopback.example", "which is loopback", "loopback"),
        (
            "metadata.example",
            "169.254.169.254, which is metadata",
            "metadata",
        ),
        ("mapped.example", "127.0.0.1, which is loopback", "loopback"),
        ("nat64.example", "127.0.0.1, which is loopback", "loopback"),
        ("6to4.example", "127.0.0.1, which is loopback", "loopback"),
        ("inward.example", "127.0.0.1, which is loopback", "loopback"),
        ("reserved.example", "198.18.0.1, which is reserved", ""),
    ];
    for (name, reason, class) in names {
        let grant = format!("tcp://{name}:443");
        let (told, denials) = world.run(&["--allow-connect", &grant], &["connect", "443", name]);
        assert!(told.ends_with(&format!("{DENIED}\n")), "{told}");
        assert!(denials.contains(reason), "{name}: {denials}");
        let hint = format!("--allow-connect '{grant} in={class}'");
        assert_eq!(
            denials.contains(&hint),
            !class.is_empty(),
            "{name}: {denials}"
        );
    }
    // With the class it is reached.
    let flags = ["--allow-connect", "tcp://private.example:443 in=private"];
    let (told, _) = world.run(&flags, &["connect", "443", "private.example"]);
    assert_eq!(told, "private.example: connected to 10.1.2.3:443\n");
}

#[test]
fn of_mixed_answers_only_those_that_may_be_reached_are_told() {
    let Some(world) = World::new() else { return };
    let (told, denials) = world.run(
        &["--allow-connect", "tcp://mixed.example:443"],
        &["lookup", "mixed.example"],
    );
    assert_eq!(
        (told.as_str(), denials.as_str()),
        ("mixed.example: 9.9.9.9\n", "")
    );
    let (told, _) = world.run(
        &["--allow-connect", "tcp://mixed.example:443"],
        &["byname", "mixed.example"],
    );
    assert_eq!(told, "9.9.9.9\n");
    let (told, _) = world.run(
        &[
            "--allow-connect",
            "tcp://mixed.example:443 in=public,private",
            "--deny-connect",
            "tcp://9.9.9.0/24:*",
        ],
        &["lookup", "mixed.example"],
    );
    assert_eq!(told, "mixed.example: 10.1.2.3\n");
    // To resolve is not to reach.
    let (told, denials) = world.run(
        &["--allow-resolve", "mixed.example"],
        &["connect", "443", "mixed.example"],
    );
    assert!(told.ends_with(&format!("{DENIED}\n")), "{told}");
    assert!(denials.contains("no rule allows it"), "{denials}");
}

#[test]
fn an_answer_that_changes_does_not_reach_what_was_not_checked() {
    let Some(world) = World::new() else { return };
    let (told, denials) = world.run(
        &["--allow-connect", "tcp://rebind.example:443"],
        &["rebind", "443"],
    );
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "rebind.example: connected to 9.9.9.9:443");
    assert!(lines[1].ends_with(DENIED), "{told}");
    assert_eq!(lines[2], "connected");
    assert_eq!(lines[3], format!("connect 127.0.0.1:443: {DENIED}"));
    assert!(
        denials.contains("it resolves to 127.0.0.1, which is loopback"),
        "{denials}"
    );
}

#[test]
fn chains_and_long_and_many_answers_are_bounded() {
    let Some(world) = World::new() else { return };
    let long = format!("{}.example", ["a".repeat(60).as_str(); 4].join("."));
    let flags = [
        "--allow-connect",
        "tcp://chain.example:443",
        "--allow-connect",
        "tcp://many.example:443",
        "--allow-connect",
        "tcp://*.example:443",
    ];
    let names = ["chain.example", "many.example", &long, "none.example"];
    let (told, _) = world.run(&flags, &[&["lookup"][..], &names].concat());
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "chain.example: 9.9.9.9");
    assert_eq!(lines[1], "many.example: 32 addresses");
    assert_eq!(lines[2], format!("{long}: 9.9.9.9"));
    assert!(lines[3].contains("Name or service not known"), "{told}");
}

/// A name with a dot is no other one, wherever the machine would search for it;
/// a single label may be.
#[test]
fn a_name_with_a_dot_does_not_go_through_the_search_list() {
    for setup in ["", KUBERNETES] {
        let Some(world) = World::with(setup) else {
            return;
        };
        names_with_a_dot_are_absolute(&world);
    }
}

/// By it, a name with less than five dots is searched for before it is asked for.
const KUBERNETES: &str = "echo options ndots:5 >> /etc/resolv.conf";

fn names_with_a_dot_are_absolute(world: &World) {
    let names = ["two.labels", "single", "hosts.file", "public.example"];
    let (told, denials) = world.run(
        &["--allow-resolve", "*"],
        &[&["lookup"][..], &names].concat(),
    );
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].contains("Name or service not known"), "{told}");
    assert_eq!(
        lines[1..],
        [
            "single: 9.9.9.9",
            "hosts.file: 9.9.9.9",
            "public.example: 2620:fe::fe 9.9.9.9"
        ],
        "{told}"
    );
    assert_eq!(denials, "");
    for (name, expected) in [
        ("two.labels", "Name or service not known"),
        ("single", "9.9.9.9"),
        ("hosts.file", "9.9.9.9"),
    ] {
        let (told, _) = world.run(&["--allow-resolve", "*"], &["byname", name]);
        assert!(told.contains(expected), "{name}: {told}");
    }
}

/// A name that ends in a dot is no other one either, and whoever asks for its
/// canonical name is not told the dot.
#[test]
fn a_trailing_dot_makes_a_name_absolute() {
    for setup in ["", KUBERNETES] {
        let Some(world) = World::with(setup) else {
            return;
        };
        world.calls(
            &["--allow-resolve", "*"],
            [
                ("getaddrinfo single. 80 4 stream 0 0", "gaierror -2"),
                ("getaddrinfo two.labels. 80 4 stream 0 0", "gaierror -2"),
                (
                    "getaddrinfo public.example. 80 4 stream 0 2",
                    "2 1 6 public.example 9.9.9.9 80",
                ),
                (
                    "getaddrinfo hosts.file. 80 4 stream 0 2",
                    "2 1 6 hosts.file 9.9.9.9 80",
                ),
                (
                    "getaddrinfo single 80 4 stream 0 2",
                    "2 1 6 single.search.example 9.9.9.9 80",
                ),
                ("getaddrinfo single 80 4 stream 0 0", "2 1 6  9.9.9.9 80"),
                ("gethostbyname_ex single.", "gaierror -2"),
                ("gethostbyname_ex two.labels.", "gaierror -2"),
                (
                    "gethostbyname_ex single",
                    r#"single.search.example [] ["9.9.9.9"]"#,
                ),
                // A name server that fails says nothing of another name.
                ("getaddrinfo failing.example 80 4 stream 0 0", "gaierror -3"),
            ],
        );
    }
}

/// The domains of `--dns-search` are searched for names with a dot too, in place
/// of those of the machine; a rule is about the name that was asked for, and the
/// trace and the audit tell which one answered.
#[test]
fn names_are_searched_for_where_the_user_says() {
    let Some(world) = World::with(KUBERNETES) else {
        return;
    };
    let within = [
        "--dns-search",
        "none.example",
        "--dns-search",
        "Search.example.",
    ];
    let flags = [&within[..], &["--allow-resolve", "*"]].concat();
    let found = "2 1 6 two.labels.search.example 9.9.9.9 80";
    world.calls(
        &flags,
        [
            ("getaddrinfo two.labels 80 4 stream 0 2", found),
            ("getaddrinfo two.labels. 80 4 stream 0 2", "gaierror -2"),
            (
                "getaddrinfo single 80 4 stream 0 2",
                "2 1 6 single.search.example 9.9.9.9 80",
            ),
            ("getaddrinfo single. 80 4 stream 0 0", "gaierror -2"),
            // What is there as it is, or may be, is not searched for.
            (
                "getaddrinfo public.example 80 4 stream 0 2",
                "2 1 6 public.example 9.9.9.9 80",
            ),
            ("getaddrinfo private.example 80 6 stream 0 0", "gaierror -5"),
            ("getaddrinfo failing.example 80 4 stream 0 0", "gaierror -3"),
            (
                "getaddrinfo hosts.file 80 4 stream 0 2",
                "2 1 6 hosts.file 9.9.9.9 80",
            ),
            ("getaddrinfo nowhere 80 4 stream 0 0", "gaierror -2"),
            (
                "gethostbyname_ex two.labels",
                r#"two.labels.search.example [] ["9.9.9.9"]"#,
            ),
            ("gethostbyname_ex two.labels.", "gaierror -2"),
        ],
    );
    world.calls(
        &["--allow-resolve", "*", "--dns-search", "none.example"],
        [("getaddrinfo single 80 4 stream 0 0", "gaierror -2")],
    );

    let directory = tempfile::tempdir().unwrap();
    let audit = directory.path().join("audit.jsonl");
    let audit = audit.to_str().unwrap();
    let own = ["--allow-connect", "tcp://two.labels:443"];
    let told = ["--trace", "--audit", audit];
    let flags = [&within[..], &own, &told].concat();
    let (connected, trace) = world.run(&flags, &["connect", "443", "two.labels"]);
    assert_eq!(connected, "two.labels: connected to 9.9.9.9:443\n");
    let answered = "(answered by two.labels.search.example)";
    assert!(trace.contains(answered), "{trace}");
    let text = std::fs::read_to_string(audit).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let answer = lines.iter().find(|line| line["answer"].is_string());
    let answer = answer.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(answer["op"], "resolve");
    assert_eq!(answer["target"], "two.labels");
    assert_eq!(answer["answer"], "two.labels.search.example");
    assert_eq!(answer["addresses"], serde_json::json!(["9.9.9.9"]));
    let decision = lines.iter().find(|line| line["op"] == "resolve");
    assert_eq!(
        decision.unwrap()["rules"][0],
        "allow connect tcp://two.labels:443"
    );

    // A rule for the name that answers is none for the one that is asked for.
    let other = ["--allow-resolve", "*.search.example"];
    let (denied, _) = world.run(&[&within[..], &other].concat(), &["lookup", "two.labels"]);
    assert!(denied.contains(DENIED), "{denied}");

    // And over WASI.
    let flags = [&within[..], &own].concat();
    let args = ["connect", "two.labels:443", "two.labels.:443"];
    let (told, _) = world.run_guest(&flags, "std", &args);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "two.labels:443: connected to 9.9.9.9:443");
    assert!(!lines[1].contains("connected"), "{told}");
    let args = ["look-up", "two.labels"];
    let (told, _) = world.run_guest(&flags, "sockets_p3", &args);
    assert_eq!(told, "9.9.9.9\n");
}

#[test]
fn a_domain_to_search_that_is_none_is_an_error_of_usage() {
    for domain in ["x y", "10.0.0.1", "", "*.example"] {
        let output = output(&["--dns-search", domain], "dns", &["lookup", "a.example"]);
        assert_eq!(output.status.code(), Some(2), "{domain}");
        let expected = format!("capsock: --dns-search {domain:?}: it is no host name: ");
        let told = stderr(&output);
        assert!(told.starts_with(&expected), "{told}");
    }
}

/// Whatever a name server says, and without asking it. Other addresses of
/// 127.0.0.0/8 would tell it what the guest likes.
#[test]
fn this_machine_is_answered_for_without_a_name_server() {
    let Some(world) = World::with("mount --bind /dev/null /etc/hosts") else {
        return;
    };
    let calls = [
        (
            "getaddrinfo localhost 80 4 stream 0 2",
            "2 1 6 localhost 127.0.0.1 80",
        ),
        (
            "getaddrinfo LOCALHOST. 80 6 stream 0 0",
            "10 1 6  ::1 80 0 0",
        ),
        ("getaddrinfo localhost http 4 - 0 0", "2 1 6  127.0.0.1 80"),
        (
            "getaddrinfo localhost - 4 - 0 2",
            "2 1 6 localhost 127.0.0.1 0;2 2 17  127.0.0.1 0;2 3 0  127.0.0.1 0",
        ),
        ("getaddrinfo localhost 80 4 stream 0 4", "gaierror -2"),
        (
            "gethostbyname_ex localhost",
            r#"localhost [] ["127.0.0.1"]"#,
        ),
        ("gethostbyaddr 127.0.0.1", r#"localhost [] ["127.0.0.1"]"#),
        ("gethostbyaddr ::1", r#"localhost [] ["::1"]"#),
        ("getnameinfo 127.0.0.1 53 0", "localhost domain"),
        ("getnameinfo 127.0.0.1 53 8", "localhost domain"),
        ("getnameinfo 127.0.0.1 53 4", "localhost domain"),
        ("getnameinfo 127.0.0.1 53 3", "127.0.0.1 53"),
        ("getnameinfo ::1 53 0", "localhost domain"),
        ("getnameinfo ::ffff:127.0.0.1 53 0", "localhost domain"),
    ];
    for flags in [&[][..], &["--allow-resolve", "*"]] {
        world.calls(flags, calls);
    }
    let other = ["getnameinfo 127.1.2.3 53 0", "gethostbyaddr 127.1.2.3"];
    world.calls(
        &[],
        [
            (other[0], "127.1.2.3 domain"),
            (other[1], "error"),
            (
                "getnameinfo ::ffff:127.1.2.3 53 0",
                "::ffff:127.1.2.3 domain",
            ),
            ("getnameinfo 127.1.2.3 53 8", "gaierror -2"),
            ("gethostbyname_ex app.localhost", "error"),
        ],
    );
    world.calls(
        &["--allow-resolve", "*"],
        [
            (other[0], "asked.example domain"),
            (other[1], r#"asked.example [] ["127.1.2.3"]"#),
            (
                "gethostbyname_ex app.localhost",
                r#"app.localhost [] ["127.0.0.1"]"#,
            ),
            (
                "getaddrinfo app.localhost 80 4 stream 0 2",
                "2 1 6 app.localhost 127.0.0.1 80",
            ),
        ],
    );
    // And over WASI.
    let (told, _) = world.run_guest(&[], "sockets_p3", &["look-up", "localhost"]);
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_unstable();
    assert_eq!(told, ["127.0.0.1", "::1"]);
    let flags = [
        "--allow-connect",
        "tcp://127.0.0.1:443",
        "--allow-connect",
        "tcp://[::1]:443",
    ];
    let (told, _) = world.run_guest(&flags, "std", &["connect", "localhost:443"]);
    assert!(told.contains(": connected to "), "{told}");
}

/// Names of services and containers have underscores; what is no name is told.
#[test]
fn names_have_underscores_and_what_is_no_name_is_told() {
    let Some(world) = World::new() else { return };
    let flags = [
        "--allow-connect",
        "tcp://target_service:443",
        "--allow-resolve",
        "*.public.example",
    ];
    let names = ["target_service", "_dns._udp.public.example"];
    let (told, denials) = world.run(&flags, &[&["lookup"][..], &names].concat());
    assert_eq!(
        (told.as_str(), denials.as_str()),
        (
            "target_service: 9.9.9.9\n_dns._udp.public.example: 9.9.9.9\n",
            ""
        )
    );
    let (told, _) = world.run(&flags, &["connect", "443", "target_service"]);
    assert_eq!(told, "target_service: connected to 9.9.9.9:443\n");
    let (_, denials) = world.run(&[], &["lookup", "target_service"]);
    assert!(
        denials.ends_with("to allow it: --allow-resolve target_service\n"),
        "{denials}"
    );
    // Once each, whatever is granted.
    let label = "a".repeat(64);
    let names = ["x y", "x y", "-a", "a..b", "*", &label];
    let (told, refusals) = world.run(
        &["--allow-resolve", "*"],
        &[&["lookup"][..], &names].concat(),
    );
    for line in told.lines() {
        assert!(line.ends_with("Name or service not known"), "{told}");
    }
    insta::assert_snapshot!(refusals);
}

/// What was connected to by name is granted by name.
#[test]
fn a_recording_has_the_names() {
    let Some(world) = World::new() else { return };
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("policy.toml");
    let file = file.to_str().unwrap();
    let args = ["connect", "443", "public.example", "private.example"];
    let (recorded, _warning) = world.run(&["--record", file], &args);
    let (_head, rules) = std::fs::read_to_string(file)
        .unwrap()
        .split_once("\n\n")
        .map(|(head, rules)| (head.to_owned(), rules.to_owned()))
        .unwrap();
    assert_eq!(
        rules,
        "[allow]\nconnect = [\n    \"tcp://private.example:443 in=private\", # 2 times\n    \
         \"tcp://public.example:443\", # 2 times\n]\n"
    );
    let (repeated, denials) = world.run(&["--policy", file], &args);
    assert_eq!((repeated, denials.as_str()), (recorded, ""));
}

/// Five seconds are all that a look-up has.
#[test]
fn silence_is_an_error_after_a_while() {
    let Some(world) = World::new() else { return };
    let flags = ["--allow-resolve", "silence.example"];
    let start = std::time::Instant::now();
    let (told, _) = world.run(&flags, &["lookup", "silence.example"]);
    assert!(
        told.contains("Temporary failure in name resolution"),
        "{told}"
    );
    assert!(start.elapsed() < capsock_tests::PATIENCE);
}

/// In C, of all functions that look names up.
#[test]
fn other_threads_go_on_beside_look_ups() {
    if !is_built(&built("guests/c-lookups.wasm")) {
        return;
    }
    let Some(world) = World::new() else { return };
    let flags = [
        "--allow-resolve=silence.example",
        "--allow-resolve=44.44.1.10.in-addr.arpa",
    ];
    let args = ["silence.example", "10.1.44.44"];
    let (told, denials) = world.run_guest(&flags, "c-lookups", &args);
    assert_eq!(
        (told.as_str(), denials.as_str()),
        ("went on beside 5 look-ups\n", "")
    );
}
