//! Socket options: `options CASE [HOST]`.
//!
//! A line an option: its initial value has to differ from the one that is set,
//! and to be that one afterwards.

use std::time::Duration;

use capsock_guest::*;
use capsock_test_programs::{args, family_of, tell_port};

// Not in Python's module.
const IP_MULTICAST_ALL: i32 = 49;
const IPV6_MULTICAST_ALL: i32 = 29;
const SO_RXQ_OVFL: i32 = 40;
const SO_MAX_PACING_RATE: i32 = 47;
const IP_MINTTL: i32 = 21;
const IPV6_MINHOPCOUNT: i32 = 73;
const IPV6_MTU: i32 = 24;
const IP_FREEBIND: i32 = 15;
const IP_MTU: i32 = 14;
const IP_MTU_DISCOVER: i32 = 10;
const IP_PKTINFO: i32 = 8;
const IP_RECVERR: i32 = 11;
const IP_RECVTTL: i32 = 12;
const IPV6_MTU_DISCOVER: i32 = 23;
const IPV6_RECVERR: i32 = 25;
const SO_PEEK_OFF: i32 = 42;
const SO_TIMESTAMPING: i32 = 37;
const SO_TIMESTAMPNS: i32 = 35;
const SO_ZEROCOPY: i32 = 60;
const TCP_FASTOPEN_CONNECT: i32 = 30;
const UDP_CORK: i32 = 1;
const UDP_GRO: i32 = 104;
const UDP_SEGMENT: i32 = 103;

fn main() {
    let args = args();
    match args[0].as_str() {
        "values" => values(),
        "special" => special(),
        "misuse" => misuse(),
        "granted" => granted(&args[1]),
        "raw" => raw(),
        "congestion" => congestion(&args[1..]),
        "try-raw" => try_raw(&args[1..]),
        "reuse-address" => reuse_address(&args[1]),
        case => panic!("no case `{case}`"),
    }
}

#[track_caller]
fn check(socket: &Socket, level: i32, option: i32, value: i32, expected: i32) {
    let initial = socket.getsockopt(level, option).expect("the initial value");
    assert_ne!(initial, expected, "the initial value is the same");
    socket.setsockopt(level, option, value).expect("setsockopt");
    assert_eq!(
        socket.getsockopt(level, option).expect("getsockopt"),
        expected
    );
}

fn values() {
    let make = |family, kind| Socket::new(family, kind).expect("socket");
    let tcp = make(AF_INET, SOCK_STREAM);
    let udp = make(AF_INET, SOCK_DGRAM);
    let udp6 = make(AF_INET6, SOCK_DGRAM);
    let tcp6 = make(AF_INET6, SOCK_STREAM);
    let unix = make(AF_UNIX, SOCK_DGRAM);

    check(&tcp, SOL_SOCKET, SO_REUSEADDR, 1, 1);
    check(&tcp, SOL_SOCKET, SO_REUSEPORT, 1, 1);
    check(&tcp, SOL_SOCKET, SO_KEEPALIVE, 1, 1);
    check(&tcp, SOL_SOCKET, SO_DONTROUTE, 1, 1);
    check(&tcp, SOL_SOCKET, SO_OOBINLINE, 1, 1);
    check(&tcp, SOL_SOCKET, SO_ZEROCOPY, 1, 1);
    check(&udp, SOL_SOCKET, SO_BROADCAST, 7, 1);
    check(&udp, SOL_SOCKET, SO_TIMESTAMPNS, 1, 1);
    check(&udp, SOL_SOCKET, SO_TIMESTAMPING, 0x18, 0x18);
    check(&unix, SOL_SOCKET, SO_PASSCRED, 1, 1);
    // Linux doubles the sizes of buffers.
    check(&udp, SOL_SOCKET, SO_SNDBUF, 10_000, 20_000);
    check(&udp, SOL_SOCKET, SO_RCVBUF, 10_000, 20_000);
    check(&tcp, SOL_SOCKET, SO_RCVLOWAT, 2, 2);
    check(&tcp, SOL_SOCKET, SO_PRIORITY, 5, 5);
    check(&tcp, SOL_SOCKET, SO_INCOMING_CPU, 0, 0);
    check(&unix, SOL_SOCKET, SO_PEEK_OFF, 3, 3);

    check(&tcp, IPPROTO_TCP, TCP_NODELAY, 1, 1);
    check(&tcp, IPPROTO_TCP, TCP_CORK, 1, 1);
    check(&tcp, IPPROTO_TCP, TCP_QUICKACK, 0, 0);
    check(&tcp, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1, 1);
    check(&tcp, IPPROTO_TCP, TCP_KEEPCNT, 3, 3);
    check(&tcp, IPPROTO_TCP, TCP_SYNCNT, 3, 3);
    check(&tcp, IPPROTO_TCP, TCP_WINDOW_CLAMP, 60_000, 60_000);
    check(&tcp, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4096, 4096);
    check(&tcp, IPPROTO_TCP, TCP_KEEPIDLE, 77, 77);
    check(&tcp, IPPROTO_TCP, TCP_KEEPINTVL, 7, 7);
    check(&tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, 1234, 1234);
    check(&tcp, IPPROTO_TCP, TCP_LINGER2, 9, 9);

    check(&tcp, IPPROTO_IP, IP_TTL, 3, 3);
    check(&tcp, IPPROTO_IP, IP_TOS, 0x10, 0x10);
    check(&tcp, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, 1);
    check(&udp, IPPROTO_IP, IP_MULTICAST_TTL, 9, 9);
    check(&udp, IPPROTO_IP, IP_MULTICAST_LOOP, 0, 0);
    check(&udp, IPPROTO_IP, IP_PKTINFO, 1, 1);
    check(&udp, IPPROTO_IP, IP_RECVTOS, 1, 1);
    check(&udp, IPPROTO_IP, IP_RECVTTL, 1, 1);
    check(&udp, IPPROTO_IP, IP_RECVERR, 1, 1);
    check(&udp, IPPROTO_IP, IP_MTU_DISCOVER, 2, 2);

    check(&tcp6, IPPROTO_IPV6, IPV6_V6ONLY, 1, 1);
    check(&udp6, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, 0);
    check(&udp6, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, 1);
    check(&udp6, IPPROTO_IPV6, IPV6_RECVTCLASS, 1, 1);
    check(&udp6, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1, 1);
    check(&udp6, IPPROTO_IPV6, IPV6_RECVERR, 1, 1);
    check(&udp6, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 3, 3);
    check(&udp6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3, 3);
    check(&udp6, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1, 1);
    check(&udp6, IPPROTO_IPV6, IPV6_TCLASS, 0x20, 0x20);
    check(&udp6, IPPROTO_IPV6, IPV6_MTU_DISCOVER, 2, 2);

    check(&udp, SOL_SOCKET, SO_RXQ_OVFL, 1, 1);
    check(&tcp, SOL_SOCKET, SO_MAX_PACING_RATE, 100_000, 100_000);
    check(&udp, IPPROTO_IP, IP_MULTICAST_ALL, 0, 0);
    check(&tcp, IPPROTO_IP, IP_MINTTL, 7, 7);
    check(&udp6, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, 0);
    check(&udp6, IPPROTO_IPV6, IPV6_DONTFRAG, 1, 1);
    check(&tcp6, IPPROTO_IPV6, IPV6_MINHOPCOUNT, 7, 7);
    // Reading it takes a connection.
    udp6.setsockopt(IPPROTO_IPV6, IPV6_MTU, 1400)
        .expect("IPV6_MTU");
    // A byte is enough for the options of IPv4.
    udp.setsockopt_bytes(IPPROTO_IP, IP_MULTICAST_TTL, &[7])
        .expect("IP_MULTICAST_TTL");
    let hops = udp.getsockopt(IPPROTO_IP, IP_MULTICAST_TTL);
    assert_eq!(hops.expect("IP_MULTICAST_TTL"), 7);

    check(&udp, IPPROTO_UDP, UDP_CORK, 1, 1);
    check(&udp, IPPROTO_UDP, UDP_GRO, 1, 1);
    check(&udp, IPPROTO_UDP, UDP_SEGMENT, 1000, 1000);

    // The host bounds buffers to 4 MiB, the kernel to its own limit.
    udp.setsockopt(SOL_SOCKET, SO_RCVBUF, i32::MAX)
        .expect("SO_RCVBUF");
    assert!(udp.getsockopt(SOL_SOCKET, SO_RCVBUF).expect("SO_RCVBUF") <= 8 << 20);
}

fn special() {
    let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    assert_eq!(
        tcp.getsockopt(SOL_SOCKET, SO_TYPE).expect("SO_TYPE"),
        SOCK_STREAM.number()
    );
    assert_eq!(
        tcp.getsockopt(SOL_SOCKET, SO_DOMAIN).expect("SO_DOMAIN"),
        AF_INET.number()
    );
    assert_eq!(
        tcp.getsockopt(SOL_SOCKET, SO_PROTOCOL)
            .expect("SO_PROTOCOL"),
        IPPROTO_TCP
    );
    assert_eq!(tcp.getsockopt(SOL_SOCKET, SO_ERROR).expect("SO_ERROR"), 0);
    // The kernel rounds its own unit up, so these are not what was set.
    tcp.setsockopt(IPPROTO_TCP, TCP_DEFER_ACCEPT, 5)
        .expect("TCP_DEFER_ACCEPT");
    assert!(
        tcp.getsockopt(IPPROTO_TCP, TCP_DEFER_ACCEPT)
            .expect("TCP_DEFER_ACCEPT")
            >= 5
    );
    tcp.setsockopt(IPPROTO_TCP, TCP_MAXSEG, 1000)
        .expect("TCP_MAXSEG");

    // `struct linger`.
    let linger = |on: i32, seconds: i32| [on.to_ne_bytes(), seconds.to_ne_bytes()].concat();
    assert_eq!(
        tcp.getsockopt_bytes(SOL_SOCKET, SO_LINGER, 8)
            .expect("SO_LINGER")[..4],
        [0; 4]
    );
    tcp.setsockopt_bytes(SOL_SOCKET, SO_LINGER, &linger(1, 5))
        .expect("SO_LINGER");
    assert_eq!(
        tcp.getsockopt_bytes(SOL_SOCKET, SO_LINGER, 8)
            .expect("SO_LINGER"),
        linger(1, 5)
    );

    let congestion = tcp
        .getsockopt_bytes(IPPROTO_TCP, TCP_CONGESTION, 16)
        .expect("TCP_CONGESTION");
    assert_ne!(congestion, b"reno\0");
    tcp.setsockopt_bytes(IPPROTO_TCP, TCP_CONGESTION, b"reno")
        .expect("TCP_CONGESTION");
    assert_eq!(
        tcp.getsockopt_bytes(IPPROTO_TCP, TCP_CONGESTION, 16)
            .expect("TCP_CONGESTION"),
        b"reno\0"
    );

    // As bytes, and cut.
    tcp.setsockopt_bytes(SOL_SOCKET, SO_KEEPALIVE, &1i32.to_ne_bytes())
        .expect("SO_KEEPALIVE");
    assert_eq!(
        tcp.getsockopt_bytes(SOL_SOCKET, SO_KEEPALIVE, 64)
            .expect("SO_KEEPALIVE"),
        1i32.to_ne_bytes()
    );
    assert_eq!(
        tcp.getsockopt_bytes(SOL_SOCKET, SO_KEEPALIVE, 2)
            .expect("SO_KEEPALIVE")
            .len(),
        2
    );

    tcp.bind(("127.0.0.1", 0)).expect("bind");
    check(&tcp, IPPROTO_TCP, TCP_FASTOPEN, 5, 5);
    assert_eq!(
        tcp.getsockopt(SOL_SOCKET, SO_ACCEPTCONN)
            .expect("SO_ACCEPTCONN"),
        0
    );
    tcp.listen(1).expect("listen");
    assert_eq!(
        tcp.getsockopt(SOL_SOCKET, SO_ACCEPTCONN)
            .expect("SO_ACCEPTCONN"),
        1
    );

    // A refused connect of a non-blocking socket ends in SO_ERROR.
    let client = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    client
        .connect(tcp.getsockname().expect("getsockname"))
        .expect("connect");
    assert!(client.getsockopt(IPPROTO_IP, IP_MTU).expect("IP_MTU") >= 1280);
    let refused = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    refused.setblocking(false).expect("setblocking");
    let gone = {
        let gone = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
        gone.bind(("127.0.0.1", 0)).expect("bind");
        gone.getsockname().expect("getsockname")
    };
    refused.connect(&gone).expect_err("nobody listens");
    let pollable = refused
        .as_resource()
        .subscribe(capsock_guest::wit::Interest::WRITABLE)
        .expect("subscribe");
    pollable.block();
    const ECONNREFUSED: i32 = 111;
    assert_eq!(
        refused.getsockopt(SOL_SOCKET, SO_ERROR).expect("SO_ERROR"),
        ECONNREFUSED
    );
    assert_eq!(
        refused.getsockopt(SOL_SOCKET, SO_ERROR).expect("SO_ERROR"),
        0
    );
}

/// What is wrong is an errno, and the socket stays usable.
fn misuse() {
    let name = |result: Result<()>| result.err().and_then(|error| error.name());
    let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    assert_eq!(
        name(tcp.setsockopt(SOL_SOCKET, 9999, 1)),
        Some("ENOPROTOOPT")
    );
    assert_eq!(
        name(tcp.setsockopt(SOL_SOCKET, SO_TYPE, 1)),
        Some("ENOPROTOOPT")
    );
    assert_eq!(
        name(tcp.setsockopt(SOL_SOCKET, SO_ACCEPTCONN, 1)),
        Some("ENOPROTOOPT")
    );
    assert_eq!(
        name(tcp.setsockopt(IPPROTO_IP, IP_TTL, 256)),
        Some("EINVAL")
    );
    assert_eq!(
        name(tcp.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 0)),
        Some("EINVAL")
    );
    assert_eq!(
        name(tcp.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, -1)),
        Some("EINVAL")
    );
    assert_eq!(
        name(tcp.setsockopt(SOL_SOCKET, SO_RCVBUF, -1)),
        Some("EINVAL")
    );
    assert_eq!(
        name(tcp.setsockopt_bytes(SOL_SOCKET, SO_KEEPALIVE, b"x")),
        Some("EINVAL")
    );
    assert_eq!(
        name(tcp.setsockopt_bytes(SOL_SOCKET, SO_LINGER, b"1234")),
        Some("EINVAL")
    );
    assert_eq!(
        name(tcp.setsockopt_bytes(IPPROTO_TCP, TCP_CONGESTION, b"none-such")),
        Some("ENOENT")
    );
    // What takes privileges takes them of a guest too, whoever the host is.
    for value in [7, -1] {
        assert_eq!(
            name(tcp.setsockopt(SOL_SOCKET, SO_PRIORITY, value)),
            Some("EPERM")
        );
    }
    let busy = tcp.getsockopt(SOL_SOCKET, 46).expect("SO_BUSY_POLL");
    tcp.setsockopt(SOL_SOCKET, 46, busy).expect("SO_BUSY_POLL");
    assert_eq!(
        name(tcp.setsockopt(SOL_SOCKET, 46, busy + 1)),
        Some("EPERM")
    );
    assert_eq!(
        name(tcp.setsockopt_none(SOL_SOCKET, SO_KEEPALIVE, 4)),
        Some("EFAULT")
    );
    assert!(
        tcp.getsockopt_bytes(SOL_SOCKET, SO_KEEPALIVE, 1025)
            .is_err()
    );
    let udp = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    assert!(udp.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1).is_err());
    assert!(tcp.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1).is_err());
    tcp.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("it is usable all the same");
    tcp.close().expect("close");
    assert_eq!(
        name(tcp.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)),
        Some("EBADF")
    );
    assert_eq!(
        tcp.getsockopt(SOL_SOCKET, SO_KEEPALIVE)
            .expect_err("closed")
            .name(),
        Some("EBADF")
    );
}

/// Options with a grant of their own: prints what came of each.
fn granted(device: &str) {
    let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    let show = |what: &str, result: Result<()>| {
        println!(
            "{what} {}",
            result.err().and_then(|error| error.name()).unwrap_or("ok")
        );
    };
    show("mark", tcp.setsockopt(SOL_SOCKET, SO_MARK, 7));
    show(
        "device",
        tcp.setsockopt_bytes(SOL_SOCKET, SO_BINDTODEVICE, device.as_bytes()),
    );
    show("freebind", tcp.setsockopt(IPPROTO_IP, IP_FREEBIND, 1));
    show("transparent", tcp.setsockopt(IPPROTO_IP, IP_TRANSPARENT, 1));
    tcp.settimeout(Duration::ZERO)
        .expect("it is usable all the same");
}

/// Options that have no name in the interface.
fn raw() {
    const SO_SELECT_ERR_QUEUE: i32 = 45;
    const SO_COOKIE: i32 = 57;
    const TCP_INFO: i32 = 11;
    let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    check(&tcp, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1, 1);
    let value = 0i32.to_ne_bytes();
    tcp.setsockopt_bytes(SOL_SOCKET, SO_SELECT_ERR_QUEUE, &value)
        .expect("SO_SELECT_ERR_QUEUE");
    let now = tcp.getsockopt(SOL_SOCKET, SO_SELECT_ERR_QUEUE);
    assert_eq!(now.expect("SO_SELECT_ERR_QUEUE"), 0);
    let info = |length| tcp.getsockopt_bytes(IPPROTO_TCP, TCP_INFO, length);
    let (whole, start) = (info(1024).expect("TCP_INFO"), info(8).expect("TCP_INFO"));
    // It begins with the state, which is CLOSE.
    assert_eq!((whole[0], start.len()), (7, 8));
    assert!(whole.len() > 100, "{}", whole.len());
    let cookie = tcp.getsockopt_bytes(SOL_SOCKET, SO_COOKIE, 8);
    assert_ne!(cookie.expect("SO_COOKIE"), [0; 8]);

    let name = |result: Result<()>| result.err().and_then(|error| error.name());
    let short = tcp.getsockopt_bytes(SOL_SOCKET, SO_COOKIE, 7);
    assert_eq!(short.expect_err("too short").name(), Some("EINVAL"));
    for value in [&[][..], b"x", &[1; 1025]] {
        let result = tcp.setsockopt_bytes(SOL_SOCKET, SO_SELECT_ERR_QUEUE, value);
        assert_eq!(name(result), Some("EINVAL"), "{}", value.len());
    }
    let null = |length| tcp.setsockopt_none(SOL_SOCKET, SO_SELECT_ERR_QUEUE, length);
    assert_eq!(name(null(4)), Some("EFAULT"));
    assert_eq!(name(null(0)), Some("EINVAL"));
    assert_eq!(
        name(tcp.setsockopt(SOL_SOCKET, 9999, 1)),
        Some("ENOPROTOOPT")
    );
    tcp.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("it is usable all the same");
}

/// Sets each algorithm, and prints what came of it.
fn congestion(names: &[String]) {
    for name in names {
        let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
        let set = tcp.setsockopt_bytes(IPPROTO_TCP, TCP_CONGESTION, name.as_bytes());
        let error = set.err().and_then(|error| error.name());
        println!("{}", error.unwrap_or("ok"));
    }
}

/// Reads and sets options by number, and prints what came of each.
fn try_raw(options: &[String]) {
    let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    for option in options {
        let (level, number) = option.split_once('/').expect("LEVEL/NAME");
        let [level, number] = [level, number].map(|text| text.parse().expect("a number"));
        let get = tcp.getsockopt_bytes(level, number, 64).map(drop);
        let set = tcp.setsockopt_bytes(level, number, &[0; 16]);
        let [get, set] = [get, set].map(|result| {
            let name = result.err().and_then(|error| error.name());
            name.unwrap_or("ok")
        });
        println!("{option} {get} {set}");
    }
    tcp.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("it is usable all the same");
}

/// The documentation's example: a restarted server binds its address again
/// while an old connection is in TIME_WAIT.
fn reuse_address(host: &str) {
    let listener = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    // Linux wants it of the old connection too.
    listener
        .setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        .expect("SO_REUSEADDR");
    listener.bind((host, 0)).expect("bind");
    listener.listen(1).expect("listen");
    tell_port(&listener);
    let (conn, _peer) = listener.accept().expect("accept");
    let address = listener.getsockname().expect("getsockname");
    // The end that closes first waits.
    conn.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(conn.recv(1).expect("recv"), b"");
    drop((conn, listener));

    let s = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    assert_eq!(
        s.bind(&address).expect_err("in TIME_WAIT").name(),
        Some("EADDRINUSE")
    );
    s.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        .expect("SO_REUSEADDR");
    s.bind(&address).expect("bind");
}
