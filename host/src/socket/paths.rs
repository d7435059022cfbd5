//! Files of Unix sockets, which stay when their sockets are closed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Errno;
use crate::os::{FileId, UnixDirectories};
use crate::policy::VettedPath;

/// The files that one guest made and that are still there, as far as the host
/// knows: they are looked at again when there are too many.
#[derive(Debug, Default)]
pub(crate) struct MadePaths(Mutex<HashMap<PathBuf, Made>>);

#[derive(Debug)]
struct Made {
    path: VettedPath,
    file: FileId,
}

impl MadePaths {
    /// Whether one more may be made, of so many.
    ///
    /// # Errors
    /// [`Errno::NoSpace`]
    pub(crate) fn check(&self, most: u32, directories: &UnixDirectories) -> Result<(), Errno> {
        let mut made = self.made();
        if made.len() >= most as usize {
            // Others may have removed some, and the guest itself as files.
            made.retain(|_, made| directories.file_at(&made.path) == Some(made.file));
        }
        match made.len() >= most as usize {
            true => Err(Errno::NoSpace),
            false => Ok(()),
        }
    }

    /// Counts what was made just now.
    pub(crate) fn add(&self, path: &VettedPath, directories: &UnixDirectories) {
        // Who has removed it already has made room.
        if let Some(file) = directories.file_at(path) {
            let VettedPath { directory, name } = path;
            let path = VettedPath {
                directory: directory.clone(),
                name: name.clone(),
            };
            self.made()
                .insert(directory.join(name), Made { path, file });
        }
    }

    /// Counts it no longer: it was removed.
    pub(crate) fn remove(&self, path: &VettedPath) {
        self.made().remove(&path.directory.join(&path.name));
    }

    fn made(&self) -> MutexGuard<'_, HashMap<PathBuf, Made>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
