//! `--record`: a trusted guest does what it does, and the policy that would have
//! allowed it is written.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use capsock_host::Recording;

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
