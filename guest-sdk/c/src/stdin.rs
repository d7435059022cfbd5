//! Standard input, by a stream of our own: it can be waited for together with
//! sockets, which libc's cannot.

use std::cell::{Cell, OnceCell};

use crate::bindings::monotonic_clock::subscribe_duration;
use crate::bindings::poll::{Pollable, poll};
use crate::bindings::stdin::get_stdin;
use crate::bindings::streams::{InputStream, StreamError};
use crate::errno::{Errno, Result};
use crate::thread::scheduler::{self, Sources};
use crate::thread::signal;

pub(crate) struct Stdin {
    stream: OnceCell<InputStream>,
    /// Whether the host has been asked since the last read, so that it knows what there
    /// is.
    is_asked: Cell<bool>,
    moment: Cell<u64>,
}

/// How long the host may take to find out what there is, in nanoseconds: at first it
/// makes a thread for it.
const FIRST_MOMENT: u64 = 50_000_000;
const MOMENT: u64 = 2_000_000;

impl Stdin {
    pub(crate) fn new() -> Self {
        Self {
            stream: OnceCell::new(),
            is_asked: Cell::new(false),
            moment: Cell::new(FIRST_MOMENT),
        }
    }

    fn stream(&self) -> &InputStream {
        self.stream.get_or_init(get_stdin)
    }

    pub(crate) fn read(&self, room: &mut [u8], nonblocking: bool) -> Result<usize> {
        /// What the host hands over at once.
        const PIECE: usize = 64 << 10;
        let length = room.len().min(PIECE) as u64;
        while !nonblocking && scheduler::are_many_or_signals() && !self.is_ready() {
            signal::restarting(Sources::default().and([self.subscribe()]).wait(None))?;
        }
        let read = if nonblocking {
            self.stream().read(length)
        } else {
            self.stream().blocking_read(length)
        };
        self.is_asked.set(false);
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
        let stream = self.subscribe();
        if stream.ready() || self.is_asked.replace(true) {
            return stream.ready();
        }
        // The host begins to read when it is first asked: what is there already would
        // be told later than what a socket has.
        let moment = self.moment.replace(MOMENT);
        poll(&[&stream, &subscribe_duration(moment)]).contains(&0)
    }
}
