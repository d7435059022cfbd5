//! The programs that are measured, on the SDK: those of `bench-std`, with the
//! poller of the host and its `sendfile`, and a loop of a cheap call.

use std::collections::HashMap;
use std::io::{Read, Write};

use capsock_guest::{
    AF_INET, AF_UNIX, Error, File, IPPROTO_TCP, POLLIN, Poller, SOCK_DGRAM, SOCK_STREAM, Socket,
    TCP_NODELAY, Trigger,
};

/// A request and its answer, in bytes.
const REQUEST: usize = 64;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args.as_slice() {
        ["echo-tcp", address, size] => echo(&connect(address)?, size.parse()?),
        ["echo-unix", path, size] => {
            let socket = Socket::new(AF_UNIX, SOCK_STREAM)?;
            socket.connect(path)?;
            echo(&socket, size.parse()?)
        }
        ["echo-udp", address, size] => echo_datagrams(address, size.parse()?),
        ["sink", address, size, batch] => sink(&connect(address)?, size.parse()?, batch.parse()?),
        ["source", address, size, batch] => {
            source(&connect(address)?, size.parse()?, batch.parse()?)
        }
        ["accept", control] => accept(control),
        ["many", control] => many(control),
        ["send-file", address, path] => send_file(&connect(address)?, path, |file, socket| {
            socket.sendfile(file, 0, None)?;
            Ok(())
        }),
        ["copy-file", address, path] => send_file(&connect(address)?, path, copy),
        ["calls", address, count] => calls(&connect(address)?, count.parse()?),
        _ => Err(format!("no program {args:?}").into()),
    }
}

fn endpoint(address: &str) -> Result<(&str, u16)> {
    let (host, port) = address
        .rsplit_once(':')
        .ok_or("an address without a port")?;
    Ok((host, port.parse()?))
}

fn connect(address: &str) -> Result<Socket> {
    let socket = Socket::new(AF_INET, SOCK_STREAM)?;
    socket.connect(endpoint(address)?)?;
    socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)?;
    Ok(socket)
}

fn echo(socket: &Socket, size: usize) -> Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match socket.recv_into(&mut buffer)? {
            0 => return Ok(()),
            count => socket.sendall(&buffer[..count])?,
        }
    }
}

fn echo_datagrams(address: &str, size: usize) -> Result<()> {
    let socket = Socket::new(AF_INET, SOCK_DGRAM)?;
    socket.connect(endpoint(address)?)?;
    let mut buffer = vec![0; size];
    socket.send(b"hello")?;
    loop {
        let count = socket.recv_into(&mut buffer)?;
        if buffer[..count] == *b"q" {
            return Ok(());
        }
        socket.send(&buffer[..count])?;
    }
}

/// Answers with one byte each time that a batch has come.
fn sink(socket: &Socket, size: usize, batch: usize) -> Result<()> {
    let mut buffer = vec![0; size];
    let mut left = batch;
    loop {
        match socket.recv_into(&mut buffer[..size.min(left)])? {
            0 => return Ok(()),
            count => left -= count,
        }
        if left == 0 {
            socket.sendall(b"x")?;
            left = batch;
        }
    }
}

/// Sends a batch for each byte that it gets.
fn source(socket: &Socket, size: usize, batch: usize) -> Result<()> {
    let data = vec![b'x'; size];
    while socket.recv_into(&mut [0])? > 0 {
        let mut left = batch;
        while left > 0 {
            let piece = size.min(left);
            socket.sendall(&data[..piece])?;
            left -= piece;
        }
    }
    Ok(())
}

/// Listens, and tells the port over a connection to the harness.
fn listen(control: &str) -> Result<Socket> {
    let listener = Socket::new(AF_INET, SOCK_STREAM)?;
    listener.bind(("127.0.0.1", 0))?;
    listener.listen(None)?;
    let port = listener.getsockname()?.port().ok_or("no port")?;
    connect(control)?.sendall(format!("{port}\n").as_bytes())?;
    Ok(listener)
}

fn accept(control: &str) -> Result<()> {
    let listener = listen(control)?;
    let mut request = [0; REQUEST];
    while request[0] != b'q' {
        let (mut connection, _peer) = listener.accept()?;
        connection.read_exact(&mut request)?;
        connection.write_all(&request)?;
    }
    Ok(())
}

/// Echoes on many connections, found by the host's poller.
fn many(control: &str) -> Result<()> {
    let listener = listen(control)?;
    listener.setblocking(false)?;
    let poller = Poller::new()?;
    poller.register(&listener, POLLIN, Trigger::Level)?;
    let mut connections: HashMap<i32, Socket> = HashMap::new();
    let mut buffer = [0; REQUEST];
    loop {
        for (number, _events) in poller.wait(64, None)? {
            let Some(connection) = connections.get(&number) else {
                while let Some(connection) = accepted(&listener)? {
                    poller.register(&connection, POLLIN, Trigger::Level)?;
                    connections.insert(connection.fileno(), connection);
                }
                continue;
            };
            match connection.recv_into(&mut buffer)? {
                0 => _ = connections.remove(&number),
                _ if buffer[0] == b'q' => return Ok(()),
                count => connection.sendall(&buffer[..count])?,
            }
        }
    }
}

fn accepted(listener: &Socket) -> std::result::Result<Option<Socket>, Error> {
    match listener.accept() {
        Ok((connection, _peer)) => Ok(Some(connection)),
        Err(error) if error.name() == Some("EAGAIN") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends the file once for each byte that it gets.
fn send_file(
    socket: &Socket,
    path: &str,
    send: impl Fn(&mut File, &Socket) -> Result<()>,
) -> Result<()> {
    while socket.recv_into(&mut [0])? > 0 {
        send(&mut File::open(path)?, socket)?;
    }
    Ok(())
}

fn copy(file: &mut File, socket: &Socket) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => socket.sendall(&buffer[..count])?,
        }
    }
}

/// Makes the cheapest call so many times for each byte that it gets.
fn calls(socket: &Socket, count: usize) -> Result<()> {
    while socket.recv_into(&mut [0])? > 0 {
        for _ in 0..count {
            std::hint::black_box(socket.gettimeout()?);
        }
        socket.sendall(b"x")?;
    }
    Ok(())
}
