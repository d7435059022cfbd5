//! What this program may do, and giving some of it up for good.
//!
//! Operations, targets and rules are written as in the host's grants.
//!
//! ```no_run
//! use capsock_guest::authority;
//!
//! assert!(authority::may("connect", "tcp://127.0.0.1:5432")?);
//! // From here on nothing else.
//! authority::limit(&["allow connect tcp://127.0.0.1:5432"])?;
//! # Ok::<(), capsock_guest::Error>(())
//! ```

use crate::bindings::authority as wit;
use crate::bindings::types::ErrorCode;
use crate::error::{Error, Result};

/// Whether an operation on one target is allowed: `connect` on
/// `tcp://192.0.2.1:443`, `resolve` on `api.example.com`.
///
/// # Errors
/// Where one of them does not follow the grammar, or stands for more than one.
pub fn may(operation: &str, target: &str) -> Result<bool> {
    wit::may(operation, target).map_err(|message| Error::invalid("may", message))
}

/// The rules that the program was started with, such as `allow connect
/// tcp://*:443`. What [`limit`] gave up is not taken off them.
pub fn grants() -> Vec<String> {
    wit::grants()
}

/// How many threads that have not ended the program may have, the first one
/// included.
pub fn thread_limit() -> u32 {
    wit::thread_limit()
}

/// Gives up, for good, what these rules do not allow; with none, all that needs
/// a grant. It never allows anything that was not allowed before.
///
/// # Errors
/// Where a rule does not follow the grammar; `EMFILE` where there are too many
/// limits already. Then nothing has changed.
pub fn limit(rules: &[impl AsRef<str>]) -> Result<()> {
    let rules: Vec<String> = rules.iter().map(|rule| rule.as_ref().to_owned()).collect();
    wit::limit(&rules).map_err(|error| match error {
        wit::LimitError::Malformed(message) => Error::invalid("limit", message),
        wit::LimitError::TooMany => Error::new("limit", ErrorCode::TooManyOpenFiles),
    })
}
