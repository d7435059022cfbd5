//! `capsock seal`: a component with its grants inside.

use std::path::{Path, PathBuf};
use std::{fs, io};

use capsock_host::{Limits, Policy};
use capsock_seal::{Keeper, seal as compose};

use crate::args::SealTask;
use crate::terminal::{print, tell};
use crate::{Failure, load, policy};

/// How many seals of one component are looked at: for each all of it is read.
pub(crate) const MOST: usize = 16;

/// Writes the sealed component, and says what is in it.
pub(crate) fn seal(task: &SealTask) -> Result<i32, Failure> {
    let unbuilt = |error| Failure::Usage(format!("{error}"));
    let keeper = match task.portable {
        true => Keeper::portable(),
        false => Keeper::firewall(),
    };
    let keeper = keeper.map_err(unbuilt)?;
    let program = load::read(&task.component, &Limits::default())?;
    let sealed = compose(&program, task.policy.as_ref(), &keeper, &task.pass)
        .map_err(|error| load::unusable(&task.component, &error))?;
    write(&task.output, &sealed).map_err(|error| load::unusable(&task.output, &error))?;
    if task.has_limits {
        tell(format_args!(
            "the limits of the policy are not sealed in: the host that runs it has its own"
        ));
    }
    let rules = sealed_in(task.policy.as_ref());
    print(format_args!(
        "{}: {rules}; {} KiB, {} KiB more than without\n",
        task.output.display(),
        sealed.len() >> 10,
        (sealed.len() - program.len()) >> 10,
    ))?;
    Ok(0)
}

/// What a seal has of rules.
pub(crate) fn sealed_in(policy: Option<&Policy>) -> String {
    match policy {
        Some(policy) => policy::summary(policy),
        None => "no policy: the host alone decides".to_owned(),
    }
}

/// Writes a file whole or not at all, so that what was there is not lost; what is no
/// file, such as a pipe, as it is.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return fs::write(path, bytes);
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let written = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        // It may not even be there.
        _ = fs::remove_file(&unfinished);
    }
    written
}
