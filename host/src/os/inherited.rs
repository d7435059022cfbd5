//! Sockets that this process did not make.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::{self, sockopt};

use crate::{AddressFamily, Errno, SocketType};

/// What a socket is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) family: AddressFamily,
    pub(crate) kind: SocketType,
    pub(crate) number: u32,
    pub(crate) listens: bool,
}

/// `SO_DOMAIN`, `SO_TYPE`, `SO_PROTOCOL` and `SO_ACCEPTCONN`
pub(crate) fn kind(fd: BorrowedFd<'_>) -> Result<Kind, Errno> {
    Ok(Kind {
        family: match sockopt::socket_domain(fd)? {
            net::AddressFamily::INET => AddressFamily::Inet,
            net::AddressFamily::INET6 => AddressFamily::Inet6,
            net::AddressFamily::UNIX => AddressFamily::Unix,
            _ => return Err(Errno::AddressFamilyNotSupported),
        },
        kind: match sockopt::socket_type(fd)? {
            net::SocketType::STREAM => SocketType::Stream,
            net::SocketType::DGRAM => SocketType::Datagram,
            net::SocketType::RAW => SocketType::Raw,
            net::SocketType::RDM => SocketType::Rdm,
            net::SocketType::SEQPACKET => SocketType::Seqpacket,
            _ => return Err(Errno::SocketTypeNotSupported),
        },
        number: sockopt::socket_protocol(fd)?.map_or(0, |protocol| protocol.as_raw().get()),
        listens: sockopt::socket_acceptconn(fd)?,
    })
}

/// `FIONBIO`, for everybody who shares the open socket.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    Ok(rustix::io::ioctl_fionbio(fd, true)?)
}

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
