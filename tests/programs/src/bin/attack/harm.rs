//! What would harm the host: more of its memory, descriptors, time or files than
//! a guest may have.

#[allow(
    clippy::same_length_and_capacity,
    reason = "the generated code makes vectors of raw parts, in edition 2024"
)]
mod wit {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package test:harm;
            world harm {
                import wasi:io/poll@0.2.12;
                import wasi:clocks/monotonic-clock@0.2.12;
                import capsock:sockets/socket@0.1.0;
                import capsock:sockets/interfaces@0.1.0;
                import capsock:sockets/authority@0.1.0;
                import capsock:sockets/options@0.1.0;
            }
        ",
        world: "test:harm/harm",
        generate_all,
    });
}

use capsock_guest::*;

use wit::capsock::sockets::socket::{Interest, Socket as HostSocket};
use wit::capsock::sockets::types::{self, InetAddress};
use wit::capsock::sockets::{authority, interfaces};
use wit::wasi::clocks0_2_12::monotonic_clock::subscribe_duration;
use wit::wasi::io::poll::poll;

use super::outcome;

/// Text that takes long to look at.
const HUGE: usize = 7 << 20;

/// `None` for no case of these.
pub(crate) fn attempt(args: &[&str]) -> Option<String> {
    Some(match args {
        ["huge-text"] => huge_text(),
        ["huge-names"] => huge_names(),
        ["huge-rules"] => huge_rules(),
        ["huge-control"] => huge_control(),
        ["huge-passed"] => huge_passed(),
        ["pollables"] => pollables(),
        ["buffers"] => buffers(),
        ["buffers-accepted"] => buffers_accepted(),
        ["buffers-passed"] => buffers_passed(),
        ["buffers-by-themselves"] => buffers_by_themselves(),
        ["socket-files", directory] => socket_files(directory),
        _ => return None,
    })
}

/// Where an option takes text, it is refused before it is judged.
fn huge_text() -> String {
    let socket = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    let text = vec![b'x'; HUGE];
    let by_name = socket.setsockopt_bytes(SOL_SOCKET, SO_BINDTODEVICE, &text);
    let algorithm = socket.setsockopt_bytes(IPPROTO_TCP, TCP_CONGESTION, &text);
    let by_number = socket.setsockopt_bytes(SOL_SOCKET, SO_LINGER, &text);
    let results = [by_name, algorithm, by_number].map(outcome);
    results.join(", ")
}

/// In every address that has text.
fn huge_names() -> String {
    let text = || "x".repeat(HUGE);
    let unix = types::UnixAddress::Pathname(vec![b'/'; HUGE]);
    let hidden = types::UnixAddress::Abstract(vec![b'/'; HUGE]);
    let results = [unix, hidden].map(|address| {
        let address = types::Address::Unix(address);
        let (unix, stream) = (types::AddressFamily::Unix, types::SocketType::Stream);
        match HostSocket::create(unix, stream, 0).and_then(|socket| socket.bind(&address)) {
            Ok(()) => "ok".to_owned(),
            Err(code) => code.name().to_owned(),
        }
    });
    let interface = match interfaces::name_to_index(&text()) {
        Ok(index) => index.to_string(),
        Err(code) => code.name().to_owned(),
    };
    format!("{}, {interface}", results.join(", "))
}

fn huge_rules() -> String {
    let many = vec![String::new(); 100_000];
    let limit = authority::limit(&many).expect_err("more than may be");
    let long = authority::limit(&["x".repeat(HUGE)]).expect_err("longer than may be");
    let may = authority::may("connect", &"x".repeat(HUGE)).expect_err("longer than may be");
    let cut = &may[..may.len().min(50)];
    format!("{limit:?}, {long:?}, {cut}")
}

fn huge_control() -> String {
    let socket = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    let item = (IPPROTO_IP, IP_TTL, 1_i32.to_ne_bytes().to_vec());
    let control = vec![item; 120_000];
    outcome(
        socket
            .sendmsg(&[b"x"], &control, MsgFlag::NONE, None)
            .map(drop),
    )
}

fn huge_passed() -> String {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let number = other.fileno().to_ne_bytes();
    let control = [(SOL_SOCKET, SCM_RIGHTS, number.repeat(100_000))];
    outcome(
        one.sendmsg(&[b"x"], &control, MsgFlag::NONE, None)
            .map(drop),
    )
}

/// Waits for few sockets by many pollables, where the host needs another view of
/// each: of one that was hung up before it was connected.
fn pollables() -> String {
    const CLIENTS: usize = 10;
    const EACH: usize = 90;
    const TIME: u64 = 1_000_000_000;
    let listener = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    listener.bind(("127.0.0.1", 0)).expect("bind");
    listener.listen(16).expect("listen");
    let port = listener.getsockname().expect("getsockname").port();
    let to = types::Address::Inet(InetAddress {
        port: port.expect("a port"),
        address: (127, 0, 0, 1),
    });
    let clients: Vec<HostSocket> = (0..CLIENTS)
        .map(|_| {
            let (inet, stream) = (types::AddressFamily::Inet, types::SocketType::Stream);
            let client = HostSocket::create(inet, stream, 0).expect("socket");
            client
                .subscribe(Interest::READABLE)
                .expect("subscribe")
                .block();
            client.connect(&to).expect("connect");
            client
        })
        .collect();
    let subscribe = |client: &HostSocket| client.subscribe(Interest::READABLE).expect("subscribe");
    let mut all: Vec<_> = (0..EACH)
        .flat_map(|_| clients.iter().map(subscribe))
        .collect();
    let time = subscribe_duration(TIME);
    let end = u32::try_from(all.len()).expect("few");
    all.push(time);
    println!("waiting");
    match poll(&all.iter().collect::<Vec<_>>())[..] {
        [ready] if ready == end => "waits".to_owned(),
        ref ready => format!("{} are ready", ready.len()),
    }
}

/// What the kernel gives a socket by itself.
const GIVEN: i32 = 212_992;

/// How much more than it gives by itself.
fn more(socket: &Socket) -> i64 {
    [SO_SNDBUF, SO_RCVBUF]
        .map(|option| {
            let size = socket.getsockopt(SOL_SOCKET, option).expect("getsockopt");
            i64::from((size - GIVEN).max(0))
        })
        .iter()
        .sum()
}

fn enlarge(socket: &Socket) {
    for option in [SO_SNDBUF, SO_RCVBUF] {
        socket
            .setsockopt(SOL_SOCKET, option, 4 << 20)
            .expect("it is cut");
    }
}

fn within_budget<'a>(sockets: impl IntoIterator<Item = &'a Socket>) -> bool {
    sockets.into_iter().map(more).sum::<i64>() <= 64 << 20
}

fn buffers() -> String {
    let datagram = |_| Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    let mut sockets: Vec<Socket> = (0..500).map(datagram).collect();
    sockets.iter().for_each(enlarge);
    let bounded = within_budget(&sockets);
    let used = more(&sockets[0]) > 0;
    // What a socket has is given back with it, and by a smaller size.
    let left = sockets.pop().expect("some");
    assert_eq!(more(&left), 0, "nothing was left for it");
    sockets.remove(0).close().expect("close");
    enlarge(&left);
    let given_back = more(&left) > 0;
    for option in [SO_SNDBUF, SO_RCVBUF] {
        let smaller = left.setsockopt(SOL_SOCKET, option, 1 << 14);
        smaller.expect("setsockopt");
    }
    let last = sockets.last().expect("some");
    enlarge(last);
    let given_back = given_back && more(last) > 0;
    bounded_if(bounded && used && given_back)
}

fn bounded_if(is: bool) -> String {
    match is {
        true => "bounded",
        false => "not bounded",
    }
    .to_owned()
}

/// Connections have the buffers of their listener, also those that wait to be
/// accepted.
fn buffers_accepted() -> String {
    const CONNECTIONS: usize = 100;
    let listener = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    enlarge(&listener);
    let alone = more(&listener);
    listener.bind(("127.0.0.1", 0)).expect("bind");
    listener.listen(127).expect("listen");
    let queued = more(&listener) * 128 <= 64 << 20;
    listener.listen(0).expect("listen");
    enlarge(&listener);
    let to = listener.getsockname().expect("getsockname");
    let mut sockets = vec![];
    for _connection in 0..CONNECTIONS {
        let client = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
        client.connect(&to).expect("connect");
        sockets.push(listener.accept().expect("accept").0);
        sockets.push(client);
    }
    let accepted = sockets.iter().step_by(2).chain([&listener]);
    // What the kernel sizes by itself is not counted.
    let option = |socket: &Socket| {
        socket
            .getsockopt(SOL_SOCKET, SO_RCVBUF)
            .expect("getsockopt")
    };
    let received: i64 = accepted
        .map(|socket| i64::from((option(socket) - GIVEN).max(0)))
        .sum();
    bounded_if(alone > 0 && queued && received <= 64 << 20)
}

/// What is in flight is still there, and what is received counts.
fn buffers_passed() -> String {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    for _socket in 0..20 {
        let socket = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
        enlarge(&socket);
        let number = socket.fileno().to_ne_bytes().to_vec();
        let sent = one.sendmsg(
            &[b"x"],
            &[(SOL_SOCKET, SCM_RIGHTS, number)],
            MsgFlag::NONE,
            None,
        );
        sent.expect("sendmsg");
        socket.close().expect("close");
    }
    let late = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    enlarge(&late);
    let full = more(&late) == 0;
    // With the pair, what is in flight is closed.
    drop((one, other));
    enlarge(&late);
    bounded_if(full && more(&late) > 0)
}

/// A peer that takes nothing: by itself the kernel would take 4 MiB for it.
fn buffers_by_themselves() -> String {
    let listener = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    listener.bind(("127.0.0.1", 0)).expect("bind");
    listener.listen(1).expect("listen");
    let client = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
    client
        .connect(listener.getsockname().expect("getsockname"))
        .expect("connect");
    let (server, _) = listener.accept().expect("accept");
    for socket in [&client, &server] {
        socket
            .setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0)
            .expect("it is cut");
    }
    let data = vec![0; 1 << 16];
    let taken = [client, server].map(|socket| {
        socket.setblocking(false).expect("setblocking");
        let sent = || socket.send(&data).ok();
        std::iter::from_fn(sent).sum::<usize>()
    });
    bounded_if(taken.iter().all(|taken| *taken < 3 << 19))
}

/// Files of sockets stay when the sockets are closed.
fn socket_files(directory: &str) -> String {
    let path = |number: usize| format!("{directory}/harm-{number}");
    let bind = |number| Socket::new(AF_UNIX, SOCK_DGRAM)?.bind(path(number).as_str());
    let mut made = 0;
    let error = loop {
        match bind(made) {
            Ok(()) if made < 5000 => made += 1,
            result => break outcome(result),
        }
    };
    // To remove one makes room for one.
    unlink_unix(path(0)).expect("unlink");
    let again = outcome(bind(0));
    let more = outcome(bind(made));
    for number in 0..made {
        unlink_unix(path(number)).expect("unlink");
    }
    format!("{made}, {error}, {again}, {more}")
}
