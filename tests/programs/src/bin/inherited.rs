//! Listeners that the guest was given.

use capsock_guest::*;
use capsock_test_programs::{args, recv_to_end, tell_port};

fn main() {
    let args = args();
    match args[0].as_str() {
        "serve" => args[1..].iter().for_each(|name| serve(name)),
        "numbers" => numbers(),
        "unknown" => unknown(&args[1]),
        "change" => change(&args[1]),
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

/// Tries what would change the listener for whoever else has it, and prints what
/// came of each; then uses it.
fn change(name: &str) {
    const SO_MAX_PACING_RATE: i32 = 47;
    const TCP_INFO: i32 = 11;
    // tcpi_sacked, which is the length of a listener's queue.
    let queue = |listener: &Socket| {
        let info = listener.getsockopt_bytes(IPPROTO_TCP, TCP_INFO, 32);
        info.expect("TCP_INFO")[28..].to_vec()
    };
    let listener = Socket::inherited(name).expect("inherited");
    let again = Socket::inherited(name).expect("inherited");
    let passed = {
        let (near, far) = socketpair(SOCK_STREAM).expect("socketpair");
        send_fds(&near, &[b"x"], &[listener.fileno()], MsgFlag::NONE, None).expect("send_fds");
        let (_, fds, _, _) = recv_fds(&far, 1, 1, MsgFlag::NONE).expect("recv_fds");
        Socket::from_fileno(fds[0]).expect("from_fileno")
    };
    tell_port(&listener);
    let show = |what: &str, result: Result<()>| {
        let name = result.err().and_then(|error| error.name());
        println!("{what} {}", name.unwrap_or("ok"));
    };
    let before = queue(&listener);
    for handle in [&listener, &again, &passed] {
        let number = |level, option, value| handle.setsockopt(level, option, value);
        show("pacing", number(SOL_SOCKET, SO_MAX_PACING_RATE, 1));
        show("buffer", number(SOL_SOCKET, SO_RCVBUF, 1));
        show("reuse", number(SOL_SOCKET, SO_REUSEPORT, 1));
        show("ttl", number(IPPROTO_IP, IP_TTL, 1));
        show("mss", number(IPPROTO_TCP, TCP_MAXSEG, 88));
        show("defer", number(IPPROTO_TCP, TCP_DEFER_ACCEPT, 9));
        show(
            "congestion",
            handle.setsockopt_bytes(IPPROTO_TCP, TCP_CONGESTION, b"reno"),
        );
        let linger = [1i32, 0].map(i32::to_ne_bytes).concat();
        show(
            "linger",
            handle.setsockopt_bytes(SOL_SOCKET, SO_LINGER, &linger),
        );
        show("by number", number(SOL_SOCKET, 45, 1)); // SO_SELECT_ERR_QUEUE
        show("shutdown", handle.shutdown(SHUT_RDWR));
    }
    // As programs do with whatever they get: it is as it is.
    for handle in [&listener, &again, &passed] {
        handle.listen(1).expect("listen");
        let reuse = handle
            .getsockopt(SOL_SOCKET, SO_REUSEADDR)
            .expect("SO_REUSEADDR");
        handle
            .setsockopt(SOL_SOCKET, SO_REUSEADDR, reuse)
            .expect("as it is");
    }
    assert_eq!(queue(&listener), before);
    println!("tried");
    listener
        .settimeout(std::time::Duration::from_secs(60))
        .expect("settimeout");
    let (connection, _peer) = passed.accept().expect("accept");
    // What was accepted is the guest's own.
    connection
        .setsockopt(IPPROTO_IP, IP_TTL, 9)
        .expect("IP_TTL");
    connection.sendall(b"mine").expect("sendall");
    connection.shutdown(SHUT_WR).expect("shutdown");
}
