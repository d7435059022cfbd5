//! The connections of one guest that no request uses now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::connection::Connection;
use crate::policy::http::Destination;

/// How long a connection is kept that nobody uses: servers close theirs after 60 to 75 s.
const IDLE: Duration = Duration::from_secs(50);

/// How many are kept of one server.
const MOST: usize = 8;

/// What connections have in common that can take each other's requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) is_https: bool,
    pub(super) destination: Destination,
}

#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<HashMap<Server, Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection that a request uses.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) connection: Connection,
    server: Server,
    pool: Arc<Pool>,
}

impl Pool {
    /// A connection to a server that can be used for an address.
    pub(super) fn take(
        self: &Arc<Self>,
        server: &Server,
        is_allowed: impl Fn(&Connection) -> bool,
    ) -> Option<Lease> {
        let mut servers = self.lock();
        let now = Instant::now();
        servers.retain(|_server, idle| {
            idle.retain(|idle| idle.connection.is_open() && now - idle.since < IDLE);
            !idle.is_empty()
        });
        let idle = servers.get_mut(server)?;
        let place = idle.iter().rposition(|idle| is_allowed(&idle.connection))?;
        let connection = match idle[place].connection.shared() {
            Some(shared) => {
                idle[place].since = now;
                shared
            }
            None => idle.remove(place).connection,
        };
        Some(self.lease(server.clone(), connection))
    }

    /// A connection that was made for a request, and is kept for others.
    pub(super) fn add(self: &Arc<Self>, server: Server, connection: Connection) -> Lease {
        if let Some(shared) = connection.shared() {
            self.keep(server.clone(), shared);
        }
        self.lease(server, connection)
    }

    /// Closes what nobody uses; whether there was anything.
    pub(super) fn clear(&self) -> bool {
        let idle = std::mem::take(&mut *self.lock());
        !idle.is_empty()
    }

    fn lease(self: &Arc<Self>, server: Server, connection: Connection) -> Lease {
        Lease {
            connection,
            server,
            pool: self.clone(),
        }
    }

    fn keep(&self, server: Server, connection: Connection) {
        let mut servers = self.lock();
        let idle = servers.entry(server).or_default();
        if idle.len() >= MOST {
            idle.remove(0);
        }
        idle.push(Idle {
            connection,
            since: Instant::now(),
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Server, Vec<Idle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Its response is read: the connection is kept once it can take another request.
    pub(super) fn give_back(self) {
        let Self {
            mut connection,
            server,
            pool,
        } = self;
        // One that is shared is kept already.
        if connection.shared().is_some() {
            return;
        }
        let pool = Arc::downgrade(&pool);
        tokio::spawn(async move {
            if connection.ready().await.is_ok()
                && let Some(pool) = pool.upgrade()
            {
                pool.keep(server, connection);
            }
        });
    }
}
