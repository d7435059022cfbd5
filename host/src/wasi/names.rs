//! Names, for `ip-name-lookup`.

use std::net::IpAddr;

use crate::SocketType;
use crate::ctx::CapsockCtx;
use crate::lookup::{LookupFlags, NameError, Question};
use crate::policy::is_name;
use crate::policy::wasi::numeric_host;
use crate::resolve;

/// Why there are no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// Neither an address nor a name: nobody was asked.
    Invalid,
    Failed(NameError),
}

/// The addresses of a name that the policy lets the guest look up; of an address
/// as text itself, which may stand in brackets as in a URL.
pub(crate) async fn addresses(ctx: CapsockCtx, name: String) -> Result<Vec<IpAddr>, Unresolved> {
    if let Some(ip) = numeric_host(&name) {
        return Ok(vec![ip.to_canonical()]);
    }
    if !is_name(&name) {
        return Err(Unresolved::Invalid);
    }
    let question = Question {
        host: Some(name),
        service: None,
        family: None,
        // Otherwise each address is there once for each type of socket.
        kind: Some(SocketType::Stream),
        protocol: 0,
        flags: LookupFlags::default(),
    };
    let answers = resolve::address_info(&ctx, question).await;
    let answers = answers.map_err(Unresolved::Failed)?;
    let addresses = answers.into_iter();
    Ok(addresses
        .map(|answer| answer.address.ip().to_canonical())
        .collect())
}
