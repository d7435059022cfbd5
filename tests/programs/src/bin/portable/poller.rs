//! The poller and pollables.

use std::time::{Duration, Instant};

use capsock_guest::wit::Interest;
use capsock_guest::*;
use capsock_test_programs::family_of;

use crate::{connected, fails, socket};

const NOW: Duration = Duration::ZERO;
pub(crate) const ALL: i16 = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

pub(crate) fn now(socket: &Socket, events: i16) -> i16 {
    let poller = Poller::new().expect("poller");
    poller
        .register(socket, events, Trigger::Level)
        .expect("register");
    let told = poller.wait(1, NOW).expect("wait");
    told.first().map_or(0, |(_, events)| *events)
}

pub(crate) fn told(socket: &Socket, events: i16) -> i16 {
    let poller = Poller::new().expect("poller");
    poller
        .register(socket, events, Trigger::Level)
        .expect("register");
    poller.wait(1, Duration::from_secs(30)).expect("wait")[0].1
}

pub(crate) fn readiness(host: &str) {
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

pub(crate) fn edges(host: &str) {
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
pub(crate) fn pollables(host: &str) {
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

pub(crate) fn nested(host: &str) {
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
pub(crate) fn many(host: &str) {
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
