//! Goes up to its limits and beyond: `limits CASE [ARGS]`.

use std::hint::black_box;
use std::io::{Read, Write, stdin, stdout};
use std::time::{Duration, Instant};

use capsock_guest::wit::{Interest, Timeout};
use capsock_guest::*;
use capsock_test_programs::{args, tell_port};

const MIB: usize = 1 << 20;

fn main() {
    let args = args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["handles"] => handles(),
        ["receive"] => receive(),
        ["backlog", path] => backlog(path),
        ["buffers"] => buffers(),
        ["lookups", host] => lookups(host),
        ["timeouts"] => timeouts(),
        ["memory"] => memory(),
        ["sendall", port] => sendall(port.parse().expect("a port")),
        ["sendall-in-time"] => sendall_in_time(),
        ["copy", bytes] => copy(bytes.parse().expect("a number")),
        ["copy-parts"] => copy_parts(),
        ["claim"] => claim(),
        ["accept-all"] => accept_all(),
        ["spin"] => spin(),
        ["wait", what] => wait(what),
        ["soak", sockets] => soak(sockets.parse().expect("a number")),
        _ => panic!("no case {args:?}"),
    }
}

fn pair() -> (Socket, Socket) {
    socketpair(SOCK_STREAM).expect("socketpair")
}

fn datagram() -> Result<Socket> {
    Socket::new(AF_INET, SOCK_DGRAM)
}

fn name<T>(result: Result<T>) -> Option<&'static str> {
    result.err().and_then(|error| error.name())
}

/// Waits until the test lets it go on.
fn wait_for_test() {
    assert_eq!(stdin().read(&mut [0]).expect("a byte"), 1);
}

fn handles() {
    let mut sockets = Vec::new();
    while let Ok(socket) = datagram() {
        sockets.push(socket);
    }
    let count = sockets.len();
    assert_eq!(name(datagram()), Some("EMFILE"));
    assert_eq!(name(socketpair(SOCK_STREAM)), Some("EMFILE"));
    // A pollable takes two handles. Where there is one, it takes none.
    drop(sockets.pop());
    let refused = sockets[0].as_resource().subscribe(Interest::READABLE);
    assert!(refused.is_err());
    sockets.push(datagram().expect("the one handle"));
    assert_eq!(name(datagram()), Some("EMFILE"));
    drop(sockets);
    drop(pair());
    // Not before: to print takes a handle, and WASI has no error for it.
    println!("{count} sockets");
}

fn receive() {
    let (one, other) = pair();
    one.sendall(&[7; 100]).expect("sendall");
    let first = other.recv(usize::MAX).expect("recv").len();
    println!("recv {first}");
    let (data, ..) = other
        .recvmsg(usize::MAX, 0, MsgFlag::NONE)
        .expect("recvmsg");
    println!("recvmsg {}", data.len());
    let rest = 100 - first - data.len();
    let rest = other.recv_flags(rest, MSG_WAITALL).expect("recv");
    println!("waitall {}", rest.len());
}

fn backlog(path: &str) {
    let listener = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    listener.bind(path).expect("bind");
    listener.listen(i32::MAX).expect("listen");
    println!("listening");
    wait_for_test();
}

fn buffers() {
    let (one, _other) = pair();
    for option in [SO_SNDBUF, SO_RCVBUF] {
        one.setsockopt(SOL_SOCKET, option, i32::MAX)
            .expect("setsockopt");
        println!(
            "{}",
            one.getsockopt(SOL_SOCKET, option).expect("getsockopt")
        );
        assert_eq!(name(one.setsockopt(SOL_SOCKET, option, -1)), Some("EINVAL"));
    }
}

fn lookups(host: &str) {
    match getaddrinfo(host, 80, AF_UNSPEC, None, 0, 0) {
        Ok(answers) => println!("{} answers", answers.len()),
        Err(error) => println!("{error}"),
    }
}

fn timeouts() {
    let (one, other) = pair();
    one.as_resource()
        .set_timeout(Timeout::After(0))
        .expect("set_timeout");
    assert_eq!(name(one.recv(1)), Some("EAGAIN"));
    one.settimeout(Duration::from_nanos(1)).expect("settimeout");
    assert!(one.recv(1).expect_err("nothing comes").is_timeout());
    one.as_resource()
        .set_timeout(Timeout::After(u64::MAX))
        .expect("set_timeout");
    other.sendall(b"x").expect("sendall");
    assert_eq!(one.recv(1).expect("recv"), b"x");

    let mut poll = Poll::new().expect("poll");
    poll.register(&one, POLLIN).expect("register");
    assert!(poll.poll(Duration::ZERO).expect("poll").is_empty());
    other.sendall(b"x").expect("sendall");
    assert_eq!(poll.poll(Duration::MAX).expect("poll").len(), 1);
}

/// Takes all the memory that there is, and writes on it.
fn memory() {
    let mut taken: Vec<Vec<u8>> = Vec::with_capacity(1 << 16);
    loop {
        let mut more = Vec::new();
        if more.try_reserve_exact(MIB).is_err() {
            break;
        }
        more.resize(MIB, 1);
        taken.push(more);
    }
    // The host has none to give, and the guest is as it was.
    println!("{} MiB", taken.len());
    assert!(
        taken
            .iter()
            .all(|piece| piece.iter().all(|byte| *byte == 1))
    );
    taken.pop();
    drop(pair());
}

/// More than one call may copy.
fn sendall(port: u16) {
    let s = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    s.connect(("127.0.0.1", port)).expect("connect");
    let data = vec![1; 20 * MIB];
    s.sendall(&data).expect("sendall");
    s.settimeout(Duration::from_secs(3600)).expect("settimeout");
    s.sendall(&data).expect("sendall");
    assert_eq!(
        s.gettimeout().expect("gettimeout"),
        Some(Duration::from_secs(3600))
    );
    assert!((1..=data.len()).contains(&s.send(&data).expect("send")));
}

/// The timeout is the total, of many pieces too.
fn sendall_in_time() {
    let (one, _nobody_reads) = pair();
    let timeout = Duration::from_millis(50);
    one.settimeout(timeout).expect("settimeout");
    let start = Instant::now();
    assert!(
        one.sendall(&vec![0; 20 * MIB])
            .expect_err("it is full")
            .is_timeout()
    );
    assert!(start.elapsed() >= timeout);
    assert_eq!(one.gettimeout().expect("gettimeout"), Some(timeout));
}

/// Hands that many bytes to the host in one call.
fn copy(bytes: usize) {
    let (one, _other) = socketpair(SOCK_DGRAM).expect("socketpair");
    println!("{:?}", name(one.send(&vec![0; bytes])));
}

/// One call whose every part is small enough.
fn copy_parts() {
    let (one, _other) = pair();
    let part = vec![0; MIB];
    println!("copying");
    drop(one.sendmsg(&[&part[..]; 100], &[], MsgFlag::NONE, None));
}

/// Claims that a list has 2^32 - 1 bytes.
#[allow(
    unsafe_code,
    reason = "safe code has no way to claim what is not there"
)]
fn claim() {
    #[cfg(target_family = "wasm")]
    #[link(wasm_import_module = "capsock:sockets/socket@0.1.0")]
    unsafe extern "C" {
        #[link_name = "[method]socket.send"]
        fn send(socket: u32, data: *const u8, length: usize, flags: u32, result: *mut u8);
    }
    /// There is no host to link with, only a check of the types.
    #[cfg(not(target_family = "wasm"))]
    unsafe fn send(_: u32, _: *const u8, _: usize, _: u32, _: *mut u8) {}

    let (one, _other) = pair();
    let mut result = [0; 16];
    println!("claiming");
    // SAFETY: the host is what is tested: it must read nothing out of bounds.
    unsafe {
        send(
            one.as_resource().handle(),
            result.as_ptr(),
            usize::MAX,
            0,
            result.as_mut_ptr(),
        );
    }
}

/// Accepts until the host has no descriptors, then for a second more.
fn accept_all() {
    let listener = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    listener.bind(("127.0.0.1", 0)).expect("bind");
    listener.listen(128).expect("listen");
    tell_port(&listener);
    let mut accepted = Vec::new();
    let mut refusals = 0;
    let mut end = None;
    while end.is_none_or(|end| Instant::now() < end) {
        match listener.accept() {
            Ok((connection, _peer)) => accepted.push(connection),
            Err(error) => {
                assert_eq!(error.name(), Some("EMFILE"));
                refusals += 1;
                end.get_or_insert(Instant::now() + Duration::from_secs(1));
            }
        }
    }
    println!("accepted {}", accepted.len());
    println!("refusals {refusals}");
    accepted.truncate(1);
    let (_connection, _peer) = listener.accept().expect("there is room again");
}

fn spin() {
    println!("spinning");
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Waits in a call for what never comes.
fn wait(what: &str) {
    println!("waiting");
    let (one, other) = pair();
    match what {
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "recv" => drop(one.recv(1)),
        // Once it has received a few times it waits in the kernel.
        "recv-again" => {
            for _byte in 0..5 {
                other.sendall(b"x").expect("sendall");
                one.recv(1).expect("recv");
            }
            drop(one.recv(1));
        }
        "sendall" => drop(one.sendall(&vec![0; 8 * MIB])),
        "poll" => {
            let mut poll = Poll::new().expect("poll");
            poll.register(&one, POLLIN).expect("register");
            drop(poll.poll(None));
        }
        "stdin" => drop(stdin().read(&mut [0])),
        // Nobody reads it.
        "stdout" => loop {
            stdout().write_all(&[b'x'; 4096]).expect("write");
        },
        "calls" => loop {
            drop(one.getsockname());
        },
        _ => panic!("no case `{what}`"),
    }
    unreachable!("the call was to wait forever");
}

/// Opens, uses and drops sockets, some of them first so that the host has what
/// it keeps.
fn soak(sockets: usize) {
    let listener = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    listener.bind(("127.0.0.1", 0)).expect("bind");
    listener.listen(16).expect("listen");
    let address = listener.getsockname().expect("getsockname");
    let use_some = |sockets: usize| (0..sockets / 10).for_each(|_| use_ten(&listener, &address));
    use_some(1000);
    println!("start");
    wait_for_test();
    use_some(sockets);
    println!("end");
    wait_for_test();
}

fn use_ten(listener: &Socket, address: &Address) {
    // Three TCP connections: six sockets.
    for _ in 0..3 {
        let client = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
        client.connect(address).expect("connect");
        let (server, _peer) = listener.accept().expect("accept");
        // A registration with the host's reactor.
        let pollable = server
            .as_resource()
            .subscribe(Interest::READABLE)
            .expect("subscribe");
        assert!(!pollable.ready());
        client.sendall(b"ping").expect("sendall");
        assert_eq!(server.recv(16).expect("recv"), b"ping");
        server.sendall(b"pong").expect("sendall");
        assert_eq!(client.recv(16).expect("recv"), b"pong");
        // A reset: there are fewer ports than connections to leave in TIME-WAIT.
        client
            .setsockopt_bytes(SOL_SOCKET, SO_LINGER, &[1, 0, 0, 0, 0, 0, 0, 0])
            .expect("linger");
        client.close().expect("close");
        assert_eq!(name(server.recv(16)), Some("ECONNRESET"));
    }
    let (one, other) = pair();
    let again = one.dup().expect("dup");
    one.sendall(b"ping").expect("sendall");
    let pollable = other
        .as_resource()
        .subscribe(Interest::READABLE)
        .expect("subscribe");
    pollable.block();
    assert_eq!(other.recv(16).expect("recv"), b"ping");
    drop(pollable);
    let datagrams = datagram().expect("socket");
    datagrams.bind(("127.0.0.1", 0)).expect("bind");
    let to = datagrams.getsockname().expect("getsockname");
    datagrams.sendto(b"ping", &to).expect("sendto");
    assert_eq!(datagrams.recvfrom(16).expect("recvfrom").0, b"ping");
    drop((one, other, again));
}
