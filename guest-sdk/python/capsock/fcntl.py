"""The part of CPython's `fcntl` that is about sockets; WASI has none of it."""

import os

from . import arguments, descriptors
from .errors import failure

FD_CLOEXEC = 1
F_DUPFD = 0
F_GETFD = 1
F_SETFD = 2
F_GETFL = 3
F_SETFL = 4
F_DUPFD_CLOEXEC = 1030
LOCK_SH = 1
LOCK_EX = 2
LOCK_NB = 4
LOCK_UN = 8


def fcntl(fd, cmd, arg=0, /):
    """fcntl(2)"""
    fd = arguments.file_descriptor(fd)
    entry = descriptors.get(fd)
    if entry is None:
        raise failure("EBADF" if fd >= 3 else "ENOSYS")
    if cmd == F_GETFD:
        return 0 if entry.inheritable else FD_CLOEXEC
    if cmd == F_SETFD:
        entry.inheritable = not arg & FD_CLOEXEC
    elif cmd == F_GETFL:
        return os.O_RDWR | (0 if entry.timeout is None else os.O_NONBLOCK)
    elif cmd == F_SETFL:
        entry.set_timeout(0 if arg & os.O_NONBLOCK else None)
    elif cmd in (F_DUPFD, F_DUPFD_CLOEXEC):
        return descriptors.duplicate(fd)
    else:
        raise failure("EINVAL")
    return 0


def ioctl(fd, request, arg=0, mutate_flag=True, /):
    """ioctl(2), which no socket of a guest has."""
    raise failure("ENOTTY")


def flock(fd, operation, /):
    """flock(2), which WASI does not have."""
    raise failure("ENOSYS")


def lockf(fd, cmd, len=0, start=0, whence=0, /):
    """lockf(3), which WASI does not have."""
    raise failure("ENOSYS")
