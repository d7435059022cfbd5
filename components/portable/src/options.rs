//! Options of sockets: those that WASI has, and those whose value is known.

use capsock_checked::{ErrorCode, TcpSocket};
use capsock_policy::{AddressFamily, Errno, Limits};

use crate::bindings::exports::capsock::sockets::options::{
    DurationOption, FlagOption, NumberOption,
};
use crate::errors::errno;
use crate::socket::{Inner, Setting, Socket, Stream, TCP, Transport, UDP};

/// `SOL_SOCKET` of Linux, and the options of it that say what a socket is.
const SOL_SOCKET: i32 = 1;
const SO_TYPE: i32 = 3;
const SO_ACCEPTCONN: i32 = 30;
const SO_PROTOCOL: i32 = 38;
const SO_DOMAIN: i32 = 39;

/// The longest value of an option by its number, in bytes.
const RAW: u32 = 1024;

/// What is set of a buffer at most, as by the host.
const BUFFER: u64 = Limits::DEFAULT.socket_buffer as u64;

/// What Linux gives a socket that has no hop limit of its own.
const DEFAULT_HOPS: u8 = 64;

const SECOND: u64 = 1_000_000_000;

impl Socket {
    pub(crate) fn flag(&self, option: FlagOption) -> Result<bool, Errno> {
        let inner = self.inner()?;
        match (option, &inner.transport) {
            (FlagOption::ReuseAddress, Transport::Tcp(_)) => Ok(true),
            (FlagOption::Ipv6Only, _) if inner.is_ipv6() => Ok(true),
            (FlagOption::AcceptsConnections, transport) => Ok(match transport {
                Transport::Tcp(stream) => stream.is_listening(),
                Transport::Udp(_) => false,
            }),
            (FlagOption::NoDelay, Transport::Tcp(stream)) => Ok(stream.no_delay()),
            (FlagOption::Keepalive, Transport::Tcp(stream)) => stream.get(
                |socket| socket.keep_alive_enabled(),
                |setting| match setting {
                    Setting::KeepAlive(value) => Some(*value),
                    _ => None,
                },
            ),
            _ => Err(Errno::ProtocolNotAvailable),
        }
    }

    pub(crate) fn set_flag(&self, option: FlagOption, value: bool) -> Result<(), Errno> {
        let inner = self.inner()?;
        match (option, &inner.transport) {
            // They are so, and cannot be otherwise.
            (FlagOption::ReuseAddress, Transport::Tcp(_)) if value => Ok(()),
            (FlagOption::ReuseAddress, Transport::Tcp(_)) => Err(Errno::InvalidArgument),
            (FlagOption::Ipv6Only, _) if inner.is_ipv6() => match value {
                true => Ok(()),
                false => Err(Errno::InvalidArgument),
            },
            (FlagOption::NoDelay, Transport::Tcp(stream)) => {
                stream.set_no_delay(value);
                Ok(())
            }
            (FlagOption::Keepalive, Transport::Tcp(stream)) => {
                stream.set(Setting::KeepAlive(value))
            }
            _ => Err(Errno::ProtocolNotAvailable),
        }
    }

    pub(crate) fn number(&self, option: NumberOption) -> Result<i32, Errno> {
        let inner = self.inner()?;
        match (option, &inner.transport) {
            (NumberOption::SendBufferSize | NumberOption::ReceiveBufferSize, _) => {
                inner.buffer(option)
            }
            (NumberOption::KeepaliveCount, Transport::Tcp(stream)) => {
                let count = stream.get(
                    |socket| socket.keep_alive_count(),
                    |setting| match setting {
                        Setting::Count(value) => Some(*value),
                        _ => None,
                    },
                )?;
                Ok(i32::try_from(count).unwrap_or(i32::MAX))
            }
            _ if inner.has_hops(option) => inner.hops().map(i32::from),
            _ => Err(Errno::ProtocolNotAvailable),
        }
    }

    pub(crate) fn set_number(&self, option: NumberOption, value: i32) -> Result<(), Errno> {
        let inner = self.inner()?;
        match (option, &inner.transport) {
            (NumberOption::SendBufferSize | NumberOption::ReceiveBufferSize, _) => {
                // To the kernel a negative one is a large one.
                let size = u64::try_from(value).unwrap_or(BUFFER).clamp(1, BUFFER);
                inner.set_buffer(option, size)
            }
            (NumberOption::KeepaliveCount, Transport::Tcp(stream)) => {
                // tcp(7) takes no others.
                match u32::try_from(value) {
                    Ok(count @ 1..=127) => stream.set(Setting::Count(count)),
                    _ => Err(Errno::InvalidArgument),
                }
            }
            _ if inner.has_hops(option) => match value {
                -1 => inner.set_hops(DEFAULT_HOPS),
                1..=255 => inner.set_hops(u8::try_from(value).unwrap_or(DEFAULT_HOPS)),
                _ => Err(Errno::InvalidArgument),
            },
            _ => Err(Errno::ProtocolNotAvailable),
        }
    }

    /// In nanoseconds.
    pub(crate) fn duration(&self, option: DurationOption) -> Result<u64, Errno> {
        let inner = self.inner()?;
        match (option, &inner.transport) {
            (DurationOption::KeepaliveIdle, Transport::Tcp(stream)) => stream.get(
                |socket| socket.keep_alive_idle_time(),
                |setting| match setting {
                    Setting::Idle(value) => Some(*value),
                    _ => None,
                },
            ),
            (DurationOption::KeepaliveInterval, Transport::Tcp(stream)) => stream.get(
                |socket| socket.keep_alive_interval(),
                |setting| match setting {
                    Setting::Interval(value) => Some(*value),
                    _ => None,
                },
            ),
            _ => Err(Errno::ProtocolNotAvailable),
        }
    }

    /// In nanoseconds; what is not whole in seconds is rounded up.
    pub(crate) fn set_duration(&self, option: DurationOption, value: u64) -> Result<(), Errno> {
        // What tcp(7) takes.
        const SECONDS: std::ops::RangeInclusive<u64> = 1..=32_767;
        let inner = self.inner()?;
        let seconds = value.div_ceil(SECOND);
        let setting = match option {
            DurationOption::KeepaliveIdle => Setting::Idle(seconds.saturating_mul(SECOND)),
            DurationOption::KeepaliveInterval => Setting::Interval(seconds.saturating_mul(SECOND)),
            _ => return Err(Errno::ProtocolNotAvailable),
        };
        match &inner.transport {
            Transport::Tcp(_) if !SECONDS.contains(&seconds) => Err(Errno::InvalidArgument),
            Transport::Tcp(stream) => stream.set(setting),
            Transport::Udp(_) => Err(Errno::ProtocolNotAvailable),
        }
    }

    /// `SO_ERROR`
    pub(crate) fn take_error(&self) -> Result<Option<Errno>, Errno> {
        Ok(match &self.inner()?.transport {
            Transport::Tcp(stream) => stream.take_error(),
            Transport::Udp(datagrams) => datagrams.take_error(),
        })
    }

    /// An option of Linux by its numbers: those that say what the socket is.
    pub(crate) fn raw(&self, level: i32, name: i32, length: u32) -> Result<Vec<u8>, Errno> {
        const AF_INET: u32 = 2;
        const AF_INET6: u32 = 10;
        const SOCK_STREAM: u32 = 1;
        const SOCK_DGRAM: u32 = 2;
        let inner = self.inner()?;
        let is_tcp = matches!(inner.transport, Transport::Tcp(_));
        let by = |is: bool, one: u32, other: u32| if is { one } else { other };
        let value = match (level, name) {
            (SOL_SOCKET, SO_TYPE) => by(is_tcp, SOCK_STREAM, SOCK_DGRAM),
            (SOL_SOCKET, SO_PROTOCOL) => by(is_tcp, TCP, UDP),
            (SOL_SOCKET, SO_DOMAIN) => by(inner.is_ipv6(), AF_INET6, AF_INET),
            (SOL_SOCKET, SO_ACCEPTCONN) => self.flag(FlagOption::AcceptsConnections)?.into(),
            _ => return Err(Errno::ProtocolNotAvailable),
        };
        let mut bytes = value.to_ne_bytes().to_vec();
        bytes.truncate(length.min(RAW) as usize);
        Ok(bytes)
    }
}

impl Inner {
    fn is_ipv6(&self) -> bool {
        self.family() == AddressFamily::Inet6
    }

    /// Whether the option is the hop limit of its family.
    fn has_hops(&self, option: NumberOption) -> bool {
        match option {
            NumberOption::TimeToLive => !self.is_ipv6(),
            NumberOption::Ipv6UnicastHops => self.is_ipv6(),
            _ => false,
        }
    }

    fn hops(&self) -> Result<u8, Errno> {
        match &self.transport {
            Transport::Tcp(stream) => stream.get(
                |socket| socket.hop_limit(),
                |setting| match setting {
                    Setting::HopLimit(value) => Some(*value),
                    _ => None,
                },
            ),
            Transport::Udp(datagrams) => datagrams.socket().unicast_hop_limit().map_err(errno),
        }
    }

    fn set_hops(&self, value: u8) -> Result<(), Errno> {
        match &self.transport {
            Transport::Tcp(stream) => stream.set(Setting::HopLimit(value)),
            Transport::Udp(datagrams) => datagrams
                .socket()
                .set_unicast_hop_limit(value)
                .map_err(errno),
        }
    }

    /// As Linux tells it: twice what was asked for. WASI has that half of it.
    fn buffer(&self, option: NumberOption) -> Result<i32, Errno> {
        let sends = option == NumberOption::SendBufferSize;
        let size = match &self.transport {
            Transport::Tcp(stream) => stream.get(
                |socket| match sends {
                    true => socket.send_buffer_size(),
                    false => socket.receive_buffer_size(),
                },
                |setting| match setting {
                    Setting::SendBuffer(value) if sends => Some(*value),
                    Setting::ReceiveBuffer(value) if !sends => Some(*value),
                    _ => None,
                },
            )?,
            Transport::Udp(datagrams) => match sends {
                true => datagrams.socket().send_buffer_size().map_err(errno)?,
                false => datagrams.socket().receive_buffer_size().map_err(errno)?,
            },
        };
        Ok(i32::try_from(size.saturating_mul(2)).unwrap_or(i32::MAX))
    }

    fn set_buffer(&self, option: NumberOption, size: u64) -> Result<(), Errno> {
        let sends = option == NumberOption::SendBufferSize;
        match (&self.transport, sends) {
            (Transport::Tcp(stream), true) => stream.set(Setting::SendBuffer(size)),
            (Transport::Tcp(stream), false) => stream.set(Setting::ReceiveBuffer(size)),
            (Transport::Udp(datagrams), true) => {
                datagrams.socket().set_send_buffer_size(size).map_err(errno)
            }
            (Transport::Udp(datagrams), false) => datagrams
                .socket()
                .set_receive_buffer_size(size)
                .map_err(errno),
        }
    }
}

impl Stream {
    /// What the host says, or else what was set: while it connects, WASI has no answer.
    fn get<T>(
        &self,
        ask: impl FnOnce(&TcpSocket) -> Result<T, ErrorCode>,
        remembered: impl FnMut(&Setting) -> Option<T>,
    ) -> Result<T, Errno> {
        match self.with_socket(ask) {
            Some(answer) => answer.map_err(errno),
            None => self
                .settings()
                .borrow()
                .remembered(remembered)
                .ok_or(Errno::AlreadyInProgress),
        }
    }

    fn set(&self, setting: Setting) -> Result<(), Errno> {
        if let Some(set) = self.with_socket(|socket| setting.apply(socket)) {
            set.map_err(errno)?;
        }
        self.settings().borrow_mut().remember(setting);
        Ok(())
    }

    fn no_delay(&self) -> bool {
        self.settings().borrow().no_delay
    }

    fn set_no_delay(&self, value: bool) {
        self.settings().borrow_mut().no_delay = value;
    }
}
