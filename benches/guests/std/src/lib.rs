//! The programs that are measured, on `std::net`. The same source runs as a
//! native program and, over wasi:sockets, as a guest.
//!
//! A program is the far end of the harness, which measures: it connects to it,
//! and ends when the harness closes the connection or sends a `q`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use rustix::event::{PollFd, PollFlags, poll};

/// A request and its answer, in bytes.
const REQUEST: usize = 64;

/// Runs the program that the first argument names.
///
/// # Errors
/// What the system reports, and an unknown program.
pub fn run(args: &[&str]) -> io::Result<()> {
    match *args {
        ["echo-tcp", address, size] => echo(connect(address)?, number(size)?),
        #[cfg(unix)]
        ["echo-unix", path, size] => echo(
            std::os::unix::net::UnixStream::connect(path)?,
            number(size)?,
        ),
        ["echo-udp", address, size] => echo_datagrams(address, number(size)?),
        ["sink", address, size, batch] => sink(connect(address)?, number(size)?, number(batch)?),
        ["source", address, size, batch] => {
            source(connect(address)?, number(size)?, number(batch)?)
        }
        ["accept", control] => accept(control),
        ["many", control] => many(control),
        ["send-file", address, path] => send_file(connect(address)?, path, |file, stream| {
            io::copy(file, stream).map(drop)
        }),
        ["copy-file", address, path] => send_file(connect(address)?, path, copy),
        _ => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("no program {args:?}"),
        )),
    }
}

fn number(text: &str) -> io::Result<usize> {
    text.parse().map_err(io::Error::other)
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn echo(mut stream: impl Read + Write, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}

fn echo_datagrams(address: &str, size: usize) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(address)?;
    let mut buffer = vec![0; size];
    socket.send(b"hello")?;
    loop {
        let count = socket.recv(&mut buffer)?;
        if buffer[..count] == *b"q" {
            return Ok(());
        }
        socket.send(&buffer[..count])?;
    }
}

/// Answers with one byte each time that a batch has come.
fn sink(mut stream: TcpStream, size: usize, batch: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    let mut left = batch;
    loop {
        match stream.read(&mut buffer[..size.min(left)])? {
            0 => return Ok(()),
            count => left -= count,
        }
        if left == 0 {
            stream.write_all(b"x")?;
            left = batch;
        }
    }
}

/// Sends a batch for each byte that it gets.
fn source(mut stream: TcpStream, size: usize, batch: usize) -> io::Result<()> {
    let data = vec![b'x'; size];
    while stream.read(&mut [0])? > 0 {
        let mut left = batch;
        while left > 0 {
            let piece = size.min(left);
            stream.write_all(&data[..piece])?;
            left -= piece;
        }
    }
    Ok(())
}

/// Listens, and tells the port over a connection to the harness.
fn listen(control: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    connect(control)?.write_all(format!("{port}\n").as_bytes())?;
    Ok(listener)
}

fn accept(control: &str) -> io::Result<()> {
    let listener = listen(control)?;
    let mut request = [0; REQUEST];
    while request[0] != b'q' {
        let (mut stream, _peer) = listener.accept()?;
        stream.read_exact(&mut request)?;
        stream.write_all(&request)?;
    }
    Ok(())
}

/// Echoes on many connections, found by `poll(2)`.
fn many(control: &str) -> io::Result<()> {
    let listener = listen(control)?;
    listener.set_nonblocking(true)?;
    let mut connections: HashMap<i32, TcpStream> = HashMap::new();
    let mut buffer = [0; REQUEST];
    loop {
        let sockets = std::iter::once(listener.as_fd());
        let sockets = sockets.chain(connections.values().map(AsFd::as_fd));
        let mut set: Vec<_> = sockets
            .map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN))
            .collect();
        poll(&mut set, None)?;
        let ready = set.iter().filter(|entry| !entry.revents().is_empty());
        let ready: Vec<i32> = ready.map(|entry| entry.as_fd().as_raw_fd()).collect();
        drop(set);
        for number in ready {
            let Some(connection) = connections.get_mut(&number) else {
                while let Some(connection) = accepted(&listener)? {
                    connections.insert(connection.as_raw_fd(), connection);
                }
                continue;
            };
            match connection.read(&mut buffer) {
                Ok(0) => _ = connections.remove(&number),
                Ok(_) if buffer[0] == b'q' => return Ok(()),
                Ok(count) => write_all(connection, &buffer[..count])?,
                // wasi:sockets says of some that they are ready which are not.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes all to a connection that does not block.
fn write_all(connection: &mut TcpStream, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        match connection.write(data) {
            Ok(count) => data = &data[count..],
            // A stream of wasi:sockets now and then takes nothing at first.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(connection, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn accepted(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((connection, _peer)) => {
            connection.set_nonblocking(true)?;
            Ok(Some(connection))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends the file once for each byte that it gets.
fn send_file(
    mut stream: TcpStream,
    path: &str,
    send: impl Fn(&mut File, &mut TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    while stream.read(&mut [0])? > 0 {
        send(&mut File::open(path)?, &mut stream)?;
    }
    Ok(())
}

fn copy(file: &mut File, stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}
