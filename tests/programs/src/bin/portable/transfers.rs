//! Sends, receives and ancillary data.

use capsock_guest::*;

use crate::{connected, fails, socket};

/// Sends and receives with what WASI has no word for.
pub(crate) fn transfers(host: &str) {
    let (client, server, _listener) = connected(host);
    fails(client.send_flags(b"!", MSG_OOB), "EOPNOTSUPP");
    fails(client.send_flags(b"!", MSG_DONTROUTE), "EOPNOTSUPP");
    fails(client.recv_flags(1, MSG_OOB), "EINVAL");
    fails(client.recv_flags(1, MSG_ERRQUEUE), "EAGAIN");
    client
        .send_flags(b"more", MSG_MORE)
        .expect("it says nothing new");
    assert_eq!(server.recv_flags(4, MSG_WAITALL).expect("recv"), b"more");
    assert_eq!(client.send(b"").expect("nothing"), 0);
    assert_eq!(client.recv(0).expect("nothing"), b"");

    // Some of what was looked at, and all of it.
    client.sendall(b"0123456789").expect("send");
    while server.recv_flags(64, MSG_PEEK).expect("peek").len() < 10 {}
    assert_eq!(server.recv(3).expect("recv"), b"012");
    assert_eq!(server.recv_flags(3, MSG_PEEK).expect("peek"), b"345");
    let (data, _ancillary, flags, sender) = server.recvmsg(64, 0, MsgFlag::NONE).expect("recvmsg");
    assert_eq!(
        (data.as_slice(), flags, sender),
        (&b"3456789"[..], MsgFlag::NONE, None)
    );
    client.sendall(b"gone").expect("send");
    while server.recv_flags(64, MSG_PEEK).expect("peek").len() < 4 {}
    let (data, ..) = server.recvmsg(64, 0, MSG_TRUNC).expect("recvmsg");
    assert_eq!(data, b"");
    let nobody = socket(host, SOCK_DGRAM);
    let ttl: Ancillary = (IPPROTO_IP, IP_TTL, 7_i32.to_ne_bytes().to_vec());
    fails(
        client.sendmsg(&[b"x"], &[ttl], MsgFlag::NONE, None),
        "EINVAL",
    );
    let passed: Ancillary = (
        SOL_SOCKET,
        SCM_RIGHTS,
        server.fileno().to_ne_bytes().to_vec(),
    );
    fails(
        client.sendmsg(&[b"x"], &[passed], MsgFlag::NONE, None),
        "EINVAL",
    );
    let parts: [&[u8]; 3] = [b"in ", b"three ", b"parts"];
    let sent = client.sendmsg(&parts, &[], MsgFlag::NONE, None);
    assert_eq!(sent.expect("sendmsg"), 14);
    assert_eq!(
        server.recv_flags(14, MSG_WAITALL).expect("recv"),
        b"in three parts"
    );
    let to = nobody.getsockname().expect("getsockname");
    client
        .sendto(b"to the peer", &to)
        .expect("tcp(7) takes no address");
    assert_eq!(server.recv(64).expect("recv"), b"to the peer");
    let fresh = socket(host, SOCK_STREAM);
    fails(
        fresh.sendto_flags(b"x", MSG_FASTOPEN, (host, 9)),
        "EOPNOTSUPP",
    );

    server.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(client.recv(1).expect("the end"), b"");
    fails(server.send(b"x"), "EPIPE");
    client.sendall(b"still").expect("send");
    assert_eq!(server.recv_flags(5, MSG_WAITALL).expect("recv"), b"still");
    server.shutdown(SHUT_RD).expect("shutdown");
    assert_eq!(server.recv(1).expect("the end"), b"");

    let one = socket(host, SOCK_DGRAM);
    one.bind((host, 0)).expect("bind");
    let one_is = one.getsockname().expect("getsockname");
    let two = socket(host, SOCK_DGRAM);
    fails(two.send(b"x"), "EDESTADDRREQ");
    fails(two.sendto_flags(b"x", MSG_MORE, &one_is), "EOPNOTSUPP");
    fails(two.sendto_flags(b"x", MSG_OOB, &one_is), "EOPNOTSUPP");
    fails(two.sendto_flags(b"x", MSG_DONTROUTE, &one_is), "EOPNOTSUPP");
    fails(two.sendto(&[0; 65_536], &one_is), "EMSGSIZE");
    two.sendto(b"datagram", &one_is).expect("sendto");
    let (data, sender) = one.recvfrom_flags(4, MSG_PEEK).expect("peek");
    assert_eq!(data, b"data");
    let (data, _ancillary, flags, same) = one.recvmsg(4, 0, MSG_TRUNC).expect("recvmsg");
    assert_eq!((data.as_slice(), flags), (&b"data"[..], MSG_TRUNC));
    assert_eq!(sender, same);
    let two_is = sender.expect("a sender");
    assert_eq!(two_is.port(), two.getsockname().expect("own").port());
    fails(one.recv_flags(1, MSG_DONTWAIT), "EAGAIN");
    fails(one.recv_flags(1, MSG_ERRQUEUE), "EAGAIN");
    fails(one.recv_flags(1, MSG_OOB), "EOPNOTSUPP");

    // A connected one sends to its peer alone, and hears it alone.
    one.connect(&two_is).expect("connect");
    fails(one.sendto(b"x", (host, 9)), "EISCONN");
    one.sendto(b"to the peer", &two_is).expect("sendto");
    assert_eq!(two.recv(64).expect("recv"), b"to the peer");
    one.connect(&one_is).expect("connect to another one");
    one.send(b"to itself").expect("send");
    assert_eq!(one.recv(64).expect("recv"), b"to itself");
    one.shutdown(SHUT_WR).expect("shutdown");
    fails(one.send(b"x"), "EPIPE");
    one.shutdown(SHUT_RD).expect("shutdown");
    assert_eq!(one.recv(1).expect("the end"), b"");
}
