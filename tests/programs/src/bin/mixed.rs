//! `capsock:sockets` and `wasi:sockets` in one program: each end of a connection
//! over another one, and a listener of 0.3.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod p3 {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package test:mixed;
            world mixed {
                import wasi:sockets/types@0.3.0;
            }
        ",
        world: "test:mixed/mixed",
        generate_all,
    });
}

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

fn main() {
    let args = args();
    let host = args[0].as_str();
    let server = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    server.bind((host, 0)).expect("bind");
    server.listen(1).expect("listen");
    let port = server
        .getsockname()
        .expect("getsockname")
        .port()
        .expect("a port");
    let mut client = TcpStream::connect((host, port)).expect("std connects");
    let (connection, _peer) = server.accept().expect("accept");
    client.write_all(b"from std").expect("write");
    assert_eq!(connection.recv(100).expect("recv"), b"from std");

    let server = TcpListener::bind((host, 0)).expect("std listens");
    let port = server.local_addr().expect("local_addr").port();
    let client = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    client.connect((host, port)).expect("connect");
    let (mut connection, _peer) = server.accept().expect("std accepts");
    client.sendall(b"to std").expect("sendall");
    let mut data = [0; 6];
    connection.read_exact(&mut data).expect("read");
    assert_eq!(&data, b"to std");

    if host == "127.0.0.1" {
        listener_of_p3();
    }
    println!("both ways");
}

/// A command of 0.2 may use 0.3 too, as far as it calls plain functions.
fn listener_of_p3() {
    use p3::wasi::sockets0_3_0::types::{
        ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket,
    };
    let local = |port| {
        IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port,
            address: (127, 0, 0, 1),
        })
    };
    let socket = TcpSocket::create(IpAddressFamily::Ipv4).expect("create");
    let denied = socket.bind(local(80)).expect_err("it is not granted");
    assert!(matches!(denied, ErrorCode::AccessDenied), "{denied:?}");
    socket.bind(local(0)).expect("bind");
    let connections = socket.listen().expect("listen");
    let IpSocketAddress::Ipv4(address) = socket.get_local_address().expect("an address") else {
        panic!("an IPv6 address");
    };
    let client = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    client
        .connect(("127.0.0.1", address.port))
        .expect("connect");
    drop(connections);
}
