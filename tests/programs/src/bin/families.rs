//! Families and protocols beside TCP, UDP and Unix: `families CASE ARGS`.

use std::time::Duration;

use capsock_guest::*;
use capsock_test_programs::{args, bind_and_tell, family_of};

const ETH_P_ALL: u16 = 3;
const IPPROTO_ICMPV6: i32 = 58;

fn main() {
    let args = args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["links"] => links(),
        ["sniff", interface, marker] => sniff(interface, marker),
        ["ping", kind, host, other] => ping(kind, host, other),
        ["connect", proto, host, port] => connect(number(proto), host, number(port)),
        ["datagrams", proto, host, port] => datagrams(number(proto), host, number(port)),
        ["serve", proto, host] => serve(number(proto), host),
        ["create", family, kind, proto] => create(number(family), number(kind), number(proto)),
        ["denied"] => denied(),
        ["foreign"] => foreign(),
        ["digest"] => digest(),
        ["vsock", port] => vsock(number(port)),
        _ => panic!("no case {args:?}"),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is no number"))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn half(bytes: &[u8], at: usize) -> usize {
    u16::from_ne_bytes(bytes[at..at + 2].try_into().expect("two bytes")).into()
}

/// Asks the kernel for its links (rtnetlink(7)), and prints them.
fn links() {
    const RTM_GETLINK: u16 = 18;
    const DUMP: u16 = 0x301; // NLM_F_REQUEST | NLM_F_DUMP
    const DONE: usize = 3;
    const IFLA_IFNAME: usize = 3;
    let s = Socket::with_proto(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE).expect("socket");
    s.bind((0, 0)).expect("bind");
    let Address::Netlink(NetlinkAddress { port_id, groups: 0 }) =
        s.getsockname().expect("getsockname")
    else {
        panic!("not netlink's")
    };
    assert_ne!(port_id, 0, "the kernel chose one");
    let mut request = 32u32.to_ne_bytes().to_vec();
    request.extend(RTM_GETLINK.to_ne_bytes());
    request.extend(DUMP.to_ne_bytes());
    request.extend([0; 24]);
    assert_eq!(s.sendto(&request, (0, 0)).expect("sendto"), 32);
    loop {
        let (reply, sender) = s.recvfrom(65536).expect("recvfrom");
        assert_eq!(
            sender,
            Some(Address::Netlink(NetlinkAddress {
                port_id: 0,
                groups: 0
            }))
        );
        let mut rest = &reply[..];
        while rest.len() >= 16 {
            let (length, kind) = (word(rest, 0) as usize, half(rest, 4));
            if kind == DONE {
                return;
            }
            let message = &rest[16..length];
            let index = word(message, 4);
            let mut attributes = &message[16..];
            while attributes.len() >= 4 {
                let (size, kind) = (half(attributes, 0), half(attributes, 2));
                if kind == IFLA_IFNAME {
                    let name = attributes[4..size - 1].escape_ascii();
                    println!("{index} {name}");
                }
                attributes = &attributes[size.next_multiple_of(4).min(attributes.len())..];
            }
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        }
    }
}

/// Waits for a frame that has the marker in it.
fn sniff(interface: &str, marker: &str) {
    let s = Socket::new(AF_PACKET, SOCK_RAW).expect("socket");
    s.bind((interface, ETH_P_ALL)).expect("bind");
    println!("ready {}", s.getsockname().expect("getsockname"));
    loop {
        let received = s.recvmsg(65536, 256, MsgFlag::default());
        let (frame, _, _, sender) = received.expect("recvmsg");
        let found = frame
            .windows(marker.len())
            .any(|window| window == marker.as_bytes());
        let Some(Address::Packet(sender)) = sender else {
            panic!("{sender:?} is no packet address")
        };
        assert_eq!(sender.interface, interface);
        if found {
            println!("found protocol {:#06x}", sender.protocol);
            return;
        }
    }
}

fn checksum(data: &[u8]) -> u16 {
    let mut sum: u32 = data
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An echo request and its reply, on a raw or a datagram socket.
fn ping(kind: &str, host: &str, other: &str) {
    let family = family_of(host);
    let kind = if kind == "raw" { SOCK_RAW } else { SOCK_DGRAM };
    let (proto, request, reply) = match family {
        AF_INET6 => (IPPROTO_ICMPV6, 128, 129),
        _ => (IPPROTO_ICMP, 8, 0),
    };
    let s = Socket::with_proto(family, kind, proto).expect("socket");
    s.settimeout(Duration::from_secs(30)).expect("settimeout");
    let mut message = vec![request, 0, 0, 0, 0x12, 0x34, 0, 1];
    message.extend(b"capsock's echo request");
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    let denied = s.sendto(&message, (other, 0)).expect_err("not granted");
    assert!(denied.is_access_denied(), "{denied}");
    s.sendto(&message, (host, 0)).expect("sendto");
    loop {
        let (data, sender) = s.recvfrom(2048).expect("recvfrom");
        // A raw IPv4 socket receives the header of IP too: raw(7).
        let icmp = match (family, kind) {
            (AF_INET, SOCK_RAW) => &data[usize::from(data[0] & 15) * 4..],
            _ => &data[..],
        };
        if icmp[0] == reply {
            assert_eq!(&icmp[8..], &message[8..]);
            let sender = sender.expect("a sender").to_socket_addr();
            println!("reply from {}", sender.expect("internet").ip());
            return;
        }
    }
}

/// A connection of another protocol over IP.
fn connect(proto: i32, host: &str, port: u16) {
    let s = Socket::with_proto(family_of(host), SOCK_STREAM, proto).expect("socket");
    s.connect((host, port)).expect("connect");
    s.sendall(b"Hello, world").expect("sendall");
    s.shutdown(SHUT_WR).expect("shutdown");
    println!(
        "protocol {}",
        s.getsockopt(SOL_SOCKET, SO_PROTOCOL).expect("SO_PROTOCOL")
    );
    assert_eq!(
        s.recv_flags(12, MSG_WAITALL).expect("recv"),
        b"Hello, world"
    );
}

fn serve(proto: i32, host: &str) {
    let s = Socket::with_proto(family_of(host), SOCK_STREAM, proto).expect("socket");
    bind_and_tell(&s, host);
    s.listen(1).expect("listen");
    let (connection, _peer) = s.accept().expect("accept");
    let data = connection.recv_flags(12, MSG_WAITALL).expect("recv");
    connection.sendall(&data).expect("sendall");
}

fn datagrams(proto: i32, host: &str, port: u16) {
    let s = Socket::with_proto(family_of(host), SOCK_DGRAM, proto).expect("socket");
    let denied = s.sendto(b"x", (host, port ^ 1)).expect_err("not granted");
    assert!(denied.is_access_denied(), "{denied}");
    s.sendto(b"Hello, world", (host, port)).expect("sendto");
    let (data, sender) = s.recvfrom(64).expect("recvfrom");
    assert_eq!(data, b"Hello, world");
    assert_eq!(sender.expect("a sender").port(), Some(port));
}

/// Prints 0 or the errno of creating a socket.
fn create(family: i32, kind: i32, proto: i32) {
    let families = [
        AF_CAN,
        AF_TIPC,
        AF_BLUETOOTH,
        AF_ALG,
        AF_RDS,
        AF_VSOCK,
        AF_NETLINK,
        AF_PACKET,
    ];
    let kinds = [SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET];
    let family = families.into_iter().find(|known| known.number() == family);
    let kind = kinds.into_iter().find(|known| known.number() == kind);
    let created = Socket::with_proto(family.expect("a family"), kind.expect("a kind"), proto);
    let errno = created.map_or_else(|error| error.errno().expect("an errno"), |_socket| 0);
    println!("{errno}");
}

/// Without a rule none of them can be made.
fn denied() {
    for (family, kind, proto) in [
        (AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
        (AF_PACKET, SOCK_RAW, 0),
        (AF_PACKET, SOCK_DGRAM, 3 << 8),
        (AF_INET, SOCK_RAW, IPPROTO_ICMP),
        (AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
        (AF_INET, SOCK_DGRAM, IPPROTO_ICMP),
        (AF_INET, SOCK_RAW, IPPROTO_RAW),
        (AF_INET, SOCK_STREAM, IPPROTO_MPTCP),
        (AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE),
        (AF_VSOCK, SOCK_STREAM, 0),
        (AF_CAN, SOCK_RAW, CAN_RAW),
        (AF_TIPC, SOCK_RDM, 0),
        (AF_BLUETOOTH, SOCK_STREAM, BTPROTO_RFCOMM),
        (AF_ALG, SOCK_SEQPACKET, 0),
        (AF_RDS, SOCK_SEQPACKET, 0),
    ] {
        let error = Socket::with_proto(family, kind, proto).expect_err("denied");
        assert!(
            error.is_access_denied(),
            "{family:?} {kind:?} {proto}: {error}"
        );
    }
}

/// What other systems have is not supported, and says so.
fn foreign() {
    use wit::{AddressFamily, ErrorCode, SocketType};
    for family in [AddressFamily::System, AddressFamily::Link] {
        let error = wit::Socket::create(family, SocketType::Datagram, 0).expect_err("of macOS");
        assert_eq!(error, ErrorCode::NotSupported);
    }
    let s = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    let control = Address::SystemControl(SystemControlAddress { id: 1, unit: 2 });
    let error = s.connect(&control).expect_err("of macOS");
    assert_eq!(error.name(), Some("EOPNOTSUPP"));
    // An address of another family that Linux has is another error.
    for address in [
        Address::Netlink(NetlinkAddress {
            port_id: 0,
            groups: 0,
        }),
        Address::Vsock(VsockAddress { cid: 2, port: 1 }),
    ] {
        let error = s.connect(&address).expect_err("of another family");
        assert_eq!(error.name(), Some("EAFNOSUPPORT"));
    }
    s.getsockname().expect("the socket stays usable");
}

/// Stream sockets of vsock, as far as a machine without its transport goes.
fn vsock(port: u32) {
    let s = Socket::new(AF_VSOCK, SOCK_STREAM).expect("socket");
    let denied = s.bind((VMADDR_CID_ANY, port + 1)).expect_err("not granted");
    assert!(denied.is_access_denied(), "{denied}");
    s.bind((VMADDR_CID_ANY, port)).expect("bind");
    assert_eq!(
        s.getsockname().expect("getsockname"),
        Address::Vsock(VsockAddress {
            cid: VMADDR_CID_ANY,
            port
        })
    );
    s.listen(1).expect("listen");
    // CID 1 is this machine, where the kernel has the loopback transport.
    let client = Socket::new(AF_VSOCK, SOCK_STREAM).expect("socket");
    match client.connect((1, port)) {
        Ok(()) => {
            let (connection, _peer) = s.accept().expect("accept");
            client.sendall(b"Hello, world").expect("sendall");
            assert_eq!(connection.recv(64).expect("recv"), b"Hello, world");
            println!("connect 0");
        }
        Err(error) => println!("connect {}", error.errno().expect("an errno")),
    }
}

/// Python's example of `AF_ALG`: the kernel hashes and encrypts, where it does.
fn digest() {
    let other = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    let error = other.sendmsg_afalg(&[b"x"], 0, None, None, MsgFlag::NONE);
    let error = error.expect_err("not of AF_ALG").to_string();
    assert!(
        error.contains("algset is only supported for AF_ALG"),
        "{error}"
    );
    let hash = match Socket::new(AF_ALG, SOCK_SEQPACKET) {
        Ok(hash) => hash,
        Err(error) => return println!("{}", error.errno().expect("an errno")),
    };
    let long = hash.bind(("hash", "x".repeat(64).as_str(), 0, 0));
    assert_eq!(long.expect_err("too long").name(), Some("EINVAL"));
    hash.bind(("hash", "sha256", 0, 0)).expect("bind");
    let (operation, _) = hash.accept().expect("accept");
    operation.sendall(b"abc").expect("sendall");
    let hashed = operation.recv(32).expect("recv");
    println!("{:02x}{:02x}", hashed[0], hashed[1]);

    let cipher = Socket::new(AF_ALG, SOCK_SEQPACKET).expect("socket");
    cipher.bind(("skcipher", "cbc(aes)", 0, 0)).expect("bind");
    cipher
        .setsockopt_bytes(SOL_ALG, ALG_SET_KEY, &[7; 16])
        .expect("ALG_SET_KEY");
    let once = |op: i32, data: &[u8]| {
        let (operation, _) = cipher.accept().expect("accept");
        let op = op.cast_unsigned();
        let sent = operation.sendmsg_afalg(&[data], op, Some(&[9; 16]), None, MsgFlag::NONE);
        assert_eq!(sent.expect("sendmsg_afalg"), 16);
        operation.recv(16).expect("recv")
    };
    let encrypted = once(ALG_OP_ENCRYPT, b"sixteen bytes ok");
    assert_ne!(encrypted, b"sixteen bytes ok");
    assert_eq!(once(ALG_OP_DECRYPT, &encrypted), b"sixteen bytes ok");
}
