//! Listeners that the guest was given.

use capsock_guest::*;
use capsock_test_programs::{args, recv_to_end};

fn main() {
    let args = args();
    match args[0].as_str() {
        "serve" => args[1..].iter().for_each(|name| serve(name)),
        "numbers" => numbers(),
        "unknown" => unknown(&args[1]),
        "interface" => interface(&args[1]),
        case => panic!("no case `{case}`"),
    }
}

/// Tells what the listener is, and echoes one connection.
fn serve(name: &str) {
    let listener = Socket::inherited(name).expect("inherited");
    let local = listener.getsockname().expect("getsockname");
    let (family, kind) = (listener.family().number(), listener.kind().number());
    println!("{name} {family} {kind} {} {local}", listener.proto());
    let (connection, _peer) = listener.accept().expect("accept");
    let data = recv_to_end(&connection);
    connection.sendall(&data).expect("sendall");
}

/// The interface that the listener is bound to.
fn interface(name: &str) {
    let listener = Socket::inherited(name).expect("inherited");
    match listener.getsockopt_bytes(SOL_SOCKET, SO_BINDTODEVICE, 16) {
        Ok(bytes) => println!("{}", String::from_utf8_lossy(&bytes).replace('\0', "")),
        Err(error) => println!("{}", error.name().expect("an errno")),
    }
}

/// The numbers are those that systemd's protocol tells.
fn numbers() {
    let variable = |name| std::env::var(name).expect(name);
    let count: i32 = variable("LISTEN_FDS").parse().expect("a number");
    let names = variable("LISTEN_FDNAMES");
    let names: Vec<&str> = names.split(':').collect();
    println!("names {}", names.join(" "));
    let other = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    assert_eq!(other.fileno(), 3 + count, "the first one that is free");
    for (fd, name) in (3..3 + count).zip(names) {
        let named = Socket::inherited(name).expect("inherited");
        assert_ne!(named.fileno(), fd);
        let (family, kind, proto) = (named.family(), named.kind(), named.proto());
        let again = Socket::fromfd(fd, family, kind, proto).expect("fromfd");
        assert_eq!(again.getsockname(), named.getsockname());
        let listener = Socket::from_fileno(fd).expect("from_fileno");
        assert_eq!((listener.fileno(), listener.family()), (fd, family));
        assert_eq!(listener.getsockname(), named.getsockname());
        println!("listening");
        let (connection, _peer) = listener.accept().expect("accept");
        let data = recv_to_end(&connection);
        connection.sendall(&data).expect("sendall");
    }
    let beyond = Socket::fromfd(90, AF_INET, SOCK_STREAM, 0);
    assert_eq!(beyond.expect_err("closed").name(), Some("EBADF"));
}

fn unknown(name: &str) {
    println!("{}", Socket::inherited(name).expect_err("unknown"));
    // What was given is no grant for anything else.
    if let Ok(listener) = Socket::fromfd(3, AF_INET, SOCK_STREAM, 0) {
        let denied = listener.listen(1).expect_err("no grant");
        assert!(denied.is_access_denied(), "{denied}");
    }
    let socket = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    let denied = socket.bind(("127.0.0.1", 0)).expect_err("no grant");
    assert!(denied.is_access_denied(), "{denied}");
}
