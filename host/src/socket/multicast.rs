//! Multicast groups of the socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;

use super::Socket;
use crate::ctx::CapsockCtx;
use crate::os::{self, Change, Interface};
use crate::policy::operation::{Bind, Recv};
use crate::{Address, AddressFamily, Errno};

/// Which interface a group is heard on, or multicasts leave by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MulticastInterface {
    Index(u32),
    Address(Ipv4Addr),
}

impl Socket {
    /// Joins a group, or one source's part of it.
    pub(crate) fn join_group(
        &self,
        ctx: &CapsockCtx,
        group: IpAddr,
        interface: MulticastInterface,
        source: Option<IpAddr>,
    ) -> Result<(), Errno> {
        let descriptor = self.open_for_groups(group, source)?;
        let vetted = ctx.vet::<Recv>(self.protocol, self.at_own_port(group)?)?;
        let interface = self.vet_interface(ctx, interface)?;
        os::join_group(descriptor.as_fd(), &vetted, &interface, source)
    }

    /// Leaves a group, or blocks a source of it, or no longer blocks it.
    pub(crate) fn change_group(
        &self,
        ctx: &CapsockCtx,
        change: Change,
        group: IpAddr,
        interface: MulticastInterface,
        source: Option<IpAddr>,
    ) -> Result<(), Errno> {
        let descriptor = self.open_for_groups(group, source)?;
        let interface = self.vet_interface(ctx, interface)?;
        os::change_group(descriptor.as_fd(), change, group, &interface, source)
    }

    pub(crate) fn multicast_interface(&self) -> Result<Ipv4Addr, Errno> {
        os::multicast_interface(self.open()?.as_fd())
    }

    pub(crate) fn set_multicast_interface(
        &self,
        ctx: &CapsockCtx,
        interface: MulticastInterface,
    ) -> Result<(), Errno> {
        let descriptor = self.open()?;
        let interface = self.vet_interface(ctx, interface)?;
        os::set_multicast_interface(descriptor.as_fd(), &interface)
    }

    /// What no grant could make possible is the kernel's error, not a denial.
    fn open_for_groups(
        &self,
        group: IpAddr,
        source: Option<IpAddr>,
    ) -> Result<&os::Descriptor, Errno> {
        let descriptor = self.open()?;
        match self.family {
            AddressFamily::Inet | AddressFamily::Inet6 if self.protocol.has_connections() => {
                return Err(Errno::ProtocolError);
            }
            AddressFamily::Inet | AddressFamily::Inet6 => {}
            _ => return Err(Errno::NotSupported),
        }
        if !group.is_multicast() || source.is_some_and(|ip| ip.is_ipv4() != group.is_ipv4()) {
            return Err(Errno::InvalidArgument);
        }
        Ok(descriptor)
    }

    fn vet_interface(
        &self,
        ctx: &CapsockCtx,
        interface: MulticastInterface,
    ) -> Result<Interface, Errno> {
        Ok(match interface {
            MulticastInterface::Index(index) => Interface::Index(index),
            MulticastInterface::Address(ip) => {
                let local = self.at_own_port(ip.into())?;
                Interface::Address(ctx.vet::<Bind>(self.protocol, local)?)
            }
        })
    }

    /// The address with the port that the socket is bound to: what a rule for
    /// it has to name. A socket that is not bound has an ephemeral one.
    fn at_own_port(&self, ip: IpAddr) -> Result<Address, Errno> {
        let bound = self.bound()?.and_then(|bound| bound.canonical());
        let port = bound.map_or(0, |bound| bound.port());
        Ok(Address::from(SocketAddr::new(ip, port)))
    }
}
