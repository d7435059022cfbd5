//! What is measured.

mod accept;
mod checks;
mod file;
mod instructions;
mod many;
mod memcached;
mod memory;
mod python;
mod round_trip;
mod sealing;
mod start;
mod threads;
mod throughput;

use crate::contestant::Arena;
use crate::measure::Plan;
use crate::results::Case;

pub(crate) use many::hold;

/// Everything, or with `quick` the first two.
pub(crate) fn all(arena: &Arena, plan: &Plan, quick: bool) -> Vec<Case> {
    let mut cases = round_trip::cases(arena, plan);
    cases.extend(throughput::cases(arena, plan));
    if quick {
        return cases;
    }
    cases.extend(accept::cases(arena, plan));
    cases.extend(many::cases(arena, plan));
    cases.extend(memory::cases(arena, plan));
    cases.extend(file::cases(arena, plan));
    cases.extend(start::cases(arena, plan));
    cases.extend(sealing::cases(arena, plan));
    cases.extend(threads::cases(arena, plan));
    cases.extend(python::cases(arena, plan));
    cases.extend(memcached::cases(arena, plan));
    cases.extend(checks::cases(arena, plan));
    cases.extend(instructions::cases(arena, plan));
    cases
}
