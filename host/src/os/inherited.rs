//! Sockets that this process did not make.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// The sockets that systemd passed to this process, with their names, the first
/// time; none after that. See [`crate::systemd_sockets`].
#[allow(unsafe_code, reason = "systemd passes descriptors by number")]
pub(crate) fn systemd_sockets() -> io::Result<Vec<(String, OwnedFd)>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    if sd_notify::listen_fds()?.len() == 0 {
        // The names are another process's then, and need not fit.
        return Ok(Vec::new());
    }
    let sockets = sd_notify::listen_fds_with_names()?;
    Ok(sockets
        // SAFETY: sd_listen_fds(3): they are open, this process's, and nobody
        // else's; they are taken once.
        .map(|(fd, name)| (name, unsafe { OwnedFd::from_raw_fd(fd) }))
        .collect())
}
