//! `--audit`: every decision about a grant, a JSON object a line.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use capsock_host::{Decision, Denial};
use jiff::Timestamp;
use serde_json::json;

use crate::Failure;

/// Opens the file, and returns what appends a decision to it.
pub(crate) fn to(
    path: &Path,
    component: &Path,
) -> Result<impl Fn(&Decision) + Send + Sync + use<>, Failure> {
    let file = File::options().create(true).append(true).open(path);
    let file = file
        .map_err(|error| Failure::Usage(format!("--audit {}: {error}", path.display())))
        .map(Mutex::new)?;
    let guest = component.display().to_string();
    let shown = path.display().to_string();
    Ok(move |decision: &Decision| {
        let rules: Vec<_> = decision.rules().iter().map(ToString::to_string).collect();
        let line = json!({
            "time": format!("{:.6}", Timestamp::now()),
            "guest": guest,
            "op": decision.op().name(),
            "target": decision.target(),
            "from": decision.peer(),
            "verdict": if decision.is_allowed() { "allow" } else { "deny" },
            "rules": rules,
            "reason": decision.denial().map(Denial::reason),
        });
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // In one write, so that other writers' lines stay whole.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            eprintln!("capsock: --audit {shown}: {error}");
        }
    })
}
