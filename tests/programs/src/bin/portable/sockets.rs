//! The interface `socket`, but for sends and receives.

use capsock_guest::*;
use capsock_test_programs::family_of;

use crate::{connected, fails, socket};

/// The table's rows of the interface `socket`.
pub(crate) fn sockets(host: &str) {
    let family = family_of(host);
    for other in [
        AF_UNIX,
        AF_NETLINK,
        AF_VSOCK,
        AF_PACKET,
        AF_CAN,
        AF_TIPC,
        AF_BLUETOOTH,
        AF_ALG,
        AF_RDS,
    ] {
        fails(Socket::new(other, SOCK_STREAM), "EAFNOSUPPORT");
        fails(socketpair_with(other, SOCK_STREAM, 0), "EAFNOSUPPORT");
    }
    for kind in [SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET] {
        fails(Socket::new(family, kind), "ESOCKTNOSUPPORT");
    }
    for (kind, protocol) in [
        (SOCK_STREAM, IPPROTO_UDP),
        (SOCK_STREAM, IPPROTO_MPTCP),
        (SOCK_DGRAM, IPPROTO_TCP),
        (SOCK_DGRAM, IPPROTO_ICMP),
    ] {
        fails(
            Socket::with_proto(family, kind, protocol),
            "EPROTONOSUPPORT",
        );
    }
    fails(socketpair_with(family, SOCK_STREAM, 0), "EOPNOTSUPP");
    fails(unlink_unix("/tmp/socket"), "EAFNOSUPPORT");

    let tcp = socket(host, SOCK_STREAM);
    let other = if host.contains(':') {
        "127.0.0.1"
    } else {
        "::1"
    };
    let other = getaddrinfo(other, 9, AF_UNSPEC, SOCK_STREAM, 0, 0).expect("an address");
    fails(tcp.bind(&other[0].sockaddr), "EAFNOSUPPORT");
    fails(tcp.connect(&other[0].sockaddr), "EAFNOSUPPORT");
    if host.contains(':') {
        fails(tcp.connect(("::ffff:127.0.0.1", 9)), "EINVAL");
        fails(tcp.bind(("::ffff:127.0.0.1", 0)), "EINVAL");
    }
    fails(tcp.accept(), "EINVAL");
    fails(tcp.shutdown(SHUT_WR), "ENOTCONN");
    fails(tcp.getpeername(), "ENOTCONN");
    fails(tcp.recv(1), "ENOTCONN");
    fails(tcp.send(b"x"), "EPIPE");
    assert_eq!(tcp.getsockname().expect("getsockname").port(), Some(0));
    tcp.bind((host, 0)).expect("bind");
    fails(tcp.bind((host, 0)), "EINVAL");
    assert_ne!(tcp.getsockname().expect("getsockname").port(), Some(0));

    let udp = socket(host, SOCK_DGRAM);
    fails(udp.listen(1), "EOPNOTSUPP");
    fails(udp.accept(), "EOPNOTSUPP");
    fails(udp.shutdown(SHUT_WR), "ENOTCONN");

    // What the kernel would stop, WASI does not.
    let (client, server, listener) = connected(host);
    fails(listener.shutdown(SHUT_RD), "EOPNOTSUPP");
    fails(
        client.connect(listener.getsockname().expect("own")),
        "EISCONN",
    );
    fails(client.listen(1), "EINVAL");
    fails(
        listener.connect(listener.getsockname().expect("own")),
        "EISCONN",
    );
    listener.listen(7).expect("listen again");

    // Duplicates are one socket.
    let twin = server.dup().expect("dup");
    server.close().expect("close");
    fails(server.recv(1), "EBADF");
    fails(server.close(), "EBADF");
    twin.sendall(b"twin").expect("send");
    assert_eq!(client.recv(9).expect("recv"), b"twin");
    drop(twin);
    assert_eq!(client.recv(9).expect("the end"), b"");
}
