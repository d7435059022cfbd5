//! Sockets as descriptors: pairs, duplicates, numbers, files, default timeouts.

use std::io::{BufRead, IoSlice, Write};
use std::time::Duration;

use capsock_guest::*;
use capsock_test_programs::{args, family_of, recv_to_end, tell_port};

fn main() {
    let args = args();
    match args[0].as_str() {
        "local" => {
            pairs();
            several_buffers();
            duplicates();
            numbers();
            files();
            default_timeout();
        }
        "servers" => servers(&args[1]),
        "connection" => connection(&args[1], args[2].parse().expect("a port")),
        "flags" => flags(),
        "dual-stack" => dual_stack(),
        case => panic!("no case `{case}`"),
    }
}

fn name<T>(result: Result<T>) -> Option<&'static str> {
    result.err().and_then(|error| error.name())
}

/// Type, blocking mode and timeout of sockets that are made with flags.
fn flags() {
    let show = |socket: &Socket| {
        let timeout = socket.gettimeout().expect("gettimeout");
        println!(
            "{} {} {:?}",
            socket.kind().number(),
            socket.getblocking().expect("getblocking"),
            timeout.map(|timeout| timeout.as_secs_f64())
        );
    };
    let inet = |kind| Socket::new(AF_INET, kind).expect("socket");
    for limit in [None, Some(Duration::from_millis(1500))] {
        setdefaulttimeout(limit);
        for kind in [SOCK_STREAM, SOCK_DGRAM] {
            show(&inet(kind));
            show(&inet(kind | SOCK_NONBLOCK));
            show(&inet(kind | SOCK_CLOEXEC));
            show(&inet(kind | SOCK_NONBLOCK | SOCK_CLOEXEC));
            show(&inet(kind | (SOCK_CLOEXEC | SOCK_NONBLOCK)));
        }
        let (one, other) = socketpair(SOCK_STREAM | SOCK_NONBLOCK).expect("socketpair");
        show(&one);
        show(&other);
        assert!(one.recv(1).expect_err("nothing is there").is_would_block());
        show(&socketpair(SOCK_STREAM).expect("socketpair").0);
        let number = one.fileno();
        for kind in [SOCK_STREAM, SOCK_STREAM | SOCK_NONBLOCK] {
            show(&Socket::fromfd(number, AF_UNIX, kind, 0).expect("fromfd"));
        }
    }
}

fn pairs() {
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        let (one, other) = socketpair(kind).expect("socketpair");
        one.sendall(b"there").expect("send");
        assert_eq!(other.recv(64).expect("recv"), b"there");
        other.sendall(b"back").expect("send");
        assert_eq!(one.recv(64).expect("recv"), b"back");
        assert_eq!(
            one.getpeername().expect("getpeername"),
            Address::Unix(UnixAddress::Unnamed)
        );
        assert_eq!((one.family(), one.kind(), one.proto()), (AF_UNIX, kind, 0));
    }
    assert_eq!(
        name(socketpair_with(AF_INET, SOCK_STREAM, 0)),
        Some("EOPNOTSUPP")
    );
    // The peer of a pair is told by its credentials.
    let (one, _other) = socketpair(SOCK_STREAM).expect("socketpair");
    let credentials = one
        .getsockopt_bytes(SOL_SOCKET, SO_PEERCRED, 12)
        .expect("SO_PEERCRED");
    assert_ne!(credentials[..4], [0; 4], "a process id");
}

/// They are one message, or the beginning of a stream, in one call.
fn several_buffers() {
    let send = |mut socket: &Socket, buffers: &[&[u8]]| {
        let buffers: Vec<_> = buffers.iter().map(|buffer| IoSlice::new(buffer)).collect();
        socket.write_vectored(&buffers).expect("write_vectored")
    };
    let long = vec![7; 100_000];
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        let (one, other) = socketpair(kind).expect("socketpair");
        assert_eq!(send(&one, &[b"", b"head", b"", b"body"]), 8);
        assert_eq!(other.recv(64).expect("recv"), b"headbody");
        let sent = send(&one, &[b"head", &long]);
        let received = other.recv(1 << 20).expect("recv");
        assert_eq!(received.len(), sent);
        assert!(received.starts_with(b"head") && received[4..] == long[..sent - 4]);
        assert_eq!(sent == long.len() + 4, kind != SOCK_STREAM);
        // What is long already is sent as it is.
        let (body, tail) = (&long[..70_000], b"tail");
        assert_eq!(send(&one, &[body, tail]) == 70_000, kind == SOCK_STREAM);
    }
}

fn duplicates() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    one.settimeout(Duration::from_secs(7)).expect("settimeout");
    let again = one.dup().expect("dup");
    assert_ne!(again.fileno(), one.fileno());
    assert_eq!(
        again.gettimeout().expect("gettimeout"),
        Some(Duration::from_secs(7))
    );
    again.settimeout(None).expect("settimeout");
    assert_eq!(
        one.gettimeout().expect("gettimeout"),
        Some(Duration::from_secs(7)),
        "a copy"
    );
    one.close().expect("close");
    again.sendall(b"still open").expect("send");
    drop(again);
    assert_eq!(recv_to_end(&other), b"still open");

    let copy = Socket::fromfd(other.fileno(), AF_UNIX, SOCK_STREAM, 0).expect("fromfd");
    assert_eq!(
        copy.getpeername().expect("getpeername"),
        other.getpeername().expect("getpeername")
    );
    assert_eq!(
        name(Socket::fromfd(9999, AF_UNIX, SOCK_STREAM, 0)),
        Some("EBADF")
    );
}

fn numbers() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    assert!(one.fileno() > 2 && other.fileno() > 2 && one.fileno() != other.fileno());
    assert!(!one.get_inheritable());
    one.set_inheritable(true);
    assert!(one.get_inheritable() && !other.get_inheritable());

    let fd = one.detach();
    other.sendall(b"kept").expect("it is open");
    assert_eq!(
        name(Socket::from_fileno(other.fileno())),
        Some("EBADF"),
        "not detached"
    );
    let one = Socket::from_fileno(fd).expect("from_fileno");
    assert_eq!(
        (one.fileno(), one.family(), one.kind()),
        (fd, AF_UNIX, SOCK_STREAM)
    );
    assert_eq!(one.recv(64).expect("recv"), b"kept");

    // The lowest free number is the next one.
    one.close().expect("close");
    assert_eq!(one.fileno(), -1);
    let next = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    assert_eq!(next.fileno(), fd);
    drop(one);
    assert_eq!(next.fileno(), fd);

    let fd = next.detach();
    close(fd).expect("close");
    assert_eq!(name(close(fd)), Some("EBADF"));
    assert_eq!(name(Socket::from_fileno(fd)), Some("EBADF"));
    assert_eq!(
        name(close(other.fileno())),
        Some("EBADF"),
        "a live one is closed by its method"
    );
}

fn files() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let mut writer = one.makefile_writer().expect("makefile");
    writer.write_all(b"first line\nsec").expect("write");
    writer.write_all(b"ond line\n").expect("write");
    drop((one, writer));
    let reader = other.makefile_reader().expect("makefile");
    drop(other);
    let lines: Vec<String> = reader.lines().map(|line| line.expect("a line")).collect();
    assert_eq!(lines, ["first line", "second line"]);
}

fn default_timeout() {
    assert_eq!(getdefaulttimeout(), None);
    let limit = Duration::from_millis(30);
    setdefaulttimeout(limit);
    let socket = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    assert_eq!(socket.gettimeout().expect("gettimeout"), Some(limit));
    setdefaulttimeout(None);
    assert_eq!(
        socket.gettimeout().expect("gettimeout"),
        Some(limit),
        "as it was made"
    );
    assert_eq!(
        Socket::new(AF_INET, SOCK_DGRAM)
            .expect("socket")
            .gettimeout()
            .expect("gettimeout"),
        None
    );
}

/// `create_server`, and what an accepted socket inherits: the default timeout.
fn servers(host: &str) {
    let made = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    let twin = made.dup().expect("dup");
    made.bind((host, 0)).expect("bind");
    made.listen(1).expect("listen");
    twin.setblocking(false).expect("setblocking");
    assert_eq!(
        name(twin.accept()),
        Some("EAGAIN"),
        "a duplicate of a listener listens"
    );
    drop((made, twin));

    let listener =
        create_server((host, 0), family_of(host), ServerOptions::default()).expect("create_server");
    assert_ne!(
        listener
            .getsockopt(SOL_SOCKET, SO_REUSEADDR)
            .expect("SO_REUSEADDR"),
        0
    );
    let limit = Duration::from_secs(9);
    setdefaulttimeout(limit);
    tell_port(&listener);
    let (conn, _peer) = listener.accept().expect("accept");
    assert_eq!(conn.gettimeout().expect("gettimeout"), Some(limit));
    assert_eq!(listener.gettimeout().expect("gettimeout"), None);
    conn.sendall(b"served").expect("sendall");

    setdefaulttimeout(None);
    let options = ServerOptions {
        reuse_port: true,
        ..ServerOptions::default()
    };
    let one = create_server((host, 0), family_of(host), options).expect("create_server");
    let same = one.getsockname().expect("getsockname");
    create_server(&same, family_of(host), options).expect("a second server on the same port");
    let alone = create_server(&same, family_of(host), ServerOptions::default());
    assert_eq!(name(alone), Some("EADDRINUSE"));
    let dual = ServerOptions {
        dualstack_ipv6: true,
        ..ServerOptions::default()
    };
    assert!(create_server(("", 0), AF_INET, dual).is_err());
}

/// One IPv6 socket that takes IPv4 connections.
fn dual_stack() {
    assert!(has_dualstack_ipv6());
    let options = ServerOptions {
        dualstack_ipv6: true,
        ..ServerOptions::default()
    };
    let listener = create_server(("::", 0), AF_INET6, options).expect("create_server");
    tell_port(&listener);
    for expected in ["::ffff:127.0.0.1", "::1"] {
        let (_conn, peer) = listener.accept().expect("accept");
        let ip = peer.to_socket_addr().expect("an internet address").ip();
        assert_eq!(
            ip,
            expected.parse::<std::net::IpAddr>().expect("an address")
        );
    }
}

fn connection(host: &str, port: u16) {
    let socket = create_connection((host, port), Duration::from_secs(5), Some((host, 0)))
        .expect("create_connection");
    assert_eq!(
        socket.gettimeout().expect("gettimeout"),
        Some(Duration::from_secs(5))
    );
    socket.sendall(b"connected").expect("sendall");
    assert!(
        create_connection(("example", port), None, None)
            .expect_err("a name")
            .to_string()
            .contains("`example`")
    );
}
