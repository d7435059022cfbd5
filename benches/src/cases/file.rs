//! A file to a peer, by sendfile(2) and by a loop of read and write.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::Path;

use super::round_trip::{connect, report, text};
use super::throughput::receive;
use crate::contestant::{Arena, Contestant, Running};
use crate::measure::{Plan, Session, Unit, compete};
use crate::results::Case;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let length = if plan.tiny { 1 << 20 } else { 100 << 20 };
    let path = arena.directory.join("file");
    if let Err(error) = std::fs::write(&path, vec![b'x'; length]) {
        eprintln!("{}: {error}", path.display());
        return Vec::new();
    }
    let unit = Unit::MegabytesPerSecond(length);
    let kernel = [Contestant::Native, Contestant::Capsock];
    let copying = [Contestant::Native, Contestant::Capsock, Contestant::Wasi02];
    let cases = vec![
        compete(
            plan,
            ("sendfile", "sendfile of 100 MiB", unit),
            &kernel,
            |contestant| File::new(arena, contestant, "send-file", &path, length),
        ),
        compete(
            plan,
            (
                "file-copy",
                "The same by read and write, 64 KiB at a time",
                unit,
            ),
            &copying,
            |contestant| File::new(arena, contestant, "copy-file", &path, length),
        ),
    ];
    // It is large, and the directory stays a while.
    if let Err(error) = std::fs::remove_file(&path) {
        eprintln!("{}: {error}", path.display());
    }
    cases
}

struct File {
    stream: Option<TcpStream>,
    running: Running,
    length: usize,
    buffer: Vec<u8>,
}

impl File {
    fn new(
        arena: &Arena,
        contestant: Contestant,
        program: &str,
        path: &Path,
        length: usize,
    ) -> Result<Self, String> {
        let path = path.to_str().ok_or("a path that is not UTF-8")?;
        let (stream, running) = connect(arena, contestant, |address| {
            vec![program.to_owned(), address, path.to_owned()]
        })
        .map_err(|why| text(io::Error::other(why)))?;
        Ok(Self {
            stream: Some(stream),
            running,
            length,
            buffer: vec![0; 256 << 10],
        })
    }
}

impl Session for File {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        for _ in 0..times {
            stream.write_all(b"x")?;
            receive(stream, &mut self.buffer, self.length)?;
        }
        Ok(())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.stream = None;
        report(self.running.join());
    }
}
