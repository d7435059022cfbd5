use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::DescriptorKind;
use crate::operation::Operation;
use crate::operation::{Bind, Connect, Listen, Send};
use crate::{
    AddressFamily, BluetoothAddress, BluetoothProtocol, CanAddress, CanProtocol,
    CanProtocolAddress, Denial, Machine, NetlinkAddress, Refusal, Route,
};

fn policy(rules: &[&str]) -> Policy {
    let parse = |rule: &&str| {
        rule.parse::<Rule>()
            .unwrap_or_else(|error| panic!("{error}"))
    };
    rules
        .iter()
        .map(parse)
        .fold(Policy::default(), Policy::with)
}

fn inet(address: &str) -> Address {
    Address::from(address.parse::<SocketAddr>().expect(address))
}

fn unix(path: &str) -> Address {
    Address::from(Path::new(path))
}

/// `allow`, `deny` or `invalid`.
fn verdict<O: Operation>(policy: &Policy, protocol: Protocol, address: Address) -> &'static str {
    match policy.vet::<O>(protocol, address) {
        Ok(_) => "allow",
        Err(Refusal::Denied(_)) => "deny",
        Err(Refusal::Invalid(_)) => "invalid",
    }
}

fn connects(rules: &[&str], address: &str) -> &'static str {
    verdict::<Connect>(&policy(rules), Protocol::Tcp, inet(address))
}

#[test]
fn nothing_is_allowed_by_default() {
    for address in ["127.0.0.1:80", "192.0.2.1:80", "[::1]:80", "8.8.8.8:53"] {
        assert_eq!(connects(&[], address), "deny");
    }
    assert_eq!(
        verdict::<Listen>(&Policy::default(), Protocol::Tcp, inet("0.0.0.0:0")),
        "deny"
    );
    assert_eq!(
        verdict::<Connect>(&Policy::default(), Protocol::UnixConnection, unix("/run/s")),
        "deny"
    );
}

#[test]
fn connect_targets() {
    for (rule, address, expected) in [
        ("tcp://127.0.0.1:80", "127.0.0.1:80", "allow"),
        ("tcp://127.0.0.1:80", "127.0.0.1:81", "deny"),
        ("tcp://127.0.0.1:80", "127.0.0.2:80", "deny"),
        ("ip://127.0.0.1:80", "127.0.0.1:80", "allow"),
        ("tcp://10.20.0.0/16:5432", "10.20.255.255:5432", "allow"),
        ("tcp://10.20.0.0/16:5432", "10.21.0.0:5432", "deny"),
        ("tcp://[2001:4860::/32]:1-9", "[2001:4860::1]:9", "allow"),
        ("tcp://[2001:4860::/32]:1-9", "[2001:4861::1]:9", "deny"),
        ("tcp://loopback:*", "[::1]:1", "allow"),
        ("tcp://localhost:*", "127.9.9.9:1", "deny"),
        ("tcp://localhost:*", "127.0.0.1:1", "allow"),
        ("tcp://localhost:*", "[::1]:1", "allow"),
        ("tcp://private:*", "192.168.1.1:1", "allow"),
        ("tcp://private:*", "100.64.0.1:1", "allow"),
        ("tcp://private:*", "[fd00::1]:1", "allow"),
        ("tcp://private:*", "127.0.0.1:1", "deny"),
        ("tcp://private:*", "[fd00:ec2::254]:1", "deny"),
        ("tcp://private:*", "100.100.100.200:1", "deny"),
        ("tcp://link-local:*", "169.254.1.1:1", "allow"),
        ("tcp://link-local:*", "169.254.169.254:1", "deny"),
        ("tcp://metadata:80", "169.254.169.254:80", "allow"),
        ("tcp://169.254.169.254:80", "169.254.169.254:80", "allow"),
    ] {
        let rule = format!("allow connect {rule}");
        assert_eq!(connects(&[&rule], address), expected, "{rule}: {address}");
    }
}

/// What is not the public internet needs its class, or a net inside it.
#[test]
fn the_floor() {
    for wide in ["*", "0.0.0.0/0", "[::/0]", "public"] {
        let rule = format!("allow connect tcp://{wide}:*");
        for address in [
            "127.0.0.1:80",
            "10.0.0.1:80",
            "100.64.0.1:80",
            "169.254.0.1:80",
            "169.254.169.254:80",
            "168.63.129.16:80",
            "192.0.2.1:80",
            "198.18.0.1:80",
            "240.0.0.1:80",
            "[::1]:80",
            "[fe80::1]:80",
            "[fd00::1]:80",
            "[fec0::1]:80",
            "[2001:db8::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80",
            "[2002:7f00:1::]:80",
            // Teredo of 127.0.0.1.
            "[2001:0:1:2:3:4:80ff:fffe]:80",
        ] {
            assert_eq!(connects(&[&rule], address), "deny", "{rule}: {address}");
        }
    }
    for (wide, address) in [
        ("*", "8.8.8.8:80"),
        ("*", "[2606:4700::1]:80"),
        ("0.0.0.0/0", "8.8.8.8:80"),
        ("[::/0]", "[2606:4700::1]:80"),
        ("10.0.0.0/7", "11.0.0.1:80"),
        ("198.18.0.0/15", "198.18.0.1:80"),
        ("240.0.0.0/4", "240.0.0.1:80"),
        ("169.254.0.0/16", "169.254.1.1:80"),
    ] {
        assert_eq!(
            connects(&[&format!("allow connect tcp://{wide}:*")], address),
            "allow",
            "{wide}: {address}"
        );
    }
    for (wide, address) in [
        ("10.0.0.0/7", "10.0.0.1:80"),
        ("169.254.0.0/16", "169.254.169.254:80"),
    ] {
        assert_eq!(
            connects(&[&format!("allow connect tcp://{wide}:*")], address),
            "deny",
            "{wide}: {address}"
        );
    }
}

#[test]
fn an_ipv4_address_in_an_ipv6_one_is_checked() {
    let loopback = "allow connect tcp://127.0.0.1:80";
    assert_eq!(connects(&[loopback], "[::ffff:127.0.0.1]:80"), "allow");
    assert_eq!(connects(&[loopback], "[::127.0.0.1]:80"), "allow");
    // Reached through a translator, both have to be granted.
    let nat64 = "allow connect tcp://[64:ff9b::/96]:80";
    assert_eq!(connects(&[loopback], "[64:ff9b::7f00:1]:80"), "deny");
    assert_eq!(connects(&[nat64], "[64:ff9b::7f00:1]:80"), "deny");
    assert_eq!(
        connects(&[nat64, loopback], "[64:ff9b::7f00:1]:80"),
        "allow"
    );
    assert_eq!(
        connects(&["allow connect tcp://*:80"], "[64:ff9b::808:808]:80"),
        "allow"
    );
    for embedded in [
        "[::ffff:9.9.9.9]:80",
        "[64:ff9b::909:909]:80",
        "[2002:909:909::]:80",
    ] {
        let rules = ["allow connect tcp://*:80", "deny connect tcp://9.9.9.9:*"];
        assert_eq!(connects(&rules, embedded), "deny", "{embedded}");
    }
}

#[test]
fn a_denial_has_no_floor() {
    let allow = "allow connect tcp://127.0.0.1:80";
    for wide in ["tcp://*:*", "ip://0.0.0.0/0:80", "tcp://loopback:1-80"] {
        assert_eq!(
            connects(&[allow, &format!("deny connect {wide}")], "127.0.0.1:80"),
            "deny",
            "{wide}"
        );
    }
    assert_eq!(
        connects(&[allow, "deny send udp://*:*"], "127.0.0.1:80"),
        "allow"
    );
}

#[test]
fn peers_that_make_no_sense() {
    let everything = policy(&[
        "allow connect tcp://0.0.0.0/32:*",
        "allow connect tcp://multicast:*",
        "allow send udp://multicast:*",
    ]);
    for address in [
        "0.0.0.0:80",
        "[::]:80",
        "127.0.0.1:0",
        "[::ffff:0.0.0.0]:80",
        "224.0.0.1:80",
        "255.255.255.255:80",
        "[ff02::1]:80",
    ] {
        assert_eq!(
            verdict::<Connect>(&everything, Protocol::Tcp, inet(address)),
            "invalid",
            "{address}"
        );
    }
    assert_eq!(
        verdict::<Send>(&everything, Protocol::Udp, inet("224.0.0.1:80")),
        "allow"
    );
    assert_eq!(
        verdict::<Send>(&everything, Protocol::Udp, inet("255.255.255.255:80")),
        "deny"
    );
}

#[test]
fn local_addresses() {
    for (rules, address, bind, listen) in [
        (
            &["allow listen tcp://127.0.0.1:80"][..],
            "127.0.0.1:80",
            "allow",
            "allow",
        ),
        (
            &["allow bind tcp://127.0.0.1:80"],
            "127.0.0.1:80",
            "allow",
            "deny",
        ),
        (
            &[
                "allow listen tcp://127.0.0.1:80",
                "deny bind tcp://127.0.0.1:80",
            ],
            "127.0.0.1:80",
            "deny",
            "deny",
        ),
        (
            &[
                "allow listen tcp://127.0.0.1:80",
                "deny listen tcp://127.0.0.1:80",
            ],
            "127.0.0.1:80",
            "deny",
            "deny",
        ),
        (
            &[
                "allow bind tcp://127.0.0.1:80",
                "deny listen tcp://127.0.0.1:80",
            ],
            "127.0.0.1:80",
            "allow",
            "deny",
        ),
        (
            &["allow listen tcp://127.0.0.1:1-65535"],
            "127.0.0.1:0",
            "deny",
            "deny",
        ),
        (
            &["allow listen tcp://127.0.0.1:ephemeral"],
            "127.0.0.1:0",
            "allow",
            "allow",
        ),
        // What the kernel does by itself before a connect.
        (&[], "0.0.0.0:0", "allow", "deny"),
        (&[], "[::]:0", "allow", "deny"),
        (&[], "[::ffff:0.0.0.0]:0", "allow", "deny"),
        (&["deny listen tcp://*:*"], "[::]:0", "allow", "deny"),
        (
            &["deny bind tcp://*:ephemeral"],
            "0.0.0.0:0",
            "deny",
            "deny",
        ),
        (&["deny bind tcp://[::]:*"], "[::]:0", "deny", "deny"),
        (
            &["allow listen tcp://loopback:*"],
            "0.0.0.0:80",
            "deny",
            "deny",
        ),
        (&["allow listen tcp://*:*"], "0.0.0.0:80", "deny", "deny"),
        (
            &["allow listen tcp://0.0.0.0:80"],
            "0.0.0.0:80",
            "allow",
            "allow",
        ),
        (&["allow listen tcp://[::]:80"], "[::]:80", "allow", "allow"),
        (
            &["allow listen tcp://[::]:80"],
            "0.0.0.0:80",
            "deny",
            "deny",
        ),
    ] {
        let policy = policy(rules);
        assert_eq!(
            verdict::<Bind>(&policy, Protocol::Tcp, inet(address)),
            bind,
            "bind {rules:?} {address}"
        );
        assert_eq!(
            verdict::<Listen>(&policy, Protocol::Tcp, inet(address)),
            listen,
            "listen {rules:?} {address}"
        );
    }
}

#[test]
fn the_implicit_bind_is_allowed_unless_denied() {
    let implicit = |rules: &[&str], family| {
        policy(rules)
            .vet_implicit_bind(Protocol::Tcp, family)
            .is_ok()
    };
    assert!(implicit(&[], AddressFamily::Inet));
    assert!(!implicit(&["deny bind tcp://*:*"], AddressFamily::Inet));
    assert!(!implicit(
        &["deny bind tcp://*:ephemeral"],
        AddressFamily::Inet6
    ));
    assert!(implicit(
        &["deny bind tcp://*:1-65535"],
        AddressFamily::Inet6
    ));
}

#[test]
fn peers_of_a_listener() {
    let admits = |rules: &[&str], peer: &str| {
        policy(rules)
            .admit_peer(Protocol::Tcp, &inet("[::]:80"), &inet(peer))
            .is_ok()
    };
    let listen = "allow listen tcp://[::]:80";
    let from = "allow listen tcp://[::]:80 from=private,[2001:4860::/32]";
    let deny = "deny listen tcp://[::]:80 from=10.9.0.0/16";
    for (rules, peer, expected) in [
        (&[listen][..], "8.8.8.8:9", true),
        (&[from], "10.0.0.1:9", true),
        (&[from], "[::ffff:10.0.0.1]:9", true),
        (&[from], "[2001:4860::1]:9", true),
        (&[from], "127.0.0.1:9", false),
        (&[from], "[64:ff9b::7f00:1]:9", false),
        (&[listen, deny], "10.9.0.1:9", false),
        (&[listen, deny], "10.8.0.1:9", true),
        (&["allow listen tcp://[::]:81"], "8.8.8.8:9", false),
    ] {
        assert_eq!(admits(rules, peer), expected, "{rules:?} {peer}");
    }
    // Denying some peers does not deny listening.
    assert_eq!(
        verdict::<Listen>(&policy(&[listen, deny]), Protocol::Tcp, inet("[::]:80")),
        "allow"
    );
}

#[test]
fn senders_of_datagrams() {
    let local = inet("127.0.0.1:80");
    for (rules, expected) in [
        (&[][..], false),
        (&["allow recv udp://127.0.0.1:9"], true),
        (&["allow recv udp://127.0.0.1:8"], false),
        (&["allow send udp://127.0.0.1:9"], true),
        (
            &[
                "allow send udp://127.0.0.1:9",
                "deny send udp://127.0.0.1:*",
            ],
            false,
        ),
        (
            &[
                "allow send udp://127.0.0.1:9",
                "deny recv udp://127.0.0.1:9",
            ],
            false,
        ),
        (&["allow listen udp://127.0.0.1:80"], true),
        (&["allow listen udp://127.0.0.1:80 from=127.0.0.2"], false),
        (
            &[
                "allow listen udp://127.0.0.1:80",
                "deny recv udp://127.0.0.1:*",
            ],
            false,
        ),
        (&["allow bind udp://127.0.0.1:80"], false),
        (&["allow recv ip://127.0.0.1:9"], true),
    ] {
        let admitted =
            policy(rules).admit_sender(Protocol::Udp, Some(&local), &inet("127.0.0.1:9"));
        assert_eq!(admitted.is_ok(), expected, "{rules:?}");
    }
    // A grant to receive is not one to send.
    let receive = policy(&["allow recv udp://127.0.0.1:9"]);
    assert_eq!(
        verdict::<Send>(&receive, Protocol::Udp, inet("127.0.0.1:9")),
        "deny"
    );
}

#[test]
fn unix_paths_and_names() {
    for (rule, path, expected) in [
        ("unix:/run/app/s", "/run/app/s", "allow"),
        ("unix:/run/app/s", "/run/app/t", "deny"),
        ("unix:/run/app/s", "/run/app/./s", "deny"),
        ("unix:/run/app/s", "/run/app//s", "deny"),
        ("unix:/run/app/s", "/run/app/x/../s", "deny"),
        ("unix:/run/app/", "/run/app/s", "allow"),
        ("unix:/run/app/", "/run/app/a/b", "allow"),
        ("unix:/run/app/", "/run/app", "deny"),
        ("unix:/run/app/", "/run/app/", "deny"),
        ("unix:/run/app/", "/run/application", "deny"),
        ("unix:/run/app/", "/run/app/../other", "deny"),
        ("unix:/run/app/", "relative", "deny"),
        ("unix:/", "/anything", "allow"),
        ("unix:/run/app/", "", "invalid"),
        ("unix:/run/app/", "/run/app/a\0b", "invalid"),
    ] {
        let policy = policy(&[&format!("allow connect {rule}")]);
        let result = verdict::<Connect>(&policy, Protocol::UnixConnection, unix(path));
        assert_eq!(result, expected, "{rule}: {path:?}");
    }
    let abstract_name = |name: &str| Address::Unix(UnixAddress::Abstract(name.into()));
    let policy = policy(&["allow connect unix-abstract:a"]);
    assert_eq!(
        verdict::<Connect>(&policy, Protocol::UnixConnection, abstract_name("a")),
        "allow"
    );
    assert_eq!(
        verdict::<Connect>(&policy, Protocol::UnixConnection, abstract_name("ab")),
        "deny"
    );
    assert_eq!(
        verdict::<Connect>(&policy, Protocol::UnixConnection, unix("/a")),
        "deny"
    );
    // A bind to it has the kernel choose an abstract name.
    let unnamed = || Address::Unix(UnixAddress::Unnamed);
    let protocol = Protocol::UnixConnection;
    assert_eq!(verdict::<Bind>(&policy, protocol, unnamed()), "allow");
    // A datagram socket hears there whom it may ask, and who may bind a name anybody.
    let datagram = Protocol::UnixDatagram;
    assert_eq!(verdict::<Bind>(&policy, datagram, unnamed()), "allow");
    let abstract_name = |name: &[u8]| Address::Unix(UnixAddress::Abstract(name.to_vec()));
    let clients = ["allow send unix:/run/s", "allow bind unix-abstract:own"];
    let clients = self::policy(&clients);
    for (local, sender, expected) in [
        (abstract_name(b"0000f"), unix("/run/s"), true),
        (abstract_name(b"0000f"), unix("/run/t"), false),
        (abstract_name(b"0000f"), unnamed(), false),
        (abstract_name(b"own"), unix("/run/t"), true),
        (abstract_name(b"own"), unnamed(), true),
    ] {
        let admitted = clients.admit_sender(datagram, Some(&local), &sender);
        assert_eq!(admitted.is_ok(), expected, "{local} {sender}: {admitted:?}");
    }
    assert!(clients.admit_sender(datagram, None, &unnamed()).is_ok());
    let denied = policy
        .clone()
        .with("deny bind unix-abstract:*".parse().expect("a rule"));
    assert_eq!(verdict::<Bind>(&denied, protocol, unnamed()), "deny");
    let one = policy
        .clone()
        .with("deny bind unix-abstract:a*".parse().expect("a rule"));
    assert_eq!(verdict::<Bind>(&one, protocol, unnamed()), "allow");
    assert_eq!(verdict::<Listen>(&policy, protocol, unnamed()), "deny");
    assert_eq!(verdict::<Connect>(&policy, protocol, unnamed()), "deny");
}

#[test]
fn a_denial_names_the_grant_that_would_lift_it() {
    let denial = |rules: &[&str], protocol, address: Address| match policy(rules)
        .vet::<Bind>(protocol, address)
    {
        Err(Refusal::Denied(denial)) => denial,
        other => panic!("{other:?}"),
    };
    let suggestion = |denial: Denial| {
        denial
            .grant()
            .map(|grant| format!("{} {}", grant.op, grant.target))
    };
    for (protocol, address, expected) in [
        (
            Protocol::Tcp,
            inet("127.0.0.1:80"),
            "listen tcp://127.0.0.1:80",
        ),
        (
            Protocol::Tcp,
            inet("[::1]:0"),
            "listen tcp://[::1]:ephemeral",
        ),
        (Protocol::Udp, inet("0.0.0.0:53"), "bind udp://0.0.0.0:53"),
        (
            Protocol::UnixConnection,
            unix("/run/a b"),
            "listen unix:/run/a\\x20b",
        ),
        (Protocol::UnixDatagram, unix("/run/s"), "bind unix:/run/s"),
    ] {
        let grant = suggestion(denial(&[], protocol, address.clone())).expect("a suggestion");
        assert_eq!(grant, expected);
        // It would.
        let granted = policy(&[&format!("allow {grant}")]);
        assert_eq!(
            verdict::<Bind>(&granted, protocol, address),
            "allow",
            "{grant}"
        );
    }
    let forbidden = denial(&["deny bind ip://*:*"], Protocol::Tcp, inet("127.0.0.1:80"));
    assert_eq!(suggestion(forbidden), None);
}

#[test]
fn descriptors_go_over_granted_addresses_and_over_unnamed_ones_by_the_wide_grant() {
    let path = unix("/run/app/a");
    let named = Address::Unix(UnixAddress::Abstract(b"app".to_vec()));
    let unnamed = Address::Unix(UnixAddress::Unnamed);
    for (rules, expected) in [
        (&["allow take-fd *"][..], [false, false, false]),
        (&["allow pass-fd *"], [true, true, true]),
        (&["allow pass-fd unix:/run/app/a"], [true, false, false]),
        (&["allow pass-fd unix:/run/app/"], [true, false, false]),
        (&["allow pass-fd unix:/run/app/b"], [false, false, false]),
        (&["allow pass-fd unix-abstract:app"], [false, true, false]),
        (
            &["allow pass-fd *", "deny pass-fd unix:/run/"],
            [false, true, true],
        ),
        (
            &["allow pass-fd unix:/run/app/a", "deny pass-fd *"],
            [false, false, false],
        ),
        (&["allow connect unix:/run/app/a"], [false, false, false]),
    ] {
        let policy = policy(rules);
        let verdicts = [&path, &named, &unnamed]
            .map(|over| policy.vet_pass(Protocol::UnixConnection, over).is_ok());
        assert_eq!(verdicts, expected, "{rules:?}");
    }
    let policy = policy(&["allow take-fd unix:/run/app/a"]);
    let take = |over, kind| policy.vet_take(Protocol::UnixDatagram, over, kind);
    assert!(take(&path, DescriptorKind::Socket).is_ok());
    for (kind, target) in [
        (DescriptorKind::Socket, "*"),
        (DescriptorKind::Pipe, "* of=pipe"),
    ] {
        let denial = take(&unnamed, kind).expect_err("no rule");
        let grant = denial.grant().expect("a suggestion");
        assert_eq!((grant.op(), &grant.target()[..]), (Op::TakeFd, target));
    }
}

/// In the order of `DescriptorKind::ALL`.
#[test]
fn descriptors_are_taken_of_granted_kinds_and_to_be_read_only_without_another_word() {
    let over = unix("/run/app/a");
    for (rules, expected) in [
        (&["allow take-fd *"][..], [true, false, false, false, false]),
        (
            &["allow take-fd * of=socket"],
            [true, false, false, false, false],
        ),
        (
            &["allow take-fd * of=file"],
            [false, true, false, false, false],
        ),
        (
            &["allow take-fd * of=writable-file"],
            [false, true, true, false, false],
        ),
        (
            &["allow take-fd * of=pipe"],
            [false, false, false, true, false],
        ),
        (
            &["allow take-fd * of=writable-pipe"],
            [false, false, false, true, true],
        ),
        (
            &["allow take-fd unix:/run/app/ of=socket,file,pipe"],
            [true, true, false, true, false],
        ),
        (
            &["allow take-fd unix:/run/b of=file"],
            [false, false, false, false, false],
        ),
        (
            &["allow take-fd * of=socket,writable-file", "deny take-fd *"],
            [false, false, false, false, false],
        ),
        (
            &[
                "allow take-fd * of=socket,writable-file",
                "deny take-fd unix:/run/ of=file",
            ],
            [true, false, false, false, false],
        ),
        (
            &[
                "allow take-fd * of=socket,writable-file",
                "deny take-fd * of=writable-file",
            ],
            [true, true, false, false, false],
        ),
        (
            &["allow take-fd *", "allow take-fd * of=file"],
            [true, true, false, false, false],
        ),
        (&["allow pass-fd *"], [false, false, false, false, false]),
    ] {
        let granted = policy(rules);
        let verdicts = DescriptorKind::ALL.map(|kind| {
            granted
                .vet_take(Protocol::UnixConnection, &over, kind)
                .is_ok()
        });
        assert_eq!(verdicts, expected, "{rules:?}");
        // A limit takes away, and gives nothing.
        let sockets = policy(&["allow take-fd *"]);
        for narrowed in [
            granted.clone().narrowed(sockets.clone()),
            sockets.narrowed(granted),
        ] {
            let verdicts = DescriptorKind::ALL.map(|kind| {
                narrowed
                    .vet_take(Protocol::UnixConnection, &over, kind)
                    .is_ok()
            });
            assert_eq!(verdicts, [expected[0], false, false, false, false]);
        }
    }
}

prop_compose! {
    fn rules()(rules in proptest::collection::vec(
        ("allow|deny", "(1[0-2]\\.0\\.0\\.[0-3]|8\\.0\\.0\\.0/[5-9]|\\*|private|public)", "([1-3]|\\*|1-2)"),
        0..6,
    )) -> Vec<Rule> {
        rules
            .iter()
            .filter_map(|(effect, host, ports)| format!("{effect} connect tcp://{host}:{ports}").parse().ok())
            .collect()
    }
}

prop_compose! {
    fn addresses()(first in 8u8..13, last in 0u8..4, port in 1u16..4) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(first, 0, 0, last), port)
    }
}

fn allows(rules: impl IntoIterator<Item = Rule>, address: Address) -> bool {
    let policy = rules.into_iter().fold(Policy::default(), Policy::with);
    policy.vet::<Connect>(Protocol::Tcp, address).is_ok()
}

proptest! {
    #[test]
    fn the_order_of_rules_never_matters(rules in rules(), address in addresses()) {
        let address = Address::Inet(address);
        let backwards = rules.iter().rev().cloned();
        prop_assert_eq!(allows(backwards, address.clone()), allows(rules.clone(), address));
    }

    #[test]
    fn a_denial_never_widens_and_a_grant_never_narrows(rules in rules(), index in 0usize..6, address in addresses()) {
        let address = Address::Inet(address);
        let all = allows(rules.clone(), address.clone());
        let Some(one) = rules.get(index) else { return Ok(()) };
        let without = rules.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, rule)| rule.clone());
        let without = allows(without, address);
        match one.effect() {
            Effect::Deny => prop_assert!(!all || without),
            Effect::Allow => prop_assert!(all || !without),
        }
    }

    #[test]
    fn an_ipv4_mapped_address_is_the_ipv4_address(rules in rules(), address in addresses()) {
        let mapped = SocketAddr::new(address.ip().to_ipv6_mapped().into(), address.port());
        prop_assert_eq!(allows(rules.clone(), mapped.into()), allows(rules, Address::Inet(address)));
    }
}

/// A machine with an address and a broadcast of the internet, an interface of two
/// names, and a link to a directory.
#[derive(Debug)]
struct Here;

impl Machine for Here {
    fn route(&self, ip: IpAddr) -> Route {
        match ip.to_string().as_str() {
            "9.9.9.8" => Route::Here,
            "9.9.9.255" => Route::Broadcast,
            _ => Route::Elsewhere,
        }
    }

    fn is_same_interface(&self, one: &str, other: &str) -> bool {
        [one, other]
            .iter()
            .all(|name| ["eth0", "alt0"].contains(name))
    }

    fn beneath(&self, directory: &Path, path: &Path) -> Option<PathBuf> {
        let rest = path.strip_prefix("/alias").ok()?;
        (directory == Path::new("/real")).then(|| rest.to_owned())
    }
}

#[test]
fn what_is_here_is_not_public() {
    let policy = |rules: &[&str]| policy(rules).on(Arc::new(Here));
    let connects = |rules: &[&str], address: &str| {
        let address: SocketAddr = address.parse().expect(address);
        verdict::<Connect>(&policy(rules), Protocol::Tcp, address.into())
    };
    let wide = [
        "allow connect tcp://*:*",
        "allow connect tcp://public:*",
        "allow connect tcp://0.0.0.0/0:*",
        "allow connect tcp://9.9.9.0/24:*",
    ];
    assert_eq!(connects(&wide, "9.9.9.7:1"), "allow");
    assert_eq!(connects(&wide, "9.9.9.8:1"), "deny");
    assert_eq!(
        connects(&["allow connect tcp://9.9.9.8:1"], "9.9.9.8:1"),
        "allow"
    );
    // A denial of what is public by its number holds.
    let denied = [
        "allow connect tcp://9.9.9.8:1",
        "deny connect tcp://public:*",
    ];
    assert_eq!(connects(&denied, "9.9.9.8:1"), "deny");
    let sends = |rules: &[&str]| {
        let address: SocketAddr = "9.9.9.255:1".parse().expect("an address");
        verdict::<Send>(&policy(rules), Protocol::Udp, address.into())
    };
    assert_eq!(sends(&["allow send udp://*:*"]), "deny");
    assert_eq!(sends(&["allow send udp://broadcast:*"]), "allow");
    assert_eq!(
        sends(&[
            "allow send udp://9.9.9.255:1",
            "deny send udp://broadcast:*"
        ]),
        "deny"
    );
    // What is bound is always here; who connects may be.
    let listens = policy(&["allow listen tcp://*:80 from=public"]);
    let own: SocketAddr = "9.9.9.8:80".parse().expect("an address");
    assert_eq!(
        verdict::<Listen>(&listens, Protocol::Tcp, own.into()),
        "allow"
    );
    let admits = |peer: &str| {
        let peer: SocketAddr = peer.parse().expect(peer);
        listens
            .admit_peer(Protocol::Tcp, &own.into(), &peer.into())
            .is_ok()
    };
    assert!(admits("8.8.8.8:1") && !admits("9.9.9.8:1"));
    // So do limits, and what names resolve to.
    let narrowed = policy(&["allow connect tcp://*.example:*"])
        .narrowed(self::policy(&["allow connect tcp://*.example:*"]));
    let name = narrowed.vet_name("own.example").expect("granted");
    let denial = narrowed.admit_answer(&name, own.ip()).expect_err("own");
    assert_eq!(
        denial.to_string(),
        "connect tcp://own.example:*: it resolves to 9.9.9.8, which is an address of this machine"
    );
    let question = "connect tcp://9.9.9.8:1".parse().expect("a question");
    assert_eq!(
        policy(&["allow connect tcp://*:*"])
            .explain(&question)
            .to_string(),
        "deny: no rule allows it: 9.9.9.8 is an address of this machine, and the rule `allow connect tcp://*:*` \
         means the public internet only"
    );
}

#[test]
fn a_denial_holds_for_each_name_of_a_thing() {
    let forbids = |denial: &str, question: &str| {
        let policy = policy(&[denial]).on(Arc::new(Here));
        let question = question.parse().unwrap_or_else(|error| panic!("{error}"));
        policy.explain(&question).rule().is_some()
    };
    for (denial, question) in [
        (
            "deny option so-bindtodevice=alt0",
            "option so-bindtodevice=eth0",
        ),
        ("deny raw packet://alt0", "raw packet://eth0"),
        ("deny raw packet://eth0", "raw packet://*"),
        ("deny connect unix:/real/s", "connect unix:/alias/s"),
        ("deny send unix:/real/", "connect unix:/alias/s"),
        ("deny connect ip://10.0.0.0/8:*", "send udp://10.0.0.1:53"),
        ("deny send ip://10.0.0.0/8:*", "connect tcp://10.0.0.1:53"),
        (
            "deny connect tcp://10.0.0.1:80",
            "connect mptcp://10.0.0.1:80",
        ),
        ("deny send ip://10.0.0.1:80", "send udplite://10.0.0.1:80"),
        ("deny raw netlink://0", "raw netlink://route/7"),
        (
            "deny bind tipc://name:18888:17",
            "bind tipc://name:18888:1-99",
        ),
        (
            "deny connect bluetooth://rfcomm/aa:bb:cc:dd:ee:ff/*",
            "connect bluetooth://rfcomm/AA:BB:CC:DD:EE:FF/1",
        ),
        ("deny connect vsock://2:*", "send vsock://2:9"),
    ] {
        assert!(forbids(denial, question), "{denial}: {question}");
    }
    for (denial, question) in [
        (
            "deny option so-bindtodevice=alt0",
            "option so-bindtodevice=eth1",
        ),
        ("deny connect unix:/real/s", "connect unix:/alias/t"),
        ("deny connect tcp://10.0.0.1:80", "send udp://10.0.0.1:80"),
        (
            "deny connect mptcp://10.0.0.1:80",
            "connect tcp://10.0.0.1:80",
        ),
        ("deny raw netlink://route", "raw netlink://generic"),
        (
            "deny bind tipc://name:18888:17",
            "bind tipc://name:18888:18-99",
        ),
    ] {
        assert!(!forbids(denial, question), "{denial}: {question}");
    }
}

#[test]
fn what_is_denied_as_a_whole_is_not_opened() {
    let opens = |rules: &[&str], protocol| policy(rules).vet_open(protocol).is_ok();
    let route = Protocol::Netlink(0);
    assert!(opens(&["allow raw netlink://*"], route));
    assert!(!opens(
        &["allow raw netlink://*", "deny raw netlink://0"],
        route
    ));
    assert!(opens(
        &["allow raw netlink://*", "deny raw netlink://route/7"],
        route
    ));
    assert!(opens(
        &["allow raw netlink://*", "deny raw netlink://generic"],
        route
    ));
    assert!(!opens(
        &["allow raw packet://lo", "deny raw packet://*"],
        Protocol::Packet
    ));
    let hci = Protocol::BluetoothDatagram(BluetoothProtocol::Hci);
    assert!(!opens(&["allow bind bluetooth://rfcomm/*"], hci));
    assert!(opens(&["allow bind bluetooth://hci/*"], hci));
    assert!(!opens(
        &["allow bind bluetooth://*", "deny bind bluetooth://hci/*"],
        hci
    ));
    let mptcp = Protocol::Mptcp;
    assert!(!opens(
        &["allow connect mptcp://*:*", "deny connect tcp://*:*"],
        mptcp
    ));
    assert!(opens(
        &["allow listen mptcp://*:*", "deny connect tcp://*:*"],
        mptcp
    ));
}

#[test]
fn an_address_of_another_protocol_makes_no_sense() {
    let hci = Address::Bluetooth(BluetoothAddress::Hci {
        device_id: 0,
        channel: 1,
    });
    let rfcomm = Protocol::BluetoothConnection(BluetoothProtocol::Rfcomm);
    let policy = policy(&["allow bind bluetooth://*", "allow raw can://*"]);
    assert_eq!(verdict::<Bind>(&policy, rfcomm, hci.clone()), "invalid");
    let own = Protocol::BluetoothDatagram(BluetoothProtocol::Hci);
    assert_eq!(verdict::<Bind>(&policy, own, hci), "allow");
    let can = |protocol| {
        Address::Can(CanAddress {
            interface: String::new(),
            protocol,
        })
    };
    let isotp = CanProtocolAddress::Isotp {
        receive_id: 1,
        transmit_id: 2,
    };
    assert_eq!(
        verdict::<Bind>(&policy, Protocol::Can(CanProtocol::Raw), can(isotp)),
        "invalid"
    );
    assert_eq!(
        verdict::<Bind>(&policy, Protocol::Can(CanProtocol::Isotp), can(isotp)),
        "allow"
    );
}

#[test]
fn a_denial_to_listen_holds_wherever_that_is() {
    let listens = |rules: &[&str], local: &str| {
        let policy = policy(rules);
        let local: SocketAddr = local.parse().expect(local);
        [
            verdict::<Bind>(&policy, Protocol::Tcp, local.into()),
            verdict::<Listen>(&policy, Protocol::Tcp, local.into()),
        ]
    };
    for any in ["0.0.0.0", "[::]"] {
        let grant = format!("allow listen tcp://{any}:*");
        let denials = match any {
            "[::]" => ["deny listen tcp://[::1]:80", "deny bind tcp://loopback:*"],
            _ => [
                "deny listen tcp://127.0.0.1:80",
                "deny bind tcp://10.0.0.0/8:*",
            ],
        };
        for denial in denials {
            assert_eq!(
                listens(&[&grant, denial], &format!("{any}:80")),
                ["deny"; 2],
                "{denial}"
            );
        }
        // A client is bound to none that it asks for.
        let client = listens(&[&grant, denials[1]], &format!("{any}:0"));
        assert_eq!(client[0], "allow", "{denials:?}");
    }
    // IPv4 peers of a socket on every address reach the one that is denied.
    let both = policy(&[
        "allow listen tcp://[::]:80",
        "deny listen tcp://127.0.0.1:*",
    ]);
    let local: SocketAddr = "[::]:80".parse().expect("an address");
    let admits = |peer: &str| {
        let peer: SocketAddr = peer.parse().expect(peer);
        both.admit_peer(Protocol::Tcp, &local.into(), &peer.into())
            .is_ok()
    };
    assert!(admits("[2001:db8::1]:1") && !admits("[::ffff:10.0.0.1]:1"));
    // What is denied to be heard is not heard by another grant.
    let hears = |rules: &[&str], local: &str| {
        let local: SocketAddr = local.parse().expect(local);
        let sender: SocketAddr = "127.0.0.2:1".parse().expect("an address");
        policy(rules)
            .admit_sender(Protocol::Udp, Some(&local.into()), &sender.into())
            .is_ok()
    };
    let recv = "allow recv udp://127.0.0.0/8:*";
    assert!(hears(
        &["allow bind udp://127.0.0.1:5", recv],
        "127.0.0.1:5"
    ));
    for denial in [
        "deny listen udp://127.0.0.1:5 from=127.0.0.2",
        "deny listen udp://*:*",
    ] {
        assert!(
            !hears(
                &["allow bind udp://127.0.0.1:5", recv, denial],
                "127.0.0.1:5"
            ),
            "{denial}"
        );
        assert!(hears(&[recv, denial], "0.0.0.0:0"), "{denial}");
    }
}

#[test]
fn all_of_ipv6_is_all_of_ipv4_in_a_denial() {
    for net in ["::/0", "::/8", "::/64", "::/95", "::fffe:0:0/95"] {
        let deny = format!("deny connect tcp://[{net}]:*");
        let policy = policy(&["allow connect tcp://127.0.0.1:*", &deny]);
        assert_eq!(
            verdict::<Connect>(&policy, Protocol::Tcp, inet("127.0.0.1:1")),
            "deny",
            "{net}"
        );
    }
    let other = policy(&[
        "allow connect tcp://127.0.0.1:*",
        "deny connect tcp://[2000::/3]:*",
    ]);
    assert_eq!(
        verdict::<Connect>(&other, Protocol::Tcp, inet("127.0.0.1:1")),
        "allow"
    );
}

#[test]
fn nothing_is_sent_to_groups_of_netlink() {
    let policy = policy(&["allow raw netlink://*"]);
    let to = |groups| Address::Netlink(NetlinkAddress { port_id: 0, groups });
    let route = Protocol::Netlink(0);
    assert_eq!(verdict::<Send>(&policy, route, to(0)), "allow");
    assert_eq!(verdict::<Send>(&policy, route, to(1)), "invalid");
    assert_eq!(verdict::<Connect>(&policy, route, to(1)), "invalid");
    // To hear them is another thing.
    assert_eq!(verdict::<Bind>(&policy, route, to(1)), "allow");
}
