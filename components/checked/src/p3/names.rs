//! Look-ups of names.

use std::net::IpAddr;

use super::bindings::wasi::sockets0_3_0::ip_name_lookup::ErrorCode;
use super::outer;
use crate::names::Question;
use crate::{ErrorCode as Code, Lookup};

/// The addresses of a name that the guest may be told.
pub(super) async fn addresses(name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
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
fn code(code: Code) -> ErrorCode {
    match code {
        Code::AccessDenied => ErrorCode::AccessDenied,
        Code::InvalidArgument => ErrorCode::InvalidArgument,
        _ => ErrorCode::NameUnresolvable,
    }
}
