//! What is asked before an operation of a socket, whatever the version of
//! `wasi:sockets`: in the order that the host of capsock has.

use std::net::SocketAddr;

use capsock_policy::operation::{Bind, Connect};
use capsock_policy::wasi::{check_family, check_unicast};
use capsock_policy::{AddressFamily, Errno, Protocol};

use crate::grants::{self, Checked};

pub(crate) fn bind_tcp(family: AddressFamily, local: SocketAddr) -> Result<Checked<Bind>, Errno> {
    check_unicast(local.ip())?;
    check_family(family, local.ip())?;
    grants::vet(Protocol::Tcp, local)
}

pub(crate) fn bind_udp(family: AddressFamily, local: SocketAddr) -> Result<Checked<Bind>, Errno> {
    check_family(family, local.ip())?;
    grants::vet(Protocol::Udp, local)
}

pub(crate) fn connect_tcp(
    family: AddressFamily,
    is_bound: bool,
    remote: SocketAddr,
) -> Result<Checked<Connect>, Errno> {
    check_family(family, remote.ip())?;
    grants::check::<Connect>(Protocol::Tcp, remote)?;
    if !is_bound {
        grants::vet_implicit_bind(Protocol::Tcp, family)?;
    }
    grants::vet(Protocol::Tcp, remote)
}
