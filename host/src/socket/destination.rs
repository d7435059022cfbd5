//! Where what is sent goes: to the address that is given, to the peer, or to where
//! the kernel sends what has no address.

use super::{Role, Socket};
use crate::ctx::CapsockCtx;
use crate::os::SendFlags;
use crate::policy::Vetted;
use crate::policy::operation::{Bind, Send};
use crate::{Address, AddressFamily, Errno, NetlinkAddress, Protocol};

/// Where a socket without connections sends what has no address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Default {
    /// To a peer, as a grant to send there has it.
    Peer(Address),
    /// By what it is bound to: an interface, an adapter, an algorithm.
    Own(Address),
}

/// What the kernel does with a message that has no address, or for the families
/// that ignore it with any.
///
/// # References
/// - <https://man7.org/linux/man-pages/man7/netlink.7.html>
/// - <https://man7.org/linux/man-pages/man7/packet.7.html>
/// - <https://docs.kernel.org/networking/can.html>
fn default_of(family: AddressFamily, role: &Role, bound: Option<&Address>) -> Option<Default> {
    let peer = match role {
        Role::Client(peer) => Some(Default::Peer(peer.clone())),
        _ => None,
    };
    let own = || bound.cloned().map(Default::Own);
    match family {
        // The kernel itself, and no group.
        AddressFamily::Netlink => {
            let kernel = NetlinkAddress {
                port_id: 0,
                groups: 0,
            };
            peer.or(Some(Default::Peer(Address::Netlink(kernel))))
        }
        AddressFamily::Packet | AddressFamily::Can | AddressFamily::Bluetooth => peer.or_else(own),
        AddressFamily::Alg => own(),
        // Of UDP and its like, RDS, TIPC, vsock and Unix sockets: without a peer it
        // is an error (EDESTADDRREQ, ENOTCONN).
        _ => peer,
    }
}

impl Socket {
    /// Checks where a message goes: to an address, or else to the connected peer.
    pub(super) fn vet_destination(
        &self,
        ctx: &CapsockCtx,
        remote: Option<Address>,
    ) -> Result<Option<Vetted<Send>>, Errno> {
        let remote = match remote {
            Some(remote) => self.destination(ctx, remote)?,
            None => None,
        };
        if remote.is_none() {
            self.vet_connected(ctx)?;
        }
        Ok(remote)
    }

    /// Where a message with an address goes; `None` is to the connected peer.
    pub(super) fn destination(
        &self,
        ctx: &CapsockCtx,
        remote: Address,
    ) -> Result<Option<Vetted<Send>>, Errno> {
        self.open_for(&remote)?;
        match (self.protocol, self.role()) {
            // tcp(7) takes no address: a connected stream sends to its peer.
            (Protocol::Tcp | Protocol::Mptcp, _) => return Ok(None),
            (Protocol::Alg, _) => return Err(Errno::NotSupported),
            (protocol, Role::Undecided) if protocol.has_connections() => {
                return Err(Errno::NotSupported);
            }
            (protocol, _) if protocol.has_connections() => return Err(Errno::IsConnected),
            _ => {}
        }
        // Bluetooth and ISO-TP look at no address.
        if matches!(self.family, AddressFamily::Bluetooth | AddressFamily::Can) {
            self.vet_default(ctx)?;
        }
        self.vet_implicit_bind(ctx)?;
        ctx.vet::<Send>(self.protocol, remote).map(Some)
    }

    /// Checks where a send without an address goes, and a receive of a stream comes
    /// from. A stream stays connected; each datagram is an operation of its own: the
    /// guest may have given up the peer since the connect.
    pub(super) fn vet_connected(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        let is_of_others = self.vet_peer_of_others(ctx)?;
        if self.protocol.has_connections() {
            return Ok(());
        }
        if !is_of_others {
            self.vet_default(ctx)?;
        }
        match self.protocol {
            Protocol::UnixDatagram => self.vet_implicit_bind(ctx),
            _ => Ok(()),
        }
    }

    /// The bind that the kernel would do by itself before it sends, after all is
    /// checked: to an address, or else to the peer, with which every other kind of
    /// socket is bound.
    pub(super) fn bind_to_send(
        &self,
        ctx: &CapsockCtx,
        remote: Option<&Vetted<Send>>,
    ) -> Result<(), Errno> {
        match remote.is_some() || self.protocol == Protocol::UnixDatagram {
            true => self.bind_implicitly(ctx),
            false => Ok(()),
        }
    }

    /// Checks where a datagram goes that is not complete, of which this is a part or
    /// the first: there, and not to another address.
    ///
    /// # Errors
    /// [`Errno::InvalidArgument`] for another address, and the denial where the
    /// guest may not send to the first one any more.
    pub(super) fn vet_corked(
        &self,
        ctx: &CapsockCtx,
        flags: SendFlags,
        remote: Option<&Vetted<Send>>,
    ) -> Result<(), Errno> {
        // All that the kernel puts together by ip_append_data().
        let is_whole = !matches!(
            self.protocol,
            Protocol::Udp | Protocol::UdpLite | Protocol::Icmp | Protocol::Raw(_)
        );
        let (is_part, corked, role) = {
            let state = self.state();
            let is_part = flags.contains(SendFlags::MORE) || state.corks;
            (is_part, state.corked.clone(), state.role.clone())
        };
        if is_whole || (!is_part && corked.is_none()) {
            return Ok(());
        }
        let remote = match (remote, role) {
            (Some(remote), _) => Some(remote.address().clone()),
            (None, Role::Client(peer)) => Some(peer),
            // It goes where the rest went; without any the kernel has no address.
            (None, _) => corked.clone(),
        };
        if let Some(corked) = corked {
            if remote.as_ref() != Some(&corked) {
                return Err(Errno::InvalidArgument);
            }
            ctx.vet::<Send>(self.protocol, corked)?;
        }
        self.state().corked = remote.filter(|_| is_part);
        Ok(())
    }

    /// Before a flag that has the kernel send what was not complete.
    pub(super) fn vet_uncork(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        let corked = self.state().corked.clone();
        if let Some(corked) = corked {
            ctx.vet::<Send>(self.protocol, corked)?;
        }
        Ok(())
    }

    /// Checks where the kernel sends what has no address.
    pub(super) fn vet_default(&self, ctx: &CapsockCtx) -> Result<(), Errno> {
        let default = {
            let state = self.state();
            default_of(self.family, &state.role, state.bound.as_ref())
        };
        match default {
            Some(Default::Peer(peer)) => ctx.vet::<Send>(self.protocol, peer).map(drop),
            Some(Default::Own(own)) => ctx.vet::<Bind>(self.protocol, own).map(drop),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AlgAddress, BluetoothAddress, CanAddress, CanProtocolAddress, PacketAddress, UnixAddress,
        VsockAddress,
    };

    fn samples() -> Vec<Address> {
        let device = crate::BluetoothDevice([1, 2, 3, 4, 5, 6]);
        vec![
            Address::Inet("127.0.0.1:9".parse().unwrap()),
            Address::Inet6("[::1]:9".parse().unwrap()),
            Address::Unix(UnixAddress::Abstract(b"x".to_vec())),
            Address::Netlink(NetlinkAddress {
                port_id: 7,
                groups: 1,
            }),
            Address::Vsock(VsockAddress { cid: 2, port: 9 }),
            Address::Packet(PacketAddress {
                interface: "eth0".to_owned(),
                ..PacketAddress::EVERYWHERE
            }),
            Address::Can(CanAddress {
                interface: "can0".to_owned(),
                protocol: CanProtocolAddress::None,
            }),
            Address::Bluetooth(BluetoothAddress::Hci {
                device_id: 0,
                channel: 1,
            }),
            Address::Bluetooth(BluetoothAddress::Rfcomm { device, channel: 9 }),
            Address::Alg(AlgAddress {
                algorithm_type: "hash".to_owned(),
                name: "sha256".to_owned(),
                feature: 0,
                mask: 0,
            }),
            Address::Rds("10.0.0.1:9".parse().unwrap()),
        ]
    }

    /// As the kernel's `sendmsg` of each family has it.
    #[test]
    fn each_family_has_the_default_of_the_kernel() {
        let kernel = Address::Netlink(NetlinkAddress {
            port_id: 0,
            groups: 0,
        });
        for address in samples() {
            let family = address.family();
            let client = Role::Client(address.clone());
            let (peer, own) = (
                Default::Peer(address.clone()),
                Default::Own(address.clone()),
            );
            let alone = default_of(family, &Role::Undecided, None);
            let bound = default_of(family, &Role::Undecided, Some(&address));
            let connected = default_of(family, &client, None);
            let (alone_is, bound_is, connected_is) = match family {
                AddressFamily::Netlink => {
                    let kernel = Some(Default::Peer(kernel.clone()));
                    (kernel.clone(), kernel, Some(peer))
                }
                AddressFamily::Packet | AddressFamily::Can | AddressFamily::Bluetooth => {
                    (None, Some(own), Some(peer))
                }
                // It has no connect.
                AddressFamily::Alg => (None, Some(own), None),
                _ => (None, None, Some(peer)),
            };
            assert_eq!(alone, alone_is, "{address}");
            assert_eq!(bound, bound_is, "{address}");
            assert_eq!(connected, connected_is, "{address}");
        }
    }
}
