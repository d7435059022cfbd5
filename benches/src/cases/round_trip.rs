//! 64 bytes there and back, on one connection.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::contestant::{Arena, Contestant, Running};
use crate::measure::{Plan, Session, Unit, compete};
use crate::results::Case;

pub(crate) const SIZE: usize = 64;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let (all, others) = (&Contestant::ON_SDKS, &without_threads());
    let unit = Unit::Microseconds;
    let tcp = ("round-trip-tcp", "Round trip of 64 bytes, TCP", unit);
    let udp = ("round-trip-udp", "Round trip of 64 bytes, UDP", unit);
    let unix = ("round-trip-unix", "Round trip of 64 bytes, Unix", unit);
    vec![
        compete(plan, tcp, all, |contestant| over_tcp(arena, contestant)),
        compete(plan, udp, others, |contestant| over_udp(arena, contestant)),
        compete(plan, unix, others, |contestant| {
            over_unix(arena, contestant)
        }),
    ]
}

/// What has all programs.
pub(crate) fn without_threads() -> Vec<Contestant> {
    let mut all = Contestant::ON_SDKS.to_vec();
    all.retain(|contestant| *contestant != Contestant::CapsockThreads);
    all
}

struct Stream<S> {
    stream: Option<S>,
    running: Running,
}

impl<S: Read + Write> Session for Stream<S> {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        let mut buffer = [b'x'; SIZE];
        for _ in 0..times {
            stream.write_all(&buffer)?;
            stream.read_exact(&mut buffer)?;
        }
        Ok(())
    }
}

impl<S> Drop for Stream<S> {
    fn drop(&mut self) {
        // The end of the stream ends the program.
        self.stream = None;
        report(self.running.join());
    }
}

pub(crate) fn report(end: io::Result<()>) {
    if let Err(error) = end {
        eprintln!("  {error}");
    }
}

pub(crate) fn over_tcp(
    arena: &Arena,
    contestant: Contestant,
) -> Result<impl Session + use<>, String> {
    let (stream, running) = connect(arena, contestant, |address| {
        vec!["echo-tcp".to_owned(), address, SIZE.to_string()]
    })?;
    Ok(Stream {
        stream: Some(stream),
        running,
    })
}

/// The connection that a program makes to the harness, at the address that it
/// gets.
pub(crate) fn connect(
    arena: &Arena,
    contestant: Contestant,
    args: impl FnOnce(String) -> Vec<String>,
) -> Result<(TcpStream, Running), String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let address = listener.local_addr().map_err(text)?.to_string();
    let mut running = arena.start(contestant, &args(address))?;
    let stream = running.accept(&listener)?;
    Ok((stream, running))
}

pub(crate) fn text(error: io::Error) -> String {
    error.to_string()
}

fn over_unix(arena: &Arena, contestant: Contestant) -> Result<Stream<UnixStream>, String> {
    let path = arena.directory.join(format!("{contestant:?}.sock"));
    // One of an earlier sitting.
    _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).map_err(text)?;
    let path = path.display().to_string();
    let args = ["echo-unix".to_owned(), path, SIZE.to_string()];
    let mut running = arena.start(contestant, &args)?;
    running.wait_readable(&listener)?;
    let (stream, _peer) = listener.accept().map_err(text)?;
    Ok(Stream {
        stream: Some(stream),
        running,
    })
}

struct Datagrams {
    socket: UdpSocket,
    running: Running,
}

impl Session for Datagrams {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        let mut buffer = [b'x'; SIZE];
        for _ in 0..times {
            self.socket.send(&buffer)?;
            self.socket.recv(&mut buffer)?;
        }
        Ok(())
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        report(self.socket.send(b"q").and_then(|_sent| self.running.join()));
    }
}

fn over_udp(arena: &Arena, contestant: Contestant) -> Result<Datagrams, String> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
    let address = socket.local_addr().map_err(text)?.to_string();
    let args = ["echo-udp".to_owned(), address, SIZE.to_string()];
    let mut running = arena.start(contestant, &args)?;
    running.wait_readable(&socket)?;
    let peer = socket.recv_from(&mut [0; SIZE]);
    let (_hello, peer) = peer.map_err(text)?;
    socket.connect(peer).map_err(text)?;
    Ok(Datagrams { socket, running })
}
