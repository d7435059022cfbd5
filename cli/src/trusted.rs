//! Files that the host trusts, and directories that the guest may write.
//!
//! A guest that can write where the host looks for its policy, appends to its
//! audit or opens a rule's directory decides what the next run may do. So no name
//! of such a path may be looked up in a directory that the guest may write,
//! whatever names lead there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use capsock_host::Effect;

use crate::args::{Mapping, Run};
use crate::{Failure, cache};

/// As many links as the kernel follows.
const LINKS: usize = 40;

/// A path that the host trusts.
struct Trusted {
    /// What it is, as the user knows it.
    what: String,
    path: PathBuf,
    /// Whether it is a directory in which the guest may not write either. The
    /// directory of a grant it may: no link beneath that is followed.
    within: bool,
}

/// The device and number of a directory, whatever it is called.
type Identity = (u64, u64);

/// Checks that the guest may not write where the host trusts what is there.
pub(crate) fn check(run: &Run) -> Result<(), Failure> {
    let mounts = mounts();
    for dir in &run.dirs {
        no_processes(&dir.host, &mounts)?;
    }
    let writable = run.dirs.iter().filter(|dir| dir.writable);
    // What is no directory is told when it is opened.
    let writable: Vec<(Identity, &Mapping)> = writable
        .flat_map(|dir| {
            let beneath = beneath(&dir.host, &mounts).map(|mount| mount.at.as_path());
            let all = std::iter::once(dir.host.as_path()).chain(beneath);
            let identities: Vec<Identity> = all.filter_map(identity).collect();
            identities.into_iter().map(move |identity| (identity, dir))
        })
        .collect();
    if writable.is_empty() {
        return Ok(());
    }
    for trusted in trusted(run) {
        let looked_in = looked_in(&trusted);
        let found = writable
            .iter()
            .find(|(identity, _)| looked_in.contains(identity));
        if let Some((_, dir)) = found {
            let dir = dir.host.display();
            return Err(Failure::Usage(format!(
                "{}: it is reached through --dir {dir}, where the guest may write, so the guest \
                 could change what the host trusts; give the guest that directory as `--dir \
                 {dir}:ro`, only to read, or one that does not lead there",
                trusted.what
            )));
        }
    }
    Ok(())
}

/// A file system, and where it is.
struct Mount {
    at: PathBuf,
    kind: String,
}

/// Those of this process: proc_pid_mountinfo(5). Without it none is known.
fn mounts() -> Vec<Mount> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = |line: &str| {
        let (of_place, of_kind) = line.split_once(" - ")?;
        let at = of_place.split(' ').nth(4)?;
        // As the kernel escapes them.
        let escapes = [
            ("\\040", " "),
            ("\\011", "\t"),
            ("\\012", "\n"),
            ("\\134", "\\"),
        ];
        let at = escapes.iter().fold(at.to_owned(), |at, (escape, plain)| {
            at.replace(escape, plain)
        });
        Some(Mount {
            at: at.into(),
            kind: of_kind.split(' ').next()?.to_owned(),
        })
    };
    table.lines().filter_map(mount).collect()
}

/// What is mounted beneath a directory.
fn beneath<'m>(directory: &Path, mounts: &'m [Mount]) -> impl Iterator<Item = &'m Mount> {
    let directory = directory.canonicalize().ok();
    mounts.iter().filter(move |mount| {
        let directory = directory.as_deref();
        directory.is_some_and(|directory| mount.at.starts_with(directory))
    })
}

/// A file of proc(5) is the memory of this process, by many names, or what its
/// environment and its descriptors are: not even to be read.
fn no_processes(directory: &Path, mounts: &[Mount]) -> Result<(), Failure> {
    let is_proc = |path: &Path| {
        rustix::fs::statfs(path).is_ok_and(|fs| fs.f_type == rustix::fs::PROC_SUPER_MAGIC)
    };
    let mut inside = beneath(directory, mounts);
    if is_proc(directory) || inside.any(|mount| mount.kind == "proc") {
        let directory = directory.display();
        return Err(Failure::Usage(format!(
            "--dir {directory}: there is proc(5), by which a guest has this process's own memory, \
             /proc/self/mem, and that of others; give it a directory without"
        )));
    }
    Ok(())
}

fn trusted(run: &Run) -> Vec<Trusted> {
    let file = |what: String, path: &Path| Trusted {
        what,
        path: path.to_owned(),
        within: false,
    };
    let flag = |name: &str, path: &Path| file(format!("{name} {}", path.display()), path);
    let mut all: Vec<Trusted> = Vec::new();
    all.extend(run.policies.iter().map(|path| flag("--policy", path)));
    all.extend(run.tls_ca.iter().map(|path| flag("--tls-ca", path)));
    let others = run.trusted.iter();
    all.extend(others.map(|(name, path)| flag(name, path)));
    all.extend(run.audit.iter().map(|path| flag("--audit", path)));
    all.extend(run.record.iter().map(|path| flag("--record", path)));
    // The guest could make it one of another place.
    all.extend(run.dirs.iter().map(|dir| flag("--dir", &dir.host)));
    let listeners = run.inherit.listen.iter();
    all.extend(listeners.filter_map(|listen| {
        let what = format!("--inherit-listen {listen}");
        Some(file(what, listen.path()?))
    }));
    let granted = run.policy.unix_directories_of(Effect::Allow);
    if !granted.is_empty() {
        // To rename a socket gets around a denial of its name.
        let denied = run.policy.unix_directories_of(Effect::Deny);
        all.extend(denied.into_iter().map(|path| Trusted {
            what: format!("the directory of a rule, deny unix:{}/", path.display()),
            path,
            within: true,
        }));
    }
    // To give another socket its name gets around a grant of one.
    let of_one = run.policy.unix_peers();
    all.extend(granted.into_iter().map(|path| {
        Trusted {
            what: format!("the directory of a rule, allow unix:{}/", path.display()),
            within: of_one
                .iter()
                .any(|peer| peer.parent() == Some(path.as_path())),
            path,
        }
    }));
    if let Some(path) = cache::path() {
        // Also of a run without: the next one has it.
        all.push(Trusted {
            what: format!("the cache of native code, {}", path.display()),
            path,
            within: true,
        });
    }
    all.extend(["/etc/hosts", "/etc/resolv.conf"].map(|path| {
        let what = format!("what names are looked up by, {path}");
        file(what, Path::new(path))
    }));
    if let Ok(path) = std::env::current_exe() {
        all.push(file(format!("this program, {}", path.display()), &path));
    }
    all
}

/// The directories in which the names of a path are looked up, links and all that
/// is above them included. What does not exist ends it.
fn looked_in(trusted: &Trusted) -> Vec<Identity> {
    let mut directories = Vec::new();
    let Ok(path) = std::path::absolute(&trusted.path) else {
        return directories;
    };
    // It has no links and no `..`.
    let mut at = PathBuf::from("/");
    let mut left = names(&path);
    let mut links = 0;
    while let Some(name) = left.pop() {
        directories.extend(identity(&at));
        if name.as_os_str() == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let Ok(metadata) = fs::symlink_metadata(&next) else {
            return directories;
        };
        if !metadata.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        let Ok(target) = fs::read_link(&next) else {
            return directories;
        };
        if links > LINKS {
            return directories;
        }
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(names(&target));
    }
    if trusted.within {
        directories.extend(identity(&at));
    }
    directories
}

/// The names of a path, the last one first.
fn names(path: &Path) -> Vec<PathBuf> {
    let names = path.components().rev();
    let names = names.filter(|name| matches!(name, Component::Normal(_) | Component::ParentDir));
    names.map(|name| PathBuf::from(name.as_os_str())).collect()
}

fn identity(path: &Path) -> Option<Identity> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// What leads to a path that is trusted, whatever it is called.
    #[test]
    fn each_directory_that_leads_there_is_found() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join(name);
        for directory in ["app/inner", "links", "other"] {
            fs::create_dir_all(at(directory)).expect("made");
        }
        fs::write(at("app/inner/policy"), "").expect("written");
        symlink("../app/inner/policy", at("links/policy")).expect("linked");
        symlink(at("app"), at("alias")).expect("linked");
        symlink("loop", at("loop")).expect("linked");
        let leads = |directory: &str, path: &str, within| {
            let trusted = Trusted {
                what: String::new(),
                path: at(path),
                within,
            };
            looked_in(&trusted).contains(&identity(&at(directory)).expect("there"))
        };
        for path in [
            "app/inner/policy",
            "app/inner/not-there",
            "alias/inner/policy",
            "links/policy",
            "other/../app/inner/policy",
        ] {
            assert!(leads("app", path, false), "{path}");
            assert!(leads("app/inner", path, false), "{path}");
            assert!(leads("alias", path, false), "{path}");
            assert!(!leads("app/inner/policy", path, false), "{path}");
        }
        assert!(leads("links", "links/policy", false));
        assert!(!leads("other", "links/policy", false));
        assert!(!leads("app", "loop", false));
        assert!(!leads("app", "app", false));
        assert!(leads("app", "app", true));
    }
}
