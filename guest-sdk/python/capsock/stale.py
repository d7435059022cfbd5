"""Files that Unix sockets have left behind."""

import os

from componentize_py_types import Err
from wit_world.imports import authority
from wit_world.imports import socket as wit_socket
from wit_world.imports.capsock_sockets_types import Address_Unix, UnixAddress_Pathname

from . import errors


def remove(path):
    """unlink(2) of the socket at `path`, which the guest may bind: whether it is
    gone. A socket that is open stays, and is an error."""
    path = os.fsencode(path)
    if not _may_bind(path):
        return False
    try:
        wit_socket.unlink(Address_Unix(UnixAddress_Pathname(path)))
    except Err as error:
        if error.value.name == "ADDRESS_IN_USE":
            raise errors.of_code(error.value) from None
        return False
    return True


def _may_bind(path):
    """Asked first, because what is denied is logged."""
    plain = (chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in path)
    try:
        return authority.may("bind", "unix:" + "".join(plain))
    except Err:
        return False
