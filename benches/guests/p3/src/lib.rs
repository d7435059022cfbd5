//! The programs that are measured, on wasi:sockets 0.3: those of `bench-std` that
//! it has sockets for, as tasks that read and write streams.

// Its export is none that other linkers have a name for.
#![cfg(target_family = "wasm")]

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        inline: "
            package bench:p3;
            world command {
                import wasi:sockets/types@0.3.0;
                export wasi:cli/run@0.3.0;
            }
            package wasi:cli@0.3.0 {
                interface run {
                    run: async func() -> result;
                }
            }
        ",
        world: "bench:p3/command",
        generate_all,
    });
}

use std::fmt::Debug;
use std::net::SocketAddrV4;
use std::num::ParseIntError;
use std::pin::pin;

use bindings::exports::wasi::cli::run::Guest;
use bindings::wasi::sockets0_3_0::types::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket, UdpSocket,
};
use bindings::wit_stream;
use futures::channel::mpsc;
use futures::future::{Either, select};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};

/// A request and its answer, in bytes.
const REQUEST: usize = 64;

struct Command;

#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Command, bindings};
    bindings::export!(Command with_types_in bindings);
}

impl Guest for Command {
    async fn run() -> std::result::Result<(), ()> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        run(&args)
            .await
            .map_err(|error| eprintln!("{args:?}: {error:?}"))
    }
}

#[derive(Debug)]
enum Error {
    Socket(#[expect(dead_code, reason = "printed")] ErrorCode),
    Argument(#[expect(dead_code, reason = "printed")] String),
}

impl From<ErrorCode> for Error {
    fn from(error: ErrorCode) -> Self {
        Self::Socket(error)
    }
}

impl From<ParseIntError> for Error {
    fn from(error: ParseIntError) -> Self {
        Self::Argument(error.to_string())
    }
}

type Result<T> = std::result::Result<T, Error>;

async fn run(args: &[&str]) -> Result<()> {
    match *args {
        ["echo-tcp", address, size] => {
            let stream = connect(address).await?;
            echo(stream, size.parse()?).await;
            Ok(())
        }
        ["echo-udp", address, size] => echo_datagrams(address, size.parse()?).await,
        ["sink", address, size, batch] => {
            sink(connect(address).await?, size.parse()?, batch.parse()?).await;
            Ok(())
        }
        ["source", address, size, batch] => {
            source(connect(address).await?, size.parse()?, batch.parse()?).await;
            Ok(())
        }
        ["accept", control] => accept(control).await,
        ["many", control] => many(control).await,
        _ => Err(Error::Argument(format!("no program {args:?}"))),
    }
}

/// A connection as its two streams. What they come to is in futures that nobody
/// reads: the end of a stream says enough.
struct Stream {
    reader: StreamReader<u8>,
    writer: StreamWriter<u8>,
    _received: FutureReader<std::result::Result<(), ErrorCode>>,
    _sent: FutureReader<std::result::Result<(), ErrorCode>>,
}

impl Stream {
    fn of(socket: &TcpSocket) -> Self {
        let (writer, data) = wit_stream::new();
        let sent = socket.send(data);
        let (reader, received) = socket.receive();
        Self {
            reader,
            writer,
            _received: received,
            _sent: sent,
        }
    }

    /// Reads as much as there is room for at once; nothing is the end.
    async fn read(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.clear();
        match self.reader.read(buffer).await {
            (StreamResult::Complete(_count), buffer) => buffer,
            (_end, mut buffer) => {
                buffer.clear();
                buffer
            }
        }
    }

    /// Returns the buffer, or nothing where the peer takes no more.
    async fn write(&mut self, data: Vec<u8>) -> Option<Vec<u8>> {
        let rest = self.writer.write_all(data).await;
        rest.is_empty().then_some(rest)
    }
}

async fn connect(address: &str) -> Result<Stream> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
    socket.connect(endpoint(address)?).await?;
    Ok(Stream::of(&socket))
}

fn endpoint(address: &str) -> Result<IpSocketAddress> {
    let address: SocketAddrV4 = address
        .parse()
        .map_err(|_| Error::Argument(format!("no address: {address}")))?;
    Ok(IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: address.port(),
        address: address.ip().octets().into(),
    }))
}

async fn echo(mut stream: Stream, size: usize) {
    let mut buffer = Vec::with_capacity(size);
    loop {
        buffer = stream.read(buffer).await;
        if buffer.is_empty() {
            return;
        }
        match stream.write(buffer).await {
            Some(written) => buffer = written,
            None => return,
        }
    }
}

async fn echo_datagrams(address: &str, _size: usize) -> Result<()> {
    let socket = UdpSocket::create(IpAddressFamily::Ipv4)?;
    socket.connect(endpoint(address)?)?;
    socket.send(b"hello".to_vec(), None).await?;
    loop {
        let (data, _peer) = socket.receive().await?;
        if data == b"q" {
            return Ok(());
        }
        socket.send(data, None).await?;
    }
}

/// Answers with one byte each time that a batch has come.
async fn sink(mut stream: Stream, size: usize, batch: usize) {
    let mut buffer = Vec::with_capacity(size);
    let mut answer = Vec::with_capacity(1);
    let mut left = batch;
    loop {
        buffer = stream.read(buffer).await;
        if buffer.is_empty() {
            return;
        }
        // The peer waits for the answer, so no more than the batch has come.
        left -= buffer.len();
        if left == 0 {
            answer.push(b'x');
            match stream.write(answer).await {
                Some(written) => answer = written,
                None => return,
            }
            left = batch;
        }
    }
}

/// Sends a batch for each byte that it gets.
async fn source(mut stream: Stream, size: usize, batch: usize) {
    let mut request = Vec::with_capacity(1);
    let mut data = Vec::with_capacity(size);
    loop {
        request = stream.read(request).await;
        if request.is_empty() {
            return;
        }
        let mut left = batch;
        while left > 0 {
            let piece = size.min(left);
            // What was written is taken out of the buffer.
            data.resize(piece, b'x');
            match stream.write(data).await {
                Some(written) => data = written,
                None => return,
            }
            left -= piece;
        }
    }
}

/// Listens, and tells the port over a connection to the harness.
async fn listen(control: &str) -> Result<(TcpSocket, StreamReader<TcpSocket>)> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
    socket.bind(endpoint("127.0.0.1:0")?)?;
    let connections = socket.listen()?;
    let port = match socket.get_local_address()? {
        IpSocketAddress::Ipv4(address) => address.port,
        IpSocketAddress::Ipv6(address) => address.port,
    };
    let mut control = connect(control).await?;
    control.write(format!("{port}\n").into_bytes()).await;
    Ok((socket, connections))
}

async fn accept(control: &str) -> Result<()> {
    let (_listener, mut connections) = listen(control).await?;
    let mut buffer = Vec::with_capacity(REQUEST);
    while let Some(socket) = connections.next().await {
        let mut stream = Stream::of(&socket);
        buffer = stream.read(buffer).await;
        let quit = buffer.first() == Some(&b'q');
        // The whole request has come at once: it is one small segment.
        buffer = stream.write(buffer).await.unwrap_or_default();
        buffer.reserve(REQUEST);
        if quit {
            break;
        }
    }
    Ok(())
}

/// Echoes on many connections, each in a task.
async fn many(control: &str) -> Result<()> {
    let (_listener, mut connections) = listen(control).await?;
    let (quit, mut quits) = mpsc::channel::<()>(1);
    let accept = pin!(async {
        while let Some(socket) = connections.next().await {
            wit_bindgen::spawn_local(serve(Stream::of(&socket), quit.clone()));
        }
    });
    match select(accept, pin!(futures::StreamExt::next(&mut quits))).await {
        Either::Left(_) | Either::Right(_) => Ok(()),
    }
}

async fn serve(mut stream: Stream, mut quit: mpsc::Sender<()>) {
    let mut buffer = Vec::with_capacity(REQUEST);
    loop {
        buffer = stream.read(buffer).await;
        match buffer.first() {
            None => return,
            Some(b'q') => _ = quit.try_send(()),
            Some(_) => {}
        }
        match stream.write(buffer).await {
            Some(written) => buffer = written,
            None => return,
        }
    }
}
