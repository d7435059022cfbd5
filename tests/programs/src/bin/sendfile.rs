//! Files sent by the kernel.

use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use capsock_guest::*;
use capsock_test_programs::{args, family_of, recv_to_end};

fn main() {
    let args = args();
    match args[0].as_str() {
        "send" => send(&args[1..]),
        "refusals" => refusals(&args[1], &args[2]),
        "timeout" => timeout(&args[1]),
        case => panic!("no case `{case}`"),
    }
}

/// `send HOST PORT PATH OFFSET [COUNT]`
fn send(args: &[String]) {
    let [host, port, path, offset, count @ ..] = args else {
        panic!("too few arguments");
    };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    socket
        .connect((host.as_str(), port.parse().expect("a port")))
        .expect("connect");
    let mut file = File::open(path).expect("open");
    let sent = socket.sendfile(&mut file, number(offset), count.first().map(number));
    let position = file.stream_position().expect("position");
    println!("sent {} to {position}", sent.expect("sendfile"));
}

#[track_caller]
fn refused(result: Result<u64>, why: &str) {
    let error = result.expect_err(why).to_string();
    assert!(error.contains(why), "{error}");
}

fn refusals(path: &str, directory: &str) {
    let mut file = File::open(path).expect("open");
    let (datagram, _other) = socketpair(SOCK_DGRAM).expect("socketpair");
    let streams_only = "only SOCK_STREAM type sockets are supported";
    refused(datagram.sendfile(&mut file, 0, None), streams_only);

    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let positive = "count must be a positive integer (got 0)";
    refused(one.sendfile(&mut file, 0, 0), positive);
    one.setblocking(false).expect("setblocking");
    let blocking_only = "non-blocking sockets are not supported";
    refused(one.sendfile(&mut file, 0, None), blocking_only);
    one.setblocking(true).expect("setblocking");
    let mut directory = File::open(directory).expect("open a directory");
    refused(one.sendfile(&mut directory, 0, None), "EINVAL");
    refused(one.sendfile(&mut file, u64::MAX, None), "EINVAL");
    refused(one.sendfile(&mut file, 1 << 63, None), "EINVAL");
    assert_eq!(file.stream_position().expect("position"), 0);

    // The end of the file, and beyond it.
    let size = file.size().expect("size").expect("a regular file");
    assert_eq!(one.sendfile(&mut file, size, None), Ok(0));
    assert_eq!(one.sendfile(&mut file, size + 1, 5), Ok(0));
    assert_eq!(one.sendfile(&mut file, size - 3, 5), Ok(3));
    assert_eq!(file.stream_position().expect("position"), size);
    assert_eq!(other.recv(64).expect("recv").len(), 3);

    // Reading goes on from there, and elsewhere.
    file.seek(SeekFrom::End(-3)).expect("seek");
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).expect("read");
    assert_eq!(rest.len(), 3);
    assert!(file.seek(SeekFrom::Current(-i64::MAX)).is_err());

    drop(other);
    refused(one.sendfile(&mut file, 0, 5), "EPIPE");
    let unconnected = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    assert!(unconnected.sendfile(&mut file, 0, 5).is_err());
    one.close().expect("close");
    refused(one.sendfile(&mut file, 0, 5), "EBADF");
    assert!(File::open("/nowhere/at/all").is_err());
    assert!(File::open(format!("{path}-no")).is_err());
}

/// What was sent before the timeout is told by the file's position.
fn timeout(path: &str) {
    const TIME: Duration = Duration::from_millis(200);
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let mut file = File::open(path).expect("open");
    one.settimeout(TIME).expect("settimeout");
    let start = Instant::now();
    let error = one.sendfile(&mut file, 7, None).expect_err("nobody reads");
    assert!(error.is_timeout(), "{error}");
    assert!(start.elapsed() >= TIME);
    let sent = file.stream_position().expect("position") - 7;
    assert!(sent > 0);
    drop(one);
    assert_eq!(recv_to_end(&other).len() as u64, sent);
}
