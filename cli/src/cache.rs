//! Native code that was compiled before.
//!
//! It is run as it is, so nobody else may have written it: the directory is the
//! user's own and no link, nothing is looked up but in it, and a file is checked
//! and mapped through one descriptor.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File};
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{self, AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::process::geteuid;
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

use crate::terminal::tell;

/// After so long without use a file goes.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// So many bytes are kept; what was not used for longest goes.
const SIZE: u64 = 4 << 30;

/// What files end in, and those that are not complete.
const COMPLETE: &str = ".cwasm";
const INCOMPLETE: &str = ".part";

/// What is locked while one is made.
const LOCK: &str = ".lock";

/// The user's own directory.
#[derive(Debug)]
pub(crate) struct Cache(OwnedFd);

/// A file that is not under its name yet.
#[derive(Debug)]
pub(crate) struct Unfinished {
    pub(crate) file: File,
    name: String,
}

/// As the XDG base directory specification has it.
pub(crate) fn path() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("capsock"))
}

/// The name of what a component is compiled to: by its content, and by the engine,
/// its version and settings.
pub(crate) fn name(engine: &Engine, component: &[u8]) -> String {
    struct Digested(blake3::Hasher);
    impl Hasher for Digested {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut digested = Digested(blake3::Hasher::new());
    digested.0.update(blake3::hash(component).as_bytes());
    engine.precompile_compatibility_hash().hash(&mut digested);
    let key = digested.0.finalize().to_hex().to_string();
    key + COMPLETE
}

/// Maps native code. An error where it is of another version of wasmtime or of
/// other settings, which wasmtime checks.
pub(crate) fn map(engine: &Engine, file: &File) -> Result<Component> {
    // The file that is open, whatever its name leads to.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: the file is one that this program made, in memory or in a directory
    // that only this user can write to, and that was checked; nobody writes to it
    // afterwards.
    #[allow(unsafe_code, reason = "a file of native code is to be trusted")]
    unsafe {
        Component::deserialize_file(engine, path)
    }
}

impl Cache {
    /// Opens the directory, which is made where it is not there. `None` where
    /// there is none to be trusted: it works without, only slower.
    pub(crate) fn open() -> Option<Self> {
        let path = path()?;
        match Self::at(&path) {
            Ok(cache) => Some(cache),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tell(format_args!(
                    "the cache {} is not used: {error}; remove it, or set XDG_CACHE_HOME",
                    path.display()
                ));
                None
            }
            Err(error) => {
                tracing::info!(%error, path = %path.display(), "no cache for compiled components");
                None
            }
        }
    }

    fn at(path: &Path) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
        let parent = fs::open(parent, DIRECTORY, Mode::empty())?;
        match fs::mkdirat(&parent, name, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let wrong = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let directory = match fs::openat(&parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
        {
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => {
                return Err(wrong("it is no directory, or a symbolic link"));
            }
            opened => opened?,
        };
        match is_own(&fs::fstat(&directory)?) {
            true => Ok(Self(directory)),
            false => Err(wrong("it is another user's, or others may write to it")),
        }
    }

    /// What was kept under a name; `None` where there is nothing that can be used.
    pub(crate) fn load(&self, engine: &Engine, name: &str) -> Option<Component> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::openat(&self.0, name, flags, Mode::empty()).ok()?;
        let stat = fs::fstat(&file).ok()?;
        if !is_file(&stat) || !is_own(&stat) || stat.st_nlink != 1 {
            tracing::info!(name, "a compiled component is not the user's own");
            return None;
        }
        let file = File::from(file);
        // So that it is known to be in use.
        _ = file.set_modified(SystemTime::now());
        map(engine, &file)
            .inspect_err(|error| tracing::info!(%error, "a compiled component cannot be used"))
            .ok()
    }

    /// Waits until no other process makes what is kept under a name, and lets none
    /// begin until it is dropped (`flock(2)`): of ten that start at once, one
    /// compiles.
    pub(crate) fn turn(&self, name: &str) -> Option<OwnedFd> {
        let stem = name.strip_suffix(COMPLETE).unwrap_or(name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = fs::openat(&self.0, format!("{stem}{LOCK}"), flags, mode).ok()?;
        // Where it cannot be had, each compiles.
        fs::flock(&file, FlockOperation::LockExclusive).ok()?;
        Some(file)
    }

    /// Makes a file that is to be kept under a name.
    pub(crate) fn begin(&self, name: &str) -> io::Result<Unfinished> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        let stem = name.strip_suffix(COMPLETE).unwrap_or(name);
        let name = format!("{stem}.{}-{now}{INCOMPLETE}", std::process::id());
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.0, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Unfinished {
            file: file.into(),
            name,
        })
    }

    /// Keeps a file that is complete now.
    pub(crate) fn keep(&self, unfinished: &Unfinished, name: &str) {
        match fs::renameat(&self.0, &unfinished.name, &self.0, name) {
            Ok(()) => self.discard_unused(),
            Err(error) => {
                tracing::info!(%error, name, "a compiled component is not kept");
                self.discard(unfinished);
            }
        }
    }

    /// Removes a file that is not to be kept.
    pub(crate) fn discard(&self, unfinished: &Unfinished) {
        _ = fs::unlinkat(&self.0, &unfinished.name, AtFlags::empty());
    }

    /// Removes what was not used for long, of its own files. What cannot be
    /// removed stays.
    fn discard_unused(&self) {
        let Ok(entries) = Dir::read_from(&self.0) else {
            return;
        };
        let mut files: Vec<(SystemTime, u64, Vec<u8>)> = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_bytes();
            let stat = fs::statat(&self.0, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
            let Ok(stat) = stat else { continue };
            if is_name(name) && is_file(&stat) && is_own(&stat) {
                let used = Duration::from_secs(stat.st_mtime.try_into().unwrap_or_default());
                let size = stat.st_size.try_into().unwrap_or_default();
                files.push((UNIX_EPOCH + used, size, name.to_owned()));
            }
        }
        files.sort();
        let mut size = 0;
        for (used, length, name) in files.into_iter().rev() {
            size += length;
            if size > SIZE || used.elapsed().is_ok_and(|time| time > KEPT) {
                _ = fs::unlinkat(&self.0, OsStr::from_bytes(&name), AtFlags::empty());
            }
        }
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The user's, and nobody else may write to it.
fn is_own(stat: &Stat) -> bool {
    let others = Mode::WGRP | Mode::WOTH;
    stat.st_uid == geteuid().as_raw() && !Mode::from_raw_mode(stat.st_mode).intersects(others)
}

fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

/// A name that [`name`], [`Cache::turn`] or [`Cache::begin`] gives.
fn is_name(name: &[u8]) -> bool {
    let Some((key, rest)) = name.split_at_checked(64) else {
        return false;
    };
    let of_hash = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let complete = rest == COMPLETE.as_bytes() || rest == LOCK.as_bytes();
    let incomplete = rest.starts_with(b".") && rest.ends_with(INCOMPLETE.as_bytes());
    key.iter().all(of_hash) && (complete || incomplete)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn read(path: &Path) -> Option<Vec<u8>> {
        std::fs::read(path).ok()
    }

    #[test]
    fn a_directory_of_others_is_none() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join(name);
        assert!(Cache::at(&at("deep/new/capsock")).is_ok());
        let mode = |name: &str| at(name).metadata().expect("made").permissions().mode() & 0o777;
        assert_eq!(mode("deep/new/capsock"), 0o700);
        symlink(at("deep/new/capsock"), at("link")).expect("linked");
        std::fs::write(at("file"), "").expect("written");
        let error = |name: &str| Cache::at(&at(name)).expect_err(name).to_string();
        assert!(error("link").contains("symbolic link"));
        assert!(error("file").contains("no directory"));
        for open in [0o770, 0o707] {
            let permissions = std::fs::Permissions::from_mode(open);
            std::fs::set_permissions(at("deep/new/capsock"), permissions).expect("set");
            assert!(error("deep/new/capsock").contains("others may write"));
        }
    }

    #[test]
    fn only_its_own_old_files_go() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("capsock");
        let cache = Cache::at(&path).expect("a cache");
        let key = "0123456789abcdef".repeat(4);
        let old = |name: &str| {
            let file = File::create(path.join(name)).expect("made");
            let time = SystemTime::now() - 2 * KEPT;
            file.set_modified(time).expect("set");
        };
        let own = [
            format!("{key}.cwasm"),
            format!("{key}.12-34.part"),
            format!("{key}.lock"),
        ];
        let others = [
            "notes".to_owned(),
            format!("{key}.wasm"),
            format!("{key}x.cwasm"),
            format!("{}.cwasm", key.to_uppercase()),
        ];
        own.iter().chain(&others).for_each(|name| old(name));
        // A stranger's, by a link.
        let stranger = root.path().join("stranger");
        std::fs::write(&stranger, "").expect("written");
        let link = path.join(format!("{}.cwasm", "0".repeat(64)));
        symlink(&stranger, &link).expect("linked");
        cache.discard_unused();
        for name in own {
            assert_eq!(read(&path.join(&name)), None, "{name}");
        }
        for name in others {
            assert!(read(&path.join(&name)).is_some(), "{name}");
        }
        assert!(link.is_symlink() && stranger.exists());
    }

    #[test]
    fn one_is_made_at_a_time() {
        let root = tempfile::tempdir().expect("a directory");
        let cache = Cache::at(&root.path().join("capsock")).expect("a cache");
        let [one, other] = ["1", "2"].map(|digit| digit.repeat(64) + COMPLETE);
        let turn = cache.turn(&one).expect("nobody has it");
        let tried = |name: &str| {
            let stem = name.strip_suffix(COMPLETE).expect("a name");
            let file = fs::openat(
                &cache.0,
                format!("{stem}{LOCK}"),
                OFlags::RDWR,
                Mode::empty(),
            );
            let file = file.expect("it is there");
            fs::flock(file, FlockOperation::NonBlockingLockExclusive)
        };
        assert_eq!(tried(&one), Err(rustix::io::Errno::WOULDBLOCK));
        drop(cache.turn(&other).expect("another one does not wait"));
        assert_eq!(tried(&other), Ok(()));
        drop(turn);
        assert_eq!(tried(&one), Ok(()));
    }

    #[test]
    fn what_others_could_have_written_is_not_loaded() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("capsock");
        let cache = Cache::at(&path).expect("a cache");
        let engine = Engine::default();
        let name = name(&engine, b"");
        let unfinished = cache.begin(&name).expect("a file");
        let component = Component::new(&engine, b"\0asm\x0d\0\x01\0").expect("an empty component");
        let code = component.serialize().expect("code");
        std::fs::write(path.join(&unfinished.name), code).expect("written");
        assert!(cache.load(&engine, &name).is_none());
        cache.keep(&unfinished, &name);
        let file = path.join(&name);
        let loads = || cache.load(&engine, &name).is_some();
        assert!(loads());
        let mode = |mode| {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
        };
        mode(0o620);
        assert!(!loads());
        mode(0o602);
        assert!(!loads());
        mode(0o600);
        std::fs::hard_link(&file, root.path().join("alias")).expect("linked");
        assert!(!loads());
        std::fs::remove_file(root.path().join("alias")).expect("removed");
        assert!(loads());
        let elsewhere = root.path().join("elsewhere");
        std::fs::rename(&file, &elsewhere).expect("renamed");
        symlink(&elsewhere, &file).expect("linked");
        assert!(!loads());
    }
}
