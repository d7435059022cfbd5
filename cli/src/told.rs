//! What a guest did not get, told on standard error.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use capsock_host::policy::shown;
use capsock_host::{Denial, Invalid};

use crate::policy;
use crate::terminal::tell;

/// So many different lines are told at once,
const AT_ONCE: u32 = 100;

/// then one as often,
const EACH: Duration = Duration::from_millis(100);

/// and so many of one run.
const ALL: usize = 1000;

/// How much of a guest's own text a line has, in bytes.
const TEXT: usize = 256;

/// What a guest did not get: each told once, as far as it does not flood the
/// terminal, and at the end how many were left out.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    /// Hashes of what was told, which take no more memory for long texts.
    told: HashSet<u64>,
    hasher: RandomState,
    /// When all that was told is told, at one line for each [`EACH`].
    until: Option<Instant>,
    left_out: u64,
}

impl Told {
    /// With the flag that would allow it.
    pub(crate) fn denial(&self, denial: &Denial) {
        let target = denial.target();
        if target.len() > TEXT || denial.peer().is_some_and(|peer| peer.len() > TEXT) {
            // A flag of a text that is cut would allow something else.
            return self.line(format!(
                "denied {} {}: {}",
                denial.op(),
                shown(target, TEXT),
                shown(&denial.reason(), 2 * TEXT)
            ));
        }
        let denied = shown(&denial.to_string(), 4 * TEXT);
        self.line(match denial.grant() {
            Some(grant) => format!("denied {denied}; to allow it: {}", policy::flag(grant)),
            None => format!("denied {denied}"),
        });
    }

    pub(crate) fn invalid(&self, invalid: &Invalid) {
        self.line(format!("refused {}", shown(&invalid.to_string(), 4 * TEXT)));
    }

    /// How many were left out, once the guest has ended.
    pub(crate) fn end(&self) {
        // Poisoned lines are still lines.
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.left_out > 0 {
            tell(format_args!(
                "{} further denials were left out: {AT_ONCE} different ones are told at once, \
                 then one each {EACH:?}, {ALL} in all; --audit FILE has every decision",
                lines.left_out
            ));
        }
    }

    fn line(&self, line: impl Display) {
        let line = line.to_string();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.take(&line, Instant::now()) {
            tell(format_args!("{line}"));
        }
    }
}

impl Lines {
    /// Whether a line is told now.
    fn take(&mut self, line: &str, now: Instant) -> bool {
        let hash = self.hasher.hash_one(line);
        if self.told.contains(&hash) {
            return false;
        }
        let until = self.until.unwrap_or(now).max(now) + EACH;
        if self.told.len() >= ALL || until - now > EACH * AT_ONCE {
            self.left_out += 1;
            return false;
        }
        self.until = Some(until);
        self.told.insert(hash);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_once_and_not_too_many_of_them() {
        let mut lines = Lines::default();
        let now = Instant::now();
        let told = |lines: &mut Lines, from: u32, to: u32, at| {
            let told = (from..to).filter(|line| lines.take(&line.to_string(), at));
            told.count()
        };
        assert_eq!(told(&mut lines, 0, 150, now), 100);
        assert_eq!(lines.left_out, 50);
        assert_eq!(told(&mut lines, 0, 100, now), 0);
        assert_eq!(lines.left_out, 50);
        // A second later.
        let later = now + 10 * EACH;
        assert_eq!(told(&mut lines, 200, 300, later), 10);
        // However long it takes.
        let mut at = later;
        for line in 1000..3000 {
            at += EACH;
            lines.take(&line.to_string(), at);
        }
        assert_eq!(lines.told.len(), ALL);
    }
}
