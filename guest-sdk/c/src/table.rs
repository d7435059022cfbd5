//! The descriptors of the program.
//!
//! A number leads to an open object, and several may lead to the same one, as
//! dup(2) has it. The lowest free number is taken. libc has numbers of its own
//! for what it has opened, which only this library sees.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use capsock_guest::{PipeReader, PipeWriter, Socket};

use crate::epoll::Epoll;
use crate::errno::{Errno, Result};
use crate::event::{Event, Pipe, Timer};
use crate::regular::Regular;
use crate::socket::Sock;
use crate::special::Special;
use crate::stdin::Stdin;

/// As many as there can be: `RLIMIT_NOFILE`.
pub(crate) const MOST: i32 = 4096;

/// As many as the program wants: `rlim_cur`, of which C keeps the rest.
#[unsafe(no_mangle)]
extern "C" fn __capsock_limit_descriptors(most: u32) {
    LIMIT.set(i32::try_from(most).unwrap_or(MOST).min(MOST));
}

// As fcntl.h of the SDK has them; C translates those of libc's own calls.
pub(crate) const O_RDONLY: i32 = 0;
pub(crate) const O_WRONLY: i32 = 1;
pub(crate) const O_RDWR: i32 = 2;
pub(crate) const O_ACCMODE: i32 = 3;
pub(crate) const O_CREAT: i32 = 0o100;
pub(crate) const O_EXCL: i32 = 0o200;
pub(crate) const O_TRUNC: i32 = 0o1000;
pub(crate) const O_APPEND: i32 = 0o2000;
pub(crate) const O_NONBLOCK: i32 = 0o4000;
pub(crate) const O_DIRECTORY: i32 = 0o200_000;
pub(crate) const O_CLOEXEC: i32 = 0o2_000_000;
pub(crate) const O_TMPFILE: i32 = 0o20_200_000;
pub(crate) const FD_CLOEXEC: i32 = 1;

/// What POSIX calls an open file description.
pub(crate) struct Object {
    /// One that no other object of this program has, ever.
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    nonblocking: Cell<bool>,
}

pub(crate) enum Kind {
    /// What libc opened, by its number.
    Libc(i32),
    Stdin(Stdin),
    Socket(Sock),
    Pipe(Pipe),
    Event(Event),
    Timer(Timer),
    Epoll(Epoll),
    Special(Special),
    /// A directory that the program itself has, by its path.
    Directory(Vec<u8>),
    /// A file that came over a Unix socket, or one in memory.
    File(Box<dyn Regular>),
    /// The ends of pipes that did.
    Reader(PipeReader),
    Writer(PipeWriter),
}

struct Entry {
    object: Rc<Object>,
    close_on_exec: bool,
}

thread_local! {
    static TABLE: RefCell<Option<Vec<Option<Entry>>>> = const { RefCell::new(None) };
    static LAST: Cell<u64> = const { Cell::new(0) };
    static LIMIT: Cell<i32> = const { Cell::new(MOST) };
}

impl Object {
    pub(crate) fn new(kind: Kind, nonblocking: bool) -> Rc<Self> {
        Rc::new(Self {
            id: next_id(),
            kind,
            nonblocking: Cell::new(nonblocking),
        })
    }

    pub(crate) fn is_nonblocking(&self) -> bool {
        self.nonblocking.get()
    }

    pub(crate) fn set_nonblocking(&self, nonblocking: bool) {
        self.nonblocking.set(nonblocking);
    }

    /// ENOTSOCK where it is none.
    pub(crate) fn socket(&self) -> Result<&Sock> {
        match &self.kind {
            Kind::Socket(socket) => Ok(socket),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    /// The host's socket that tells whether it is ready, if there is one.
    pub(crate) fn waitable(&self) -> Option<&Socket> {
        match &self.kind {
            Kind::Socket(socket) => Some(&socket.host),
            Kind::Pipe(pipe) => Some(&pipe.end),
            Kind::Event(event) => Some(event.waitable()),
            _ => None,
        }
    }
}

/// A number that nothing else of this program has, ever.
pub(crate) fn next_id() -> u64 {
    let id = LAST.get() + 1;
    LAST.set(id);
    id
}

/// What a number leads to.
pub(crate) fn lookup(fd: i32) -> Result<Rc<Object>> {
    with(|table| {
        let entry = usize::try_from(fd)
            .ok()
            .and_then(|fd| table.get(fd)?.as_ref());
        entry.map(|entry| entry.object.clone()).ok_or(Errno::EBADF)
    })
}

/// Gives an object the lowest free number.
pub(crate) fn insert(object: Rc<Object>, close_on_exec: bool) -> Result<i32> {
    match LIMIT.get() {
        0 => Err(Errno::EMFILE),
        _ => insert_from(0, object, close_on_exec),
    }
}

/// Gives what was made a number, with `O_NONBLOCK` and `O_CLOEXEC` of these flags.
pub(crate) fn open(kind: Kind, flags: i32) -> Result<i32> {
    let object = Object::new(kind, flags & O_NONBLOCK != 0);
    insert(object, flags & O_CLOEXEC != 0)
}

/// Gives an object the lowest free number that is not below `first`: F_DUPFD.
pub(crate) fn insert_from(first: i32, object: Rc<Object>, close_on_exec: bool) -> Result<i32> {
    if !(0..LIMIT.get()).contains(&first) {
        return Err(Errno::EINVAL);
    }
    with(|table| {
        let free =
            (first..LIMIT.get()).find(|fd| !matches!(table.get(*fd as usize), Some(Some(_))));
        let fd = free.ok_or(Errno::EMFILE)?;
        put(table, fd, object, close_on_exec);
        Ok(fd)
    })
}

/// Gives an object this number, and returns what had it.
pub(crate) fn replace(
    fd: i32,
    object: Rc<Object>,
    close_on_exec: bool,
) -> Result<Option<Rc<Object>>> {
    if !(0..LIMIT.get()).contains(&fd) {
        return Err(Errno::EBADF);
    }
    Ok(with(|table| {
        let old = table.get_mut(fd as usize).and_then(Option::take);
        put(table, fd, object, close_on_exec);
        old.map(|old| old.object)
    }))
}

/// Takes a number from what has it.
pub(crate) fn remove(fd: i32) -> Result<Rc<Object>> {
    with(|table| {
        let entry = usize::try_from(fd)
            .ok()
            .and_then(|fd| table.get_mut(fd)?.take());
        entry.map(|entry| entry.object).ok_or(Errno::EBADF)
    })
}

pub(crate) fn close_on_exec(fd: i32) -> Result<bool> {
    lookup(fd)?;
    Ok(with(|table| {
        table[fd as usize]
            .as_ref()
            .is_some_and(|entry| entry.close_on_exec)
    }))
}

pub(crate) fn set_close_on_exec(fd: i32, value: bool) -> Result<()> {
    lookup(fd)?;
    with(|table| {
        if let Some(entry) = &mut table[fd as usize] {
            entry.close_on_exec = value;
        }
    });
    Ok(())
}

/// The number of the program for one of libc's, if it has one.
pub(crate) fn number_of_libc(libc: i32) -> Option<i32> {
    with(|table| {
        let place = table.iter().position(|entry| {
            matches!(entry, Some(entry) if matches!(entry.object.kind, Kind::Libc(n) if n == libc))
        });
        place.and_then(|place| i32::try_from(place).ok())
    })
}

/// Whether nothing but the caller has the object.
pub(crate) fn is_last(object: &Rc<Object>) -> bool {
    Rc::strong_count(object) == 1
}

pub(crate) type WeakObject = Weak<Object>;

fn put(table: &mut Vec<Option<Entry>>, fd: i32, object: Rc<Object>, close_on_exec: bool) {
    let place = fd as usize;
    if table.len() <= place {
        table.resize_with(place + 1, || None);
    }
    table[place] = Some(Entry {
        object,
        close_on_exec,
    });
}

fn with<T>(act: impl FnOnce(&mut Vec<Option<Entry>>) -> T) -> T {
    TABLE.with_borrow_mut(|table| act(table.get_or_insert_with(first)))
}

/// Standard input, output and error, and the listeners that the program was
/// given (sd_listen_fds(3)).
fn first() -> Vec<Option<Entry>> {
    let entry = |kind| {
        Some(Entry {
            object: Object::new(kind, false),
            close_on_exec: false,
        })
    };
    let mut table = vec![
        entry(Kind::Stdin(Stdin::new())),
        entry(Kind::Libc(1)),
        entry(Kind::Libc(2)),
    ];
    let given = std::env::var("LISTEN_FDS").ok();
    let given: i32 = given.and_then(|given| given.parse().ok()).unwrap_or(0);
    for fd in 3..3_i32.saturating_add(given).min(MOST) {
        let listener = Socket::from_fileno(fd).ok();
        table.push(listener.and_then(|host| entry(Kind::Socket(Sock::new(host)))));
    }
    table
}
