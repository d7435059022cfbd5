//! How long an operation waits, and the waiting.

use std::time::Duration;

use capsock_checked::io::poll::{Pollable, poll};
use capsock_checked::monotonic_clock::{now, subscribe_duration, subscribe_instant};
use capsock_policy::Errno;

/// How long the operations of a socket wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    Blocking,
    NonBlocking,
    After(Duration),
}

/// When one operation has to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deadline {
    /// Do not wait at all.
    Now,
    /// By the monotonic clock.
    At(u64),
    Never,
}

impl Deadline {
    pub(crate) fn new(timeout: Timeout) -> Self {
        match timeout {
            Timeout::Blocking => Self::Never,
            Timeout::NonBlocking | Timeout::After(Duration::ZERO) => Self::Now,
            // So far away that the clock cannot tell: never.
            Timeout::After(duration) => u64::try_from(duration.as_nanos())
                .ok()
                .and_then(|nanoseconds| now().checked_add(nanoseconds))
                .map_or(Self::Never, Self::At),
        }
    }

    pub(crate) fn waits(self) -> bool {
        !matches!(self, Self::Now)
    }

    /// Tries `operation` until it does not block, and waits for what `pollable` makes
    /// in between.
    pub(crate) fn attempt<T>(
        self,
        mut operation: impl FnMut() -> Result<T, Errno>,
        pollable: impl Fn() -> Option<Pollable>,
    ) -> Result<T, Errno> {
        let mut rest = Rest::default();
        loop {
            match operation() {
                Err(Errno::WouldBlock) if self.waits() => {
                    rest.take();
                    self.wait(pollable())?;
                }
                Err(Errno::WouldBlock) if looked(pollable()) => return operation(),
                result => return result,
            }
        }
    }

    /// Waits for what is to be waited for; for nothing it waits until the deadline. After
    /// it there is no waiting, also where a host says of something that it is ready, and
    /// nothing is there.
    pub(crate) fn wait(self, pollable: impl IntoIterator<Item = Pollable>) -> Result<(), Errno> {
        match self {
            Self::Now => return Err(Errno::WouldBlock),
            Self::At(deadline) if now() >= deadline => return Err(Errno::DeadlineExceeded),
            Self::At(_) | Self::Never => {}
        }
        let mut waited: Vec<Pollable> = pollable.into_iter().collect();
        let count = waited.len();
        match self {
            Self::At(deadline) => waited.push(subscribe_instant(deadline)),
            // To wait for an empty list traps.
            Self::Now | Self::Never if count == 0 => waited.push(never_ready()),
            Self::Now | Self::Never => {}
        }
        let ready = poll(&waited.iter().collect::<Vec<_>>());
        match ready.iter().any(|index| (*index as usize) < count) {
            true => Ok(()),
            false if matches!(self, Self::At(_)) => Err(Errno::DeadlineExceeded),
            false => Ok(()),
        }
    }
}

/// Between waits that were in vain: jco says of a UDP socket that has received once that
/// it is ready for good, and whoever believes that needs a processor of its own.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    waits: u32,
}

impl Rest {
    /// Before a wait: after some in a row, a moment.
    pub(crate) fn take(&mut self) {
        const IN_VAIN: u32 = 16;
        const MOMENT: u64 = 1_000_000;
        self.waits += 1;
        if self.waits > IN_VAIN {
            subscribe_duration(MOMENT).block();
        }
    }
}

/// Lets the host look what its kernel has, which some do as they are waited for alone.
/// Whether one is ready.
pub(crate) fn looked(pollable: impl IntoIterator<Item = Pollable>) -> bool {
    let mut waited: Vec<Pollable> = pollable.into_iter().collect();
    let count = waited.len();
    waited.push(subscribe_duration(0));
    let ready = poll(&waited.iter().collect::<Vec<_>>());
    ready.iter().any(|index| (*index as usize) < count)
}

/// One that is not ready in 584 years.
pub(crate) fn never_ready() -> Pollable {
    subscribe_duration(u64::MAX)
}

/// One that is ready.
pub(crate) fn ready_now() -> Pollable {
    let pollable = subscribe_duration(0);
    // wasmtime's is not at the first time.
    pollable.ready();
    pollable
}

/// One that is ready soon, after which whoever waits has to look again.
pub(crate) fn ready_soon() -> Pollable {
    const SOON: u64 = 10_000_000;
    subscribe_duration(SOON)
}
