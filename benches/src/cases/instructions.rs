//! The instructions of a round trip, counted by valgrind's callgrind: what noise
//! cannot touch. Those of the kernel are not among them.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::round_trip::{SIZE, report, text};
use crate::contestant::{Arena, Contestant, PATIENCE};
use crate::measure::{Plan, fill};
use crate::results::{Better, Case};

/// Round trips of the two runs of a contestant. What one takes is the difference
/// of the instructions by that of the round trips, without the start.
const TRIPS: (u32, u32) = (100, 1_100);

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let id = "instructions";
    if !id.starts_with(plan.only) {
        return Vec::new();
    }
    let title = "Instructions of a round trip of 64 bytes over TCP, by callgrind; the kernel's are not included";
    let mut case = Case::new(id, title, "instructions", Better::Less);
    eprintln!("{title}");
    let trips = if plan.tiny { (0, 2) } else { TRIPS };
    let results = Contestant::RUST.map(|contestant| {
        let of = counted(arena, contestant, trips);
        (contestant, of.map(|count| vec![count]))
    });
    fill(&mut case, results.into());
    vec![case]
}

fn counted(arena: &Arena, contestant: Contestant, (few, many): (u32, u32)) -> Result<f64, String> {
    let of = |trips| Run::start(arena, contestant)?.count(trips);
    let many_of = of(many)?;
    // Without any, a run would only cost time: its start is not taken away.
    let few_of = if few == 0 { 0 } else { of(few)? };
    Ok((many_of as f64 - few_of as f64) / f64::from(many - few))
}

/// A contestant under callgrind, in a process of its own.
struct Run {
    child: Child,
    stream: TcpStream,
    /// Where callgrind writes what it has counted.
    out: PathBuf,
}

impl Run {
    fn start(arena: &Arena, contestant: Contestant) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
        let address = listener.local_addr().map_err(text)?.to_string();
        let out = arena.directory.join("callgrind.out");
        let mut option = std::ffi::OsString::from("--callgrind-out-file=");
        option.push(&out);
        let program = ["echo-tcp".to_owned(), address, SIZE.to_string()];
        let alone = arena.alone(contestant, &program)?;
        let child = Command::new("valgrind")
            .args(["--tool=callgrind", "-q", "--vgdb=no"])
            .arg(option)
            .arg(std::env::current_exe().map_err(text)?)
            .args(alone)
            .stdin(Stdio::null())
            .spawn();
        let mut child = child.map_err(|error| match error.kind() {
            ErrorKind::NotFound => "valgrind is not installed".to_owned(),
            _ => format!("valgrind: {error}"),
        })?;
        listener.set_nonblocking(true).map_err(text)?;
        let begun = Instant::now();
        let stream = loop {
            match listener.accept() {
                Ok((stream, _peer)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
            if let Some(status) = child.try_wait().map_err(text)? {
                return Err(format!("it ended under valgrind: {status}"));
            }
            if begun.elapsed() > PATIENCE {
                report(child.kill().and_then(|()| child.wait().map(drop)));
                return Err("it does not start under valgrind".to_owned());
            }
            thread::sleep(Duration::from_millis(5));
        };
        let mut run = Self { child, stream, out };
        let ready = run.stream.set_nonblocking(false).and_then(|()| {
            run.stream.set_nodelay(true)?;
            run.stream.set_read_timeout(Some(PATIENCE))
        });
        match ready {
            Ok(()) => Ok(run),
            Err(error) => {
                report(run.child.kill());
                Err(error.to_string())
            }
        }
    }

    /// The instructions of the whole run with so many round trips.
    fn count(mut self, trips: u32) -> Result<u64, String> {
        let exchanged = self.exchange(trips);
        drop(self.stream);
        if exchanged.is_err() {
            report(self.child.kill());
        }
        let status = self.child.wait().map_err(text)?;
        exchanged.map_err(text)?;
        if !status.success() {
            return Err(format!("it ended under valgrind: {status}"));
        }
        let counted = fs::read_to_string(&self.out).map_err(text)?;
        let total = counted.lines().find_map(|line| {
            let total = line.strip_prefix("totals: ")?;
            total.trim().parse().ok()
        });
        total.ok_or_else(|| format!("{}: there is no total", self.out.display()))
    }

    /// A message comes when the contestant waits for it, always: whether it has to
    /// wait would be a matter of time.
    fn exchange(&mut self, trips: u32) -> io::Result<()> {
        let mut buffer = [b'x'; SIZE];
        for _ in 0..trips {
            self.wait_asleep()?;
            self.stream.write_all(&buffer)?;
            self.stream.read_exact(&mut buffer)?;
        }
        Ok(())
    }

    /// Until the kernel has the contestant's thread asleep (proc(5)).
    fn wait_asleep(&self) -> io::Result<()> {
        let stat = format!("/proc/{}/stat", self.child.id());
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let stat = fs::read_to_string(&stat)?;
            match stat.rsplit_once(") ") {
                Some((_name, rest)) if rest.starts_with('S') => return Ok(()),
                Some((_name, rest)) if rest.starts_with('Z') => break,
                _ => thread::yield_now(),
            }
        }
        Err(ErrorKind::UnexpectedEof.into())
    }
}
