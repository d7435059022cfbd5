//! What names resolved to: an address that a name rule was resolved to may be
//! used for a while, and no other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// The addresses of names, as the host resolved them for one guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<Vec<Pin>>);

#[derive(Clone, Debug)]
struct Pin {
    /// In its IDNA form.
    name: String,
    ip: IpAddr,
    until: Instant,
}

impl Pins {
    /// Whether some name that `matches` was resolved to the address.
    pub(super) fn any(&self, ip: IpAddr, matches: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|pin| pin.ip == ip && matches(&pin.name))
    }

    /// With the addresses of a name, of which only the newest `room` pins stay.
    pub(super) fn with(
        &self,
        name: &str,
        ips: impl Iterator<Item = IpAddr>,
        until: Instant,
        room: usize,
    ) -> Self {
        let mut pins = (*self.0).clone();
        for ip in ips {
            // The newest stands last.
            pins.retain(|pin| !(pin.name == name && pin.ip == ip));
            pins.push(Pin {
                name: name.to_owned(),
                ip,
                until,
            });
        }
        let over = pins.len().saturating_sub(room);
        pins.drain(..over);
        Self(Arc::new(pins))
    }

    /// Without those whose time is over; `None` where there are none such.
    pub(super) fn live(&self, now: Instant) -> Option<Self> {
        let over = self.0.iter().any(|pin| pin.until <= now);
        over.then(|| {
            let live = self.0.iter().filter(|pin| pin.until > now);
            Self(Arc::new(live.cloned().collect()))
        })
    }
}
