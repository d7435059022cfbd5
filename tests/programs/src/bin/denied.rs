//! Denied operations, each of which leaves the socket as it was: `denied CASE
//! HOST GRANTED-PORT DENIED-PORT`.

use capsock_guest::{Error, SOCK_DGRAM, SOCK_STREAM, Socket};
use capsock_test_programs::{args, family_of};

fn main() {
    let args = args();
    let [case, host, granted, denied] = &args[..] else {
        panic!("usage: denied CASE HOST GRANTED-PORT DENIED-PORT");
    };
    let granted: u16 = granted.parse().expect("a port");
    let denied: u16 = denied.parse().expect("a port");
    match case.as_str() {
        "bind" => bind(host, granted, denied),
        "listen" => listen(host, granted),
        "listen-unbound" => listen_unbound(host),
        "connect" => connect(host, granted, denied),
        "datagram" => datagram(host, granted, denied),
        _ => panic!("no case `{case}`"),
    }
}

fn assert_denied(result: Result<(), Error>) {
    let error = result.expect_err("not granted");
    assert!(
        error.is_access_denied() && error.errno() == Some(13),
        "{error}"
    );
}

fn bind(host: &str, granted: u16, denied: u16) {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    assert_denied(socket.bind((host, denied)));
    assert_eq!(
        socket.getsockname().expect("getsockname").port(),
        Some(0),
        "still unbound"
    );
    socket
        .bind((host, granted))
        .expect("the granted port, on the same socket");
    socket.listen(1).expect("listen");
}

/// The bind is granted, the listen is not; then the socket can still connect.
fn listen(host: &str, granted: u16) {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    socket.bind((host, 0)).expect("bind");
    assert_denied(socket.listen(1));
    let error = socket.accept().map(drop).expect_err("it does not listen");
    assert_eq!(error.name(), Some("EINVAL"));
    socket.connect((host, granted)).expect("connect");
}

/// The kernel would bind it to every interface.
fn listen_unbound(host: &str) {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    assert_denied(socket.listen(1));
    assert_eq!(socket.getsockname().expect("getsockname").port(), Some(0));
}

fn connect(host: &str, granted: u16, denied: u16) {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    assert_denied(socket.connect((host, denied)));
    socket
        .connect((host, granted))
        .expect("the granted port, on the same socket");
    socket.sendall(b"x").expect("sendall");
}

/// A connect is a send, and each address of a send is checked.
fn datagram(host: &str, granted: u16, denied: u16) {
    let socket = Socket::new(family_of(host), SOCK_DGRAM).expect("socket");
    assert_denied(socket.connect((host, denied)));
    assert_denied(socket.sendto(b"x", (host, denied)).map(drop));
    assert_eq!(
        socket.getsockname().expect("getsockname").port(),
        Some(0),
        "nothing was sent"
    );
    socket.connect((host, granted)).expect("connect");
    assert_denied(socket.sendto(b"x", (host, denied)).map(drop));
    socket.send(b"x").expect("send");
}
