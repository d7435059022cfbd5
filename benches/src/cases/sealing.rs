//! How much larger a component is with its grants sealed in.

use crate::contestant::Arena;
use crate::guest;
use crate::measure::Plan;
use crate::results::{Better, Case};

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let (id, title) = ("sealing", "Size of a program, and what sealing adds to it");
    if !id.starts_with(plan.only) {
        return Vec::new();
    }
    let mut case = Case::new(id, title, "KB", Better::Less);
    let size = |path| std::fs::metadata(path).map(|file| file.len() as f64 / 1000.0);
    let program = size(guest::path("bench-std"));
    let sealed = size(arena.sealed());
    match (program, sealed) {
        (Ok(program), Ok(sealed)) => {
            case.measured("program", vec![program]);
            case.measured("added", vec![sealed - program]);
        }
        (Err(error), _) | (_, Err(error)) => case.skipped("added", error.to_string()),
    }
    vec![case]
}
