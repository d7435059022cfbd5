//! `capsock:sockets/socket`

use capsock_checked::io::poll::Pollable;
use capsock_policy::Errno;

use super::Result;
use crate::Portable;
use crate::bindings::exports::capsock::sockets::poller::Readiness;
use crate::bindings::exports::capsock::sockets::socket::{
    Guest, GuestSocket, Interest, ReceiveFlags, SendFlags, ShutdownType, Socket as Handle,
    SocketStatus, Timeout,
};
use crate::bindings::exports::capsock::sockets::types::{
    Address, AddressFamily, SocketType, UnixAddress,
};
use crate::convert::endpoint;
use crate::socket::Socket;

impl Guest for Portable {
    type Socket = Socket;

    fn unlink(local: Address) -> Result<()> {
        no_file(&local)
    }

    fn stat(local: Address) -> Result<SocketStatus> {
        no_file(&local)
    }
}

/// What is only of the files of Unix sockets.
fn no_file<T>(local: &Address) -> Result<T> {
    Err(match local {
        Address::Unix(UnixAddress::Pathname(_)) => Errno::AddressFamilyNotSupported,
        _ => Errno::InvalidArgument,
    }
    .into())
}

impl GuestSocket for Socket {
    fn create(family: AddressFamily, kind: SocketType, protocol: u32) -> Result<Handle> {
        let socket = Self::create(family.into(), kind.into(), protocol)?;
        Ok(Handle::new(socket))
    }

    fn create_pair(
        family: AddressFamily,
        kind: SocketType,
        protocol: u32,
    ) -> Result<(Handle, Handle)> {
        let (one, other) = Self::create_pair(family.into(), kind.into(), protocol)?;
        Ok((Handle::new(one), Handle::new(other)))
    }

    fn duplicate(&self) -> Result<Handle> {
        Ok(Handle::new(Self::duplicate(self)?))
    }

    fn bind(&self, local: Address) -> Result<()> {
        self.inner()?;
        Ok(Self::bind(self, endpoint(local)?)?)
    }

    fn listen(&self, backlog: u32) -> Result<()> {
        Ok(Self::listen(self, backlog)?)
    }

    fn accept(&self) -> Result<(Handle, Address)> {
        let (socket, peer) = Self::accept(self)?;
        Ok((Handle::new(socket), peer.into()))
    }

    fn connect(&self, remote: Address) -> Result<()> {
        self.inner()?;
        Ok(Self::connect(self, endpoint(remote)?)?)
    }

    fn recv(&self, length: u32, flags: ReceiveFlags) -> Result<Vec<u8>> {
        let (data, _sender) = self.receive(length, flags.into())?;
        Ok(data)
    }

    fn recv_from(&self, length: u32, flags: ReceiveFlags) -> Result<(Vec<u8>, Option<Address>)> {
        let (data, sender) = self.receive(length, flags.into())?;
        Ok((data, sender.map(Address::from)))
    }

    fn send(&self, data: Vec<u8>, flags: SendFlags) -> Result<u32> {
        let sent = Self::send(self, &data, flags.into(), None)?;
        Ok(count(sent))
    }

    fn send_to(&self, data: Vec<u8>, flags: SendFlags, remote: Address) -> Result<u32> {
        self.inner()?;
        let sent = Self::send(self, &data, flags.into(), Some(endpoint(remote)?))?;
        Ok(count(sent))
    }

    fn send_all(&self, data: Vec<u8>, flags: SendFlags) -> Result<()> {
        Ok(Self::send_all(self, &data, flags.into())?)
    }

    fn shutdown(&self, how: ShutdownType) -> Result<()> {
        Ok(Self::shutdown(self, how.into())?)
    }

    fn close(&self) -> Result<()> {
        Ok(Self::close(self)?)
    }

    fn local_address(&self) -> Result<Address> {
        Ok(Self::local_address(self)?.into())
    }

    fn remote_address(&self) -> Result<Address> {
        Ok(Self::remote_address(self)?.into())
    }

    fn timeout(&self) -> Result<Timeout> {
        Ok(Self::timeout(self)?.into())
    }

    fn set_timeout(&self, timeout: Timeout) -> Result<()> {
        Ok(Self::set_timeout(self, timeout.into())?)
    }

    fn subscribe(&self, interest: Interest) -> Result<Pollable> {
        let mut asked = Readiness::empty();
        asked.set(Readiness::READABLE, interest.contains(Interest::READABLE));
        asked.set(Readiness::WRITABLE, interest.contains(Interest::WRITABLE));
        Ok(Self::subscribe(self, asked)?)
    }
}

/// What was taken of a list, whose length is a `u32`.
fn count(sent: usize) -> u32 {
    u32::try_from(sent).unwrap_or(u32::MAX)
}
