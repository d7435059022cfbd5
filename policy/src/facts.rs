//! What rules mean now: what names resolved to, and what only the machine knows.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use crate::class::{self, Class};
use crate::pins::Pins;

/// What rules mean on a machine: asked at each check, so it may change.
///
/// The default answers as one that knows nothing: no address is its own, and
/// what has another name is another thing.
pub trait Machine: fmt::Debug + Send + Sync {
    /// What the kernel does with what is sent to an address.
    fn route(&self, ip: IpAddr) -> Route {
        let _ = ip;
        Route::Elsewhere
    }

    /// Whether two names are of one network interface, which may have several.
    fn is_same_interface(&self, one: &str, other: &str) -> bool {
        let _ = (one, other);
        false
    }

    /// Whether two paths lead to one file, by links or as two names of it.
    fn is_same_file(&self, one: &Path, other: &Path) -> bool {
        let _ = (one, other);
        false
    }

    /// What follows `directory` in `path`, if `path` leads through it by another
    /// name: through a link, or a mount of it.
    fn beneath(&self, directory: &Path, path: &Path) -> Option<PathBuf> {
        let _ = (directory, path);
        None
    }
}

/// Where the kernel delivers what is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// To this machine itself: the address is one of its own.
    Here,
    /// To all machines of a network.
    Broadcast,
    /// To another machine, or to nobody.
    Elsewhere,
}

/// What a policy knows of the world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) pins: Pins,
    pub(crate) machine: Option<Arc<dyn Machine>>,
}

impl Facts {
    /// The class of a peer's address. A broadcast is one, whatever its number; of
    /// public ones, the machine's own are in none.
    pub(crate) fn class_of(&self, ip: IpAddr) -> Option<Class> {
        match (Class::of(ip), self.route(ip)) {
            (Some(Class::Public), Route::Here) => None,
            (_, Route::Broadcast) => Some(Class::Broadcast),
            (class, _) => class,
        }
    }

    /// Whether a grant for `net` reaches the peer `ip`, which is inside it:
    /// everything that is not public only by a net wholly inside the same block.
    pub(crate) fn is_reached_by(&self, ip: IpAddr, net: IpNet) -> bool {
        match self.route(ip) {
            Route::Elsewhere => class::reached_by(ip, net),
            Route::Here | Route::Broadcast => net == IpNet::from(ip),
        }
    }

    /// What the machine says of an address: whether it is a broadcast, and of a
    /// public one whether it is its own. Of its own private ones it is not asked:
    /// who grants a private net grants this machine in it. Nothing leaves it by
    /// loopback, and to a group.
    pub(crate) fn route(&self, ip: IpAddr) -> Route {
        let Some(machine) = &self.machine else {
            return Route::Elsewhere;
        };
        match Class::of(ip) {
            Some(Class::Loopback | Class::Multicast) => Route::Elsewhere,
            Some(Class::Public) => machine.route(ip),
            _ => match machine.route(ip) {
                Route::Here => Route::Elsewhere,
                route => route,
            },
        }
    }

    pub(crate) fn is_same_interface(&self, one: &str, other: &str) -> bool {
        let machine = self.machine.as_ref();
        one == other || machine.is_some_and(|machine| machine.is_same_interface(one, other))
    }

    pub(crate) fn is_same_file(&self, one: &Path, other: &Path) -> bool {
        let machine = self.machine.as_ref();
        machine.is_some_and(|machine| machine.is_same_file(one, other))
    }

    pub(crate) fn beneath(&self, directory: &Path, path: &Path) -> Option<PathBuf> {
        self.machine.as_ref()?.beneath(directory, path)
    }
}
