//! Multicast groups: `multicast CASE GROUP [SOURCE]`, on port 5007 of the
//! loopback interface.

use std::net::{IpAddr, Ipv4Addr};

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

// Not in Python's module.
const IP_UNBLOCK_SOURCE: i32 = 37;
const IP_BLOCK_SOURCE: i32 = 38;
const IP_ADD_SOURCE_MEMBERSHIP: i32 = 39;
const IP_DROP_SOURCE_MEMBERSHIP: i32 = 40;
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_BLOCK_SOURCE: i32 = 43;
const MCAST_UNBLOCK_SOURCE: i32 = 44;
const MCAST_LEAVE_GROUP: i32 = 45;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;
const MCAST_LEAVE_SOURCE_GROUP: i32 = 47;

const PORT: u16 = 5007;
/// The first interface of every network namespace.
const LO: u32 = 1;

fn main() {
    let args = args();
    let group = args[1].as_str();
    match args[0].as_str() {
        "answer" => answer(group),
        "ask" => ask(group, &args[2]),
        "hear" => hear(group, None, None),
        "hear-source" => hear(group, Some(&args[2]), None),
        "hear-all-but" => hear(group, None, Some(&args[2])),
        "forms" => forms(group, &args[2]),
        "join" => join(group, args[2].parse().expect("a port")),
        "misuse" => misuse(),
        case => panic!("no case `{case}`"),
    }
}

fn socket(group: &str) -> Socket {
    let socket = Socket::new(family_of(group), SOCK_DGRAM).expect("socket");
    socket.bind(("", PORT)).expect("bind");
    socket
}

fn octets(ip: &str) -> Vec<u8> {
    match ip.parse().expect("an address") {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn level(group: &str) -> i32 {
    match family_of(group) {
        AF_INET => IPPROTO_IP,
        _ => IPPROTO_IPV6,
    }
}

/// `ip_mreq` or `ipv6_mreq`.
fn mreq(group: &str) -> Vec<u8> {
    match family_of(group) {
        AF_INET => [octets(group), octets("127.0.0.1")].concat(),
        _ => [octets(group), LO.to_ne_bytes().to_vec()].concat(),
    }
}

/// `group_req` or `group_source_req`.
fn group_req(group: &str, source: Option<&str>) -> Vec<u8> {
    let mut value = LO.to_ne_bytes().to_vec();
    for (index, ip) in std::iter::once(group).chain(source).enumerate() {
        value.resize(8 + 128 * index, 0);
        let family = family_of(ip);
        value.extend((family.number() as u16).to_ne_bytes());
        value.extend(if family == AF_INET {
            &[0; 2][..]
        } else {
            &[0; 6]
        });
        value.extend(octets(ip));
        value.resize(8 + 128 * (index + 1), 0);
    }
    value
}

fn mreq_source(group: &str, source: &str) -> Vec<u8> {
    [octets(group), octets("127.0.0.1"), octets(source)].concat()
}

fn join_option(group: &str) -> i32 {
    match family_of(group) {
        AF_INET => IP_ADD_MEMBERSHIP,
        _ => IPV6_JOIN_GROUP,
    }
}

/// Answers one question that the group is asked.
fn answer(group: &str) {
    let s = socket(group);
    s.setsockopt_bytes(level(group), join_option(group), &mreq(group))
        .expect("join");
    println!("ready");
    let (question, asker) = s.recvfrom(64).expect("recvfrom");
    assert_eq!(question, b"anybody?");
    s.sendto(b"me", asker.expect("a sender")).expect("sendto");
}

/// Asks the group a question, and prints who answers.
fn ask(group: &str, local: &str) {
    let s = Socket::new(family_of(group), SOCK_DGRAM).expect("socket");
    s.bind((local, 0)).expect("bind");
    match family_of(group) {
        AF_INET => {
            let unset = s.getsockopt_bytes(IPPROTO_IP, IP_MULTICAST_IF, 4);
            assert_eq!(unset.expect("IP_MULTICAST_IF"), [0; 4]);
            // `in_addr`, `ip_mreq` and `ip_mreqn`.
            let local = octets("127.0.0.1");
            for value in [
                local.clone(),
                [&[0; 4], &local[..]].concat(),
                [&[0; 4], &local[..], &[0; 4]].concat(),
            ] {
                s.setsockopt_bytes(IPPROTO_IP, IP_MULTICAST_IF, &[0; 4])
                    .expect("IP_MULTICAST_IF");
                s.setsockopt_bytes(IPPROTO_IP, IP_MULTICAST_IF, &value)
                    .expect("IP_MULTICAST_IF");
                let set = s.getsockopt_bytes(IPPROTO_IP, IP_MULTICAST_IF, 4);
                assert_eq!(set.expect("IP_MULTICAST_IF"), local);
            }
        }
        _ => s
            .setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_IF, LO as i32)
            .expect("IPV6_MULTICAST_IF"),
    }
    s.sendto(b"anybody?", (group, PORT)).expect("sendto");
    let (data, sender) = s.recvfrom(64).expect("recvfrom");
    assert_eq!(data, b"me");
    println!("{}", sender.expect("a sender"));
}

/// Prints what the group is sent, to the word `end`.
fn hear(group: &str, source: Option<&str>, except: Option<&str>) {
    let s = socket(group);
    let set = |option, value: &[u8]| s.setsockopt_bytes(level(group), option, value);
    match (source, family_of(group)) {
        (None, _) => set(join_option(group), &mreq(group)),
        (Some(source), AF_INET) => set(IP_ADD_SOURCE_MEMBERSHIP, &mreq_source(group, source)),
        (Some(source), _) => set(MCAST_JOIN_SOURCE_GROUP, &group_req(group, Some(source))),
    }
    .expect("join");
    if let Some(source) = except {
        match family_of(group) {
            AF_INET => set(IP_BLOCK_SOURCE, &mreq_source(group, source)),
            _ => set(MCAST_BLOCK_SOURCE, &group_req(group, Some(source))),
        }
        .expect("block");
    }
    println!("ready");
    loop {
        let data = s.recv(64).expect("recv");
        println!("{}", String::from_utf8_lossy(&data));
        if data == b"end" {
            return;
        }
    }
}

/// Each form of each option does what its opposite undoes.
fn forms(group: &str, source: &str) {
    let s = socket(group);
    let set = |option, value: &[u8]| {
        let result = s.setsockopt_bytes(level(group), option, value);
        result.err().and_then(|error| error.name()).unwrap_or("ok")
    };
    let pair = |on: i32, off: i32, value: &[u8], again: &str| {
        assert_eq!(set(on, value), "ok", "{on}");
        assert_eq!(set(on, value), again, "{on} again");
        assert_eq!(set(off, value), "ok", "{off}");
        assert_eq!(set(off, value), "EADDRNOTAVAIL", "{off} again");
        assert_eq!(set(on, &value[..value.len() - 1]), "EINVAL", "{on} cut");
    };
    let (any, specific) = (group_req(group, None), group_req(group, Some(source)));
    if family_of(group) == AF_INET {
        let by_index = [octets(group), vec![0; 4], LO.to_ne_bytes().to_vec()].concat();
        let by_address = mreq_source(group, source);
        pair(
            IP_ADD_MEMBERSHIP,
            IP_DROP_MEMBERSHIP,
            &mreq(group),
            "EADDRINUSE",
        );
        assert_eq!(set(IP_ADD_MEMBERSHIP, &by_index), "ok");
        assert_eq!(set(IP_BLOCK_SOURCE, &by_address), "ok");
        assert_eq!(set(IP_UNBLOCK_SOURCE, &by_address), "ok");
        assert_eq!(set(IP_DROP_MEMBERSHIP, &by_index), "ok");
        assert_eq!(set(IP_ADD_SOURCE_MEMBERSHIP, &by_address), "ok");
        assert_eq!(set(IP_DROP_SOURCE_MEMBERSHIP, &by_address), "ok");
    } else {
        pair(
            IPV6_JOIN_GROUP,
            IPV6_LEAVE_GROUP,
            &mreq(group),
            "EADDRINUSE",
        );
    }
    pair(MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP, &any, "EADDRINUSE");
    assert_eq!(set(MCAST_JOIN_GROUP, &any), "ok");
    assert_eq!(set(MCAST_BLOCK_SOURCE, &specific), "ok");
    assert_eq!(set(MCAST_UNBLOCK_SOURCE, &specific), "ok");
    assert_eq!(set(MCAST_LEAVE_GROUP, &any), "ok");
    assert_eq!(set(MCAST_JOIN_SOURCE_GROUP, &specific), "ok");
    assert_eq!(set(MCAST_LEAVE_SOURCE_GROUP, &specific), "ok");
}

/// Prints what came of joining.
fn join(group: &str, port: u16) {
    let s = Socket::new(family_of(group), SOCK_DGRAM).expect("socket");
    s.bind(("", port)).expect("bind");
    let result = s.setsockopt_bytes(level(group), join_option(group), &mreq(group));
    let name = result.err().and_then(|error| error.name());
    println!("{}", name.unwrap_or("ok"));
}

/// What is wrong is the kernel's errno, whatever is granted.
fn misuse() {
    let name = |result: Result<()>| result.err().and_then(|error| error.name());
    let udp = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    let udp6 = Socket::new(AF_INET6, SOCK_DGRAM).expect("socket");
    let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    let unix = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    let group = [octets("239.1.2.3"), vec![0; 4]].concat();
    for (socket, level, option, value, expected) in [
        (&tcp, IPPROTO_IP, IP_ADD_MEMBERSHIP, group.clone(), "EPROTO"),
        (
            &unix,
            IPPROTO_IP,
            IP_ADD_MEMBERSHIP,
            group.clone(),
            "EOPNOTSUPP",
        ),
        (
            &udp,
            IPPROTO_IP,
            IP_ADD_MEMBERSHIP,
            mreq("127.0.0.1"),
            "EINVAL",
        ),
        (&udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, vec![], "EINVAL"),
        (
            &udp,
            IPPROTO_IP,
            IP_ADD_SOURCE_MEMBERSHIP,
            group.clone(),
            "EINVAL",
        ),
        (&udp6, IPPROTO_IPV6, IPV6_JOIN_GROUP, mreq("::1"), "EINVAL"),
        (
            &udp6,
            IPPROTO_IPV6,
            IPV6_JOIN_GROUP,
            group.clone(),
            "EINVAL",
        ),
        (
            &udp6,
            IPPROTO_IPV6,
            MCAST_JOIN_GROUP,
            vec![0; 136],
            "EINVAL",
        ),
        (&udp, IPPROTO_IP, IP_MULTICAST_IF, vec![127], "EINVAL"),
        (&udp, IPPROTO_IP, IP_DROP_MEMBERSHIP, group, "EADDRNOTAVAIL"),
    ] {
        let result = socket.setsockopt_bytes(level, option, &value);
        assert_eq!(name(result), Some(expected), "{option} {value:?}");
    }
    let mixed = group_req("239.1.2.3", Some("::1"));
    let result = udp.setsockopt_bytes(IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &mixed);
    assert_eq!(name(result), Some("EINVAL"));
    assert!(udp.getsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP).is_err());
    assert_eq!(udp.getsockopt(IPPROTO_IP, IP_MULTICAST_IF).expect("get"), 0);
    let any = i32::from_ne_bytes(Ipv4Addr::UNSPECIFIED.octets());
    udp.setsockopt(IPPROTO_IP, IP_MULTICAST_IF, any)
        .expect("it is usable all the same");
}
