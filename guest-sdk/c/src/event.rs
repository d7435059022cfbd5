//! pipe(2), eventfd(2) and timerfd_create(2).
//!
//! A pipe is a pair of Unix sockets, and an eventfd has one that is readable
//! while its counter is not 0: so the host's poller waits for them. A timer is
//! only a time, which bounds a wait.

use std::cell::Cell;
use std::ffi::c_int;
use std::time::Duration;

use capsock_guest::{AF_UNIX, MSG_PEEK, SHUT_RD, SHUT_WR, SOCK_STREAM, Socket, socketpair_with};

use crate::bindings::monotonic_clock::now;
use crate::errno::{self, Errno, Result};
use crate::memory;
use crate::table::{self, Kind, O_CLOEXEC, O_NONBLOCK};
use crate::thread::scheduler::{self, Source, Sources};
use crate::thread::signal;
use crate::wait;

/// One end of a pipe.
pub(crate) struct Pipe {
    pub(crate) end: Socket,
    pub(crate) writes: bool,
    is_told_nonblocking: Cell<bool>,
    source: Source,
}

impl Pipe {
    fn new(end: Socket, writes: bool) -> Self {
        Self {
            end,
            writes,
            is_told_nonblocking: Cell::new(false),
            source: Source::new(),
        }
    }

    /// As of a socket: `Sock::blocking`.
    fn blocking<T>(
        &self,
        nonblocking: bool,
        mut act: impl FnMut(&Socket) -> Result<T>,
    ) -> Result<T> {
        if nonblocking || !scheduler::are_many() {
            return signal::uninterrupted(true, || act(self.prepare(nonblocking)?));
        }
        scheduler::check_interrupt()?;
        loop {
            match act(self.prepare(true)?) {
                Err(Errno::EAGAIN) => {
                    wait_for(&self.source, &self.end, wait::IN | wait::OUT)?;
                }
                done => return done,
            }
        }
    }

    fn prepare(&self, nonblocking: bool) -> Result<&Socket> {
        if self.is_told_nonblocking.get() != nonblocking {
            self.end.setblocking(!nonblocking)?;
            self.is_told_nonblocking.set(nonblocking);
        }
        Ok(&self.end)
    }

    pub(crate) fn read(&self, room: &mut [u8], nonblocking: bool) -> Result<usize> {
        if self.writes {
            return Err(Errno::EBADF);
        }
        self.blocking(nonblocking, |end| Ok(end.recv_into(room)?))
    }

    pub(crate) fn write(&self, data: &[u8], nonblocking: bool) -> Result<usize> {
        if !self.writes {
            return Err(Errno::EBADF);
        }
        if nonblocking || data.is_empty() {
            return Ok(self.prepare(nonblocking)?.send(data)?);
        }
        let mut sent = 0;
        while sent < data.len() {
            match self.blocking(false, |end| Ok(end.send(&data[sent..])?)) {
                Ok(count) => sent += count,
                Err(errno) if sent == 0 || errno == Errno::CANCEL => return Err(errno),
                Err(_later) => break,
            }
        }
        Ok(sent)
    }

    pub(crate) fn pending(&self) -> Result<usize> {
        let end = self.prepare(true)?;
        match end.recv_flags(1 << 20, MSG_PEEK).map_err(Errno::from) {
            Ok(data) => Ok(data.len()),
            Err(Errno::EAGAIN) => Ok(0),
            Err(errno) => Err(errno),
        }
    }
}

fn pipe(flags: c_int) -> Result<[c_int; 2]> {
    if flags & !(O_NONBLOCK | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let (reader, writer) = socketpair_with(AF_UNIX, SOCK_STREAM, 0)?;
    reader.shutdown(SHUT_WR)?;
    writer.shutdown(SHUT_RD)?;
    let reader = table::open(Kind::Pipe(Pipe::new(reader, false)), flags)?;
    let writer = Kind::Pipe(Pipe::new(writer, true));
    let writer = table::open(writer, flags).inspect_err(|_full| {
        drop(table::remove(reader));
    })?;
    Ok([reader, writer])
}

/// pipe(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pipe(ends: *mut [c_int; 2]) -> c_int {
    // SAFETY: as pipe(2) says.
    unsafe { __wrap_pipe2(ends, 0) }
}

/// pipe2(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pipe2(ends: *mut [c_int; 2], flags: c_int) -> c_int {
    // SAFETY: as pipe(2) says.
    errno::nothing(pipe(flags).and_then(|made| unsafe { memory::put(ends, made) }))
}

/// A counter: eventfd(2).
pub(crate) struct Event {
    counter: Cell<u64>,
    is_semaphore: bool,
    /// Readable while the counter is not 0.
    told: Socket,
    /// What makes it so.
    tells: Socket,
    source: Source,
}

/// Lets others run until something happens to a socket.
fn wait_for(source: &Source, socket: &Socket, events: u32) -> Result<bool> {
    let sources = Sources::of(source, events, |poller, key, interest, trigger| {
        Ok(poller.register(socket.as_resource(), key, interest, trigger)?)
    })?;
    signal::restarting(sources.wait(None))
}

const EFD_SEMAPHORE: c_int = 1;

impl Event {
    pub(crate) fn waitable(&self) -> &Socket {
        &self.told
    }

    pub(crate) fn read(&self, room: &mut [u8], nonblocking: bool) -> Result<usize> {
        let room = room.first_chunk_mut::<8>().ok_or(Errno::EINVAL)?;
        while self.counter.get() == 0 {
            if nonblocking {
                return Err(Errno::EAGAIN);
            }
            if scheduler::are_many() {
                wait_for(&self.source, &self.told, wait::IN)?;
                continue;
            }
            self.told.setblocking(true)?;
            signal::uninterrupted(true, || Ok(self.told.recv_flags(1, MSG_PEEK)?))?;
        }
        let taken = if self.is_semaphore {
            1
        } else {
            self.counter.get()
        };
        self.counter.set(self.counter.get() - taken);
        scheduler::look_again();
        if self.counter.get() == 0 {
            self.told.setblocking(false)?;
            // Only bytes of `write` are there, and fewer than this.
            while self.told.recv(4096).is_ok_and(|told| told.len() == 4096) {}
        }
        *room = taken.to_ne_bytes();
        Ok(8)
    }

    pub(crate) fn write(&self, data: &[u8], nonblocking: bool) -> Result<usize> {
        let added = data.first_chunk::<8>().ok_or(Errno::EINVAL)?;
        let added = u64::from_ne_bytes(*added);
        if added == u64::MAX {
            return Err(Errno::EINVAL);
        }
        let sum = loop {
            let sum = self.counter.get().checked_add(added);
            match sum.filter(|sum| *sum != u64::MAX) {
                Some(sum) => break sum,
                // Where nobody is there who could read meanwhile, a wait would have
                // no end.
                None if nonblocking || !scheduler::are_many() => return Err(Errno::EAGAIN),
                None => {
                    Sources::default().and_local().wait(None)?;
                }
            }
        };
        self.counter.set(sum);
        if added > 0 {
            // One more byte each time, since EPOLLET tells each write; where the
            // buffer is full, it is readable all the same.
            let _full = self.tells.send(&[1]);
        }
        Ok(8)
    }
}

/// eventfd(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_eventfd(initial: u32, flags: c_int) -> c_int {
    let make = || {
        if flags & !(EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        let (told, tells) = socketpair_with(AF_UNIX, SOCK_STREAM, 0)?;
        told.setblocking(false)?;
        tells.setblocking(false)?;
        let event = Event {
            counter: Cell::new(0),
            is_semaphore: flags & EFD_SEMAPHORE != 0,
            told,
            tells,
            source: Source::new(),
        };
        event.write(&u64::from(initial).to_ne_bytes(), true)?;
        table::open(Kind::Event(event), flags)
    };
    errno::int(make())
}

/// A timer: timerfd_create(2).
pub(crate) struct Timer {
    is_realtime: bool,
    /// When it ends next, by the monotonic clock; none where it is not armed.
    end: Cell<Option<u64>>,
    /// Between the ends after the first one; 0 is only one.
    interval: Cell<u64>,
}

/// `struct timespec`
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timespec {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: std::ffi::c_long,
}

/// `struct itimerspec`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Itimerspec {
    interval: Timespec,
    value: Timespec,
}

impl Timespec {
    /// EINVAL where it is no time.
    pub(crate) fn duration(self) -> Result<Duration> {
        let seconds = u64::try_from(self.seconds).map_err(|_negative| Errno::EINVAL)?;
        match u32::try_from(self.nanoseconds) {
            Ok(nanoseconds) if nanoseconds < 1_000_000_000 => {
                Ok(Duration::new(seconds, nanoseconds))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn of(nanoseconds: u64) -> Self {
        Self {
            seconds: (nanoseconds / 1_000_000_000) as i64,
            nanoseconds: (nanoseconds % 1_000_000_000) as std::ffi::c_long,
        }
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Timer {
    /// When it is readable.
    pub(crate) fn end(&self) -> Option<u64> {
        self.end.get()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.end.get().is_some_and(|end| end <= now())
    }

    pub(crate) fn read(&self, room: &mut [u8], nonblocking: bool) -> Result<usize> {
        let room = room.first_chunk_mut::<8>().ok_or(Errno::EINVAL)?;
        loop {
            let now = now();
            match self.end.get() {
                Some(end) if end <= now => {
                    *room = self.take(end, now).to_ne_bytes();
                    return Ok(8);
                }
                _ if nonblocking => return Err(Errno::EAGAIN),
                end if scheduler::are_many_or_signals() => {
                    let wait = Sources::default().and_local().wait(end);
                    signal::restarting(wait)?;
                }
                Some(end) => std::thread::sleep(Duration::from_nanos(end - now)),
                // Nobody is there to arm it.
                None => return Err(Errno::EAGAIN),
            }
        }
    }

    /// How often it has ended.
    fn take(&self, end: u64, now: u64) -> u64 {
        match self.interval.get() {
            0 => {
                self.end.set(None);
                1
            }
            interval => {
                let ends = (now - end) / interval + 1;
                self.end
                    .set(Some(end.saturating_add(ends.saturating_mul(interval))));
                ends
            }
        }
    }

    fn left(&self) -> Itimerspec {
        let left = self
            .end
            .get()
            .map_or(0, |end| end.saturating_sub(now()).max(1));
        Itimerspec {
            interval: Timespec::of(self.interval.get()),
            value: Timespec::of(left),
        }
    }

    fn arm(&self, wanted: Itimerspec, is_absolute: bool) -> Result<()> {
        let interval = nanoseconds(wanted.interval.duration()?);
        let value = wanted.value.duration()?;
        self.interval.set(interval);
        if value.is_zero() {
            self.end.set(None);
            return Ok(());
        }
        let mut wait = nanoseconds(value);
        if is_absolute && self.is_realtime {
            let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
            wait = nanoseconds(value.saturating_sub(since));
        } else if is_absolute {
            self.end.set(Some(wait));
            return Ok(());
        }
        self.end.set(Some(now().saturating_add(wait)));
        Ok(())
    }
}

const TFD_TIMER_ABSTIME: c_int = 1;

/// timerfd_create(2), of which C has taken the clock's number.
#[unsafe(no_mangle)]
pub extern "C" fn __capsock_timerfd_create(clock: c_int, flags: c_int) -> c_int {
    let make = || {
        if !(0..=1).contains(&clock) || flags & !(O_NONBLOCK | O_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        let timer = Timer {
            is_realtime: clock == 0,
            end: Cell::new(None),
            interval: Cell::new(0),
        };
        table::open(Kind::Timer(timer), flags)
    };
    errno::int(make())
}

fn with_timer(fd: c_int, act: impl FnOnce(&Timer) -> Result<()>) -> c_int {
    errno::nothing(table::lookup(fd).and_then(|object| match &object.kind {
        Kind::Timer(timer) => act(timer),
        _ => Err(Errno::EINVAL),
    }))
}

/// timerfd_settime(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_timerfd_settime(
    fd: c_int,
    flags: c_int,
    wanted: *const Itimerspec,
    old: *mut Itimerspec,
) -> c_int {
    with_timer(fd, |timer| {
        if flags & !TFD_TIMER_ABSTIME != 0 {
            return Err(Errno::EINVAL);
        }
        // SAFETY: as timerfd_settime(2) says.
        let wanted = unsafe { memory::get(wanted)? };
        let left = timer.left();
        timer.arm(wanted, flags & TFD_TIMER_ABSTIME != 0)?;
        scheduler::look_again();
        if !old.is_null() {
            // SAFETY: the same.
            unsafe { memory::put(old, left)? };
        }
        Ok(())
    })
}

/// timerfd_gettime(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_timerfd_gettime(fd: c_int, left: *mut Itimerspec) -> c_int {
    // SAFETY: as timerfd_gettime(2) says.
    with_timer(fd, |timer| unsafe { memory::put(left, timer.left()) })
}
