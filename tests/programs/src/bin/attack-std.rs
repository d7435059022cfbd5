//! The attack table over `std::net`, that is `wasi:sockets` 0.2: the cases of
//! `attack` that exist there, and nothing of capsock.

use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["connect", "tcp", host, port] => {
            TcpStream::connect(address(host, port)).and_then(|mut stream| stream.write_all(b"x"))
        }
        ["connect-name", name, port] => TcpStream::connect((name, port.parse().expect("a port")))
            .and_then(|mut stream| stream.write_all(b"x")),
        ["connect", "udp", host, port] => connect(address(host, port)),
        // Once no port is left for another socket of UDP.
        ["connect-without-ports", host, port] => {
            let peer = address(host, port);
            let _ports: Vec<UdpSocket> = std::iter::from_fn(|| unbound(peer).ok()).collect();
            TcpStream::connect(peer).map(drop)
        }
        ["send", host, port] => send(address(host, port)),
        // Listening is a part of it.
        ["bind" | "listen", "tcp", host, port] => TcpListener::bind(address(host, port)).map(drop),
        ["bind", "udp", host, port] => UdpSocket::bind(address(host, port)).map(drop),
        ["look-up-long"] => ("a".repeat(9 << 20).as_str(), 9)
            .to_socket_addrs()
            .map(drop),
        ["look-up", name] => (name, 9).to_socket_addrs().map(drop),
        ["trap"] => panic!("on purpose"),
        _ => panic!("no case {args:?}"),
    };
    println!("{}", outcome(&result));
}

fn address(host: &str, port: &str) -> SocketAddr {
    let ip = host.parse().expect("an address");
    SocketAddr::new(ip, port.parse().expect("a port"))
}

fn outcome(result: &io::Result<()>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => match error.kind() {
            ErrorKind::PermissionDenied => "EACCES".to_owned(),
            ErrorKind::InvalidInput => "EINVAL".to_owned(),
            _ if error.to_string().contains("lookup") => "EAI_NONAME".to_owned(),
            _ => error.to_string(),
        },
    }
}

/// A UDP socket of the family, bound as the kernel would by itself.
fn unbound(peer: SocketAddr) -> io::Result<UdpSocket> {
    match peer.ip() {
        IpAddr::V4(_) => UdpSocket::bind("0.0.0.0:0"),
        IpAddr::V6(_) => UdpSocket::bind("[::]:0"),
    }
}

fn connect(peer: SocketAddr) -> io::Result<()> {
    let socket = unbound(peer)?;
    socket.connect(peer)?;
    socket.send(b"x").map(drop)
}

fn send(peer: SocketAddr) -> io::Result<()> {
    unbound(peer)?.send_to(b"x", peer).map(drop)
}
