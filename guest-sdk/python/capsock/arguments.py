"""Arguments, checked as CPython checks them: with its exceptions and its words.

The interface's types are exact, and a value that does not fit one would end the
guest, so everything passes here first.
"""

from operator import index

_INT_MAX = 2**31 - 1


def c_int(value):
    """A C `int`."""
    value = index(value)
    if -_INT_MAX - 1 <= value <= _INT_MAX:
        return value
    if not -(2**63) <= value < 2**63:
        raise OverflowError("Python int too large to convert to C long")
    side = "greater than maximum" if value > 0 else "less than minimum"
    raise OverflowError(f"signed integer is {side}")


def masked(value):
    """A C `unsigned int` that is cut without a word, as the format `I` does."""
    return index(value) & 0xFFFFFFFF


def bounded(value, bits, c_type):
    """An unsigned C type that overflows."""
    value = index(value)
    if value < 0:
        raise OverflowError(f"can't convert negative value to {c_type}")
    if value >> bits:
        raise OverflowError(f"Python int too large to convert to C {c_type}")
    return value


def ssize(value):
    """A `Py_ssize_t` of a 64-bit machine."""
    value = index(value)
    if not -(2**63) <= value < 2**63:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return value


def size(value, what):
    """A number of bytes to receive; no more than the interface can hold."""
    value = ssize(value)
    if value < 0:
        raise ValueError(f"negative buffersize in {what}")
    return min(value, _INT_MAX)


def data(value):
    """The bytes of a bytes-like object."""
    if type(value) is bytes:
        return value
    try:
        return bytes(memoryview(value))
    except TypeError:
        raise TypeError(
            f"a bytes-like object is required, not '{_type_name(value)}'"
        ) from None


def readable(value):
    """A bytes-like object to read, byte by byte and in place."""
    try:
        view = memoryview(value)
    except TypeError:
        raise TypeError(
            f"a bytes-like object is required, not '{_type_name(value)}'"
        ) from None
    return view.cast("B") if view.c_contiguous else memoryview(bytes(view))


def writable(value):
    """A bytes-like object to write to, byte by byte."""
    try:
        view = memoryview(value)
    except TypeError:
        view = None
    if view is None or view.readonly:
        raise TypeError(f"read-write bytes-like object expected, not {_type_name(value)}")
    return view.cast("B")


def text(value, argument):
    """Text without NUL that UTF-8 can hold: what C takes for a `char *`."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} must be str, not {_type_name(value)}")
    value.encode()
    if "\0" in value:
        raise ValueError("embedded null character")
    return value


def host_name(value):
    """A host's name, in IDNA where it is not ASCII."""
    if isinstance(value, str):
        try:
            encoded = value.encode("ascii" if value.isascii() else "idna")
        except UnicodeError:
            raise TypeError("encoding of hostname failed") from None
    elif isinstance(value, (bytes, bytearray)):
        encoded = bytes(value)
    else:
        raise TypeError(f"str, bytes or bytearray expected, not {_type_name(value)}")
    if b"\0" in encoded:
        raise TypeError("host name must not contain null character")
    # What is no UTF-8 is no name either, and the host says so.
    return encoded.decode("utf-8", "replace")


def file_descriptor(value):
    """A number, or what has a `fileno()`."""
    if not isinstance(value, int):
        fileno = getattr(value, "fileno", None)
        if fileno is None:
            raise TypeError("argument must be an int, or have a fileno() method.")
        value = fileno()
        if not isinstance(value, int):
            raise TypeError("fileno() returned a non-integer")
    value = c_int(value)
    if value < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({value})")
    return value


def nanoseconds(seconds):
    """A timeout, rounded up."""
    if isinstance(seconds, float):
        if seconds != seconds:
            raise ValueError("Invalid value NaN (not a number)")
        # Infinity has no integer.
        if abs(seconds) >= 2**63 / 1e9:
            raise OverflowError("timestamp too large to convert to C PyTime_t")
        nanoseconds = -int(-seconds * 1e9 // 1)
    else:
        nanoseconds = index(seconds) * 10**9
        if abs(nanoseconds) >= 2**63:
            raise OverflowError("timestamp too large to convert to C PyTime_t")
    return nanoseconds


def _type_name(value):
    return type(value).__name__
