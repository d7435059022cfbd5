//! Counts connections, of all and of each peer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capsock_host::Limits;

#[derive(Debug)]
pub(crate) struct Connections {
    most: u32,
    most_of_peer: u32,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: u32,
    peers: HashMap<IpAddr, u32>,
}

/// A connection that counts, until it is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    connections: Arc<Connections>,
    peer: Option<IpAddr>,
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most: limits.connections,
            most_of_peer: limits.peer_connections,
            counts: Mutex::default(),
        }
    }

    /// A place for a connection, unless there are too many. Those over a Unix socket have
    /// one peer, which is bounded as all are.
    pub(crate) fn take(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Taken> {
        let mut counts = self.lock();
        if counts.all >= self.most {
            return None;
        }
        if let Some(peer) = peer {
            let count = counts.peers.entry(peer).or_default();
            if *count >= self.most_of_peer {
                return None;
            }
            *count += 1;
        }
        counts.all += 1;
        Some(Taken {
            connections: self.clone(),
            peer,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut counts = self.connections.lock();
        counts.all -= 1;
        if let Some(peer) = self.peer
            && let Some(count) = counts.peers.get_mut(&peer)
        {
            *count -= 1;
            if *count == 0 {
                counts.peers.remove(&peer);
            }
        }
    }
}
