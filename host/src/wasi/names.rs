//! Names, for `ip-name-lookup`.

use std::net::IpAddr;

use crate::SocketType;
use crate::ctx::CapsockCtx;
use crate::resolve::{self, LookupFlags, NameError, Question};

/// The addresses of a name that the policy lets the guest look up; of an address
/// as text itself.
pub(crate) async fn addresses(ctx: CapsockCtx, name: String) -> Result<Vec<IpAddr>, NameError> {
    let question = Question {
        host: Some(name),
        service: None,
        family: None,
        // Otherwise each address is there once for each type of socket.
        kind: Some(SocketType::Stream),
        protocol: 0,
        flags: LookupFlags::default(),
    };
    let answers = resolve::address_info(&ctx, question).await?;
    let addresses = answers.into_iter();
    Ok(addresses
        .map(|answer| answer.address.ip().to_canonical())
        .collect())
}
