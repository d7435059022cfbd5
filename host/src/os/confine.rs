//! Threads that the kernel lets make sockets in one directory only.

use std::os::fd::BorrowedFd;
use std::panic::resume_unwind;
use std::thread;

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError,
};

/// Does `work` on a thread of its own, on which `bind(2)` makes no socket's file
/// but beneath `directory` (landlock(7), Linux 5.13). Whatever links the path
/// that it is given goes through, the kernel asks where they have led.
///
/// `None`, and nothing is done, where that cannot be: the kernel has no Landlock,
/// this thread has 16 layers of it, which are the most, or no thread can be made.
pub(super) fn making_sockets_in<T: Send>(
    directory: BorrowedFd<'_>,
    work: impl FnOnce() -> T + Send,
) -> Option<T> {
    thread::scope(|scope| {
        // What a thread is forbidden, it is for good: so each bind has its own.
        let spawned = thread::Builder::new().spawn_scoped(scope, || {
            restrict_to(directory)?;
            Ok::<T, RulesetError>(work())
        });
        let joined = match spawned {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(error) => {
                tracing::warn!(%error, "a thread to bind a Unix socket on");
                return None;
            }
        };
        joined
            .inspect_err(|error| tracing::warn!(%error, "landlock"))
            .ok()
    })
}

fn restrict_to(directory: BorrowedFd<'_>) -> Result<(), RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::MakeSock)?
        .create()?
        .add_rule(PathBeneath::new(directory, AccessFs::MakeSock))?
        .restrict_self()?;
    Ok(())
}
