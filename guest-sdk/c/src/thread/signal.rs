//! Signals: what the program raises itself, what the host sends, and SIGALRM of
//! alarm(2) and setitimer(2). A handler runs where a thread calls this library or waits
//! in it; nothing interrupts one that computes.
//!
//! What handlers there are is in C: `../../libc/signals.c`.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;

use capsock_guest::signals::{self, Signal};

use crate::bindings::monotonic_clock::now;
use crate::bindings::poll::Pollable;
use crate::errno::{self, Errno, Result};
use crate::thread::scheduler::{self, Wait, Woken};
use crate::thread::{MAIN, Thread};

/// Signals by their numbers, the first one in the lowest bit.
pub(crate) type Set = u64;

const SIGALRM: c_int = 14;
const SIGKILL: c_int = 9;
const SIGSTOP: c_int = 19;

/// What the host can send, and Linux's numbers.
const OF_HOST: [(Signal, c_int); 6] = [
    (Signal::Hangup, 1),
    (Signal::Interrupt, 2),
    (Signal::User1, 10),
    (Signal::User2, 12),
    (Signal::Terminate, 15),
    (Signal::WindowChange, 28),
];

fn bit(number: c_int) -> Set {
    1 << (number - 1)
}

thread_local! {
    /// What has come for the process, and no thread has taken.
    static PENDING: Cell<Set> = const { Cell::new(0) };
    /// What has a handler, or is ignored.
    static HANDLED: Cell<Set> = const { Cell::new(0) };
    /// What the host was told last.
    static CAUGHT: Cell<Set> = const { Cell::new(0) };
    /// Asks the host what has come. There is none as long as the program catches
    /// nothing: so one that never does imports nothing for it.
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
    /// When the next SIGALRM comes, and how long after it another one; 0 is none.
    static ALARM: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
    /// Whether the handlers that were called last say that calls begin again.
    static RESTARTS: Cell<bool> = const { Cell::new(false) };
    /// Whether a thread has something of its own: a signal that came for it alone, or
    /// that a handler was called, of which it is to be told later.
    static IS_OWN: Cell<bool> = const { Cell::new(false) };
}

#[derive(Clone, Copy)]
struct Host {
    receive: fn() -> Set,
    subscribe: fn() -> Pollable,
}

unsafe extern "C" {
    /// Does what is to be done at a signal, with the mask of the thread: 0 where no
    /// handler was called, 1 where one was, 2 where one was that has calls begin again.
    fn __capsock_act(number: c_int, mask: *mut Set) -> c_int;
}

/// When SIGALRM comes.
pub(super) fn alarm() -> Option<u64> {
    ALARM.get().map(|(time, _interval)| time)
}

/// Whether a signal comes by time, or one has come that the thread may take, or is to
/// be told of.
pub(super) fn are_near() -> bool {
    ALARM.get().is_some() || IS_OWN.get() || (PENDING.get() != 0 && PENDING.get() & !mask() != 0)
}

/// Whether the host sends signals.
pub(crate) fn are_caught() -> bool {
    HOST.with_borrow(Option::is_some)
}

/// Ready when the host has one, where it sends any.
pub(super) fn subscribe() -> Option<Pollable> {
    HOST.with_borrow(|host| host.map(|host| (host.subscribe)()))
}

fn mask() -> Set {
    scheduler::with_current(|me| me.mask.get())
}

/// Notices that the time of an alarm has come.
pub(super) fn notice_alarm() {
    let Some((time, interval)) = ALARM.get() else {
        return;
    };
    let at = now();
    if time > at {
        return;
    }
    ALARM.set((interval > 0).then(|| {
        let missed = (at - time) / interval;
        (time + (missed + 1) * interval, interval)
    }));
    came(bit(SIGALRM));
}

/// Notices what the host has sent.
pub(super) fn notice_host() {
    let host = HOST.with_borrow(|host| *host);
    match host.map_or(0, |host| (host.receive)()) {
        0 => {}
        signals => came(signals),
    }
}

/// A signal of the process: a thread that does not block it takes it, the main thread
/// before others, and one that waits for signals looks.
fn came(signals: Set) {
    PENDING.set(PENDING.get() | signals);
    scheduler::wake_waiters_for_signals();
    scheduler::interrupt_one(|thread| signals & !thread.mask.get() != 0);
}

/// Has the thread take what has come for it, and tells whether a handler was called.
fn take() -> bool {
    let (mut called, mut restarts) = (false, true);
    let left = scheduler::taken_before_me(PENDING.get());
    while let number @ 1.. = next(!mask(), left) {
        let me = scheduler::current();
        // SAFETY: it calls the program's handler; nothing is borrowed.
        let told = unsafe { __capsock_act(number, me.mask.as_ptr()) };
        called |= told != 0;
        restarts &= told != 1;
    }
    if called {
        RESTARTS.set(restarts);
    }
    called
}

/// Takes the first signal of these that has come for the thread, or for the process but
/// is not `left` to another thread; 0 is none.
fn next(wanted: Set, left: Set) -> c_int {
    let first = |set: Set| set & wanted & (set & wanted).wrapping_neg();
    let own = first(own());
    if own != 0 {
        scheduler::with_current(|me| me.pending.set(me.pending.get() & !own));
        IS_OWN.set(scheduler::any(Thread::has_own));
        return number(own);
    }
    let here = first(PENDING.get() & !left);
    PENDING.set(PENDING.get() & !here);
    number(here)
}

/// What has come for the thread that runs, and for no other one.
fn own() -> Set {
    match IS_OWN.get() {
        true => scheduler::with_current(|me| me.pending.get()),
        false => 0,
    }
}

/// Of a set of one signal or none.
fn number(set: Set) -> c_int {
    match set {
        0 => 0,
        _ => set.trailing_zeros().cast_signed() + 1,
    }
}

/// As a call begins, or goes on after it has waited.
pub(super) fn look() -> bool {
    notice_alarm();
    (PENDING.get() != 0 || IS_OWN.get()) && take()
}

/// As a call begins that a signal may end: whether one does that is taken now.
pub(super) fn interrupts_now() -> bool {
    let is_later = IS_OWN.get() && scheduler::with_current(|me| me.is_interrupted.take());
    if is_later {
        IS_OWN.set(scheduler::any(Thread::has_own));
    }
    (look() && !RESTARTS.get()) || is_later
}

/// Has the next call of the thread that a signal may end be ended by what has been taken:
/// the program may be on its way into it, and past where it looks what a handler did.
pub(super) fn tell_later() {
    if !RESTARTS.get() {
        IS_OWN.set(true);
        scheduler::with_current(|me| me.is_interrupted.set(true));
    }
}

/// After the host has said EINTR to a call: whether that is the program's to know.
pub(crate) fn interrupts(restarts: bool) -> bool {
    notice_host();
    look() && !(restarts && RESTARTS.get())
}

/// Between calls that wait: as others have had their turn, and of a program that computes.
pub(super) fn look_between(asks_host: bool) {
    if asks_host {
        notice_host();
    }
    if look() {
        tell_later();
    }
}

/// Does what the host waits for, as long as only signals interrupt it that are not the
/// program's to know. `restarts`: after a handler that says so it goes on. signal(7)
pub(crate) fn uninterrupted<T>(restarts: bool, mut act: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match act() {
            Err(Errno::EINTR) if !interrupts(restarts) => {}
            done => return done,
        }
    }
}

/// Of what waits for a socket and its like, and has no time of its own: that it is
/// begun again after a handler which says so.
pub(crate) fn restarting(wait: Result<bool>) -> Result<bool> {
    match wait {
        Err(Errno::EINTR) if RESTARTS.get() => Ok(true),
        wait => wait,
    }
}

/// Tells the host what is caught: what is handled or ignored, and what is blocked, so
/// that it waits here.
fn tell_host() {
    let all = OF_HOST
        .iter()
        .fold(0, |all, (_, number)| all | bit(*number));
    let blocked = scheduler::thread(MAIN).map_or(0, |main| main.mask.get());
    let caught = all & (HANDLED.get() | blocked);
    if CAUGHT.replace(caught) == caught {
        return;
    }
    // What has come is not lost.
    notice_host();
    let wanted = OF_HOST
        .iter()
        .filter(|(_, number)| caught & bit(*number) != 0);
    let wanted: Vec<Signal> = wanted.map(|(signal, _)| *signal).collect();
    let can_come = !signals::catch(&wanted).is_empty();
    HOST.set(can_come.then_some(Host {
        receive,
        subscribe: signals::subscribe,
    }));
}

fn receive() -> Set {
    let came = signals::receive();
    let came = OF_HOST.iter().filter(|(signal, _)| came.contains(signal));
    came.fold(0, |all, (_, number)| all | bit(*number))
}

/// These have a handler, or are ignored.
#[unsafe(no_mangle)]
extern "C" fn __capsock_handle_signals(signals: Set) {
    HANDLED.set(signals);
    tell_host();
}

/// kill(2) of the process itself.
#[unsafe(no_mangle)]
extern "C" fn __capsock_send_signal(number: c_int) {
    came(bit(number));
    look();
}

/// pthread_kill(3), raise(3): of a thread that is there. No other one takes it.
#[unsafe(no_mangle)]
extern "C" fn __capsock_send_thread_signal(id: crate::thread::Id, number: c_int) {
    let Ok(thread) = scheduler::thread(id) else {
        return;
    };
    thread.pending.set(thread.pending.get() | bit(number));
    IS_OWN.set(true);
    scheduler::wake_waiters_for_signals();
    if id == scheduler::current_id() {
        look();
    } else if !is_blocked(&thread, number) {
        scheduler::interrupt_one(|thread| thread.id == id);
    }
}

fn is_blocked(thread: &Thread, number: c_int) -> bool {
    thread.mask.get() & bit(number) != 0
}

/// pthread_sigmask(3): the mask of the thread, before another one is in its place
/// where there is `new` one.
///
/// # Safety
/// `new` is null or a set.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_signal_mask(new: *const Set) -> Set {
    // SAFETY: as the caller says.
    let new = unsafe { new.as_ref() };
    let before = mask();
    if let Some(new) = new {
        let new = new & !(bit(SIGKILL) | bit(SIGSTOP));
        scheduler::with_current(|me| me.mask.set(new));
        if scheduler::current_id() == MAIN {
            tell_host();
        }
        look();
    }
    before
}

/// sigpending(2)
#[unsafe(no_mangle)]
extern "C" fn __capsock_pending_signals() -> Set {
    notice_host();
    notice_alarm();
    (PENDING.get() | own()) & mask()
}

/// sigsuspend(2), and pause(2) with the mask as it is. Where no signal can come, it
/// would be for ever: ENOSYS.
#[unsafe(no_mangle)]
extern "C" fn __capsock_suspend(new: Set) -> c_int {
    // SAFETY: it is one.
    errno::nothing(unsafe { masked(&new, wait_for_signal) })
}

/// Does what waits with another mask, where there is one: what comes through it ends the
/// wait. pselect(2)
///
/// # Safety
/// `new` is null or the first signals of a `sigset_t`.
pub(crate) unsafe fn masked<T>(new: *const Set, wait: impl FnOnce() -> Result<T>) -> Result<T> {
    // SAFETY: as the caller says.
    let Some(new) = (unsafe { new.as_ref() }) else {
        return wait();
    };
    let before = mask();
    scheduler::with_current(|me| me.mask.set(*new));
    let result = match look() {
        true => Err(Errno::EINTR),
        false => wait(),
    };
    scheduler::with_current(|me| me.mask.set(before));
    look();
    result
}

fn wait_for_signal() -> Result<()> {
    loop {
        if !can_come() {
            return Err(Errno::ENOSYS);
        }
        scheduler::block_cancelable(Wait::Time, None)?;
    }
}

/// Whether anything sends a signal while the thread waits.
fn can_come() -> bool {
    scheduler::alive() > 1 || ALARM.get().is_some() || are_caught()
}

/// sigtimedwait(2): one of the signals, or an errno as a negative number. Without a
/// time it is sigwaitinfo(2).
///
/// # Safety
/// `time` is null or nanoseconds.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_wait_for_signals(wanted: Set, time: *const u64) -> c_int {
    // SAFETY: as the caller says.
    let time = unsafe { time.as_ref() };
    let deadline = time.map(|time| now().saturating_add(*time));
    match wait_for(wanted, deadline) {
        Ok(number) => number,
        Err(errno) => -errno.0,
    }
}

fn wait_for(wanted: Set, deadline: Option<u64>) -> Result<c_int> {
    loop {
        notice_host();
        notice_alarm();
        if let number @ 1.. = next(wanted, 0) {
            return Ok(number);
        }
        if deadline.is_none() && !can_come() {
            return Err(Errno::ENOSYS);
        }
        if deadline.is_some_and(|deadline| deadline <= now()) {
            return Err(Errno::EAGAIN);
        }
        scheduler::block_cancelable(Wait::Signal, deadline)?;
    }
}

/// Microseconds until the signal and between later ones; 0 and 0 are none.
#[repr(C)]
pub struct Alarm {
    left: u64,
    interval: u64,
}

/// alarm(2): sets the time, where there is a `new` one, and tells what it was before.
///
/// # Safety
/// Each is null or an `Alarm`.
#[unsafe(no_mangle)]
unsafe extern "C" fn __capsock_alarm(new: *const Alarm, old: *mut Alarm) {
    let before = ALARM.get().map_or((0, 0), |(time, interval)| {
        // One that is armed is not over.
        let left = time.saturating_sub(now()).div_ceil(1000).max(1);
        (left, interval / 1000)
    });
    // SAFETY: as the caller says.
    if let Some(new) = unsafe { new.as_ref() } {
        ALARM.set((new.left > 0).then(|| {
            let time = now().saturating_add(new.left.saturating_mul(1000));
            (time, new.interval.saturating_mul(1000))
        }));
    }
    // SAFETY: the same.
    if let Some(old) = unsafe { old.as_mut() } {
        (old.left, old.interval) = before;
    }
}

/// Why the thread goes on after a wait that a signal may have ended.
pub(super) fn ended_by(woken: Woken) -> bool {
    woken == Woken::Signaled && look()
}
