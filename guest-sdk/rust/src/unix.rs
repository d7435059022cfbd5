//! The files of Unix sockets.

use std::path::Path;

use crate::address::{Address, UnixAddress};
use crate::bindings::socket as wit;
use crate::error::{Error, Result};

/// Removes the file of a Unix socket that is not open any more: `unlink(2)`. A
/// program that was ended leaves it behind, and then its address is in use.
///
/// It needs the grant to bind the path, and none for the directory:
/// `std::fs::remove_file` needs that one.
///
/// ```no_run
/// use capsock_guest::{AF_UNIX, SOCK_STREAM, Socket, unlink_unix};
///
/// let s = Socket::new(AF_UNIX, SOCK_STREAM)?;
/// match unlink_unix("/run/app/echo.sock") {
///     Err(error) if error.name() != Some("ENOENT") => return Err(error),
///     _ => s.bind("/run/app/echo.sock")?,
/// }
/// s.listen(1)?;
/// # Ok::<(), capsock_guest::Error>(())
/// ```
///
/// # Errors
/// `EADDRINUSE` where an open socket is bound to it, also one of this program;
/// `ENOENT`; `ENOTSOCK` for another file; `EACCES` without the grant, and for a
/// symbolic link; `EINVAL` for what is no path.
pub fn unlink_unix(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref().as_os_str().as_encoded_bytes();
    let address = Address::Unix(UnixAddress::Pathname(path.to_vec()));
    wit::unlink(&address.to_wit()).map_err(|code| Error::new("unlink", code).on(&address))
}

/// What is told of the file of a Unix socket: `struct stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixStatus {
    /// The file's number in its file system (`st_ino`).
    pub inode: u64,
    /// The file system's number (`st_dev`).
    pub device: u64,
    /// The permissions: the lower 12 bits of `st_mode`.
    pub mode: u32,
    /// The number of the user who owns it (`st_uid`).
    pub owner: u32,
    /// The number of its group (`st_gid`).
    pub group: u32,
}

/// Tells of the file of a Unix socket: `lstat(2)`. It needs the grant to bind the path,
/// and none for the directory.
///
/// # Errors
/// `ENOENT`; `ENOTSOCK` for another file; `EACCES` without the grant, and for a
/// symbolic link; `EINVAL` for what is no path.
pub fn stat_unix(path: impl AsRef<Path>) -> Result<UnixStatus> {
    let path = path.as_ref().as_os_str().as_encoded_bytes();
    let address = Address::Unix(UnixAddress::Pathname(path.to_vec()));
    let status = wit::stat(&address.to_wit());
    let status = status.map_err(|code| Error::new("stat", code).on(&address))?;
    Ok(UnixStatus {
        inode: status.inode,
        device: status.device,
        mode: status.mode,
        owner: status.owner,
        group: status.group,
    })
}
