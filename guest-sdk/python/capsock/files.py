"""Files and pipes that go over Unix sockets.

wasi-libc has no numbers for what comes, so `os` is told about them; and it cannot
tell which of the host's files one of its numbers is, so what goes is opened again
by its path.
"""

import errno
import gc
import io
import os
import stat

from componentize_py_types import Err
from wit_world.imports import messages as wit
from wit_world.imports import preopens
from wit_world.imports import wasi_filesystem_types as wasi

from .errors import calling, failure

# What `blocking-write-and-flush` takes.
_MOST_WRITTEN = 4096
_MOST_READ = 1 << 20

_ERRNO = {
    "ACCESS": "EACCES",
    "BAD_DESCRIPTOR": "EBADF",
    "FILE_TOO_LARGE": "EFBIG",
    "INSUFFICIENT_SPACE": "ENOSPC",
    "INVALID": "EINVAL",
    "IS_DIRECTORY": "EISDIR",
    "NOT_PERMITTED": "EPERM",
    "NO_ENTRY": "ENOENT",
    "PIPE": "EPIPE",
}


class _Calling:
    """Turns the errors of WASI into exceptions."""

    def __enter__(self):
        return None

    def __exit__(self, _type, error, _traceback):
        if not isinstance(error, Err):
            return
        number = getattr(errno, _ERRNO.get(getattr(error.value, "name", ""), "EIO"))
        raise OSError(number, os.strerror(number)) from None


_calling = _Calling()


class _Came:
    """What came over a socket. Each method is the function of `os` of that name."""

    inheritable = False
    timeout = None

    def get_inheritable(self):
        return self.inheritable

    def set_inheritable(self, inheritable):
        self.inheritable = bool(inheritable)

    def get_blocking(self):
        return True

    def dup(self):
        raise failure("ENOSYS")

    def _unlike(self, *_args):
        raise failure("ESPIPE")

    lseek = pread = pwrite = _unlike


class File(_Came):
    """A regular file, with its position."""

    def __init__(self, handle, position):
        self.handle = handle
        self.position = position
        with _calling:
            self._flags = handle.get_flags()

    def pread(self, length, position):
        if wasi.DescriptorFlags.READ not in self._flags:
            raise failure("EBADF")
        if length <= 0:
            return b""
        with _calling:
            data, _end = self.handle.read(min(length, _MOST_READ), position)
        return data

    def pwrite(self, data, position):
        if wasi.DescriptorFlags.WRITE not in self._flags:
            raise failure("EBADF")
        with _calling:
            return self.handle.write(bytes(data), position)

    def read(self, length):
        data = self.pread(length, self.position)
        self.position += len(data)
        return data

    def write(self, data):
        count = self.pwrite(data, self.position)
        self.position += count
        return count

    def lseek(self, offset, whence):
        match whence:
            case os.SEEK_SET:
                start = 0
            case os.SEEK_CUR:
                start = self.position
            case os.SEEK_END:
                start = self.fstat().st_size
            case _:
                raise failure("EINVAL")
        if start + offset < 0:
            raise failure("EINVAL")
        self.position = start + offset
        return self.position

    def ftruncate(self, length):
        if wasi.DescriptorFlags.WRITE not in self._flags:
            raise failure("EINVAL")
        with _calling:
            self.handle.set_size(length)

    def fsync(self):
        with _calling:
            self.handle.sync()

    def fstat(self):
        with _calling:
            told = self.handle.stat()
            identity = self.handle.metadata_hash()
        times = (
            told.data_access_timestamp,
            told.data_modification_timestamp,
            told.status_change_timestamp,
        )
        seconds = [time.seconds if time else 0 for time in times]
        mode = stat.S_IFREG
        return os.stat_result(
            (mode, identity.lower, 0, told.link_count, 0, 0, told.size, *seconds)
        )

    def close(self):
        self.handle.__exit__(None, None, None)


class _Pipe(_Came):
    def __init__(self, handle):
        self.handle = handle

    def read(self, _length):
        raise failure("EBADF")

    def write(self, _data):
        raise failure("EBADF")

    def fstat(self):
        return os.stat_result((stat.S_IFIFO, 0, 0, 1, 0, 0, 0, 0, 0, 0))

    def close(self):
        self.handle.__exit__(None, None, None)


class Reader(_Pipe):
    """The end of a pipe that is read."""

    def read(self, length):
        if length <= 0:
            return b""
        try:
            return self.handle.blocking_read(min(length, _MOST_READ))
        except Err as error:
            if type(error.value).__name__ == "StreamError_Closed":
                return b""
            raise failure("EIO") from None


class Writer(_Pipe):
    """The end of a pipe that is written."""

    def write(self, data):
        data = bytes(data)[:_MOST_WRITTEN]
        try:
            self.handle.blocking_write_and_flush(data)
        except Err as error:
            closed = type(error.value).__name__ == "StreamError_Closed"
            raise failure("EPIPE" if closed else "EIO") from None
        return len(data)


def of(received):
    """The entry of what came; `None` for a socket."""
    value = received.value
    match type(received).__name__.removeprefix("ReceivedDescriptor_"):
        case "File":
            return File(value.file, value.position)
        case "PipeInput":
            return Reader(value)
        case "PipeOutput":
            return Writer(value)


def to_send(entry):
    """What goes with a message of what came with one."""
    if not isinstance(entry, File):
        raise failure("EACCES")
    with calling:
        return wit.FileDescription.open(entry.handle, entry.position)


# What `os.open` has opened, by its numbers: paths, and flags as WASI has them.
_opened = {}


def remember(fd, path, flags):
    """The path of a number of wasi-libc's, and what it is open for."""
    _opened[fd] = path, _flags(flags & os.O_RDONLY, flags & os.O_WRONLY)


def _flags(reads, writes):
    flags = wasi.DescriptorFlags(0)
    if reads:
        flags |= wasi.DescriptorFlags.READ
    if writes:
        flags |= wasi.DescriptorFlags.WRITE
    return flags


def forget(fd):
    """The number is closed."""
    _opened.pop(fd, None)


def _opened_as(fd):
    opened = _opened.get(fd)
    if opened is not None:
        return opened
    # What `open` has opened says it itself.
    for each in gc.get_objects():
        if type(each) is io.FileIO and not each.closed and each.fileno() == fd:
            return each.name, _flags(each.readable(), each.writable())
    raise failure("EACCES")


def of_libc_to_send(fd):
    """What goes with a message of a number of wasi-libc's."""
    status = os.fstat(fd)
    path, flags = _opened_as(fd)
    if not stat.S_ISREG(status.st_mode) or not isinstance(path, (str, bytes, os.PathLike)):
        raise failure("EACCES")
    position = os.lseek(fd, 0, os.SEEK_CUR)
    handle = _open(os.path.abspath(os.fsdecode(path)), flags)
    # At its path there may be another file by now.
    with _calling:
        if handle.metadata_hash().lower != status.st_ino:
            raise failure("EACCES")
    with calling:
        return wit.FileDescription.open(handle, position)


def _open(path, flags):
    """Opens a file that is there, beneath the longest directory that has it."""
    for directory, name in sorted(preopens.get_directories(), key=lambda each: -len(each[1])):
        root = os.path.abspath(name).rstrip("/") + "/"
        if path.startswith(root):
            with _calling:
                follow = wasi.PathFlags.SYMLINK_FOLLOW
                return directory.open_at(follow, path[len(root) :], wasi.OpenFlags(0), flags)
    raise failure("EACCES")
