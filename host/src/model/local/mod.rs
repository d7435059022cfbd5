//! Unix sockets, netlink, sockets that are passed to oneself, and options.
//! Sockets and files are real: in a directory, and with names and ports, that no
//! other sequence has.

mod messages;
mod options;
mod rules;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use cap_std::ambient_authority;
use tokio::runtime::Runtime;

use super::{Choices, Shown};
use crate::options::FlagOption;
use crate::os::{self, Call, Interest};
use crate::socket::{Socket, Timeout};
use crate::{Address, AddressFamily, CapsockCtx, Errno, Policy, SocketType};

use messages::Sent;
use rules::{LINKED, NAMES, PATHS, PROTOCOLS, Rule, Thing, allows_making, truth};
use world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stream,
    Datagram,
    Netlink(u32),
    /// IPv4, for its options.
    Udp,
}

/// One handle of a socket.
struct Slot {
    socket: Socket,
    kind: Kind,
    /// One with those of the same socket.
    known: Rc<RefCell<Known>>,
}

/// What the model knows of a socket, whichever of its handles is used.
#[derive(Debug, Default)]
struct Known {
    bound: Option<Thing>,
    role: Role,
    /// The kernel binds it by itself before a connect or a send.
    passes_credentials: bool,
    /// Of a pair: whether an end of it was passed.
    pair: Option<Rc<Cell<bool>>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    None,
    Listener(Thing),
    Client(Thing),
    /// Or an end of a pair.
    Accepted,
}

/// What the model says of an operation. Of several, the least is what holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// It fails, and nothing reaches the kernel.
    Denied,
    /// It fails.
    Fails,
    /// No matter of rules.
    Unknown,
    /// It is not denied.
    Allowed,
}
use Verdict::{Allowed, Denied, Fails, Unknown};

/// The operations that a sequence is made of.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create,
    Pair,
    Bind,
    Listen,
    Connect,
    SendTo,
    Send,
    Pass,
    Receive,
    Accept,
    SetOption,
    PassCredentials,
    Unlink,
    Duplicate,
    Narrow,
    Drop,
}

/// Often what takes several to lead anywhere.
const STEPS: [Step; 26] = [
    Step::Create,
    Step::Create,
    Step::Create,
    Step::Pair,
    Step::Bind,
    Step::Bind,
    Step::Bind,
    Step::Listen,
    Step::Listen,
    Step::Connect,
    Step::Connect,
    Step::SendTo,
    Step::SendTo,
    Step::Send,
    Step::Pass,
    Step::Pass,
    Step::Receive,
    Step::Receive,
    Step::Receive,
    Step::Accept,
    Step::SetOption,
    Step::PassCredentials,
    Step::Unlink,
    Step::Duplicate,
    Step::Narrow,
    Step::Drop,
];

/// How many sockets a sequence has at most.
const MOST: usize = 64;

/// A sequence under way.
struct Sequence<'a> {
    ctx: CapsockCtx,
    world: World,
    /// The rules that were granted, then each limit.
    rules: Vec<Vec<Rule>>,
    slots: Vec<Slot>,
    sent: HashMap<u8, Sent>,
    next: u8,
    /// How many connections were made to where, less those that were accepted.
    waiting: BTreeMap<String, usize>,
    choices: Choices<'a>,
    shown: Shown,
}

pub(super) fn run(runtime: &Runtime, mut choices: Choices<'_>) -> Shown {
    let world = World::new();
    let Some(granted) = world.names.rules(&mut choices, 24) else {
        return Shown::default();
    };
    let parsed = granted
        .iter()
        .map(|rule| rule.text.parse().expect("a rule"));
    let policy = parsed.fold(Policy::default(), Policy::with);
    let mut sequence = Sequence {
        ctx: CapsockCtx::new(policy, ambient_authority()),
        world,
        rules: vec![granted],
        slots: Vec::new(),
        sent: HashMap::new(),
        next: 0,
        waiting: BTreeMap::new(),
        choices,
        shown: Shown::default(),
    };
    runtime.block_on(async { while sequence.step().await.is_some() {} });
    sequence.shown
}

impl Slot {
    fn new(mut socket: Socket, kind: Kind, known: Known) -> Result<Self, Errno> {
        socket.set_timeout(Timeout::NonBlocking)?;
        let known = Rc::new(RefCell::new(known));
        Ok(Self {
            socket,
            kind,
            known,
        })
    }

    fn is_unix(&self) -> bool {
        matches!(self.kind, Kind::Stream | Kind::Datagram)
    }

    /// The operation that reaches a peer.
    fn op(&self) -> &'static str {
        match self.kind {
            Kind::Stream => "connect",
            Kind::Netlink(_) => "raw",
            Kind::Datagram | Kind::Udp => "send",
        }
    }

    fn has_something(&self) -> bool {
        let readiness = self.socket.readiness(Interest::READABLE);
        readiness.is_ok_and(|readiness| readiness.is_now())
    }
}

impl Sequence<'_> {
    async fn step(&mut self) -> Option<()> {
        let step = self.choices.of(&STEPS)?;
        // Far from the limit on sockets, which the model knows nothing of.
        if self.slots.len() > MOST {
            self.slots.remove(0);
        }
        if matches!(step, Step::Narrow) {
            return self.narrow();
        }
        if matches!(step, Step::Create | Step::Pair) || self.slots.is_empty() {
            return self.create(matches!(step, Step::Pair));
        }
        let index = self.slot_for(step)?;
        match step {
            Step::Bind => self.bind(index).await,
            Step::Listen => self.listen(index).await,
            Step::Connect => self.connect(index).await,
            Step::SendTo => self.send(index, true, None).await,
            Step::Send => self.send(index, false, None).await,
            Step::Pass => {
                let other = self.choices.below(self.slots.len())?;
                let is_to = self.slots[index].kind == Kind::Datagram && self.choices.below(2)? == 0;
                self.send(index, is_to, Some(other)).await
            }
            Step::Receive => self.receive(index).await,
            Step::Accept => self.accept(index).await,
            Step::SetOption => self.set_option(index),
            Step::PassCredentials => self.pass_credentials(index),
            Step::Unlink => self.unlink().await,
            Step::Duplicate => self.duplicate(index),
            Step::Drop => {
                self.slots.remove(index);
                Some(())
            }
            Step::Create | Step::Pair | Step::Narrow => Some(()),
        }
    }

    /// A socket, mostly one that the step means something for.
    fn slot_for(&mut self, step: Step) -> Option<usize> {
        let fits = |slot: &Slot| match step {
            Step::Bind => slot.kind != Kind::Udp && slot.known.borrow().bound.is_none(),
            Step::Listen => slot.kind == Kind::Stream && slot.known.borrow().bound.is_some(),
            Step::Receive => slot.has_something(),
            Step::Accept => matches!(slot.known.borrow().role, Role::Listener(_)),
            Step::SetOption => slot.kind == Kind::Udp,
            Step::Pass => slot.known.borrow().pair.is_some() || slot.kind == Kind::Datagram,
            Step::Connect | Step::SendTo => slot.kind != Kind::Udp,
            _ => true,
        };
        let fitting: Vec<usize> = (0..self.slots.len())
            .filter(|index| fits(&self.slots[*index]))
            .collect();
        match self.choices.below(4)? {
            0 => self.choices.below(self.slots.len()),
            _ if fitting.is_empty() => self.choices.below(self.slots.len()),
            _ => self.choices.of(&fitting),
        }
    }

    /// To little, or to what was granted with something less.
    fn narrow(&mut self) -> Option<()> {
        let names = &self.world.names;
        let limit = match self.choices.below(4)? {
            0 => names.rules(&mut self.choices, 24)?,
            1 => return Some(()),
            _ => {
                let less = names.rules(&mut self.choices, 4)?;
                self.rules[0].iter().cloned().chain(less).collect()
            }
        };
        let texts: Vec<String> = limit.iter().map(|rule| rule.text.clone()).collect();
        if self.ctx.authority().limit(&texts).is_ok() {
            self.rules.push(limit);
        }
        Some(())
    }

    fn create(&mut self, is_pair: bool) -> Option<()> {
        let unix = AddressFamily::Unix;
        let is_stream = self.choices.below(2)? == 0;
        let (kind, socket_type) = match is_stream {
            true => (Kind::Stream, SocketType::Stream),
            false => (Kind::Datagram, SocketType::Datagram),
        };
        if is_pair {
            let ends = Socket::create_pair(&self.ctx, unix, socket_type, 0);
            let (one, other) = ends.expect("a pair needs no grant");
            let pair = Rc::new(Cell::new(false));
            for end in [one, other] {
                let known = Known {
                    role: Role::Accepted,
                    pair: Some(pair.clone()),
                    ..Known::default()
                };
                self.slots.extend(Slot::new(end, kind, known));
            }
            return Some(());
        }
        let created = match self.choices.below(8)? {
            0 => {
                let udp = Socket::create(&self.ctx, AddressFamily::Inet, SocketType::Datagram, 0);
                udp.map(|socket| (socket, Kind::Udp))
            }
            1 | 2 => {
                let (number, _name) = self.choices.of(&PROTOCOLS)?;
                let allowed = self.rules.iter().all(|rules| allows_making(rules, number));
                let (family, raw) = (AddressFamily::Netlink, SocketType::Raw);
                let created = Socket::create(&self.ctx, family, raw, number);
                let is_denied = created.as_ref().err() == Some(&Errno::AccessDenied);
                let rules = &self.rules;
                assert_eq!(allowed, !is_denied, "{rules:#?}\nmaking netlink {number}");
                self.shown.denied += usize::from(is_denied);
                created.map(|socket| (socket, Kind::Netlink(number)))
            }
            _ => Socket::create(&self.ctx, unix, socket_type, 0).map(|socket| (socket, kind)),
        };
        if let Ok((socket, kind)) = created {
            self.slots.extend(Slot::new(socket, kind, Known::default()));
        }
        Some(())
    }

    /// An address of the socket's family, often one where a socket is.
    fn thing(&mut self, kind: Kind) -> Option<Thing> {
        if self.choices.below(2)? == 0 {
            let is_family = |thing: &Thing| match (kind, thing) {
                (Kind::Netlink(number), Thing::Netlink(of, port)) => number == *of && *port != 0,
                (Kind::Stream | Kind::Datagram, thing) => !matches!(thing, Thing::Netlink(..)),
                _ => false,
            };
            let same = self.slots.iter().filter(|slot| slot.kind == kind);
            let bound = same.filter_map(|slot| slot.known.borrow().bound.clone());
            let others: Vec<Thing> = bound.filter(is_family).collect();
            if !others.is_empty() {
                return others.get(self.choices.below(others.len())?).cloned();
            }
        }
        if let Kind::Netlink(number) = kind {
            let port = self.choices.below(4)?;
            return Some(Thing::Netlink(number, self.world.port(port)));
        }
        Some(match self.choices.below(3)? {
            0 => self.world.abstract_name(self.choices.of(&NAMES)?),
            1 => Thing::Path(self.choices.of(&PATHS[..4])?.0),
            _ => Thing::Path(self.choices.of(&PATHS)?.0),
        })
    }

    fn verdict(&self, op: &str, thing: &Thing) -> Verdict {
        let names = &self.world.names;
        if !self
            .rules
            .iter()
            .all(|rules| names.allows(rules, op, thing))
        {
            return Denied;
        }
        // What was granted says where a path is opened, not what was given up.
        let Thing::Path(path) = thing else {
            return Allowed;
        };
        // A denial of a link is one of what it leads to, while something is there.
        if truth(path) == LINKED && names.denies_link(self.rules.iter().flatten()) {
            return Unknown;
        }
        match names.links(&self.rules[0], op, path) {
            (0, _) => Allowed,
            (links, all) if links == all => Fails,
            _ => Unknown,
        }
    }

    /// The bind that the kernel does by itself.
    fn implicit(&self, slot: &Slot) -> Verdict {
        let known = slot.known.borrow();
        match slot.is_unix() && known.passes_credentials && known.bound.is_none() {
            true => self.verdict("bind", &Thing::Unnamed),
            false => Allowed,
        }
    }

    /// Compares what came of an operation with what the model says, and each
    /// address that reached the kernel.
    fn compare<T>(
        &mut self,
        what: &str,
        (verdict, slot): (Verdict, Option<usize>),
        result: &Result<T, Errno>,
        reached: &[(Call, Address)],
    ) {
        let rules = &self.rules;
        let error = result.as_ref().err();
        match verdict {
            Denied => {
                assert!(
                    error.is_some() && reached.is_empty(),
                    "{rules:#?}\n{what} is denied: {error:?}, and reached {reached:?}"
                );
                self.shown.denied += 1;
            }
            Fails => assert!(error.is_some(), "{rules:#?}\n{what} is by a link"),
            Unknown => {}
            Allowed => assert_ne!(
                error,
                Some(&Errno::AccessDenied),
                "{rules:#?}\n{what} is allowed"
            ),
        }
        for (call, address) in reached {
            let kind = slot.map(|index| self.slots[index].kind);
            let op = match (kind, call) {
                (Some(Kind::Netlink(_)), _) => "raw",
                (_, Call::Bind) => "bind",
                (Some(Kind::Stream), _) => "connect",
                _ => "send",
            };
            // Paths of peers are opened before.
            let thing = self.world.thing_of(kind, address);
            if thing != Thing::Other {
                assert_ne!(
                    self.verdict(op, &thing),
                    Denied,
                    "{rules:#?}\n{what}: {call:?} of {address} reached the kernel"
                );
            }
            self.shown.reached += 1;
        }
        if let Some(slot) = slot.and_then(|index| self.slots.get(index)) {
            // The kernel may have chosen a name.
            if slot.is_unix() && slot.known.borrow().bound.is_none() {
                let local = slot.socket.local_address().expect("it is open");
                let local = self.world.thing_of(Some(slot.kind), &local);
                slot.known.borrow_mut().bound = (local != Thing::Unnamed).then_some(local);
            }
        }
    }

    async fn bind(&mut self, index: usize) -> Option<()> {
        let kind = self.slots[index].kind;
        let is_unnamed = self.choices.below(8)? == 0;
        let known = self.slots[index].known.clone();
        // A name that comes after the connect is none of the model's.
        if kind == Kind::Udp || known.borrow().role != Role::None {
            return Some(());
        }
        let local = match is_unnamed && known.borrow().bound.is_none() {
            true if self.slots[index].is_unix() => Thing::Unnamed,
            _ => self.thing(kind)?,
        };
        let op = if matches!(kind, Kind::Netlink(_)) {
            "raw"
        } else {
            "bind"
        };
        let verdict = self.verdict(op, &local);
        let before = matches!(local, Thing::Path(_)).then(|| self.world.files());
        let address = self.world.address(&local);
        let slot = &self.slots[index];
        let bind = async { slot.socket.bind(&self.ctx, address) };
        let (result, reached) = os::record(bind).await;
        if result.is_ok() && local != Thing::Unnamed {
            known.borrow_mut().bound = Some(local.clone());
        }
        let what = format!("bind of {local:?}");
        self.compare(&what, (verdict, Some(index)), &result, &reached);
        if let (Thing::Path(path), Some(mut expected)) = (&local, before) {
            if result.is_ok() {
                expected.insert(truth(path).to_owned());
            }
            assert_eq!(self.world.files(), expected, "{:#?}\n{what}", self.rules);
        }
        Some(())
    }

    async fn unlink(&mut self) -> Option<()> {
        let (path, truth) = self.choices.of(&PATHS)?;
        let local = Thing::Path(path);
        let verdict = self.verdict("bind", &local);
        let mut expected = self.world.files();
        let address = self.world.address(&local);
        let unlink = async { Socket::unlink(&self.ctx, address) };
        let (result, reached) = os::record(unlink).await;
        let what = format!("unlink of {local:?}");
        self.compare(&what, (verdict, None), &result, &reached);
        if result.is_ok() {
            expected.remove(truth);
        }
        assert_eq!(self.world.files(), expected, "{:#?}\n{what}", self.rules);
        Some(())
    }

    async fn listen(&mut self, index: usize) -> Option<()> {
        let slot = &self.slots[index];
        let bound = slot.known.borrow().bound.clone();
        let (result, reached) = os::record(async { slot.socket.listen(&self.ctx, 4) }).await;
        let verdict = match (&bound, slot.kind) {
            (Some(local), Kind::Stream) => match self.verdict("listen", local) {
                // Nothing is opened.
                Denied => Denied,
                _ => Allowed,
            },
            (None, Kind::Stream) => Fails,
            _ => Unknown,
        };
        if let (Ok(()), Kind::Stream, Some(local)) = (&result, slot.kind, bound) {
            slot.known.borrow_mut().role = Role::Listener(local);
        }
        self.compare("listen", (verdict, Some(index)), &result, &reached);
        Some(())
    }

    async fn connect(&mut self, index: usize) -> Option<()> {
        let kind = self.slots[index].kind;
        if kind == Kind::Udp {
            return Some(());
        }
        let remote = self.thing(kind)?;
        let slot = &self.slots[index];
        let verdict = self.verdict(slot.op(), &remote).min(self.implicit(slot));
        let connect = slot.socket.connect(&self.ctx, self.world.address(&remote));
        let (result, reached) = os::record(connect).await;
        if result.is_ok() {
            slot.known.borrow_mut().role = Role::Client(remote.clone());
            if kind == Kind::Stream {
                *self.waiting.entry(identity(&remote)).or_default() += 1;
            }
        }
        let what = format!("connect to {remote:?}");
        self.compare(&what, (verdict, Some(index)), &result, &reached);
        Some(())
    }

    async fn accept(&mut self, index: usize) -> Option<()> {
        let slot = &self.slots[index];
        let role = slot.known.borrow().role.clone();
        let (result, _reached) = os::record(slot.socket.accept(&self.ctx)).await;
        let rules = &self.rules;
        let Ok((socket, _peer)) = result else {
            assert_ne!(
                result.err(),
                Some(Errno::AccessDenied),
                "{rules:#?}\naccept"
            );
            return Some(());
        };
        let Role::Listener(local) = role else {
            panic!("{rules:#?}\naccepted where nobody listens");
        };
        let names = &self.world.names;
        let admits = |rules: &Vec<Rule>| {
            names.granted(rules, "listen", &local) && !names.denied(rules, "listen", &local)
        };
        assert!(
            rules.iter().all(admits),
            "{rules:#?}\naccepted at {local:?}"
        );
        let waiting = self.waiting.entry(identity(&local)).or_default();
        *waiting = waiting.checked_sub(1).expect("nobody has connected there");
        self.shown.admitted += 1;
        let known = Known {
            bound: Some(local),
            role: Role::Accepted,
            ..Known::default()
        };
        self.slots.extend(Slot::new(socket, Kind::Stream, known));
        Some(())
    }

    fn pass_credentials(&mut self, index: usize) -> Option<()> {
        let slot = &self.slots[index];
        let is_new = slot.is_unix() && slot.known.borrow().role == Role::None;
        let option = FlagOption::PassCredentials;
        if is_new && slot.socket.set_flag(&self.ctx, option, true).is_ok() {
            slot.known.borrow_mut().passes_credentials = true;
        }
        Some(())
    }

    fn duplicate(&mut self, index: usize) -> Option<()> {
        let slot = &self.slots[index];
        if let Ok(socket) = slot.socket.duplicate(&self.ctx) {
            let (kind, known) = (slot.kind, slot.known.clone());
            self.slots.push(Slot {
                socket,
                kind,
                known,
            });
        }
        Some(())
    }
}

/// What is the same for all names of a thing.
fn identity(thing: &Thing) -> String {
    match thing {
        Thing::Path(path) => truth(path).to_owned(),
        other => format!("{other:?}"),
    }
}
