//! What a guest did not get, as lines for a person.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::text::shown;
use crate::{Denial, Invalid, Op, Rule};

/// So many different lines are told at once,
const AT_ONCE: u32 = 100;

/// then one as often,
const EACH: Duration = Duration::from_millis(100);

/// and so many of one run,
const ALL: usize = 1000;

/// of so many bytes: half of what a pipe holds (pipe(7)), since whoever runs the guest
/// may not read it, and would have it wait for ever.
const BYTES: usize = 32 << 10;

/// How much of a guest's own text a line has, in bytes.
const TEXT: usize = 256;

/// What a guest did not get: each told once, as far as it does not flood the
/// terminal, and at the end how many were left out.
#[derive(Debug, Default)]
pub struct Told {
    /// Hashes of what was told, which take no more memory for long texts.
    told: HashSet<u64>,
    hasher: RandomState,
    /// When all that was told is told, at one line for each [`EACH`].
    until: Option<Instant>,
    bytes: usize,
    left_out: u64,
}

impl Told {
    /// A denial, with the flag that would allow it; `None` where it was told, or
    /// there are too many.
    pub fn denial(&mut self, denial: &Denial) -> Option<String> {
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
            Some(grant) => format!("denied {denied}; to allow it: {}", grant.flag()),
            None => format!("denied {denied}"),
        })
    }

    /// What makes no sense, whatever is granted.
    pub fn invalid(&mut self, invalid: &Invalid) -> Option<String> {
        self.line(format!("refused {}", shown(&invalid.to_string(), 4 * TEXT)))
    }

    /// How many were left out, once the guest has ended.
    pub fn left_out(&self) -> Option<String> {
        (self.left_out > 0).then(|| {
            format!(
                "{} further denials were left out: {AT_ONCE} different ones are told at once, \
                 then one each {EACH:?}, {ALL} in all and of {} KiB",
                self.left_out,
                BYTES >> 10,
            )
        })
    }

    fn line(&mut self, line: String) -> Option<String> {
        self.take(&line, Instant::now()).then_some(line)
    }

    /// Whether a line is told now.
    fn take(&mut self, line: &str, now: Instant) -> bool {
        let hash = self.hasher.hash_one(line);
        if self.told.contains(&hash) {
            return false;
        }
        let until = self.until.unwrap_or(now).max(now) + EACH;
        let bytes = self.bytes + line.len();
        if self.told.len() >= ALL || bytes > BYTES || until - now > EACH * AT_ONCE {
            self.left_out += 1;
            return false;
        }
        self.until = Some(until);
        self.bytes = bytes;
        self.told.insert(hash);
        true
    }
}

impl Rule {
    /// The flag of `capsock run` and `capsock seal` that gives a grant, as a shell
    /// takes it.
    pub fn flag(&self) -> String {
        match self.op() {
            // There is only `*`, and the flag alone says it.
            Op::Interfaces => format!("--allow-{}", self.op()),
            op => {
                let target = self.target();
                // It fails for a NUL, which no rule has.
                let target = shlex::try_quote(&target).unwrap_or_default();
                format!("--allow-{op} {target}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_once_and_not_too_many_of_them() {
        let mut lines = Told::default();
        let now = Instant::now();
        let told = |lines: &mut Told, from: u32, to: u32, at| {
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

    /// Nobody may read them.
    #[test]
    fn lines_fit_into_a_pipe() {
        let mut lines = Told::default();
        let mut at = Instant::now();
        let mut bytes = 0;
        for number in 0..ALL {
            at += EACH;
            let line = format!("{number:0200}");
            bytes += if lines.take(&line, at) { line.len() } else { 0 };
        }
        assert!(bytes <= BYTES && bytes > BYTES - 200, "{bytes}");
        assert!(lines.left_out > 0);
    }
}
