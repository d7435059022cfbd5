//! The options that `wasi:sockets` has, in its units and bounds.

use std::time::Duration;

use crate::ctx::CapsockCtx;
use crate::options::{DurationOption, FlagOption, NumberOption};
use crate::socket::Socket;
use crate::{AddressFamily, Errno};

/// What Linux takes, in seconds: tcp(7).
const KEEPALIVE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(i16::MAX as u64);

impl Socket {
    /// `IP_TTL`, `IPV6_UNICAST_HOPS`
    pub(crate) fn hop_limit(&self) -> Result<u8, Errno> {
        let value = self.number(self.hops())?;
        u8::try_from(value).map_err(|_unlimited| Errno::NotSupported)
    }

    pub(crate) fn set_hop_limit(&self, ctx: &CapsockCtx, value: u8) -> Result<(), Errno> {
        self.set_number(ctx, self.hops(), positive(value)?.into())
    }

    /// `SO_RCVBUF` or `SO_SNDBUF`, as it was asked for: Linux doubles it.
    pub(crate) fn buffer_size(&self, which: NumberOption) -> Result<u64, Errno> {
        Ok(u64::try_from(self.number(which)?).unwrap_or_default() / 2)
    }

    pub(crate) fn set_buffer_size(
        &self,
        ctx: &CapsockCtx,
        which: NumberOption,
        value: u64,
    ) -> Result<(), Errno> {
        let value = i32::try_from(positive(value)?).unwrap_or(i32::MAX);
        self.set_number(ctx, which, value)
    }

    /// `TCP_KEEPIDLE` or `TCP_KEEPINTVL`, in nanoseconds
    pub(crate) fn keepalive_time(&self, which: DurationOption) -> Result<u64, Errno> {
        let value = self.duration(which)?.as_nanos();
        Ok(u64::try_from(value).unwrap_or(u64::MAX))
    }

    pub(crate) fn set_keepalive_time(
        &self,
        which: DurationOption,
        value: u64,
    ) -> Result<(), Errno> {
        let value = Duration::from_nanos(positive(value)?);
        self.set_duration(which, value.clamp(*KEEPALIVE.start(), *KEEPALIVE.end()))
    }

    /// `TCP_KEEPCNT`
    pub(crate) fn keepalive_count(&self) -> Result<u32, Errno> {
        let value = self.number(NumberOption::KeepaliveCount)?;
        Ok(u32::try_from(value).unwrap_or_default())
    }

    pub(crate) fn set_keepalive_count(&self, ctx: &CapsockCtx, value: u32) -> Result<(), Errno> {
        // Linux takes no more.
        let value = positive(value)?.min(i8::MAX as u32) as i32;
        self.set_number(ctx, NumberOption::KeepaliveCount, value)
    }

    /// `SO_KEEPALIVE`
    pub(crate) fn keepalive(&self) -> Result<bool, Errno> {
        self.flag(FlagOption::Keepalive)
    }

    pub(crate) fn set_keepalive(&self, ctx: &CapsockCtx, value: bool) -> Result<(), Errno> {
        self.set_flag(ctx, FlagOption::Keepalive, value)
    }

    fn hops(&self) -> NumberOption {
        match self.family() {
            AddressFamily::Inet6 => NumberOption::Ipv6UnicastHops,
            _ => NumberOption::TimeToLive,
        }
    }
}

/// By WASI, no option can be set to 0.
fn positive<T: Default + PartialEq>(value: T) -> Result<T, Errno> {
    match value == T::default() {
        true => Err(Errno::InvalidArgument),
        false => Ok(value),
    }
}
