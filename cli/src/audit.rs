//! `--audit`: every decision about a grant, and every answer to a look-up, a
//! JSON object a line.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use capsock_host::{Decision, Denial, NameAnswer};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Failure;

/// The file, to which lines are appended.
pub(crate) struct Audit {
    file: Mutex<File>,
    guest: String,
    shown: String,
}

impl Audit {
    /// Opens the file.
    pub(crate) fn open(path: &Path, component: &Path) -> Result<Self, Failure> {
        let file = File::options().create(true).append(true).open(path);
        let file =
            file.map_err(|error| Failure::Usage(format!("--audit {}: {error}", path.display())))?;
        Ok(Self {
            file: Mutex::new(file),
            guest: component.display().to_string(),
            shown: path.display().to_string(),
        })
    }

    pub(crate) fn decision(&self, decision: &Decision) {
        let rules: Vec<_> = decision.rules().iter().map(ToString::to_string).collect();
        self.append(&json!({
            "time": now(),
            "guest": self.guest,
            "op": decision.op().name(),
            "target": decision.target(),
            "from": decision.peer(),
            "verdict": if decision.is_allowed() { "allow" } else { "deny" },
            "rules": rules,
            "reason": decision.denial().map(Denial::reason),
        }));
    }

    /// It is no decision, so it has no verdict.
    pub(crate) fn answer(&self, answer: &NameAnswer) {
        self.append(&json!({
            "time": now(),
            "guest": self.guest,
            "op": "resolve",
            "target": answer.asked(),
            "answer": answer.name(),
            "addresses": answer.addresses(),
        }));
    }

    /// In one write, so that other writers' lines stay whole.
    fn append(&self, line: &Value) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            eprintln!("capsock: --audit {}: {error}", self.shown);
        }
    }
}

fn now() -> String {
    format!("{:.6}", Timestamp::now())
}
