//! Holds sockets of every kind, and does not end well: `hold CASE TCP-PORT`.
//! Under the port a peer listens that neither reads nor writes.

use capsock_guest::wit::Interest;
use capsock_guest::{AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM, Socket};
use capsock_test_programs::args;

fn main() {
    let args = args();
    let [case, port] = &args[..] else {
        panic!("usage: hold CASE PORT");
    };
    let port: u16 = port.parse().expect("a port");
    let listener = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    listener.bind(("127.0.0.1", 0)).expect("bind");
    listener.listen(1).expect("listen");
    let client = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    client
        .connect(listener.getsockname().expect("getsockname"))
        .expect("connect");
    let (conn, _peer) = listener.accept().expect("accept");
    let _datagram = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    let _unix = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    let silent = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    silent.connect(("127.0.0.1", port)).expect("connect");
    // A registration with the host's reactor, and a pollable that lives on.
    let pollable = conn
        .as_resource()
        .subscribe(Interest::READABLE)
        .expect("subscribe");
    assert!(!pollable.ready());
    println!("holding");
    match case.as_str() {
        "trap" => panic!("on purpose"),
        "exit" => std::process::exit(3),
        "accept" => drop(listener.accept()),
        "recv" => drop(silent.recv(1)),
        "sendall" => loop {
            silent.sendall(&[0; 1 << 20]).expect("sendall");
        },
        "poll" => pollable.block(),
        _ => panic!("no case `{case}`"),
    }
    unreachable!("the call was to wait forever");
}
