//! How long an operation waits, and the waiting.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::Errno;
use crate::os::{Descriptor, Interest};

/// How long the operations of a socket wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timeout {
    Blocking,
    NonBlocking,
    After(Duration),
}

/// What connect(2) says of a Unix listener whose queue is full.
pub(super) const NO_CONNECTION_SLOT: Errno = Errno::WouldBlock;

/// How long to pause where the kernel has no event to wait for.
const PAUSE: Duration = Duration::from_millis(10);

/// How many peers one operation turns away that does not wait.
const TURNED_AWAY: u32 = 1024;

/// When one operation has to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deadline {
    /// Do not wait at all.
    Now,
    At(Instant),
    Never,
}

impl Deadline {
    pub(crate) fn new(timeout: Timeout) -> Self {
        match timeout {
            Timeout::Blocking => Self::Never,
            Timeout::NonBlocking | Timeout::After(Duration::ZERO) => Self::Now,
            // So far away that the clock cannot tell: never.
            Timeout::After(duration) => Instant::now()
                .checked_add(duration)
                .map_or(Self::Never, Self::At),
        }
    }

    pub(super) fn waits(self) -> bool {
        !matches!(self, Self::Now)
    }

    /// Tries `operation`, and waits for `interest` only where it would block.
    pub(crate) async fn attempt<T>(
        self,
        descriptor: &Descriptor,
        interest: Interest,
        mut operation: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        // A guest whose every call succeeds at once still lets others run.
        tokio::task::coop::consume_budget().await;
        self.check(descriptor)?;
        let mut result = descriptor.try_once(interest, &mut operation);
        if matches!(result, Err(Errno::WouldBlock)) && self.holds(descriptor, interest)? {
            result = descriptor.try_once(interest, &mut operation);
        }
        match result {
            Err(Errno::WouldBlock) if self.waits() => {
                self.retry(descriptor, interest, operation).await
            }
            result => result,
        }
    }

    /// As `attempt`. An `operation` that is `held` may wait itself first, as long as
    /// a wait may hold the thread; it is told where it must not, but be done at
    /// once.
    pub(super) async fn attempt_held<T>(
        self,
        held: bool,
        descriptor: &Descriptor,
        interest: Interest,
        mut operation: impl FnMut(BorrowedFd<'_>, bool) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        // Near the deadline the kernel would wait too long.
        if !held || self.hold(descriptor.held()) != descriptor.held() {
            let at_once = |fd: BorrowedFd<'_>| operation(fd, true);
            return self.attempt(descriptor, interest, at_once).await;
        }
        tokio::task::coop::consume_budget().await;
        self.check(descriptor)?;
        match operation(descriptor.as_fd(), false) {
            Err(Errno::WouldBlock | Errno::Interrupted) => {
                let at_once = |fd: BorrowedFd<'_>| operation(fd, true);
                self.retry(descriptor, interest, at_once).await
            }
            result => result,
        }
    }

    /// Waits for `interest` and tries `operation`, until it does not block.
    async fn retry<T>(
        self,
        descriptor: &Descriptor,
        interest: Interest,
        operation: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        // In a box: few calls get here, and all have room for what they await.
        let wait = descriptor.retry(interest, operation);
        Box::pin(self.bound(descriptor, wait)).await?
    }

    /// What waits is not begun while a signal is to be received.
    fn check(self, descriptor: &Descriptor) -> Result<(), Errno> {
        match self {
            Self::Now => Ok(()),
            Self::At(_) | Self::Never => descriptor.signals().check(),
        }
    }

    /// Waits on the thread itself, as long as the wait may hold it. Whether
    /// `interest` came.
    fn holds(self, descriptor: &Descriptor, interest: Interest) -> Result<bool, Errno> {
        match self.hold(descriptor.held()) {
            Some(time) => descriptor.poll(interest, time),
            None => Ok(false),
        }
    }

    /// How long a wait may hold the thread, of what any may.
    pub(crate) fn hold(self, longest: Option<Duration>) -> Option<Duration> {
        let longest = longest?;
        match self {
            Self::Now => None,
            Self::At(deadline) => {
                Some(longest.min(deadline.saturating_duration_since(Instant::now())))
            }
            Self::Never => Some(longest),
        }
    }

    /// Whether to go on after a peer that the policy does not admit, of whom
    /// there may be more than can be turned away in time.
    pub(super) fn go_on(self, turned_away: u32) -> Result<(), Errno> {
        match self {
            Self::Now if turned_away >= TURNED_AWAY => Err(Errno::WouldBlock),
            Self::At(deadline) if deadline <= Instant::now() => Err(Errno::DeadlineExceeded),
            Self::Now | Self::At(_) | Self::Never => Ok(()),
        }
    }

    /// Waits until a connect that is under way has ended, one way or the other.
    pub(super) async fn until_connected(self, descriptor: &Descriptor) -> Result<(), Errno> {
        if !self.waits() {
            return Err(Errno::InProgress);
        }
        self.until_ready(descriptor, Interest::WRITABLE).await
    }

    pub(super) async fn until_ready(
        self,
        descriptor: &Descriptor,
        interest: Interest,
    ) -> Result<(), Errno> {
        if self.holds(descriptor, interest)? {
            return Ok(());
        }
        Box::pin(self.bound(descriptor, descriptor.ready(interest))).await?
    }

    /// Pauses before another try; without time to wait, `error` it is.
    pub(super) async fn pause(self, descriptor: &Descriptor, error: Errno) -> Result<(), Errno> {
        if !self.waits() {
            return Err(error);
        }
        self.bound(descriptor, sleep(PAUSE)).await
    }

    /// Pauses before `error` goes to a guest that would likely just try again.
    pub(super) async fn back_off(self, descriptor: &Descriptor, error: Errno) -> Errno {
        match self.pause(descriptor, error).await {
            Ok(()) | Err(_) => error,
        }
    }

    async fn bound<T>(
        self,
        descriptor: &Descriptor,
        wait: impl Future<Output = T>,
    ) -> Result<T, Errno> {
        let wait = descriptor.signals().interrupt(wait);
        match self {
            Self::Now | Self::Never => wait.await,
            Self::At(deadline) => timeout_at(deadline, wait)
                .await
                .map_err(|_elapsed| Errno::DeadlineExceeded)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_turned_away_only_while_there_is_time() {
        let past = Deadline::At(Instant::now());
        assert_eq!(past.go_on(1), Err(Errno::DeadlineExceeded));
        let future = Deadline::new(Timeout::After(Duration::from_secs(3600)));
        assert_eq!(future.go_on(u32::MAX), Ok(()));
        assert_eq!(Deadline::Never.go_on(u32::MAX), Ok(()));
        assert_eq!(Deadline::Now.go_on(TURNED_AWAY - 1), Ok(()));
        assert_eq!(Deadline::Now.go_on(TURNED_AWAY), Err(Errno::WouldBlock));
    }
}
