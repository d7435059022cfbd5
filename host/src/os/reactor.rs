//! Descriptors that can be waited for.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Ready;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::option::end_linger;
use crate::Errno;
use crate::quota::{Quota, Taken};
use crate::signals::Signals;

/// How long to pause where the kernel's events do not help.
const PAUSE: Duration = Duration::from_millis(10);

/// What to wait for. An error or a hang-up ends either wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl Interest {
    pub(crate) const READABLE: Self = Self {
        readable: true,
        writable: false,
    };
    pub(crate) const WRITABLE: Self = Self {
        readable: false,
        writable: true,
    };

    fn poll_flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.readable);
        flags.set(PollFlags::OUT, self.writable);
        flags
    }

    /// Whether this end of the wait is one that tokio does not forget.
    fn stays(self, told: Ready) -> bool {
        (self.readable && told.is_read_closed()) || (self.writable && told.is_write_closed())
    }

    fn tokio(self) -> tokio::io::Interest {
        match (self.readable, self.writable) {
            (true, true) => both(),
            (false, true) => tokio::io::Interest::WRITABLE,
            (_, false) => tokio::io::Interest::READABLE,
        }
    }
}

/// A non-blocking descriptor, registered with tokio's reactor only once it has
/// to be waited for.
#[derive(Debug)]
pub(crate) struct Descriptor {
    // Dropped first: it deregisters a descriptor that must still be open.
    registration: OnceLock<AsyncFd<Registered>>,
    /// Another view, while somebody looks through it.
    view: Mutex<Weak<View>>,
    fd: OwnedFd,
    held: Option<Duration>,
    signals: Signals,
    quota: Quota,
}

/// A view of a descriptor through a duplicate, for all that wait at the same
/// time.
#[derive(Debug)]
struct View {
    fd: AsyncFd<OwnedFd>,
    /// Closed once it has told something.
    over: Semaphore,
    _place: Taken,
}

#[derive(Debug)]
struct Registered(RawFd);

impl AsRawFd for Registered {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        end_linger(self.fd.as_fd());
    }
}

impl Descriptor {
    /// `held` is how long a wait may hold the thread before the reactor waits, and
    /// `signals` end it. A second view takes a place of `quota`.
    pub(crate) fn new(fd: OwnedFd, held: Option<Duration>, signals: Signals, quota: Quota) -> Self {
        Self {
            registration: OnceLock::new(),
            view: Mutex::default(),
            fd,
            held,
            signals,
            quota,
        }
    }

    /// How long a wait may hold the thread, if it may.
    pub(crate) fn held(&self) -> Option<Duration> {
        self.held
    }

    /// What ends a wait.
    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Waits until the kernel says that the descriptor is ready for any of
    /// `interest`.
    ///
    /// Tokio's view is edge-triggered and may be stale, so the kernel is asked.
    pub(crate) async fn ready(&self, interest: Interest) -> Result<(), Errno> {
        let registration = self.registration()?;
        loop {
            let mut guard = registration.ready(interest.tokio()).await?;
            if self.poll(interest, Duration::ZERO)? {
                return Ok(());
            }
            let stays = interest.stays(guard.ready());
            guard.clear_ready();
            if stays {
                self.look_anew(interest).await?;
            }
        }
    }

    /// Does `operation` once. What tokio knew of the descriptor before is over
    /// where it would block; so it is not tried again before the first wait.
    pub(crate) fn try_once<T>(
        &self,
        interest: Interest,
        operation: impl FnOnce(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let known = self.known(interest);
        let result = operation(self.as_fd());
        if let (Err(Errno::WouldBlock), Some(mut known)) = (&result, known) {
            known.clear_ready();
        }
        result
    }

    /// Does `operation`, again and again while it would block and the wait for
    /// `interest` ends.
    pub(crate) async fn retry<T>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let registration = self.registration()?;
        loop {
            let mut guard = registration.ready(interest.tokio()).await?;
            match operation(self.as_fd()) {
                Err(Errno::WouldBlock) => {}
                result => return result,
            }
            let stays = interest.stays(guard.ready());
            guard.clear_ready();
            if stays {
                self.look_anew(interest).await?;
            }
        }
    }

    /// That tokio holds the descriptor for ready, if it does.
    fn known(&self, interest: Interest) -> Option<AsyncFdReadyGuard<'_, Registered>> {
        let registration = self.registration.get()?;
        let mut context = Context::from_waker(Waker::noop());
        let known = match interest.readable {
            true => registration.poll_read_ready(&mut context),
            false => registration.poll_write_ready(&mut context),
        };
        match known {
            Poll::Ready(Ok(guard)) => Some(guard),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        }
    }

    /// Waits where tokio has not forgotten a hang-up or an error that is over:
    /// one view of the reactor never does, so another is asked.
    async fn look_anew(&self, interest: Interest) -> Result<(), Errno> {
        let Some(view) = self.view() else {
            // Without a place for another view there is only to look again.
            sleep(PAUSE).await;
            return Ok(());
        };
        let told = tokio::select! {
            told = view.fd.ready(interest.tokio()) => told?.ready(),
            _over = view.over.acquire() => return Ok(()),
        };
        // It may not forget that either, so everybody looks through another one.
        view.over.close();
        drop(view);
        if interest.stays(told) {
            // The kernel tells it again and again, as it does of what waits in
            // an error queue.
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// The view that has told nothing yet.
    #[allow(
        unsafe_code,
        reason = "tokio leaves the life of a descriptor to its caller"
    )]
    fn view(&self) -> Option<Arc<View>> {
        let mut known = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        let open = known.upgrade().filter(|view| !view.over.is_closed());
        if open.is_some() {
            return open;
        }
        let place = self.quota.take_socket().ok()?;
        let fd = self.fd.try_clone().ok()?;
        // SAFETY: the view owns that open descriptor, and nobody replaces it.
        let fd = unsafe { AsyncFd::register_with_interest(fd, both()) }.ok()?;
        let view = Arc::new(View {
            fd,
            over: Semaphore::new(0),
            _place: place,
        });
        *known = Arc::downgrade(&view);
        Some(view)
    }

    /// `poll(2)`: whether the descriptor is ready for any of `interest`, or
    /// becomes so in time. A signal ends the wait.
    pub(crate) fn poll(&self, interest: Interest, time: Duration) -> Result<bool, Errno> {
        let mut fds = [PollFd::new(self, interest.poll_flags())];
        match poll(&mut fds, Some(&timespec(time))) {
            Err(rustix::io::Errno::INTR) => Ok(false),
            ready => Ok(ready? > 0),
        }
    }

    #[allow(
        unsafe_code,
        reason = "tokio leaves the life of a raw descriptor to its caller"
    )]
    fn registration(&self) -> Result<&AsyncFd<Registered>, Errno> {
        if let Some(registration) = self.registration.get() {
            return Ok(registration);
        }
        let fd = Registered(self.fd.as_raw_fd());
        // SAFETY: `self.fd` is that open descriptor; it is neither replaced nor
        // closed while `self.registration` lives, which is dropped first.
        let registration = unsafe { AsyncFd::register_with_interest(fd, both()) };
        let registration = registration.map_err(std::io::Error::from)?;
        Ok(self.registration.get_or_init(|| registration))
    }
}

fn both() -> tokio::io::Interest {
    tokio::io::Interest::READABLE.add(tokio::io::Interest::WRITABLE)
}

/// A time that is too long to be told is the longest one.
pub(super) fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).unwrap_or(Timespec {
        tv_sec: i64::MAX,
        tv_nsec: 0,
    })
}
