//! What a guest did not get, told on standard error.

use std::sync::{Mutex, MutexGuard, PoisonError};

use capsock_host::{Denial, Invalid, policy};

use crate::terminal::tell;

/// What a guest did not get, as it happens.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<policy::Told>);

impl Told {
    /// With the flag that would allow it.
    pub(crate) fn denial(&self, denial: &Denial) {
        say(self.lines().denial(denial));
    }

    pub(crate) fn invalid(&self, invalid: &Invalid) {
        say(self.lines().invalid(invalid));
    }

    /// How many were left out, once the guest has ended.
    pub(crate) fn end(&self) {
        if let Some(line) = self.lines().left_out() {
            tell(format_args!("{line}; --audit FILE has every decision"));
        }
    }

    fn lines(&self) -> MutexGuard<'_, policy::Told> {
        // Poisoned lines are still lines.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(line: Option<String>) {
    if let Some(line) = line {
        tell(format_args!("{line}"));
    }
}
