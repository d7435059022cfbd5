//! What threads of the C SDK cost, beside the kernel's.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::round_trip::{connect, report};
use crate::contestant::{Arena, Contestant, Running};
use crate::measure::{Plan, Session, Unit, compete};
use crate::results::Case;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let programs = [
        (
            "thread-create",
            "create",
            "Making a thread that does nothing, and joining it",
        ),
        ("thread-switch", "switch", "sched_yield to another thread"),
        (
            "thread-mutex",
            "mutex",
            "Locking and unlocking a mutex that nobody else wants",
        ),
    ];
    let cases = programs.map(|(id, program, title)| {
        let case = (id, title, Unit::Microseconds);
        let mut contestants = Contestant::THREADS.to_vec();
        if program == "mutex" {
            // One that has no threads locks too.
            contestants.push(Contestant::CapsockC);
        }
        compete(plan, case, &contestants, |contestant| {
            Repeated::new(arena, contestant, |address| {
                vec![program.to_owned(), address]
            })
        })
    });
    cases.into()
}

/// A program that does something as often as it is told.
pub(super) struct Repeated {
    stream: Option<TcpStream>,
    running: Running,
}

impl Repeated {
    pub(super) fn new(
        arena: &Arena,
        contestant: Contestant,
        args: impl FnOnce(String) -> Vec<String>,
    ) -> Result<Self, String> {
        let (stream, running) = connect(arena, contestant, args)?;
        Ok(Self {
            stream: Some(stream),
            running,
        })
    }
}

impl Session for Repeated {
    fn repeat(&mut self, times: u64) -> io::Result<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        stream.write_all(&times.to_ne_bytes())?;
        stream.read_exact(&mut [0])
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        self.stream = None;
        report(self.running.join());
    }
}
