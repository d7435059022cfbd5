//! `--audit`: every decision about a grant, and every answer to a look-up, a
//! JSON object a line.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use capsock_host::policy::shown;
use capsock_host::{Decision, Denial, NameAnswer, Unrecorded};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::terminal::tell;
use crate::{Failure, files};

/// The exit code of a run whose audit could not be written.
pub(crate) const UNWRITTEN: i32 = 125;

/// How much of a guest's own text is kept, in bytes.
const TEXT: usize = 4 << 10;

/// Where decisions are appended.
#[derive(Debug)]
pub(crate) struct Audit {
    path: PathBuf,
    guest: String,
    /// `None` once a decision could not be written: no further one is taken, so
    /// nothing goes on unaudited.
    file: Mutex<Option<File>>,
}

impl Audit {
    /// Opens the file.
    pub(crate) fn open(path: &Path, component: &Path) -> Result<Self, Failure> {
        let mut file = files::open("--audit", path, |options| options.append(true))?;
        // A line that was cut, as by a disk that was full, stays one.
        if !ends_with_line(&file) {
            file.write_all(b"\n")
                .map_err(|error| files::failed("--audit", path, &error))?;
        }
        Ok(Self {
            path: path.to_owned(),
            guest: component.display().to_string(),
            file: Mutex::new(Some(file)),
        })
    }

    /// Appends a decision.
    ///
    /// # Errors
    /// Where it cannot be written, or an earlier one could not. The first time
    /// says so.
    pub(crate) fn decision(&self, decision: &Decision) -> Result<(), Unrecorded> {
        let rules: Vec<_> = decision.rules().iter().map(ToString::to_string).collect();
        self.append(&json!({
            "time": now(),
            "guest": self.guest,
            "op": decision.op().name(),
            "target": cut(decision.target()),
            "from": decision.peer().map(cut),
            "verdict": if decision.is_allowed() { "allow" } else { "deny" },
            "rules": rules,
            "reason": decision.denial().map(Denial::reason).as_deref().map(cut),
        }))
    }

    /// Appends which name answered. It is no decision, so it has no verdict; where
    /// it cannot be written, no further decision is taken.
    pub(crate) fn answer(&self, answer: &NameAnswer) {
        _ = self.append(&json!({
            "time": now(),
            "guest": self.guest,
            "op": "resolve",
            "target": answer.asked(),
            "answer": answer.name(),
            "addresses": answer.addresses(),
        }));
    }

    fn append(&self, line: &Value) -> Result<(), Unrecorded> {
        let mut place = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = place.as_mut().ok_or(Unrecorded)?;
        // In one write, so that other writers' lines stay whole.
        file.write_all(format!("{line}\n").as_bytes())
            .map_err(|error| {
                *place = None;
                tell(format_args!(
                    "--audit {}: {error}: from here on everything that takes a grant is denied, \
                     and the exit code is {UNWRITTEN}",
                    self.path.display()
                ));
                Unrecorded
            })
    }

    /// Whether every decision was written.
    pub(crate) fn is_complete(&self) -> bool {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.is_some()
    }
}

fn now() -> String {
    format!("{:.6}", Timestamp::now())
}

/// JSON escapes what it must; what is too long is cut.
fn cut(text: &str) -> String {
    match text.len() {
        0..=TEXT => text.to_owned(),
        _ => shown(text, TEXT),
    }
}

/// Whether what is appended begins a line; what cannot be read is taken for that.
fn ends_with_line(file: &File) -> bool {
    let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let last = || -> io::Result<u8> {
        let mut file = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let mut last = [b'\n'];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(last[0])
    };
    !is_regular || last().unwrap_or(b'\n') == b'\n'
}
