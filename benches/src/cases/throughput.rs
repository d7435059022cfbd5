//! Echo of large messages, and one way.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use rustix::net::{SendFlags, send};

use super::round_trip::{connect, report, without_threads};
use crate::contestant::{Arena, Contestant, Running};
use crate::measure::{Plan, Session, Unit, compete};
use crate::results::Case;

/// What goes one way before the other end says that it has it.
const BATCH: usize = 16 << 20;

/// `SO_SNDBUF` and `SO_RCVBUF` of the harness.
const BUFFER: usize = 512 << 10;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let all = &without_threads();
    let mut cases = Vec::new();
    for (size, name) in [(4 << 10, "4 KiB"), (64 << 10, "64 KiB"), (1 << 20, "1 MiB")] {
        let id = format!("echo-{}", name.replace(' ', "").to_lowercase());
        let title = format!("Echo of {name}");
        let unit = Unit::MegabytesPerSecond(size);
        cases.push(compete(plan, (&id, &title, unit), all, |contestant| {
            Echo::new(arena, contestant, size)
        }));
    }
    let size = 1 << 20;
    let unit = Unit::MegabytesPerSecond(BATCH);
    for (program, title) in [
        ("source", "One way, the contestant sends pieces of 1 MiB"),
        ("sink", "One way, the contestant receives pieces of 1 MiB"),
    ] {
        let id = format!("one-way-{program}");
        cases.push(compete(plan, (&id, title, unit), all, |contestant| {
            OneWay::new(arena, contestant, program, size)
        }));
    }
    cases
}

/// A connection whose buffers the kernel does not let grow as it sees fit: what
/// is under way stays in the processor's cache or not, which is worth a factor of
/// two, and not of the contestant's doing.
fn connect_bounded(
    arena: &Arena,
    contestant: Contestant,
    args: impl FnOnce(String) -> Vec<String>,
) -> Result<(TcpStream, Running), String> {
    let (stream, running) = connect(arena, contestant, args)?;
    let bounded = set_socket_send_buffer_size(&stream, BUFFER)
        .and_then(|()| set_socket_recv_buffer_size(&stream, BUFFER));
    bounded.map_err(|error| error.to_string())?;
    Ok((stream, running))
}

struct Echo {
    stream: Option<TcpStream>,
    running: Running,
    message: Vec<u8>,
    buffer: Vec<u8>,
}

impl Echo {
    fn new(arena: &Arena, contestant: Contestant, size: usize) -> Result<Self, String> {
        let (stream, running) = connect(arena, contestant, |address| {
            vec!["echo-tcp".to_owned(), address, size.to_string()]
        })?;
        Ok(Self {
            stream: Some(stream),
            running,
            message: vec![b'x'; size],
            buffer: vec![0; size],
        })
    }
}

impl Session for Echo {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        for _ in 0..times {
            exchange(stream, &self.message, &mut self.buffer)?;
        }
        Ok(())
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stream = None;
        report(self.running.join());
    }
}

/// Sends a message and receives as much; begins to receive before all is sent
/// where the other end sends as it receives, and buffers would fill up.
fn exchange(stream: &mut TcpStream, message: &[u8], buffer: &mut [u8]) -> io::Result<()> {
    let (mut sent, mut received) = (0, 0);
    while received < buffer.len() {
        while sent < message.len() {
            match send(&*stream, &message[sent..], SendFlags::DONTWAIT) {
                Ok(count) => sent += count,
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        match stream.read(&mut buffer[received..])? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => received += count,
        }
    }
    Ok(())
}

struct OneWay {
    stream: Option<TcpStream>,
    running: Running,
    /// Whether the contestant is the one that sends.
    sends: bool,
    buffer: Vec<u8>,
}

impl OneWay {
    fn new(
        arena: &Arena,
        contestant: Contestant,
        program: &str,
        size: usize,
    ) -> Result<Self, String> {
        let (stream, running) = connect_bounded(arena, contestant, |address| {
            vec![
                program.to_owned(),
                address,
                size.to_string(),
                BATCH.to_string(),
            ]
        })?;
        Ok(Self {
            stream: Some(stream),
            running,
            sends: program == "source",
            buffer: vec![b'x'; size],
        })
    }
}

impl Session for OneWay {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        for _ in 0..times {
            if self.sends {
                stream.write_all(b"x")?;
                receive(stream, &mut self.buffer, BATCH)?;
            } else {
                for _ in 0..BATCH / self.buffer.len() {
                    stream.write_all(&self.buffer)?;
                }
                stream.read_exact(&mut [0])?;
            }
        }
        Ok(())
    }
}

impl Drop for OneWay {
    fn drop(&mut self) {
        self.stream = None;
        report(self.running.join());
    }
}

/// Receives so many bytes.
pub(crate) fn receive(stream: &mut TcpStream, buffer: &mut [u8], length: usize) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let most = buffer.len().min(left);
        match stream.read(&mut buffer[..most])? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            count => left -= count,
        }
    }
    Ok(())
}
