//! Options of sockets.

use capsock_guest::*;

use crate::{connected, fails, socket};

/// Every option that WASI lacks, and those that it has.
pub(crate) fn options(host: &str) {
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
