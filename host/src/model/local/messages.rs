//! What is sent and received: a byte each, which says what it was, and sockets.

use std::cell::RefCell;
use std::io::IoSlice;
use std::rc::Rc;

use super::Verdict::{Allowed, Denied, Fails};
use super::rules::{Rule, Thing};
use super::{Kind, Known, Role, Sequence, Slot, Verdict, identity};
use crate::Errno;
use crate::os;
use crate::socket::{Data, Passed, Receive, TakenDescriptor, TakenSocket, Timeout, Transmit};

const HOW: Transmit = Transmit {
    flags: os::SendFlags::empty(),
    dont_wait: false,
    fast_open: false,
};

/// No file and no pipe is sent.
fn socket_of(taken: TakenDescriptor) -> TakenSocket {
    match taken {
        TakenDescriptor::Socket(socket) => socket,
        TakenDescriptor::File(_) | TakenDescriptor::Pipe(_) => {
            panic!("what came is no socket")
        }
    }
}

/// What was sent, by its one byte of data.
pub(super) struct Sent {
    /// Where to; none of a stream and a pair.
    to: Option<Thing>,
    /// The socket that went with it.
    passed: Option<(Kind, Rc<RefCell<Known>>)>,
}

impl Known {
    /// Where others can send to it: of an end of a pair nobody can.
    fn reached_at(&self) -> Option<Thing> {
        match (&self.pair, &self.role) {
            (Some(_), Role::Accepted) => None,
            _ => self.bound.clone(),
        }
    }
}

impl Sequence<'_> {
    /// Sends a byte: to a peer or to an address, alone or with a socket.
    pub(super) async fn send(
        &mut self,
        index: usize,
        is_to: bool,
        passed: Option<usize>,
    ) -> Option<()> {
        let kind = self.slots[index].kind;
        if kind == Kind::Udp {
            return Some(());
        }
        let remote = match is_to {
            true => Some(self.thing(kind)?),
            false => None,
        };
        let slot = &self.slots[index];
        let role = slot.known.borrow().role.clone();
        let to = match (&remote, &role, kind) {
            (_, _, Kind::Stream) => None,
            (Some(remote), _, _) => Some(remote.clone()),
            (None, Role::Client(peer), _) => Some(peer.clone()),
            // To the kernel.
            (None, _, Kind::Netlink(number)) => Some(Thing::Netlink(number, 0)),
            (None, _, _) => None,
        };
        let mut verdict = match (&to, kind, is_to) {
            // A stream stays connected, and has no other peer.
            (_, Kind::Stream, true) => Fails,
            (Some(to), _, true) => self.verdict(slot.op(), to).min(self.implicit(slot)),
            // The peer was opened before.
            (Some(to), _, false) => match self.verdict(slot.op(), to).min(self.implicit(slot)) {
                Denied => Denied,
                _ => Allowed,
            },
            (None, Kind::Datagram, _) => self.implicit(slot),
            (None, _, _) => Allowed,
        };
        if let Some(passed) = passed {
            verdict = verdict.min(self.verdict_of_pass(slot, remote.as_ref(), passed));
        }
        let (id, data) = (self.next, [self.next]);
        let parts = [IoSlice::new(&data)];
        let sockets: Vec<Passed<'_>> = passed
            .iter()
            .map(|other| Passed::Socket(&self.slots[*other].socket))
            .collect();
        let address = remote.as_ref().map(|remote| self.world.address(remote));
        let data = Data::new(&parts, false);
        let sending = (slot.socket).send_message(&self.ctx, data, vec![], &sockets, HOW, address);
        let (result, reached) = os::record(sending).await;
        if result.is_ok() {
            self.next = self.next.wrapping_add(1);
            let passed = passed.map(|passed| {
                let passed = &self.slots[passed];
                if let Some(pair) = &passed.known.borrow().pair {
                    pair.set(true);
                }
                (passed.kind, passed.known.clone())
            });
            self.sent.insert(id, Sent { to, passed });
        }
        let what = format!("send to {remote:?} by {role:?} with {passed:?}");
        self.compare(&what, (verdict, Some(index)), &result, &reached);
        Some(())
    }

    fn verdict_of_pass(&self, slot: &Slot, remote: Option<&Thing>, passed: usize) -> Verdict {
        // They could be set to what the guest may not.
        if let Kind::Netlink(_) = self.slots[passed].kind {
            return Denied;
        }
        if !slot.is_unix() {
            return Fails;
        }
        let known = slot.known.borrow();
        match (remote, &known.role, &known.pair) {
            (Some(remote), _, _) => self.verdict_over("pass-fd", remote),
            (None, Role::Client(peer), _) => self.verdict_over("pass-fd", peer),
            (None, Role::Accepted, Some(pair)) if !pair.get() => Allowed,
            (None, Role::Accepted, Some(_)) => self.verdict_over("pass-fd", &Thing::Unnamed),
            (None, Role::Accepted, None) => {
                let over = known.bound.as_ref().unwrap_or(&Thing::Unnamed);
                self.verdict_over("pass-fd", over)
            }
            (None, Role::None | Role::Listener(_), _) => Fails,
        }
    }

    pub(super) async fn receive(&mut self, index: usize) -> Option<()> {
        let slot = &self.slots[index];
        // In a stream the kernel goes on to the sockets of the next message.
        let how = Receive {
            peek: self.choices.below(4)? == 0 && slot.kind != Kind::Stream,
            ..Receive::default()
        };
        if slot.kind == Kind::Udp {
            return Some(());
        }
        let receive = slot.socket.receive_message(&self.ctx, 1, how);
        let (result, _reached) = os::record(receive).await;
        let rules = &self.rules;
        let Ok((message, taken)) = result else {
            let error = result.err();
            assert_ne!(error, Some(Errno::AccessDenied), "{rules:#?}\nreceive");
            return Some(());
        };
        let sockets: Vec<TakenSocket> = taken.into_iter().map(socket_of).collect();
        let Some(id) = message.data.first() else {
            assert!(sockets.is_empty(), "{rules:#?}\nwith the end of a stream");
            return Some(());
        };
        let sent = self.sent.get(id);
        let sent = sent.unwrap_or_else(|| panic!("{rules:#?}\na message that was not sent came"));
        let local = slot.known.borrow().reached_at();
        if let Some(to) = &sent.to {
            let local = slot.known.borrow().bound.as_ref().map(identity);
            assert_eq!(
                local,
                Some(identity(to)),
                "{rules:#?}\nnot where it was sent"
            );
        }
        if slot.kind != Kind::Stream {
            let sender = message.sender.as_ref().expect("a datagram has one");
            let sender = self.world.thing_of(Some(slot.kind), sender);
            assert!(
                self.admits(slot.kind, local.as_ref(), &sender),
                "{rules:#?}\n{local:?} heard {sender:?}"
            );
        }
        self.shown.admitted += 1;
        let passed = sent.passed.clone();
        self.take(index, sockets, passed);
        Some(())
    }

    /// Who may bind a name hears everybody there.
    fn admits(&self, kind: Kind, local: Option<&Thing>, sender: &Thing) -> bool {
        let names = &self.world.names;
        let admits = |rules: &Vec<Rule>| match (kind, local) {
            (Kind::Netlink(_), _) => names.allows(rules, "raw", sender),
            (_, None) => true,
            (_, Some(local)) => {
                names.allows(rules, "bind", local) || names.allows(rules, "send", sender)
            }
        };
        // The kernel answers what it was asked.
        matches!(sender, Thing::Netlink(_, 0)) || self.rules.iter().all(admits)
    }

    /// The sockets that came with a message: another handle of what was passed.
    fn take(
        &mut self,
        index: usize,
        sockets: Vec<TakenSocket>,
        passed: Option<(Kind, Rc<RefCell<Known>>)>,
    ) {
        let rules = &self.rules;
        let Some((kind, known)) = passed else {
            assert!(
                sockets.is_empty(),
                "{rules:#?}\na socket that nobody passed"
            );
            return;
        };
        let slot = &self.slots[index];
        let verdict = {
            let over = slot.known.borrow();
            match (over.reached_at(), &over.role, &over.pair, slot.kind) {
                (Some(bound), _, _, Kind::Datagram) => self.verdict_over("take-fd", &bound),
                (_, Role::Client(peer), _, _) => self.verdict_over("take-fd", peer),
                (_, _, Some(pair), _) if !pair.get() => Allowed,
                (bound, _, pair, _) => {
                    let bound = bound.filter(|_| pair.is_none()).unwrap_or(Thing::Unnamed);
                    self.verdict_over("take-fd", &bound)
                }
            }
        };
        // What the guest has no more is checked by what the kernel tells of it,
        // and is left at that.
        let has_handle = self
            .slots
            .iter()
            .any(|slot| Rc::ptr_eq(&slot.known, &known));
        let what = format!("{} taken by {:?}: {known:?}", sockets.len(), slot.known);
        match verdict {
            Allowed if has_handle => assert_eq!(sockets.len(), 1, "{rules:#?}\n{what}"),
            Allowed => assert!(sockets.len() <= 1, "{rules:#?}\n{what}"),
            _ => assert!(sockets.is_empty(), "{rules:#?}\n{what}"),
        }
        for taken in sockets.into_iter().filter(|_| has_handle) {
            let mut socket = taken.socket;
            socket
                .set_timeout(Timeout::NonBlocking)
                .expect("it is open");
            self.shown.passed += 1;
            let known = known.clone();
            self.slots.push(Slot {
                socket,
                kind,
                known,
            });
        }
    }

    /// Descriptors that go over a socket. What has no name needs its own grant.
    fn verdict_over(&self, op: &str, over: &Thing) -> Verdict {
        let names = &self.world.names;
        let allows = |rules: &Vec<Rule>| names.allows(rules, op, over);
        match self.rules.iter().all(allows) {
            true => Allowed,
            false => Denied,
        }
    }
}
