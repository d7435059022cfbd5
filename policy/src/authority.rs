//! The policy of one guest, which the guest itself may narrow.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::{ParseRuleError, Policy, Rule, VettedName};

/// How many limits a guest may set, with how many rules and bytes of text in
/// all: each check asks every one of them.
const LIMITS: usize = 64;
const RULES: usize = 4096;
const BYTES: usize = 64 << 10;

/// The longest question, in bytes; longer than any name or path.
const QUESTION: usize = 4 << 10;

/// The policy of one guest as it is now: with what names were resolved to, and
/// within the limits that the guest has set itself.
#[derive(Debug)]
pub struct Authority(Mutex<State>);

#[derive(Debug)]
struct State {
    policy: Arc<Policy>,
    /// When the first of the pins ends.
    pin_ends: Option<Instant>,
    limits: usize,
    rules: usize,
    bytes: usize,
}

impl State {
    fn set(&mut self, policy: Policy) {
        self.pin_ends = policy.first_pin_ends();
        self.policy = Arc::new(policy);
    }
}

/// Why a guest's authority was not narrowed. Then nothing has changed.
#[derive(Debug)]
pub enum NarrowError {
    /// A rule does not follow the grammar.
    Malformed(ParseRuleError),
    /// There are 64 limits, or 4,096 rules or 64 KiB of text in them.
    TooMany,
}

impl Authority {
    /// The authority of a guest that starts.
    pub fn new(policy: Policy) -> Self {
        Self(Mutex::new(State {
            policy: Arc::new(policy),
            pin_ends: None,
            limits: 0,
            rules: 0,
            bytes: 0,
        }))
    }

    /// The policy at this moment: without what names resolved to too long ago.
    pub fn policy(&self) -> Arc<Policy> {
        let mut state = self.state();
        if let Some(end) = state.pin_ends {
            let now = Instant::now();
            if end <= now {
                let policy = Policy::clone(&state.policy).with_live_pins(now);
                state.set(policy);
            }
        }
        state.policy.clone()
    }

    /// Lets rules for a name be about the addresses that it was resolved to.
    pub fn pin(&self, name: &VettedName, ips: impl Iterator<Item = IpAddr>) {
        let mut state = self.state();
        let policy = Policy::clone(&state.policy).pinned(name, ips, Instant::now());
        state.set(policy);
    }

    /// Adds a rule that a recording learnt.
    pub fn learn(&self, rule: Rule) {
        let mut state = self.state();
        state.policy = Arc::new(Policy::clone(&state.policy).with(rule));
    }

    /// Whether the policy allows an operation on a target.
    ///
    /// # Errors
    /// What is wrong with the question, in words.
    pub fn may(&self, operation: &str, target: &str) -> Result<bool, String> {
        if operation.len() + target.len() > QUESTION {
            return Err(format!("the question has more than {QUESTION} bytes"));
        }
        let verdict = self.policy().may(operation, target);
        verdict.map_err(|error| error.to_string())
    }

    /// Allows from now on only what the rules allow too.
    ///
    /// # Errors
    /// A rule that does not follow the grammar, or too many of them.
    pub fn limit(&self, rules: &[String]) -> Result<(), NarrowError> {
        let mut state = self.state();
        let bytes = rules.iter().map(String::len).sum::<usize>() + state.bytes;
        let count = rules.len() + state.rules;
        if state.limits == LIMITS || count > RULES || bytes > BYTES {
            return Err(NarrowError::TooMany);
        }
        let limit = rules.iter().try_fold(Policy::default(), |limit, rule| {
            let rule: Rule = rule.parse().map_err(NarrowError::Malformed)?;
            Ok(limit.with(rule))
        })?;
        let policy = Policy::clone(&state.policy).narrowed(limit);
        state.set(policy);
        state.limits += 1;
        (state.rules, state.bytes) = (count, bytes);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is replaced as a whole, so a poisoned one is still one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
