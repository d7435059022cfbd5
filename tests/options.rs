//! Socket options, on real sockets.

use std::io::Read;
use std::net::TcpStream;

use capsock_tests::{output, start, stderr, succeed, target};
use rstest::rstest;

#[test]
fn each_option_is_set_and_read() {
    succeed(&[], "options", &["values"]);
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
