//! What holds for every policy and every address.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::http::Request;
use crate::operation::{Bind, Connect, Listen, Send};
use crate::{Check, VettedName};

const HOSTS: &str = r"(127\.0\.0\.[0-2]|10\.0\.0\.[0-2]|8\.8\.8\.[0-2]|\[::1\]|\[64:ff9b::/96\]|\*|loopback|private|public|127\.0\.0\.0/8|10\.0\.0\.0/7|0\.0\.0\.0/0|\[::/0\])";
const HTTP: &str = r"http ((GET|PUT) )?http://(8\.8\.8\.[0-2]|127\.0\.0\.1|\[::1\]|\[64:ff9b::/96\]|\*|loopback|public|localhost|\[10\.0\.0\.0/8\]|(\*\.)?(a|b)\.example)(:[1-2])?/(a|a/\*|\*)";
const PORTS: &str = r"([1-2]|1-2|\*)";

/// A rule of a small world, so that rules often meet.
fn rule(effect: &'static str) -> impl Strategy<Value = Rule> {
    let kinds = [
        format!("connect (tcp|ip)://{HOSTS}:{PORTS}"),
        format!("(listen|bind) (tcp|udp|ip)://{HOSTS}:([1-2]|ephemeral|\\*)"),
        format!("listen (tcp|udp)://{HOSTS}:\\* from={HOSTS}"),
        format!("(send|recv) (udp|ip)://{HOSTS}:{PORTS}"),
        "(connect|listen|bind|send) unix:/run/(a|b|d/)".to_owned(),
        "resolve (a\\.example|localhost|\\*)".to_owned(),
        HTTP.to_owned(),
    ];
    prop::sample::select(kinds.to_vec())
        .prop_flat_map(|kind| prop::string::string_regex(&kind).expect("a pattern"))
        .prop_map(move |rest| format!("{effect} {rest}").parse().expect("a rule"))
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(prop_oneof![3 => rule("allow"), 1 => rule("deny")], 0..12)
}

fn address() -> impl Strategy<Value = Address> {
    let ip = prop::sample::select(vec![
        "127.0.0.1",
        "127.0.0.2",
        "10.0.0.1",
        "8.8.8.1",
        "11.0.0.1",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:8.8.8.1]",
        "[64:ff9b::7f00:1]",
        "[2002:808:801::]",
        "224.0.0.1",
    ]);
    let inet = (ip, 0u16..3).prop_map(|(ip, port)| {
        let address: SocketAddr = format!("{ip}:{port}").parse().expect("an address");
        Address::from(address)
    });
    let unix = prop::sample::select(vec!["/run/a", "/run/b", "/run/d/a", "/run/d/../a"]);
    prop_oneof![6 => inet, 1 => unix.prop_map(|path| Address::from(Path::new(path)))]
}

/// Everything that a policy says of an address, with a second one where it takes
/// two.
fn verdicts(policy: &Policy, address: &Address, other: &Address) -> Vec<bool> {
    let mut verdicts = Vec::new();
    for protocol in [
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::UnixConnection,
        Protocol::UnixDatagram,
    ] {
        verdicts.extend([
            policy.vet::<Connect>(protocol, address.clone()).is_ok(),
            policy.vet::<Bind>(protocol, address.clone()).is_ok(),
            policy.vet::<Listen>(protocol, address.clone()).is_ok(),
            policy.vet::<Send>(protocol, address.clone()).is_ok(),
            policy.admit_peer(protocol, address, other).is_ok(),
            policy.admit_sender(protocol, Some(address), other).is_ok(),
            policy.admit_sender(protocol, None, address).is_ok(),
            policy.vet_implicit_bind(protocol, address.family()).is_ok(),
        ]);
    }
    for (host, path) in [
        ("a.example", "/a"),
        ("b.a.example:1", "/a/b"),
        ("localhost", "/b"),
    ] {
        let request = Request::of("GET", "http", host, path).expect("a request");
        let ip = address.canonical().map(|endpoint| endpoint.ip());
        let asked = [None, ip].map(|ip| Check::Request {
            request: request.clone(),
            ip,
        });
        verdicts.extend(asked.map(|check| check.ask(policy).is_ok()));
    }
    verdicts
}

fn policy(rules: impl IntoIterator<Item = Rule>) -> Policy {
    rules.into_iter().fold(Policy::default(), Policy::with)
}

fn name() -> impl Strategy<Value = String> {
    prop::string::string_regex(r"(a\.|b\.)?(a|b)\.example").expect("a pattern")
}

/// A rule for what a name resolves to.
fn named() -> impl Strategy<Value = Rule> {
    let rule = r"allow (connect tcp|send udp)://(\*\.)?(a\.)?(a|b)\.example:[12] in=(public|loopback|private,loopback)";
    let rule = prop::string::string_regex(rule).expect("a pattern");
    rule.prop_map(|rule| rule.parse().expect("a rule"))
}

/// The same policy with so many rules beside that nobody meets that it is
/// indexed.
fn indexed(rules: &[Rule]) -> Policy {
    let beside = (0..=index::FEW).map(|number| {
        let rule = format!("deny connect tcp://203.0.113.{number}:9");
        rule.parse().expect("a rule")
    });
    policy(beside.chain(rules.iter().cloned()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn a_denial_never_widens(
        rules in rules(),
        denial in rule("deny"),
        at in any::<prop::sample::Index>(),
        address in address(),
        other in address(),
    ) {
        let before = verdicts(&policy(rules.clone()), &address, &other);
        let mut more = rules.clone();
        more.insert(at.index(rules.len() + 1), denial.clone());
        let after = verdicts(&policy(more), &address, &other);
        for (before, after) in before.into_iter().zip(after) {
            prop_assert!(before || !after, "{denial} with {rules:?}: {address}, {other}");
        }
    }

    #[test]
    fn a_grant_never_narrows(
        rules in rules(),
        grant in rule("allow"),
        address in address(),
        other in address(),
    ) {
        let before = verdicts(&policy(rules.clone()), &address, &other);
        let after = verdicts(&policy(rules.clone()).with(grant.clone()), &address, &other);
        for (before, after) in before.into_iter().zip(after) {
            prop_assert!(after || !before, "{grant} with {rules:?}: {address}, {other}");
        }
    }

    #[test]
    fn order_never_matters(
        (rules, shuffled) in rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        address in address(),
        other in address(),
    ) {
        prop_assert_eq!(
            verdicts(&policy(rules.clone()), &address, &other),
            verdicts(&policy(shuffled), &address, &other),
            "{:?}: {}, {}", rules, address, other
        );
    }

    #[test]
    fn the_index_finds_what_asking_every_rule_does(
        rules in rules(),
        named in prop::collection::vec(named(), 0..4),
        pins in prop::collection::vec((name(), address()), 0..4),
        address in address(),
        other in address(),
    ) {
        let few = index::FEW - named.len();
        let rules: Vec<Rule> = rules.into_iter().take(few).chain(named).collect();
        let pinned = |policy: Policy| {
            pins.iter().fold(policy, |policy, (name, address)| {
                let ip = address.canonical().map(|endpoint| endpoint.ip());
                policy.pinned(&VettedName(name.clone()), ip.into_iter(), Instant::now())
            })
        };
        prop_assert_eq!(
            verdicts(&pinned(policy(rules.clone())), &address, &other),
            verdicts(&pinned(indexed(&rules)), &address, &other),
            "{:?}, {:?}: {}, {}", rules, pins, address, other
        );
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address(
        rules in rules(),
        ip in prop_oneof![any::<u32>(), Just(0x7f00_0001), Just(0x0a00_0001), Just(0x0808_0801)],
        port in 0u16..3,
        other in address(),
    ) {
        let ip = Ipv4Addr::from(ip);
        let mapped = SocketAddr::new(ip.to_ipv6_mapped().into(), port);
        let plain = SocketAddr::new(ip.into(), port);
        let policy = policy(rules);
        let said = |address: SocketAddr| {
            let mut said = verdicts(&policy, &address.into(), &other);
            // The implicit bind is one of the socket's family.
            for chunk in said.chunks_exact_mut(8) {
                chunk[7] = true;
            }
            // And as the peer of others.
            said.push(policy.admit_peer(Protocol::Tcp, &other, &address.into()).is_ok());
            said.push(policy.admit_sender(Protocol::Udp, Some(&other), &address.into()).is_ok());
            said
        };
        prop_assert_eq!(said(mapped), said(plain), "{} {:?}", ip, policy.rules());
    }
}
