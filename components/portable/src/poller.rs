//! Sets of sockets to wait for. WASI tells only whether what is waited for is ready, so
//! each wait looks at every member.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::rc::{Rc, Weak};
use std::time::Duration;

use capsock_checked::io::poll::Pollable;
use capsock_policy::Errno;

use crate::bindings::exports::capsock::sockets::poller::{Event, Readiness, Trigger};
use crate::socket::{Open, Place, Socket};
use crate::wait::{Deadline, Rest, Timeout, looked, ready_now, ready_soon};

/// How many events one wait returns at most.
const EVENTS: usize = 1024;

/// How deep sets are in each other: `EP_MAX_NESTS`, and the set itself.
const DEPTH: usize = 5;

/// What is told without being asked for.
const ALWAYS: Readiness = Readiness::ERROR.union(Readiness::HANG_UP);

/// A set of sockets of one guest.
#[derive(Debug)]
pub(crate) struct Poller(Rc<Set>);

#[derive(Debug)]
struct Set {
    members: RefCell<Vec<Member>>,
    /// Where the next wait begins, so that none is forgotten where there are many.
    next: Cell<usize>,
    /// The sets that it is in.
    within: RefCell<Vec<Weak<Set>>>,
    _place: Place,
}

#[derive(Debug)]
struct Member {
    what: What,
    key: u64,
    interest: Readiness,
    trigger: Trigger,
    /// What was told of it and lasts, and how often something was done with it by
    /// then.
    told: Cell<(Readiness, u64)>,
    /// It was told once, and once is all.
    is_off: Cell<bool>,
}

#[derive(Clone, Debug)]
enum What {
    Socket(Weak<Open>),
    Set(Weak<Set>),
}

impl Poller {
    pub(crate) fn create() -> Result<Self, Errno> {
        Ok(Self(Rc::new(Set {
            members: RefCell::default(),
            next: Cell::new(0),
            within: RefCell::default(),
            _place: Place::take()?,
        })))
    }

    /// `EPOLL_CTL_ADD`
    pub(crate) fn register(
        &self,
        socket: &Socket,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<(), Errno> {
        let what = What::Socket(Rc::downgrade(&socket.open()?));
        self.0.add(Member::new(what, key, interest, trigger))
    }

    /// `EPOLL_CTL_MOD`
    pub(crate) fn modify(
        &self,
        socket: &Socket,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<(), Errno> {
        let what = What::Socket(Rc::downgrade(&socket.open()?));
        self.0.replace(Member::new(what, key, interest, trigger))
    }

    /// `EPOLL_CTL_DEL`
    pub(crate) fn unregister(&self, socket: &Socket) -> Result<(), Errno> {
        self.0.remove(&What::Socket(Rc::downgrade(&socket.open()?)))
    }

    /// `EPOLL_CTL_ADD` of another set.
    pub(crate) fn register_poller(
        &self,
        member: &Self,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<(), Errno> {
        if Rc::ptr_eq(&self.0, &member.0) {
            return Err(Errno::InvalidArgument);
        }
        if member.0.reaches(&self.0) || self.0.height() + member.0.depth() > DEPTH {
            return Err(Errno::SymbolicLinkLoop);
        }
        let what = What::Set(Rc::downgrade(&member.0));
        self.0.add(Member::new(what, key, interest, trigger))?;
        let mut within = member.0.within.borrow_mut();
        within.retain(|set| set.strong_count() > 0);
        within.push(Rc::downgrade(&self.0));
        Ok(())
    }

    /// `EPOLL_CTL_MOD` of another set.
    pub(crate) fn modify_poller(
        &self,
        member: &Self,
        key: u64,
        interest: Readiness,
        trigger: Trigger,
    ) -> Result<(), Errno> {
        let what = What::Set(Rc::downgrade(&member.0));
        self.0.replace(Member::new(what, key, interest, trigger))
    }

    /// `EPOLL_CTL_DEL` of another set.
    pub(crate) fn unregister_poller(&self, member: &Self) -> Result<(), Errno> {
        self.0.remove(&What::Set(Rc::downgrade(&member.0)))?;
        let mut within = member.0.within.borrow_mut();
        within.retain(|set| !std::ptr::eq(set.as_ptr(), Rc::as_ptr(&self.0)));
        Ok(())
    }

    /// Those that are ready; none after the timeout.
    pub(crate) fn wait(
        &self,
        maximum: u32,
        timeout: Option<Duration>,
    ) -> Result<Vec<Event>, Errno> {
        if maximum == 0 {
            return Err(Errno::InvalidArgument);
        }
        let maximum = (maximum as usize).min(EVENTS);
        let deadline = Deadline::new(timeout.map_or(Timeout::Blocking, Timeout::After));
        let mut rest = Rest::default();
        loop {
            let events = self.0.take_events(maximum);
            if !events.is_empty() {
                return Ok(events);
            }
            let mut pollables = Vec::new();
            if self.0.pollables(&mut pollables).is_break() {
                continue;
            }
            if !deadline.waits() {
                return Ok(match looked(pollables) {
                    true => self.0.take_events(maximum),
                    false => Vec::new(),
                });
            }
            rest.take();
            match deadline.wait(pollables) {
                Ok(()) => {}
                Err(Errno::WouldBlock | Errno::DeadlineExceeded) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            }
        }
    }

    /// One that is ready now where a member is, and soon otherwise.
    pub(crate) fn subscribe(&self) -> Pollable {
        match self.0.is_ready() {
            true => ready_now(),
            false => ready_soon(),
        }
    }
}

impl Set {
    fn add(&self, member: Member) -> Result<(), Errno> {
        let mut members = self.members.borrow_mut();
        members.retain(Member::is_there);
        if members.iter().any(|other| other.what.is(&member.what)) {
            return Err(Errno::Exists);
        }
        members.push(member);
        Ok(())
    }

    fn replace(&self, member: Member) -> Result<(), Errno> {
        let mut members = self.members.borrow_mut();
        let place = members.iter_mut().find(|other| other.what.is(&member.what));
        *place.ok_or(Errno::NoEntry)? = member;
        Ok(())
    }

    fn remove(&self, what: &What) -> Result<(), Errno> {
        let mut members = self.members.borrow_mut();
        let place = members.iter().position(|member| member.what.is(what));
        members.remove(place.ok_or(Errno::NoEntry)?);
        Ok(())
    }

    fn take_events(&self, maximum: usize) -> Vec<Event> {
        self.members.borrow_mut().retain(Member::is_there);
        let members = self.members.borrow();
        let first = self.next.get().checked_rem(members.len()).unwrap_or(0);
        let mut events = Vec::new();
        for (place, member) in members
            .iter()
            .enumerate()
            .cycle()
            .skip(first)
            .take(members.len())
        {
            if events.len() == maximum {
                // The next wait begins with it.
                self.next.set(place);
                break;
            }
            if let Some(ready) = member.news() {
                member.tell(ready);
                let key = member.key;
                events.push(Event { key, ready });
            }
        }
        events
    }

    /// Whether a member has something to tell, which stays.
    fn is_ready(&self) -> bool {
        self.members
            .borrow()
            .iter()
            .any(|member| member.news().is_some())
    }

    /// What may change what the members have to tell; ends at one that has something to
    /// tell by now, which is not waited for any more.
    fn pollables(&self, all: &mut Vec<Pollable>) -> ControlFlow<()> {
        for member in self.members.borrow().iter() {
            if member.is_off.get() {
                continue;
            }
            match &member.what {
                What::Socket(open) => {
                    let Some(open) = open.upgrade() else { continue };
                    let ready = open.inner().ready(member.asked());
                    if member.news_of((ready, open.inner().done())).is_some() {
                        return ControlFlow::Break(());
                    }
                    // What it is ready for was told, and would end each wait.
                    all.extend(open.inner().pollables(member.asked(), ready));
                }
                What::Set(set) => {
                    let Some(set) = set.upgrade() else { continue };
                    if !member.interest.contains(Readiness::READABLE) {
                        continue;
                    }
                    if member.news().is_some() {
                        return ControlFlow::Break(());
                    }
                    // A member that has something to tell, which was told of the set.
                    if set.pollables(all).is_break() {
                        continue;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// How often something was done with what is in it.
    fn done(&self) -> u64 {
        let members = self.members.borrow();
        let done = members.iter().map(|member| match &member.what {
            What::Socket(open) => open.upgrade().map_or(0, |open| open.inner().done()),
            What::Set(set) => set.upgrade().map_or(0, |set| set.done()),
        });
        done.fold(0, u64::wrapping_add)
    }

    /// Whether it has a set in it, however deep.
    fn reaches(&self, other: &Rc<Self>) -> bool {
        self.sets()
            .iter()
            .any(|set| Rc::ptr_eq(set, other) || set.reaches(other))
    }

    /// How many sets are in each other from this one on.
    fn depth(&self) -> usize {
        1 + self.sets().iter().map(|set| set.depth()).max().unwrap_or(0)
    }

    /// How many sets are around each other up to this one.
    fn height(&self) -> usize {
        let within = self.within.borrow();
        let around = within.iter().filter_map(Weak::upgrade);
        1 + around.map(|set| set.height()).max().unwrap_or(0)
    }

    fn sets(&self) -> Vec<Rc<Self>> {
        let members = self.members.borrow();
        let sets = members.iter().filter_map(|member| match &member.what {
            What::Set(set) => set.upgrade(),
            What::Socket(_) => None,
        });
        sets.collect()
    }
}

impl Member {
    fn new(what: What, key: u64, interest: Readiness, trigger: Trigger) -> Self {
        Self {
            what,
            key,
            interest,
            trigger,
            told: Cell::new((Readiness::empty(), 0)),
            is_off: Cell::new(false),
        }
    }

    fn is_there(&self) -> bool {
        match &self.what {
            What::Socket(open) => open.strong_count() > 0,
            What::Set(set) => set.strong_count() > 0,
        }
    }

    fn asked(&self) -> Readiness {
        self.interest | ALWAYS
    }

    /// What it is ready for, and how often something was done with it.
    fn now(&self) -> (Readiness, u64) {
        match &self.what {
            What::Socket(open) => open.upgrade().map_or((Readiness::empty(), 0), |open| {
                let inner = open.inner();
                (inner.ready(self.asked()), inner.done())
            }),
            What::Set(set) => set.upgrade().map_or((Readiness::empty(), 0), |set| {
                let ready = match set.is_ready() {
                    true => Readiness::READABLE,
                    false => Readiness::empty(),
                };
                (ready, set.done())
            }),
        }
    }

    /// What there is to be told of it.
    fn news(&self) -> Option<Readiness> {
        self.news_of(self.now())
    }

    /// What there is to be told of it, where it is ready for so much.
    fn news_of(&self, (ready, done): (Readiness, u64)) -> Option<Readiness> {
        if self.is_off.get() {
            return None;
        }
        let ready = ready & self.asked();
        let (told, before) = self.told.get();
        // What it is not ready for any more can be told again.
        self.told.set((told & ready, before));
        let is_news =
            !self.trigger.contains(Trigger::EDGE) || !(ready - told).is_empty() || done != before;
        (is_news && !ready.is_empty()).then_some(ready)
    }

    fn tell(&self, ready: Readiness) {
        let (_, done) = self.now();
        self.told.set((ready, done));
        self.is_off.set(self.trigger.contains(Trigger::ONESHOT));
    }
}

impl What {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Socket(one), Self::Socket(other)) => one.ptr_eq(other),
            (Self::Set(one), Self::Set(other)) => one.ptr_eq(other),
            _ => false,
        }
    }
}
