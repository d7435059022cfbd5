//! Options of the socket by their numbers.

use std::os::fd::AsFd;
use std::time::Duration;

use super::Socket;
use crate::Errno;
use crate::ctx::CapsockCtx;
use crate::options::{DurationOption, FlagOption, NumberOption, OptionNumber, TextOption};
use crate::os;
use crate::raw_options::{MAX_VALUE, RawAccess};

/// A value as setsockopt(2) takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RawValue {
    Bytes(Vec<u8>),
    /// No bytes, and a length.
    Null(u32),
}

/// It has a name too, but a value that is no single number.
const LINGER: OptionNumber = OptionNumber {
    level: libc::SOL_SOCKET,
    name: libc::SO_LINGER,
};

impl Socket {
    pub(crate) fn raw(
        &self,
        ctx: &CapsockCtx,
        option: OptionNumber,
        length: u32,
    ) -> Result<Vec<u8>, Errno> {
        let descriptor = self.open_for_option(option)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_VALUE {
            return Err(Errno::InvalidArgument);
        }
        if option == LINGER {
            let linger = self.linger()?;
            let seconds = linger.map_or(0, |linger| linger.as_secs());
            let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
            let mut bytes = [i32::from(linger.is_some()), seconds]
                .map(i32::to_ne_bytes)
                .concat();
            bytes.truncate(length);
            return Ok(bytes);
        }
        if let Some(option) = TextOption::of(option) {
            self.text(ctx, option)?;
        }
        // Whatever else has a name can be read without a grant.
        if !option.has_name() {
            vet(ctx, option, option.read_access())?;
        }
        os::get_bytes(descriptor.as_fd(), option, length)
    }

    pub(crate) fn set_raw(
        &self,
        ctx: &CapsockCtx,
        option: OptionNumber,
        value: &RawValue,
    ) -> Result<(), Errno> {
        let descriptor = self.open_for_option(option)?;
        if let RawValue::Bytes(bytes) = value
            && bytes.len() > MAX_VALUE
        {
            return Err(Errno::InvalidArgument);
        }
        if option == LINGER {
            return self.set_raw_linger(value);
        }
        if option.has_name() {
            return self.set_named(ctx, option, value);
        }
        vet(ctx, option, option.write_access())?;
        self.check_own()?;
        self.end_hold()?;
        match value {
            RawValue::Bytes(bytes) => os::set_bytes(descriptor.as_fd(), option, bytes),
            RawValue::Null(length) => os::set_null(descriptor.as_fd(), option, *length),
        }
    }

    /// `struct linger`
    fn set_raw_linger(&self, value: &RawValue) -> Result<(), Errno> {
        let RawValue::Bytes(bytes) = value else {
            return Err(Errno::BadAddress);
        };
        let field = |at: usize| {
            bytes
                .get(at..)?
                .first_chunk()
                .copied()
                .map(i32::from_ne_bytes)
        };
        let (Some(on), Some(seconds)) = (field(0), field(4)) else {
            return Err(Errno::InvalidArgument);
        };
        // The kernel takes a negative time for a very long one.
        let seconds = u64::try_from(seconds).unwrap_or(i32::MAX.unsigned_abs().into());
        self.set_linger((on != 0).then_some(Duration::from_secs(seconds)))
    }

    /// Sets by number what has a name: the grants and bounds are those of the
    /// name.
    fn set_named(
        &self,
        ctx: &CapsockCtx,
        option: OptionNumber,
        value: &RawValue,
    ) -> Result<(), Errno> {
        let RawValue::Bytes(bytes) = value else {
            return Err(Errno::BadAddress);
        };
        if let Some(option) = TextOption::of(option) {
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            let text = str::from_utf8(text).map_err(|_encoding| Errno::InvalidArgument)?;
            return self.set_text(ctx, option, text);
        }
        let value = match bytes.as_slice() {
            // The kernel takes the options of IPv4 as a byte too: ip(7).
            [byte, rest @ ..] if option.level == libc::IPPROTO_IP && rest.len() < 3 => {
                i32::from(*byte)
            }
            // And it cuts what is longer than an integer.
            bytes => match bytes.first_chunk() {
                Some(first) => i32::from_ne_bytes(*first),
                None => return Err(Errno::InvalidArgument),
            },
        };
        if let Some(option) = FlagOption::of(option) {
            self.set_flag(ctx, option, value != 0)
        } else if let Some(option) = NumberOption::of(option) {
            self.set_number(ctx, option, value)
        } else if let Some(option) = DurationOption::of(option) {
            let count = u32::try_from(value).map_err(|_negative| Errno::InvalidArgument)?;
            self.set_duration(option, Duration::saturating_mul(option.unit(), count))
        } else {
            Err(Errno::ProtocolNotAvailable)
        }
    }
}

fn vet(ctx: &CapsockCtx, option: OptionNumber, access: RawAccess) -> Result<(), Errno> {
    let by_value = match access {
        RawAccess::Any => false,
        RawAccess::Named => true,
        // No grant would help, so none is named.
        RawAccess::Never => return Err(Errno::AccessDenied),
        RawAccess::Unknown => return Err(Errno::ProtocolNotAvailable),
    };
    let value = format!("{}/{}", option.level, option.name);
    ctx.vet_raw_option(&value, by_value)
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;
    use crate::{AddressFamily, Op, Policy, SocketType};

    #[tokio::test]
    async fn a_number_has_the_bounds_of_its_name() {
        let policy = Policy::default().allow(Op::Option, "raw").unwrap();
        let ctx = CapsockCtx::new(policy, ambient_authority());
        let tcp = Socket::create(&ctx, AddressFamily::Inet, SocketType::Stream, 0).unwrap();
        let set = |level, name, bytes: &[u8]| {
            let value = RawValue::Bytes(bytes.to_vec());
            tcp.set_raw(&ctx, OptionNumber { level, name }, &value)
        };
        let number = |value: i32| value.to_ne_bytes();
        let fast_open = set(libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, &number(1));
        assert_eq!(fast_open, Err(Errno::AccessDenied));
        let algorithm = set(libc::IPPROTO_TCP, libc::TCP_CONGESTION, b"none-such\0");
        assert_eq!(algorithm, Err(Errno::NoEntry));
        let priority = set(libc::SOL_SOCKET, libc::SO_PRIORITY, &number(7));
        assert_eq!(priority, Err(Errno::NotPermitted));
        assert_eq!(set(libc::SOL_SOCKET, libc::SO_PRIORITY, &number(6)), Ok(()));
    }
}
