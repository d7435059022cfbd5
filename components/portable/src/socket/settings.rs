//! What a guest has set of a TCP socket: for the socket of the host's that takes the
//! place of one that could not connect, and for the time of a connect, when WASI sets
//! nothing.

use capsock_checked::{ErrorCode, TcpSocket};

/// An option that WASI has of TCP, with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    KeepAlive(bool),
    /// Nanoseconds.
    Idle(u64),
    /// Nanoseconds.
    Interval(u64),
    Count(u32),
    HopLimit(u8),
    ReceiveBuffer(u64),
    SendBuffer(u64),
}

impl Setting {
    pub(crate) fn apply(self, socket: &TcpSocket) -> Result<(), ErrorCode> {
        match self {
            Self::KeepAlive(value) => socket.set_keep_alive_enabled(value),
            Self::Idle(value) => socket.set_keep_alive_idle_time(value),
            Self::Interval(value) => socket.set_keep_alive_interval(value),
            Self::Count(value) => socket.set_keep_alive_count(value),
            Self::HopLimit(value) => socket.set_hop_limit(value),
            Self::ReceiveBuffer(value) => socket.set_receive_buffer_size(value),
            Self::SendBuffer(value) => socket.set_send_buffer_size(value),
        }
    }

    fn is_same_option(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// What was set, each option once, in its order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    set: Vec<Setting>,
    /// `TCP_NODELAY`, of which no host of WASI knows.
    pub(crate) no_delay: bool,
}

impl Settings {
    pub(crate) fn remember(&mut self, setting: Setting) {
        self.set.retain(|other| !other.is_same_option(setting));
        self.set.push(setting);
    }

    /// The remembered one of the same option.
    pub(crate) fn remembered<T>(&self, which: impl FnMut(&Setting) -> Option<T>) -> Option<T> {
        self.set.iter().find_map(which)
    }

    /// Sets all of it, as far as the host takes it.
    pub(crate) fn apply(&self, socket: &TcpSocket) {
        for setting in &self.set {
            _ = setting.apply(socket);
        }
    }

    /// What an accepted socket has of its listener's; the rest it has from the kernel.
    pub(crate) fn inherited(&self) -> Self {
        Self {
            set: Vec::new(),
            no_delay: self.no_delay,
        }
    }
}
