//! `capsock seal`: a component with its grants inside.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use capsock_host::policy::{Op, shown};
use capsock_host::{Limits, Policy};
use capsock_seal::{Keeper, seal as compose};

use crate::args::SealTask;
use crate::files::is_descriptor;
use crate::terminal::{print, put, tell};
use crate::{Failure, guard, load, policy};

/// How many seals of one component are looked at: for each all of it is read.
pub(crate) const MOST: usize = 16;

/// What stands for standard output.
const STANDARD: &str = "-";

/// Writes the sealed component, and says what is in it.
pub(crate) fn seal(task: &SealTask) -> Result<i32, Failure> {
    let unbuilt = |error| Failure::Usage(format!("{error}"));
    let keeper = match task.portable {
        true => Keeper::portable(),
        false => Keeper::firewall(),
    };
    let keeper = keeper.map_err(unbuilt)?;
    let output = fs::canonicalize(&task.output);
    if let Ok(output) = output
        && (task.policy_files.iter())
            .any(|file| fs::canonicalize(file).is_ok_and(|file| file == output))
    {
        return Err(load::unusable(
            &task.output,
            &"this is the policy, and is not overwritten",
        ));
    }
    let program = load::read(&task.component, &Limits::default())?;
    let sealed = guard::silently(|| compose(&program, task.policy.as_ref(), &keeper, &task.pass))
        .map_err(|error| load::unusable(&task.component, &error))?;
    let is_file = write(&task.output, &sealed);
    let is_file = is_file.map_err(|error| load::unusable(&task.output, &error))?;
    if task.has_limits {
        tell(format_args!(
            "the limits of the policy are not sealed in: the host that runs it has its own"
        ));
    }
    let without_use = task.policy.iter().flat_map(Policy::rules);
    let without_use: Vec<String> = without_use
        .filter(|rule| !is_of_wasi(rule.op(), &rule.target()))
        .map(ToString::to_string)
        .collect();
    if let [first, more @ ..] = &without_use[..] {
        tell(format_args!(
            "WASI has nothing that these rules are about, so they allow nothing but under `capsock \
             run`: {first}{}",
            match more.len() {
                0 => String::new(),
                more => format!(", and {more} more"),
            }
        ));
    }
    for name in &task.pass {
        let name = shown(name, NAME);
        tell(format_args!(
            "{name} is passed: no rule is asked about what it reaches"
        ));
    }
    let summary = format!(
        "{}: {}; {} KiB, {} KiB more than without",
        task.output.display(),
        sealed_in(task.policy.as_ref()),
        sealed.len() >> 10,
        (sealed.len() - program.len()) >> 10,
    );
    match is_file {
        true => print(format_args!("{summary}\n"))?,
        // The component may be what standard output has.
        false => tell(format_args!("{summary}")),
    }
    Ok(0)
}

/// How much of a name is shown, in bytes.
const NAME: usize = 200;

/// Whether WASI has what a rule is about.
fn is_of_wasi(op: Op, target: &str) -> bool {
    match op {
        Op::Resolve => true,
        _ => ["tcp://", "udp://", "ip://"]
            .iter()
            .any(|protocol| target.starts_with(protocol)),
    }
}

/// What a seal has of rules.
pub(crate) fn sealed_in(policy: Option<&Policy>) -> String {
    match policy {
        Some(policy) => policy::summary(policy),
        None => "no policy: the host alone decides".to_owned(),
    }
}

/// Writes a file whole or not at all, so that what was there is not lost; what is no
/// file, such as a pipe, or a descriptor of this process, as it is. Whether it is a file.
fn write(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    if path == Path::new(STANDARD) {
        return put(bytes).map(|()| false);
    }
    if is_descriptor(path) {
        return fs::write(path, bytes).map(|()| false);
    }
    // The file that a link leads to.
    let (path, permissions) = match fs::metadata(path) {
        Ok(there) if !there.is_file() => return fs::write(path, bytes).map(|()| false),
        Ok(there) => (fs::canonicalize(path)?, there.permissions()),
        Err(_absent) => (path.to_owned(), Permissions::from_mode(0o666)),
    };
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    // As open(2) makes it, by a name that nobody knows before.
    let mut unfinished = tempfile::Builder::new()
        .permissions(permissions.clone())
        .tempfile_in(directory)?;
    unfinished.write_all(bytes)?;
    if path.exists() {
        unfinished.as_file().set_permissions(permissions)?;
    }
    unfinished.persist(&path)?;
    Ok(true)
}
