//! Threads that the kernel lets make sockets in one directory only.

use std::os::fd::BorrowedFd;
use std::panic::resume_unwind;
use std::thread;

use landlock::{
    AccessFs, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError,
};

use crate::Errno;

/// Does `work` on a thread of its own, on which `bind(2)` makes no socket's file
/// but beneath `directory` (landlock(7), Linux 5.13). Whatever links the path
/// that it is given goes through, the kernel asks where they have led.
///
/// `None`, and nothing is done, where the kernel has no Landlock, or this thread
/// has as many of its layers as there can be, which are 16.
///
/// # Errors
/// Those of `pthread_create(3)`.
pub(super) fn making_sockets_in<T: Send>(
    directory: BorrowedFd<'_>,
    work: impl FnOnce() -> T + Send,
) -> Result<Option<T>, Errno> {
    thread::scope(|scope| {
        // What the thread is forbidden, it is for good: each has its own.
        let thread = thread::Builder::new().spawn_scoped(scope, || {
            restrict_to(directory)?;
            Ok::<T, RulesetError>(work())
        })?;
        match thread.join() {
            Ok(Ok(done)) => Ok(Some(done)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "landlock");
                Ok(None)
            }
            Err(panic) => resume_unwind(panic),
        }
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
