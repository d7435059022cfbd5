//! `capsock:sockets` and `wasi:sockets` in one program: each end of a connection
//! over another one, and addresses of one for the other.

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
    println!("both ways");
}
