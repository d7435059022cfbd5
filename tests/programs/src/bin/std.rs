//! A program that knows nothing of capsock: `std::net` and what is on top of it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::process::exit;

pub(crate) fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["echo-server", address, count] => echo_server(address, number(count)),
        ["echo-client", address, length] => echo_client(address, number(length)),
        ["datagram-echo", address, count] => datagram_echo(address, number(count)),
        ["datagram-client", local, server, connected] => {
            datagram_client(local, server, connected == "connected")
        }
        ["look-up", name] => look_up(name),
        ["connect", ref addresses @ ..] => connect(addresses),
        ["options", address] => options(address),
        ["without-reading", address, length] => without_reading(address, number(length)),
        ["fill", address] => fill(address),
        _ => panic!("no case {args:?}"),
    };
    if let Err(error) = result {
        println!("{:?}", error.kind());
        exit(1);
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Answers so many connections, each to its end.
fn echo_server(address: &str, count: usize) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("port {}", listener.local_addr()?.port());
    for _connection in 0..count {
        let (mut stream, peer) = listener.accept()?;
        assert_eq!(stream.peer_addr()?, peer);
        let mut data = Vec::new();
        stream.read_to_end(&mut data)?;
        stream.write_all(&data)?;
        println!("{} bytes of {}", data.len(), peer.ip());
    }
    Ok(())
}

fn echo_client(address: &str, length: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    let data = pattern(length);
    stream.write_all(&data)?;
    stream.shutdown(Shutdown::Write)?;
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo)?;
    assert!(echo == data, "the echo differs");
    println!("{} bytes", echo.len());
    Ok(())
}

fn datagram_echo(address: &str, count: usize) -> io::Result<()> {
    let socket = UdpSocket::bind(address)?;
    println!("port {}", socket.local_addr()?.port());
    let mut buffer = [0; 2000];
    for _datagram in 0..count {
        let (length, sender) = socket.recv_from(&mut buffer)?;
        println!("{} bytes of {}", length, sender.ip());
        socket.send_to(&buffer[..length], sender)?;
    }
    Ok(())
}

fn datagram_client(local: &str, server: &str, connected: bool) -> io::Result<()> {
    let socket = UdpSocket::bind(local)?;
    let server: SocketAddr = server.parse().expect("an address");
    let mut buffer = [0; 2000];
    for length in [0, 1, 1400] {
        let data = pattern(length);
        let received = if connected {
            socket.connect(server)?;
            socket.send(&data)?;
            socket.recv(&mut buffer)?
        } else {
            socket.send_to(&data, server)?;
            let (received, sender) = socket.recv_from(&mut buffer)?;
            assert_eq!(sender, server);
            received
        };
        assert_eq!(buffer[..received], data);
    }
    println!("3 datagrams");
    Ok(())
}

fn look_up(name: &str) -> io::Result<()> {
    for address in (name, 80).to_socket_addrs()? {
        println!("{address}");
    }
    Ok(())
}

/// Says of each address, with a name or not, whom it reaches.
fn connect(addresses: &[&str]) -> io::Result<()> {
    for address in addresses {
        match TcpStream::connect(address) {
            Ok(stream) => println!("{address}: connected to {}", stream.peer_addr()?),
            Err(error) => println!("{address}: {:?}", error.kind()),
        }
    }
    Ok(())
}

fn options(address: &str) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_ttl(9)?;
    println!("ttl {}", stream.ttl()?);
    println!("local {}", stream.local_addr()?.ip());
    println!("peer {}", stream.peer_addr()?.ip());
    Ok(())
}

/// Sends more than the kernel keeps to a peer that does not read yet, and ends
/// at once.
fn without_reading(address: &str, length: usize) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(&pattern(length))
}

/// Connects until it cannot.
fn fill(address: &str) -> io::Result<()> {
    let mut streams = Vec::new();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => streams.push(stream),
            Err(error) => {
                println!("{} connections", streams.len());
                return Err(error);
            }
        }
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index * 31 + index / 251) as u8)
        .collect()
}
