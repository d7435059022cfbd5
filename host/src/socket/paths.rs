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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Op, Policy};

    #[test]
    fn what_others_removed_counts_no_longer() {
        let directory = tempfile::tempdir().expect("a directory");
        let directory = directory.path();
        let target = format!("unix:{}/", directory.display());
        let policy = Policy::default().allow(Op::Bind, &target).expect("a grant");
        let directories = UnixDirectories::open(&policy, cap_std::ambient_authority());
        let made = MadePaths::default();
        let make = |name: &str| {
            made.check(2, &directories)?;
            fs::write(directory.join(name), "").expect("a file");
            let path = VettedPath {
                directory: directory.to_owned(),
                name: name.into(),
            };
            made.add(&path, &directories);
            Ok(())
        };
        assert_eq!(make("a"), Ok(()));
        // At the same path there is one.
        fs::remove_file(directory.join("a")).expect("remove");
        assert_eq!(make("a"), Ok(()));
        assert_eq!(make("b"), Ok(()));
        assert_eq!(make("c"), Err(Errno::NoSpace));
        fs::remove_file(directory.join("a")).expect("remove");
        assert_eq!(make("c"), Ok(()));
        assert_eq!(make("d"), Err(Errno::NoSpace));
        // Another file at the path is not the guest's. It is there before, or it
        // could have the number of the one that was removed.
        fs::write(directory.join("other"), "").expect("a file");
        fs::rename(directory.join("other"), directory.join("b")).expect("rename");
        assert_eq!(make("d"), Ok(()));
    }
}
