//! Options of the socket: checked, bounded, and in the kernel's units.

use std::os::fd::AsFd;
use std::time::Duration;

use super::Socket;
use super::buffers::UNSENT;
use crate::Errno;
use crate::ctx::CapsockCtx;
use crate::options::{DurationOption, FlagOption, NumberOption, OptionNumber, TextOption};
use crate::os::{self, Credentials, Descriptor};

/// The longest name of an interface, and of a congestion control algorithm, in
/// bytes: `IFNAMSIZ` and `TCP_CA_NAME_MAX` less the NUL.
const LONGEST_NAME: usize = libc::IFNAMSIZ - 1;

impl Socket {
    pub(crate) fn flag(&self, option: FlagOption) -> Result<bool, Errno> {
        Ok(os::get_number(
            self.open_for_option(option.number())?.as_fd(),
            option.number(),
        )? != 0)
    }

    pub(crate) fn set_flag(
        &self,
        ctx: &CapsockCtx,
        option: FlagOption,
        value: bool,
    ) -> Result<(), Errno> {
        let descriptor = self.open_for_option(option.number())?;
        if let Some(grant) = option.grant() {
            ctx.vet_option(grant, if value { "1" } else { "0" })?;
        }
        if self.state().borrowed && self.flag(option)? == value {
            // As programs do with whatever listener they get.
            return Ok(());
        }
        self.check_own()?;
        if option == FlagOption::UdpCork && !value {
            self.vet_uncork(ctx)?;
        }
        os::set_number(descriptor.as_fd(), option.number(), value.into())?;
        if option == FlagOption::UdpCork {
            let mut state = self.state();
            state.corks = value;
            // It is sent with the next part, or now.
            state.corked = state.corked.take().filter(|_| value);
        }
        if option == FlagOption::PassCredentials {
            self.state().passes_credentials |= value;
        }
        Ok(())
    }

    pub(crate) fn number(&self, option: NumberOption) -> Result<i32, Errno> {
        os::get_number(
            self.open_for_option(option.number())?.as_fd(),
            option.number(),
        )
    }

    pub(crate) fn set_number(
        &self,
        ctx: &CapsockCtx,
        option: NumberOption,
        value: i32,
    ) -> Result<(), Errno> {
        let descriptor = self.open_for_option(option.number())?;
        if let Some(grant) = option.grant() {
            ctx.vet_option(grant, &value.to_string())?;
        }
        let value = match option {
            NumberOption::SendBufferSize | NumberOption::ReceiveBufferSize => {
                self.check_own()?;
                return self.set_buffer(ctx, option, value);
            }
            // The kernel lets CAP_NET_ADMIN set more (socket(7)).
            NumberOption::Priority if !(0..=6).contains(&value) => {
                return Err(Errno::NotPermitted);
            }
            // To the kernel 0 is its own, which has no bound.
            NumberOption::NotSentLowWaterMark if !(1..UNSENT).contains(&value) => UNSENT,
            _ => value,
        };
        self.check_own()?;
        os::set_number(descriptor.as_fd(), option.number(), value)
    }

    pub(crate) fn duration(&self, option: DurationOption) -> Result<Duration, Errno> {
        let count = os::get_number(
            self.open_for_option(option.number())?.as_fd(),
            option.number(),
        )?;
        Ok(option.unit() * u32::try_from(count).unwrap_or(0))
    }

    pub(crate) fn set_duration(
        &self,
        option: DurationOption,
        value: Duration,
    ) -> Result<(), Errno> {
        let count = value.as_nanos().div_ceil(option.unit().as_nanos());
        let count = i32::try_from(count).map_err(|_too_long| Errno::InvalidArgument)?;
        let descriptor = self.open_for_option(option.number())?;
        self.check_own()?;
        // To raise it, too, takes CAP_NET_ADMIN (socket(7)).
        if option == DurationOption::BusyPoll
            && count > os::get_number(descriptor.as_fd(), option.number())?
        {
            return Err(Errno::NotPermitted);
        }
        os::set_number(descriptor.as_fd(), option.number(), count)
    }

    /// The name of an interface is told to those who may know it, or could have
    /// set it.
    pub(crate) fn text(&self, ctx: &CapsockCtx, option: TextOption) -> Result<String, Errno> {
        let descriptor = self.open_for_option(option.number())?;
        let value = os::get_text(descriptor.as_fd(), option.number())?;
        if option == TextOption::BindToDevice && !value.is_empty() && !ctx.may_bind_to(&value) {
            ctx.vet_interfaces()?;
        }
        Ok(value)
    }

    pub(crate) fn set_text(
        &self,
        ctx: &CapsockCtx,
        option: TextOption,
        value: &str,
    ) -> Result<(), Errno> {
        let descriptor = self.open_for_option(option.number())?;
        // The kernel would cut the name there, and the rule was for all of it.
        if value.len() > LONGEST_NAME || value.contains('\0') {
            return Err(Errno::InvalidArgument);
        }
        if let Some(grant) = option.grant() {
            ctx.vet_option(grant, value)?;
        }
        self.check_own()?;
        match option {
            // By its number: the kernel would cut a longer name to another one.
            TextOption::BindToDevice => {
                let index = os::interfaces::index_or_any(value)?;
                let index = i32::try_from(index).map_err(|_large| Errno::NoDevice)?;
                return os::set_number(descriptor.as_fd(), OptionNumber::BIND_TO_INDEX, index);
            }
            TextOption::CongestionControl => {
                os::check_congestion_control(descriptor.as_fd(), option.number(), value)?;
            }
        }
        os::set_text(descriptor.as_fd(), option.number(), value)
    }

    pub(super) fn open_for_option(&self, option: OptionNumber) -> Result<&Descriptor, Errno> {
        let descriptor = self.open()?;
        match option.is_of(self.family) {
            true => Ok(descriptor),
            false => Err(Errno::ProtocolNotAvailable),
        }
    }

    pub(crate) fn linger(&self) -> Result<Option<Duration>, Errno> {
        let descriptor = self.open()?;
        match self.state().linger {
            None => os::linger(descriptor.as_fd()),
            kept => Ok(kept),
        }
    }

    /// The kernel only gets to know of no time at all, which makes `close` a
    /// reset. Of any other it would stop the thread that closes the socket last,
    /// be it non-blocking or not, and that thread is the host's.
    pub(crate) fn set_linger(&self, value: Option<Duration>) -> Result<(), Errno> {
        let descriptor = self.open()?;
        self.check_own()?;
        let whole = value.map(|value| -> Result<Duration, Errno> {
            let seconds = value.as_nanos().div_ceil(1_000_000_000);
            let seconds = i32::try_from(seconds).map_err(|_too_long| Errno::InvalidArgument)?;
            Ok(Duration::from_secs(u64::from(seconds.unsigned_abs())))
        });
        let (kept, told) = match whole.transpose()? {
            Some(Duration::ZERO) => (None, Some(Duration::ZERO)),
            kept => (kept, None),
        };
        os::set_linger(descriptor.as_fd(), told)?;
        self.state().linger = kept;
        Ok(())
    }

    pub(crate) fn take_error(&self) -> Result<Option<Errno>, Errno> {
        os::take_error(self.open()?.as_fd())
    }

    pub(crate) fn peer_credentials(&self) -> Result<Credentials, Errno> {
        os::peer_credentials(self.open()?.as_fd())
    }
}
