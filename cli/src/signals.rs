//! Signals of this process: the guest's where it catches them, and what they are to
//! any process where it does not.

use std::collections::HashMap;
use std::ffi::c_int;
use std::future::{Future, pending};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use capsock_host::{Sent, Signal, Signals};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::{self, Handle};
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::oneshot;

use crate::terminal::tell;

const NUMBERS: [(Signal, c_int); 6] = [
    (Signal::Hangup, SIGHUP),
    (Signal::Interrupt, SIGINT),
    (Signal::User1, SIGUSR1),
    (Signal::User2, SIGUSR2),
    (Signal::Terminate, SIGTERM),
    (Signal::WindowChange, SIGWINCH),
];

/// Those that a user ends a program with.
const ENDS: [Signal; 2] = [Signal::Interrupt, Signal::Terminate];

/// One that comes again so soon was meant once: to the process, and to its group.
const SOON: Duration = Duration::from_millis(250);

/// What sends the guest the signals of this process, and a future of the exit code
/// with which one ends a run that is recorded. Other runs end at once, as any process
/// does.
///
/// This process has a handler for a signal once the guest catches it. It is another
/// thread's, so a guest that computes keeps nobody from ending it: ctrl-c and SIGTERM
/// do, if they come again and the guest has not received the first.
pub(crate) fn relay(recorded: bool) -> (Signals, impl Future<Output = i32>) {
    let (end, ended) = oneshot::channel();
    let relay = Arc::new(Relay {
        listener: Mutex::default(),
        end: Mutex::new(recorded.then_some(end)),
    });
    let first = relay.clone();
    let signals = Signals::new(Signal::ALL, move |signals, caught| {
        relay.listen(signals, caught);
    });
    if recorded {
        first.listen(&signals, &ENDS);
    }
    let ended = async {
        match ended.await {
            Ok(code) => code,
            Err(_never) => pending().await,
        }
    };
    (signals, ended)
}

struct Relay {
    listener: Mutex<Option<Handle>>,
    /// Where a run is recorded.
    end: Mutex<Option<oneshot::Sender<i32>>>,
}

impl Relay {
    /// Has these signals come to the guest.
    fn listen(self: &Arc<Self>, signals: &Signals, caught: &[Signal]) {
        if let Err(error) = self.try_to_listen(signals, caught) {
            tell(format_args!("signals do not reach the guest: {error}"));
        }
    }

    fn try_to_listen(self: &Arc<Self>, signals: &Signals, caught: &[Signal]) -> io::Result<()> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = NUMBERS.iter().filter(|(signal, _)| caught.contains(signal));
        if let Some(listener) = &*listener {
            return wanted
                .map(|(_, number)| *number)
                .try_for_each(|number| listener.add_signal(number));
        }
        let numbers: Vec<c_int> = wanted.map(|(_, number)| *number).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let mut arrivals = iterator::Signals::new(numbers)?;
        *listener = Some(arrivals.handle());
        let (relay, signals) = (self.clone(), signals.clone());
        let thread = thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || {
            let mut last = HashMap::new();
            for number in &mut arrivals {
                relay.arrived(&signals, number, last.insert(number, Instant::now()));
            }
        })?;
        Ok(())
    }

    fn arrived(&self, signals: &Signals, number: c_int, last: Option<Instant>) {
        let known = NUMBERS.iter().find(|(_, known)| *known == number);
        let Some((signal, _)) = known else { return };
        let is_soon = last.is_some_and(|last| last.elapsed() < SOON);
        match signals.send(*signal) {
            Sent::Sent => {}
            Sent::Pending if is_soon || !ENDS.contains(signal) => {}
            Sent::Pending | Sent::Uncaught => self.end(number),
        }
    }

    /// What the signal does to a process.
    fn end(&self, number: c_int) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = end.take() {
            // Nobody waits for it where the run has just ended.
            _ = end.send(128 + number);
            return;
        }
        drop(end);
        if let Err(error) = emulate_default_handler(number) {
            tell(format_args!("signal {number}: {error}"));
        }
    }
}
