//! memcached with four threads, beside the same version built for this machine.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::round_trip::{report, text};
use crate::contestant::{Arena, Contestant, Running};
use crate::measure::{Plan, Session, Unit, compete};
use crate::results::Case;

const CONNECTIONS: usize = 16;
/// What is set once, and asked for by each connection.
const VALUE: usize = 100;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let operations = [
        (
            "memcached-get",
            "memcached, 16 clients get 100 bytes each",
            false,
        ),
        (
            "memcached-set",
            "memcached, 16 clients set 100 bytes each",
            true,
        ),
    ];
    let cases = operations.map(|(id, title, sets)| {
        let case = (id, title, Unit::PerSecond);
        compete(plan, case, &Contestant::THREADS, |contestant| {
            Clients::open(arena, contestant, sets)
        })
    });
    cases.into()
}

struct Clients {
    streams: Vec<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
    running: Running,
}

impl Clients {
    fn open(arena: &Arena, contestant: Contestant, sets: bool) -> Result<Self, String> {
        // memcached cannot tell which one the kernel has chosen without a file.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(text)?.port();
        let number = port.to_string();
        // With -A a client can end it; with -u it runs as root, which it is in a container.
        let args = [
            "-A",
            "-u",
            "root",
            "-t",
            "4",
            "-U",
            "0",
            "-l",
            "127.0.0.1",
            "-p",
            &number,
        ];
        let mut running = arena.start_memcached(contestant, &args.map(str::to_owned))?;
        let address = (Ipv4Addr::LOCALHOST, port);
        let first = running.wait_for(|| match TcpStream::connect(address) {
            Ok(stream) => Some(Ok(stream)),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => None,
            Err(error) => Some(Err(error.to_string())),
        })?;
        let mut streams = vec![first];
        for _ in 1..CONNECTIONS {
            streams.push(TcpStream::connect(address).map_err(text)?);
        }
        for stream in &streams {
            let set = stream.set_nodelay(true);
            set.and_then(|()| stream.set_read_timeout(Some(crate::contestant::PATIENCE)))
                .map_err(text)?;
        }
        let value = "v".repeat(VALUE);
        let set = format!("set key 0 0 {VALUE}\r\n{value}\r\n").into_bytes();
        let stored = b"STORED\r\n".to_vec();
        let mut clients = Self {
            streams,
            request: set,
            answer: stored,
            running,
        };
        clients.round().map_err(text)?;
        if !sets {
            clients.request = b"get key\r\n".to_vec();
            clients.answer = format!("VALUE key 0 {VALUE}\r\n{value}\r\nEND\r\n").into_bytes();
        }
        Ok(clients)
    }

    /// One operation of each connection, all at once.
    fn round(&mut self) -> io::Result<()> {
        let mut answer = vec![0; self.answer.len()];
        for stream in &mut self.streams {
            stream.write_all(&self.request)?;
        }
        for stream in &mut self.streams {
            stream.read_exact(&mut answer)?;
            if answer != self.answer {
                let answer = String::from_utf8_lossy(&answer);
                return Err(io::Error::other(format!("memcached answers {answer:?}")));
            }
        }
        Ok(())
    }
}

impl Session for Clients {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        (0..times.div_ceil(CONNECTIONS as u64)).try_for_each(|_| self.round())
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let told = self.streams[0].write_all(b"shutdown\r\n");
        report(told.and_then(|()| self.running.join()));
    }
}
