//! recvmsg and sendmsg: `messages CASE [HOST or NAME]`.

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

// Not in Python's module.
const IP_PKTINFO: i32 = 8;
const IP_RECVERR: i32 = 11;
const IP_RECVTTL: i32 = 12;
const IPV6_RECVERR: i32 = 25;
const SO_TIMESTAMPNS: i32 = 35;
const UDP_SEGMENT: i32 = 103;
const UDP_GRO: i32 = 104;

fn main() {
    let args = args();
    match args[0].as_str() {
        "local" => {
            scatter();
            truncation();
            credentials();
        }
        "datagrams" => datagrams(&args[1]),
        "segments" => segments(),
        "strays" => strays(&args[1]),
        "source" => source(&args[1], &args[2]),
        "errors" => errors(&args[1]),
        "lengths" => lengths(&args[1]),
        "wait-all" => wait_all(&args[1], args[2].parse().expect("a port")),
        "fast-open" => fast_open(&args[1], args[2].parse().expect("a port")),
        case => panic!("no case `{case}`"),
    }
}

/// The documentation's example of `recvmsg_into`.
fn scatter() {
    let (s1, s2) = socketpair(SOCK_STREAM).expect("socketpair");
    let (mut b1, mut b2, mut b3) = (*b"----", *b"0123456789", *b"--------------");
    assert_eq!(s1.send(b"Mary had a little lamb").expect("send"), 22);
    let buffers = &mut [&mut b1[..], &mut b2[2..9], &mut b3[..]];
    let (count, ancillary, flags, address) = s2
        .recvmsg_into(buffers, 0, MsgFlag::NONE)
        .expect("recvmsg_into");
    assert_eq!(
        (count, ancillary, flags, address),
        (22, vec![], MsgFlag::NONE, None)
    );
    assert_eq!((&b1, &b2, &b3), (b"Mary", b"01 had a 9", b"little lamb---"));

    let parts: [&[u8]; 4] = [b"ga", b"", b"th", b"er"];
    assert_eq!(
        s1.sendmsg(&parts, &[], MsgFlag::NONE, None)
            .expect("sendmsg"),
        6
    );
    assert_eq!(s2.recv(64).expect("recv"), b"gather");
    assert_eq!(
        s2.recvmsg(64, 0, MSG_DONTWAIT)
            .expect_err("nothing more")
            .name(),
        Some("EAGAIN")
    );
    drop(s1);
    assert_eq!(
        s2.recvmsg(64, 64, MsgFlag::NONE).expect("the end"),
        (vec![], vec![], MsgFlag::NONE, None)
    );
}

fn truncation() {
    let (one, other) = socketpair(SOCK_DGRAM).expect("socketpair");
    one.send(b"a long one").expect("send");
    one.send(b"short").expect("send");
    let (data, _, flags, sender) = other.recvmsg(6, 0, MSG_PEEK).expect("recvmsg");
    assert_eq!(
        (&data[..], flags, sender),
        (
            &b"a long"[..],
            MSG_TRUNC,
            Some(Address::Unix(UnixAddress::Unnamed))
        )
    );
    let (data, _, flags, _) = other.recvmsg(6, 0, MsgFlag::NONE).expect("recvmsg");
    assert_eq!((&data[..], flags), (&b"a long"[..], MSG_TRUNC));
    let (data, _, flags, _) = other.recvmsg(6, 0, MsgFlag::NONE).expect("recvmsg");
    assert_eq!((&data[..], flags), (&b"short"[..], MsgFlag::NONE));
    // Linux takes the flag of a record's end, and does not pass it on.
    let (one, other) = socketpair(SOCK_SEQPACKET).expect("socketpair");
    one.send_flags(b"record", MSG_EOR).expect("send");
    assert_eq!(
        other.recvmsg(64, 0, MsgFlag::NONE).expect("recvmsg").0,
        b"record"
    );
}

fn credentials() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    other
        .setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
        .expect("SO_PASSCRED");
    one.send(b"x").expect("send");
    let (_, ancillary, flags, _) = other.recvmsg(8, 64, MsgFlag::NONE).expect("recvmsg");
    assert_eq!(
        (ancillary.len(), ancillary[0].0, ancillary[0].1),
        (1, SOL_SOCKET, SCM_CREDENTIALS)
    );
    assert!(!flags.contains(MSG_CTRUNC));
    let ours = ancillary[0].2.clone();
    let peer = one
        .getsockopt_bytes(SOL_SOCKET, SO_PEERCRED, 12)
        .expect("SO_PEERCRED");
    assert_eq!(ours, peer);
    // One's own may be sent.
    let sent = one.sendmsg(&[b"y"], &ancillary, MsgFlag::NONE, None);
    assert_eq!(sent.expect("sendmsg"), 1);
    // With too little room it is lost, and told.
    let (data, ancillary, flags, _) = other.recvmsg(8, 8, MsgFlag::NONE).expect("recvmsg");
    assert_eq!((&data[..], ancillary.len()), (&b"y"[..], 0));
    assert!(flags.contains(MSG_CTRUNC));
    // Nobody else's, not even where the host is root.
    let mut forged = ours.clone();
    forged[0] ^= 1;
    let forged = one.sendmsg(
        &[b"z"],
        &[(SOL_SOCKET, SCM_CREDENTIALS, forged)],
        MsgFlag::NONE,
        None,
    );
    assert_eq!(forged.expect_err("forged").name(), Some("EPERM"));
    let wrong = (SOL_SOCKET, SCM_CREDENTIALS, vec![0; 3]);
    assert_eq!(
        one.sendmsg(&[b"z"], &[wrong], MsgFlag::NONE, None)
            .expect_err("too short")
            .name(),
        Some("EINVAL")
    );
}

/// Between two sockets of the guest, with what the kernel says of each datagram.
fn datagrams(host: &str) {
    let family = family_of(host);
    let receiver = Socket::new(family, SOCK_DGRAM).expect("socket");
    receiver.bind((host, 0)).expect("bind");
    let address = receiver.getsockname().expect("getsockname");
    let sender = Socket::new(family, SOCK_DGRAM).expect("socket");
    sender.bind((host, 0)).expect("bind");
    let (level, hops, class, options) = match family {
        AF_INET6 => (
            IPPROTO_IPV6,
            IPV6_HOPLIMIT,
            IPV6_TCLASS,
            [IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS],
        ),
        _ => (
            IPPROTO_IP,
            IP_TTL,
            IP_TOS,
            [IP_PKTINFO, IP_RECVTTL, IP_RECVTOS],
        ),
    };
    for option in options {
        receiver.setsockopt(level, option, 1).expect("setsockopt");
    }
    receiver
        .setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, 1)
        .expect("SO_TIMESTAMPNS");

    let control = [
        (level, hops, 9i32.to_ne_bytes().to_vec()),
        (level, class, 0x20i32.to_ne_bytes().to_vec()),
    ];
    let parts: [&[u8]; 2] = [b"Hello, ", b"world"];
    let sent = sender.sendmsg(&parts, &control, MsgFlag::NONE, Some(&address));
    assert_eq!(sent.expect("sendmsg"), 12);

    let (data, ancillary, flags, from) = receiver.recvmsg(64, 512, MsgFlag::NONE).expect("recvmsg");
    assert_eq!((&data[..], flags), (&b"Hello, world"[..], MsgFlag::NONE));
    assert_eq!(from, Some(sender.getsockname().expect("getsockname")));
    let find = |level: i32, kind: i32| {
        let item = ancillary
            .iter()
            .find(|item| (item.0, item.1) == (level, kind));
        item.unwrap_or_else(|| panic!("no {kind} in {ancillary:?}"))
            .2
            .clone()
    };
    assert_eq!(find(level, hops), 9i32.to_ne_bytes());
    assert_eq!(find(level, class)[0], 0x20);
    let loopback = inet_pton(family, host).expect("an address");
    match family {
        AF_INET6 => assert_eq!(
            find(level, IPV6_PKTINFO),
            [&loopback[..], &1u32.to_ne_bytes()].concat()
        ),
        _ => assert_eq!(
            find(level, IP_PKTINFO),
            [&1u32.to_ne_bytes()[..], &loopback, &loopback].concat()
        ),
    }
    let time = find(SOL_SOCKET, SO_TIMESTAMPNS);
    let seconds = i64::from_ne_bytes(time[..8].try_into().expect("eight bytes"));
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs()
        .cast_signed();
    assert!(
        (now - 60..=now + 1).contains(&seconds),
        "{seconds} is not about {now}"
    );

    // A connected socket needs no address; an address that is not granted is
    // denied here too.
    sender.connect(&address).expect("connect");
    sender
        .sendmsg(&[b"again"], &[], MsgFlag::NONE, None)
        .expect("sendmsg");
    assert_eq!(receiver.recv(64).expect("recv"), b"again");
    let denied = sender.sendmsg(&[b"x"], &[], MsgFlag::NONE, Some(&("192.0.2.1", 9)));
    assert!(
        denied
            .expect_err("denied, or another family")
            .errno()
            .is_none_or(|errno| errno == 13)
    );
}

/// UDP segmentation on the way out, and coalescing on the way in.
fn segments() {
    let receiver = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    receiver.bind(("127.0.0.1", 0)).expect("bind");
    let address = receiver.getsockname().expect("getsockname");
    let sender = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    let control = [(IPPROTO_UDP, UDP_SEGMENT, 4u16.to_ne_bytes().to_vec())];
    sender
        .sendmsg(&[b"aaaabbbbcc"], &control, MsgFlag::NONE, Some(&address))
        .expect("sendmsg");
    for expected in [&b"aaaa"[..], b"bbbb", b"cc"] {
        assert_eq!(receiver.recv(64).expect("recv"), expected);
    }
    receiver
        .setsockopt(IPPROTO_UDP, UDP_GRO, 1)
        .expect("UDP_GRO");
    sender
        .sendmsg(&[b"aaaabbbbcc"], &control, MsgFlag::NONE, Some(&address))
        .expect("sendmsg");
    let (data, ancillary, _, _) = receiver.recvmsg(64, 64, MsgFlag::NONE).expect("recvmsg");
    assert_eq!(data, b"aaaabbbbcc");
    assert_eq!(
        ancillary,
        [(IPPROTO_UDP, UDP_GRO, 4i32.to_ne_bytes().to_vec())]
    );
}

/// A peer sends descriptors that were not asked for.
fn strays(name: &str) {
    let socket = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    socket
        .connect(format!("\0{name}").as_str())
        .expect("connect");
    for round in 0..200 {
        let (data, ancillary, flags, _) = socket.recvmsg(1, 1024, MsgFlag::NONE).expect("recvmsg");
        assert_eq!(
            (&data[..], ancillary.len()),
            (&b"x"[..], 0),
            "round {round}"
        );
        assert!(flags.contains(MSG_CTRUNC), "round {round}");
        socket.send(b"y").expect("send");
    }
    println!("survived");
    assert_eq!(socket.recv(1).expect("recv"), b"");
}

/// Sends from an address that the socket is not bound to.
fn source(host: &str, from: &str) {
    let family = family_of(host);
    let receiver = Socket::new(family, SOCK_DGRAM).expect("socket");
    receiver.bind((host, 0)).expect("bind");
    let address = receiver.getsockname().expect("getsockname");
    let sender = Socket::new(family, SOCK_DGRAM).expect("socket");
    let packed = |ip: &str| inet_pton(family, ip).expect("an address");
    let control = |ip: &str, interface: u32| match family {
        AF_INET6 => {
            let info = [&packed(ip)[..], &interface.to_ne_bytes()].concat();
            (IPPROTO_IPV6, IPV6_PKTINFO, info)
        }
        _ => {
            let info = [&interface.to_ne_bytes()[..], &packed(ip), &[9; 4]].concat();
            (IPPROTO_IP, IP_PKTINFO, info)
        }
    };
    let send = |item: Ancillary| {
        let sent = sender.sendmsg(&[b"x"], &[item], MsgFlag::NONE, Some(&address));
        match sent {
            Ok(_) => {
                let (data, sender) = receiver.recvfrom(8).expect("recvfrom");
                assert_eq!(data, b"x");
                let sender = sender.and_then(|sender| sender.to_socket_addr());
                sender.expect("an internet address").ip().to_string()
            }
            Err(error) => error.name().expect("an errno").to_owned(),
        }
    };
    println!("{}", send(control(from, 0)));
    // The interface needs a grant; the loopback one is 1.
    let unspecified = if family == AF_INET6 { "::" } else { "0.0.0.0" };
    println!("{}", send(control(unspecified, 1)));
    assert_eq!(send(control(unspecified, u32::MAX)), "ENODEV");
    assert_eq!(send((IPPROTO_IP, IP_PKTINFO, vec![0; 8])), "EINVAL");
}

/// Sends where nobody listens, and reads what the kernel says of it.
fn errors(host: &str) {
    let family = family_of(host);
    let (level, option, length) = match family {
        AF_INET6 => (IPPROTO_IPV6, IPV6_RECVERR, 44),
        _ => (IPPROTO_IP, IP_RECVERR, 32),
    };
    let closed = Socket::new(family, SOCK_DGRAM).expect("socket");
    closed.bind((host, 0)).expect("bind");
    let address = closed.getsockname().expect("getsockname");
    closed.close().expect("close");
    let socket = Socket::new(family, SOCK_DGRAM).expect("socket");
    socket.setsockopt(level, option, 1).expect("RECVERR");
    // It never waits, even on a socket that does.
    let nothing = socket.recvmsg(64, 512, MSG_ERRQUEUE).expect_err("nothing");
    assert!(nothing.is_would_block());
    let nothing = socket.recv_flags(64, MSG_ERRQUEUE).expect_err("nothing");
    assert!(nothing.is_would_block());

    socket
        .sendto(b"is anybody there", &address)
        .expect("sendto");
    let mut poll = Poll::new().expect("poll");
    poll.register(&socket, POLLIN).expect("register");
    poll.poll(None).expect("poll");
    let (data, ancillary, flags, to) = socket.recvmsg(64, 512, MSG_ERRQUEUE).expect("recvmsg");
    assert_eq!(data, b"is anybody there");
    assert_eq!(to, Some(address.clone()));
    assert_eq!(flags, MSG_ERRQUEUE);
    let [(got_level, got_kind, bytes)] = &ancillary[..] else {
        panic!("{ancillary:?}");
    };
    assert_eq!(
        (*got_level, *got_kind, bytes.len()),
        (level, option, length)
    );
    let number = i32::from_ne_bytes(bytes[..4].try_into().expect("four bytes"));
    // ECONNREFUSED; SO_EE_ORIGIN_ICMP and "port unreachable", or the same of ICMPv6.
    let origin: [u8; 4] = match family {
        AF_INET6 => [3, 1, 4, 0],
        _ => [2, 3, 3, 0],
    };
    assert_eq!((number, &bytes[4..8]), (111, &origin[..]));
    // The offender is this machine, of no port.
    let packed = inet_pton(family, host).expect("an address");
    let (start, at) = match family {
        AF_INET6 => (10u16, 24),
        _ => (2u16, 20),
    };
    assert_eq!(bytes[16..18], start.to_ne_bytes());
    assert_eq!(bytes[at..at + packed.len()], packed);

    // Each is told once; with the flag of recvfrom too.
    assert!(
        socket
            .recvmsg(64, 512, MSG_ERRQUEUE)
            .expect_err("nothing")
            .is_would_block()
    );
    _ = socket.getsockopt(SOL_SOCKET, SO_ERROR).expect("SO_ERROR");
    socket.sendto(b"again", &address).expect("sendto");
    poll.poll(None).expect("poll");
    let (data, to) = socket.recvfrom_flags(64, MSG_ERRQUEUE).expect("recvfrom");
    assert_eq!((&data[..], to), (&b"again"[..], Some(address)));
}

/// The whole length of what is longer than its buffer.
fn lengths(host: &str) {
    let family = family_of(host);
    let receiver = Socket::new(family, SOCK_DGRAM).expect("socket");
    receiver.bind((host, 0)).expect("bind");
    let address = receiver.getsockname().expect("getsockname");
    let sender = Socket::new(family, SOCK_DGRAM).expect("socket");
    for _ in 0..5 {
        sender.sendto(b"a long datagram", &address).expect("sendto");
    }
    let mut buffer = [0; 6];
    let received = receiver.recvfrom_into_flags(&mut buffer, MSG_TRUNC | MSG_PEEK);
    assert_eq!(received.expect("recvfrom_into").0, 15);
    assert_eq!(&buffer, b"a long");
    assert_eq!(
        receiver
            .recv_into_flags(&mut [], MSG_TRUNC)
            .expect("recv_into"),
        15
    );
    let (mut one, mut two) = ([0; 2], [0; 3]);
    let received = receiver.recvmsg_into(&mut [&mut one, &mut two], 0, MSG_TRUNC);
    let (count, _, flags, _) = received.expect("recvmsg_into");
    assert_eq!((count, flags, &one, &two), (15, MSG_TRUNC, b"a ", b"lon"));
    assert_eq!(receiver.recv_flags(6, MSG_TRUNC).expect("recv"), b"a long");
    let (data, _, flags, _) = receiver.recvmsg(6, 0, MSG_TRUNC).expect("recvmsg");
    assert_eq!((&data[..], flags), (&b"a long"[..], MSG_TRUNC));
    assert_eq!(receiver.recv_into(&mut buffer).expect("recv_into"), 6);

    // A TCP stream throws the data away.
    let listener = Socket::new(family, SOCK_STREAM).expect("socket");
    listener.bind((host, 0)).expect("bind");
    listener.listen(1).expect("listen");
    let client = Socket::new(family, SOCK_STREAM).expect("socket");
    client
        .connect(listener.getsockname().expect("getsockname"))
        .expect("connect");
    let (server, _) = listener.accept().expect("accept");
    client.sendall(b"gone, kept").expect("sendall");
    let mut buffer = *b"......";
    let count = server.recv_into_flags(&mut buffer, MSG_TRUNC);
    assert_eq!((count.expect("recv_into"), &buffer), (6, b"......"));
    assert_eq!(server.recv(64).expect("recv"), b"kept");
}

/// Connects and sends in one.
fn fast_open(host: &str, port: u16) {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    match socket.sendto_flags(b"Hello, world", MSG_FASTOPEN, (host, port)) {
        Ok(count) => assert_eq!(count, 12),
        Err(error) => {
            println!("{}", error.name().expect("an errno"));
            assert_eq!(
                socket.getpeername().expect_err("not connected").name(),
                Some("ENOTCONN")
            );
            return;
        }
    }
    assert_eq!(
        socket.getpeername().expect("getpeername").port(),
        Some(port)
    );
    socket.shutdown(SHUT_WR).expect("shutdown");
    println!(
        "{}",
        String::from_utf8_lossy(&socket.recv(64).expect("recv"))
    );
    let again = socket.sendto_flags(b"x", MSG_FASTOPEN, (host, port));
    println!(
        "{}",
        again.expect_err("connected").name().expect("an errno")
    );
}

/// Every receive, of more than one call of the host returns at most. The peer
/// sends the number of each piece of 1,000 bytes in all of them.
fn wait_all(host: &str, port: u16) {
    const LENGTH: usize = 2_000_000;
    let socket = create_connection((host, port), None, None).expect("connect");
    let mut received = vec![0; LENGTH];
    let mut first = 0;
    for how in [
        "recv",
        "recv_into",
        "recvfrom",
        "recvfrom_into",
        "recvmsg",
        "recvmsg_into",
    ] {
        let buffer = &mut received[..];
        let (all, flags) = (LENGTH, MSG_WAITALL);
        let count = match how {
            "recv" => socket
                .recv_flags(all, flags)
                .map(|data| fill(buffer, &data)),
            "recv_into" => socket.recv_into_flags(buffer, flags),
            "recvfrom" => socket
                .recvfrom_flags(all, flags)
                .map(|(data, _)| fill(buffer, &data)),
            "recvfrom_into" => socket
                .recvfrom_into_flags(buffer, flags)
                .map(|(count, _)| count),
            "recvmsg" => socket
                .recvmsg(all, 0, flags)
                .map(|(data, ..)| fill(buffer, &data)),
            _ => socket
                .recvmsg_into(&mut [buffer], 0, flags)
                .map(|(count, ..)| count),
        };
        assert_eq!(count.expect(how), LENGTH, "{how}");
        for piece in received.chunks(1000) {
            assert!(piece.iter().all(|byte| *byte == first), "{how}");
            first = first.wrapping_add(1);
        }
    }
    // The end comes before all of it.
    let (last, ..) = socket.recvmsg(LENGTH, 0, MSG_WAITALL).expect("recvmsg");
    assert_eq!(last, b"end");
}

fn fill(buffer: &mut [u8], data: &[u8]) -> usize {
    buffer[..data.len()].copy_from_slice(data);
    data.len()
}
