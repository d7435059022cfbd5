//! The only module that makes system calls on sockets.
//!
//! A function that hands an address to the kernel takes a [`Vetted`] one, so an
//! address that no policy has passed cannot get here.
//!
//! [`Vetted`]: crate::policy::Vetted

mod confine;
pub(crate) mod databases;
pub(crate) mod epoll;
pub(crate) mod file;
mod inherited;
pub(crate) mod interfaces;
mod machine;
pub(crate) mod message;
mod multicast;
pub(crate) mod names;
mod option;
mod reactor;
mod recorder;
mod search_list;
mod sockaddr;
mod socket;
#[cfg(feature = "http")]
mod stream;
pub(crate) mod trust;
mod unix_path;

pub(crate) use epoll::{Event, Events};
pub(crate) use inherited::systemd_sockets;
pub(crate) use machine::ThisMachine;
pub(crate) use multicast::{
    Change, Interface, change_group, join_group, multicast_interface, set_multicast_interface,
};
pub(crate) use option::{
    Credentials, check_congestion_control, get_bytes, get_number, get_text, linger,
    peer_credentials, set_bytes, set_linger, set_null, set_number, set_text, take_error,
};
pub(crate) use reactor::{Descriptor, Interest};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use recorder::{Call, record};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use sockaddr::round_trip_address;
pub(crate) use socket::{
    FAST_OPEN, Identity, ReceiveFlags, SendFlags, Shutdown, accept, bind, bind_again, connect,
    cookie, create, create_pair, disconnect, duplicate, identify, is_in_memory, listen,
    local_address, receive, receive_from, receive_into, remote_address, reset, send, send_file,
    send_to, set_nonblocking, set_timeouts, shutdown, stat, unlink, unread, unreceived,
    with_own_port,
};
#[cfg(feature = "http")]
pub(crate) use stream::Stream;
pub(crate) use unix_path::{FileId, SocketStatus, UnixDirectories};

/// Who this process is to others: what the kernel passes on by itself.
pub(crate) fn own_credentials() -> Credentials {
    Credentials {
        pid: rustix::process::getpid().as_raw_nonzero().get(),
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
    }
}

/// The process's soft limit of open descriptors (`getrlimit(2)`); `None` where
/// it has none.
pub(crate) fn descriptor_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}
