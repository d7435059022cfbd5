//! Unix socket paths, opened beneath the directories that rules name.
//!
//! `connect(2)` and `bind(2)` take paths only, and follow links in them. So the
//! directory is opened first, without following a link beneath the one that the
//! user granted, and the kernel gets a path through `/proc/self/fd`, which
//! leads to exactly that directory or socket (proc(5)).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{FileType, OFlags};
use rustix::net::SocketAddrUnix;

use crate::Errno;
use crate::policy::{Policy, VettedPath};

/// The directories that the Unix rules of a policy name.
#[derive(Debug, Default)]
pub(crate) struct UnixDirectories(RwLock<HashMap<PathBuf, Dir>>);

/// A path for the kernel, and the descriptor that it leads through.
#[derive(Debug)]
pub(crate) struct ProcPath {
    address: SocketAddrUnix,
    _held: OwnedFd,
}

impl UnixDirectories {
    /// Opens them with the user's authority: links in what a rule says are the
    /// user's own. A directory that cannot be opened is left out.
    pub(crate) fn open(policy: &Policy, authority: AmbientAuthority) -> Self {
        let directories = Self::default();
        directories.add(policy, authority);
        directories
    }

    /// Opens those that are not open yet, for a rule that was learnt.
    pub(crate) fn add(&self, policy: &Policy, authority: AmbientAuthority) {
        let mut directories = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for path in policy.unix_directories() {
            if directories.contains_key(path) {
                continue;
            }
            match Dir::open_ambient_dir(path, authority) {
                Ok(dir) => {
                    directories.insert(path.to_owned(), dir);
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "directory of a unix rule");
                }
            }
        }
    }

    /// The socket that a vetted path names.
    ///
    /// # Errors
    /// [`Errno::AccessDenied`] for a symbolic link, [`Errno::ConnectionRefused`]
    /// for what is no socket, as connect(2) has it, and [`Errno::NoEntry`].
    pub(crate) fn socket_at(&self, path: Option<&VettedPath>) -> Result<ProcPath, Errno> {
        let (parent, name) = self.parent(path)?;
        let mut options = OpenOptions::new();
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        options
            .read(true)
            .custom_flags(flags.bits() as i32)
            .follow(FollowSymlinks::No);
        let socket = OwnedFd::from(parent.open_with(name, &options)?.into_std());
        match FileType::from_raw_mode(rustix::fs::fstat(&socket)?.st_mode) {
            FileType::Socket => {}
            FileType::Symlink => return Err(Errno::AccessDenied),
            _ => return Err(Errno::ConnectionRefused),
        }
        ProcPath::new(socket, OsStr::new(""))
    }

    /// The place where a vetted path can be bound.
    ///
    /// # Errors
    /// [`Errno::NoEntry`] where its directory does not exist.
    pub(crate) fn place_to_bind(&self, path: Option<&VettedPath>) -> Result<ProcPath, Errno> {
        let (parent, name) = self.parent(path)?;
        ProcPath::new(OwnedFd::from(parent.into_std_file()), name)
    }

    /// Goes down to the directory that holds the last name, through no link.
    ///
    /// # Errors
    /// [`Errno::AccessDenied`] at a symbolic link.
    fn parent<'p>(&self, path: Option<&'p VettedPath>) -> Result<(Dir, &'p OsStr), Errno> {
        // Only a rule for a path passes a path.
        let path = path.ok_or(Errno::AccessDenied)?;
        let name = path.name.file_name().ok_or(Errno::AccessDenied)?;
        let directories = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let root = directories.get(&path.directory).ok_or(Errno::NoEntry)?;
        let mut dir = root.try_clone()?;
        drop(directories);
        for step in path.name.parent().into_iter().flat_map(Path::iter) {
            dir = match dir.open_dir_nofollow(step) {
                // The kernel calls a link no directory.
                Err(_) if is_link(&dir, step) => return Err(Errno::AccessDenied),
                opened => opened?,
            };
        }
        Ok((dir, name))
    }
}

fn is_link(dir: &Dir, name: &OsStr) -> bool {
    let metadata = dir.symlink_metadata(name);
    metadata.is_ok_and(|metadata| metadata.is_symlink())
}

impl ProcPath {
    fn new(held: OwnedFd, name: &OsStr) -> Result<Self, Errno> {
        let mut path = format!("/proc/self/fd/{}", held.as_raw_fd()).into_bytes();
        if !name.is_empty() {
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
        }
        let address = SocketAddrUnix::new(path)?;
        Ok(Self {
            address,
            _held: held,
        })
    }

    pub(crate) fn address(&self) -> &SocketAddrUnix {
        &self.address
    }
}
