//! What an attacker's guest tries: `attack CASE ARGS…` prints the name of the
//! errno that it fails with, or what it got. The rows of tests/attack/table.rs
//! say what that has to be.

#[path = "attack/files.rs"]
mod files;
#[path = "attack/harm.rs"]
mod harm;
#[path = "attack/kernel.rs"]
mod kernel;

use std::time::{Duration, Instant};

use capsock_guest::*;
use capsock_test_programs::{args, family_of};

fn main() {
    let args = args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        ["connect", proto, host, port] => outcome(connect(proto, (host, number(port)))),
        ["connect-bound", proto, host, port] => outcome(connect_bound(proto, (host, number(port)))),
        ["connect-name", name, port] => outcome(connect_name(name, number(port))),
        ["rebind", port] => rebind(number(port)),
        ["connect-unix", path] => outcome(connect_unix(path)),
        // No shell passes a NUL.
        ["connect-unix-nul", path] => outcome(connect_unix(&format!("{path}\0end"))),
        ["connect-unix-long", length] => outcome(connect_unix(&long_path(number(length)))),
        ["connect-unix-huge"] => outcome(connect_unix(&"/a".repeat(5 << 20))),
        ["connect-abstract", name] => outcome(connect_unix(&format!("\0{name}"))),
        ["send", host, port] => outcome(send(host, number(port))),
        ["send-connected", host, port, other, other_port] => outcome(send_connected(
            (host, number(port)),
            (other, number(other_port)),
        )),
        ["send-corked", proto, host, other] => outcome(send_corked(proto, host, other)),
        ["send-corked-given-up", host] => outcome(send_corked_given_up(host)),
        ["bind", proto, host, port] => outcome(bind(proto, (host, number(port))).map(drop)),
        ["listen", proto, host, port] => {
            outcome(bind(proto, (host, number(port))).and_then(|socket| socket.listen(1)))
        }
        ["listen-unbound", host] => {
            outcome(Socket::new(family_of(host), SOCK_STREAM).and_then(|socket| socket.listen(1)))
        }
        ["look-up", name] => look_up(name),
        ["look-up-long"] => look_up_long(),
        ["name-info", host] => name_info(host),
        ["host-by-address", host] => match gethostbyaddr(host) {
            Ok((name, _aliases, _addresses)) => name,
            Err(error) => outcome(Err(error)),
        },
        ["bind-packet", interface] => outcome(bind_packet(interface)),
        ["socket", family] => outcome(socket(family)),
        ["option", name] => outcome(option(name)),
        ["bind-to-device", name] => outcome(bind_to_device(name)),
        ["fast-open", host, port] => outcome(fast_open((host, number(port)))),
        ["take", path] => take(path),
        ["take-files", path] => files::take(path),
        ["launder", path] => files::launder(path),
        ["launder-own", file] => files::launder_own(file),
        ["pass-directory", directory] => files::pass_directory(directory),
        ["interface-addresses"] => outcome(getifaddrs().map(drop)),
        ["huge"] => huge(),
        ["huge-list"] => huge_list(),
        ["huge-message"] => huge_message(),
        ["huge-stream"] => huge_stream(),
        ["urgent"] => urgent(),
        ["exhaust"] => exhaust(),
        ["accept-exhausted"] => accept_exhausted(),
        ["poll-loop"] => poll_loop(),
        ["spin"] => spin(),
        ["wait"] => wait(),
        ["trap"] => panic!("on purpose"),
        ["closed"] => closed(),
        ["forged"] => forged(),
        ["foreign"] => foreign(),
        ["kernel", ..] => kernel::attempt(&args[1..]),
        _ => harm::attempt(&args).unwrap_or_else(|| panic!("no case {args:?}")),
    };
    println!("{outcome}");
}

fn number(text: &str) -> u16 {
    text.parse().expect("a number")
}

fn outcome(result: Result<()>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => error
            .name()
            .map_or_else(|| error.to_string(), str::to_owned),
    }
}

fn inet(proto: &str, host: &str) -> Result<Socket> {
    const UDPLITE: i32 = 136;
    let (kind, number) = match proto {
        "tcp" => (SOCK_STREAM, 0),
        "udp" => (SOCK_DGRAM, 0),
        "mptcp" => (SOCK_STREAM, IPPROTO_MPTCP),
        "udplite" => (SOCK_DGRAM, UDPLITE),
        _ => panic!("no protocol `{proto}`"),
    };
    Socket::with_proto(family_of(host), kind, number)
}

fn connect(proto: &str, to: (&str, u16)) -> Result<()> {
    let socket = inet(proto, to.0)?;
    socket.connect(to)?;
    socket.sendall(b"x")
}

/// As programs do that take a local address for everything: any, and any port.
fn connect_bound(proto: &str, to: (&str, u16)) -> Result<()> {
    let any = if family_of(to.0) == AF_INET6 {
        "::"
    } else {
        ""
    };
    let socket = bind(proto, (any, 0))?;
    assert_ne!(socket.getsockname()?.port(), Some(0));
    socket.connect(to)?;
    socket.sendall(b"x")
}

/// As programs do: each address of it in turn.
fn connect_name(name: &str, port: u16) -> Result<()> {
    create_connection((name, port), None, None)?.sendall(b"x")
}

/// The answer for the name is another one at the second look-up.
fn rebind(port: u16) -> String {
    let name = "rebind.example";
    [
        connect_name(name, port),
        connect_name(name, port),
        connect("tcp", ("9.9.9.9", port)),
        connect("tcp", ("127.0.0.1", port)),
    ]
    .map(outcome)
    .join(", ")
}

fn connect_unix(path: &str) -> Result<()> {
    Socket::new(AF_UNIX, SOCK_STREAM)?.connect(path)
}

fn long_path(length: u16) -> String {
    format!("/{}", "a".repeat(usize::from(length) - 1))
}

fn send(host: &str, port: u16) -> Result<()> {
    let socket = inet("udp", host)?;
    if family_of(host) == AF_INET {
        socket.setsockopt(SOL_SOCKET, SO_BROADCAST, 1)?;
    }
    socket.sendto(b"x", (host, port)).map(drop)
}

/// Connected to one peer, which is granted, to another one.
fn send_connected(peer: (&str, u16), other: (&str, u16)) -> Result<()> {
    let socket = inet("udp", peer.0)?;
    socket.connect(peer).expect("the peer is granted");
    socket.sendto(b"x", other).map(drop)
}

/// A datagram that is begun for one address and goes on for another.
fn send_corked(proto: &str, host: &str, other: &str) -> Result<()> {
    let socket = inet(proto, host)?;
    socket.sendto_flags(b"x", MSG_MORE, (host, 9))?;
    socket.sendto(b"x", (other, 9)).map(drop)
}

/// It goes on without an address, after its address was given up.
fn send_corked_given_up(host: &str) -> Result<()> {
    let socket = inet("udp", host)?;
    socket.sendto_flags(b"x", MSG_MORE, (host, 9))?;
    authority::limit(&["allow resolve a.example"]).expect("limit");
    socket.send(b"x").map(drop)
}

fn bind(proto: &str, to: (&str, u16)) -> Result<Socket> {
    let socket = inet(proto, to.0)?;
    socket.bind(to)?;
    Ok(socket)
}

fn look_up(name: &str) -> String {
    match getaddrinfo(name, 9, AF_UNSPEC, SOCK_STREAM, 0, 0) {
        Ok(_addresses) => "ok".to_owned(),
        Err(error) if error.gai_errno() == Some(EAI_NONAME) => "EAI_NONAME".to_owned(),
        Err(error) => outcome(Err(error)),
    }
}

/// The name of a numeric host, or that as text.
fn name_info(host: &str) -> String {
    let address = getaddrinfo(host, 9, AF_UNSPEC, SOCK_DGRAM, 0, AI_NUMERICHOST)
        .expect("an address")
        .remove(0);
    match getnameinfo(&address.sockaddr, 0) {
        Ok((host, _service)) => host,
        Err(error) => outcome(Err(error)),
    }
}

fn bind_packet(interface: &str) -> Result<()> {
    Socket::new(AF_PACKET, SOCK_RAW)?.bind((interface, 0))
}

/// More than a call may copy into the host, for each kind of name.
fn look_up_long() -> String {
    let long = "a".repeat(9 << 20);
    let no_host = getaddrinfo("127.0.0.1", long.as_str(), AF_UNSPEC, SOCK_STREAM, 0, 0);
    assert!(no_host.is_err());
    assert!(gethostbyname_ex(&long).is_err());
    assert!(getservbyname(&long, None).is_err());
    assert!(getservbyname("http", Some(&long)).is_err());
    assert!(getservbyport(80, Some(&long)).is_err());
    assert!(getprotobyname(&long).is_err());
    assert!(sethostname(&long).is_err());
    look_up(&long)
}

fn socket(family: &str) -> Result<()> {
    const ETH_P_ALL: i32 = 0x0300;
    let made = match family {
        "raw" => Socket::with_proto(AF_INET, SOCK_RAW, IPPROTO_ICMP),
        "packet" => Socket::with_proto(AF_PACKET, SOCK_RAW, ETH_P_ALL),
        "netlink" => Socket::with_proto(AF_NETLINK, SOCK_RAW, 0),
        _ => panic!("no family `{family}`"),
    };
    made.map(drop)
}

fn option(name: &str) -> Result<()> {
    const IP_FREEBIND: i32 = 15;
    const IP_TRANSPARENT: i32 = 19;
    const SO_ATTACH_FILTER: i32 = 26;
    const SO_MARK: i32 = 36;
    let socket = inet("udp", "127.0.0.1")?;
    match name {
        "so-bindtodevice" => socket.setsockopt_bytes(SOL_SOCKET, SO_BINDTODEVICE, b"lo"),
        "ip-transparent" => socket.setsockopt(IPPROTO_IP, IP_TRANSPARENT, 1),
        "ip-freebind" => socket.setsockopt(IPPROTO_IP, IP_FREEBIND, 1),
        "so-mark" => socket.setsockopt(SOL_SOCKET, SO_MARK, 7),
        "so-attach-filter" => socket.setsockopt_bytes(SOL_SOCKET, SO_ATTACH_FILTER, &[0; 16]),
        _ => panic!("no option `{name}`"),
    }
}

fn bind_to_device(name: &str) -> Result<()> {
    let socket = inet("udp", "127.0.0.1")?;
    socket.setsockopt_bytes(SOL_SOCKET, SO_BINDTODEVICE, name.as_bytes())
}

fn fast_open(to: (&str, u16)) -> Result<()> {
    let socket = inet("tcp", to.0)?;
    socket.sendto_flags(b"x", MSG_FASTOPEN, to).map(drop)
}

/// Two messages with descriptors.
fn take(path: &str) -> String {
    let socket = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    socket.connect(path).expect("connect");
    let mut messages = Vec::new();
    for _message in ["sockets", "a file"] {
        let (_data, fds, flags, _peer) =
            recv_fds(&socket, 1, 100, MsgFlag::NONE).expect("recv_fds");
        let cut = if flags.contains(MSG_CTRUNC) {
            " truncated"
        } else {
            ""
        };
        messages.push(format!("{}{cut}", fds.len()));
        for fd in fds {
            close(fd).expect("close");
        }
        // Only now is the next one sent, so that they are two.
        socket.sendall(b"x").expect("sendall");
    }
    messages.join(", ")
}

fn huge() -> String {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    one.sendall(b"x").expect("sendall");
    assert_eq!(other.recv(usize::MAX).expect("recv of all there is"), b"x");
    other
        .setsockopt(SOL_SOCKET, SO_RCVBUF, i32::MAX)
        .expect("it is cut");
    let room = other.getsockopt(SOL_SOCKET, SO_RCVBUF).expect("getsockopt");
    // Linux doubles what is asked for.
    assert!(room <= 2 * (4 << 20), "SO_RCVBUF is {room}");
    other.settimeout(Duration::ZERO).expect("a timeout of 0");
    assert!(
        other
            .recv(1)
            .expect_err("nothing is there")
            .is_would_block()
    );
    other
        .settimeout(Duration::from_nanos(u64::MAX))
        .expect("a timeout of 584 years");
    one.sendall(b"y").expect("sendall");
    assert_eq!(other.recv(1).expect("recv"), b"y");
    "bounded".to_owned()
}

/// 64 MiB in one datagram, which no kernel takes.
fn huge_list() -> String {
    let (one, _other) = socketpair(SOCK_DGRAM).expect("socketpair");
    outcome(one.send(&vec![0; 64 << 20]).map(drop))
}

/// The same in several buffers, and in more than the kernel takes.
fn huge_message() -> String {
    let (one, _other) = socketpair(SOCK_DGRAM).expect("socketpair");
    let large = vec![0; 5 << 20];
    let send =
        |buffers: &[&[u8]]| outcome(one.sendmsg(buffers, &[], MsgFlag::NONE, None).map(drop));
    let one_is_too_long = send(&[&large]);
    assert_eq!(send(&[&large, &large]), one_is_too_long);
    assert_eq!(send(&[&b"x"[..]; 1025]), one_is_too_long);
    one_is_too_long
}

/// A stream takes what fits, however much it is given.
fn huge_stream() -> String {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    one.setblocking(false).expect("setblocking");
    let data = vec![7; 64 << 20];
    let flags = capsock_guest::wit::SendFlags::empty();
    // Without the SDK, which hands over no more than it has to.
    let sent = one.as_resource().send(&data, flags).expect("what fits") as usize;
    assert!((1..data.len()).contains(&sent), "{sent}");
    let mut received = 0;
    while received < sent {
        received += other.recv(1 << 20).expect("recv").len();
    }
    let sent = one.sendmsg(&[&data[..100], &data], &[], MsgFlag::NONE, None);
    assert!(sent.expect("what fits") > 100);
    "what fits".to_owned()
}

/// FIONREAD counts urgent data of a Unix stream, which recv(2) does not give.
fn urgent() -> String {
    const MUCH: usize = 70_000;
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    match one.send_flags(b"!", MSG_OOB) {
        Ok(_) => {}
        // Before Linux 5.15.
        Err(error) => return outcome(Err(error)),
    }
    other.setblocking(false).expect("setblocking");
    assert!(other.recv(MUCH).expect_err("nothing else").is_would_block());
    one.send(b"data").expect("send");
    other.setblocking(true).expect("setblocking");
    assert_eq!(other.recv(MUCH).expect("recv"), b"data");
    "ok".to_owned()
}

/// Makes sockets until one fails.
fn fill() -> (Vec<Socket>, String) {
    let mut sockets = Vec::new();
    loop {
        match Socket::new(AF_INET, SOCK_DGRAM) {
            Ok(socket) => sockets.push(socket),
            Err(error) => return (sockets, outcome(Err(error))),
        }
    }
}

fn exhaust() -> String {
    fill().1
}

/// Accepts, where no descriptor is left for the connection that waits.
fn accept_exhausted() -> String {
    const TRIES: u32 = 10;
    let listener = bind("tcp", ("127.0.0.1", 0)).expect("bind");
    listener.listen(1).expect("listen");
    let client = inet("tcp", "127.0.0.1").expect("socket");
    client
        .connect(listener.getsockname().expect("getsockname"))
        .expect("connect");
    let (mut sockets, full) = fill();
    let start = Instant::now();
    for _try in 0..TRIES {
        // The host may have closed one of its own.
        sockets.extend(fill().0);
        let error = listener.accept().map(drop);
        assert_eq!(outcome(error), full);
    }
    // The host pauses for 10 ms each time.
    assert!(
        start.elapsed() >= Duration::from_millis(9) * TRIES,
        "it spins: {:?}",
        start.elapsed()
    );
    sockets.truncate(1);
    listener.accept().expect("there is room again");
    full
}

fn poll_loop() -> String {
    let (one, _other) = socketpair(SOCK_STREAM).expect("socketpair");
    let mut poll = Poll::new().expect("poll");
    poll.register(&one, POLLIN).expect("register");
    loop {
        assert!(poll.poll(Some(Duration::ZERO)).expect("poll").is_empty());
    }
}

fn spin() -> String {
    loop {
        std::hint::black_box(());
    }
}

fn wait() -> String {
    let (one, _other) = socketpair(SOCK_STREAM).expect("socketpair");
    outcome(one.recv(1).map(drop))
}

fn closed() -> String {
    let socket = inet("tcp", "127.0.0.1").expect("socket");
    socket.close().expect("close");
    // Another socket, which may well have the number of the closed one.
    let other = inet("udp", "127.0.0.1").expect("socket");
    let result = socket.sendto(b"x", ("127.0.0.1", 9)).map(drop);
    assert_eq!(other.getsockname().expect("getsockname").port(), Some(0));
    outcome(result)
}

/// A socket by a number that is none of this guest's handles.
fn forged() -> String {
    call_by_number(12345)
}

/// A socket by the number of another kind of handle.
fn foreign() -> String {
    let number = inet("tcp", "127.0.0.1")
        .expect("socket")
        .as_resource()
        .handle();
    // It takes the number that was just given back.
    let _poller = Poller::new().expect("poller");
    call_by_number(number)
}

#[allow(unsafe_code, reason = "an attacker's guest is not bound by its SDK")]
fn call_by_number(number: u32) -> String {
    // SAFETY: the memory of this guest is not at stake; that the host's is not
    // either is what is tried.
    let socket = unsafe { wit::Socket::from_handle(number) };
    format!("{:?}", socket.local_address())
}
