//! Which addresses are the machine's own, as far as WASI tells.

use std::cell::Cell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use capsock_policy::{Machine, Route};

use crate::memo::LIFE;
use crate::outer;

/// How many answers are kept, each for [`LIFE`].
const KEPT: usize = 256;

/// The machine that the host is on.
#[derive(Debug, Default)]
pub(crate) struct HostsMachine {
    known: Mutex<HashMap<IpAddr, (Route, Instant)>>,
}

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// How often a machine was asked: what was answered without it holds for good.
pub(crate) fn times_asked() -> u64 {
    ASKED.get()
}

impl Machine for HostsMachine {
    fn route(&self, ip: IpAddr) -> Route {
        ASKED.set(ASKED.get() + 1);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((route, until)) = known.get(&ip)
            && *until > now
        {
            return *route;
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let route = match is_own(ip) {
            true => Route::Here,
            false => Route::Elsewhere,
        };
        known.insert(ip, (route, now + LIFE));
        route
    }
}

/// Whether what is sent to an address is delivered to this machine, of which its
/// sockets tell, and send nothing. Where the host gives none, an address is what its
/// number says.
fn is_own(ip: IpAddr) -> bool {
    let (any, nobodys) = match ip {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), NOBODYS.0),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), NOBODYS.1),
    };
    let peer = SocketAddr::new(ip, DISCARD);
    let Ok(local) = outer::probe_route(SocketAddr::new(any, 0), peer) else {
        return false;
    };
    // To its own address the kernel sends from there (ip(7)), but to another one of a
    // network that is its own as a whole from the one that the network has. Such an
    // address can be bound, as any one can where `ip_nonlocal_bind` is set.
    let can_bind = |ip| outer::probe_bind(SocketAddr::new(ip, 0)).is_ok();
    local.ip() == ip || (can_bind(ip) && !can_bind(nobodys))
}

/// Addresses that no machine has: those of documentation (RFC 5737, RFC 3849).
const NOBODYS: (IpAddr, IpAddr) = (
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
);

/// A port that nothing is sent to.
const DISCARD: u16 = 9;
