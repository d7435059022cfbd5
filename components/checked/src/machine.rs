//! Which addresses are the machine's own, as far as WASI tells.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use capsock_policy::{Machine, Route};

use crate::memo::LIFE;
use crate::{ErrorCode, outer};

/// How many answers are kept, each for [`LIFE`].
const KEPT: usize = 256;

/// The machine that the host is on.
#[derive(Debug)]
pub(crate) struct HostsMachine {
    known: Mutex<Vec<(IpAddr, Route, Instant)>>,
    /// Whether the host gives UDP sockets at all: of IPv4, of IPv6.
    gives: [bool; 2],
}

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// How often a machine was asked: what was answered without it holds for good.
pub(crate) fn times_asked() -> u64 {
    ASKED.get()
}

impl HostsMachine {
    /// Learns what the host gives: once, and before the guest has any of its sockets.
    pub(crate) fn learn() -> Self {
        let any = [
            Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::from(Ipv6Addr::UNSPECIFIED),
        ];
        Self {
            known: Mutex::default(),
            gives: any.map(|any| can_bind(any) != Ok(false)),
        }
    }
}

impl Machine for HostsMachine {
    fn route(&self, ip: IpAddr) -> Route {
        ASKED.set(ASKED.get() + 1);
        // Where the host gives no sockets to ask by, an address is what its number says.
        if !self.gives[usize::from(ip.is_ipv6())] {
            return Route::Elsewhere;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        known.retain(|(_, _, until)| *until > now);
        if let Some((_, route, _)) = known.iter().find(|(other, ..)| *other == ip) {
            return *route;
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let route = match may_be_own(ip) {
            true => Route::Here,
            false => Route::Elsewhere,
        };
        known.push((ip, route, now + LIFE));
        route
    }
}

/// Whether what is sent to an address is delivered to this machine, of which its
/// sockets tell, and send nothing. Where they do not tell, since the guest has used up
/// the host's sockets or ports, it may be.
fn may_be_own(ip: IpAddr) -> bool {
    let (any, nobodys) = match ip {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), NOBODYS.0),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), NOBODYS.1),
    };
    let peer = SocketAddr::new(ip, DISCARD);
    match outer::probe_route(SocketAddr::new(any, 0), peer) {
        Ok(local) if local.ip() == ip => true,
        // To its own address the kernel sends from there (ip(7)), but to another one of
        // a network that is its own as a whole from the one that the network has. Such
        // an address can be bound, as any one can where `ip_nonlocal_bind` is set.
        Ok(_) => match (can_bind(ip), can_bind(nobodys)) {
            (Ok(can), Ok(any)) => can && !any,
            (Err(_), _) | (_, Err(_)) => true,
        },
        // Nobody gets there.
        Err(ErrorCode::RemoteUnreachable) => false,
        Err(error) => !is_answer(error),
    }
}

/// Whether a socket can be bound to an address.
///
/// # Errors
/// The host's, where it has not come to that.
fn can_bind(ip: IpAddr) -> Result<bool, ErrorCode> {
    match outer::probe_bind(SocketAddr::new(ip, 0)) {
        Ok(_socket) => Ok(true),
        Err(error) if is_answer(error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an error says that the host or its kernel does not give that, whatever there
/// is of sockets and ports.
fn is_answer(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::AccessDenied
            | ErrorCode::AddressNotBindable
            | ErrorCode::InvalidArgument
            | ErrorCode::NotSupported
    )
}

/// Addresses that no machine has: those of documentation (RFC 5737, RFC 3849).
const NOBODYS: (IpAddr, IpAddr) = (
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
);

/// A port that nothing is sent to.
const DISCARD: u16 = 9;
