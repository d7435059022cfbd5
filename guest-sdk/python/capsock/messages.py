"""Ancillary data, between C's level, type and bytes and the interface."""

import struct

from wit_world.imports import messages as wit
from wit_world.imports.options import Credentials

from . import addresses, descriptors, errors, families, files
from ._tables import CONSTANTS
from .builtin import CMSG_LEN, CMSG_SPACE

globals().update(CONSTANTS)

# Not in Python's module.
_SCM_TIMESTAMPNS = 35
_UDP_GRO = 104
_UDP_SEGMENT = 103

_FLAGS = (
    (wit.MessageFlags.END_OF_RECORD, MSG_EOR),
    (wit.MessageFlags.TRUNCATED, MSG_TRUNC),
    (wit.MessageFlags.CONTROL_TRUNCATED, MSG_CTRUNC),
    (wit.MessageFlags.OUT_OF_BAND, MSG_OOB),
    (wit.MessageFlags.ERROR_QUEUE, MSG_ERRQUEUE),
)


def received(message, room):
    """The ancillary data and the flags of a message, as far as there is room."""
    told = sum(number for flag, number in _FLAGS if flag in message.flags)
    items = []
    for item in map(_of_control, message.control):
        if room < CMSG_LEN(len(item[2])):
            told |= MSG_CTRUNC
            break
        room = max(room - CMSG_SPACE(len(item[2])), 0)
        items.append(item)
    # Of these the kernel gives as many as fit.
    fitting = max(room - CMSG_LEN(0), 0) // 4
    if fitting < len(message.descriptors):
        told |= MSG_CTRUNC
    numbers = [_number(came) for came in message.descriptors[:fitting]]
    if numbers:
        items.append((SOL_SOCKET, SCM_RIGHTS, struct.pack(f"{len(numbers)}i", *numbers)))
    return items, told


def to_send(items):
    """The interface's items, and the descriptors of SCM_RIGHTS."""
    control, passed = [], []
    for level, kind, data in items:
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS):
            if len(data) % 4:
                raise errors.failure("EINVAL")
            for (number,) in struct.iter_unpack("i", data):
                passed.append(_passed(number))
        elif level in _LEVELS:
            control.append(_to_control(level, kind, data))
    return control, passed


def _passed(number):
    entry = descriptors.get(number)
    if isinstance(entry, descriptors.Entry):
        return wit.PassedDescriptor_Socket(entry.handle)
    if entry is not None:
        return wit.PassedDescriptor_File(files.to_send(entry))
    try:
        return wit.PassedDescriptor_File(files.of_libc_to_send(number))
    except OverflowError:
        raise errors.failure("EBADF") from None


def _number(received):
    entry = files.of(received)
    if entry is None:
        socket = received.value
        entry = descriptors.Entry(
            socket.socket,
            families.family_number(socket.family),
            families.type_number(socket.type),
            socket.protocol,
        )
    return descriptors.add(entry)


def _of_control(control):
    value = control.value
    match type(control).__name__.removeprefix("ReceivedControl_"):
        case "Credentials":
            data = struct.pack("iII", value.pid, value.uid, value.gid)
            return SOL_SOCKET, SCM_CREDENTIALS, data
        case "Timestamp":
            # `struct timespec` of a 64-bit machine.
            data = struct.pack("qq", value.seconds, value.nanoseconds)
            return SOL_SOCKET, _SCM_TIMESTAMPNS, data
        case "PacketInfo":
            # The local address is the destination, but for broadcasts.
            destination = bytes(value.destination)
            data = struct.pack("I", value.interface_index) + destination * 2
            return IPPROTO_IP, IP_PKTINFO, data
        case "TypeOfService":
            return IPPROTO_IP, IP_TOS, bytes([value])
        case "TimeToLive":
            return IPPROTO_IP, IP_TTL, struct.pack("i", value)
        case "Ipv6PacketInfo":
            data = struct.pack(">8H", *value.destination)
            data += struct.pack("I", value.interface_index)
            return IPPROTO_IPV6, IPV6_PKTINFO, data
        case "Ipv6TrafficClass":
            return IPPROTO_IPV6, IPV6_TCLASS, struct.pack("i", value)
        case "Ipv6HopLimit":
            return IPPROTO_IPV6, IPV6_HOPLIMIT, struct.pack("i", value)
        case "UdpSegmentSize":
            return IPPROTO_UDP, _UDP_GRO, struct.pack("i", value)
        case "ExtendedError":
            return IPPROTO_IP, IP_RECVERR, _extended_error(value, 16)
        case "Ipv6ExtendedError":
            return IPPROTO_IPV6, IPV6_RECVERR, _extended_error(value, 28)


def _extended_error(error, room):
    """`struct sock_extended_err`, and the offender's address after it, all zero
    where it is not known."""
    data = struct.pack(
        "IBBBxII",
        errors.number(error.error),
        error.origin,
        error.type,
        error.code,
        error.info,
        error.data,
    )
    offender = addresses.from_wit(error.offender)
    if offender is None:
        return data + bytes(room)
    address = error.offender.value
    if len(offender) == 2:
        return data + (
            struct.pack("H", AF_INET) + struct.pack(">H4B8x", address.port, *address.address)
        )
    return data + (
        struct.pack("H", AF_INET6)
        + struct.pack(">HI8H", address.port, address.flow_info, *address.address)
        + struct.pack("I", address.scope_id)
    )


def _byte_or_int(data):
    (value,) = struct.unpack("B" if len(data) == 1 else "i", data)
    return value


def _int(data):
    return struct.unpack("i", data)[0]


def _packet_info(data):
    index, *source = struct.unpack("I4B4x", data)
    return wit.PacketSource(index, tuple(source))


def _ipv6_packet_info(data):
    (index,) = struct.unpack("I", data[16:])
    return wit.Ipv6PacketSource(index, struct.unpack(">8H", data[:16]))


def _algorithm_iv(data):
    (length,) = struct.unpack("I", data[:4])
    return data[4 : 4 + length]


_SENT = {
    (SOL_SOCKET, SCM_CREDENTIALS): (
        wit.SentControl_Credentials,
        lambda data: Credentials(*struct.unpack("iII", data)),
    ),
    (IPPROTO_IP, IP_TOS): (wit.SentControl_TypeOfService, lambda data: _byte_or_int(data) & 0xFF),
    (IPPROTO_IP, IP_TTL): (wit.SentControl_TimeToLive, _int),
    (IPPROTO_IPV6, IPV6_TCLASS): (wit.SentControl_Ipv6TrafficClass, _int),
    (IPPROTO_IPV6, IPV6_HOPLIMIT): (wit.SentControl_Ipv6HopLimit, _int),
    (IPPROTO_UDP, _UDP_SEGMENT): (
        wit.SentControl_UdpSegmentSize,
        lambda data: struct.unpack("H", data)[0],
    ),
    (IPPROTO_IP, IP_PKTINFO): (wit.SentControl_PacketInfo, _packet_info),
    (IPPROTO_IPV6, IPV6_PKTINFO): (wit.SentControl_Ipv6PacketInfo, _ipv6_packet_info),
    (SOL_ALG, ALG_SET_OP): (
        wit.SentControl_AlgorithmOperation,
        lambda data: struct.unpack("I", data)[0],
    ),
    (SOL_ALG, ALG_SET_IV): (wit.SentControl_AlgorithmInitializationVector, _algorithm_iv),
    (SOL_ALG, ALG_SET_AEAD_ASSOCLEN): (
        wit.SentControl_AlgorithmAssociatedLength,
        lambda data: struct.unpack("I", data)[0],
    ),
}


# Of other levels the kernel takes no notice.
_LEVELS = {SOL_SOCKET} | {level for level, _kind in _SENT}


def _to_control(level, kind, data):
    """What the interface cannot send is EINVAL, as it is to the kernel."""
    try:
        make, unpack = _SENT[level, kind]
        return make(unpack(data))
    except (KeyError, struct.error):
        raise errors.failure("EINVAL") from None
