//! Names of hosts and services, looked up on a bounded pool.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::ctx::CapsockCtx;
use crate::lookup::{Answer, Host, HostEntry, HostError, NameError, NameFlags, Question};
use crate::os;
use crate::quota::Taken;
use crate::{Address, Errno};

/// The longest name of a machine, in bytes: sethostname(2).
const HOST_NAME_MAX: usize = 64;

/// The longest name of a host with a zone, of a service or a protocol, in bytes:
/// longer than any is.
const TEXT: usize = 4 << 10;

/// `getaddrinfo(3)`
pub(crate) async fn address_info(
    ctx: &CapsockCtx,
    question: Question,
) -> Result<Vec<Answer>, NameError> {
    bounded(question.host.as_deref(), NameError::NoName)?;
    bounded(question.service.as_deref(), NameError::Service)?;
    let host = match &question.host {
        None if question.service.is_none() => return Err(NameError::NoName),
        None => Host::Numeric(None),
        // A zone is for the kernel to make sense of: `fe80::1%eth0`.
        Some(host)
            if host
                .split('%')
                .next()
                .is_some_and(|ip| ip.parse::<IpAddr>().is_ok()) =>
        {
            Host::Numeric(Some(host.clone()))
        }
        Some(_) if question.flags.numeric_host => return Err(NameError::NoName),
        Some(host) => Host::Name(ctx.vet_name(host)?),
    };
    let name = match &host {
        Host::Name(name) => Some(name.clone()),
        Host::Numeric(_) => None,
    };
    let look_up = move || os::names::address_info(&host, &question);
    let mut answers = on_pool(ctx, look_up).await?;
    answers.truncate(ctx.limits().answers as usize);
    if let Some(name) = name {
        ctx.admit_answers(&name, &mut answers, |answer| answer.address.ip())?;
    }
    Ok(answers)
}

/// `getnameinfo(3)`
pub(crate) async fn name_info(
    ctx: &CapsockCtx,
    address: &Address,
    mut flags: NameFlags,
) -> Result<(String, String), NameError> {
    let endpoint = match address {
        Address::Inet(address) => SocketAddr::V4(*address),
        Address::Inet6(address) => SocketAddr::V6(*address),
        _ => return Err(NameError::Family),
    };
    // The C library asks for the IPv4 address inside an IPv6 one.
    let asked = address.canonical().ok_or(NameError::Family)?.ip();
    if !flags.numeric_host && !asked.is_loopback() && ctx.vet_name(&reverse_name(asked)).is_err() {
        if flags.name_required {
            return Err(NameError::NoName);
        }
        flags.numeric_host = true;
    }
    let look_up = move || os::names::name_info(&endpoint, flags);
    on_pool(ctx, look_up).await
}

/// `gethostbyname(3)`, for IPv4
pub(crate) async fn host_by_name(ctx: &CapsockCtx, name: &str) -> Result<HostEntry, HostError> {
    if let Ok(ip) = name.parse::<Ipv4Addr>() {
        return Ok(HostEntry {
            name: name.to_owned(),
            aliases: Vec::new(),
            addresses: vec![ip.into()],
        });
    }
    let name = ctx.vet_name(name)?;
    let asked = name.clone();
    let look_up = move || Ok(os::databases::host_by_name(asked.as_str()));
    let mut entry = on_pool(ctx, look_up)
        .await?
        .map(|entry| entry.bounded(ctx))?;
    ctx.admit_answers(&name, &mut entry.addresses, |ip| *ip)?;
    Ok(entry)
}

/// `gethostbyaddr(3)`
pub(crate) async fn host_by_address(
    ctx: &CapsockCtx,
    address: &Address,
) -> Result<HostEntry, HostError> {
    // The C library asks for the IPv4 address inside an IPv6 one.
    let Some(ip) = address.canonical().map(|endpoint| endpoint.ip()) else {
        return Err(HostError::NoRecovery);
    };
    if !ip.is_loopback() {
        ctx.vet_name(&reverse_name(ip))?;
    }
    let look_up = move || Ok(os::databases::host_by_address(ip));
    on_pool(ctx, look_up).await?.map(|entry| entry.bounded(ctx))
}

/// `getservbyname(3)`
pub(crate) async fn service_by_name(
    ctx: &CapsockCtx,
    name: String,
    protocol: Option<String>,
) -> Result<u16, NameError> {
    bounded(Some(&name), NameError::NoName)?;
    bounded(protocol.as_deref(), NameError::NoName)?;
    let look_up = move || os::databases::service_by_name(&name, protocol.as_deref());
    on_pool(ctx, look_up).await
}

/// `getservbyport(3)`
pub(crate) async fn service_by_port(
    ctx: &CapsockCtx,
    port: u16,
    protocol: Option<String>,
) -> Result<String, NameError> {
    bounded(protocol.as_deref(), NameError::NoName)?;
    let look_up = move || os::databases::service_by_port(port, protocol.as_deref());
    on_pool(ctx, look_up).await
}

/// `getprotobyname(3)`
pub(crate) async fn protocol_by_name(ctx: &CapsockCtx, name: String) -> Result<u32, NameError> {
    bounded(Some(&name), NameError::NoName)?;
    on_pool(ctx, move || os::databases::protocol_by_name(&name)).await
}

/// `sethostname(2)`
pub(crate) fn set_host_name(ctx: &CapsockCtx, name: &str) -> Result<(), Errno> {
    // Others read the name only up to a NUL, and the rule was for all of it.
    if name.len() > HOST_NAME_MAX || name.contains('\0') {
        return Err(Errno::InvalidArgument);
    }
    ctx.vet_option("sethostname", name)?;
    os::names::set_host_name(name)
}

/// `gethostname(2)`
pub(crate) fn host_name() -> Result<String, Errno> {
    os::names::host_name()
}

/// Text that is too long is none that anybody has, and nobody is asked.
fn bounded(text: Option<&str>, error: NameError) -> Result<(), NameError> {
    match text {
        Some(text) if text.len() > TEXT => Err(error),
        _ => Ok(()),
    }
}

impl HostEntry {
    fn bounded(mut self, ctx: &CapsockCtx) -> Self {
        let most = ctx.limits().answers as usize;
        self.aliases.truncate(most);
        self.addresses.truncate(most);
        self
    }
}

/// Looks up in one of the guest's places, for no longer than its limit.
async fn on_pool<T: Send + 'static>(
    ctx: &CapsockCtx,
    look_up: impl FnOnce() -> Result<T, NameError> + Send + 'static,
) -> Result<T, NameError> {
    pooled(ctx.take_lookup()?, ctx.limits().lookup_time, look_up).await
}

/// Looks up on tokio's pool of threads. A look-up that takes too long goes on
/// there, and keeps its permit until it ends.
async fn pooled<T: Send + 'static>(
    permit: Taken,
    time: Duration,
    look_up: impl FnOnce() -> Result<T, NameError> + Send + 'static,
) -> Result<T, NameError> {
    let work = spawn_blocking(move || {
        let result = look_up();
        drop(permit);
        result
    });
    match timeout(time, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => {
            tracing::error!(%error, "looking up a name");
            Err(NameError::System)
        }
        Err(_elapsed) => Err(NameError::Again),
    }
}

/// The name that a reverse look-up asks for (RFC 1035, 3.5; RFC 3596, 2.5).
fn reverse_name(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip
                .octets()
                .into_iter()
                .rev()
                .flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles
                .map(|nibble| format!("{nibble:x}."))
                .collect::<String>()
                + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::What;

    #[tokio::test]
    async fn a_look_up_that_takes_too_long_keeps_its_place_until_it_ends() {
        let mut limits = crate::Limits::default();
        limits.lookups = 1;
        let quota = crate::Quota::new(&limits);
        let place = quota.take(What::Lookups, 1).expect("the only one");
        let (answer, silence) = std::sync::mpsc::channel();
        let look_up = move || silence.recv().map_err(|_gone| NameError::Fail);
        let result = pooled(place, Duration::from_millis(10), look_up).await;
        assert_eq!(result, Err(NameError::Again));
        assert!(quota.take(What::Lookups, 1).is_none());
        answer.send(()).expect("it still waits");
        while quota.take(What::Lookups, 1).is_none() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn guests_share_the_look_ups_of_their_quota() {
        let mut limits = crate::Limits::default();
        limits.lookups = 1;
        let quota = crate::Quota::new(&limits);
        let [one, other] = [(); 2].map(|()| {
            let policy = crate::Policy::default();
            CapsockCtx::new(policy, cap_std::ambient_authority()).with_quota(&quota)
        });
        let place = one.take_lookup().expect("the only one");
        let full = other.take_lookup().map(drop);
        assert_eq!(full, Err(NameError::Again));
        drop(place);
        other.take_lookup().expect("it was given back");
    }

    #[test]
    fn reverse_names_are_those_of_dns() {
        for (ip, name) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            ("::ffff:192.0.2.1", "1.2.0.192.in-addr.arpa"),
            (
                "2001:db8::567:89ab",
                "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ] {
            assert_eq!(reverse_name(ip.parse().expect(ip)), name);
        }
    }
}
