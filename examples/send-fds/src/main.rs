//! `send_fds` and `recv_fds` of Python's socket documentation, over the path of
//! a Unix socket.
//!
//! `send-fds send PATH HOST PORT`: connects to HOST and PORT, and passes the
//! connection to whoever listens at PATH.
//! `send-fds receive PATH`: listens at PATH, and says hello on each connection
//! that it gets.

use std::error::Error;

use capsock_guest::{AF_UNIX, MsgFlag, SOCK_STREAM, Socket, create_connection};
use capsock_guest::{recv_fds, send_fds};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["send", path, host, port] => send(path, (host, port.parse()?)),
        ["receive", path] => receive(path),
        _ => Err("usage: send-fds send PATH HOST PORT | send-fds receive PATH".into()),
    }
}

fn send(path: &str, address: (&str, u16)) -> Result<(), Box<dyn Error>> {
    let connection = create_connection(address, None, None)?;
    let s = Socket::new(AF_UNIX, SOCK_STREAM)?;
    s.connect(path)?;
    let fds = [connection.fileno()];
    send_fds(&s, &[b"a connection"], &fds, MsgFlag::NONE, None)?;
    println!("Sent a connection to {}", connection.getpeername()?);
    Ok(())
}

fn receive(path: &str) -> Result<(), Box<dyn Error>> {
    let s = Socket::new(AF_UNIX, SOCK_STREAM)?;
    s.bind(path)?;
    s.listen(1)?;
    println!("Listening");
    let (conn, _) = s.accept()?;
    let (message, fds, _flags, _) = recv_fds(&conn, 1024, 4, MsgFlag::NONE)?;
    println!("Received '{}'", String::from_utf8_lossy(&message));
    for fd in fds {
        let connection = Socket::from_fileno(fd)?;
        println!("Connected to {}", connection.getpeername()?);
        connection.sendall(b"Hello, world")?;
    }
    Ok(())
}
