//! Names in rules, against a name server that answers what an attacker would,
//! in a network namespace with a resolv.conf of its own.

use std::process::{Command, Stdio};

use capsock_tests::{Namespace, Running, run, stderr};

/// A namespace whose loopback device has private addresses, with the name server,
/// and a host that has public ones; somebody listens on port 443 of all of them.
struct World(
    Namespace,
    #[expect(dead_code, reason = "it ends with the test")] Namespace,
);

impl World {
    fn new() -> Option<Self> {
        let addresses = "
            ip addr add 10.1.2.3/32 dev lo
            ip addr add 169.254.169.254/32 dev lo";
        let mut namespace =
            Namespace::with_names(addresses, env!("CARGO_BIN_EXE_capsock-test-dns"))?;
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
    let Some(world) = World::new() else { return };
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
