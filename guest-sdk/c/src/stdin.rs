//! Standard input, by a stream of our own: it can be waited for together with
//! sockets, which libc's cannot.

use std::cell::OnceCell;

use crate::bindings::poll::Pollable;
use crate::bindings::stdin::get_stdin;
use crate::bindings::streams::{InputStream, StreamError};
use crate::errno::{Errno, Result};
use crate::thread::scheduler::{self, Sources};

pub(crate) struct Stdin(OnceCell<InputStream>);

impl Stdin {
    pub(crate) fn new() -> Self {
        Self(OnceCell::new())
    }

    fn stream(&self) -> &InputStream {
        self.0.get_or_init(get_stdin)
    }

    pub(crate) fn read(&self, room: &mut [u8], nonblocking: bool) -> Result<usize> {
        /// What the host hands over at once.
        const PIECE: usize = 64 << 10;
        let length = room.len().min(PIECE) as u64;
        while !nonblocking && scheduler::are_many() && !self.is_ready() {
            scheduler::restarting(Sources::default().and([self.subscribe()]).wait(None))?;
        }
        let read = if nonblocking {
            self.stream().read(length)
        } else {
            self.stream().blocking_read(length)
        };
        match read {
            Ok(data) if data.is_empty() && nonblocking => Err(Errno::EAGAIN),
            Ok(data) => {
                room[..data.len()].copy_from_slice(&data);
                Ok(data.len())
            }
            Err(StreamError::Closed) => Ok(0),
            Err(StreamError::LastOperationFailed(_)) => Err(Errno::EIO),
        }
    }

    pub(crate) fn subscribe(&self) -> Pollable {
        self.stream().subscribe()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.subscribe().ready()
    }
}
