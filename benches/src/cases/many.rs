//! Many open connections, of which few are active.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::accept::listening;
use super::round_trip::{report, text};
use crate::contestant::{Arena, Contestant, PATIENCE, Running};
use crate::machine;
use crate::measure::{Plan, Session, calibrate, fill, timed};
use crate::results::{Better, Case};

const REQUEST: usize = 64;

/// How many connections have messages.
const ACTIVE: usize = 10;

/// A message takes so much longer with so many more over wasi:sockets that
/// larger sets are left out.
const WASI_MOST: usize = 1_000;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let sizes: &[usize] = match plan.tiny {
        true => &[10, 20],
        false => &[10, 100, 1_000, 10_000],
    };
    let case = |size: &usize| of_size(arena, plan, *size);
    sizes.iter().map(case).collect()
}

fn of_size(arena: &Arena, plan: &Plan, size: usize) -> Case {
    let id = format!("many-{size}");
    let title = format!("A message with {size} connections open, {ACTIVE} active");
    let mut case = Case::new(&id, &title, "µs", Better::Less);
    if !id.starts_with(plan.only) {
        return case;
    }
    eprintln!("{title}");
    let mut results: Vec<_> = Contestant::RUST
        .iter()
        .map(|contestant| (*contestant, Ok(Vec::new())))
        .collect();
    // All of them at once would be more descriptors than a process may have.
    let rounds = plan.rounds.div_ceil(3);
    for round in 0..rounds {
        for turn in 0..Contestant::RUST.len() {
            let place = (turn + round) % Contestant::RUST.len();
            let (contestant, result) = &mut results[place];
            let Ok(values) = result else { continue };
            match sample(arena, plan, *contestant, size) {
                Ok(seconds) => values.push(seconds * 1e6),
                Err(why) => *result = Err(why),
            }
        }
    }
    fill(&mut case, results);
    case
}

/// Seconds a message.
fn sample(arena: &Arena, plan: &Plan, contestant: Contestant, size: usize) -> Result<f64, String> {
    if contestant == Contestant::Wasi02 && size > WASI_MOST {
        return Err(format!(
            "its poll takes every socket at every wait: left out above {WASI_MOST}"
        ));
    }
    let (port, running) = listening("many", |args| arena.start(contestant, args))?;
    let mut connections = Connections::open(port, running, size - ACTIVE)?;
    let times = calibrate(plan, &mut connections).map_err(text)?;
    timed(&mut connections, times).map_err(text)
}

/// What a program has that serves many.
pub(crate) struct Connections {
    idle: Vec<Holder>,
    active: Vec<TcpStream>,
    pub(crate) running: Running,
    port: u16,
    next: usize,
}

impl Connections {
    /// `idle` ones, and those that are active.
    pub(crate) fn open(port: u16, running: Running, idle: usize) -> Result<Self, String> {
        let mut connections = Self {
            idle: Vec::new(),
            active: Vec::new(),
            running,
            port,
            next: 0,
        };
        for _ in 0..ACTIVE {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(text)?;
            stream.set_nodelay(true).map_err(text)?;
            stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
            connections.active.push(stream);
        }
        connections.add(idle)?;
        Ok(connections)
    }

    /// More idle ones.
    pub(crate) fn add(&mut self, idle: usize) -> Result<(), String> {
        self.idle
            .push(Holder::start(self.port, idle).map_err(text)?);
        // Those that were accepted before are in the set once these have answers.
        self.repeat(2 * ACTIVE as u64).map_err(text)
    }
}

impl Session for Connections {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        let mut buffer = [b'x'; REQUEST];
        for _ in 0..times {
            let stream = &mut self.active[self.next];
            self.next = (self.next + 1) % ACTIVE;
            stream.write_all(&buffer)?;
            stream.read_exact(&mut buffer)?;
        }
        Ok(())
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        if let Some(mut stream) = self.active.pop() {
            report(stream.write_all(&[b'q'; REQUEST]));
            report(self.running.join());
        }
        self.idle.clear();
    }
}

/// A process with the other ends of the idle connections: with both, this one
/// would need twice as many descriptors.
struct Holder(Child);

impl Holder {
    fn start(port: u16, count: usize) -> io::Result<Self> {
        let child = Command::new(std::env::current_exe()?)
            .args(["hold", &port.to_string(), &count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut holder = Self(child);
        let mut line = String::new();
        if let Some(stdout) = holder.0.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.trim() {
            "ready" => Ok(holder),
            _ => Err(io::Error::other("the idle connections were not made")),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // The end of its input ends it.
        self.0.stdin = None;
        report(self.0.wait().map(drop));
    }
}

/// After so many connections one has to have an answer, as then those before it
/// are accepted: in a queue that is full the next would wait a second.
const UNANSWERED: usize = 64;

/// What a [`Holder`] runs.
pub(crate) fn hold(port: u16, count: usize) -> io::Result<()> {
    machine::raise_descriptors()?;
    let mut connections = Vec::with_capacity(count);
    for number in 1..=count {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        if number % UNANSWERED == 0 || number == count {
            let mut request = [b'x'; REQUEST];
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.write_all(&request)?;
            connection.read_exact(&mut request)?;
        }
        connections.push(connection);
    }
    println!("ready");
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(connections);
    Ok(())
}
