//! `wasi:sockets/network` and `instance-network`

use super::Firewall;
use super::bindings::exports::wasi::sockets0_2_12::instance_network;
use super::bindings::exports::wasi::sockets0_2_12::network::{Guest, GuestNetwork, Network};

/// The network that the program has: all that its rules allow of the host's.
pub(crate) struct TheNetwork;

impl Guest for Firewall {
    type Network = TheNetwork;
}

impl GuestNetwork for TheNetwork {}

impl instance_network::Guest for Firewall {
    fn instance_network() -> Network {
        Network::new(TheNetwork)
    }
}
