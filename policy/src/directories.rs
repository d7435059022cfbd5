//! The directories that rules name.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::Policy;
use crate::rule::{Effect, Op, Target};

impl Policy {
    /// The paths of the `unix:` rules that let one socket be connected or sent to.
    pub fn unix_peers(&self) -> BTreeSet<PathBuf> {
        let rules = self.rules.iter().filter(|rule| {
            rule.effect == Effect::Allow && matches!(rule.op, Op::Connect | Op::Send)
        });
        rules
            .filter_map(|rule| match &rule.target {
                Target::UnixPath(path) => Some(path.directory.join(path.name.as_ref()?)),
                _ => None,
            })
            .collect()
    }

    /// The directories of the `unix:` rules of this effect.
    ///
    /// ```
    /// use std::path::PathBuf;
    /// use capsock_policy::{Effect, Op, Policy};
    ///
    /// let policy = Policy::default().allow(Op::Connect, "unix:/run/app/db.sock")?;
    /// assert_eq!(policy.unix_directories_of(Effect::Allow), [PathBuf::from("/run/app")].into());
    /// # Ok::<(), capsock_policy::ParseRuleError>(())
    /// ```
    pub fn unix_directories_of(&self, effect: Effect) -> BTreeSet<PathBuf> {
        let rules = self.rules.iter().filter(|rule| rule.effect == effect);
        rules
            .filter_map(|rule| match &rule.target {
                Target::UnixPath(path) => Some(path.directory.clone()),
                _ => None,
            })
            .collect()
    }
}
