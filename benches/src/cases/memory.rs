//! What an open connection that nobody uses takes of the memory of a program.

use super::accept::listening;
use super::many::Connections;
use crate::contestant::{Arena, Contestant};
use crate::machine;
use crate::measure::Plan;
use crate::results::{Better, Case};

/// How many are there before, and how many come.
const IDLE: (usize, usize) = (100, 1_000);

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let (id, title) = ("memory-connection", "Memory of an idle connection");
    if !id.starts_with(plan.only) {
        return Vec::new();
    }
    eprintln!("{title}");
    let mut case = Case::new(id, title, "KiB", Better::Less);
    let idle = if plan.tiny { (10, 10) } else { IDLE };
    for contestant in Contestant::RUST {
        let name = contestant.name();
        let samples = (0..plan.rounds.div_ceil(6)).map(|_| sample(arena, contestant, idle));
        match samples.collect() {
            Ok(values) => case.measured(name, values),
            Err(why) => case.skipped(name, why),
        }
    }
    vec![case]
}

/// KiB a connection. The process is a new one: another would have memory to
/// spare, from what it did before.
fn sample(
    arena: &Arena,
    contestant: Contestant,
    (before, idle): (usize, usize),
) -> Result<f64, String> {
    let (port, running) = listening("many", |args| arena.start_alone(contestant, args))?;
    let mut connections = Connections::open(port, running, before)?;
    let process = connections.running.process();
    let start = machine::memory(process);
    connections.add(idle)?;
    let grown = machine::memory(process).saturating_sub(start);
    Ok(grown as f64 / 1024.0 / idle as f64)
}
