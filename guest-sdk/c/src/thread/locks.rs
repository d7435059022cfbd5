//! What threads wait for of each other: mutexes, condition variables, read-write
//! locks, barriers, semaphores, spin locks and once. They are words in the
//! program's memory; who waits is in the scheduler, by the address.

use std::ffi::{c_int, c_uint, c_void};

use crate::errno::{self, Errno, Result};
use crate::event::Timespec;
use crate::memory;
use crate::thread::clock::{Clock, deadline};
use crate::thread::scheduler::{self, Wait, current_id};
use crate::thread::{Id, number};

/// `pthread_mutex_t` and `mtx_t`. All zero is unlocked, and of the normal kind.
#[repr(C)]
pub struct Mutex {
    /// PTHREAD_MUTEX_*
    kind: u32,
    /// 0 is nobody.
    owner: Id,
    /// How often it is locked, where it is recursive.
    count: u32,
    waiting: u32,
    /// Whether it is handed to the first that waits when it is unlocked next, since
    /// another one was faster before.
    is_due: u32,
}

const RECURSIVE: u32 = 1;
const CHECKED: u32 = 2;
/// Beside one of these: the lock of a `FILE`, whose words are looked at in
/// `../../libc/with-threads/stdio.c` too.
const OF_FILE: u32 = 4;

impl Mutex {
    fn try_lock(&mut self) -> Result<()> {
        if self.owner == 0 {
            self.owner = current_id();
            self.count = 1;
            return Ok(());
        }
        if self.owner == current_id() && self.kind & !OF_FILE == RECURSIVE {
            self.count = self.count.checked_add(1).ok_or(Errno::EAGAIN)?;
            return Ok(());
        }
        Err(Errno::EBUSY)
    }

    /// Not a cancellation point: pthreads(7).
    unsafe fn lock(this: *mut Self, deadline: impl FnOnce() -> Result<Option<u64>>) -> Result<()> {
        // SAFETY: as the callers say. No reference is kept while others run.
        match unsafe { memory::mutable(this)? }.try_lock() {
            Err(Errno::EBUSY) => {}
            done => return done,
        }
        // SAFETY: the same.
        let (owner, kind) = unsafe { ((*this).owner, (*this).kind) };
        if owner == current_id() && kind == CHECKED {
            return Err(Errno::EDEADLK);
        }
        let deadline = deadline()?;
        let at = this as usize;
        let wait = |holder| Wait::Address {
            what: if kind & OF_FILE == 0 {
                "mutex"
            } else {
                "lock of a FILE"
            },
            at,
            holder,
        };
        let mut is_first = true;
        loop {
            // SAFETY: the same.
            let owner = unsafe {
                (*this).waiting += 1;
                (*this).is_due |= u32::from(!is_first);
                (*this).owner
            };
            let woken = scheduler::block(wait(owner), deadline);
            is_first = false;
            // SAFETY: the same.
            let mutex = unsafe { memory::mutable(this)? };
            mutex.waiting = mutex.waiting.saturating_sub(1);
            if mutex.owner == current_id() && woken != scheduler::Woken::TimeOut {
                return Ok(());
            }
            if mutex.owner == 0 {
                return mutex.try_lock();
            }
            if woken == scheduler::Woken::TimeOut {
                return Err(Errno::ETIMEDOUT);
            }
        }
    }

    unsafe fn unlock(this: *mut Self) -> Result<()> {
        // SAFETY: as the callers say.
        let mutex = unsafe { memory::mutable(this)? };
        if mutex.kind != 0 && mutex.owner != current_id() {
            return Err(Errno::EPERM);
        }
        if mutex.count > 1 {
            mutex.count -= 1;
            return Ok(());
        }
        mutex.count = 0;
        mutex.owner = 0;
        if mutex.waiting > 0 {
            if mutex.is_due != 0
                && let Some(first) = scheduler::first_at(this as usize)
            {
                mutex.is_due = 0;
                mutex.owner = first;
                mutex.count = 1;
            }
            scheduler::wake(this as usize, 1);
        }
        Ok(())
    }
}

/// pthread_mutex_init(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_mutex_init(
    mutex: *mut Mutex,
    attributes: *const c_uint,
) -> c_int {
    // SAFETY: as pthread_mutex_init(3) says: null, or libc's word.
    let kind = unsafe { attributes.as_ref() }.map_or(0, |word| word & 3);
    let made = Mutex {
        kind,
        owner: 0,
        count: 0,
        waiting: 0,
        is_due: 0,
    };
    // SAFETY: the same.
    number(unsafe { memory::put(mutex, made) })
}

/// pthread_mutex_destroy(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_mutex_destroy(mutex: *mut Mutex) -> c_int {
    // SAFETY: as pthread_mutex_destroy(3) says.
    number(
        unsafe { memory::mutable(mutex) }.and_then(|mutex| match mutex.owner {
            0 => Ok(()),
            _ => Err(Errno::EBUSY),
        }),
    )
}

/// pthread_mutex_lock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_mutex_lock(mutex: *mut Mutex) -> c_int {
    // SAFETY: as pthread_mutex_lock(3) says.
    number(unsafe { Mutex::lock(mutex, || Ok(None)) })
}

/// pthread_mutex_trylock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_mutex_trylock(mutex: *mut Mutex) -> c_int {
    // SAFETY: as pthread_mutex_trylock(3) says.
    let tried = unsafe { memory::mutable(mutex) }.and_then(Mutex::try_lock);
    number(scheduler::yield_on(Errno::EBUSY, tried))
}

/// pthread_mutex_timedlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_mutex_timedlock(
    mutex: *mut Mutex,
    time: *const Timespec,
) -> c_int {
    // SAFETY: as pthread_mutex_timedlock(3) says.
    number(unsafe { Mutex::lock(mutex, || deadline(Clock::Real, time)) })
}

/// pthread_mutex_clocklock(3), of which C has taken the clock's number.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_mutex_clocklock(
    mutex: *mut Mutex,
    clock: c_int,
    time: *const Timespec,
) -> c_int {
    // SAFETY: as pthread_mutex_clocklock(3) says.
    number(unsafe { Mutex::lock(mutex, || deadline(numbered(clock)?, time)) })
}

fn numbered(clock: c_int) -> Result<Clock> {
    match clock {
        0 => Ok(Clock::Real),
        1 => Ok(Clock::Monotonic),
        _ => Err(Errno::EINVAL),
    }
}

/// pthread_mutex_unlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_mutex_unlock(mutex: *mut Mutex) -> c_int {
    // SAFETY: as pthread_mutex_unlock(3) says.
    number(unsafe { Mutex::unlock(mutex) })
}

/// `pthread_cond_t` and `cnd_t`: all zero has the clock of the time of day.
#[repr(C)]
pub struct Condition {
    is_monotonic: u32,
    waiting: u32,
}

/// pthread_cond_init(3), of which C has taken the clock's number.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_cond_init(condition: *mut Condition, clock: c_int) -> c_int {
    let made = Condition {
        is_monotonic: u32::from(clock == 1),
        waiting: 0,
    };
    // SAFETY: as pthread_cond_init(3) says.
    number(unsafe { memory::put(condition, made) })
}

/// pthread_cond_destroy(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_cond_destroy(_condition: *mut Condition) -> c_int {
    0
}

/// The mutex is locked again whatever the end of the wait is.
unsafe fn wait(condition: *mut Condition, mutex: *mut Mutex, deadline: Option<u64>) -> Result<()> {
    scheduler::check_cancel()?;
    // SAFETY: as the callers say. No reference is kept while others run.
    let held = unsafe { memory::mutable(mutex)? };
    if held.kind != 0 && held.owner != current_id() {
        return Err(Errno::EPERM);
    }
    let count = held.count;
    held.count = 1;
    // SAFETY: the same.
    unsafe {
        memory::mutable(condition)?.waiting += 1;
        Mutex::unlock(mutex)?;
    }
    let for_it = Wait::Address {
        what: "condition variable",
        at: condition as usize,
        holder: 0,
    };
    let woken = scheduler::block_uninterrupted(for_it, deadline);
    // SAFETY: the same.
    unsafe {
        (*condition).waiting = (*condition).waiting.saturating_sub(1);
        Mutex::lock(mutex, || Ok(None))?;
        (*mutex).count = count;
    }
    match woken {
        Ok(true) => Ok(()),
        Ok(false) => Err(Errno::ETIMEDOUT),
        Err(errno) => Err(errno),
    }
}

/// pthread_cond_wait(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_cond_wait(
    condition: *mut Condition,
    mutex: *mut Mutex,
) -> c_int {
    // SAFETY: as pthread_cond_wait(3) says.
    number(unsafe { wait(condition, mutex, None) })
}

/// pthread_cond_timedwait(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_cond_timedwait(
    condition: *mut Condition,
    mutex: *mut Mutex,
    time: *const Timespec,
) -> c_int {
    let wait = || {
        // SAFETY: as pthread_cond_timedwait(3) says.
        let is_monotonic = unsafe { memory::mutable(condition)? }.is_monotonic != 0;
        let clock = if is_monotonic {
            Clock::Monotonic
        } else {
            Clock::Real
        };
        // SAFETY: the same.
        unsafe { wait(condition, mutex, deadline(clock, time)?) }
    };
    number(wait())
}

/// pthread_cond_clockwait(3), of which C has taken the clock's number.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_cond_clockwait(
    condition: *mut Condition,
    mutex: *mut Mutex,
    clock: c_int,
    time: *const Timespec,
) -> c_int {
    let wait = || {
        // SAFETY: as pthread_cond_clockwait(3) says.
        unsafe { wait(condition, mutex, deadline(numbered(clock)?, time)?) }
    };
    number(wait())
}

unsafe fn signal(condition: *mut Condition, most: usize) -> c_int {
    // SAFETY: as the callers say.
    number(unsafe { memory::mutable(condition) }.map(|found| {
        if found.waiting > 0 {
            scheduler::wake(condition as usize, most);
        }
    }))
}

/// pthread_cond_signal(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_cond_signal(condition: *mut Condition) -> c_int {
    // SAFETY: as pthread_cond_signal(3) says.
    unsafe { signal(condition, 1) }
}

/// pthread_cond_broadcast(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_cond_broadcast(condition: *mut Condition) -> c_int {
    // SAFETY: as pthread_cond_broadcast(3) says.
    unsafe { signal(condition, usize::MAX) }
}

/// `pthread_rwlock_t`: all zero is unlocked. Who reads is preferred, as on Linux.
#[repr(C)]
pub struct RwLock {
    readers: u32,
    writer: Id,
    waiting: u32,
}

impl RwLock {
    fn try_read(&mut self) -> Result<()> {
        if self.writer != 0 {
            return Err(Errno::EBUSY);
        }
        self.readers = self.readers.checked_add(1).ok_or(Errno::EAGAIN)?;
        Ok(())
    }

    fn try_write(&mut self) -> Result<()> {
        if self.writer != 0 || self.readers != 0 {
            return Err(Errno::EBUSY);
        }
        self.writer = current_id();
        Ok(())
    }

    unsafe fn lock(
        this: *mut Self,
        try_it: fn(&mut Self) -> Result<()>,
        deadline: impl FnOnce() -> Result<Option<u64>>,
    ) -> Result<()> {
        // SAFETY: as the callers say. No reference is kept while others run.
        let lock = || unsafe { memory::mutable(this) };
        match try_it(lock()?) {
            Err(Errno::EBUSY) => {}
            done => return done,
        }
        if lock()?.writer == current_id() {
            return Err(Errno::EDEADLK);
        }
        let deadline = deadline()?;
        loop {
            lock()?.waiting += 1;
            let for_it = Wait::Address {
                what: "read-write lock",
                at: this as usize,
                holder: lock()?.writer,
            };
            let woken = scheduler::block(for_it, deadline);
            lock()?.waiting -= 1;
            match try_it(lock()?) {
                Err(Errno::EBUSY) if woken == scheduler::Woken::TimeOut => {
                    return Err(Errno::ETIMEDOUT);
                }
                Err(Errno::EBUSY) => {}
                done => return done,
            }
        }
    }
}

/// pthread_rwlock_init(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_init(
    lock: *mut RwLock,
    _attributes: *const c_void,
) -> c_int {
    let made = RwLock {
        readers: 0,
        writer: 0,
        waiting: 0,
    };
    // SAFETY: as pthread_rwlock_init(3) says.
    number(unsafe { memory::put(lock, made) })
}

/// pthread_rwlock_destroy(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_rwlock_destroy(_lock: *mut RwLock) -> c_int {
    0
}

/// pthread_rwlock_tryrdlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_tryrdlock(lock: *mut RwLock) -> c_int {
    // SAFETY: as pthread_rwlock_tryrdlock(3) says.
    number(unsafe { memory::mutable(lock) }.and_then(RwLock::try_read))
}

/// pthread_rwlock_trywrlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_trywrlock(lock: *mut RwLock) -> c_int {
    // SAFETY: as pthread_rwlock_trywrlock(3) says.
    number(unsafe { memory::mutable(lock) }.and_then(RwLock::try_write))
}

/// pthread_rwlock_rdlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_rdlock(lock: *mut RwLock) -> c_int {
    // SAFETY: as pthread_rwlock_rdlock(3) says.
    number(unsafe { RwLock::lock(lock, RwLock::try_read, || Ok(None)) })
}

/// pthread_rwlock_wrlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_wrlock(lock: *mut RwLock) -> c_int {
    // SAFETY: as pthread_rwlock_wrlock(3) says.
    number(unsafe { RwLock::lock(lock, RwLock::try_write, || Ok(None)) })
}

/// pthread_rwlock_timedrdlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_timedrdlock(
    lock: *mut RwLock,
    time: *const Timespec,
) -> c_int {
    // SAFETY: as pthread_rwlock_timedrdlock(3) says.
    number(unsafe { RwLock::lock(lock, RwLock::try_read, || deadline(Clock::Real, time)) })
}

/// pthread_rwlock_timedwrlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_timedwrlock(
    lock: *mut RwLock,
    time: *const Timespec,
) -> c_int {
    // SAFETY: as pthread_rwlock_timedwrlock(3) says.
    number(unsafe { RwLock::lock(lock, RwLock::try_write, || deadline(Clock::Real, time)) })
}

/// pthread_rwlock_unlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_rwlock_unlock(lock: *mut RwLock) -> c_int {
    // SAFETY: as pthread_rwlock_unlock(3) says.
    number(unsafe { memory::mutable(lock) }.map(|found| {
        if found.writer != 0 {
            found.writer = 0;
        } else {
            found.readers = found.readers.saturating_sub(1);
        }
        if found.readers == 0 && found.waiting > 0 {
            scheduler::wake(lock as usize, usize::MAX);
        }
    }))
}

/// `pthread_barrier_t`
#[repr(C)]
pub struct Barrier {
    wanted: u32,
    here: u32,
}

/// PTHREAD_BARRIER_SERIAL_THREAD
const SERIAL: c_int = -1;

/// pthread_barrier_init(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_barrier_init(
    barrier: *mut Barrier,
    _attributes: *const c_void,
    wanted: c_uint,
) -> c_int {
    if wanted == 0 {
        return Errno::EINVAL.0;
    }
    let made = Barrier { wanted, here: 0 };
    // SAFETY: as pthread_barrier_init(3) says.
    number(unsafe { memory::put(barrier, made) })
}

/// pthread_barrier_destroy(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_barrier_destroy(_barrier: *mut Barrier) -> c_int {
    0
}

/// pthread_barrier_wait(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_barrier_wait(barrier: *mut Barrier) -> c_int {
    // SAFETY: as pthread_barrier_wait(3) says. No reference is kept while others
    // run.
    let found = match unsafe { memory::mutable(barrier) } {
        Ok(found) => found,
        Err(errno) => return errno.0,
    };
    found.here += 1;
    if found.here >= found.wanted {
        found.here = 0;
        scheduler::wake(barrier as usize, usize::MAX);
        return SERIAL;
    }
    let for_it = Wait::Address {
        what: "barrier",
        at: barrier as usize,
        holder: 0,
    };
    // The last one may free it, so it is not looked at again.
    scheduler::block(for_it, None);
    0
}

/// `pthread_spinlock_t`: who has it, or 0.
type Spin = c_int;

/// pthread_spin_init(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_spin_init(lock: *mut Spin, _shared: c_int) -> c_int {
    // SAFETY: as pthread_spin_init(3) says.
    number(unsafe { memory::put(lock, 0) })
}

/// pthread_spin_destroy(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_pthread_spin_destroy(_lock: *mut Spin) -> c_int {
    0
}

/// pthread_spin_trylock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_spin_trylock(lock: *mut Spin) -> c_int {
    // SAFETY: as pthread_spin_trylock(3) says.
    let tried = unsafe { try_spin(lock) };
    number(scheduler::yield_on(Errno::EBUSY, tried))
}

unsafe fn try_spin(lock: *mut Spin) -> Result<()> {
    // SAFETY: as the callers say.
    let lock = unsafe { memory::mutable(lock)? };
    if *lock != 0 {
        return Err(Errno::EBUSY);
    }
    *lock = 1;
    Ok(())
}

/// pthread_spin_lock(3). It waits as a mutex does: to spin would stop the one that
/// has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_spin_lock(lock: *mut Spin) -> c_int {
    loop {
        // SAFETY: as pthread_spin_lock(3) says.
        match unsafe { try_spin(lock) } {
            Err(Errno::EBUSY) => {
                let for_it = Wait::Address {
                    what: "spin lock",
                    at: lock as usize,
                    holder: 0,
                };
                scheduler::block(for_it, None);
            }
            done => return number(done),
        }
    }
}

/// pthread_spin_unlock(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_spin_unlock(lock: *mut Spin) -> c_int {
    // SAFETY: as pthread_spin_unlock(3) says.
    number(unsafe { memory::put(lock, 0) }.map(|()| {
        if scheduler::are_many() {
            scheduler::wake(lock as usize, 1);
        }
    }))
}

/// pthread_once(3) and call_once: 0 is not begun, 1 is under way, 2 is done.
///
/// # Safety
/// As pthread_once(3) says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_pthread_once(
    state: *mut c_int,
    act: Option<unsafe extern "C" fn()>,
) -> c_int {
    let once = || loop {
        // SAFETY: as pthread_once(3) says. No reference is kept while others run.
        match unsafe { memory::get(state.cast_const())? } {
            0 => {
                // SAFETY: the same.
                unsafe {
                    memory::put(state, 1)?;
                    act.ok_or(Errno::EINVAL)?();
                    memory::put(state, 2)?;
                }
                if scheduler::are_many() {
                    scheduler::wake(state as usize, usize::MAX);
                }
            }
            1 => {
                let for_it = Wait::Address {
                    what: "end of a pthread_once",
                    at: state as usize,
                    holder: 0,
                };
                scheduler::block(for_it, None);
            }
            _ => return Ok(()),
        }
    };
    number(once())
}

/// `sem_t`
#[repr(C)]
pub struct Semaphore {
    value: c_int,
    waiting: u32,
}

/// SEM_VALUE_MAX
const MOST: c_uint = c_int::MAX as c_uint;

/// sem_init(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sem_init(
    semaphore: *mut Semaphore,
    _shared: c_int,
    value: c_uint,
) -> c_int {
    if value > MOST {
        return errno::nothing(Err(Errno::EINVAL));
    }
    let made = Semaphore {
        value: value.cast_signed(),
        waiting: 0,
    };
    // SAFETY: as sem_init(3) says.
    errno::nothing(unsafe { memory::put(semaphore, made) })
}

/// sem_destroy(3)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_sem_destroy(_semaphore: *mut Semaphore) -> c_int {
    0
}

/// sem_getvalue(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sem_getvalue(
    semaphore: *mut Semaphore,
    value: *mut c_int,
) -> c_int {
    let get = || {
        // SAFETY: as sem_getvalue(3) says.
        unsafe { memory::put(value, memory::mutable(semaphore)?.value) }
    };
    errno::nothing(get())
}

/// sem_trywait(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sem_trywait(semaphore: *mut Semaphore) -> c_int {
    // SAFETY: as sem_trywait(3) says.
    let tried = unsafe { take(semaphore) };
    errno::nothing(scheduler::yield_on(Errno::EAGAIN, tried))
}

unsafe fn take(semaphore: *mut Semaphore) -> Result<()> {
    // SAFETY: as the callers say.
    let found = unsafe { memory::mutable(semaphore)? };
    if found.value == 0 {
        return Err(Errno::EAGAIN);
    }
    found.value -= 1;
    Ok(())
}

unsafe fn wait_for_value(
    semaphore: *mut Semaphore,
    deadline: impl FnOnce() -> Result<Option<u64>>,
) -> Result<()> {
    scheduler::check_interrupt()?;
    // SAFETY: as the callers say. No reference is kept while others run.
    match unsafe { take(semaphore) } {
        Err(Errno::EAGAIN) => {}
        done => return done,
    }
    let deadline = deadline()?;
    loop {
        // SAFETY: the same.
        unsafe { (*semaphore).waiting += 1 };
        let for_it = Wait::Address {
            what: "semaphore",
            at: semaphore as usize,
            holder: 0,
        };
        let woken = scheduler::block_cancelable(for_it, deadline);
        // SAFETY: the same.
        unsafe { (*semaphore).waiting -= 1 };
        let is_in_time = woken?;
        // SAFETY: the same.
        match unsafe { take(semaphore) } {
            Err(Errno::EAGAIN) if !is_in_time => return Err(Errno::ETIMEDOUT),
            Err(Errno::EAGAIN) => {}
            done => return done,
        }
    }
}

/// sem_wait(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sem_wait(semaphore: *mut Semaphore) -> c_int {
    // SAFETY: as sem_wait(3) says.
    errno::nothing(unsafe { wait_for_value(semaphore, || Ok(None)) })
}

/// sem_timedwait(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sem_timedwait(
    semaphore: *mut Semaphore,
    time: *const Timespec,
) -> c_int {
    // SAFETY: as sem_timedwait(3) says.
    errno::nothing(unsafe { wait_for_value(semaphore, || deadline(Clock::Real, time)) })
}

/// sem_clockwait(3), of which C has taken the clock's number.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_sem_clockwait(
    semaphore: *mut Semaphore,
    clock: c_int,
    time: *const Timespec,
) -> c_int {
    // SAFETY: as sem_clockwait(3) says.
    errno::nothing(unsafe { wait_for_value(semaphore, || deadline(numbered(clock)?, time)) })
}

/// sem_post(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sem_post(semaphore: *mut Semaphore) -> c_int {
    let post = || {
        // SAFETY: as sem_post(3) says.
        let found = unsafe { memory::mutable(semaphore)? };
        found.value = found.value.checked_add(1).ok_or(Errno::EOVERFLOW)?;
        if found.waiting > 0 {
            scheduler::wake(semaphore as usize, 1);
        }
        Ok(())
    };
    errno::nothing(post())
}
