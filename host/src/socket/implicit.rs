//! The binds that the kernel does by itself, before a connect or a send.

use std::os::fd::AsFd;

use super::Socket;
use super::descriptors::UNNAMED;
use crate::ctx::CapsockCtx;
use crate::options::FlagOption;
use crate::os;
use crate::policy::operation::Bind;
use crate::{Address, AddressFamily, Errno, Protocol};

impl Socket {
    /// Checks the bind that the kernel does by itself where the guest did none.
    pub(super) fn vet_implicit_bind(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        let is_unix = self.family == AddressFamily::Unix;
        if (is_unix && !self.gets_name()?) || self.bound()?.is_some() {
            return Ok(());
        }
        match is_unix {
            true => ctx.vet::<Bind>(self.protocol, UNNAMED).map(drop),
            false => ctx.vet_implicit_bind(self.protocol, self.family),
        }
    }

    /// Does that bind, after all is checked, where the kernel might choose a port
    /// that another program has, or chooses a name that others can send to: then it
    /// is known whose datagrams are admitted there.
    pub(super) fn bind_implicitly(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        if self.family == AddressFamily::Unix {
            return match self.gets_name()? && self.bound()?.is_none() {
                true => self.bind(ctx, UNNAMED),
                false => Ok(()),
            };
        }
        if !self.shares_ports() || self.state().has_port || self.bound()?.is_some() {
            return Ok(());
        }
        let descriptor = self.open()?;
        if let Some(any) = Address::unspecified(self.family)
            && os::local_address(descriptor.as_fd())?.port() == 0
        {
            let vetted = ctx.vet::<Bind>(self.protocol, any)?;
            let bind = || os::bind(descriptor.as_fd(), &vetted, ctx.directories());
            os::with_own_port(descriptor.as_fd(), bind)?;
            self.changed(None)?;
        }
        self.state().has_port = true;
        Ok(())
    }

    /// Whether the kernel gives a Unix socket a name before it connects or sends:
    /// with `SO_PASSCRED`, which others who have the socket may set.
    fn gets_name(&self) -> Result<bool, Errno> {
        let (is_shared, is_set) = {
            let state = self.state();
            (state.shared.is_some(), state.passes_credentials)
        };
        match is_shared {
            true => self.flag(FlagOption::PassCredentials),
            false => Ok(is_set),
        }
    }

    /// Whether Linux gives sockets of several programs the same port.
    pub(super) fn shares_ports(&self) -> bool {
        matches!(self.protocol, Protocol::Udp | Protocol::UdpLite)
    }
}
