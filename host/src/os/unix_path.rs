//! Unix socket paths, opened beneath the directories that rules name.
//!
//! `connect(2)` and `bind(2)` take paths only, and follow links in them. So the
//! directory is opened first, without following a link beneath the one that the
//! user granted. To connect, the kernel gets a path through `/proc/self/fd`,
//! which leads to exactly that socket (proc(5)). To bind, it gets the path itself,
//! since it tells that to peers, and may make the socket in that directory only.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use cap_fs_ext::DirExt;
use cap_std::AmbientAuthority;
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::net::SocketAddrAny;

use super::confine::making_sockets_in;
use super::sockaddr::path_address;
use crate::Errno;
use crate::policy::{Policy, VettedPath};

/// The directories that the Unix rules of a policy name.
#[derive(Debug, Default)]
pub(crate) struct UnixDirectories(RwLock<HashMap<PathBuf, Dir>>);

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

/// A path for the kernel, and the descriptor that it leads through.
#[derive(Debug)]
pub(crate) struct ProcPath {
    address: SocketAddrAny,
    _held: OwnedFd,
}

/// What stat(2) tells of the file of a Unix socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketStatus {
    pub(crate) inode: u64,
    pub(crate) device: u64,
    /// Without the type.
    pub(crate) mode: u32,
    pub(crate) owner: u32,
    pub(crate) group: u32,
}

/// A directory that was opened, and a name in it.
#[derive(Debug)]
pub(crate) struct Place {
    directory: OwnedFd,
    name: OsString,
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
        match self.place(path)?.socket() {
            Err(Errno::NotSocket) => Err(Errno::ConnectionRefused),
            found => found,
        }
    }

    /// The place that a vetted path names, whether something is there or not.
    ///
    /// # Errors
    /// [`Errno::NoEntry`] where its directory does not exist, and
    /// [`Errno::AccessDenied`] where it is a symbolic link.
    pub(crate) fn place(&self, path: Option<&VettedPath>) -> Result<Place, Errno> {
        let (directory, name) = self.parent(path)?;
        Ok(Place {
            directory: OwnedFd::from(directory.into_std_file()),
            name: name.to_owned(),
        })
    }

    /// Which file is at a vetted path; none where none is, or a link leads there.
    pub(crate) fn file_at(&self, path: &VettedPath) -> Option<FileId> {
        let place = self.place(Some(path)).ok()?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = rustix::fs::statat(&place.directory, &place.name, flags).ok()?;
        Some(FileId {
            device: stat.st_dev,
            inode: stat.st_ino,
        })
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

impl Place {
    /// Has `bind` bind a socket here by its whole path, which peers will see.
    ///
    /// A link that has come into the path since this place was opened leads
    /// nowhere: the kernel makes the socket beneath this directory only, and one
    /// that is further down than here is ended by `end`. Without Landlock `bind`
    /// gets a path through `/proc`, and peers see that one.
    ///
    /// # Errors
    /// Those of `bind`; [`Errno::AccessDenied`] where the path leads elsewhere.
    /// What is there is not told.
    pub(crate) fn bind(
        &self,
        path: &Path,
        bind: impl Fn(&SocketAddrAny) -> Result<(), Errno> + Sync,
        end: impl Fn(),
    ) -> Result<(), Errno> {
        let address = path_address(path)?;
        match making_sockets_in(self.directory.as_fd(), || bind(&address)) {
            None => bind(&proc_path(&self.directory, &self.name)?),
            Some(Ok(())) if self.is_there() => Ok(()),
            Some(Ok(())) => {
                end();
                Err(self.elsewhere(path))
            }
            Some(Err(Errno::NoEntry)) if self.is_removed() => Err(Errno::NoEntry),
            Some(Err(Errno::AddressInUse)) if self.is_there() => Err(Errno::AddressInUse),
            Some(Err(
                Errno::NoEntry
                | Errno::NotDirectory
                | Errno::SymbolicLinkLoop
                | Errno::AddressInUse,
            )) => Err(self.elsewhere(path)),
            Some(failed) => failed,
        }
    }

    /// Moves what is here to a name of no use in the same directory (`renameat2(2)`).
    pub(crate) fn moved_aside(&self) -> Result<Self, Errno> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!(".capsock-{}-{count}", std::process::id());
            let aside = Self {
                directory: self.directory.try_clone()?,
                name: name.into(),
            };
            match self.move_to(&aside) {
                Err(Errno::Exists) => {}
                moved => return moved.map(|()| aside),
            }
        }
    }

    /// Moves what is here to another place where nothing is.
    pub(crate) fn move_to(&self, place: &Self) -> Result<(), Errno> {
        Ok(rustix::fs::renameat_with(
            &self.directory,
            &self.name,
            &place.directory,
            &place.name,
            RenameFlags::NOREPLACE,
        )?)
    }

    /// `unlink(2)` of what is here.
    pub(crate) fn unlink(&self) -> Result<(), Errno> {
        let no_directory = AtFlags::empty();
        Ok(rustix::fs::unlinkat(
            &self.directory,
            &self.name,
            no_directory,
        )?)
    }

    /// The socket that is here.
    ///
    /// # Errors
    /// [`Errno::AccessDenied`] for a symbolic link, [`Errno::NotSocket`] for
    /// another file, and [`Errno::NoEntry`].
    pub(crate) fn socket(&self) -> Result<ProcPath, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let socket = rustix::fs::openat(&self.directory, &self.name, flags, Mode::empty())?;
        check_socket(&rustix::fs::fstat(&socket)?)?;
        let address = proc_path(&socket, OsStr::new(""))?;
        Ok(ProcPath {
            address,
            _held: socket,
        })
    }

    /// What is told of the socket that is here.
    ///
    /// # Errors
    /// As [`Place::socket`].
    pub(crate) fn socket_status(&self) -> Result<SocketStatus, Errno> {
        let stat = rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)?;
        check_socket(&stat)?;
        Ok(SocketStatus {
            inode: stat.st_ino,
            device: stat.st_dev,
            mode: stat.st_mode & 0o7777,
            owner: stat.st_uid,
            group: stat.st_gid,
        })
    }

    fn is_there(&self) -> bool {
        rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    fn is_removed(&self) -> bool {
        rustix::fs::fstat(&self.directory).is_ok_and(|directory| directory.st_nlink == 0)
    }

    fn elsewhere(&self, path: &Path) -> Errno {
        tracing::warn!(path = %path.display(), "leads out of the directory that was opened");
        Errno::AccessDenied
    }
}

/// Whether a file is a socket.
fn check_socket(stat: &Stat) -> Result<(), Errno> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket => Ok(()),
        FileType::Symlink => Err(Errno::AccessDenied),
        _ => Err(Errno::NotSocket),
    }
}

/// Where an open directory or file is, or a name in it (proc(5)).
fn proc_path(held: &OwnedFd, name: &OsStr) -> Result<SocketAddrAny, Errno> {
    let held = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    let path = match name.is_empty() {
        true => held,
        false => held.join(name),
    };
    path_address(&path)
}

impl ProcPath {
    pub(crate) fn address(&self) -> &SocketAddrAny {
        &self.address
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use landlock::{
        AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    };
    use tempfile::TempDir;

    use super::*;
    use crate::os::{self, ReceiveFlags};
    use crate::{Address, AddressFamily, Op, SocketType, UnixAddress};

    /// `granted/sub`, which is opened, and what is beside it.
    struct Tree {
        root: TempDir,
        place: Place,
    }

    impl Tree {
        fn new() -> Self {
            let root = tempfile::tempdir().expect("a directory");
            let granted = root.path().join("granted");
            fs::create_dir_all(granted.join("sub/inner")).expect("directories");
            fs::create_dir(root.path().join("outside")).expect("a directory");
            let target = format!("unix:{}/", granted.display());
            let policy = Policy::default().allow(Op::Bind, &target).expect("a grant");
            let directories = UnixDirectories::open(&policy, cap_std::ambient_authority());
            let path = VettedPath {
                directory: granted,
                name: "sub/s".into(),
            };
            let place = directories.place(Some(&path)).expect("it is there");
            Self { root, place }
        }

        fn at(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }

        fn swap_for_link_to(&self, target: &str) {
            fs::rename(self.at("granted/sub"), self.at("granted/old")).expect("rename");
            symlink(self.at(target), self.at("granted/sub")).expect("symlink");
        }

        fn bind(&self) -> (OwnedFd, Result<(), Errno>) {
            let stream = SocketType::Stream;
            let socket = os::create(AddressFamily::Unix, stream, 0).expect("socket");
            let bind = |address: &SocketAddrAny| Ok(rustix::net::bind(&socket, address)?);
            let end = || os::shutdown(socket.as_fd(), os::Shutdown::Both).expect("shutdown");
            let bound = self.place.bind(&self.at("granted/sub/s"), bind, end);
            (socket, bound)
        }
    }

    fn is_there(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    #[test]
    fn a_socket_has_the_path_that_it_was_given() {
        let tree = Tree::new();
        let (socket, bound) = tree.bind();
        assert_eq!(bound, Ok(()));
        let path = tree.at("granted/sub/s");
        let name = os::local_address(socket.as_fd()).expect("getsockname");
        assert_eq!(name, Address::Unix(UnixAddress::Pathname(path)));
        assert_eq!(tree.bind().1, Err(Errno::AddressInUse));
    }

    #[test]
    fn a_link_that_came_later_leads_nowhere() {
        let tree = Tree::new();
        fs::write(tree.at("granted/beside"), "").expect("a file");
        tree.swap_for_link_to("outside");
        assert_eq!(tree.bind().1, Err(Errno::AccessDenied));
        assert!(!is_there(&tree.at("outside/s")));
        assert!(!is_there(&tree.at("granted/old/s")));
        // Nor does it tell what is there.
        fs::write(tree.at("outside/s"), "").expect("a file");
        assert_eq!(tree.bind().1, Err(Errno::AccessDenied));
        fs::remove_dir_all(tree.at("outside")).expect("remove");
        assert_eq!(tree.bind().1, Err(Errno::AccessDenied));
    }

    /// The kernel lets it be made there, since it is beneath the directory: so
    /// nobody may reach it.
    #[test]
    fn a_socket_that_a_link_led_beneath_its_directory_is_dead() {
        let tree = Tree::new();
        tree.swap_for_link_to("granted/old/inner");
        let (socket, bound) = tree.bind();
        assert_eq!(bound, Err(Errno::AccessDenied));
        assert_eq!(rustix::net::listen(&socket, 1), Ok(()));
        let reached = UnixStream::connect(tree.at("granted/old/inner/s"));
        let error = reached.expect_err("it does not answer").kind();
        assert_eq!(error, std::io::ErrorKind::ConnectionRefused);
        let received = os::receive(socket.as_fd(), 1, ReceiveFlags::DONTWAIT);
        received.expect_err("it is not connected");
    }

    #[test]
    fn a_directory_that_is_gone_has_no_sockets() {
        let tree = Tree::new();
        fs::remove_dir_all(tree.at("granted/sub")).expect("remove");
        assert_eq!(tree.bind().1, Err(Errno::NoEntry));
        // Another one in its place is not the one that was opened.
        fs::create_dir(tree.at("granted/sub")).expect("a directory");
        assert_eq!(tree.bind().1, Err(Errno::AccessDenied));
        assert!(!is_there(&tree.at("granted/sub/s")));
    }

    /// A thread has at most 16 layers of Landlock: one more is as none at all.
    #[test]
    fn without_landlock_it_is_bound_through_proc() {
        let tree = Tree::new();
        tree.swap_for_link_to("outside");
        let bind = || {
            for _layer in 0..16 {
                let make = AccessFs::MakeSock;
                let ruleset = Ruleset::default().handle_access(make)?.create()?;
                let root = PathFd::new("/").expect("the root");
                let ruleset = ruleset.add_rule(PathBeneath::new(root, make))?;
                let status = ruleset.restrict_self()?.ruleset;
                assert_eq!(status, RulesetStatus::FullyEnforced);
            }
            Ok::<_, landlock::RulesetError>(tree.bind())
        };
        let (socket, bound) = thread::scope(|scope| scope.spawn(bind).join())
            .expect("no panic")
            .expect("landlock");
        assert_eq!(bound, Ok(()));
        assert!(is_there(&tree.at("granted/old/s")));
        assert!(!is_there(&tree.at("outside/s")));
        let name = os::local_address(socket.as_fd()).expect("getsockname");
        assert!(
            name.to_string().starts_with("unix:/proc/self/fd/"),
            "{name}"
        );
    }
}
