//! Random sequences of operations against a second evaluator of the rules,
//! which is written naively on purpose: by tables and lists, from the meaning of
//! the grammar alone.
//!
//! What is asserted: no address that it denies reaches a system call, and no
//! option that it denies is set; nothing that it allows is denied; and no peer,
//! sender or passed socket that it does not admit is seen.

mod internet;
mod local;

use tokio::runtime::Runtime;

/// Takes one choice after another out of bytes, until there are none.
pub(super) struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    pub(super) fn below(&mut self, count: usize) -> Option<usize> {
        self.0.next().map(|byte| usize::from(*byte) % count)
    }

    pub(super) fn of<T: Copy>(&mut self, options: &[T]) -> Option<T> {
        if options.is_empty() {
            return None;
        }
        let index = self.below(options.len())?;
        options.get(index).copied()
    }
}

/// How much a sequence showed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) denied: usize,
    pub(crate) reached: usize,
    pub(crate) admitted: usize,
    /// Sockets that came to one who may take them.
    pub(crate) passed: usize,
}

/// What the sockets of a sequence are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Internet,
    Local,
}

impl Part {
    /// By the last byte: the others say what is done, from the first on.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match bytes.last() {
            Some(last) if last % 4 == 1 => Self::Local,
            _ => Self::Internet,
        }
    }
}

/// Does what the bytes say: rules, then operations until they end.
///
/// # Panics
/// Where what is denied reached a system call, or host and model disagree.
pub(crate) fn run(runtime: &Runtime, bytes: &[u8]) -> Shown {
    let choices = Choices(bytes.iter());
    match Part::of(bytes) {
        Part::Internet => internet::run(runtime, choices),
        Part::Local => local::run(runtime, choices),
    }
}

pub(crate) fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "`just model` shows how much was tried")]
mod tests {
    use super::*;

    /// How many sequences; `just model` has a million of them.
    const VARIABLE: &str = "CAPSOCK_SEQUENCES";
    const USUAL: u64 = 20_000;

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn no_denied_address_reaches_a_system_call() {
        let count = std::env::var(VARIABLE).map_or(USUAL, |count| count.parse().expect(VARIABLE));
        let runtime = runtime();
        let parts = [Part::Internet, Part::Local];
        let mut sums = parts.map(|part| (part, 0, Shown::default()));
        for seed in 0..count {
            let mut state = seed;
            let bytes: Vec<u8> = (0..40)
                .flat_map(|_| random(&mut state).to_le_bytes())
                .collect();
            let shown =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&runtime, &bytes)));
            let shown = shown.unwrap_or_else(|_| panic!("the sequence of seed {seed}"));
            for (part, count, sum) in &mut sums {
                if *part == Part::of(&bytes) {
                    *count += 1;
                    sum.denied += shown.denied;
                    sum.reached += shown.reached;
                    sum.admitted += shown.admitted;
                    sum.passed += shown.passed;
                }
            }
        }
        for (part, count, sum) in sums {
            println!(
                "{part:?}: {count} sequences, {} denied operations, {} addresses that reached the \
                 kernel, {} peers and messages admitted, {} sockets passed",
                sum.denied, sum.reached, sum.admitted, sum.passed
            );
            // What is never met proves nothing.
            let least = count / 100;
            assert!(
                sum.denied > least && sum.reached > least && sum.admitted > least / 10,
                "{sum:?}"
            );
            assert!(part == Part::Internet || sum.passed > least / 10, "{sum:?}");
        }
    }
}
