//! Which addresses are the machine's own, as far as WASI tells.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use capsock_policy::{Machine, Route};

use crate::bindings::wasi::sockets0_2_12::network::IpAddressFamily;
use crate::convert::socket_address;
use crate::memo::LIFE;
use crate::outer;

/// How many answers are kept, each for [`LIFE`].
const KEPT: usize = 256;

/// The machine that the host is on.
#[derive(Debug, Default)]
pub(crate) struct HostsMachine {
    known: Mutex<HashMap<IpAddr, (Route, Instant)>>,
}

impl Machine for HostsMachine {
    fn route(&self, ip: IpAddr) -> Route {
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

/// Whether the kernel would send from an address what is sent to it, which it does
/// for its own (ip(7)): a UDP socket that is connected there says so, and sends
/// nothing. Where the host gives none, an address is what its number says.
fn is_own(ip: IpAddr) -> bool {
    let (family, any): (_, IpAddr) = match ip {
        IpAddr::V4(_) => (IpAddressFamily::Ipv4, Ipv4Addr::UNSPECIFIED.into()),
        IpAddr::V6(_) => (IpAddressFamily::Ipv6, Ipv6Addr::UNSPECIFIED.into()),
    };
    let local = outer::probe_udp(
        family,
        SocketAddr::new(any, 0),
        SocketAddr::new(ip, DISCARD),
    );
    local.is_ok_and(|local| socket_address(local).ip() == ip)
}

/// A port that nothing is sent to.
const DISCARD: u16 = 9;
