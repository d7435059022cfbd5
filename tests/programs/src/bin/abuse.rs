//! What a guest may try to stop or exhaust its host with:
//! `abuse CASE [HOST PORT]`.

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

fn main() {
    let args = args();
    let peer = || (args[1].as_str(), args[2].parse::<u16>().expect("a port"));
    match args[0].as_str() {
        "linger" => linger(peer()),
        "reset" => reset(peer()),
        "stale" => stale(peer()),
        case => panic!("no case `{case}`"),
    }
}

fn connect((host, port): (&str, u16)) -> Socket {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    socket.connect((host, port)).expect("connect");
    socket
}

fn set_linger(socket: &Socket, seconds: i32) {
    let linger = [1, seconds].map(i32::to_ne_bytes).concat();
    socket
        .setsockopt_bytes(SOL_SOCKET, SO_LINGER, &linger)
        .expect("SO_LINGER");
    let read = socket.getsockopt_bytes(SOL_SOCKET, SO_LINGER, 8);
    assert_eq!(read.expect("SO_LINGER"), linger);
}

/// More than the peer, which never reads, has room for.
fn fill(socket: &Socket) {
    socket.setblocking(false).expect("setblocking");
    while socket.send(&[0; 65536]).is_ok() {}
}

fn linger(peer: (&str, u16)) {
    let full = || {
        let socket = connect(peer);
        set_linger(&socket, i32::MAX);
        fill(&socket);
        socket
    };
    full().close().expect("close");
    println!("closed");
    drop(full());
    println!("dropped");
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    send_fds(&one, &[b"x"], &[full().fileno()], MsgFlag::NONE, None).expect("send_fds");
    drop((one, other));
    println!("in flight");
    // This one the end of the program closes.
    std::mem::forget(full());
}

fn reset(peer: (&str, u16)) {
    let socket = connect(peer);
    set_linger(&socket, 5);
    set_linger(&socket, 0);
    socket.close().expect("close");
}

/// A socket that hung up before it was connected is waited for like any other.
fn stale(peer: (&str, u16)) {
    let socket = Socket::new(family_of(peer.0), SOCK_STREAM).expect("socket");
    let interest = capsock_guest::wit::Interest::READABLE;
    let pollable = socket.as_resource().subscribe(interest).expect("subscribe");
    pollable.block();
    socket.connect(peer).expect("connect");
    println!("waiting");
    assert_eq!(socket.recv(8).expect("recv"), b"late");
}
