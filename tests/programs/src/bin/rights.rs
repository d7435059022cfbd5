//! Sockets that are passed over Unix sockets: `rights CASE [NAME [HOST [PORT]]]`.

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

fn main() {
    let args = args();
    match args[0].as_str() {
        "pairs" => {
            round_trip();
            all_kinds();
            limits();
            nothing_leaks();
        }
        "exposed" => exposed(&args[1]),
        "send" => send(&args[1], &args[2], args[3].parse().expect("a port")),
        "receive" => receive(&args[1]),
        "refused" => refused(&args[1]),
        "lured" => lured(&args[1]),
        "bound" => bound(&args[1]),
        "own-listener" => own_listener(&args[1]),
        "serve" => serve(&args[1]),
        "datagram" => datagram(&args[1], &args[2]),
        case => panic!("no case `{case}`"),
    }
}

fn connect(name: &str) -> Socket {
    let socket = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    socket
        .connect(format!("\0{name}").as_str())
        .expect("connect");
    socket
}

fn pass(over: &Socket, fds: &[i32]) -> Result<usize> {
    send_fds(over, &[b"x"], fds, MsgFlag::NONE, None)
}

/// The sockets of one message, which has to have all of them.
fn take(over: &Socket, count: usize) -> Vec<Socket> {
    let (data, fds, flags, _) = recv_fds(over, 1, count, MsgFlag::NONE).expect("recv_fds");
    assert_eq!((&data[..], fds.len()), (&b"x"[..], count));
    assert!(!flags.contains(MSG_CTRUNC), "{flags:?}");
    let socket = |fd| Socket::from_fileno(fd).expect("from_fileno");
    fds.into_iter().map(socket).collect()
}

#[track_caller]
fn fails<T: std::fmt::Debug>(result: Result<T>, name: &str) {
    assert_eq!(result.expect_err(name).name(), Some(name));
}

/// From one end of a pair to the other, in the form of ancillary data.
fn round_trip() {
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        let (one, other) = socketpair(kind).expect("socketpair");
        let (near, far) = socketpair(SOCK_STREAM).expect("socketpair");
        let item = (SOL_SOCKET, SCM_RIGHTS, far.fileno().to_ne_bytes().to_vec());
        let sent = one.sendmsg(&[b"da", b"ta"], &[item], MsgFlag::NONE, None);
        assert_eq!(sent.expect("sendmsg"), 4);
        far.close().expect("close");
        // A look at it is a socket of its own.
        let room = CMSG_LEN(4).expect("a length") as usize;
        let (data, peeked, _, _) = other.recvmsg(8, room, MSG_PEEK).expect("recvmsg");
        let (_, ancillary, flags, _) = other.recvmsg(8, room, MsgFlag::NONE).expect("recvmsg");
        assert_eq!((&data[..], flags), (&b"data"[..], MsgFlag::NONE));
        for (item, message) in [(&peeked[0], b"one"), (&ancillary[0], b"two")] {
            assert_eq!((item.0, item.1), (SOL_SOCKET, SCM_RIGHTS));
            let fd = i32::from_ne_bytes(item.2[..].try_into().expect("one number"));
            let far = Socket::from_fileno(fd).expect("from_fileno");
            assert_eq!(
                (far.family(), far.kind(), far.proto()),
                (AF_UNIX, SOCK_STREAM, 0)
            );
            far.send(message).expect("send");
            assert_eq!(near.recv(8).expect("recv"), message);
        }
        assert_eq!(near.recv(8).expect("both are gone"), b"");
    }
}

/// Whatever the guest may make it may get back.
fn all_kinds() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let tcp = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    let udp = Socket::new(AF_INET6, SOCK_DGRAM).expect("socket");
    let unix = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    pass(&one, &[tcp.fileno(), udp.fileno(), unix.fileno()]).expect("pass");
    let kinds: Vec<_> = take(&other, 3)
        .iter()
        .map(|socket| (socket.family(), socket.kind(), socket.proto()))
        .collect();
    assert_eq!(
        kinds,
        [
            (AF_INET, SOCK_STREAM, IPPROTO_TCP),
            (AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
            (AF_UNIX, SOCK_DGRAM, 0),
        ]
    );
}

fn limits() {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let (near, far) = socketpair(SOCK_STREAM).expect("socketpair");
    let fd = far.fileno();
    fails(pass(&one, &[fd; 9]), "EINVAL");
    pass(&one, &[fd; 8]).expect("eight");
    assert_eq!(take(&other, 8).len(), 8);
    // Room for two of three: the third is closed.
    pass(&one, &[fd; 3]).expect("three");
    let (_, fds, flags, _) = recv_fds(&other, 1, 2, MsgFlag::NONE).expect("recv_fds");
    assert_eq!(fds.len(), 2);
    assert!(flags.contains(MSG_CTRUNC));
    for fd in fds {
        capsock_guest::close(fd).expect("close");
    }
    // No room, and no ancillary data asked for at all.
    pass(&one, &[fd]).expect("one");
    let (_, ancillary, flags, _) = other.recvmsg(1, 0, MsgFlag::NONE).expect("recvmsg");
    assert_eq!(ancillary, []);
    assert!(flags.contains(MSG_CTRUNC));
    pass(&one, &[fd]).expect("one");
    assert_eq!(other.recv(1).expect("recv"), b"x");
    far.close().expect("close");
    near.settimeout(std::time::Duration::from_secs(30))
        .expect("settimeout");
    assert_eq!(near.recv(1).expect("none is left open"), b"");

    fails(pass(&one, &[fd]), "EBADF");
    fails(pass(&one, &[12345]), "EBADF");
    let short = (SOL_SOCKET, SCM_RIGHTS, vec![0; 3]);
    fails(
        one.sendmsg(&[b"x"], &[short], MsgFlag::NONE, None),
        "EINVAL",
    );
    let own = one.fileno();
    let udp = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    fails(pass(&udp, &[own]), "EINVAL");
    for kind in [SOCK_STREAM, SOCK_DGRAM] {
        let lonely = Socket::new(AF_UNIX, kind).expect("socket");
        fails(pass(&lonely, &[own]), "ENOTCONN");
    }
    // After all that, nothing has been sent.
    fails(other.recv_flags(1, MSG_DONTWAIT), "EAGAIN");
}

/// More than the guest may have at once.
fn nothing_leaks() {
    let (one, other) = socketpair(SOCK_SEQPACKET).expect("socketpair");
    for round in 0..300 {
        let fresh = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
        pass(&one, &[fresh.fileno(); 8]).expect("pass");
        drop(fresh);
        match round % 3 {
            0 => drop(take(&other, 8)),
            1 => drop(recv_fds(&other, 1, 0, MsgFlag::NONE).expect("recv_fds")),
            _ => drop(other.recv(1).expect("recv")),
        }
    }
    // The quota: those that do not fit are closed. Only a look at them takes
    // more places than they have already.
    let last = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    pass(&one, &[last.fileno(); 8]).expect("pass");
    let mut full = Vec::new();
    while let Ok(socket) = Socket::new(AF_INET, SOCK_DGRAM) {
        full.push(socket);
    }
    full.truncate(full.len() - 3);
    let (_, fds, flags, _) = recv_fds(&other, 1, 8, MSG_PEEK).expect("recv_fds");
    assert_eq!(fds.len(), 3);
    assert!(flags.contains(MSG_CTRUNC));
}

/// A pair of which one end has left the guest needs a grant.
fn exposed(name: &str) {
    let (near, far) = socketpair(SOCK_STREAM).expect("socketpair");
    let spare = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    pass(&near, &[spare.fileno()]).expect("a pair of the guest");
    drop(take(&far, 1));
    let duplicate = near.dup().expect("dup");
    let peer = connect(name);
    pass(&peer, &[far.fileno()]).expect("the path is granted");
    for end in [&near, &duplicate] {
        println!("{}", outcome(pass(end, &[spare.fileno()])));
    }
    // The peer sends a socket back through it.
    let (data, fds, flags, _) = recv_fds(&near, 8, 1, MsgFlag::NONE).expect("recv_fds");
    assert_eq!(data, b"back");
    println!("{} {}", fds.len(), flags.contains(MSG_CTRUNC));
}

fn outcome<T>(result: Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.name().expect("an errno"),
    }
}

/// Sends a connected socket to a peer, which talks on it.
fn send(name: &str, host: &str, port: u16) {
    let tcp = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    tcp.connect((host, port)).expect("connect");
    let peer = connect(name);
    match pass(&peer, &[tcp.fileno()]) {
        Ok(count) => assert_eq!(count, 1),
        Err(error) => {
            println!("{}", error.name().expect("an errno"));
            peer.send(b"n").expect("send");
        }
    }
    println!("{}", String::from_utf8_lossy(&peer.recv(64).expect("recv")));
    println!("{}", String::from_utf8_lossy(&tcp.recv(64).expect("recv")));
}

/// Gets a listener and a connected socket, and uses both.
fn receive(name: &str) {
    let peer = connect(name);
    let mut sockets = take(&peer, 2).into_iter();
    let (listener, connected) = (sockets.next().unwrap(), sockets.next().unwrap());
    assert_eq!(
        listener
            .getsockopt(SOL_SOCKET, SO_ACCEPTCONN)
            .expect("SO_ACCEPTCONN"),
        1
    );
    // The listener is its sender's too, and the connection was a gift.
    fails(listener.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1), "EPERM");
    listener.listen(1).expect("it does already");
    fails(listener.shutdown(SHUT_RDWR), "EPERM");
    connected
        .setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("SO_KEEPALIVE");
    connected.sendall(b"to the server").expect("sendall");
    assert_eq!(connected.recv(64).expect("recv"), b"from the server");
    // The sender has made both block, which the host must not do.
    for socket in [&listener, &connected] {
        socket.setblocking(false).expect("setblocking");
    }
    assert!(listener.accept().expect_err("nobody").is_would_block());
    assert!(connected.recv(1).expect_err("nothing").is_would_block());
    listener.setblocking(true).expect("setblocking");
    peer.send(b"connect").expect("send");
    let (connection, from) = listener.accept().expect("accept");
    assert_eq!(from, connection.getpeername().expect("getpeername"));
    connection.sendall(b"accepted").expect("sendall");
    assert_eq!(peer.recv(64).expect("recv"), b"done");
}

/// Takes sockets that are connected only then.
fn lured(name: &str) {
    let peer = connect(name);
    let sockets = take(&peer, 2);
    peer.send(b"taken").expect("send");
    assert_eq!(peer.recv(64).expect("recv"), b"connected");
    for socket in sockets {
        let received = outcome(socket.recv_flags(64, MSG_DONTWAIT));
        println!("{} {received}", outcome(socket.send(b"x")));
    }
}

/// Takes sockets that others bind or connect only then: a TCP socket to listen on,
/// and a Unix datagram socket.
fn bound(name: &str) {
    let peer = connect(name);
    let mut sockets = take(&peer, 2).into_iter();
    let (listener, datagrams) = (sockets.next().unwrap(), sockets.next().unwrap());
    peer.send(b"taken").expect("send");
    assert_eq!(peer.recv(64).expect("recv"), b"bound");
    println!("{}", outcome(listener.listen(1)));
    println!("{}", outcome(datagrams.send(b"x")));
}

/// A listener that goes to the guest itself, while no handle of it is left, is what
/// it was: on the port that the kernel chose, and the guest's to change.
fn own_listener(host: &str) {
    let listener = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    listener.bind((host, 0)).expect("bind");
    listener.listen(1).expect("listen");
    let address = listener.getsockname().expect("getsockname");
    let (near, far) = socketpair(SOCK_STREAM).expect("socketpair");
    pass(&near, &[listener.fileno()]).expect("pass");
    listener.close().expect("close");
    let listener = take(&far, 1).remove(0);
    listener
        .setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        .expect("SO_KEEPALIVE");
    let client = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    client.connect(address).expect("connect");
    listener
        .settimeout(std::time::Duration::from_secs(60))
        .expect("settimeout");
    let (connection, _peer) = listener.accept().expect("accept");
    // Nor do connections that were passed on change for the guest.
    pass(&near, &[client.fileno()]).expect("pass");
    let passed = take(&far, 1).remove(0);
    passed.sendall(b"Hello").expect("sendall");
    client.sendall(b", world").expect("sendall");
    let mut data = Vec::new();
    while data.len() < 12 {
        data.extend(connection.recv(64).expect("recv"));
    }
    assert_eq!(data, b"Hello, world");
    listener.shutdown(SHUT_RDWR).expect("shutdown");
}

/// Prints what comes of each message, to its end.
fn refused(name: &str) {
    let peer = connect(name);
    loop {
        let (data, fds, flags, _) = recv_fds(&peer, 64, 16, MsgFlag::NONE).expect("recv_fds");
        if data.is_empty() {
            return;
        }
        println!(
            "{} {} {}",
            String::from_utf8_lossy(&data),
            fds.len(),
            flags.contains(MSG_CTRUNC)
        );
        for fd in fds {
            capsock_guest::close(fd).expect("close");
        }
        peer.send(b"y").expect("send");
    }
}

/// Listens at a path, and sends what it accepted from back to the peer.
fn serve(path: &str) {
    let listener = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    listener.bind(path).expect("bind");
    listener.listen(1).expect("listen");
    println!("listening");
    let (connection, _) = listener.accept().expect("accept");
    println!("{}", outcome(pass(&connection, &[listener.fileno()])));
    let (_, fds, flags, _) = recv_fds(&connection, 8, 1, MsgFlag::NONE).expect("recv_fds");
    println!("{} {}", fds.len(), flags.contains(MSG_CTRUNC));
}

/// Over datagrams it is the path of the one that gets it that counts.
fn datagram(path: &str, other: &str) {
    let receiver = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    receiver.bind(path).expect("bind");
    let unheard = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    unheard.bind(other).expect("bind");
    let sender = Socket::new(AF_UNIX, SOCK_DGRAM).expect("socket");
    let passed = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    let fds = [passed.fileno()];
    for to in [path, other] {
        let sent = send_fds(&sender, &[b"x"], &fds, MsgFlag::NONE, Some(&to));
        println!("{}", outcome(sent));
    }
    sender.connect(path).expect("connect");
    println!("{}", outcome(pass(&sender, &fds)));
    println!("{}", take(&receiver, 1).len());
}
