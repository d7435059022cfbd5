//! Who runs: the threads of a program take turns, on one processor, and only a
//! call that waits or yields lets another one run.
//!
//! A thread waits at an address of the program's memory (a lock and its like), for
//! the host, for a time, or for several of these at once. While a thread can run,
//! the host is only asked now and then what has happened; when none can, one call
//! waits for all that the threads wait for.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{c_int, c_void};
use std::rc::Rc;
use std::time::Duration;

use capsock_guest::raw::poller::{Poller, Readiness, Trigger};

use crate::bindings::monotonic_clock::{now, subscribe_instant};
use crate::bindings::poll::{Pollable, poll};
use crate::errno::{Errno, Result};
use crate::table;
use crate::thread::{Id, MAIN, Thread, signal};
use crate::wait;

/// How many turns are taken before the host is asked what has happened.
const TURNS: u32 = 64;
/// How many events the host tells at once.
const EVENTS: u32 = 256;

/// What a thread waits for, as an error tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A lock or its like, and who has it, where it is known.
    Address {
        what: &'static str,
        at: usize,
        holder: Id,
    },
    /// The end of another thread.
    Join(Id),
    /// That all other threads end.
    Others,
    /// A signal, which it takes itself.
    Signal,
    /// Of what is at the scheduler's poller, the key, or 0.
    Host(u64),
    Time,
}

impl Wait {
    fn place(self) -> Option<Place> {
        match self {
            Self::Address { at, .. } => Some(Place::Address(at)),
            Self::Join(id) => Some(Place::End(id)),
            Self::Others => Some(Place::Others),
            Self::Signal => Some(Place::Signals),
            Self::Host(_) | Self::Time => None,
        }
    }
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// What was waited for has happened, or may have.
    Event,
    TimeOut,
    Canceled,
    /// A signal came that the thread may take.
    Signaled,
}

/// The threads, and what each of them waits for.
struct Scheduler {
    threads: BTreeMap<Id, Rc<Thread>>,
    current: Rc<Thread>,
    ready: VecDeque<Rc<Thread>>,
    /// Who waits at an address, the first one first.
    places: BTreeMap<Place, VecDeque<Rc<Thread>>>,
    times: BTreeSet<(u64, Id)>,
    host: Host,
    turns: u32,
}

/// What a queue is at: an address, or a thread whose end is waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Address(usize),
    End(Id),
    Others,
    Signals,
}

/// What the host is asked to wait for.
#[derive(Default)]
struct Host {
    /// Has every socket and every set of sockets that a thread has ever waited for:
    /// once, for all that can happen, and each happening is told once. A thread
    /// tries what it wants before it waits, so none is missed.
    poller: Option<Rc<Poller>>,
    /// Who waits for which source, and for what of it.
    waiting: BTreeMap<u64, Vec<(Id, u32)>>,
    /// What the poller cannot have.
    pollables: Vec<(Id, Rc<Pollable>)>,
    /// Who waits for what only this library knows.
    local: Vec<Id>,
}

thread_local! {
    static SCHEDULER: RefCell<Option<Scheduler>> = const { RefCell::new(None) };
    static CURRENT: Cell<Id> = const { Cell::new(MAIN) };
    static ALIVE: Cell<usize> = const { Cell::new(1) };
    /// Goes on with a thread, by its number in the component model. There is none
    /// as long as the program has made no thread: so one that never makes any
    /// imports nothing for it.
    static SWITCH: Cell<Option<extern "C" fn(u32)>> = const { Cell::new(None) };
}

/// The thread that runs.
pub(crate) fn current_id() -> Id {
    CURRENT.get()
}

pub(crate) fn current() -> Rc<Thread> {
    with(|scheduler| scheduler.current.clone())
}

pub(crate) fn thread(id: Id) -> Result<Rc<Thread>> {
    with(|scheduler| scheduler.threads.get(&id).cloned()).ok_or(Errno::ESRCH)
}

/// Whether the host alone cannot wait: another thread could run meanwhile, or a
/// signal comes by time.
pub(crate) fn are_many() -> bool {
    ALIVE.get() > 1 || signal::are_near()
}

/// Whether what is not the host's poller alone cannot wait: the same, or the host sends
/// signals.
pub(crate) fn are_many_or_signals() -> bool {
    are_many() || signal::are_caught()
}

/// How many threads have not ended.
pub(crate) fn alive() -> usize {
    ALIVE.get()
}

/// Before the first thread is made.
pub(crate) fn begin(switch: extern "C" fn(u32), index: u32) {
    if SWITCH.get().is_none() {
        SWITCH.set(Some(switch));
        current().index.set(index);
    }
}

/// Adds a thread, which runs when its turn comes.
pub(crate) fn add(thread: Rc<Thread>) {
    ALIVE.set(ALIVE.get() + 1);
    with(|scheduler| {
        scheduler.threads.insert(thread.id, thread.clone());
        scheduler.ready.push_back(thread);
    });
}

/// The thread that runs has ended.
pub(crate) fn end() {
    ALIVE.set(ALIVE.get() - 1);
    if ALIVE.get() == 1 {
        wake_at(Place::Others, usize::MAX);
    }
}

/// Nobody can ask for it any more.
pub(crate) fn forget(id: Id) {
    with(|scheduler| scheduler.threads.remove(&id));
}

/// Stops the thread that runs until it is woken.
pub(crate) fn block(wait: Wait, deadline: Option<u64>) -> Woken {
    let place = wait.place();
    let me = with(|scheduler| {
        let me = scheduler.current.clone();
        me.wait.set(Some(wait));
        me.deadline.set(deadline);
        if let Some(place) = place {
            scheduler
                .places
                .entry(place)
                .or_default()
                .push_back(me.clone());
        }
        if let Some(deadline) = deadline {
            scheduler.times.insert((deadline, me.id));
        }
        me
    });
    turn();
    me.woken.get()
}

/// Wakes the first `most` of those that wait at an address, and tells how many
/// there were.
pub(crate) fn wake(at: usize, most: usize) -> usize {
    wake_at(Place::Address(at), most)
}

/// Wakes those that wait for the end of a thread.
pub(crate) fn wake_joiners(id: Id) {
    wake_at(Place::End(id), usize::MAX);
}

/// Has those look that wait for signals.
pub(super) fn wake_waiters_for_signals() {
    wake_at(Place::Signals, usize::MAX);
}

/// Ends the wait, if it waits, of the first thread that may take a signal, the main thread
/// before others.
pub(super) fn interrupt_one(may_take: impl Fn(&Thread) -> bool) {
    with(|scheduler| {
        let live = scheduler.threads.values();
        let mut takes = live.filter(|thread| thread.takes_signals() && may_take(thread));
        if let Some(first) = takes.next().cloned() {
            scheduler.wake(&first, Woken::Signaled);
        }
    });
}

/// Of these signals, those that another thread takes, which comes before the one that
/// runs.
pub(super) fn taken_before_me(signals: signal::Set) -> signal::Set {
    let me = current_id();
    if signals == 0 || me == MAIN {
        return 0;
    }
    with(|scheduler| {
        let before = scheduler.threads.range(..me).map(|(_id, thread)| thread);
        let take = before.filter(|thread| thread.takes_signals());
        take.fold(0, |taken, thread| taken | signals & !thread.mask.get())
    })
}

/// Whether any thread is such.
pub(super) fn any(is_such: impl Fn(&Thread) -> bool) -> bool {
    with(|scheduler| scheduler.threads.values().any(|thread| is_such(thread)))
}

fn wake_at(place: Place, most: usize) -> usize {
    with(|scheduler| {
        let mut count = 0;
        while count < most {
            let waiting = scheduler
                .places
                .get(&place)
                .and_then(VecDeque::front)
                .cloned();
            let Some(first) = waiting else { break };
            scheduler.wake(&first, Woken::Event);
            count += 1;
        }
        count
    })
}

/// Asks the thread that runs.
pub(crate) fn with_current<T>(ask: impl FnOnce(&Thread) -> T) -> T {
    with(|scheduler| ask(&scheduler.current))
}

/// The first of those that wait at an address.
pub(crate) fn first_at(at: usize) -> Option<Id> {
    with(|scheduler| Some(scheduler.places.get(&Place::Address(at))?.front()?.id))
}

/// Ends the wait of a thread, if it waits.
pub(crate) fn interrupt(thread: &Rc<Thread>) {
    with(|scheduler| scheduler.wake(thread, Woken::Canceled));
}

/// Has those look again that wait for what only this library knows.
pub(crate) fn look_again() {
    if are_many() {
        with(|scheduler| {
            for id in std::mem::take(&mut scheduler.host.local) {
                scheduler.wake_id(id);
            }
        });
    }
}

/// Lets the others run: sched_yield(2).
pub(crate) fn yield_now() {
    if ALIVE.get() <= 1 {
        signal::look_between(true);
        return;
    }
    with(|scheduler| {
        // A program that waits in a loop is to see soon what the host has.
        scheduler.turns += TURNS / 4;
        let me = scheduler.current.clone();
        scheduler.ready.push_back(me);
    });
    turn();
    signal::look_between(false);
}

/// Of a call that does not wait: where it says so, others have a turn, since a program
/// that tries again and again waits by that.
pub(crate) fn yield_on<T>(no: Errno, tried: Result<T>) -> Result<T> {
    if matches!(&tried, Err(errno) if *errno == no) {
        yield_now();
    }
    tried
}

/// Goes on with the next thread. It returns once this one has its turn.
fn turn() {
    let next = take_next();
    if next.id != CURRENT.get() {
        CURRENT.set(next.id);
        let index = next.index.get();
        with(|scheduler| scheduler.current = next);
        if let Some(switch) = SWITCH.get() {
            switch(index);
        }
    }
}

/// The thread that ended gives its place to the next one, and tells its number.
pub(crate) fn leave() -> u32 {
    let next = take_next();
    CURRENT.set(next.id);
    let index = next.index.get();
    with(|scheduler| scheduler.current = next);
    index
}

fn take_next() -> Rc<Thread> {
    let signals = signal::are_caught();
    loop {
        let next = with(|scheduler| {
            scheduler.turns += 1;
            if scheduler.turns >= TURNS && (signals || scheduler.waits_for_host()) {
                return None;
            }
            scheduler.ready.pop_front()
        });
        match next {
            Some(next) => return next,
            None => ask_host(),
        }
    }
}

/// Asks the host what has happened, and waits for it if no thread can run.
fn ask_host() {
    let (poller, pollables, until, is_idle) = with(|scheduler| {
        scheduler.turns = 0;
        let host = &scheduler.host;
        let is_waited = !host.waiting.is_empty();
        (
            host.poller.clone().filter(|_poller| is_waited),
            host.pollables.clone(),
            scheduler.times.first().map(|(time, _id)| *time),
            scheduler.ready.is_empty(),
        )
    });
    let mut until = until.into_iter().chain(signal::alarm()).min();
    // The poller's wait ends by a signal; others are told that one came.
    let signals = match is_idle && (poller.is_none() || !pollables.is_empty()) {
        true => signal::subscribe(),
        false => None,
    };
    if is_idle && poller.is_none() && pollables.is_empty() && until.is_none() && signals.is_none() {
        stuck();
    }
    if !is_idle {
        until = Some(0);
    }
    let left = |until: Option<u64>| until.map(|until| until.saturating_sub(now()));
    let mut ready = Vec::new();
    if !pollables.is_empty() || signals.is_some() {
        let timer = until.map(subscribe_instant);
        let all = poller.as_ref().map(|poller| poller.subscribe());
        let mut asked: Vec<&Pollable> = pollables.iter().map(|(_id, each)| &**each).collect();
        asked.extend(&timer);
        asked.extend(&all);
        asked.extend(&signals);
        let told = poll(&asked);
        ready.extend(
            told.iter()
                .filter_map(|place| pollables.get(*place as usize)),
        );
        until = Some(0);
    } else if poller.is_none()
        && let Some(time) = left(until).filter(|time| *time > 0)
    {
        real_sleep(time);
    }
    let events = poller.map(|poller| poller.wait(EVENTS, left(until)));
    signal::notice_alarm();
    signal::notice_host();
    with(|scheduler| {
        for (id, _pollable) in ready {
            scheduler.wake_id(*id);
        }
        for event in events.into_iter().flatten().flatten() {
            scheduler.tell(event.key, wait::all_of(event.ready));
        }
        if let Some((first, _)) = scheduler.times.first() {
            let at = if *first == 0 { 0 } else { now() };
            while let Some((time, id)) = scheduler.times.first().copied()
                && time <= at
            {
                if let Some(thread) = scheduler.threads.get(&id).cloned() {
                    scheduler.wake(&thread, Woken::TimeOut);
                }
                scheduler.times.remove(&(time, id));
            }
        }
    });
}

impl Scheduler {
    fn new() -> Self {
        let main = Rc::new(Thread::main());
        Self {
            threads: BTreeMap::from([(MAIN, main.clone())]),
            current: main,
            ready: VecDeque::new(),
            places: BTreeMap::new(),
            times: BTreeSet::new(),
            host: Host::default(),
            turns: 0,
        }
    }

    fn waits_for_host(&self) -> bool {
        !(self.host.waiting.is_empty() && self.host.pollables.is_empty() && self.times.is_empty())
    }

    fn wake_id(&mut self, id: Id) {
        if let Some(thread) = self.threads.get(&id).cloned() {
            self.wake(&thread, Woken::Event);
        }
    }

    /// A thread that does not wait is left alone.
    fn wake(&mut self, thread: &Rc<Thread>, woken: Woken) {
        let Some(wait) = thread.wait.take() else {
            return;
        };
        if let Wait::Host(key) = wait {
            self.host.stop(thread.id, key);
        }
        if let Some(place) = wait.place()
            && let Some(waiting) = self.places.get_mut(&place)
        {
            waiting.retain(|other| other.id != thread.id);
            if waiting.is_empty() {
                self.places.remove(&place);
            }
        }
        if let Some(deadline) = thread.deadline.take() {
            self.times.remove(&(deadline, thread.id));
        }
        thread.woken.set(woken);
        self.ready.push_back(thread.clone());
    }

    /// Wakes who waits for this of a source.
    fn tell(&mut self, key: u64, events: u32) {
        let Some(waiting) = self.host.waiting.get(&key) else {
            return;
        };
        let wanted = waiting
            .iter()
            .filter(|(_id, wanted)| events & (wanted | wait::ERR | wait::HUP) != 0);
        for id in wanted.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.wake_id(id);
        }
    }
}

impl Host {
    /// A thread waits no more.
    fn stop(&mut self, id: Id, key: u64) {
        if let Some(waiting) = self.waiting.get_mut(&key) {
            waiting.retain(|(other, _events)| *other != id);
            if waiting.is_empty() {
                self.waiting.remove(&key);
            }
        }
        self.pollables.retain(|(other, _pollable)| *other != id);
        self.local.retain(|other| *other != id);
    }
}

fn with<T>(act: impl FnOnce(&mut Scheduler) -> T) -> T {
    SCHEDULER.with_borrow_mut(|scheduler| act(scheduler.get_or_insert_with(Scheduler::new)))
}

/// What a thread can wait for at the host's poller: a socket, or a set of them.
pub(crate) struct Source {
    key: u64,
    is_known: Cell<bool>,
}

/// All that can happen, each time it happens.
const ALL: Readiness = Readiness::all();

impl Source {
    pub(crate) fn new() -> Self {
        Self {
            key: table::next_id(),
            is_known: Cell::new(false),
        }
    }

    /// Has the scheduler's poller know the source; `register` adds it.
    fn know(
        &self,
        register: impl FnOnce(&Poller, u64, Readiness, Trigger) -> Result<()>,
    ) -> Result<()> {
        if self.is_known.get() {
            return Ok(());
        }
        let poller = with(|scheduler| scheduler.host.poller.clone());
        let poller = match poller {
            Some(poller) => poller,
            None => {
                let poller = Rc::new(Poller::create()?);
                with(|scheduler| scheduler.host.poller = Some(poller.clone()));
                poller
            }
        };
        register(&poller, self.key, ALL, Trigger::EDGE)?;
        self.is_known.set(true);
        Ok(())
    }
}

/// What a wait for the host is for, of any of these.
#[derive(Default)]
pub(crate) struct Sources<'a> {
    source: Option<(&'a Source, u32)>,
    pollables: Vec<Rc<Pollable>>,
    is_local: bool,
}

impl<'a> Sources<'a> {
    /// `events` of the source, which `register` adds to a poller.
    pub(crate) fn of(
        source: &'a Source,
        events: u32,
        register: impl FnOnce(&Poller, u64, Readiness, Trigger) -> Result<()>,
    ) -> Result<Self> {
        source.know(register)?;
        Ok(Self {
            source: Some((source, events)),
            ..Self::default()
        })
    }

    pub(crate) fn and(mut self, pollables: impl IntoIterator<Item = Pollable>) -> Self {
        self.pollables.extend(pollables.into_iter().map(Rc::new));
        self
    }

    /// And [`look_again`].
    pub(crate) fn and_local(mut self) -> Self {
        self.is_local = true;
        self
    }

    /// Waits for any of them, and tells whether the time was not up before.
    pub(crate) fn wait(self, deadline: Option<u64>) -> Result<bool> {
        check_interrupt()?;
        let wait = self.begin();
        block_begun(wait, deadline)
    }

    /// The same where nothing but an event may end it.
    pub(crate) fn wait_on(self) {
        let wait = self.begin();
        block(wait, None);
    }

    fn begin(self) -> Wait {
        let key = self.source.map_or(0, |(source, _events)| source.key);
        with(|scheduler| {
            let me = scheduler.current.id;
            let host = &mut scheduler.host;
            if let Some((source, events)) = self.source {
                host.waiting
                    .entry(source.key)
                    .or_default()
                    .push((me, events));
            }
            let pollables = self.pollables.into_iter().map(|each| (me, each));
            host.pollables.extend(pollables);
            if self.is_local {
                host.local.push(me);
            }
        });
        Wait::Host(key)
    }
}

/// Waits as [`block`] does; that the thread is to be canceled is an error, and EINTR
/// that a signal came.
pub(crate) fn block_cancelable(wait: Wait, deadline: Option<u64>) -> Result<bool> {
    check_interrupt()?;
    block_begun(wait, deadline)
}

/// The same of what no signal ends, as pthread_cond_wait(3): it may only be over too early.
/// A handler that is called meanwhile ends the next wait that a signal can end.
pub(crate) fn block_uninterrupted(wait: Wait, deadline: Option<u64>) -> Result<bool> {
    check_cancel()?;
    let told = match signal::look() {
        true => Err(Errno::EINTR),
        false => block_begun(wait, deadline),
    };
    match told {
        Err(Errno::EINTR) => {
            signal::tell_later();
            Ok(true)
        }
        told => told,
    }
}

fn block_begun(wait: Wait, deadline: Option<u64>) -> Result<bool> {
    let me = current();
    me.is_cancelable.set(true);
    let woken = block(wait, deadline);
    me.is_cancelable.set(false);
    if signal::ended_by(woken) {
        return Err(Errno::EINTR);
    }
    check_cancel()?;
    Ok(woken != Woken::TimeOut)
}

/// Whether the thread is to be canceled, and may be.
pub(crate) fn check_cancel() -> Result<()> {
    match are_many() && current().is_to_be_canceled() {
        true => Err(Errno::CANCEL),
        false => Ok(()),
    }
}

/// The same as a wait begins, and takes a signal that has come meanwhile: nowhere else
/// before a wait, which one that was taken would not end.
pub(crate) fn check_interrupt() -> Result<()> {
    check_cancel()?;
    match are_many() && signal::interrupts_now() {
        true => Err(Errno::EINTR),
        false => Ok(()),
    }
}

/// Sleeps, while the others run.
pub(crate) fn sleep(duration: Duration) -> Result<()> {
    let time = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if are_many_or_signals() {
        let deadline = Some(now().saturating_add(time));
        while block_cancelable(Wait::Time, deadline)? {}
    } else if time > 0 {
        real_sleep(time);
    }
    Ok(())
}

fn real_sleep(time: u64) {
    subscribe_instant(now().saturating_add(time)).block();
}

unsafe extern "C" {
    fn __capsock_stuck(text: *const c_void, length: usize) -> !;
}

/// Every thread waits for another one: ends the program, and says who waits for
/// what.
fn stuck() -> ! {
    let mut text = String::from("deadlock: every thread waits for another one\n");
    let threads = with(|scheduler| scheduler.threads.values().cloned().collect::<Vec<_>>());
    for thread in threads {
        if let Some(wait) = thread.wait.get() {
            text.push_str(&format!(
                "  {} waits for {}\n",
                name_of(&thread),
                told(thread.id, wait)
            ));
        }
    }
    // SAFETY: it reads what is given, and does not return.
    unsafe { __capsock_stuck(text.as_ptr().cast(), text.len()) }
}

fn name_of(thread: &Thread) -> String {
    let name = thread.name.borrow();
    match (thread.id, &**name) {
        (MAIN, "") => "the main thread".to_owned(),
        (id, "") => format!("thread {id}"),
        (id, name) => format!("thread {id} ({name})"),
    }
}

fn told(waiting: Id, wait: Wait) -> String {
    match wait {
        Wait::Address {
            what,
            at,
            holder: 0,
        } => format!("the {what} at {at:#x}"),
        Wait::Address { what, at, holder } => {
            let holder = match thread(holder) {
                Ok(holder) if holder.id == waiting => "itself".to_owned(),
                Ok(holder) => name_of(&holder),
                Err(_gone) => format!("thread {holder}, which has ended"),
            };
            format!("the {what} at {at:#x}, which {holder} has")
        }
        Wait::Join(id) => match thread(id) {
            Ok(thread) => format!("the end of {}", name_of(&thread)),
            Err(_gone) => format!("the end of thread {id}"),
        },
        Wait::Others => "the end of all others".to_owned(),
        Wait::Host(_) => "the network".to_owned(),
        Wait::Signal => "a signal".to_owned(),
        Wait::Time => "a time".to_owned(),
    }
}

/// sched_yield(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_sched_yield() -> c_int {
    yield_now();
    0
}
