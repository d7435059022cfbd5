//! The last question that was answered with yes, since datagrams mostly go where the
//! one before went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use capsock_policy::Policy;

use crate::machine;

/// How long facts of the machine are taken for true.
pub(crate) const LIFE: Duration = Duration::from_secs(1);

/// A question, and the policy that allowed it: with names pinned or authority given up
/// it is another one.
#[derive(Debug)]
pub(crate) struct Memo<Q> {
    last: Option<(Q, Arc<Policy>, Option<Instant>)>,
}

impl<Q> Default for Memo<Q> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<Q: PartialEq> Memo<Q> {
    /// Whether this policy has just allowed the same.
    pub(crate) fn has(&self, question: &Q, policy: &Arc<Policy>) -> bool {
        self.last.as_ref().is_some_and(|(last, by, until)| {
            last == question
                && Arc::ptr_eq(by, policy)
                && until.is_none_or(|until| Instant::now() < until)
        })
    }

    /// Asks the policy, and keeps the question if it allows it: for good where the
    /// machine was not asked, whose clock then does not matter.
    pub(crate) fn ask<T, E>(
        &mut self,
        question: Q,
        policy: Arc<Policy>,
        ask: impl FnOnce(&Policy) -> Result<T, E>,
    ) -> Result<(), E> {
        let before = machine::times_asked();
        ask(&policy)?;
        let until = (machine::times_asked() != before).then(|| Instant::now() + LIFE);
        self.last = Some((question, policy, until));
        Ok(())
    }
}
