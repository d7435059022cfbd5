//! What goes to the kernel unasked: `attack kernel CASE ARGS…`.

use capsock_guest::*;
use capsock_test_programs::family_of;

use super::{inet, number, outcome};

pub(crate) fn attempt(args: &[&str]) -> String {
    match *args {
        ["send-nowhere", family, how] => outcome(send_nowhere(family, how)),
        ["send-given-up", limit] => outcome(send_given_up(limit)),
        ["two-handles", host, port, how] => outcome(two_handles((host, number(port)), how)),
        ["pass", family] => outcome(pass(family)),
        ["fast-open-connect", value] => outcome(fast_open_connect(number(value).into())),
        ["fast-open-connected", host, port] => outcome(fast_open_connected((host, number(port)))),
        ["named-by-the-kernel", how] => named_by_the_kernel(how),
        _ => panic!("no case {args:?}"),
    }
}

fn socket(family: &str) -> Result<Socket> {
    match family {
        "netlink" => Socket::with_proto(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE),
        "packet" => Socket::new(AF_PACKET, SOCK_RAW),
        "raw" => Socket::with_proto(AF_INET, SOCK_RAW, IPPROTO_ICMP),
        "raw6" => Socket::with_proto(AF_INET6, SOCK_RAW, 58),
        "unix" => Socket::new(AF_UNIX, SOCK_DGRAM),
        "unix-stream" => Socket::new(AF_UNIX, SOCK_STREAM),
        "vsock" => Socket::new(AF_VSOCK, SOCK_STREAM),
        "udp" | "udplite" | "tcp" | "mptcp" => inet(family, "127.0.0.1"),
        "udp6" => inet("udp", "::1"),
        "udplite6" => inet("udplite", "::1"),
        "tcp6" => inet("tcp", "::1"),
        _ => panic!("no family `{family}`"),
    }
}

/// A message without an address, on a socket that has no peer.
fn send_nowhere(family: &str, how: &str) -> Result<()> {
    send(&socket(family)?, how)
}

/// A request to netlink that asks for nothing (NLMSG_NOOP), and any data for
/// others.
fn send(socket: &Socket, how: &str) -> Result<()> {
    let mut noop = 16u32.to_ne_bytes().to_vec();
    noop.extend([1, 0, 1, 0]);
    noop.extend([0; 8]);
    match how {
        "send" => socket.send(&noop).map(drop),
        "sendall" => socket.sendall(&noop),
        "sendmsg" => socket.sendmsg(&[&noop], &[], MsgFlag::NONE, None).map(drop),
        _ => panic!("no way `{how}`"),
    }
}

/// By the interface that the socket is bound to, once that is given up.
fn send_given_up(limit: &str) -> Result<()> {
    let socket = socket("packet")?;
    socket
        .bind(("lo", 0, 0, 0, &[][..]))
        .expect("lo is granted");
    authority::limit(&[format!("allow raw packet://{limit}")]).expect("limit");
    send(&socket, "send")
}

/// One handle is bound, and another of the same socket listens.
fn two_handles(to: (&str, u16), how: &str) -> Result<()> {
    let one = inet("tcp", to.0)?;
    let other = match how {
        "dup" => one.dup()?,
        "pair" => there_and_back(&one)?,
        // What comes back of what comes back, and no handle is left of it.
        "again" => {
            let (near, far) = socketpair(SOCK_STREAM)?;
            for _twice in 0..2 {
                send_fds(&near, &[b"x"], &[one.fileno()], MsgFlag::NONE, None)?;
            }
            one.close()?;
            let (first, second) = (receive(&far)?, receive(&far)?);
            first.bind(to)?;
            return second.listen(1);
        }
        _ => panic!("no way `{how}`"),
    };
    assert_eq!(other.family(), family_of(to.0));
    one.bind(to)?;
    other.listen(1)
}

fn there_and_back(socket: &Socket) -> Result<Socket> {
    let (near, far) = socketpair(SOCK_STREAM)?;
    send_fds(&near, &[b"x"], &[socket.fileno()], MsgFlag::NONE, None)?;
    receive(&far)
}

fn receive(from: &Socket) -> Result<Socket> {
    let (_data, fds, _flags, _peer) = recv_fds(from, 1, 1, MsgFlag::NONE)?;
    Socket::from_fileno(*fds.first().expect("a socket"))
}

/// Over a pair, which needs no grant.
fn pass(family: &str) -> Result<()> {
    there_and_back(&socket(family)?).map(drop)
}

fn fast_open_connect(value: i32) -> Result<()> {
    const TCP_FASTOPEN_CONNECT: i32 = 30;
    inet("tcp", "127.0.0.1")?.setsockopt(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, value)
}

fn fast_open_connected(to: (&str, u16)) -> Result<()> {
    const TCP_FASTOPEN_CONNECT: i32 = 30;
    let socket = inet("tcp", to.0)?;
    socket.setsockopt(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)?;
    socket.connect(to)?;
    socket.sendall(b"x")
}

/// With `SO_PASSCRED` the kernel names a socket that sends, so that others can send
/// to it. Prints what is heard of them.
fn named_by_the_kernel(how: &str) -> String {
    let server = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    server
        .bind("\0capsock-attack-server")
        .expect("it is granted");
    let (client, other) = match how {
        "pair" => socketpair(SOCK_DGRAM).expect("socketpair"),
        _ => (
            socket("unix").expect("socket"),
            socket("unix").expect("socket"),
        ),
    };
    client
        .setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
        .expect("SO_PASSCRED");
    match how {
        "sendto" => {
            _ = client
                .sendto(b"x", "\0capsock-attack-server")
                .expect("sendto")
        }
        "connect" => {
            client.connect("\0capsock-attack-server").expect("connect");
            leave(&client, server);
        }
        "send" => {
            client.setsockopt(SOL_SOCKET, SO_PASSCRED, 0).expect("off");
            client.connect("\0capsock-attack-server").expect("connect");
            client.setsockopt(SOL_SOCKET, SO_PASSCRED, 1).expect("on");
            client.send(b"x").expect("send");
            leave(&client, server);
        }
        "pair" => {
            client.send(b"x").expect("send");
            assert_eq!(other.recv(1).expect("the other end"), b"x");
            other.send(b"y").expect("send");
            assert_eq!(client.recv(1).expect("the other end"), b"y");
            leave(&client, other);
        }
        _ => panic!("no way `{how}`"),
    }
    let name = client.getsockname().expect("getsockname");
    let Address::Unix(UnixAddress::Abstract(digits)) = &name else {
        return format!("{name}");
    };
    assert_eq!(digits.len(), 5, "{name}");
    // A stranger, as far as the client can tell: it has no name.
    let stranger = socket("unix").expect("socket");
    stranger
        .sendto(b"intruder", name.clone())
        .expect("abstract names are granted");
    client.setblocking(false).expect("setblocking");
    match client.recv(64) {
        Ok(data) => format!("heard {}", String::from_utf8_lossy(&data)),
        Err(error) => outcome(Err(error)),
    }
}

/// Closes the peer. The kernel notices as the next is sent, and takes what others
/// send from then on.
fn leave(client: &Socket, peer: Socket) {
    peer.close().expect("close");
    client.send(b"x").expect_err("nobody is there");
}
