//! UDP: `datagram CASE HOST PORT`.

use std::time::Duration;

use capsock_guest::*;
use capsock_test_programs::{args, bind_and_tell, family_of};

fn main() {
    let args = args();
    let [case, host, port] = &args[..] else {
        panic!("usage: datagram CASE HOST PORT");
    };
    let port: u16 = port.parse().expect("a port");
    match case.as_str() {
        "echo" => echo(host),
        "client" => client(host, port),
        "admit" => admit(host),
        "reuse" => reuse(host),
        _ => panic!("no case `{case}`"),
    }
}

/// Echoes datagrams until an empty one comes.
fn echo(host: &str) {
    let socket = Socket::new(family_of(host), SOCK_DGRAM).expect("socket");
    bind_and_tell(&socket, host);
    loop {
        let (data, sender) = socket.recvfrom(2048).expect("recvfrom");
        if data.is_empty() {
            return;
        }
        let sender = sender.expect("a datagram has a sender");
        assert_eq!(socket.sendto(&data, &sender).expect("sendto"), data.len());
    }
}

fn client(host: &str, port: u16) {
    let socket = Socket::new(family_of(host), SOCK_DGRAM).expect("socket");
    let error = socket.send(b"nobody").expect_err("not connected");
    assert_eq!(error.name(), Some("EDESTADDRREQ"));
    socket.connect((host, port)).expect("connect");
    assert_eq!(
        socket.getpeername().expect("getpeername").port(),
        Some(port)
    );
    socket.sendall(b"Hello, world").expect("send");
    let mut buffer = [0; 5];
    assert_eq!(
        socket.recv_into(&mut buffer).expect("recv"),
        5,
        "the rest of a datagram is lost"
    );
    assert_eq!(&buffer, b"Hello");
    let error = socket.send(&[0; 70_000]).expect_err("more than a datagram");
    assert_eq!(error.name(), Some("EMSGSIZE"));
    socket
        .settimeout(Duration::from_millis(20))
        .expect("settimeout");
    assert!(socket.recv(1).expect_err("nothing more").is_timeout());
}

/// Receives one datagram of an admitted sender; others come before it.
fn admit(host: &str) {
    let socket = Socket::new(family_of(host), SOCK_DGRAM).expect("socket");
    bind_and_tell(&socket, host);
    assert_eq!(socket.recv_flags(64, MSG_PEEK).expect("peek"), b"welcome");
    assert_eq!(socket.recv(64).expect("recv"), b"welcome");
}

/// Has the kernel choose a port, in each way that it does, with an option that lets
/// others have the same.
fn reuse(host: &str) {
    let any = if family_of(host) == AF_INET6 {
        "::"
    } else {
        ""
    };
    for option in [SO_REUSEADDR, SO_REUSEPORT] {
        for how in ["bind", "connect", "sendto"] {
            let socket = Socket::new(family_of(host), SOCK_DGRAM).expect("socket");
            socket
                .setsockopt(SOL_SOCKET, option, 1)
                .expect("setsockopt");
            let chosen = match how {
                "bind" => socket.bind((any, 0)),
                "connect" => socket.connect((host, 9)),
                _ => socket.sendto(b"x", (host, 9)).map(drop),
            };
            match chosen {
                Ok(()) => println!("{how}: {}", socket.getsockname().expect("getsockname")),
                Err(error) => println!("{how}: {}", error.name().unwrap_or_default()),
            }
            let kept = socket.getsockopt(SOL_SOCKET, option).expect("getsockopt");
            assert_eq!(kept, 1);
        }
    }
}
