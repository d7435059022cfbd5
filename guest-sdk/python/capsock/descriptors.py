"""What the numbers stand for that programs call file descriptors: sockets, and the
files and pipes that come over them (`files`).

Sockets are resources of the host, and wasi-libc knows nothing of them. Their
numbers start where those of its files never get, so that `os` and `select` can
tell one from the other. Listeners that the guest was given have the numbers that
systemd promises: from 3 on.
"""

import heapq
import itertools
import os

from wit_world.imports import inherited
from wit_world.imports.socket import (
    Timeout_After,
    Timeout_Blocking,
    Timeout_NonBlocking,
)

from . import families
from .errors import calling, failure

_FIRST = 1024
_FIRST_INHERITED = 3


class Entry:
    """An open socket. Several objects of `socket.socket` can share it."""

    __slots__ = ("handle", "family", "type", "proto", "timeout", "inheritable")

    def __init__(self, handle, family, type, proto, timeout=None):
        self.handle = held(handle)
        self.family = family
        self.type = type
        self.proto = proto
        self.timeout = timeout
        self.inheritable = False

    def set_timeout(self, nanoseconds):
        """Nanoseconds; `None` waits forever, 0 does not wait."""
        if nanoseconds is None:
            timeout = Timeout_Blocking()
        elif nanoseconds == 0:
            timeout = Timeout_NonBlocking()
        else:
            timeout = Timeout_After(nanoseconds)
        with calling:
            self.handle.set_timeout(timeout)
        self.timeout = nanoseconds


def held(handle):
    """A handle that lives as long as its object: what `atexit` finds open is the
    program's to close, or to warn about."""
    handle.finalizer.atexit = False
    return handle


_entries = {}
_free = []
_next = itertools.count(_FIRST)
_inherited_taken = False


def add(entry):
    """Gives it the lowest number that is free, as POSIX has it."""
    fd = heapq.heappop(_free) if _free else next(_next)
    _entries[fd] = entry
    return fd


def get(fd):
    """The entry of a number, or `None`."""
    entry = _entries.get(fd)
    if entry is None and 0 <= fd < _FIRST and not _inherited_taken:
        _take_inherited()
        entry = _entries.get(fd)
    return entry


def socket(fd):
    """The socket of a number."""
    entry = _entries.get(fd) or get(fd)
    if not isinstance(entry, Entry):
        raise failure("ENOTSOCK" if entry or _is_file(fd) else "EBADF")
    return entry


def _is_file(fd):
    """Whether it is an open one of wasi-libc's."""
    try:
        os.fstat(fd)
    except (OSError, OverflowError):
        return False
    return True


def remove(fd):
    """Frees a number, and returns its entry."""
    entry = get(fd)
    if entry is None:
        raise failure("EBADF")
    del _entries[fd]
    if fd >= _FIRST:
        heapq.heappush(_free, fd)
    return entry


def close(fd):
    """close(2)"""
    entry = remove(fd)
    if isinstance(entry, Entry):
        with calling:
            entry.handle.close()
    else:
        entry.close()


def duplicate(fd):
    """dup(2)"""
    entry = socket(fd)
    with calling:
        handle = entry.handle.duplicate()
    return add(Entry(handle, entry.family, entry.type, entry.proto, entry.timeout))


def _take_inherited():
    global _inherited_taken
    _inherited_taken = True
    for place, listener in enumerate(inherited.listeners()):
        with calling:
            handle = inherited.open(place)
        _entries[_FIRST_INHERITED + place] = Entry(
            handle,
            families.family_number(listener.family),
            families.type_number(listener.type),
            listener.protocol,
        )
