//! Signals that whoever runs the program sends it: ctrl-c, and `kill(1)`.
//!
//! A signal that is not caught does what it does without a guest: most end the
//! program. As long as a caught one is not received, calls that may wait fail with
//! [`Error::Os`](crate::Error) of `EINTR`, so a program that waits notices at once.
//!
//! ```no_run
//! use capsock_guest::signals::{self, Signal};
//!
//! if !signals::catch(&[Signal::Interrupt]).contains(&Signal::Interrupt) {
//!     println!("nobody sends it here");
//! }
//! while !signals::receive().contains(&Signal::Interrupt) {
//!     // Serve, and go on here at an error of EINTR.
//! }
//! println!("done");
//! ```

use crate::bindings::io::poll::Pollable;
use crate::bindings::signals::{self as wit, SignalSet};

/// A signal of `signal(7)` that can be caught.
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

const SIGNALS: [(SignalSet, Signal); 6] = [
    (SignalSet::HANGUP, Signal::Hangup),
    (SignalSet::INTERRUPT, Signal::Interrupt),
    (SignalSet::USER1, Signal::User1),
    (SignalSet::USER2, Signal::User2),
    (SignalSet::TERMINATE, Signal::Terminate),
    (SignalSet::WINDOW_CHANGE, Signal::WindowChange),
];

/// Catches these signals from now on, and no others (`sigaction(2)`). Returns those of
/// them that the host sends at all. One that has come and is not caught any more is
/// forgotten.
pub fn catch(signals: &[Signal]) -> Vec<Signal> {
    let wanted = SIGNALS
        .iter()
        .filter(|(_, signal)| signals.contains(signal));
    let wanted = wanted.fold(SignalSet::empty(), |all, (bit, _)| all | *bit);
    list(wit::set_caught(wanted))
}

/// The caught signals that have come since the last call, each once.
pub fn receive() -> Vec<Signal> {
    list(wit::receive())
}

/// Ready as soon as a caught signal has come that was not received.
pub fn subscribe() -> Pollable {
    wit::subscribe()
}

fn list(set: SignalSet) -> Vec<Signal> {
    let of_set = SIGNALS.iter().filter(|(bit, _)| set.contains(*bit));
    of_set.map(|(_, signal)| *signal).collect()
}
