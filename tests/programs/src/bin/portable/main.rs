//! What is different where only WASI is, as docs/portable.md has it:
//! `portable CASE HOST [PORT]`.

use std::fmt::Debug;

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

mod connections;
mod options;
mod others;
mod poller;
mod sockets;
mod transfers;

fn main() {
    let args = args();
    let [case, host, rest @ ..] = &args[..] else {
        panic!("usage: portable CASE HOST [PORT]");
    };
    let port = || -> u16 { rest[0].parse().expect("a port") };
    match case.as_str() {
        "sockets" => sockets::sockets(host),
        "transfers" => transfers::transfers(host),
        "options" => options::options(host),
        "names" => others::names(),
        "others" => others::others(),
        "connect" => connections::connect(host, port()),
        "refused" => connections::refused(host, port()),
        "pending" => connections::pending(host, port()),
        "filtered" => connections::filtered(host),
        "readiness" => poller::readiness(host),
        "edges" => poller::edges(host),
        "pollables" => poller::pollables(host),
        "nested" => poller::nested(host),
        "many" => poller::many(host),
        "own-port" => connections::own_port(host),
        "given-up" => connections::given_up(host),
        "closed" => connections::closed(host),
        "sendfile" => connections::sendfile(host, port()),
        _ => panic!("no case `{case}`"),
    }
}

#[track_caller]
fn fails<T: Debug>(result: Result<T>, errno: &str) {
    let error = result.expect_err(errno);
    assert_eq!(error.name(), Some(errno), "{error}");
}

fn socket(host: &str, kind: SocketKind) -> Socket {
    Socket::new(family_of(host), kind).expect("socket")
}

fn listener(host: &str) -> Socket {
    let listener = socket(host, SOCK_STREAM);
    listener.bind((host, 0)).expect("bind");
    listener.listen(None).expect("listen");
    listener
}

/// Two ends of a connection, and its listener.
fn connected(host: &str) -> (Socket, Socket, Socket) {
    let listener = listener(host);
    let client = socket(host, SOCK_STREAM);
    client
        .connect(listener.getsockname().expect("getsockname"))
        .expect("connect");
    let (server, peer) = listener.accept().expect("accept");
    assert_eq!(peer, client.getsockname().expect("getsockname"));
    assert_eq!(server.getpeername().expect("getpeername"), peer);
    (client, server, listener)
}
