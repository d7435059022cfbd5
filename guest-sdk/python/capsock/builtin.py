"""What needs no system call: wasi-libc's functions under Linux's numbers.

The interpreter's own `_socket` is imported here and nowhere else; `install` puts
the SDK's in its place.
"""

from operator import index

import _socket

from . import arguments
from ._tables import CONSTANTS
from .errors import failure

if hasattr(_socket, "CAPSOCK"):
    raise ImportError("the interpreter's own _socket is gone")

ntohl = _socket.ntohl
ntohs = _socket.ntohs
htonl = _socket.htonl
htons = _socket.htons
inet_aton = _socket.inet_aton
inet_ntoa = _socket.inet_ntoa

_FAMILIES = {
    CONSTANTS["AF_INET"]: _socket.AF_INET,
    CONSTANTS["AF_INET6"]: _socket.AF_INET6,
}


def inet_pton(address_family, ip_string, /):
    """inet_pton(3): an address from text to bytes."""
    return _socket.inet_pton(_family(address_family), ip_string)


def inet_ntop(address_family, packed_ip, /):
    """inet_ntop(3): an address from bytes to text."""
    text = _socket.inet_ntop(_family(address_family), packed_ip)
    packed = bytes(packed_ip)
    # glibc writes the deprecated IPv4-compatible form with dots.
    if len(packed) == 16 and not any(packed[:12]) and any(packed[12:14]):
        return "::" + inet_ntoa(packed[12:])
    return text


def _family(number):
    family = _FAMILIES.get(arguments.c_int(number))
    if family is None:
        raise failure("EAFNOSUPPORT")
    return family


_HEADER = 16  # sizeof(struct cmsghdr) on 64-bit Linux
_ALIGNMENT = 8
_INT_MAX = 2**31 - 1


def CMSG_LEN(length, /):
    """The length of an item of ancillary data, without padding at its end."""
    return _HEADER + _ancillary("CMSG_LEN", length, 0)


def CMSG_SPACE(length, /):
    """The room that an item of ancillary data takes, with padding."""
    length = _ancillary("CMSG_SPACE", length, _ALIGNMENT)
    return _HEADER + (length + _ALIGNMENT - 1 & -_ALIGNMENT)


def _ancillary(name, length, padding):
    length = index(length)
    if not 0 <= length <= _INT_MAX - _HEADER - padding:
        raise OverflowError(f"{name}() argument out of range")
    return length
