//! The programs on tokio, and those that need more of the system than `std`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpListener as StdListener;
use std::net::TcpStream as StdStream;
use std::os::fd::{AsFd, AsRawFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};

/// A request and its answer, in bytes.
const REQUEST: usize = 64;

/// Runs the program of this name on `std`, with what Linux has besides.
pub(crate) fn run(args: &[&str]) -> io::Result<()> {
    match *args {
        ["many", control] => many(control),
        ["send-file", address, path] => send_file(address, path),
        _ => bench_std::run(args),
    }
}

/// Runs the program of this name on tokio, with one thread.
pub(crate) fn run_on_tokio(args: &[&str]) -> io::Result<()> {
    crate::guest::runtime()?.block_on(async {
        match *args {
            ["echo-tcp", address, size] => echo(connect(address).await?, number(size)?).await,
            ["echo-unix", path, size] => {
                echo(UnixStream::connect(path).await?, number(size)?).await
            }
            ["echo-udp", address, size] => echo_datagrams(address, number(size)?).await,
            ["sink", address, size, batch] => {
                sink(connect(address).await?, number(size)?, number(batch)?).await
            }
            ["source", address, size, batch] => {
                source(connect(address).await?, number(size)?, number(batch)?).await
            }
            ["accept", control] => accept(control).await,
            ["many", control] => many_tasks(control).await,
            _ => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "tokio has nothing of its own for it",
            )),
        }
    })
}

fn number(text: &str) -> io::Result<usize> {
    text.parse().map_err(io::Error::other)
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, size: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

async fn echo_datagrams(address: &str, size: usize) -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(address).await?;
    let mut buffer = vec![0; size];
    socket.send(b"hello").await?;
    loop {
        let count = socket.recv(&mut buffer).await?;
        if buffer[..count] == *b"q" {
            return Ok(());
        }
        socket.send(&buffer[..count]).await?;
    }
}

async fn sink(mut stream: TcpStream, size: usize, batch: usize) -> io::Result<()> {
    let mut buffer = vec![0; size];
    let mut left = batch;
    loop {
        match stream.read(&mut buffer[..size.min(left)]).await? {
            0 => return Ok(()),
            count => left -= count,
        }
        if left == 0 {
            stream.write_all(b"x").await?;
            left = batch;
        }
    }
}

async fn source(mut stream: TcpStream, size: usize, batch: usize) -> io::Result<()> {
    let data = vec![b'x'; size];
    while stream.read(&mut [0]).await? > 0 {
        let mut left = batch;
        while left > 0 {
            let piece = size.min(left);
            stream.write_all(&data[..piece]).await?;
            left -= piece;
        }
    }
    Ok(())
}

async fn listen(control: &str) -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let mut control = connect(control).await?;
    control.write_all(format!("{port}\n").as_bytes()).await?;
    Ok(listener)
}

async fn accept(control: &str) -> io::Result<()> {
    let listener = listen(control).await?;
    let mut request = [0; REQUEST];
    while request[0] != b'q' {
        let (mut stream, _peer) = listener.accept().await?;
        stream.read_exact(&mut request).await?;
        stream.write_all(&request).await?;
    }
    Ok(())
}

/// Echoes on many connections, each in a task.
async fn many_tasks(control: &str) -> io::Result<()> {
    let listener = listen(control).await?;
    let (quit, mut quits) = tokio::sync::mpsc::channel::<()>(1);
    let accept = async {
        loop {
            let (mut connection, _peer) = listener.accept().await?;
            let quit = quit.clone();
            tokio::spawn(async move {
                let mut buffer = [0; REQUEST];
                while let Ok(count @ 1..) = connection.read(&mut buffer).await {
                    if buffer[0] == b'q' {
                        _ = quit.try_send(());
                    }
                    if connection.write_all(&buffer[..count]).await.is_err() {
                        break;
                    }
                }
            });
        }
    };
    tokio::select! {
        result = accept => result,
        _ = quits.recv() => Ok(()),
    }
}

/// Echoes on many connections, found by epoll(7).
fn many(control: &str) -> io::Result<()> {
    let listener = StdListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    StdStream::connect(control)?.write_all(format!("{port}\n").as_bytes())?;
    listener.set_nonblocking(true)?;
    let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let add = |socket: &dyn Numbered| {
        let key = epoll::EventData::new_u64(socket.as_raw_fd() as u64);
        epoll::add(&set, socket.as_fd(), key, epoll::EventFlags::IN)
    };
    add(&listener)?;
    let mut connections: HashMap<u64, StdStream> = HashMap::new();
    let mut events: Vec<epoll::Event> = Vec::with_capacity(64);
    let mut buffer = [0; REQUEST];
    loop {
        events.clear();
        epoll::wait(&set, spare_capacity(&mut events), None)?;
        for event in &events {
            let number = event.data.u64();
            let Some(connection) = connections.get_mut(&number) else {
                while let Some(connection) = accepted(&listener)? {
                    add(&connection)?;
                    connections.insert(connection.as_raw_fd() as u64, connection);
                }
                continue;
            };
            match connection.read(&mut buffer)? {
                0 => _ = connections.remove(&number),
                _ if buffer[0] == b'q' => return Ok(()),
                count => connection.write_all(&buffer[..count])?,
            }
        }
    }
}

trait Numbered: AsFd + AsRawFd {}
impl<T: AsFd + AsRawFd> Numbered for T {}

fn accepted(listener: &StdListener) -> io::Result<Option<StdStream>> {
    match listener.accept() {
        Ok((connection, _peer)) => Ok(Some(connection)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// sendfile(2), once for each byte that it gets.
fn send_file(address: &str, path: &str) -> io::Result<()> {
    let mut stream = StdStream::connect(address)?;
    stream.set_nodelay(true)?;
    while stream.read(&mut [0])? > 0 {
        let file = File::open(path)?;
        let mut offset = 0;
        while rustix::fs::sendfile(&stream, &file, Some(&mut offset), 1 << 30)? > 0 {}
    }
    Ok(())
}
