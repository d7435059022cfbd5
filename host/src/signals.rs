//! Signals that an embedder sends to a guest.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use crate::Errno;

/// A signal of `signal(7)` that a guest can catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// `SIGHUP`
    Hangup,
    /// `SIGINT`
    Interrupt,
    /// `SIGUSR1`
    User1,
    /// `SIGUSR2`
    User2,
    /// `SIGTERM`
    Terminate,
    /// `SIGWINCH`
    WindowChange,
}

impl Signal {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::Hangup,
        Self::Interrupt,
        Self::User1,
        Self::User2,
        Self::Terminate,
        Self::WindowChange,
    ];

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is the guest's to receive.
    Sent,
    /// The guest has not received the last one of it yet: it computes, or does not
    /// look.
    Pending,
    /// The guest does not catch it.
    Uncaught,
}

/// A set of signals, in the order of [`Signal::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set(u8);

impl Set {
    pub(crate) fn contains(self, signal: Signal) -> bool {
        self.0 & signal.bit() != 0
    }

    fn signals(self) -> Vec<Signal> {
        let all = Signal::ALL.into_iter();
        all.filter(|signal| self.contains(*signal)).collect()
    }
}

impl FromIterator<Signal> for Set {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        Self(signals.into_iter().fold(0, |all, each| all | each.bit()))
    }
}

/// Sends signals to a guest, from any thread; its clones do too. For
/// [`CapsockCtx::with_signals`](crate::CapsockCtx::with_signals).
///
/// The guest says which ones it catches. A call of its that waits ends with
/// [`Errno::Interrupted`] once one comes, or, with
/// [`CapsockCtx::holding_thread`](crate::CapsockCtx::holding_thread), as late as its
/// time. A guest that computes notices nothing before it looks.
///
/// ```
/// use capsock_host::{Sent, Signal, Signals};
///
/// let signals = Signals::new(Signal::ALL, |_signals, caught| println!("it catches {caught:?}"));
/// assert_eq!(signals.send(Signal::Interrupt), Sent::Uncaught);
/// ```
#[derive(Clone, Default)]
pub struct Signals(Arc<State>);

#[derive(Default)]
struct State {
    sendable: Set,
    caught: AtomicU8,
    pending: AtomicU8,
    came: Notify,
    on_caught: Option<OnCaught>,
}

type OnCaught = Box<dyn Fn(&Signals, &[Signal]) + Send + Sync>;

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals")
            .field("caught", &self.caught())
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

impl Signals {
    /// The guest is told that only these can come. `on_caught` is called on the
    /// guest's thread with this and those that it catches, each time it catches others.
    pub fn new(
        sendable: impl IntoIterator<Item = Signal>,
        on_caught: impl Fn(&Self, &[Signal]) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(State {
            sendable: sendable.into_iter().collect(),
            on_caught: Some(Box::new(on_caught)),
            ..State::default()
        }))
    }

    /// Sends a signal to the guest. Where it does not catch it, what happens is the
    /// caller's to decide.
    pub fn send(&self, signal: Signal) -> Sent {
        if !self.caught().contains(signal) {
            return Sent::Uncaught;
        }
        let before = self.0.pending.fetch_or(signal.bit(), Ordering::SeqCst);
        self.0.came.notify_waiters();
        match Set(before).contains(signal) {
            true => Sent::Pending,
            false => Sent::Sent,
        }
    }

    /// The guest has ended: nothing is caught any more.
    pub fn end(&self) {
        self.set_caught(Set::default());
    }

    fn caught(&self) -> Set {
        Set(self.0.caught.load(Ordering::SeqCst))
    }

    fn pending(&self) -> Set {
        Set(self.0.pending.load(Ordering::SeqCst))
    }

    /// The guest catches these from now on; which of them can come.
    pub(crate) fn set_caught(&self, wanted: Set) -> Set {
        let caught = Set(wanted.0 & self.0.sendable.0);
        let before = self.0.caught.swap(caught.0, Ordering::SeqCst);
        self.0.pending.fetch_and(caught.0, Ordering::SeqCst);
        if before != caught.0
            && let Some(tell) = &self.0.on_caught
        {
            tell(self, &caught.signals());
        }
        caught
    }

    /// Those that came since the last call.
    pub(crate) fn receive(&self) -> Set {
        Set(self.0.pending.swap(0, Ordering::SeqCst))
    }

    /// Before a call that may wait.
    pub(crate) fn check(&self) -> Result<(), Errno> {
        match self.pending() == Set::default() {
            true => Ok(()),
            false => Err(Errno::Interrupted),
        }
    }

    /// Waits until one has come.
    pub(crate) async fn come(&self) {
        loop {
            let next = self.0.came.notified();
            if self.check().is_err() {
                return;
            }
            next.await;
        }
    }

    /// Waits for `wait`, or until a signal comes.
    pub(crate) async fn interrupt<T>(&self, wait: impl Future<Output = T>) -> Result<T, Errno> {
        if self.caught() == Set::default() {
            return Ok(wait.await);
        }
        tokio::select! {
            biased;
            () = self.come() => Err(Errno::Interrupted),
            result = wait => Ok(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn set(signals: &[Signal]) -> Set {
        signals.iter().copied().collect()
    }

    #[test]
    fn a_signal_that_is_caught_is_received_once() {
        let caught = Arc::new(Mutex::new(Vec::new()));
        let told = caught.clone();
        let sendable = [Signal::Interrupt, Signal::Terminate];
        let signals = Signals::new(sendable, move |_signals, caught| {
            told.lock().unwrap().push(caught.to_vec());
        });
        assert_eq!(signals.send(Signal::Interrupt), Sent::Uncaught);
        assert_eq!(signals.receive(), set(&[]));
        let wanted = set(&[Signal::Interrupt, Signal::Hangup]);
        assert_eq!(signals.set_caught(wanted), set(&[Signal::Interrupt]));
        assert_eq!(signals.send(Signal::Hangup), Sent::Uncaught);
        assert_eq!(signals.send(Signal::Terminate), Sent::Uncaught);
        assert_eq!(signals.check(), Ok(()));
        assert_eq!(signals.send(Signal::Interrupt), Sent::Sent);
        assert_eq!(signals.send(Signal::Interrupt), Sent::Pending);
        assert_eq!(signals.check(), Err(Errno::Interrupted));
        assert_eq!(signals.receive(), set(&[Signal::Interrupt]));
        assert_eq!(signals.check(), Ok(()));
        assert_eq!(signals.send(Signal::Interrupt), Sent::Sent);
        assert_eq!(signals.set_caught(set(&[])), set(&[]));
        assert_eq!(signals.receive(), set(&[]));
        signals.set_caught(wanted);
        signals.end();
        assert_eq!(signals.send(Signal::Interrupt), Sent::Uncaught);
        let told = caught.lock().unwrap().clone();
        let once = vec![Signal::Interrupt];
        assert_eq!(told, [once.clone(), vec![], once, vec![]]);
    }

    #[tokio::test]
    async fn a_wait_ends_when_a_signal_comes() {
        let signals = Signals::new(Signal::ALL, |_signals, _caught| ());
        signals.set_caught(set(&[Signal::User1]));
        let forever = std::future::pending::<()>();
        let sender = signals.clone();
        let thread = std::thread::spawn(move || sender.send(Signal::User1));
        assert_eq!(signals.interrupt(forever).await, Err(Errno::Interrupted));
        assert_eq!(thread.join().unwrap(), Sent::Sent);
        // What is ready comes second to it, and first once it is received.
        let ready = std::future::ready(());
        assert_eq!(
            signals.interrupt(ready.clone()).await,
            Err(Errno::Interrupted)
        );
        signals.receive();
        assert_eq!(signals.interrupt(ready).await, Ok(()));
    }
}
