"""Addresses, between Python's forms and the interface's."""

import os
import struct

from wit_world.imports import names
from wit_world.imports.capsock_sockets_types import *

from . import arguments
from ._tables import CONSTANTS
from .builtin import inet_ntop, inet_pton
from .errors import calling, failure
from .families import to_family

globals().update(CONSTANTS)

_UNIX_PATH = 108  # sizeof(sun_path)
_INTERFACE_NAME = 16  # IFNAMSIZ


def to_wit(family, proto, address, caller):
    """What `bind`, `connect`, `sendto` and `sendmsg` take for an address."""
    convert = _TO_WIT.get(family)
    if convert is None:
        raise OSError(f"{caller}(): bad family")
    return convert(address, proto, caller)


def from_wit(address):
    """What `getsockname`, `accept` and `recvfrom` give."""
    if address is None:
        return None
    return _FROM_WIT[type(address)](address.value)


def of_sender(address):
    """As `from_wit`; a sender without a name is none, as the kernel has it."""
    if isinstance(address, Address_Unix) and isinstance(address.value, UnixAddress_Unnamed):
        return None
    return from_wit(address)


def resolve(host, family):
    """One address of a host: IPv4's bytes, or IPv6's bytes and the scope.

    Text needs no look-up, so it is not asked for one.
    """
    if host == "":
        return (bytes(16), 0) if family == AF_INET6 else bytes(4)
    if host in ("<broadcast>", "255.255.255.255"):
        if family != AF_INET:
            raise OSError("address family mismatched")
        return b"\xff" * 4
    try:
        ip = inet_pton(family, host)
        return (ip, 0) if family == AF_INET6 else ip
    except OSError:
        pass
    with calling:
        found = names.get_address_info(
            host, None, to_family(family), None, 0, names.LookupFlags(0)
        )
    address = found[0].address.value
    if family == AF_INET6:
        return struct.pack(">8H", *address.address), address.scope_id
    return bytes(address.address)


def _fields(address, form, least, most, caller, name):
    if not isinstance(address, tuple):
        raise TypeError(
            f"{caller}(): {name} address must be tuple, not {type(address).__name__}"
        )
    if not least <= len(address) <= most:
        raise TypeError(f"{name} address must be {form}")
    return address


def _port(port, caller):
    try:
        port = arguments.c_int(port)
    except OverflowError:
        port = -1
    if not 0 <= port <= 0xFFFF:
        raise OverflowError(f"{caller}(): port must be 0-65535.")
    return port


def _inet(address, proto, caller):
    host, port = _fields(address, "a pair (host, port)", 2, 2, caller, "AF_INET")
    host = arguments.host_name(host)
    port = _port(port, caller)
    return Address_Inet(InetAddress(tuple(resolve(host, AF_INET)), port))


def _rds(address, proto, caller):
    return Address_Rds(_inet(address, proto, caller).value)


def _inet6(address, proto, caller):
    form = "a tuple (host, port[, flowinfo[, scopeid]])"
    host, port, *rest = _fields(address, form, 2, 4, caller, "AF_INET6")
    host = arguments.host_name(host)
    port = _port(port, caller)
    flow_info, scope_id = [arguments.masked(value) for value in rest] + [0] * (2 - len(rest))
    ip, scope = resolve(host, AF_INET6)
    if flow_info > 0xFFFFF:
        raise OverflowError(f"{caller}(): flowinfo must be 0-1048575.")
    groups = struct.unpack(">8H", ip)
    return Address_Inet6(Inet6Address(groups, port, flow_info, scope_id or scope))


def _unix(address, proto, caller):
    path = os.fsencode(address) if isinstance(address, str) else arguments.data(address)
    if not path:
        return Address_Unix(UnixAddress_Unnamed())
    if path[0] == 0:
        if len(path) > _UNIX_PATH:
            raise OSError("AF_UNIX path too long")
        return Address_Unix(UnixAddress_Abstract(path[1:]))
    if len(path) >= _UNIX_PATH:
        raise OSError("AF_UNIX path too long")
    # The kernel reads up to a NUL.
    return Address_Unix(UnixAddress_Pathname(path.partition(b"\0")[0]))


def _netlink(address, proto, caller):
    pid, groups = _fields(address, "a pair (pid, groups)", 2, 2, caller, "AF_NETLINK")
    value = NetlinkAddress(arguments.masked(pid), arguments.masked(groups))
    return Address_Netlink(value)


def _vsock(address, proto, caller):
    cid, port = _fields(address, "a pair (cid, port)", 2, 2, caller, "AF_VSOCK")
    return Address_Vsock(VsockAddress(arguments.masked(cid), arguments.masked(port)))


def _packet(address, proto, caller):
    form = "a tuple (ifname, proto[, pkttype[, hatype[, addr]]])"
    interface, protocol, *rest = _fields(address, form, 2, 5, caller, "AF_PACKET")
    interface = arguments.text(interface, f"{caller}(): argument 1")
    protocol = arguments.c_int(protocol)
    packet_type, hardware_type, hardware = rest + [0, 0, b""][len(rest) :]
    packet_type = arguments.c_int(packet_type) & 0xFF
    hardware_type = arguments.c_int(hardware_type) & 0xFFFF
    hardware = arguments.data(hardware)
    if len(hardware) > 8:
        raise ValueError("Hardware address must be 8 bytes or less")
    if not 0 <= protocol <= 0xFFFF:
        raise OverflowError(f"{caller}(): proto must be 0-65535.")
    return Address_Packet(
        PacketAddress(protocol, interface, hardware_type, packet_type, hardware)
    )


def _can(address, proto, caller):
    if proto == CAN_ISOTP:
        form, count = "a tuple (interface, rx_addr, tx_addr)", 3
    elif proto == CAN_J1939:
        form, count = "a tuple (interface, name, pgn, addr)", 4
    elif proto in (CAN_RAW, CAN_BCM):
        form, count = "a tuple (interface, )", 1
    else:
        raise OSError(f"{caller}(): unsupported CAN protocol")
    interface, *rest = _fields(address, form, count, count, caller, "AF_CAN")
    interface = os.fsencode(interface)
    if len(interface) >= _INTERFACE_NAME:
        raise OSError("AF_CAN interface name too long")
    if proto == CAN_ISOTP:
        part = CanProtocolAddress_Isotp(CanTransportAddress(*map(arguments.masked, rest)))
    elif proto == CAN_J1939:
        name, group, node = map(arguments.index, rest)
        value = CanJ1939Address(
            name & 0xFFFFFFFFFFFFFFFF, group & 0xFFFFFFFF, arguments.bounded(node, 8, "unsigned char")
        )
        part = CanProtocolAddress_J1939(value)
    else:
        part = CanProtocolAddress_None_()
    return Address_Can(CanAddress(interface.decode("utf-8", "replace"), part))


def _tipc(address, proto, caller):
    form = "a tuple (addr_type, v1, v2, v3[, scope])"
    kind, v1, v2, v3, *rest = map(
        arguments.masked, _fields(address, form, 4, 5, caller, "AF_TIPC")
    )
    scope = rest[0] if rest else TIPC_CLUSTER_SCOPE
    if scope > 0x7F:
        raise OverflowError("unsigned byte integer is greater than maximum")
    match kind:
        case 1:  # TIPC_ADDR_NAMESEQ
            target = TipcTarget_NameSequence(TipcNameSequence(v1, v2, v3))
        case 2:  # TIPC_ADDR_NAME
            target = TipcTarget_Name(TipcName(v1, v2, v3))
        case 3:  # TIPC_ADDR_ID
            target = TipcTarget_Id(TipcSocketId(reference=v2, node=v1))
        case _:
            raise TypeError("Invalid address type")
    return Address_Tipc(TipcAddress(target, scope))


def _device(text, caller):
    """Six bytes, as they are printed."""
    parts = text.split(":") if isinstance(text, str) else []
    if len(parts) != 6 or not all(0 < len(part) <= 2 for part in parts):
        raise OSError("bad bluetooth address")
    try:
        return tuple(int(part, 16) for part in parts)
    except ValueError:
        raise OSError("bad bluetooth address") from None


def _bluetooth(address, proto, caller):
    wrong = OSError(f"{caller}(): wrong format")
    fields = address if isinstance(address, tuple) else (address,)
    try:
        match proto, fields:
            case (0, (str(device), psm, *rest)) if len(rest) <= 2:
                cid, kind = [arguments.bounded(v, 16, "unsigned short") for v in rest] + [0] * (2 - len(rest))
                value = BluetoothAddress_L2cap(
                    BluetoothL2capAddress(
                        _device(device, caller), arguments.bounded(psm, 16, "unsigned short"), cid, kind & 0xFF
                    )
                )
            case (3, (str(device), channel)):
                value = BluetoothAddress_Rfcomm(
                    BluetoothRfcommAddress(_device(device, caller), arguments.bounded(channel, 8, "unsigned char"))
                )
            case (1, (device, *rest)) if len(rest) <= 1:
                channel = arguments.bounded(rest[0], 16, "unsigned short") if rest else 0
                value = BluetoothAddress_Hci(
                    BluetoothHciAddress(arguments.bounded(device, 16, "unsigned short"), channel)
                )
            case (2, (str() | bytes() as device,)):
                device = device.decode("ascii", "replace") if isinstance(device, bytes) else device
                value = BluetoothAddress_Sco(_device(device, caller))
            case (0 | 1 | 2 | 3, _):
                raise wrong
            case _:
                raise OSError(f"{caller}(): unknown Bluetooth protocol")
    except (TypeError, OverflowError):
        raise wrong from None
    return Address_Bluetooth(value)


def _alg(address, proto, caller):
    form = "a tuple (type, name[, feat[, mask]])"
    kind, name, *rest = _fields(address, form, 2, 4, caller, "AF_ALG")
    kind = arguments.text(kind, f"{caller}(): argument 1")
    name = arguments.text(name, f"{caller}(): argument 2")
    feature, mask = [arguments.masked(value) & 0xFFFF for value in rest] + [0] * (2 - len(rest))
    for text, room, what in ((kind, 14, "type"), (name, 64, "name")):
        if len(text.encode()) >= room:
            raise ValueError(f"AF_ALG {what} too long.")
    return Address_Alg(AlgAddress(kind, name, feature, mask))


_TO_WIT = {
    AF_INET: _inet,
    AF_INET6: _inet6,
    AF_UNIX: _unix,
    AF_NETLINK: _netlink,
    AF_VSOCK: _vsock,
    AF_PACKET: _packet,
    AF_CAN: _can,
    AF_TIPC: _tipc,
    AF_BLUETOOTH: _bluetooth,
    AF_ALG: _alg,
    AF_RDS: _rds,
}


def ipv4_text(address):
    return ".".join(map(str, address))


def ipv6_text(groups):
    return inet_ntop(AF_INET6, struct.pack(">8H", *groups))


def _of_unix(address):
    match address:
        case UnixAddress_Unnamed():
            return ""
        case UnixAddress_Abstract(name):
            return b"\0" + name
        case UnixAddress_Pathname(path):
            return os.fsdecode(path)


def _of_inet6(value):
    return ipv6_text(value.address), value.port, value.flow_info, value.scope_id


def _of_can(value):
    match value.protocol_address:
        case CanProtocolAddress_Isotp(ids):
            return value.interface, ids.receive_id, ids.transmit_id
        case CanProtocolAddress_J1939(part):
            return value.interface, part.name, part.parameter_group_number, part.address
        case _:
            return (value.interface,)


def _of_tipc(value):
    match value.target:
        case TipcTarget_NameSequence(name):
            return 1, name.service_type, name.lower, name.upper, value.scope
        case TipcTarget_Name(name):
            return 2, name.service_type, name.instance, name.instance, value.scope
        case TipcTarget_Id(socket):
            return 3, socket.node, socket.reference, 0, value.scope


def _device_text(device):
    return ":".join(f"{byte:02X}" for byte in device)


def _of_bluetooth(address):
    value = address.value
    match address:
        case BluetoothAddress_L2cap():
            rest = (value.cid, value.device_type) if value.cid or value.device_type else ()
            return _device_text(value.device), value.psm, *rest
        case BluetoothAddress_Rfcomm():
            return _device_text(value.device), value.channel
        case BluetoothAddress_Hci():
            return (value.device_id, value.channel) if value.channel else value.device_id
        case BluetoothAddress_Sco():
            return _device_text(value)


_FROM_WIT = {
    Address_Inet: lambda value: (ipv4_text(value.address), value.port),
    Address_Inet6: _of_inet6,
    Address_Unix: _of_unix,
    Address_Netlink: lambda value: (value.port_id, value.groups),
    Address_Vsock: lambda value: (value.cid, value.port),
    Address_Packet: lambda value: (
        value.interface,
        value.protocol,
        value.packet_type,
        value.hardware_type,
        value.hardware_address,
    ),
    Address_Can: _of_can,
    Address_Tipc: _of_tipc,
    Address_Bluetooth: _of_bluetooth,
    Address_Alg: lambda value: (value.algorithm_type, value.name, value.feature, value.mask),
    Address_Rds: lambda value: (ipv4_text(value.address), value.port),
    Address_SystemControl: lambda value: (value.id, value.unit),
    Address_Link: lambda value: (value.interface_name, value.hardware_address),
}
