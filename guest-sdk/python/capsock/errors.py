"""Errors of the interface as Python's exceptions."""

import errno

from componentize_py_types import Err

from ._tables import EAI, ERRNO, HERROR

# wasi-libc lacks some of Linux's errors. What it lacks gets a number that it
# does not use, so that `errno` and exceptions agree.
_FIRST_FREE = 1000


class herror(OSError):
    """A failed look-up by the older functions: (h_errno, text)."""


class gaierror(OSError):
    """A failed look-up: (EAI_*, text)."""


for _class in (herror, gaierror):
    _class.__module__ = "socket"


def complete_errno():
    """Gives the module `errno` the names of Linux that wasi-libc lacks."""
    for name, linux, _text in ERRNO.values():
        if not hasattr(errno, name):
            setattr(errno, name, _FIRST_FREE + linux)
            errno.errorcode[_FIRST_FREE + linux] = name


def number(code):
    """The errno of an `error-code`: this system's number, as `errno` has it."""
    name, _linux, _text = ERRNO.get(code.name, ERRNO["IO"])
    return getattr(errno, name)


def failure(name):
    """The OSError of an errno's name, with Linux's text."""
    for posix, _linux, text in ERRNO.values():
        if posix == name:
            return OSError(getattr(errno, name), text)
    raise LookupError(name)


def of_code(code):
    """The exception of an `error-code`."""
    if code.name == "DEADLINE_EXCEEDED":
        return TimeoutError("timed out")
    row = ERRNO.get(code.name)
    if row is None:
        return OSError(errno.EIO, "Unknown error")
    name, _linux, text = row
    if name == "ESHUTDOWN":
        return BrokenPipeError(errno.ESHUTDOWN, text)
    return OSError(getattr(errno, name), text)


def of_lookup(error, rows, kind):
    if error.name == "ACCESS_DENIED":
        return failure("EACCES")
    return kind(*rows[error.name])


class calling:
    """Turns the interface's errors into exceptions: `with calling: …`

    One instance serves all: it has no state.
    """

    def __enter__(self):
        return None

    def __exit__(self, _type, error, _traceback):
        if not isinstance(error, Err):
            return
        value = error.value
        match type(value).__name__:
            case "NameError":
                raise of_lookup(value, EAI, gaierror) from None
            case "HostError":
                raise of_lookup(value, HERROR, herror) from None
            case _:
                raise of_code(value) from None


calling = calling()
