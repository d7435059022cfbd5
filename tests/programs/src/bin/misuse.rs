//! What a guest does wrong, and the errno for it: `misuse CASE`.

use std::net::SocketAddr;

use capsock_guest::{
    AF_INET, AF_INET6, AF_UNIX, Error, SHUT_RDWR, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, Socket,
};
use capsock_test_programs::args;

fn main() {
    match args().first().map(String::as_str) {
        Some("errors") => {
            closed();
            wrong_state();
            wrong_address();
            wrong_kind();
            huge_arguments();
        }
        Some("quota") => quota(),
        case => panic!("no case {case:?}"),
    }
}

fn name<T>(result: Result<T, Error>) -> Option<&'static str> {
    result.err().and_then(|error| error.name())
}

fn tcp() -> Socket {
    Socket::new(AF_INET, SOCK_STREAM).expect("socket")
}

/// Every method, after `close`.
fn closed() {
    let s = tcp();
    s.close().expect("close");
    let address = ("127.0.0.1", 9);
    for (method, error) in [
        ("accept", name(s.accept())),
        ("bind", name(s.bind(address))),
        ("close", name(s.close())),
        ("connect", name(s.connect(address))),
        ("getpeername", name(s.getpeername())),
        ("getsockname", name(s.getsockname())),
        ("gettimeout", name(s.gettimeout())),
        ("listen", name(s.listen(1))),
        ("recv", name(s.recv(1))),
        ("recvfrom", name(s.recvfrom(1))),
        ("send", name(s.send(b"x"))),
        ("sendall", name(s.sendall(b"x"))),
        ("sendto", name(s.sendto(b"x", address))),
        ("settimeout", name(s.settimeout(None))),
        ("shutdown", name(s.shutdown(SHUT_RDWR))),
    ] {
        assert_eq!(error, Some("EBADF"), "{method}");
    }
}

fn wrong_state() {
    let s = tcp();
    assert_eq!(name(s.recv(1)), Some("ENOTCONN"));
    assert_eq!(name(s.send(b"x")), Some("EPIPE"));
    assert_eq!(name(s.sendto(b"x", ("127.0.0.1", 9))), Some("EPIPE"));
    assert_eq!(name(s.getpeername()), Some("ENOTCONN"));
    assert_eq!(name(s.shutdown(SHUT_RDWR)), Some("ENOTCONN"));
    assert_eq!(name(s.accept()), Some("EINVAL"));
    s.bind(("127.0.0.1", 0)).expect("it is usable all the same");
    assert_eq!(name(s.bind(("127.0.0.1", 0))), Some("EINVAL"));
    s.listen(1).expect("listen");
    s.listen(2).expect("listen again, with another backlog");

    let second = tcp();
    let taken = s.getsockname().expect("getsockname");
    assert_eq!(name(second.bind(&taken)), Some("EADDRINUSE"));
    second.connect(&taken).expect("connect");
    assert_eq!(name(second.connect(&taken)), Some("EISCONN"));

    // A refused connect leaves a socket that can be connected.
    let refused = tcp();
    let nobody = {
        let gone = tcp();
        gone.bind(("127.0.0.1", 0)).expect("bind");
        gone.getsockname().expect("getsockname")
    };
    for _ in 0..2 {
        assert_eq!(name(refused.connect(&nobody)), Some("ECONNREFUSED"));
    }
    refused.connect(&taken).expect("connect after a refusal");

    let datagram = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    assert_eq!(name(datagram.listen(1)), Some("EOPNOTSUPP"));
    assert_eq!(name(datagram.accept()), Some("EOPNOTSUPP"));
}

fn wrong_address() {
    let s = tcp();
    let v6: SocketAddr = "[::1]:9".parse().expect("an address");
    assert_eq!(name(s.connect(v6)), Some("EAFNOSUPPORT"));
    assert_eq!(name(s.bind(v6)), Some("EAFNOSUPPORT"));
    assert_eq!(name(s.connect("/tmp/socket")), Some("EAFNOSUPPORT"));
    // Linux would take these for this machine.
    assert_eq!(name(s.connect(("", 9))), Some("EINVAL"));
    assert_eq!(name(s.connect(("127.0.0.1", 0))), Some("EINVAL"));
    let s6 = Socket::new(AF_INET6, SOCK_STREAM).expect("socket");
    assert_eq!(name(s6.connect(("::", 9))), Some("EINVAL"));
    assert_eq!(name(s6.connect(("::ffff:0.0.0.0", 9))), Some("EINVAL"));
    assert_eq!(name(s.connect(("224.0.0.1", 9))), Some("EINVAL"));
    assert_eq!(name(s.connect(("<broadcast>", 9))), Some("EINVAL"));

    let unix = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    assert_eq!(name(unix.bind("a".repeat(109).as_str())), Some("EINVAL"));
    assert_eq!(name(unix.bind("/tmp/a\0b")), Some("EINVAL"));
    assert_eq!(
        name(unix.bind(format!("\0{}", "a".repeat(108)).as_str())),
        Some("EINVAL")
    );
    assert_eq!(name(unix.listen(1)), Some("EINVAL"));
}

fn wrong_kind() {
    const TCP: i32 = 6;
    const UDP: i32 = 17;
    const ICMP: i32 = 1;
    let make = |family, kind, proto| name(Socket::with_proto(family, kind, proto));
    assert_eq!(make(AF_INET, SOCK_STREAM, TCP), None);
    assert_eq!(make(AF_INET6, SOCK_DGRAM, UDP), None);
    assert_eq!(make(AF_INET, SOCK_STREAM, UDP), Some("EPROTONOSUPPORT"));
    assert_eq!(make(AF_INET, SOCK_DGRAM, TCP), Some("EPROTONOSUPPORT"));
    assert_eq!(make(AF_INET, SOCK_STREAM, -1), Some("EPROTONOSUPPORT"));
    assert_eq!(make(AF_INET, SOCK_SEQPACKET, 0), Some("ESOCKTNOSUPPORT"));
    assert_eq!(make(AF_UNIX, SOCK_STREAM, TCP), Some("EPROTONOSUPPORT"));
    // No rule can grant a ping socket yet.
    assert_eq!(make(AF_INET, SOCK_DGRAM, ICMP), Some("EACCES"));
}

fn huge_arguments() {
    let listener = tcp();
    listener.bind(("127.0.0.1", 0)).expect("bind");
    listener.listen(i32::MAX).expect("a huge backlog is cut");
    let client = tcp();
    client
        .connect(listener.getsockname().expect("getsockname"))
        .expect("connect");
    let (conn, _peer) = listener.accept().expect("accept");
    conn.sendall(b"x").expect("sendall");
    assert_eq!(client.recv(usize::MAX).expect("a huge length is cut"), b"x");
    assert_eq!(client.recv(0).expect("recv of nothing"), b"");
    client.sendall(b"").expect("sendall of nothing");
}

/// The host gives 1,024 sockets.
fn quota() {
    let mut sockets = Vec::new();
    let error = loop {
        match Socket::new(AF_INET, SOCK_DGRAM) {
            Ok(socket) => sockets.push(socket),
            Err(error) => break error,
        }
    };
    assert_eq!(error.name(), Some("EMFILE"));
    println!("{} sockets", sockets.len());
    // One back, one more; a closed socket counts no more than a dropped one.
    sockets[0].close().expect("close");
    sockets.push(tcp());
    assert_eq!(name(Socket::new(AF_INET, SOCK_DGRAM)), Some("EMFILE"));
    drop(sockets);
    drop(tcp());
}
