//! Socket options, on real sockets.

use std::io::Read;
use std::net::TcpStream;

use capsock_tests::{output, start, stderr, succeed, target};
use rstest::rstest;

#[test]
fn each_option_is_set_and_read() {
    let flags = ["--allow-option", "msg-fastopen"];
    succeed(&flags, "options", &["values"]);
}

/// As a process without privileges, whoever the host is.
#[test]
fn a_congestion_control_algorithm_that_is_not_allowed_is_not_set() {
    let list = |name: &str| -> Vec<String> {
        let list = std::fs::read_to_string(format!("/proc/sys/net/ipv4/tcp_{name}")).unwrap();
        list.split_whitespace().map(str::to_owned).collect()
    };
    let (allowed, usual) = (
        list("allowed_congestion_control"),
        list("congestion_control"),
    );
    let restricted: Vec<String> = list("available_congestion_control")
        .into_iter()
        .filter(|name| !allowed.contains(name) && !usual.contains(name))
        .collect();
    if restricted.is_empty() {
        eprintln!("skipped: every algorithm of this kernel is allowed to everybody");
    }
    // It would be a module of the kernel to load.
    let absent = ["tls".to_owned(), "vegas-none".to_owned()];
    let set = |names: &[String]| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        succeed(&[], "options", &[&["congestion"], &names[..]].concat())
    };
    assert_eq!(set(&restricted), "EPERM\n".repeat(restricted.len()));
    assert_eq!(set(&absent), "ENOENT\n".repeat(absent.len()));
    assert_eq!(set(&[allowed, usual].concat()).replace("ok\n", ""), "");
}

#[test]
fn structures_texts_and_states_are_read() {
    let flags = [
        "--allow-listen",
        "tcp://127.0.0.1:ephemeral",
        "--allow-connect",
        "tcp://127.0.0.1:*",
    ];
    succeed(&flags, "options", &["special"]);
}

#[test]
fn what_is_wrong_is_an_errno() {
    succeed(&[], "options", &["misuse"]);
}

#[test]
fn some_options_need_a_grant_of_their_own() {
    let output = output(
        &["--allow-option", "so-bindtodevice=eth9"],
        "options",
        &["granted", "lo"],
    );
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        printed,
        "mark EACCES\ndevice EACCES\nfreebind EACCES\ntransparent EACCES\n"
    );
    insta::assert_snapshot!(stderr(&output), @"
    capsock: denied option so-mark=7: no rule allows it; to allow it: --allow-option 'so-mark=7'
    capsock: denied option so-bindtodevice=lo: no rule allows it; to allow it: --allow-option 'so-bindtodevice=lo'
    capsock: denied option ip-freebind=1: no rule allows it; to allow it: --allow-option 'ip-freebind=1'
    capsock: denied option ip-transparent=1: no rule allows it; to allow it: --allow-option 'ip-transparent=1'
    ");
}

/// With the grant it is the kernel that decides: it wants privileges.
#[test]
fn a_granted_option_reaches_the_kernel() {
    let grants = [
        "so-mark",
        "so-bindtodevice=lo",
        "ip-freebind",
        "ip-transparent=1",
    ];
    let flags: Vec<&str> = grants
        .iter()
        .flat_map(|grant| ["--allow-option", grant])
        .collect();
    let printed = succeed(&flags, "options", &["granted", "lo"]);
    for line in printed.lines() {
        assert!(
            line.ends_with(" ok") || line.ends_with(" EPERM"),
            "{printed}"
        );
    }
    assert!(printed.contains("freebind ok"), "{printed}");
    let flags = [&flags[..], &["--deny-option", "ip-freebind"]].concat();
    assert!(succeed(&flags, "options", &["granted", "lo"]).contains("freebind EACCES"));
}

#[test]
fn an_option_without_a_name_is_set_and_read_by_number() {
    succeed(&["--allow-option", "raw"], "options", &["raw"]);
}

#[test]
fn an_option_by_number_needs_a_grant() {
    let output = output(
        &["--allow-option", "raw=6/11"],
        "options",
        &["try-raw", "1/45", "6/11", "9999/1"],
    );
    // TCP_INFO can only be read.
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "1/45 EACCES EACCES\n6/11 ok ENOPROTOOPT\n9999/1 ENOPROTOOPT ENOPROTOOPT\n"
    );
    insta::assert_snapshot!(stderr(&output), @"
    capsock: denied option raw=1/45: no rule allows it; to allow it: --allow-option 'raw=1/45'
    ");
    let flags = ["--allow-option", "raw", "--deny-option", "raw=1/45"];
    let printed = succeed(&flags, "options", &["try-raw", "1/45"]);
    assert_eq!(printed, "1/45 EACCES EACCES\n");
}

/// What gets around a rule is not covered by a grant of all.
#[test]
fn a_dangerous_option_by_number_has_to_be_granted_by_that_number() {
    // IP_HDRINCL, IP_OPTIONS, IP_UNICAST_IF, IP_LOCAL_PORT_RANGE, SO_RCVBUFFORCE,
    // SO_BINDTOIFINDEX, SO_DETACH_FILTER, TCP_REPAIR, TCP_ULP, IPV6_PKTINFO,
    // IPV6_RTHDR, IPV6_FREEBIND, IPV6_TRANSPARENT.
    let dangerous = [
        "0/3", "0/4", "0/50", "0/51", "1/33", "1/62", "1/27", "6/19", "6/31", "41/50", "41/57",
        "41/78", "41/75",
    ];
    for option in dangerous {
        let printed = succeed(&["--allow-option", "raw"], "options", &["try-raw", option]);
        assert_eq!(printed, format!("{option} EACCES EACCES\n"));
        let grant = format!("raw={option}");
        let printed = succeed(&["--allow-option", &grant], "options", &["try-raw", option]);
        assert!(!printed.contains("EACCES"), "{printed}");
    }
}

/// The kernel would read the host's memory, or use its descriptors.
#[test]
fn an_option_with_a_pointer_or_a_descriptor_is_always_refused() {
    // SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF and _EBPF,
    // SO_PASSPIDFD, SO_PEERPIDFD, SO_DEVMEM_DONTNEED, netfilter's of IPv4 and
    // IPv6, MCAST_MSFILTER, IPV6_ADDRFORM, TCP_ZEROCOPY_RECEIVE,
    // PACKET_RX_RING, PACKET_FANOUT_DATA, RDS_GET_MR, MPTCP_FULL_INFO,
    // TIPC_GROUP_JOIN.
    let never = [
        "1/26", "1/50", "1/51", "1/52", "1/76", "1/77", "1/80", "0/64", "41/64", "0/48", "41/1",
        "6/35", "263/5", "263/22", "276/2", "284/4", "271/135",
    ];
    for option in never {
        let grant = format!("raw={option}");
        let flags = ["--allow-option", "raw", "--allow-option", &grant];
        let printed = succeed(&flags, "options", &["try-raw", option]);
        assert_eq!(printed, format!("{option} EACCES EACCES\n"));
    }
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn an_address_in_time_wait_can_be_reused(#[case] host: &str) {
    let mut guest = start(
        &["--allow-listen", &target("tcp", host, "*")],
        "options",
        &["reuse-address", host],
    );
    let mut stream = TcpStream::connect(guest.address(host)).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    drop(stream);
    guest.succeed();
}
