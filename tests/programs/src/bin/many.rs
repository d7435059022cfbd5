//! Many sockets at once: `many CASE [HOST COUNT]`.

use std::collections::HashMap;
use std::time::Duration;

use capsock_guest::*;
use capsock_test_programs::{args, family_of, tell_port};

fn main() {
    let args = args();
    match args[0].as_str() {
        "local" => {
            polled();
            triggers();
            selected();
            nested();
        }
        "readiness" => readiness(&args[1]),
        "chat" => chat(&args[1], args[2].parse().expect("a number")),
        case => panic!("no case `{case}`"),
    }
}

fn pair() -> (Socket, Socket) {
    socketpair(SOCK_STREAM).expect("socketpair")
}

const NOW: Duration = Duration::ZERO;

fn polled() {
    let (one, other) = pair();
    let mut poll = Poll::new().expect("poll");
    assert!(poll.poll(NOW).expect("poll").is_empty());
    assert!(
        poll.poll(Duration::from_millis(20))
            .expect("poll")
            .is_empty()
    );
    poll.register(&one, POLLIN).expect("register");
    assert!(poll.poll(NOW).expect("poll").is_empty());
    poll.register(&one, POLLIN | POLLOUT)
        .expect("register again modifies");
    assert_eq!(poll.poll(None).expect("poll"), [(one.fileno(), POLLOUT)]);
    other.sendall(b"x").expect("send");
    assert_eq!(
        poll.poll(None).expect("poll"),
        [(one.fileno(), POLLIN | POLLOUT)]
    );
    poll.modify(&one, POLLIN).expect("modify");
    assert_eq!(poll.poll(None).expect("poll"), [(one.fileno(), POLLIN)]);
    poll.unregister(&one).expect("unregister");
    assert_eq!(
        poll.unregister(&one).expect_err("not registered").name(),
        Some("ENOENT")
    );
    assert!(poll.poll(NOW).expect("poll").is_empty());

    // A hang-up is told without being asked for; a closed socket is gone.
    poll.register(&one, 0).expect("register");
    drop(other);
    let events = poll.poll(None).expect("poll");
    assert!(events[0].1 & POLLHUP != 0, "{events:?}");
    one.close().expect("close");
    assert!(poll.poll(NOW).expect("poll").is_empty());
    assert_eq!(
        poll.register(&one, POLLIN).expect_err("closed").name(),
        Some("EBADF")
    );
}

fn triggers() {
    let (one, other) = pair();
    let poller = Poller::new().expect("poller");
    other.sendall(b"x").expect("send");
    for (trigger, expected) in [
        (Trigger::Level, [1, 1]),
        (Trigger::Edge, [1, 0]),
        (Trigger::Oneshot, [1, 0]),
        (Trigger::EdgeOneshot, [1, 0]),
    ] {
        poller.register(&one, POLLIN, trigger).expect("register");
        for count in expected {
            assert_eq!(
                poller.wait(8, NOW).expect("wait").len(),
                count,
                "{trigger:?}"
            );
        }
        poller.modify(&one, POLLIN, trigger).expect("modify");
        assert_eq!(
            poller.wait(8, NOW).expect("wait").len(),
            1,
            "armed again: {trigger:?}"
        );
        poller.unregister(&one).expect("unregister");
    }
    poller
        .register(&one, POLLIN, Trigger::Level)
        .expect("register");
    assert_eq!(
        poller
            .register(&one, POLLIN, Trigger::Level)
            .expect_err("twice")
            .name(),
        Some("EEXIST")
    );
    assert_eq!(
        poller.wait(0, NOW).expect_err("no room").name(),
        Some("EINVAL")
    );

    // No more at once than asked for, and no one starves.
    let (two, peer) = pair();
    peer.sendall(b"x").expect("send");
    poller
        .register(&two, POLLIN, Trigger::Level)
        .expect("register");
    let mut seen: Vec<i32> = Vec::new();
    for _ in 0..2 {
        let events = poller.wait(1, None).expect("wait");
        assert_eq!(events.len(), 1);
        seen.push(events[0].0);
    }
    seen.sort_unstable();
    let mut expected = [one.fileno(), two.fileno()];
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

fn selected() {
    let (one, other) = pair();
    let (readable, writable, exceptional) =
        select(&[&one, &other], &[&one], &[&one], None).expect("select");
    assert!(readable.is_empty() && exceptional.is_empty());
    assert_eq!(writable.len(), 1);
    other.sendall(b"x").expect("send");
    let (readable, _, _) = select(&[&other, &one], &[], &[], None).expect("select");
    assert_eq!(
        readable
            .iter()
            .map(|socket| socket.fileno())
            .collect::<Vec<_>>(),
        [one.fileno()]
    );
    let (readable, writable, _) =
        select(&[&other], &[], &[], Duration::from_millis(20)).expect("select");
    assert!(readable.is_empty() && writable.is_empty());
    one.close().expect("close");
    assert_eq!(
        select(&[&one], &[], &[], NOW).expect_err("closed").name(),
        Some("EBADF")
    );
}

/// Sets in sets, as epoll(7) has them.
fn nested() {
    const KEY: i32 = 9;
    let (one, other) = pair();
    let [inner, outer] = [Poller::new(), Poller::new()].map(|poller| poller.expect("poller"));
    let add =
        |set: &Poller, member: &Poller| set.register_poller(member, KEY, POLLIN, Trigger::Level);
    inner
        .register(&one, POLLIN, Trigger::Level)
        .expect("register");
    add(&outer, &inner).expect("register");
    assert!(outer.wait(8, NOW).expect("wait").is_empty());
    other.sendall(b"x").expect("send");
    assert_eq!(outer.wait(8, None).expect("wait"), [(KEY, POLLIN)]);
    assert_eq!(
        add(&outer, &inner).expect_err("twice").name(),
        Some("EEXIST")
    );
    assert_eq!(
        add(&inner, &outer).expect_err("a circle").name(),
        Some("ELOOP")
    );
    assert_eq!(
        add(&outer, &outer).expect_err("itself").name(),
        Some("EINVAL")
    );
    outer
        .modify_poller(&inner, KEY, 0, Trigger::Level)
        .expect("modify");
    assert!(outer.wait(8, NOW).expect("wait").is_empty());
    outer.unregister_poller(&inner).expect("unregister");
    assert_eq!(
        outer.unregister_poller(&inner).expect_err("gone").name(),
        Some("ENOENT")
    );
    // One that is closed has left.
    add(&outer, &inner).expect("register");
    drop(inner);
    assert!(outer.wait(8, NOW).expect("wait").is_empty());
}

/// What the kernel says of a stream in each of its states, and no more.
fn readiness(host: &str) {
    const ALL: i16 = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;
    // Waits for what comes over loopback; what is there is told at once.
    let told = |socket: &Socket, asked: i16| {
        let poller = Poller::new().expect("poller");
        poller
            .register(socket, asked, Trigger::Level)
            .expect("register");
        let events = poller.wait(8, Duration::from_secs(10)).expect("wait");
        events.first().map_or(0, |(_, events)| *events)
    };
    let now = |socket: &Socket, asked: i16| {
        let poller = Poller::new().expect("poller");
        poller
            .register(socket, asked, Trigger::Level)
            .expect("register");
        let events = poller.wait(8, NOW).expect("wait");
        events.first().map_or(0, |(_, events)| *events)
    };
    let fresh = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    assert_eq!(now(&fresh, ALL), POLLOUT | POLLHUP);
    assert_eq!(now(&fresh, 0), POLLHUP);
    let listener =
        create_server((host, 0), family_of(host), ServerOptions::default()).expect("create_server");
    let connected = || {
        let client = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
        client
            .connect(listener.getsockname().expect("getsockname"))
            .expect("connect");
        (client, listener.accept().expect("accept").0)
    };
    let (client, server) = connected();
    assert_eq!(now(&client, ALL), POLLOUT);
    assert_eq!(now(&client, POLLIN), 0);
    server.send_flags(b"!", MSG_OOB).expect("send");
    assert_eq!(told(&client, POLLPRI), POLLPRI);
    server.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(told(&client, POLLRDHUP), POLLRDHUP);
    assert_eq!(told(&client, POLLIN), POLLIN);
    assert_eq!(
        now(&client, POLLIN | POLLOUT | POLLRDHUP),
        POLLIN | POLLOUT | POLLRDHUP
    );
    client.shutdown(SHUT_WR).expect("shutdown");
    assert_eq!(told(&client, 0), POLLHUP);
    let (client, server) = connected();
    let reset = [1_i32, 0].map(i32::to_ne_bytes).concat();
    server
        .setsockopt_bytes(SOL_SOCKET, SO_LINGER, &reset)
        .expect("SO_LINGER");
    server.close().expect("close");
    assert_eq!(told(&client, 0), POLLERR | POLLHUP);
}

/// Passes each line of a client to all others, until all of them have left.
fn chat(host: &str, count: usize) {
    let listener =
        create_server((host, 0), family_of(host), ServerOptions::default()).expect("create_server");
    listener.setblocking(false).expect("setblocking");
    let poller = Poller::new().expect("poller");
    poller
        .register(&listener, POLLIN, Trigger::Level)
        .expect("register");
    tell_port(&listener);
    let mut clients: HashMap<i32, Socket> = HashMap::new();
    let mut left = count;
    while left > 0 {
        for (fd, _events) in poller.wait(64, None).expect("wait") {
            if fd == listener.fileno() {
                let (conn, _peer) = listener.accept().expect("accept");
                poller
                    .register(&conn, POLLIN, Trigger::Level)
                    .expect("register");
                clients.insert(conn.fileno(), conn);
                if clients.len() == count {
                    println!("complete");
                }
                continue;
            }
            let data = clients[&fd].recv(4096).expect("recv");
            if data.is_empty() {
                clients.remove(&fd);
                left -= 1;
                continue;
            }
            for (_, other) in clients.iter().filter(|(other, _)| **other != fd) {
                other.sendall(&data).expect("sendall");
            }
        }
    }
}
