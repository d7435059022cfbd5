//! `--record`: a trusted guest does what it does, and the policy that would have
//! allowed it is written.

use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use capsock_host::Recording;
use tokio::signal::unix::{SignalKind, signal};

use crate::terminal::tell;
use crate::{Failure, files};

/// Where a recording will be written.
#[derive(Debug)]
pub(crate) struct Record {
    path: PathBuf,
    component: String,
    file: File,
    recording: Recording,
}

impl Record {
    /// Makes the file, so that a run is not lost for want of a place, and warns.
    pub(crate) fn create(
        path: PathBuf,
        component: &Path,
        recording: Recording,
    ) -> Result<Self, Failure> {
        let file = files::open("--record", &path, |options| {
            options.write(true).truncate(true)
        })?;
        let component = component.display().to_string();
        tell(format_args!(
            "WARNING: recording to {}: everything is allowed that no --deny-… flag \
             forbids; run only what you trust",
            path.display()
        ));
        Ok(Self {
            path,
            component,
            file,
            recording,
        })
    }

    /// Writes what was recorded.
    pub(crate) fn write(mut self) -> Result<(), Failure> {
        let text = format!(
            "# What {:?} did, as `capsock run --record` saw it.\n\n{}",
            self.component,
            self.recording.to_toml()
        );
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| files::failed("--record", &self.path, &error))
    }
}

/// Does `work` until its end or a signal that ends the process; then the exit
/// code is what a shell makes of that signal.
pub(crate) async fn until_signal(
    work: impl Future<Output = Result<i32, Failure>>,
) -> Result<i32, Failure> {
    let kinds = (SignalKind::interrupt(), SignalKind::terminate());
    let (interrupt, terminate) = (signal(kinds.0), signal(kinds.1));
    let unusable = |error: io::Error| Failure::Usage(format!("--record: signals: {error}"));
    let (mut interrupt, mut terminate) =
        (interrupt.map_err(unusable)?, terminate.map_err(unusable)?);
    tokio::select! {
        outcome = work => outcome,
        _ = interrupt.recv() => Ok(128 + kinds.0.as_raw_value()),
        _ = terminate.recv() => Ok(128 + kinds.1.as_raw_value()),
    }
}
