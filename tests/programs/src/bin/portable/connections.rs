//! Connections: how they come about and end.

use std::time::{Duration, Instant};

use capsock_guest::*;
use capsock_test_programs::bind_and_tell;

use crate::poller::{ALL, now, told};
use crate::{connected, fails, listener, socket};

/// Without blocking, to a peer that says `hello`.
pub(crate) fn connect(host: &str, port: u16) {
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
pub(crate) fn pending(host: &str, port: u16) {
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
pub(crate) fn refused(host: &str, port: u16) {
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
pub(crate) fn filtered(host: &str) {
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

/// What the kernel binds by itself: without a grant, and with one to listen.
pub(crate) fn own_port(host: &str) {
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
pub(crate) fn closed(host: &str) {
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

pub(crate) fn sendfile(host: &str, port: u16) {
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

/// Who came while the rules admitted them, and was not asked for, does not once they
/// are given up.
pub(crate) fn given_up(host: &str) {
    let listener = listener(host);
    let client = socket(host, SOCK_STREAM);
    client
        .connect(listener.getsockname().expect("own"))
        .expect("connect");
    let udp = socket(host, SOCK_DGRAM);
    udp.bind((host, 0)).expect("bind");
    udp.sendto(b"x", udp.getsockname().expect("own"))
        .expect("sendto");
    for socket in [&listener, &udp] {
        assert_eq!(told(socket, POLLIN), POLLIN);
        socket.setblocking(false).expect("setblocking");
    }
    authority::limit(&[""; 0]).expect("limit");
    fails(listener.accept(), "EAGAIN");
    fails(udp.recv(1), "EAGAIN");
    assert_eq!(client.recv(1).expect("it was turned away"), b"");
}
