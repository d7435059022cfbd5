//! Look-ups of names.

use std::net::IpAddr;

use super::outer::{self, NameError};
use crate::names::Question;
use crate::{ErrorCode, Lookup};

/// The addresses of a name that the guest may be told.
pub(super) async fn addresses(name: &str) -> Result<Vec<IpAddr>, NameError> {
    let lookup = match Question::of(name).map_err(code)? {
        Question::Answered(lookup) => lookup,
        Question::Host(name) => {
            let answers = outer::resolve(&name).await?;
            Lookup::answered(name, answers)
        }
    };
    let mut addresses = Vec::new();
    while let Some(address) = lookup.next_address().map_err(code)? {
        addresses.push(address);
    }
    Ok(addresses)
}

/// What the checks fail with.
fn code(code: ErrorCode) -> NameError {
    match code {
        ErrorCode::AccessDenied => NameError::AccessDenied,
        ErrorCode::InvalidArgument => NameError::InvalidArgument,
        _ => NameError::NameUnresolvable,
    }
}
