//! TCP: `tcp CASE HOST [PORT or COUNT]`.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use capsock_guest::wit::Interest;
use capsock_guest::{
    MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, SHUT_RD, SHUT_WR, SO_RCVBUF, SOCK_STREAM, SOL_SOCKET,
    Socket,
};
use capsock_test_programs::{args, bind_and_tell, family_of, pattern, recv_to_end};

fn main() {
    let args = args();
    let [case, host, number] = &args[..] else {
        panic!("usage: tcp CASE HOST NUMBER");
    };
    let number: u32 = number.parse().expect("a number");
    let port = number as u16;
    match case.as_str() {
        "serve" => serve(host, number),
        "collect" => collect(host, number as usize),
        "send-and-read-back" => send_and_read_back(host, port),
        "std-traits" => std_traits(host, port),
        "timeouts" => timeouts(host, port),
        "interrupted" => interrupted(host, port),
        "connect-timeout" => connect_timeout(host, port),
        "accept-modes" => accept_modes(host),
        "close-in-flight" => close_in_flight(host, port),
        "flags" => flags(host, port),
        "reset" => reset(host, port),
        "large" => large(host, port),
        _ => panic!("no case `{case}`"),
    }
}

fn connect(host: &str, port: u16) -> Socket {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    socket.connect((host, port)).expect("connect");
    socket
}

fn listen(host: &str) -> Socket {
    let listener = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    listener.bind((host, 0)).expect("bind");
    listener.listen(None).expect("listen");
    capsock_test_programs::tell_port(&listener);
    listener
}

/// Echoes `count` clients, one after the other.
fn serve(host: &str, count: u32) {
    let listener = listen(host);
    for _ in 0..count {
        let (conn, addr) = listener.accept().expect("accept");
        assert_eq!(conn.getpeername().expect("getpeername"), addr);
        assert_eq!(
            conn.getsockname().expect("local").port(),
            listener.getsockname().expect("local").port()
        );
        loop {
            let data = conn.recv(65536).expect("recv");
            if data.is_empty() {
                break;
            }
            conn.sendall(&data).expect("sendall");
        }
    }
}

/// Receives a pattern to the end, and only then answers with it: the client's
/// half is closed by then.
fn collect(host: &str, length: usize) {
    let (conn, _addr) = listen(host).accept().expect("accept");
    let data = recv_to_end(&conn);
    assert!(data == pattern(length), "received {} bytes", data.len());
    conn.sendall(&data)
        .expect("sendall after the peer's half-close");
    conn.shutdown(SHUT_RD).expect("shutdown");
    assert_eq!(conn.recv(1).expect("recv after SHUT_RD"), b"");
}

fn send_and_read_back(host: &str, port: u16) {
    let socket = connect(host, port);
    let data = pattern(1 << 20);
    socket.sendall(&data).expect("sendall");
    socket.shutdown(SHUT_WR).expect("shutdown");
    let error = socket.send(b"more").expect_err("send after SHUT_WR");
    assert_eq!(error.name(), Some("EPIPE"));
    assert!(recv_to_end(&socket) == data);
}

/// Receives of more than the host copies, into the guest's own buffer and as a
/// new one.
fn large(host: &str, port: u16) {
    const LEAST: usize = 100_000;
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    // The window grows only as data is taken, and here it waits until there is much.
    socket
        .setsockopt(SOL_SOCKET, SO_RCVBUF, 1 << 20)
        .expect("SO_RCVBUF");
    socket.connect((host, port)).expect("connect");
    let data = pattern(1 << 20);
    let mut place = 0;
    let mut into = true;
    while place < data.len() {
        let least = LEAST.min(data.len() - place);
        while socket.recv_flags(1 << 20, MSG_PEEK).expect("peek").len() < least {}
        let received = if into {
            // The bytes around it stay.
            let mut buffer = vec![0xa5; LEAST + 2];
            let count = socket.recv_into(&mut buffer[1..=LEAST]).expect("recv_into");
            assert_eq!((buffer[0], buffer[LEAST + 1]), (0xa5, 0xa5));
            assert!(buffer[1 + count..].iter().all(|byte| *byte == 0xa5));
            buffer[1..=count].to_vec()
        } else {
            socket.recv(1 << 20).expect("recv")
        };
        assert!(received.len() >= least, "{} bytes", received.len());
        assert!(received == data[place..place + received.len()]);
        place += received.len();
        into = !into;
    }
    assert_eq!(socket.recv_into(&mut [0; 9]).expect("the end"), 0);
}

/// `Read` and `Write` go to the socket as well.
fn std_traits(host: &str, port: u16) {
    let mut socket = connect(host, port);
    socket.write_all(b"Hello, world").expect("write_all");
    let mut buffer = [0; 12];
    socket.read_exact(&mut buffer).expect("read_exact");
    assert_eq!(&buffer, b"Hello, world");
}

/// The peer is silent until it is told to speak, then sends `x`.
/// The test stops and continues this process at each `waiting`; then it sends
/// nothing, a byte, and a byte.
fn interrupted(host: &str, port: u16) {
    let socket = connect(host, port);
    let limit = Duration::from_millis(300);
    socket.settimeout(limit).expect("settimeout");
    let start = Instant::now();
    println!("waiting");
    let error = socket.recv(1).expect_err("nothing is sent");
    assert!(error.is_timeout(), "{error}");
    assert!(start.elapsed() >= limit);

    for limit in [Some(Duration::from_secs(60)), None] {
        socket.settimeout(limit).expect("settimeout");
        println!("waiting");
        assert_eq!(socket.recv(1).expect("recv goes on"), b"x");
    }
}

fn timeouts(host: &str, port: u16) {
    let socket = connect(host, port);
    assert_eq!(socket.gettimeout().expect("gettimeout"), None);

    let limit = Duration::from_millis(50);
    socket.settimeout(limit).expect("settimeout");
    assert_eq!(socket.gettimeout().expect("gettimeout"), Some(limit));
    let start = Instant::now();
    let error = socket.recv(1).expect_err("recv with a timeout");
    assert!(error.is_timeout() && error.errno().is_none(), "{error}");
    assert!(start.elapsed() >= limit);

    // The total of all the sends that it takes, not of each.
    let start = Instant::now();
    let error = loop {
        if let Err(error) = socket.sendall(&pattern(1 << 20)) {
            break error;
        }
    };
    assert!(error.is_timeout(), "{error}");
    assert!(start.elapsed() >= limit);

    socket.setblocking(false).expect("setblocking");
    assert!(!socket.getblocking().expect("getblocking"));
    let error = socket.recv(1).expect_err("recv without blocking");
    assert!(
        error.is_would_block() && error.errno() == Some(11),
        "{error}"
    );
    let error = socket
        .sendall(&pattern(1 << 20))
        .expect_err("sendall without blocking");
    assert!(error.is_would_block(), "{error}");

    // The longest time that there is must not overflow, and waits.
    for endless in [None, Some(Duration::MAX)] {
        socket.settimeout(endless).expect("settimeout");
        println!("speak");
        assert_eq!(socket.recv(1).expect("recv"), b"x");
    }
}

/// The listener's queue is full, so nobody answers.
fn connect_timeout(host: &str, port: u16) {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    socket
        .settimeout(Duration::from_millis(50))
        .expect("settimeout");
    let error = socket
        .connect((host, port))
        .expect_err("connect with a timeout");
    assert!(error.is_timeout(), "{error}");
    // It goes on by itself.
    let error = socket.connect((host, port)).expect_err("connect again");
    assert_eq!(error.name(), Some("EALREADY"));
    let other = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    other.setblocking(false).expect("setblocking");
    const EINPROGRESS: i32 = 115;
    assert_eq!(other.connect_ex((host, port)).expect("errno"), EINPROGRESS);
}

fn accept_modes(host: &str) {
    let listener = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    bind_and_tell(&listener, host);
    listener.listen(-5).expect("a negative backlog is 0");

    listener
        .settimeout(Duration::from_millis(20))
        .expect("settimeout");
    assert!(
        listener
            .accept()
            .expect_err("accept with a timeout")
            .is_timeout()
    );
    listener.setblocking(false).expect("setblocking");
    assert!(
        listener
            .accept()
            .expect_err("accept without blocking")
            .is_would_block()
    );

    let pollable = listener
        .as_resource()
        .subscribe(Interest::READABLE)
        .expect("subscribe");
    assert!(!pollable.ready());
    println!("connect");
    pollable.block();
    assert!(pollable.ready());
    let (conn, _addr) = listener.accept().expect("accept when it is ready");
    assert!(
        conn.getblocking().expect("getblocking"),
        "accepted sockets block"
    );
    // The queue is empty again, and the pollable says so.
    assert!(!pollable.ready());

    listener.close().expect("close");
    pollable.block();
    assert_eq!(recv_to_end(&conn), b"bye");
}

/// Closed right after the send, which the peer has not begun to read.
fn close_in_flight(host: &str, port: u16) {
    let socket = connect(host, port);
    socket.sendall(&pattern(200_000)).expect("sendall");
    socket.close().expect("close");
    let error = socket.recv(1).expect_err("recv after close");
    assert_eq!(error.name(), Some("EBADF"));
}

/// The peer sends `abc`, and `def` once it is told to.
fn flags(host: &str, port: u16) {
    let socket = connect(host, port);
    assert_eq!(socket.recv_flags(2, MSG_PEEK).expect("peek"), b"ab");
    assert_eq!(
        socket.recv_flags(2, MSG_PEEK | MSG_DONTWAIT).expect("peek"),
        b"ab"
    );
    assert_eq!(socket.recv(3).expect("recv"), b"abc");
    let error = socket
        .recv_flags(1, MSG_DONTWAIT)
        .expect_err("nothing is there");
    assert!(error.is_would_block(), "{error}");
    println!("go on");
    // `def` and the end come in pieces.
    assert_eq!(socket.recv_flags(3, MSG_WAITALL).expect("recv"), b"def");
    assert_eq!(socket.recv_flags(9, MSG_WAITALL).expect("recv"), b"gh");
    assert_eq!(socket.recv_flags(9, MSG_WAITALL).expect("recv"), b"");
}

/// The peer sends `abc` and resets the connection: what came before the error
/// is not lost, and the error is told.
fn reset(host: &str, port: u16) {
    let socket = connect(host, port);
    println!("send");
    assert_eq!(socket.recv_flags(9, MSG_WAITALL).expect("recv"), b"abc");
    assert_eq!(
        socket.recv(9).expect_err("reset").name(),
        Some("ECONNRESET")
    );
    assert_eq!(socket.recv(9).expect("the end"), b"");
}
