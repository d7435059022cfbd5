//! What only the kernel knows of addresses and names: `rtnetlink(7)`,
//! `if_nametoindex(3)` and `stat(2)`.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

use super::interfaces;
use crate::policy::{Machine, Route};

/// This machine, in the network namespace that it was first asked in.
#[derive(Debug, Default)]
pub(crate) struct ThisMachine {
    routes: Mutex<Option<Routes>>,
}

impl Machine for ThisMachine {
    /// The kernel's own table tells, since it may have addresses that no
    /// interface has.
    fn route(&self, ip: IpAddr) -> Route {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match &mut *routes {
            Some(routes) => routes.find(ip),
            none => Routes::open().and_then(|routes| none.insert(routes).find(ip)),
        };
        found.unwrap_or_else(|error| {
            *routes = None;
            // As if it were the machine's own: then a grant has to name it.
            tracing::error!(%ip, %error, "asking the kernel for a route");
            Route::Here
        })
    }

    fn is_same_interface(&self, one: &str, other: &str) -> bool {
        let index = |name| interfaces::index_or_any(name).ok();
        index(one).is_some_and(|one| index(other) == Some(one))
    }

    fn is_same_file(&self, one: &Path, other: &Path) -> bool {
        identity(one).is_some_and(|one| identity(other) == Some(one))
    }

    fn beneath(&self, directory: &Path, path: &Path) -> Option<PathBuf> {
        let wanted = identity(directory)?;
        let (parent, name) = (path.parent()?, path.file_name()?);
        let real = parent.canonicalize().ok()?;
        let ancestors = real.ancestors().map(|ancestor| (real.as_path(), ancestor));
        let as_written = parent.ancestors().map(|ancestor| (parent, ancestor));
        let mut all = ancestors.chain(as_written);
        let (whole, ancestor) = all.find(|(_, ancestor)| identity(ancestor) == Some(wanted))?;
        Some(whole.strip_prefix(ancestor).ok()?.join(name))
    }
}

/// The device and the number of what a path leads to, through links.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// What the kernel said of addresses, until its tables change.
#[derive(Debug)]
struct Routes {
    kernel: Socket,
    changes: Socket,
    known: HashMap<IpAddr, Route>,
}

impl Routes {
    /// How many answers are remembered.
    const KNOWN: usize = 1024;

    fn open() -> io::Result<Self> {
        // linux/rtnetlink.h: RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE,
        // _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, _IPV6_RULE.
        const GROUPS: [u32; 7] = [1, 5, 7, 8, 9, 11, 19];
        let mut changes = Socket::new(NETLINK_ROUTE)?;
        changes.bind_auto()?;
        GROUPS
            .into_iter()
            .try_for_each(|group| changes.add_membership(group))?;
        let mut kernel = Socket::new(NETLINK_ROUTE)?;
        kernel.bind_auto()?;
        kernel.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            kernel,
            changes,
            known: HashMap::new(),
        })
    }

    fn find(&mut self, ip: IpAddr) -> io::Result<Route> {
        if self.has_changed() {
            self.known.clear();
        }
        if let Some(route) = self.known.get(&ip) {
            return Ok(*route);
        }
        let route = self.ask(ip)?;
        if self.known.len() >= Self::KNOWN {
            self.known.clear();
        }
        self.known.insert(ip, route);
        Ok(route)
    }

    fn has_changed(&self) -> bool {
        let mut byte = [0; 1];
        // Where messages were lost, an error says so once; what is left of many
        // is read the next time.
        let mut told = (0..64).map(|_| self.changes.recv(&mut &mut byte[..], libc::MSG_DONTWAIT));
        let is_none = |told: &io::Result<usize>| matches!(told, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        let changed = told.next().is_some_and(|first| !is_none(&first));
        changed && {
            _ = told.find(is_none);
            true
        }
    }

    /// `RTM_GETROUTE`, which the kernel answers before the send returns.
    fn ask(&self, ip: IpAddr) -> io::Result<Route> {
        let mut route = RouteMessage::default();
        (
            route.header.address_family,
            route.header.destination_prefix_length,
        ) = match ip {
            IpAddr::V4(_) => (AddressFamily::Inet, 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128),
        };
        let destination = RouteAttribute::Destination(RouteAddress::from(ip));
        route.attributes.push(destination);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let payload = NetlinkPayload::from(RouteNetlinkMessage::GetRoute(route));
        let mut question = NetlinkMessage::new(header, payload);
        question.finalize();
        let mut bytes = vec![0; question.buffer_len()];
        question.serialize(&mut bytes);
        self.kernel.send(&bytes, 0)?;
        let mut answer = Vec::with_capacity(4096);
        self.kernel.recv(&mut answer, libc::MSG_DONTWAIT)?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(io::Error::other)?;
        match answer.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) => {
                Ok(match route.header.kind {
                    RouteType::Local | RouteType::Anycast => Route::Here,
                    RouteType::Broadcast => Route::Broadcast,
                    _ => Route::Elsewhere,
                })
            }
            // There is none, or it is forbidden.
            NetlinkPayload::Error(_) => Ok(Route::Elsewhere),
            other => Err(io::Error::other(format!("unexpected answer {other:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_what_is_here() {
        let machine = ThisMachine::default();
        for (ip, route) in [
            ("127.0.0.1", Route::Here),
            ("127.255.255.255", Route::Broadcast),
            ("192.0.2.1", Route::Elsewhere),
            // As it was remembered.
            ("127.0.0.1", Route::Here),
        ] {
            assert_eq!(machine.route(ip.parse().expect(ip)), route, "{ip}");
        }
    }

    #[test]
    fn names_of_one_directory_are_one_directory() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("real/sub")).expect("directories");
        std::os::unix::fs::symlink("real", at("alias")).expect("a link");
        let machine = ThisMachine::default();
        for (directory, path, rest) in [
            ("real", "alias/s", Some("s")),
            ("real", "alias/sub/s", Some("sub/s")),
            ("real/sub", "alias/sub/s", Some("s")),
            ("alias", "real/s", Some("s")),
            ("real/sub", "alias/s", None),
            ("real/gone", "alias/s", None),
            ("real", "alias/gone/s", None),
        ] {
            let rest = rest.map(PathBuf::from);
            let found = machine.beneath(&at(directory), &at(path));
            assert_eq!(found, rest, "{directory}: {path}");
        }
    }

    #[test]
    fn an_interface_is_itself_by_each_of_its_names() {
        let machine = ThisMachine::default();
        assert!(machine.is_same_interface("lo", "lo"));
        assert!(!machine.is_same_interface("lo", "no-such"));
        assert!(!machine.is_same_interface("no-such", "none-such"));
    }
}
