"""Socket options by Linux's numbers.

The host takes the numbers of its kernel and knows which of them have a name, so
there is no second table here; only what has no number of its own in the
interface is told apart.
"""

import struct

from wit_world.imports import options as wit

from . import errors
from ._tables import CONSTANTS
from .errors import calling

globals().update(CONSTANTS)


def get(entry, level, name, length):
    """The bytes of an option, at most `length`."""
    special = _SPECIAL.get((level, name))
    with calling:
        data = special(entry) if special else wit.get_raw(entry.handle, level, name, length)
    return data[:length]


def set(entry, level, name, data):
    change = _GROUPS.get((level, name))
    with calling:
        if change:
            _change_group(entry, *change, data)
        elif (level, name) == (IPPROTO_IP, IP_MULTICAST_IF):
            wit.set_multicast_interface(entry.handle, _multicast_interface(data))
        else:
            wit.set_raw(entry.handle, level, name, wit.RawValue_Bytes(data))


def set_length(entry, level, name, length):
    """An option without a value, but with a length."""
    with calling:
        wit.set_raw(entry.handle, level, name, wit.RawValue_Null(length))


def _error(entry):
    code = wit.take_error(entry.handle)
    return _int(errors.number(code) if code else 0)


def _peer_credentials(entry):
    peer = wit.peer_credentials(entry.handle)
    return struct.pack("iII", peer.pid, peer.uid, peer.gid)


def _int(value):
    return struct.pack("i", value)


_SPECIAL = {
    (SOL_SOCKET, SO_ERROR): _error,
    (SOL_SOCKET, SO_PEERCRED): _peer_credentials,
    (SOL_SOCKET, SO_TYPE): lambda entry: _int(entry.type),
    (SOL_SOCKET, SO_DOMAIN): lambda entry: _int(entry.family),
    (SOL_SOCKET, SO_PROTOCOL): lambda entry: _int(protocol(entry)),
    (IPPROTO_IP, IP_MULTICAST_IF): lambda entry: bytes(
        wit.get_multicast_interface(entry.handle)
    ),
}


def protocol(entry):
    """As the kernel reports it, where 0 stood for the default."""
    if entry.proto == 0 and entry.family in (AF_INET, AF_INET6):
        return {SOCK_STREAM: IPPROTO_TCP, SOCK_DGRAM: IPPROTO_UDP}.get(entry.type, 0)
    return entry.proto


def _mreq(data):
    """`ip_mreq` or `ip_mreqn`: group, local address, index if it is there."""
    return _ipv4(data, 0), _by_address_or_index(data, 4), None


def _mreq_source(data):
    return _ipv4(data, 0), _by_address(data, 4), _ipv4(data, 8)


def _ipv6_mreq(data):
    return _ipv6(data, 0), _index(data, 16), None


def _group_req(data):
    return _storage(data, 8), _index(data, 0), None


def _group_source_req(data):
    return _storage(data, 8), _index(data, 0), _storage(data, 136)


_GROUPS = {
    (IPPROTO_IP, IP_ADD_MEMBERSHIP): (wit.join_group, _mreq),
    (IPPROTO_IP, IP_DROP_MEMBERSHIP): (wit.leave_group, _mreq),
    (IPPROTO_IP, IP_UNBLOCK_SOURCE): (wit.unblock_source, _mreq_source),
    (IPPROTO_IP, IP_BLOCK_SOURCE): (wit.block_source, _mreq_source),
    (IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP): (wit.join_group, _mreq_source),
    (IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP): (wit.leave_group, _mreq_source),
    (IPPROTO_IPV6, IPV6_JOIN_GROUP): (wit.join_group, _ipv6_mreq),
    (IPPROTO_IPV6, IPV6_LEAVE_GROUP): (wit.leave_group, _ipv6_mreq),
}
for _level in (IPPROTO_IP, IPPROTO_IPV6):
    _GROUPS |= {
        (_level, 42): (wit.join_group, _group_req),  # MCAST_JOIN_GROUP
        (_level, 43): (wit.block_source, _group_source_req),  # MCAST_BLOCK_SOURCE
        (_level, 44): (wit.unblock_source, _group_source_req),  # MCAST_UNBLOCK_SOURCE
        (_level, 45): (wit.leave_group, _group_req),  # MCAST_LEAVE_GROUP
        (_level, 46): (wit.join_group, _group_source_req),  # MCAST_JOIN_SOURCE_GROUP
        (_level, 47): (wit.leave_group, _group_source_req),  # MCAST_LEAVE_SOURCE_GROUP
    }


def _change_group(entry, change, parse, data):
    try:
        group, interface, source = parse(data)
    except struct.error:
        raise errors.failure("EINVAL") from None
    change(entry.handle, group, interface, source)


def _multicast_interface(data):
    """`in_addr`, `ip_mreq` or `ip_mreqn`."""
    try:
        return _by_address(data, 0) if len(data) < 8 else _by_address_or_index(data, 4)
    except struct.error:
        raise errors.failure("EINVAL") from None


def _ipv4(data, at):
    return wit.IpAddress_Ipv4(struct.unpack_from("4B", data, at))


def _ipv6(data, at):
    return wit.IpAddress_Ipv6(struct.unpack_from(">8H", data, at))


def _index(data, at):
    return wit.MulticastInterface_Index(*struct.unpack_from("I", data, at))


def _by_address(data, at):
    address = struct.unpack_from("4B", data, at)
    if not any(address):
        return wit.MulticastInterface_Index(0)
    return wit.MulticastInterface_Address(address)


def _by_address_or_index(data, at):
    """An index that is not 0 counts for more than the address before it."""
    local = _by_address(data, at)
    if len(data) >= at + 8 and any(data[at + 4 : at + 8]):
        return _index(data, at + 4)
    return local


def _storage(data, at):
    """A `sockaddr_storage`."""
    (family,) = struct.unpack_from("H126x", data, at)
    if family == AF_INET:
        return _ipv4(data, at + 4)
    if family == AF_INET6:
        return _ipv6(data, at + 8)
    raise errors.failure("EINVAL")
