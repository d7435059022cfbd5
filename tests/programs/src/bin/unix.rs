//! Unix sockets: `unix CASE NAME`; a name that starts with `@` is abstract.

use capsock_guest::{
    AF_UNIX, Address, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, Socket, UnixAddress,
};
use capsock_test_programs::{args, pattern, recv_to_end};

fn main() {
    let args = args();
    let [case, name] = &args[..] else {
        panic!("usage: unix CASE NAME");
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
