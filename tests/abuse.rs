//! Guests that try to stop or exhaust their host.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use capsock_tests::{Running, patiently, start, succeed, target};
use rstest::rstest;

/// Starts a guest with the address of a peer that it may connect to.
fn start_with_peer(host: &str, case: &str) -> (TcpListener, Running) {
    let peer = TcpListener::bind((host, 0)).unwrap();
    let port = peer.local_addr().unwrap().port();
    let grant = target("tcp", host, port);
    let args = [case, host, &port.to_string()];
    (peer, start(&["--allow-connect", &grant], "abuse", &args))
}

/// For half a century close(2) would wait for the peer, which never reads.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn no_time_to_linger_stops_the_host(#[case] host: &str) {
    let (_peer, guest) = start_with_peer(host, "linger");
    assert_eq!(
        patiently(|| guest.succeed()),
        "closed\ndropped\nin flight\n"
    );
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn no_time_at_all_to_linger_is_a_reset(#[case] host: &str) {
    let (peer, guest) = start_with_peer(host, "reset");
    let (mut connection, _) = peer.accept().unwrap();
    guest.succeed();
    let error = connection.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// The reactor remembers that an unconnected socket has hung up.
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn waiting_takes_no_processor_time(#[case] host: &str) {
    let (peer, mut guest) = start_with_peer(host, "stale");
    let (mut connection, _) = peer.accept().unwrap();
    guest.expect_line("waiting");
    let before = guest.processor_time();
    std::thread::sleep(Duration::from_secs(1));
    let spent = guest.processor_time() - before;
    connection.write_all(b"late").unwrap();
    guest.succeed();
    assert!(spent < Duration::from_millis(300), "{spent:?}");
}

#[test]
fn sockets_in_flight_count_as_open() {
    let printed = succeed(&[], "abuse", &["in-flight"]);
    assert_eq!(printed, "1016 EMFILE\nETOOMANYREFS\nETOOMANYREFS\n");
}

#[test]
fn a_closed_socket_leaves_its_pollers() {
    assert_eq!(succeed(&[], "abuse", &["ghosts"]), "1\n0\n1\n0\n");
}
