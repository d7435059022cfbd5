//! Guests that were sealed, on a host that has only WASI and grants everything.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{Running, capsock, guest, run, stderr};

/// A component that `capsock seal` has made; it is there as long as this lives.
#[derive(Debug)]
pub struct Sealed {
    /// Where it is.
    pub path: PathBuf,
    directory: TempDir,
}

impl Sealed {
    /// `capsock seal FLAGS PROGRAM`
    #[track_caller]
    pub fn new(flags: &[&str], program: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sealed.wasm");
        let mut seal = capsock();
        seal.arg("seal").args(flags).arg(program);
        let output = seal.arg("-o").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        Self { path, directory }
    }

    /// On the host of WASI.
    pub fn on_wasi(&self, args: &[&str]) -> Command {
        let mut host = Command::new(assert_cmd::cargo::cargo_bin("capsock-test-wasi"));
        host.arg(&self.path).args(args).stdin(Stdio::null());
        host
    }
}

/// Where a guest of the SDK runs.
#[derive(Clone, Copy, Debug)]
pub enum Host {
    /// `capsock run`
    Capsock,
    /// One that has only WASI: the guest is sealed with the portable component.
    Wasi,
}

impl Host {
    /// Starts a guest under these grants.
    #[track_caller]
    pub fn start(self, grants: &[&str], name: &str, args: &[&str]) -> Running {
        match self {
            Self::Capsock => Running::spawn(&mut run(grants, name, args)),
            Self::Wasi => {
                let flags = [&["--portable"], grants].concat();
                let sealed = Sealed::new(&flags, &guest(name));
                let guest = Running::spawn(&mut sealed.on_wasi(args));
                guest.with(sealed.directory)
            }
        }
    }
}
