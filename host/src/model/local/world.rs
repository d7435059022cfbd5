//! The directory, the names and the ports of one sequence.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Kind;
use super::rules::{Names, PATHS, Thing};
use crate::{Address, NetlinkAddress, UnixAddress};

#[derive(Debug)]
pub(super) struct World {
    pub(super) names: Names,
    root: PathBuf,
}

impl World {
    /// `real/sub`, `other`, and `alias`, a link to `real`.
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let name = format!("capsock-model-{process}-{count}");
        let root = std::env::temp_dir().join(&name);
        DirBuilder::new()
            .mode(0o700)
            .create(&root)
            .expect("a directory");
        // Paths with links in them are about more than the model knows.
        let root = root.canonicalize().expect("it is there");
        let world = Self {
            names: Names {
                root: root.to_str().expect("UTF-8").to_owned(),
                prefix: format!("{name}-"),
                // Above the numbers of processes, and below what the kernel
                // chooses.
                port: 0x1000_0000 + (process << 7) + (count % 32) * 4,
            },
            root,
        };
        let at = |path: &str| world.root.join(path);
        fs::create_dir_all(at("real/sub")).expect("a directory");
        fs::create_dir(at("other")).expect("a directory");
        symlink("real", at("alias")).expect("a link");
        symlink("../other/a", at("real/link")).expect("a link");
        world
    }

    /// All that is in the directory.
    pub(super) fn files(&self) -> BTreeSet<String> {
        let names = |directory: &str| {
            let path = self.root.join(directory);
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
            Thing::Path(path) => Address::Unix(UnixAddress::Pathname(self.root.join(path))),
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
                let is_it = |asked: &str| self.root.join(asked).as_os_str() == path.as_os_str();
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
        // What cannot be removed is in the way of nobody.
        _ = fs::remove_dir_all(&self.root);
    }
}
