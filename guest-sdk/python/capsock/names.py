"""Names of hosts, services and interfaces."""

from wit_world.imports import interfaces
from wit_world.imports import names as wit
from wit_world.imports.capsock_sockets_types import (
    Address_Inet,
    Address_Inet6,
    Inet6Address,
    InetAddress,
)

from . import addresses, arguments, families
from ._tables import CONSTANTS, EAI
from .errors import calling, failure, gaierror

globals().update(CONSTANTS)

_LOOKUP_FLAGS = {
    AI_PASSIVE: wit.LookupFlags.PASSIVE,
    AI_CANONNAME: wit.LookupFlags.CANONICAL_NAME,
    AI_NUMERICHOST: wit.LookupFlags.NUMERIC_HOST,
    AI_V4MAPPED: wit.LookupFlags.V4_MAPPED,
    AI_ALL: wit.LookupFlags.ALL,
    AI_ADDRCONFIG: wit.LookupFlags.ADDRESS_CONFIG,
    AI_NUMERICSERV: wit.LookupFlags.NUMERIC_SERVICE,
}
_NAME_FLAGS = {
    NI_NUMERICHOST: wit.NameFlags.NUMERIC_HOST,
    NI_NUMERICSERV: wit.NameFlags.NUMERIC_SERVICE,
    NI_NOFQDN: wit.NameFlags.NO_DOMAIN,
    NI_NAMEREQD: wit.NameFlags.NAME_REQUIRED,
    NI_DGRAM: wit.NameFlags.DATAGRAM,
}


def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    """getaddrinfo(3): (family, type, proto, canonname, sockaddr) of each way to
    reach a host and a service."""
    if host is not None:
        if not isinstance(host, (str, bytes, bytearray)):
            raise TypeError("getaddrinfo() argument 1 must be string or None")
        # In any case, which also finds labels that are empty or too long.
        host = arguments.host_name(host.encode("idna") if isinstance(host, str) else host)
    family, type, proto, flags = map(arguments.c_int, (family, type, proto, flags))
    known_family = families.known_family(family)
    known_type = families.known_type(type)
    service = _service(port)
    if family and known_family is None:
        raise _gaierror("FAMILY")
    if type and known_type is None:
        raise _gaierror("SOCKET_TYPE")
    if flags & ~sum(_LOOKUP_FLAGS):
        raise _gaierror("BAD_FLAGS")
    if proto < 0:
        raise _gaierror("SERVICE")
    lookup = _flags(wit.LookupFlags, _LOOKUP_FLAGS, flags)
    with calling:
        found = wit.get_address_info(
            host, service, known_family, known_type, proto, lookup
        )
    return [
        (
            families.family_number(info.family),
            families.type_number(info.type),
            info.protocol,
            info.canonical_name or "",
            addresses.from_wit(info.address),
        )
        for info in found
    ]


def _service(port):
    if port is None:
        return None
    if isinstance(port, int):
        return str(int(port))
    if isinstance(port, str):
        port = port.encode()
    if not isinstance(port, bytes):
        raise OSError("Int or String expected")
    # C reads up to a NUL.
    return port.partition(b"\0")[0].decode("utf-8", "replace")


def _flags(kind, table, flags):
    joined = kind(0)
    for bit, flag in table.items():
        if flags & bit:
            joined |= flag
    return joined


def _gaierror(name):
    return gaierror(*EAI[name])


def getnameinfo(sockaddr, flags, /):
    """getnameinfo(3): the names of an address's host and service."""
    flags = arguments.c_int(flags)
    if not isinstance(sockaddr, tuple):
        raise TypeError("getnameinfo() argument 1 must be a tuple")
    if not 2 <= len(sockaddr) <= 4:
        raise TypeError("getnameinfo(): illegal sockaddr argument")
    host, port, *rest = sockaddr
    host = arguments.text(host, "getnameinfo() argument 1")
    port = arguments.c_int(port)
    flow_info, scope_id = [arguments.masked(v) for v in rest] + [0] * (2 - len(rest))
    if flow_info > 0xFFFFF:
        raise OverflowError("getnameinfo(): flowinfo must be 0-1048575.")
    if not 0 <= port <= 0xFFFF:
        raise _gaierror("SERVICE")
    with calling:
        found = wit.get_address_info(
            host,
            str(port),
            None,
            families.to_type(SOCK_DGRAM),
            0,
            wit.LookupFlags.NUMERIC_HOST,
        )
    if len(found) > 1:
        raise OSError("sockaddr resolved to multiple addresses")
    address = found[0].address
    if isinstance(address, Address_Inet):
        if rest:
            raise OSError("IPv4 sockaddr must be 2 tuple")
    else:
        value = address.value
        address = Address_Inet6(
            Inet6Address(value.address, port, flow_info, scope_id or value.scope_id)
        )
    with calling:
        return wit.get_name_info(address, _flags(wit.NameFlags, _NAME_FLAGS, flags))


def gethostbyname(hostname, /):
    """gethostbyname(3): the first IPv4 address of a host."""
    host = arguments.host_name(hostname)
    return addresses.ipv4_text(addresses.resolve(host, AF_INET))


def gethostbyname_ex(hostname, /):
    """gethostbyname(3): (name, aliases, addresses)."""
    host = arguments.host_name(hostname)
    # As CPython does, whose errors of a name are those of this.
    addresses.resolve(host, AF_INET)
    with calling:
        return _host(wit.get_host_by_name(host))


def gethostbyaddr(ip_address, /):
    """gethostbyaddr(3): (name, aliases, addresses)."""
    host = arguments.host_name(ip_address)
    with calling:
        found = wit.get_address_info(
            host, None, None, families.to_type(SOCK_DGRAM), 0, wit.LookupFlags(0)
        )
        return _host(wit.get_host_by_address(found[0].address))


def _host(entry):
    texts = [addresses.from_wit(address)[0] for address in entry.addresses]
    return entry.name, entry.aliases, texts


def gethostname():
    """gethostname(2)"""
    with calling:
        return wit.get_host_name()


def sethostname(name, /):
    """sethostname(2)"""
    if isinstance(name, str):
        name = name.encode()
    name = arguments.data(name)
    try:
        name = name.decode()
    except UnicodeDecodeError:
        raise failure("EINVAL") from None
    with calling:
        wit.set_host_name(name)


def getservbyname(servicename, protocolname=None, /):
    """getservbyname(3): the port of a service."""
    name = arguments.text(servicename, "getservbyname() argument 1")
    protocol = _protocol(protocolname, "getservbyname() argument 2")
    return _found(
        lambda: wit.get_service_by_name(name, protocol), "service/proto not found"
    )


def getservbyport(port, protocolname=None, /):
    """getservbyport(3): the name of a service."""
    port = arguments.c_int(port)
    protocol = _protocol(protocolname, "getservbyport() argument 2")
    if not 0 <= port <= 0xFFFF:
        raise OverflowError("getservbyport: port must be 0-65535.")
    return _found(
        lambda: wit.get_service_by_port(port, protocol), "port/proto not found"
    )


def getprotobyname(protocolname, /):
    """getprotobyname(3): the number of a protocol."""
    name = arguments.text(protocolname, "getprotobyname() argument")
    return _found(lambda: wit.get_protocol_by_name(name), "protocol not found")


def _protocol(name, argument):
    return None if name is None else arguments.text(name, argument)


def _found(look_up, otherwise):
    try:
        with calling:
            return look_up()
    except gaierror:
        raise OSError(otherwise) from None


def if_nameindex():
    """if_nameindex(3): (index, name) of each network interface."""
    with calling:
        found = interfaces.list_interfaces()
    return [(interface.index, interface.name) for interface in found]


def if_nametoindex(if_name, /):
    """if_nametoindex(3)"""
    if isinstance(if_name, str):
        name = if_name.encode("utf-8", "surrogateescape")
    else:
        name = arguments.data(if_name)
    if b"\0" in name:
        raise ValueError("embedded null byte")
    with calling:
        return interfaces.name_to_index(name.decode("utf-8", "replace"))


def if_indextoname(if_index, /):
    """if_indextoname(3)"""
    number = arguments.bounded(if_index, 32, "unsigned int")
    with calling:
        return interfaces.index_to_name(number)
