//! Multicast groups, in a network namespace of each test's own.

use capsock_tests::{Namespace, output, pipe, stderr, succeed, target};
use rstest::rstest;
use rstest_reuse::{apply, template};

const PORT: u16 = 5007;

/// A group, a local address, and another one.
#[template]
#[rstest]
#[case::ipv4("239.1.2.3", "127.0.0.1", "127.0.0.2")]
#[case::ipv6("ff15::1234", "::1", "fd00::2")]
fn both_families(#[case] group: &str, #[case] local: &str, #[case] other: &str) {}

fn namespace() -> Option<Namespace> {
    // Linux refuses IPv6 routes by loopback, but for local ones.
    Namespace::new(
        "ip link set lo multicast on
         ip route add 224.0.0.0/4 dev lo
         ip -6 route add local ff00::/8 dev lo
         ip address add fd00::2/128 dev lo nodad",
    )
}

/// What a guest that hears a group needs, but for the senders.
fn hearing(group: &str, local: &str) -> Vec<String> {
    let any = if group.contains(':') { "::" } else { "0.0.0.0" };
    vec![
        "--allow-bind".to_owned(),
        target("udp", any, PORT),
        // IPv4 takes the interface by its address.
        "--allow-bind".to_owned(),
        target("udp", local, PORT),
        "--allow-recv".to_owned(),
        target("udp", group, PORT),
    ]
}

fn as_strs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// Sends from a native socket, bound to an address of loopback.
fn send(namespace: &Namespace, from: &str, group: &str, message: &str) {
    let script = format!(
        r"
import socket
v6 = ':' in {group:?}
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(({from:?}, 0))
if v6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, 1)
else:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton({from:?}))
s.sendto({message:?}.encode(), ({group:?}, {PORT}))
"
    );
    pipe(namespace.command("python3").arg("-"), &script);
}

#[apply(both_families)]
fn two_guests_meet_in_a_group(#[case] group: &str, #[case] local: &str, #[case] _other: &str) {
    let Some(namespace) = namespace() else {
        return;
    };
    let mut flags = hearing(group, local);
    flags.extend(["--allow-send".to_owned(), target("udp", local, "*")]);
    let mut answering = namespace.start(&as_strs(&flags), "multicast", &["answer", group]);
    answering.expect_line("ready");
    let flags = [
        "--allow-send",
        &target("udp", group, PORT),
        "--allow-recv",
        &target("udp", local, PORT),
        "--allow-bind",
        &target("udp", local, "ephemeral"),
    ];
    let printed = namespace
        .start(&flags, "multicast", &["ask", group, local])
        .succeed();
    let expected: std::net::SocketAddr = (local.parse::<std::net::IpAddr>().unwrap(), PORT).into();
    assert_eq!(printed, format!("{expected}\n"));
    answering.succeed();
}

#[apply(both_families)]
fn a_sender_that_is_not_granted_is_not_heard_in_a_group(
    #[case] group: &str,
    #[case] local: &str,
    #[case] other: &str,
) {
    let Some(namespace) = namespace() else {
        return;
    };
    let mut flags = hearing(group, local);
    flags.extend(["--allow-recv".to_owned(), target("udp", local, "*")]);
    let mut guest = namespace.start(&as_strs(&flags), "multicast", &["hear", group]);
    guest.expect_line("ready");
    send(&namespace, other, group, "intruder");
    send(&namespace, local, group, "end");
    let output = guest.output();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "end\n");
    let denied = format!("denied recv {}", target("udp", other, ""));
    assert!(stderr(&output).contains(&denied), "{}", stderr(&output));
}

#[apply(both_families)]
fn a_group_can_be_joined_for_one_source_or_all_but_one(
    #[case] group: &str,
    #[case] local: &str,
    #[case] other: &str,
) {
    let Some(namespace) = namespace() else {
        return;
    };
    let mut flags = hearing(group, local);
    for sender in [local, other] {
        flags.extend(["--allow-recv".to_owned(), target("udp", sender, "*")]);
    }
    for (case, source, heard) in [
        ("hear-source", local, "end\n"),
        ("hear-all-but", other, "end\n"),
        ("hear-source", other, "intruder\nend\n"),
    ] {
        let mut guest = namespace.start(&as_strs(&flags), "multicast", &[case, group, source]);
        guest.expect_line("ready");
        send(&namespace, other, group, "intruder");
        send(&namespace, source_of_end(heard, local, other), group, "end");
        assert_eq!(guest.succeed(), heard, "{case} {source}");
    }
}

fn source_of_end<'a>(heard: &str, local: &'a str, other: &'a str) -> &'a str {
    if heard.contains("intruder") {
        other
    } else {
        local
    }
}

#[apply(both_families)]
fn each_form_of_joining_and_leaving(#[case] group: &str, #[case] local: &str, #[case] other: &str) {
    let Some(namespace) = namespace() else {
        return;
    };
    let flags = hearing(group, local);
    namespace
        .start(&as_strs(&flags), "multicast", &["forms", group, other])
        .succeed();
}

/// The floor holds: a wide grant reaches no group.
#[apply(both_families)]
fn a_group_needs_a_grant_that_names_it(
    #[case] group: &str,
    #[case] local: &str,
    #[case] _other: &str,
) {
    let any = if group.contains(':') { "::" } else { "0.0.0.0" };
    let another = group.replace('3', "4");
    let (bind, local) = (target("udp", any, "5007"), target("udp", local, "5007"));
    for (grant, allowed) in [
        (target("udp", group, "5007"), true),
        ("udp://multicast:5007".to_owned(), true),
        ("udp://*:*".to_owned(), false),
        (target("udp", &another, "5007"), false),
        (target("udp", group, "5008"), false),
    ] {
        let Some(namespace) = namespace() else {
            return;
        };
        let flags = [
            "--allow-bind",
            &bind,
            "--allow-bind",
            &local,
            "--allow-recv",
            &grant,
        ];
        let output = namespace
            .start(&flags, "multicast", &["join", group, "5007"])
            .output();
        let expected = if allowed { "ok\n" } else { "EACCES\n" };
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{grant}");
    }
}

#[test]
fn a_denied_group_names_the_grant() {
    let flags = ["--allow-bind", "udp://0.0.0.0:ephemeral"];
    let output = output(&flags, "multicast", &["join", "239.1.2.3", "0"]);
    insta::assert_snapshot!(stderr(&output), @"capsock: denied recv udp://239.1.2.3:ephemeral: no rule allows it; to allow it: --allow-recv udp://239.1.2.3:ephemeral");
    let flags = [&flags[..], &["--allow-recv", "udp://239.1.2.3:ephemeral"]].concat();
    let output = capsock_tests::output(&flags, "multicast", &["join", "239.1.2.3", "0"]);
    insta::assert_snapshot!(stderr(&output), @"capsock: denied bind udp://127.0.0.1:ephemeral: no rule allows it; to allow it: --allow-bind udp://127.0.0.1:ephemeral");
}

#[test]
fn what_is_wrong_is_an_errno() {
    succeed(&[], "multicast", &["misuse", ""]);
}
