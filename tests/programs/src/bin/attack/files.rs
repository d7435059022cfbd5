//! Files and pipes that go over Unix sockets.

use std::io::{Read, Write};

use capsock_guest::*;

use crate::outcome;

fn connect(path: &str) -> Socket {
    let socket = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    socket.connect(path).expect("connect");
    socket
}

/// The one descriptor of the next message, if it may be had.
fn next(socket: &Socket) -> Option<i32> {
    let (_data, fds, flags, _peer) = recv_fds(socket, 1, 8, MsgFlag::NONE).expect("recv_fds");
    socket.sendall(b"x").expect("sendall");
    assert_eq!(fds.is_empty(), flags.contains(MSG_CTRUNC), "{fds:?}");
    fds.first().copied()
}

/// What can be done with each descriptor of the peer's: a file that is open for
/// both, the ends of a pipe, and six that are neither.
pub(crate) fn take(path: &str) -> String {
    let socket = connect(path);
    let used = (0..9).map(|_message| next(&socket).map_or("none", used));
    used.collect::<Vec<_>>().join(" ")
}

fn used(fd: i32) -> &'static str {
    if let Ok(mut file) = File::from_fileno(fd) {
        file.read_exact(&mut [0]).expect("a file is to be read");
        let wrote = file.write(b"guest").is_ok() || file.set_len(0).is_ok();
        return if wrote { "written" } else { "read" };
    }
    if let Ok(mut pipe) = PipeReader::from_fileno(fd) {
        pipe.read_exact(&mut [0]).expect("a pipe is to be read");
        return "reader";
    }
    if let Ok(mut pipe) = PipeWriter::from_fileno(fd) {
        pipe.write_all(b"guest").expect("a pipe is to be written");
        return "writer";
    }
    "socket"
}

/// A file that came, to itself, as if it were its own.
pub(crate) fn launder(path: &str) -> String {
    let socket = connect(path);
    let fd = next(&socket).expect("the file is granted");
    through_a_pair(fd)
}

/// A file of a directory that is only to be read.
pub(crate) fn launder_own(path: &str) -> String {
    let file = File::open(path).expect("open");
    through_a_pair(file.fileno())
}

fn through_a_pair(fd: i32) -> String {
    let (near, far) = socketpair(SOCK_STREAM).expect("socketpair");
    if let Err(error) = send_fds(&near, &[b"x"], &[fd], MsgFlag::NONE, None) {
        // It could not be opened for less.
        assert_eq!(error.name(), Some("EACCES"));
        return "not written".to_owned();
    }
    let (_data, fds, _flags, _peer) = recv_fds(&far, 1, 1, MsgFlag::NONE).expect("recv_fds");
    match used(fds[0]) {
        "written" => "written".to_owned(),
        _ => "not written".to_owned(),
    }
}

pub(crate) fn pass_directory(path: &str) -> String {
    let directory = File::open(path).expect("open");
    let (near, _far) = socketpair(SOCK_STREAM).expect("socketpair");
    let fds = [directory.fileno()];
    outcome(send_fds(&near, &[b"x"], &fds, MsgFlag::NONE, None).map(drop))
}
