//! Threads: pthread_create(3) and what goes with it.
//!
//! They are threads of the component model, which run one at a time, in one
//! instance: `scheduler` says when. What needs the component model's functions,
//! the stack pointer or the base of thread-local storage is in C:
//! `../libc/threads.c`.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::rc::Rc;

use crate::errno::{Errno, Result};
use crate::event::Timespec;
use crate::memory;

mod clock;
mod keys;
mod locks;
pub(crate) mod scheduler;
pub(crate) mod signal;

use scheduler::{Wait, Woken};

/// `pthread_t`: no other thread of the program has it, ever.
pub(crate) type Id = u32;

pub(crate) const MAIN: Id = 1;
/// PTHREAD_CANCELED
const CANCELED: *mut c_void = usize::MAX as *mut c_void;

/// What is known of a thread, until it has ended and nobody can ask for it.
pub(crate) struct Thread {
    pub(crate) id: Id,
    /// Its number in the component model.
    index: Cell<u32>,
    pub(crate) name: RefCell<String>,
    /// While it waits, for what.
    wait: Cell<Option<Wait>>,
    deadline: Cell<Option<u64>>,
    woken: Cell<Woken>,
    is_cancelable: Cell<bool>,
    cancel: Cell<Cancel>,
    /// What signals it blocks.
    mask: Cell<signal::Set>,
    /// What has come for it alone, and it has not taken.
    pending: Cell<signal::Set>,
    /// Whether a handler was called in a wait that no signal ends.
    is_interrupted: Cell<bool>,
    end: Cell<End>,
    is_joined: Cell<bool>,
    specific: keys::Values,
    /// What `../libc/threads.c` keeps of it.
    work: Cell<*mut c_void>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Joinable,
    Detached,
    /// With this result.
    Ended(*mut c_void),
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cancel {
    is_asked: bool,
    is_disabled: bool,
    is_asynchronous: bool,
}

impl Thread {
    fn new(id: Id, index: u32, is_detached: bool, mask: signal::Set, work: *mut c_void) -> Self {
        Self {
            id,
            index: Cell::new(index),
            name: RefCell::default(),
            wait: Cell::new(None),
            deadline: Cell::new(None),
            woken: Cell::new(Woken::Event),
            is_cancelable: Cell::new(false),
            cancel: Cell::new(Cancel {
                is_asked: false,
                is_disabled: false,
                is_asynchronous: false,
            }),
            mask: Cell::new(mask),
            pending: Cell::new(0),
            is_interrupted: Cell::new(false),
            end: Cell::new(if is_detached {
                End::Detached
            } else {
                End::Joinable
            }),
            is_joined: Cell::new(false),
            specific: keys::Values::default(),
            work: Cell::new(work),
        }
    }

    fn main() -> Self {
        Self::new(MAIN, 0, false, 0, null_mut())
    }

    fn is_to_be_canceled(&self) -> bool {
        let cancel = self.cancel.get();
        cancel.is_asked && !cancel.is_disabled
    }

    fn has_ended(&self) -> bool {
        matches!(self.end.get(), End::Ended(_))
    }

    /// Whether it takes what it does not block, now or soon: it waits for nothing, or for
    /// what a signal ends.
    fn takes_signals(&self) -> bool {
        !self.has_ended() && (self.wait.get().is_none() || self.is_cancelable.get())
    }

    /// Whether it has what no other thread takes.
    fn has_own(&self) -> bool {
        !self.has_ended() && (self.pending.get() != 0 || self.is_interrupted.get())
    }
}

/// What a function of pthread.h returns: 0, or an errno.
pub(crate) fn number(result: Result<()>) -> c_int {
    match result {
        Ok(()) => 0,
        Err(Errno::CANCEL) => exit_canceled(),
        Err(errno) => errno.0,
    }
}

unsafe extern "C" {
    fn __capsock_thread_exit(result: *mut c_void) -> !;
}

/// The end of a thread that is canceled, which has nothing left to drop.
pub(crate) fn exit_canceled() -> ! {
    let me = scheduler::current();
    let cancel = me.cancel.get();
    // Handlers may wait.
    me.cancel.set(Cancel {
        is_disabled: true,
        ..cancel
    });
    drop(me);
    // SAFETY: it does not return.
    unsafe { __capsock_thread_exit(CANCELED) }
}

/// How many there may be is asked for once.
fn most() -> usize {
    thread_local! {
        static MOST: Cell<Option<u32>> = const { Cell::new(None) };
    }
    let most = MOST.get().unwrap_or_else(|| {
        let most = capsock_guest::authority::thread_limit();
        MOST.set(Some(most));
        most
    });
    most as usize
}

/// Whether one more thread may be made, beside `spare` that have ended and wait
/// for work in the host.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_may_begin(
    switch: extern "C" fn(u32),
    index: u32,
    spare: u32,
) -> c_int {
    scheduler::begin(switch, index);
    let beside = if spare == 0 { 1 } else { spare as usize };
    c_int::from(scheduler::alive() + beside <= most())
}

/// Adds a thread of this number in the component model, and tells its `pthread_t`.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_add(index: u32, is_detached: c_int, work: *mut c_void) -> Id {
    thread_local! {
        static LAST: Cell<Id> = const { Cell::new(MAIN) };
    }
    let id = LAST.get() + 1;
    LAST.set(id);
    let mask = scheduler::with_current(|me| me.mask.get());
    scheduler::add(Rc::new(Thread::new(
        id,
        index,
        is_detached != 0,
        mask,
        work,
    )));
    id
}

/// What C keeps of the thread that runs.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_work() -> *mut c_void {
    scheduler::current().work.get()
}

/// What C keeps of a thread, or null.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_work_of(id: Id) -> *mut c_void {
    scheduler::thread(id).map_or(null_mut(), |thread| thread.work.get())
}

/// Ends the thread that runs, but for its place, which [`__capsock_thread_leave`]
/// gives up.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_end(result: *mut c_void) {
    let me = scheduler::current();
    me.specific.drop_all();
    let is_detached = me.end.get() == End::Detached;
    me.end.set(End::Ended(result));
    me.work.set(null_mut());
    if is_detached {
        scheduler::forget(me.id);
    }
    scheduler::wake_joiners(me.id);
    scheduler::end();
}

/// Gives the place to the next thread, and tells its number.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_leave() -> u32 {
    scheduler::leave()
}

/// The main thread's pthread_exit(3): waits until it is the only one.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_is_main() -> c_int {
    c_int::from(scheduler::current_id() == MAIN)
}

#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_end_of_main() {
    let me = scheduler::current();
    me.specific.drop_all();
    me.end.set(End::Ended(null_mut()));
    scheduler::wake_joiners(MAIN);
    while scheduler::are_many() {
        scheduler::block(Wait::Others, None);
    }
}

/// pthread_self(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_self() -> Id {
    scheduler::current_id()
}

/// pthread_equal(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_equal(one: Id, other: Id) -> c_int {
    c_int::from(one == other)
}

/// Waits for the end of a thread, whose result is put in `result`.
unsafe fn join(id: Id, result: *mut *mut c_void, deadline: Option<u64>) -> Result<()> {
    let thread = scheduler::thread(id)?;
    if id == scheduler::current_id() {
        return Err(Errno::EDEADLK);
    }
    if thread.end.get() == End::Detached || thread.is_joined.get() {
        return Err(Errno::EINVAL);
    }
    let found = loop {
        if let End::Ended(found) = thread.end.get() {
            break found;
        }
        thread.is_joined.set(true);
        let wait = scheduler::block_uninterrupted(Wait::Join(id), deadline);
        thread.is_joined.set(false);
        let is_in_time = wait?;
        if !is_in_time && !thread.has_ended() {
            return Err(Errno::ETIMEDOUT);
        }
    };
    scheduler::forget(id);
    if !result.is_null() {
        // SAFETY: as pthread_join(3) says.
        unsafe { memory::put(result, found)? };
    }
    Ok(())
}

/// pthread_join(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_join(id: Id, result: *mut *mut c_void) -> c_int {
    // SAFETY: as pthread_join(3) says.
    number(unsafe { join(id, result, None) })
}

/// pthread_tryjoin_np(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_tryjoin_np(id: Id, result: *mut *mut c_void) -> c_int {
    let try_it = || match scheduler::thread(id)?.has_ended() {
        // SAFETY: as pthread_tryjoin_np(3) says.
        true => unsafe { join(id, result, None) },
        false => Err(Errno::EBUSY),
    };
    number(try_it())
}

/// pthread_timedjoin_np(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_timedjoin_np(
    id: Id,
    result: *mut *mut c_void,
    time: *const Timespec,
) -> c_int {
    let wait = || {
        // SAFETY: as pthread_timedjoin_np(3) says.
        let deadline = unsafe { clock::deadline(clock::Clock::Real, time)? };
        // SAFETY: the same.
        unsafe { join(id, result, deadline) }
    };
    number(wait())
}

/// pthread_detach(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_detach(id: Id) -> c_int {
    let detach = || {
        let thread = scheduler::thread(id)?;
        match thread.end.get() {
            End::Detached => return Err(Errno::EINVAL),
            End::Ended(_) => scheduler::forget(id),
            End::Joinable => thread.end.set(End::Detached),
        }
        Ok(())
    };
    number(detach())
}

/// pthread_cancel(3): the thread ends at the next function that is a
/// cancellation point of pthreads(7) and waits.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_cancel(id: Id) -> c_int {
    let cancel = || {
        let thread = scheduler::thread(id)?;
        thread.cancel.set(Cancel {
            is_asked: true,
            ..thread.cancel.get()
        });
        if thread.is_to_be_canceled() && thread.is_cancelable.get() {
            scheduler::interrupt(&thread);
        }
        if id == scheduler::current_id() && thread.cancel.get().is_asynchronous {
            return Err(Errno::CANCEL);
        }
        Ok(())
    };
    number(cancel())
}

/// pthread_testcancel(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_testcancel() {
    if scheduler::current().is_to_be_canceled() {
        exit_canceled();
    }
}

/// pthread_setcancelstate(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int {
    let set = || {
        let me = scheduler::current();
        let before = me.cancel.get();
        let is_disabled = match state {
            0 | 1 => state == 1,
            _ => return Err(Errno::EINVAL),
        };
        if !old.is_null() {
            // SAFETY: as pthread_setcancelstate(3) says.
            unsafe { memory::put(old, c_int::from(before.is_disabled))? };
        }
        me.cancel.set(Cancel {
            is_disabled,
            ..before
        });
        Ok(())
    };
    number(set())
}

/// pthread_setcanceltype(3). Nothing interrupts a thread that computes: an
/// asynchronous cancellation too comes at a cancellation point.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int {
    let set = || {
        let me = scheduler::current();
        let before = me.cancel.get();
        let is_asynchronous = match kind {
            0 | 1 => kind == 1,
            _ => return Err(Errno::EINVAL),
        };
        if !old.is_null() {
            // SAFETY: as pthread_setcanceltype(3) says.
            unsafe { memory::put(old, c_int::from(before.is_asynchronous))? };
        }
        me.cancel.set(Cancel {
            is_asynchronous,
            ..before
        });
        Ok(())
    };
    number(set())
}

/// What a name has at most, as on Linux, with its NUL.
const NAME: usize = 16;

/// pthread_setname_np(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_setname_np(id: Id, name: *const c_char) -> c_int {
    let set = || {
        // SAFETY: as pthread_setname_np(3) says.
        let name = unsafe { memory::string(name) }.ok_or(Errno::EFAULT)?;
        if name.len() >= NAME {
            return Err(Errno::ERANGE);
        }
        let thread = scheduler::thread(id)?;
        *thread.name.borrow_mut() = String::from_utf8_lossy(name).into_owned();
        Ok(())
    };
    number(set())
}

/// pthread_getname_np(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_getname_np(
    id: Id,
    name: *mut c_char,
    length: usize,
) -> c_int {
    let get = || {
        let thread = scheduler::thread(id)?;
        // SAFETY: as pthread_getname_np(3) says.
        let room = unsafe { memory::room(name.cast(), length)? };
        let known = thread.name.borrow();
        if length < NAME || !memory::copy_string(room, known.as_bytes()) {
            return Err(Errno::ERANGE);
        }
        Ok(())
    };
    number(get())
}

/// pthread_kill(3): 0 asks whether there is one.
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_is_known(id: Id) -> c_int {
    c_int::from(scheduler::thread(id).is_ok())
}

/// For pthread_getattr_np(3).
#[unsafe(no_mangle)]
extern "C" fn __capsock_thread_is_detached(id: Id) -> c_int {
    c_int::from(scheduler::thread(id).is_ok_and(|thread| thread.end.get() == End::Detached))
}
