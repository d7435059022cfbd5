"""Families and types of sockets, between Linux's numbers and the interface."""

from wit_world.imports.capsock_sockets_types import AddressFamily, SocketType

from ._tables import CONSTANTS
from .errors import failure

_FAMILIES = {
    CONSTANTS["AF_" + name]: family
    for name, family in AddressFamily.__members__.items()
    if "AF_" + name in CONSTANTS
}
_FAMILY_NUMBERS = {family: number for number, family in _FAMILIES.items()}
_TYPES = {
    CONSTANTS["SOCK_" + name]: type
    for name, type in {
        "STREAM": SocketType.STREAM,
        "DGRAM": SocketType.DATAGRAM,
        "RAW": SocketType.RAW,
        "RDM": SocketType.RDM,
        "SEQPACKET": SocketType.SEQPACKET,
    }.items()
}
_TYPE_NUMBERS = {type: number for number, type in _TYPES.items()}


def known_family(number):
    """The family of a number, or `None`."""
    return _FAMILIES.get(number)


def known_type(number):
    """The type of a number, or `None`."""
    return _TYPES.get(number)


def to_family(number):
    """What socket(2) takes for a family."""
    family = _FAMILIES.get(number)
    if family is None:
        raise failure("EAFNOSUPPORT")
    return family


def to_type(number):
    """What socket(2) takes for a type."""
    type = _TYPES.get(number)
    if type is None:
        raise failure("ESOCKTNOSUPPORT" if 0 <= number < 11 else "EINVAL")
    return type


def family_number(family):
    return _FAMILY_NUMBERS.get(family, CONSTANTS["AF_UNSPEC"])


def type_number(type):
    return _TYPE_NUMBERS[type]
