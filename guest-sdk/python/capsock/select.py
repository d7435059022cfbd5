"""CPython's `select` over the host's poller: sockets, and sets of them.

What is not asked for costs no call: `selectors` probes this module while the
component is built, when there is no host.
"""

import time
import weakref

from wit_world.imports.poller import Poller, Readiness, Trigger

from . import arguments, descriptors
from .errors import calling, failure

error = OSError

POLLIN = EPOLLIN = 0x1
POLLPRI = EPOLLPRI = 0x2
POLLOUT = EPOLLOUT = 0x4
POLLERR = EPOLLERR = 0x8
POLLHUP = EPOLLHUP = 0x10
POLLNVAL = 0x20
POLLRDNORM = EPOLLRDNORM = 0x40
POLLRDBAND = EPOLLRDBAND = 0x80
POLLWRNORM = EPOLLWRNORM = 0x100
POLLWRBAND = EPOLLWRBAND = 0x200
POLLMSG = EPOLLMSG = 0x400
POLLRDHUP = EPOLLRDHUP = 0x2000
EPOLLEXCLUSIVE = 1 << 28
EPOLLWAKEUP = 1 << 29
EPOLLONESHOT = 1 << 30
EPOLLET = 1 << 31
EPOLL_CLOEXEC = 0x80000
PIPE_BUF = 4096

_READ = POLLIN | POLLRDNORM
_WRITE = POLLOUT | POLLWRNORM
# Told without being asked for.
_ALWAYS = POLLERR | POLLHUP
_MOST_EVENTS = 1024


class _Set:
    """Sockets and other sets by their numbers, and the poller that watches them."""

    def __init__(self):
        self._poller = None
        self.masks = {}
        self.entries = {}

    @property
    def poller(self):
        if self._poller is None:
            with calling:
                self._poller = descriptors.held(Poller.create())
        return self._poller

    def add(self, fd, mask):
        entry = _member(fd)
        if fd in self.entries:
            if self.entries[fd] is entry:
                raise failure("EEXIST")
            # Another member has the number now.
            del self.entries[fd]
        with calling:
            if isinstance(entry, _Set):
                self.poller.register_poller(entry.poller, fd, *_wanted(mask))
            else:
                self.poller.register(entry.handle, fd, *_wanted(mask))
        self.masks[fd], self.entries[fd] = mask, entry

    def modify(self, fd, mask):
        entry = self._own(fd)
        with calling:
            if isinstance(entry, _Set):
                self.poller.modify_poller(entry.poller, fd, *_wanted(mask))
            else:
                self.poller.modify(entry.handle, fd, *_wanted(mask))
        self.masks[fd] = mask

    def remove(self, fd):
        entry = self._own(fd)
        del self.masks[fd], self.entries[fd]
        with calling:
            if isinstance(entry, _Set):
                self.poller.unregister_poller(entry.poller)
            else:
                self.poller.unregister(entry.handle)

    def _own(self, fd):
        entry = _member(fd)
        if self.entries.get(fd) is not entry:
            raise failure("ENOENT")
        return entry

    def wait(self, most, nanoseconds):
        """(number, events) of those that are ready."""
        if not self.entries and nanoseconds == 0:
            return []
        with calling:
            events = self.poller.wait(most, nanoseconds)
        return [
            (event.key, _told(event.ready) & (self.masks.get(event.key, 0) | _ALWAYS))
            for event in events
        ]


def _member(fd):
    """The open socket of a number, or the set of an `epoll` object."""
    entry = descriptors.get(fd)
    if isinstance(entry, weakref.ref):
        owner = entry()
        if owner is None or owner.closed:
            raise failure("EBADF")
        return owner._set
    return descriptors.socket(fd)


_READINESS = (
    (Readiness.READABLE, _READ),
    (Readiness.WRITABLE, _WRITE),
    (Readiness.PRIORITY, POLLPRI),
    (Readiness.READ_HANG_UP, POLLRDHUP),
    (Readiness.ERROR, POLLERR),
    (Readiness.HANG_UP, POLLHUP),
)


def _wanted(mask):
    interest = Readiness(0)
    for readiness, flags in _READINESS:
        if mask & flags:
            interest |= readiness
    trigger = Trigger(0)
    if mask & EPOLLONESHOT:
        trigger |= Trigger.ONESHOT
    if mask & EPOLLET:
        trigger |= Trigger.EDGE
    return interest, trigger


def _told(ready):
    told = 0
    for readiness, flags in _READINESS:
        if ready & readiness:
            told |= flags
    return told


def _timeout(value, unit, what):
    """Nanoseconds, rounded up; `None` and what is negative wait forever."""
    if value is None:
        return None
    try:
        nanoseconds = arguments.nanoseconds(value)
    except TypeError:
        raise TypeError(what) from None
    nanoseconds = -(-nanoseconds // unit)
    return None if nanoseconds < 0 else nanoseconds


def select(rlist, wlist, xlist, timeout=None, /):
    """select(rlist, wlist, xlist[, timeout]) -> (rlist, wlist, xlist)"""
    nanoseconds = _timeout(timeout, 1, "timeout must be a float or None")
    if nanoseconds is None and timeout is not None:
        raise ValueError("timeout must be non-negative")
    lists = []
    wanted = {}
    for position, (objects, mask) in enumerate(
        ((rlist, POLLIN), (wlist, POLLOUT), (xlist, POLLPRI)), 1
    ):
        try:
            objects = list(objects)
        except TypeError:
            raise TypeError("arguments 1-3 must be sequences") from None
        pairs = [(arguments.file_descriptor(thing), thing) for thing in objects]
        for fd, _thing in pairs:
            wanted[fd] = wanted.get(fd, 0) | mask
        lists.append(pairs)
    waiting = _Set()
    for fd, mask in wanted.items():
        waiting.add(fd, mask)
    ready = dict(waiting.wait(min(max(len(wanted), 1), _MOST_EVENTS), nanoseconds))
    masks = (POLLIN | POLLHUP | POLLERR, POLLOUT | POLLERR, POLLPRI)
    return tuple(
        [thing for fd, thing in pairs if ready.get(fd, 0) & mask]
        for pairs, mask in zip(lists, masks)
    )


class poll:
    """A polling object: poll(2)."""

    def __init__(self):
        self._masks = {}
        self._set = _Set()

    def register(self, fd, eventmask=POLLIN | POLLPRI | POLLOUT, /):
        """Adds a descriptor, or changes what is waited for."""
        fd = arguments.file_descriptor(fd)
        self._masks[fd] = _event_mask(eventmask)

    def modify(self, fd, eventmask, /):
        """Changes what is waited for."""
        fd = arguments.file_descriptor(fd)
        if fd not in self._masks:
            raise failure("ENOENT")
        self._masks[fd] = _event_mask(eventmask)

    def unregister(self, fd, /):
        """Removes a descriptor."""
        del self._masks[arguments.file_descriptor(fd)]

    def poll(self, timeout=None, /):
        """Waits for so many milliseconds, and returns (descriptor, events)."""
        nanoseconds = _timeout(timeout, 1000, "timeout must be an integer or None")
        invalid = self._synchronise()
        if invalid:
            nanoseconds = 0
        most = min(max(len(self._masks), 1), _MOST_EVENTS)
        return invalid + self._set.wait(most, nanoseconds)

    def _synchronise(self):
        """poll(2) takes the numbers anew at each call."""
        held = self._set
        for fd in [fd for fd in held.entries if fd not in self._masks]:
            _forget(held, fd)
        invalid = []
        for fd, mask in self._masks.items():
            if descriptors.get(fd) is None:
                held.entries.pop(fd, None)
                invalid.append((fd, POLLNVAL))
                continue
            entry = _member(fd)
            if held.entries.get(fd) is not entry:
                held.add(fd, mask)
            elif held.masks[fd] != mask:
                held.modify(fd, mask)
        return invalid


def _forget(held, fd):
    try:
        held.remove(fd)
    except OSError:
        # It is closed, and left the set by that.
        held.entries.pop(fd, None)
        held.masks.pop(fd, None)


def _event_mask(mask):
    mask = arguments.index(mask)
    if mask < 0:
        raise ValueError("value must be positive")
    if mask > 0xFFFF:
        raise OverflowError("Python int too large to convert to C unsigned short")
    return mask


class epoll:
    """A set of descriptors to wait for: epoll(7)."""

    def __init__(self, sizehint=-1, flags=0):
        sizehint, flags = arguments.c_int(sizehint), arguments.c_int(flags)
        if sizehint != -1 and sizehint <= 0:
            raise ValueError("negative sizehint")
        if flags & ~EPOLL_CLOEXEC:
            raise failure("EINVAL")
        self._set = _Set()
        self._fd = descriptors.add(weakref.ref(self))

    @property
    def closed(self):
        """True if the epoll object is closed"""
        return self._set is None

    def _open(self):
        if self._set is None:
            raise ValueError("I/O operation on closed epoll object")
        return self._set

    def fileno(self):
        """The number of the set."""
        self._open()
        return self._fd

    def register(self, fd, eventmask=EPOLLIN | EPOLLPRI | EPOLLOUT):
        """Adds a descriptor."""
        held = self._open()
        held.add(_number(fd), _events(eventmask))

    def modify(self, fd, eventmask):
        """Changes what is waited for."""
        held = self._open()
        held.modify(_number(fd), _events(eventmask))

    def unregister(self, fd):
        """Removes a descriptor."""
        held = self._open()
        try:
            held.remove(_number(fd))
        except OSError:
            _forget(held, fd if isinstance(fd, int) else -1)
            raise

    def poll(self, timeout=None, maxevents=-1):
        """Waits for so many seconds, and returns (descriptor, events)."""
        held = self._open()
        nanoseconds = _timeout(timeout, 1, "timeout must be an integer or None")
        maxevents = arguments.c_int(maxevents)
        if maxevents == -1:
            maxevents = _MOST_EVENTS
        elif maxevents <= 0:
            raise ValueError(f"maxevents must be greater than 0, got {maxevents}")
        return held.wait(min(maxevents, _MOST_EVENTS), nanoseconds)

    def close(self):
        """Closes the set."""
        if self._set is not None:
            descriptors.remove(self._fd)
            self._set = None

    def __enter__(self):
        self._open()
        return self

    def __exit__(self, *_error):
        self.close()

    def __del__(self):
        if getattr(self, "_set", None) is not None and descriptors is not None:
            self.close()


def _events(mask):
    mask = arguments.masked(mask)
    with_exclusive = EPOLLIN | EPOLLOUT | _ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE
    if mask & EPOLLEXCLUSIVE and mask & ~with_exclusive:
        raise failure("EINVAL")
    return mask


_number = arguments.file_descriptor
