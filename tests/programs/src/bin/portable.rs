//! What is different where only WASI is, as docs/portable.md has it:
//! `portable CASE HOST [PORT]`.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use capsock_guest::wit::Interest;
use capsock_guest::*;
use capsock_test_programs::{args, bind_and_tell, family_of};

fn main() {
    let args = args();
    let [case, host, rest @ ..] = &args[..] else {
        panic!("usage: portable CASE HOST [PORT]");
    };
    let port = || -> u16 { rest[0].parse().expect("a port") };
    match case.as_str() {
        "sockets" => sockets(host),
        "transfers" => transfers(host),
        "options" => options(host),
        "names" => names(),
        "others" => others(),
        "connect" => connect(host, port()),
        "refused" => refused(host, port()),
        "pending" => pending(host, port()),
        "filtered" => filtered(host),
        "readiness" => readiness(host),
        "edges" => edges(host),
        "pollables" => pollables(host),
        "nested" => nested(host),
        "many" => many(host),
        "own-port" => own_port(host),
        "closed" => closed(host),
        "sendfile" => sendfile(host, port()),
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

/// The table's rows of the interface `socket`.
fn sockets(host: &str) {
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

/// Sends and receives with what WASI has no word for.
fn transfers(host: &str) {
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

/// Every option that WASI lacks, and those that it has.
fn options(host: &str) {
    let is_ipv6 = host.contains(':');
    let (client, server, listener) = connected(host);
    let tcp = socket(host, SOCK_STREAM);
    let udp = socket(host, SOCK_DGRAM);
    let set = |socket: &Socket, level, option, value, expected| {
        socket.setsockopt(level, option, value).expect("setsockopt");
        assert_eq!(
            socket.getsockopt(level, option).expect("getsockopt"),
            expected
        );
    };
    for socket in [&tcp, &udp, &client] {
        set(socket, SOL_SOCKET, SO_SNDBUF, 10_000, 20_000);
        set(socket, SOL_SOCKET, SO_RCVBUF, 10_000, 20_000);
        let hops = match is_ipv6 {
            true => (IPPROTO_IPV6, IPV6_UNICAST_HOPS),
            false => (IPPROTO_IP, IP_TTL),
        };
        set(socket, hops.0, hops.1, 7, 7);
        fails(socket.setsockopt(hops.0, hops.1, 256), "EINVAL");
        fails(socket.setsockopt(hops.0, hops.1, 0), "EINVAL");
        let others = match is_ipv6 {
            true => (IPPROTO_IP, IP_TTL),
            false => (IPPROTO_IPV6, IPV6_UNICAST_HOPS),
        };
        fails(socket.getsockopt(others.0, others.1), "ENOPROTOOPT");
        fails(socket.setsockopt(others.0, others.1, 7), "ENOPROTOOPT");
        if is_ipv6 {
            set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1, 1);
            fails(socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0), "EINVAL");
        } else {
            fails(socket.getsockopt(IPPROTO_IPV6, IPV6_V6ONLY), "ENOPROTOOPT");
        }
        assert_eq!(
            socket.getsockopt(SOL_SOCKET, SO_ERROR).expect("SO_ERROR"),
            0
        );
        for (level, option) in [
            (SOL_SOCKET, SO_REUSEPORT),
            (SOL_SOCKET, SO_BROADCAST),
            (SOL_SOCKET, SO_DONTROUTE),
            (SOL_SOCKET, SO_OOBINLINE),
            (SOL_SOCKET, SO_PASSCRED),
            (SOL_SOCKET, SO_RCVLOWAT),
            (SOL_SOCKET, SO_PRIORITY),
            (SOL_SOCKET, SO_MARK),
            (SOL_SOCKET, SO_INCOMING_CPU),
            (IPPROTO_TCP, TCP_CORK),
            (IPPROTO_TCP, TCP_QUICKACK),
            (IPPROTO_TCP, TCP_MAXSEG),
            (IPPROTO_TCP, TCP_SYNCNT),
            (IPPROTO_TCP, TCP_USER_TIMEOUT),
            (IPPROTO_TCP, TCP_LINGER2),
            (IPPROTO_TCP, TCP_DEFER_ACCEPT),
            (IPPROTO_IP, IP_TOS),
            (IPPROTO_IP, IP_MULTICAST_TTL),
            (IPPROTO_IP, IP_MULTICAST_LOOP),
            (IPPROTO_IPV6, IPV6_TCLASS),
            (IPPROTO_IPV6, IPV6_MULTICAST_HOPS),
            (IPPROTO_IPV6, IPV6_MULTICAST_IF),
        ] {
            fails(socket.getsockopt(level, option), "ENOPROTOOPT");
            fails(socket.setsockopt(level, option, 1), "ENOPROTOOPT");
        }
        // Neither text, nor structures, nor numbers of the kernel's own.
        for (level, option) in [
            (SOL_SOCKET, SO_BINDTODEVICE),
            (IPPROTO_TCP, TCP_CONGESTION),
            (SOL_SOCKET, SO_PEERCRED),
            (SOL_SOCKET, 4711),
        ] {
            fails(socket.getsockopt_bytes(level, option, 16), "ENOPROTOOPT");
        }
        for (level, option) in [
            (SOL_SOCKET, SO_BINDTODEVICE),
            (IPPROTO_TCP, TCP_CONGESTION),
            (SOL_SOCKET, 4711),
        ] {
            fails(
                socket.setsockopt_bytes(level, option, b"reno"),
                "ENOPROTOOPT",
            );
        }
        let linger = [1_i32, 5].map(i32::to_ne_bytes).concat();
        fails(
            socket.setsockopt_bytes(SOL_SOCKET, SO_LINGER, &linger),
            "ENOPROTOOPT",
        );
        socket
            .setsockopt_bytes(SOL_SOCKET, SO_LINGER, &[0; 8])
            .expect("none, as it is");
        assert_eq!(socket.getsockopt(SOL_SOCKET, SO_LINGER).expect("none"), 0);
    }
    for socket in [&tcp, &client] {
        assert_eq!(socket.getsockopt(IPPROTO_TCP, TCP_NODELAY).expect("off"), 0);
        set(socket, IPPROTO_TCP, TCP_NODELAY, 1, 1);
        set(socket, SOL_SOCKET, SO_REUSEADDR, 1, 1);
        fails(socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 0), "EINVAL");
        set(socket, SOL_SOCKET, SO_KEEPALIVE, 1, 1);
        set(socket, IPPROTO_TCP, TCP_KEEPIDLE, 77, 77);
        set(socket, IPPROTO_TCP, TCP_KEEPINTVL, 7, 7);
        set(socket, IPPROTO_TCP, TCP_KEEPCNT, 3, 3);
        for (option, value) in [
            (TCP_KEEPIDLE, 0),
            (TCP_KEEPIDLE, 32_768),
            (TCP_KEEPINTVL, 0),
            (TCP_KEEPCNT, 0),
            (TCP_KEEPCNT, 128),
            (TCP_KEEPCNT, -1),
        ] {
            fails(socket.setsockopt(IPPROTO_TCP, option, value), "EINVAL");
        }
    }
    for option in [SO_REUSEADDR, SO_KEEPALIVE] {
        fails(udp.getsockopt(SOL_SOCKET, option), "ENOPROTOOPT");
        fails(udp.setsockopt(SOL_SOCKET, option, 1), "ENOPROTOOPT");
    }
    for option in [TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPCNT] {
        fails(udp.getsockopt(IPPROTO_TCP, option), "ENOPROTOOPT");
        fails(udp.setsockopt(IPPROTO_TCP, option, 1), "ENOPROTOOPT");
    }
    for (socket, is) in [(&listener, 1), (&server, 0), (&udp, 0)] {
        let accepts = socket.getsockopt(SOL_SOCKET, SO_ACCEPTCONN);
        assert_eq!(accepts.expect("SO_ACCEPTCONN"), is);
    }
    let group = [[224, 0, 0, 7], [0, 0, 0, 0]].concat();
    for option in [IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP] {
        fails(
            udp.setsockopt_bytes(IPPROTO_IP, option, &group),
            "ENOPROTOOPT",
        );
    }
    fails(
        udp.setsockopt_bytes(IPPROTO_IP, IP_MULTICAST_IF, &[127, 0, 0, 1]),
        "ENOPROTOOPT",
    );
    fails(
        udp.getsockopt_bytes(IPPROTO_IP, IP_MULTICAST_IF, 4),
        "ENOPROTOOPT",
    );
}

fn names() {
    let look_up = |host, service, flags| {
        getaddrinfo(Some(host), Some(service), AF_UNSPEC, SOCK_STREAM, 0, flags)
    };
    for (service, flags, error) in [
        ("http", 0, EAI_SERVICE),
        ("http", AI_NUMERICSERV, EAI_NONAME),
        ("65536", 0, EAI_SERVICE),
    ] {
        let failed = look_up("127.0.0.1", service, flags).expect_err(service);
        assert_eq!(failed.gai_errno(), Some(error), "{failed}");
    }
    for (host, family, flags, error) in [
        ("127.0.0.1", AF_INET6, 0, EAI_ADDRFAMILY),
        ("::1", AF_INET, 0, EAI_ADDRFAMILY),
        ("localhost", AF_INET, AI_NUMERICHOST, EAI_NONAME),
        ("fe80::1%lo", AF_INET6, 0, EAI_NONAME),
        ("127.0.0.1", AF_UNIX, 0, EAI_FAMILY),
    ] {
        let failed = getaddrinfo(Some(host), Some("80"), family, SOCK_STREAM, 0, flags);
        assert_eq!(failed.expect_err(host).gai_errno(), Some(error), "{host}");
    }
    let failed = getaddrinfo("127.0.0.1", 80, AF_UNSPEC, SOCK_SEQPACKET, 0, 0);
    assert_eq!(failed.expect_err("a type").gai_errno(), Some(EAI_SOCKTYPE));
    let failed = getaddrinfo("127.0.0.1", 80, AF_UNSPEC, SOCK_RAW, 0, 0);
    assert_eq!(
        failed.expect_err("no service").gai_errno(),
        Some(EAI_SERVICE)
    );
    let failed = getaddrinfo(None::<&str>, 80, AF_UNSPEC, SOCK_STREAM, 0, AI_CANONNAME);
    assert_eq!(failed.expect_err("no host").gai_errno(), Some(EAI_BADFLAGS));
    let found = getaddrinfo("fe80::1%7", 80, AF_UNSPEC, None, 0, AI_CANONNAME).expect("a zone");
    let shown: Vec<_> = found.iter().map(|info| (info.kind, info.proto)).collect();
    assert_eq!(shown, [(SOCK_STREAM, 6), (SOCK_DGRAM, 17), (SOCK_RAW, 0)]);
    assert_eq!(found[0].canonname, "fe80::1%7");
    let (host, service) = getnameinfo(&found[0].sockaddr, 0).expect("numeric");
    assert_eq!((host.as_str(), service.as_str()), ("fe80::1%7", "80"));
    let failed = getnameinfo(&found[0].sockaddr, NI_NAMEREQD).expect_err("no name");
    assert_eq!(failed.gai_errno(), Some(EAI_NONAME));
    let mapped = getaddrinfo("127.0.0.1", 80, AF_INET6, SOCK_STREAM, 0, AI_V4MAPPED);
    let mapped = mapped.expect("mapped")[0].sockaddr.to_string();
    assert!(mapped.contains("::ffff:127.0.0.1"), "{mapped}");
    let own = getaddrinfo(None::<&str>, 80, AF_INET, SOCK_STREAM, 0, AI_PASSIVE).expect("any");
    let (host, _) = getnameinfo(&own[0].sockaddr, 0).expect("numeric");
    assert_eq!(host, "0.0.0.0");
    let own = getaddrinfo(None::<&str>, 80, AF_INET6, SOCK_STREAM, 0, 0).expect("own");
    let (host, _) = getnameinfo(&own[0].sockaddr, 0).expect("its name");
    assert_eq!(host, "localhost");

    assert_eq!(gethostbyname("127.0.0.7").expect("itself"), "127.0.0.7");
    assert_eq!(gethostbyname("localhost").expect("own"), "127.0.0.1");
    assert_eq!(gethostbyaddr("::1").expect("own").0, "localhost");
    let failed = gethostbyaddr("192.0.2.1").expect_err("no names of addresses");
    const HOST_NOT_FOUND: i32 = 1;
    assert_eq!(failed.h_errno(), Some(HOST_NOT_FOUND));
    assert!(getservbyname("http", None).is_err());
    assert!(getservbyport(80, Some("tcp")).is_err());
    assert_eq!(getprotobyname("udp").expect("udp"), IPPROTO_UDP);
    assert!(getprotobyname("icmp").is_err());
    fails(gethostname(), "ENOSYS");
    fails(sethostname("name"), "ENOSYS");
    fails(sethostname(&"x".repeat(65)), "EINVAL");
}

/// What else there is nothing of.
fn others() {
    fails(if_nameindex(), "EOPNOTSUPP");
    fails(if_nametoindex("lo"), "EOPNOTSUPP");
    fails(if_indextoname(1), "EOPNOTSUPP");
    assert!(Socket::inherited("http").is_err());
    assert_eq!(authority::grants(), ["allow connect tcp://127.0.0.1:7"]);
    let may = |target| authority::may("connect", target).expect("a question");
    assert!(may("tcp://127.0.0.1:7") && !may("tcp://127.0.0.1:8"));
    assert!(authority::may("connect", "tcp://*:8").is_err());
    assert!(authority::limit(&["allow nonsense"]).is_err());
    authority::limit(&[""; 0]).expect("limit");
    assert!(!may("tcp://127.0.0.1:7"));
    fails(
        socket("127.0.0.1", SOCK_STREAM).connect(("127.0.0.1", 7)),
        "EACCES",
    );
}

/// Without blocking, to a peer that says `hello`.
fn connect(host: &str, port: u16) {
    const EINPROGRESS: i32 = 115;
    let client = socket(host, SOCK_STREAM);
    client.setblocking(false).expect("setblocking");
    client
        .setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("before");
    match client.connect_ex((host, port)).expect("errno") {
        0 => {}
        EINPROGRESS => {
            client
                .setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 99)
                .expect("meanwhile");
            let (_, ready, _) = select(&[], &[&client], &[], None).expect("select");
            assert_eq!(ready.len(), 1);
            assert_eq!(
                client.getsockopt(SOL_SOCKET, SO_ERROR).expect("SO_ERROR"),
                0
            );
            // The first one after it says so, as Linux has it.
            client.connect((host, port)).expect("it is done");
            let idle = client.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE);
            assert_eq!(idle.expect("TCP_KEEPIDLE"), 99);
        }
        other => panic!("errno {other}"),
    }
    fails(client.connect((host, port)), "EISCONN");
    let keeps = client.getsockopt(SOL_SOCKET, SO_KEEPALIVE);
    assert_eq!(keeps.expect("SO_KEEPALIVE"), 1);
    client
        .settimeout(Duration::from_secs(30))
        .expect("settimeout");
    assert_eq!(client.recv_flags(5, MSG_WAITALL).expect("recv"), b"hello");
}

/// Nobody answers, as long as it runs.
fn pending(host: &str, port: u16) {
    let client = socket(host, SOCK_STREAM);
    client.setblocking(false).expect("setblocking");
    fails(client.connect((host, port)), "EINPROGRESS");
    fails(client.connect((host, port)), "EALREADY");
    fails(client.getsockopt(SOL_SOCKET, SO_KEEPALIVE), "EALREADY");
    client
        .setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("meanwhile");
    let keeps = client.getsockopt(SOL_SOCKET, SO_KEEPALIVE);
    assert_eq!(keeps.expect("what was set"), 1);
    fails(client.recv(1), "EAGAIN");
    fails(client.send(b"x"), "EAGAIN");
    fails(client.getpeername(), "ENOTCONN");
    fails(client.shutdown(SHUT_WR), "ENOTCONN");
    assert_eq!(client.getsockname().expect("own").port(), Some(0));
    assert_eq!(now(&client, ALL), 0);
    client
        .settimeout(Duration::from_millis(20))
        .expect("settimeout");
    assert!(client.recv(1).expect_err("in vain").is_timeout());
}

/// Nobody listens. Another attempt is one.
fn refused(host: &str, port: u16) {
    let client = socket(host, SOCK_STREAM);
    client.bind((host, 0)).expect("bind");
    client
        .setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("option");
    for _ in 0..2 {
        fails(client.connect((host, port)), "ECONNREFUSED");
    }
    client.setblocking(false).expect("setblocking");
    let error = client.connect((host, port)).expect_err("nobody listens");
    if error.name() == Some("EINPROGRESS") {
        let poller = Poller::new().expect("poller");
        poller
            .register(&client, POLLOUT, Trigger::Level)
            .expect("register");
        let told = poller.wait(1, None).expect("wait");
        assert_eq!(told[0].1 & (POLLERR | POLLOUT), POLLERR | POLLOUT);
        const ECONNREFUSED: i32 = 111;
        let error = client.getsockopt(SOL_SOCKET, SO_ERROR);
        assert_eq!(error.expect("SO_ERROR"), ECONNREFUSED);
    }
    let keeps = client.getsockopt(SOL_SOCKET, SO_KEEPALIVE);
    assert_eq!(keeps.expect("it is still set"), 1);

    let udp = socket(host, SOCK_DGRAM);
    udp.connect((host, port)).expect("connect");
    udp.settimeout(Duration::from_secs(30)).expect("settimeout");
    udp.send(b"x").expect("send");
    fails(udp.recv(1), "ECONNREFUSED");
}

/// A peer that is not admitted is turned away, and the next one is told.
fn filtered(host: &str) {
    let udp = socket(host, SOCK_DGRAM);
    bind_and_tell(&udp, host);
    let poller = Poller::new().expect("poller");
    poller
        .register(&udp, POLLIN, Trigger::Level)
        .expect("register");
    assert_eq!(
        poller.wait(1, None).expect("wait"),
        [(udp.fileno(), POLLIN)]
    );
    assert_eq!(udp.recv_flags(64, MSG_DONTWAIT).expect("recv"), b"welcome");
    fails(udp.recv_flags(64, MSG_DONTWAIT), "EAGAIN");
}

const NOW: Duration = Duration::ZERO;
const ALL: i16 = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

fn now(socket: &Socket, events: i16) -> i16 {
    let poller = Poller::new().expect("poller");
    poller
        .register(socket, events, Trigger::Level)
        .expect("register");
    let told = poller.wait(1, NOW).expect("wait");
    told.first().map_or(0, |(_, events)| *events)
}

fn told(socket: &Socket, events: i16) -> i16 {
    let poller = Poller::new().expect("poller");
    poller
        .register(socket, events, Trigger::Level)
        .expect("register");
    poller.wait(1, Duration::from_secs(30)).expect("wait")[0].1
}

fn readiness(host: &str) {
    let fresh = socket(host, SOCK_STREAM);
    assert_eq!(now(&fresh, ALL), POLLOUT | POLLHUP);
    assert_eq!(now(&fresh, 0), POLLHUP);
    let (client, server, listener) = connected(host);
    assert_eq!(now(&listener, ALL), 0);
    assert_eq!(now(&client, ALL), POLLOUT);
    assert_eq!(now(&client, POLLIN), 0);
    server.sendall(b"ab").expect("send");
    assert_eq!(told(&client, POLLIN), POLLIN);
    // A look takes nothing.
    while client.recv_flags(9, MSG_PEEK).expect("peek").len() < 2 {}
    assert_eq!(client.recv(9).expect("recv"), b"ab");
    assert_eq!(now(&client, POLLIN), 0);
    server.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(told(&client, POLLRDHUP), POLLRDHUP);
    assert_eq!(told(&client, POLLIN), POLLIN);
    client.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(told(&client, 0), POLLHUP);

    let other = socket(host, SOCK_STREAM);
    other
        .connect(listener.getsockname().expect("own"))
        .expect("connect");
    assert_eq!(told(&listener, POLLIN), POLLIN);
    assert_eq!(now(&listener, POLLIN), POLLIN);
    listener.setblocking(false).expect("setblocking");
    listener.accept().expect("it was told");
    assert_eq!(now(&listener, POLLIN), 0);
    fails(listener.accept(), "EAGAIN");
    // One that was told and not accepted ends with its listener.
    let late = socket(host, SOCK_STREAM);
    late.connect(listener.getsockname().expect("own"))
        .expect("connect");
    assert_eq!(told(&listener, POLLIN), POLLIN);
    listener.close().expect("close");
    assert_eq!(late.recv(1).expect("the end"), b"");

    let udp = socket(host, SOCK_DGRAM);
    assert_eq!(now(&udp, ALL), POLLOUT);
    udp.bind((host, 0)).expect("bind");
    assert_eq!(now(&udp, ALL), POLLOUT);
    let own = udp.getsockname().expect("own");
    udp.sendto(b"x", &own).expect("sendto");
    assert_eq!(told(&udp, POLLIN), POLLIN);
    assert_eq!(udp.recv_flags(1, MSG_DONTWAIT).expect("recv"), b"x");

    // A timeout is kept, and nothing is told.
    let poller = Poller::new().expect("poller");
    let limit = Duration::from_millis(50);
    let start = Instant::now();
    assert!(poller.wait(1, limit).expect("nobody").is_empty());
    poller
        .register(&udp, POLLIN, Trigger::Level)
        .expect("register");
    fails(poller.register(&udp, POLLIN, Trigger::Level), "EEXIST");
    assert!(poller.wait(1, limit).expect("nothing").is_empty());
    assert!(start.elapsed() >= limit * 2);
    fails(poller.wait(0, NOW), "EINVAL");
    poller
        .modify(&udp, POLLOUT, Trigger::Level)
        .expect("modify");
    assert_eq!(
        poller.wait(9, None).expect("wait"),
        [(udp.fileno(), POLLOUT)]
    );
    poller.unregister(&udp).expect("unregister");
    fails(poller.unregister(&udp), "ENOENT");
    fails(poller.modify(&udp, POLLOUT, Trigger::Level), "ENOENT");
    poller
        .register(&udp, POLLOUT, Trigger::Level)
        .expect("register");
    udp.close().expect("close");
    fails(poller.unregister(&udp), "EBADF");
    assert!(poller.wait(9, NOW).expect("nobody").is_empty());
}

fn edges(host: &str) {
    let (client, server, _listener) = connected(host);
    client.setblocking(false).expect("setblocking");
    let poller = Poller::new().expect("poller");
    poller
        .register(&client, POLLIN, Trigger::Edge)
        .expect("register");
    let limit = Duration::from_millis(50);
    for round in 0..3 {
        server.sendall(b"x").expect("send");
        assert_eq!(
            poller.wait(1, None).expect("wait").len(),
            1,
            "round {round}"
        );
        assert!(
            poller.wait(1, limit).expect("wait").is_empty(),
            "it was told"
        );
        assert_eq!(client.recv(9).expect("recv"), b"x");
        fails(client.recv(9), "EAGAIN");
        assert!(
            poller.wait(1, limit).expect("wait").is_empty(),
            "nothing is there"
        );
    }
    poller
        .modify(&client, POLLIN, Trigger::Oneshot)
        .expect("modify");
    server.sendall(b"x").expect("send");
    assert_eq!(poller.wait(1, None).expect("wait").len(), 1);
    assert!(poller.wait(1, limit).expect("wait").is_empty(), "once");
    assert_eq!(client.recv(9).expect("recv"), b"x");
    server.sendall(b"x").expect("send");
    assert!(poller.wait(1, limit).expect("wait").is_empty(), "once");
    poller
        .modify(&client, POLLIN, Trigger::Oneshot)
        .expect("modify");
    assert_eq!(poller.wait(1, None).expect("wait").len(), 1);
}

/// They are ready for what is ready, and soon for what is not. They may outlive the
/// socket.
fn pollables(host: &str) {
    let (client, server, _listener) = connected(host);
    let subscribe = |interest| client.as_resource().subscribe(interest).expect("subscribe");
    assert!(subscribe(Interest::WRITABLE).ready());
    assert!(subscribe(Interest::READABLE | Interest::WRITABLE).ready());
    assert!(!subscribe(Interest::READABLE).ready());
    assert!(client.as_resource().subscribe(Interest::empty()).is_err());
    server.sendall(b"x").expect("send");
    client.setblocking(false).expect("setblocking");
    let start = Instant::now();
    while client.recv(1).is_err() {
        subscribe(Interest::READABLE).block();
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    let pollable = subscribe(Interest::READABLE);
    client.close().expect("close");
    pollable.block();
    drop(client);
    assert_eq!(server.recv(1).expect("the end"), b"");
}

fn nested(host: &str) {
    let udp = socket(host, SOCK_DGRAM);
    udp.bind((host, 0)).expect("bind");
    let sets: Vec<Poller> = (0..6).map(|_| Poller::new().expect("poller")).collect();
    let register = |outer: usize, inner: usize| {
        sets[outer].register_poller(&sets[inner], 7, POLLIN, Trigger::Level)
    };
    fails(register(0, 0), "EINVAL");
    for outer in 0..4 {
        register(outer, outer + 1).expect("register");
    }
    fails(register(0, 1), "EEXIST");
    fails(register(4, 0), "ELOOP");
    fails(register(4, 5), "ELOOP");
    sets[4]
        .register(&udp, POLLIN, Trigger::Level)
        .expect("register");
    let limit = Duration::from_millis(20);
    assert!(sets[0].wait(1, limit).expect("wait").is_empty());
    udp.sendto(b"x", udp.getsockname().expect("own"))
        .expect("sendto");
    assert_eq!(sets[0].wait(1, None).expect("wait"), [(7, POLLIN)]);
    assert_eq!(udp.recv(9).expect("recv"), b"x");
    assert!(sets[0].wait(1, limit).expect("wait").is_empty());
    sets[0].unregister_poller(&sets[1]).expect("unregister");
    fails(sets[0].unregister_poller(&sets[1]), "ENOENT");
    fails(
        sets[0].modify_poller(&sets[1], 7, POLLIN, Trigger::Level),
        "ENOENT",
    );
}

/// There are places for so many sockets, and each is given back.
fn many(host: &str) {
    const PLACES: usize = 1024;
    for _ in 0..2 {
        let mut sockets = Vec::new();
        let error = loop {
            match Socket::new(family_of(host), SOCK_DGRAM) {
                Ok(socket) => sockets.push(socket),
                Err(error) => break error,
            }
            assert!(sockets.len() <= PLACES);
        };
        assert_eq!(error.name(), Some("EMFILE"));
        assert_eq!(sockets.len(), PLACES);
    }
}

/// What the kernel binds by itself: without a grant, and with one to listen.
fn own_port(host: &str) {
    let any = if host.contains(':') { "::" } else { "0.0.0.0" };
    let listener = socket(host, SOCK_STREAM);
    match listener.listen(1) {
        Ok(()) => {
            let own = listener.getsockname().expect("own");
            let client = socket(host, SOCK_STREAM);
            client
                .connect((host, own.port().expect("a port")))
                .expect("connect");
            listener.accept().expect("accept");
            println!("listens");
        }
        Err(error) => {
            println!("{}", error.name().expect("an errno"));
            assert_eq!(listener.getsockname().expect("as it was").port(), Some(0));
        }
    }
    let udp = socket(host, SOCK_DGRAM);
    udp.bind((any, 0)).expect("it needs no grant");
}

/// Data that the peer has not read when its socket is closed without blocking is sent
/// on as long as the program runs.
fn closed(host: &str) {
    let (client, server, _listener) = connected(host);
    client.setblocking(false).expect("setblocking");
    let mut sent = 0;
    let piece = [7; 1 << 16];
    let full = loop {
        match client.send(&piece) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert!(full.is_would_block(), "{full}");
    let start = Instant::now();
    client.close().expect("close");
    drop(client);
    assert!(start.elapsed() < Duration::from_secs(5), "it does not wait");
    let mut received = 0;
    loop {
        match server.recv(1 << 20).expect("recv").len() {
            0 => break,
            count => received += count,
        }
    }
    assert_eq!(received, sent);
}

/// To a peer, which gets a file twice, but for its first byte.
fn sendfile(host: &str, port: u16) {
    let client = socket(host, SOCK_STREAM);
    client.connect((host, port)).expect("connect");
    let mut file = File::open("/files/data").expect("open");
    let length = file.size().expect("size").expect("a length");
    let sent = client.sendfile(&mut file, 1, None).expect("sendfile");
    assert_eq!(sent, length - 1);
    let sent = client
        .sendfile(&mut file, 1, Some(length))
        .expect("sendfile");
    assert_eq!(sent, length - 1, "less is the end of the file");
    assert_eq!(
        client.sendfile(&mut file, length, None).expect("the end"),
        0
    );
    let fresh = socket(host, SOCK_STREAM);
    fails(fresh.sendfile(&mut file, 0, None), "EPIPE");
}
