//! The last question that was answered with yes, since datagrams mostly go where the
//! one before went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use capsock_policy::Policy;

/// How long facts of the machine are taken for true.
pub(crate) const LIFE: Duration = Duration::from_secs(1);

/// A question, and the policy that allowed it: with names pinned or authority given up
/// it is another one.
#[derive(Debug)]
pub(crate) struct Memo<Q> {
    last: Option<(Q, Arc<Policy>, Instant)>,
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
            last == question && Arc::ptr_eq(by, policy) && Instant::now() < *until
        })
    }

    pub(crate) fn keep(&mut self, question: Q, policy: Arc<Policy>) {
        self.last = Some((question, policy, Instant::now() + LIFE));
    }
}
