//! Connections a second: accept, one request, close.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::round_trip::{report, text};
use crate::contestant::{Arena, Contestant, Running};
use crate::measure::{Plan, Session, Unit, compete};
use crate::results::Case;

const REQUEST: usize = 64;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let case = ("accept", "Accept, one request, close", Unit::PerSecond);
    vec![compete(plan, case, &Contestant::ALL, |contestant| {
        let (port, running) = listening("accept", |args| arena.start(contestant, args))?;
        Ok(Clients { port, running })
    })]
}

/// The port that a program listens on.
pub(crate) fn listening(
    program: &str,
    start: impl FnOnce(&[String]) -> Result<Running, String>,
) -> Result<(u16, Running), String> {
    let control = TcpListener::bind("127.0.0.1:0").map_err(text)?;
    let address = control.local_addr().map_err(text)?.to_string();
    let mut running = start(&[program.to_owned(), address])?;
    let mut stream = running.accept(&control)?;
    let mut port = String::new();
    stream.read_to_string(&mut port).map_err(text)?;
    let port = port
        .trim()
        .parse()
        .map_err(|_| format!("no port: {port}"))?;
    Ok((port, running))
}

struct Clients {
    port: u16,
    running: Running,
}

impl Clients {
    fn request(&self, first: u8) -> io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        let mut request = [first; REQUEST];
        stream.write_all(&request)?;
        stream.read_exact(&mut request)?;
        // The end that closes first keeps the port for a minute: the server's.
        match stream.read(&mut request)? {
            0 => Ok(()),
            _ => Err(io::Error::other("more than an answer")),
        }
    }
}

impl Session for Clients {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        (0..times).try_for_each(|_| self.request(b'x'))
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        report(self.request(b'q').and_then(|()| self.running.join()));
    }
}
