//! What a guest may try to stop or exhaust its host with:
//! `abuse CASE [HOST PORT]`.

use std::time::Duration;

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

fn main() {
    let args = args();
    let peer = || (args[1].as_str(), args[2].parse::<u16>().expect("a port"));
    match args[0].as_str() {
        "linger" => linger(peer()),
        "reset" => reset(peer()),
        "stale" => stale(peer()),
        "in-flight" => in_flight(),
        "ghosts" => ghosts(),
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

/// What is closed is not told of, though a duplicate is open.
fn ghosts() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let duplicate = other.dup().expect("dup");
    let poller = Poller::new().expect("poller");
    poller
        .register(&other, POLLIN, Trigger::Level)
        .expect("register");
    one.send(b"x").expect("send");
    let ready = || poller.wait(8, Duration::ZERO).expect("wait").len();
    println!("{}", ready());
    other.close().expect("close");
    println!("{}", ready());
    poller
        .register(&duplicate, POLLIN, Trigger::Level)
        .expect("register");
    println!("{}", ready());
    drop(duplicate);
    println!("{}", ready());
}

/// Sockets that were sent and not received are open still.
fn in_flight() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let pass = |over: &Socket, fds: &[i32]| send_fds(over, &[b"x"], fds, MsgFlag::NONE, None);
    one.setblocking(false).expect("setblocking");
    let mut passed = 0;
    let error = loop {
        let result =
            Socket::new(AF_INET, SOCK_DGRAM).and_then(|udp| pass(&one, &[udp.fileno(); 8]));
        match result {
            Ok(_) => passed += 8,
            Err(error) => break error,
        }
    };
    println!("{passed} {}", error.name().unwrap_or_default());
    // Nor can they be hidden in one another.
    let (near, far) = socketpair(SOCK_STREAM).expect("socketpair");
    for end in [&one, &other] {
        let error = pass(&near, &[end.fileno()]).expect_err("it is full of sockets");
        println!("{}", error.name().unwrap_or_default());
    }
    // What is received makes room, and so does a pair that is gone.
    let (_, fds, _, _) = recv_fds(&other, 1, 8, MsgFlag::NONE).expect("recv_fds");
    for fd in fds {
        close(fd).expect("close");
    }
    pass(&one, &[near.fileno(); 8]).expect("room");
    drop((one, other));
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    for _ in 0..(passed / 8) {
        pass(&one, &[far.fileno(); 8]).expect("room");
        let (_, fds, _, _) = recv_fds(&other, 1, 8, MsgFlag::NONE).expect("recv_fds");
        assert_eq!(fds.len(), 8);
        for fd in fds {
            close(fd).expect("close");
        }
    }
}
