//! Unix sockets: `unix CASE NAME [OTHER]`; a name that starts with `@` is abstract.

use capsock_guest::{
    AF_UNIX, Address, SO_PASSCRED, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET, Socket,
    UnixAddress, unlink_unix,
};
use capsock_test_programs::{args, pattern, recv_to_end};

fn main() {
    let args = args();
    let (case, name, other) = match &args[..] {
        [case, name] => (case, name, ""),
        [case, name, other] => (case, name, other.as_str()),
        _ => panic!("usage: unix CASE NAME [OTHER]"),
    };
    let name = match name.strip_prefix('@') {
        Some(name) => format!("\0{name}"),
        None => name.clone(),
    };
    match case.as_str() {
        "serve" => serve(&name),
        "client" => client(&name),
        "datagram" => datagram(&name),
        "seqpacket" => seqpacket(&name),
        "ask" => ask(&name, other),
        "names" => names(&name, other),
        "autobind" => autobind(name == "passcred", other),
        "bind-often" => bind_often(&name, other.parse().expect("a number")),
        "unlink-own" => unlink_own(&name),
        "try-unlink" => println!("{:?}", unlink_unix(&name)),
        "try-connect" => println!("{:?}", connect(&name).map(drop)),
        "try-bind" => println!("{:?}", stream().bind(name.as_str())),
        _ => panic!("no case `{case}`"),
    }
}

fn stream() -> Socket {
    Socket::new(AF_UNIX, SOCK_STREAM).expect("socket")
}

fn connect(name: &str) -> capsock_guest::Result<Socket> {
    let socket = stream();
    socket.connect(name)?;
    Ok(socket)
}

fn named(name: &str) -> Address {
    Address::Unix(match name.strip_prefix('\0') {
        Some(name) => UnixAddress::Abstract(name.into()),
        None if name.is_empty() => UnixAddress::Unnamed,
        None => UnixAddress::Pathname(name.into()),
    })
}

fn serve(name: &str) {
    let listener = stream();
    listener.bind(name).expect("bind");
    listener.listen(1).expect("listen");
    assert_eq!(listener.getsockname().expect("getsockname"), named(name));
    println!("listening");
    let (conn, peer) = listener.accept().expect("accept");
    assert_eq!(peer, Address::Unix(UnixAddress::Unnamed));
    assert_eq!(conn.getsockname().expect("getsockname"), named(name));
    let data = recv_to_end(&conn);
    conn.sendall(&data).expect("sendall");
}

fn client(name: &str) {
    let socket = connect(name).expect("connect");
    assert_eq!(socket.getpeername().expect("getpeername"), named(name));
    let error = socket.sendto(b"x", name).expect_err("it is connected");
    assert_eq!(error.name(), Some("EISCONN"));
    let data = pattern(1 << 20);
    socket.sendall(&data).expect("sendall");
    socket.shutdown(capsock_guest::SHUT_WR).expect("shutdown");
    assert!(recv_to_end(&socket) == data);
}

fn datagram(name: &str) {
    let socket = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    socket.bind(name).expect("bind");
    println!("bound");
    let (data, sender) = socket.recvfrom(64).expect("recvfrom");
    socket
        .sendto(&data, sender.expect("a bound sender"))
        .expect("sendto");
}

/// Binds `name`, and gets an answer from `server`.
fn ask(name: &str, server: &str) {
    let socket = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    socket.bind(name).expect("bind");
    socket.sendto(b"PING", server).expect("sendto");
    let (data, sender) = socket.recvfrom(64).expect("recvfrom");
    assert_eq!(data, b"PONG");
    assert_eq!(sender, Some(named(server)));
}

/// Binds `name`, connects to `server`, and tells what it is called.
fn names(name: &str, server: &str) {
    let socket = stream();
    socket.bind(name).expect("bind");
    socket.connect(server).expect("connect");
    assert_eq!(socket.getsockname().expect("getsockname"), named(name));
    println!("{}", socket.getpeername().expect("getpeername"));
}

/// Has the kernel choose a name, by a bind or by `SO_PASSCRED` as it sends, tells it
/// to `server`, and gets an answer there.
fn autobind(by_option: bool, server: &str) {
    let socket = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    if by_option {
        let set = socket.setsockopt(SOL_SOCKET, SO_PASSCRED, 1);
        set.expect("SO_PASSCRED");
    } else {
        socket.bind("").expect("bind");
    }
    socket.sendto(b"PING", server).expect("sendto");
    let name = socket.getsockname().expect("getsockname");
    let Address::Unix(UnixAddress::Abstract(digits)) = &name else {
        panic!("{name}");
    };
    assert_eq!(digits.len(), 5, "{name}");
    let (data, sender) = socket.recvfrom(64).expect("recvfrom");
    assert_eq!((&data[..], sender), (&b"PONG"[..], Some(named(server))));
    let listener = stream();
    listener.bind("").expect("bind");
    println!("{:?}", listener.listen(1));
}

/// Binds until so many binds were done, and one was not. Tells each errno of the
/// others once.
fn bind_often(name: &str, times: usize) {
    let mut done = 0;
    let mut failed = std::collections::BTreeSet::new();
    while done < times || failed.is_empty() {
        match stream().bind(name) {
            Ok(()) => done += 1,
            Err(error) => _ = failed.insert(error.name().unwrap_or("?").to_owned()),
        }
        // It may lie behind a link by now, or be gone.
        _ = unlink_unix(name);
    }
    println!("{failed:?}");
}

fn unlink_own(name: &str) {
    let listener = stream();
    listener.bind(name).expect("bind");
    let error = unlink_unix(name).expect_err("it is open");
    assert_eq!(error.name(), Some("EADDRINUSE"));
    let again = stream().bind(name).expect_err("it is there");
    assert_eq!(again.name(), Some("EADDRINUSE"));
    drop(listener);
    let again = stream().bind(name).expect_err("it is still there");
    assert_eq!(again.name(), Some("EADDRINUSE"));
    unlink_unix(name).expect("unlink");
    let gone = unlink_unix(name).expect_err("it is gone");
    assert_eq!(gone.name(), Some("ENOENT"));
    stream().bind(name).expect("bind");
}

fn seqpacket(name: &str) {
    let listener = Socket::new(AF_UNIX, SOCK_SEQPACKET).expect("socket");
    listener.bind(name).expect("bind");
    listener.listen(1).expect("listen");
    println!("listening");
    let (conn, _peer) = listener.accept().expect("accept");
    assert_eq!(conn.recv(64).expect("recv"), b"one");
    assert_eq!(conn.recv(64).expect("recv"), b"two");
    conn.sendall(b"three").expect("send");
}
