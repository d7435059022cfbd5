//! The directory, the names and the ports of one sequence.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Kind;
use super::rules::{LINK, Names, PATHS, Thing};
use crate::{Address, NetlinkAddress, UnixAddress};

/// `real/sub`, `other`, and `alias`, a link to `real`: of one thread, since to make
/// it takes as long as a sequence does.
#[derive(Debug)]
struct Directory(PathBuf);

#[derive(Debug)]
pub(super) struct World {
    pub(super) names: Names,
    directory: Rc<Directory>,
}

/// Numbers that nothing else of the process has.
fn next() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

impl Directory {
    fn new() -> Self {
        let name = format!("capsock-model-{}-{}", std::process::id(), next());
        let root = std::env::temp_dir().join(name);
        let mut private = DirBuilder::new();
        private.mode(0o700).create(&root).expect("a directory");
        // Paths with links in them are about more than the model knows.
        let root = root.canonicalize().expect("it is there");
        fs::create_dir_all(root.join("real/sub")).expect("a directory");
        fs::create_dir(root.join("other")).expect("a directory");
        symlink("real", root.join("alias")).expect("a link");
        symlink("../other/a", root.join(LINK)).expect("a link");
        Self(root)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed is in the way of nobody.
        _ = fs::remove_dir_all(&self.0);
    }
}

impl World {
    pub(super) fn new() -> Self {
        thread_local! {
            static DIRECTORY: Rc<Directory> = Rc::new(Directory::new());
        }
        let directory = DIRECTORY.with(Rc::clone);
        let (process, count) = (std::process::id(), next());
        Self {
            names: Names {
                root: directory.0.to_str().expect("UTF-8").to_owned(),
                prefix: format!("capsock-model-{process}-{count}-"),
                // Above the numbers of processes, and below what the kernel
                // chooses.
                port: 0x1000_0000 + (process << 7) + (count % 32) * 4,
            },
            directory,
        }
    }

    /// All that is in the directory.
    pub(super) fn files(&self) -> BTreeSet<String> {
        let names = |directory: &str| {
            let path = self.directory.at(directory);
            let entries = fs::read_dir(path).expect("it is there");
            let prefix = match directory {
                "" => String::new(),
                directory => format!("{directory}/"),
            };
            entries.map(move |entry| {
                let name = entry.expect("it is there").file_name();
                format!("{prefix}{}", name.display())
            })
        };
        ["", "real", "real/sub", "other"]
            .into_iter()
            .flat_map(names)
            .collect()
    }

    /// One of the ports of the sequence, or the kernel.
    pub(super) fn port(&self, index: usize) -> u32 {
        match u32::try_from(index).expect("few") {
            0 => 0,
            index => self.names.port + index - 1,
        }
    }

    pub(super) fn abstract_name(&self, name: &str) -> Thing {
        Thing::Abstract(format!("{}{name}", self.names.prefix).into_bytes())
    }

    pub(super) fn address(&self, thing: &Thing) -> Address {
        match thing {
            Thing::Path(path) => Address::Unix(UnixAddress::Pathname(self.directory.at(path))),
            Thing::Abstract(name) => Address::Unix(UnixAddress::Abstract(name.clone())),
            Thing::Unnamed => Address::Unix(UnixAddress::Unnamed),
            Thing::Netlink(_, port_id) => Address::Netlink(NetlinkAddress {
                port_id: *port_id,
                groups: 0,
            }),
            Thing::Other => unreachable!("it is no address"),
        }
    }

    /// What an address is that the host told.
    pub(super) fn thing_of(&self, kind: Option<Kind>, address: &Address) -> Thing {
        match (kind, address) {
            (_, Address::Unix(UnixAddress::Unnamed)) => Thing::Unnamed,
            (_, Address::Unix(UnixAddress::Abstract(name))) => Thing::Abstract(name.clone()),
            (_, Address::Unix(UnixAddress::Pathname(path))) => {
                // As bytes: to `Path` a//b is a/b.
                let is_it = |asked: &str| self.directory.at(asked).as_os_str() == path.as_os_str();
                let known = PATHS.iter().find(|(known, _)| is_it(known));
                known.map_or(Thing::Other, |(path, _)| Thing::Path(path))
            }
            (Some(Kind::Netlink(number)), Address::Netlink(address)) => {
                Thing::Netlink(number, address.port_id)
            }
            _ => Thing::Other,
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (path, truth) in PATHS {
            if path == truth && path != LINK {
                // Mostly none was made.
                _ = fs::remove_file(self.directory.at(path));
            }
        }
    }
}
