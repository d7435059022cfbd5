//! Files that the kernel sends by itself.

use std::io::Read;
use std::net::TcpListener;

use capsock_test_programs::pattern;
use capsock_tests::{PATIENCE, start, succeed, target};
use rstest::rstest;

const SIZE: usize = 3 << 20;

/// A directory with a file, and the flag that gives it to a guest as `/files`.
fn directory() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("data"), pattern(SIZE)).unwrap();
    let mapping = format!("{}::/files", directory.path().display());
    (directory, mapping)
}

#[rstest]
fn a_file_is_sent_from_and_to_where_it_is_told(
    #[values("127.0.0.1", "::1")] host: &str,
    #[values((0, None), (12_345, None), (5, Some(1_234_567)), (SIZE - 10, Some(100)))] part: (
        usize,
        Option<usize>,
    ),
) {
    let (_directory, mapping) = directory();
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (offset, count) = part;
    let (from, count_text) = (offset.to_string(), count.map(|count| count.to_string()));
    let mut args = vec!["send", host, &port, "/files/data", &from];
    args.extend(count_text.as_deref());
    let grant = target("tcp", host, &port);
    let guest = start(
        &["--dir", &mapping, "--allow-connect", &grant],
        "sendfile",
        &args,
    );
    let (mut peer, _address) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    let end = count.map_or(SIZE, |count| SIZE.min(offset + count));
    assert!(received == pattern(SIZE)[offset..end], "other bytes");
    let sent = end - offset;
    assert_eq!(guest.succeed(), format!("sent {sent} to {end}\n"));
}

#[test]
fn what_python_and_the_kernel_refuse_is_refused() {
    let (_directory, mapping) = directory();
    let args = ["refusals", "/files/data", "/files"];
    succeed(&["--dir", &mapping], "sendfile", &args);
}

#[test]
fn the_timeout_is_the_total_and_the_position_tells_what_was_sent() {
    let (_directory, mapping) = directory();
    let args = ["timeout", "/files/data"];
    succeed(&["--dir", &mapping], "sendfile", &args);
}
