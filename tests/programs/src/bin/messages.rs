//! recvmsg and sendmsg: `messages CASE [HOST or NAME]`.

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

// Not in Python's module.
const IP_PKTINFO: i32 = 8;
const IP_RECVTTL: i32 = 12;
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
    let rights = (SOL_SOCKET, SCM_RIGHTS, vec![0; 4]);
    assert_eq!(
        one.sendmsg(&[b"z"], &[rights], MsgFlag::NONE, None)
            .expect_err("not yet")
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
