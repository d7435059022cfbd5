"""CPython's `_socket` over capsock:sockets, for `Lib/socket.py` to build on."""

import sys
import time
import warnings

from wit_world.imports import messages as wit_messages
from wit_world.imports.socket import ReceiveFlags, SendFlags, ShutdownType, Socket

from . import addresses, arguments, descriptors, families, granted, messages, options
from ._tables import CONSTANTS
from .builtin import (
    CMSG_LEN,
    CMSG_SPACE,
    htonl,
    htons,
    inet_aton,
    inet_ntoa,
    inet_ntop,
    inet_pton,
    ntohl,
    ntohs,
)
from .errors import calling, failure, gaierror, herror
from .names import (
    getaddrinfo,
    gethostbyaddr,
    gethostbyname,
    gethostbyname_ex,
    gethostname,
    getnameinfo,
    getprotobyname,
    getservbyname,
    getservbyport,
    if_indextoname,
    if_nameindex,
    if_nametoindex,
    sethostname,
)

globals().update(CONSTANTS)

error = OSError
timeout = TimeoutError
has_ipv6 = True
CAPSOCK = True

# A call may hand over a bounded number of bytes: 8 MiB unless the host sets it
# otherwise. Streams are sent in pieces.
_PIECE = 256 << 10
_MOST_OF_A_MESSAGE = 4 << 20

_RECEIVE_FLAGS = {
    MSG_OOB: ReceiveFlags.OUT_OF_BAND,
    MSG_PEEK: ReceiveFlags.PEEK,
    MSG_WAITALL: ReceiveFlags.WAIT_ALL,
    MSG_DONTWAIT: ReceiveFlags.DONT_WAIT,
    MSG_ERRQUEUE: ReceiveFlags.ERROR_QUEUE,
    MSG_TRUNC: ReceiveFlags.TRUNCATE,
}
_SEND_FLAGS = {
    MSG_OOB: SendFlags.OUT_OF_BAND,
    MSG_DONTROUTE: SendFlags.DONT_ROUTE,
    MSG_DONTWAIT: SendFlags.DONT_WAIT,
    MSG_EOR: SendFlags.END_OF_RECORD,
    MSG_MORE: SendFlags.MORE,
    MSG_CONFIRM: SendFlags.CONFIRM,
    MSG_FASTOPEN: SendFlags.FAST_OPEN,
}
_SHUTDOWN = {
    SHUT_RD: ShutdownType.RECEIVE,
    SHUT_WR: ShutdownType.SEND,
    SHUT_RDWR: ShutdownType.BOTH,
}

_TOO_SMALL = {
    "recv_into": "buffer too small for requested bytes",
    "recvfrom_into": "nbytes is greater than the length of the buffer",
}

_default_timeout = None


def _flags(table, kind, flags):
    if flags == 0:
        return kind(0)
    flags = arguments.c_int(flags)
    joined = kind(0)
    for bit, flag in table.items():
        if flags & bit:
            joined |= flag
    return joined


def _parse_timeout(value):
    """Nanoseconds, or `None`."""
    if value is None:
        return None
    nanoseconds = arguments.nanoseconds(value)
    if nanoseconds < 0:
        raise ValueError("Timeout value out of range")
    return nanoseconds


class socket:
    """socket(family=AF_INET, type=SOCK_STREAM, proto=0) -> socket object"""

    __slots__ = ("_fd", "_family", "_type", "_proto", "_timeout")

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self._fd = -1
        self._family = self._type = self._proto = 0
        self._timeout = None
        return self

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        sys.audit("socket.__new__", self, family, type, proto)
        family, type, proto = map(arguments.c_int, (family, type, proto))
        if fileno is None:
            family = AF_INET if family == -1 else family
            type = SOCK_STREAM if type == -1 else type
            proto = 0 if proto == -1 else proto
            if proto < 0:
                raise failure("EINVAL")
            kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)
            with calling:
                handle = Socket.create(families.to_family(family), families.to_type(kind), proto)
            fd = descriptors.add(descriptors.Entry(handle, family, kind, proto))
        else:
            fd, family, kind, proto = _of_fileno(fileno, family, type, proto)
        self._adopt(fd, family, kind, proto, type)

    def _adopt(self, fd, family, kind, proto, flags=0):
        self._fd, self._family, self._type, self._proto = fd, family, kind, proto
        self._timeout = 0 if flags != -1 and flags & SOCK_NONBLOCK else _default_timeout
        if self._timeout is not None:
            descriptors.socket(fd).set_timeout(self._timeout)

    @property
    def family(self):
        return self._family

    @property
    def type(self):
        return self._type

    @property
    def proto(self):
        return self._proto

    @property
    def timeout(self):
        return self.gettimeout()

    def __repr__(self):
        return (
            f"<socket object, fd={self._fd}, family={self._family}, "
            f"type={self._type}, proto={self._proto}>"
        )

    def __del__(self):
        # At the very end of the interpreter nothing is left to warn with.
        if getattr(self, "_fd", -1) == -1 or descriptors is None:
            return
        warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
        try:
            descriptors.close(self.detach())
        except OSError:
            pass

    def _entry(self):
        """The open socket, with this object's timeout."""
        entry = descriptors.socket(self._fd)
        if entry.timeout != self._timeout:
            entry.set_timeout(self._timeout)
        return entry

    def _address(self, address, caller):
        return addresses.to_wit(self._family, self._proto, address, caller)

    def _accept(self):
        """_accept() -> (integer, address info)"""
        entry = self._entry()
        with calling:
            handle, address = entry.handle.accept()
        accepted = descriptors.Entry(handle, entry.family, entry.type, entry.proto)
        return descriptors.add(accepted), addresses.from_wit(address)

    def bind(self, address, /):
        """bind(address)"""
        local = self._address(address, "bind")
        sys.audit("socket.bind", self, address)
        if self._family in (AF_INET, AF_INET6) and address[0] == "":
            host = granted.host(self._family, self._type, address[1])
            local = self._address((host, *address[1:]), "bind")
        with calling:
            self._entry().handle.bind(local)

    def close(self):
        """close()"""
        if self._fd != -1:
            try:
                descriptors.close(self.detach())
            except ConnectionResetError:
                pass

    def connect(self, address, /):
        """connect(address)"""
        remote = self._address(address, "connect")
        sys.audit("socket.connect", self, address)
        with calling:
            self._entry().handle.connect(remote)

    def connect_ex(self, address, /):
        """connect_ex(address) -> errno"""
        remote = self._address(address, "connect_ex")
        sys.audit("socket.connect", self, address)
        try:
            with calling:
                self._entry().handle.connect(remote)
        except OSError as error:
            # A timeout has no errno.
            return error.errno or failure("EAGAIN").errno
        return 0

    def detach(self):
        """detach() -> file descriptor"""
        fd, self._fd = self._fd, -1
        return fd

    def fileno(self):
        """fileno() -> integer"""
        return self._fd

    def getpeername(self):
        """getpeername() -> address info"""
        with calling:
            return addresses.from_wit(self._entry().handle.remote_address())

    def getsockname(self):
        """getsockname() -> address info"""
        with calling:
            return addresses.from_wit(self._entry().handle.local_address())

    def getsockopt(self, level, optname, buflen=0, /):
        """getsockopt(level, option[, buffersize]) -> value"""
        level, optname, buflen = map(arguments.c_int, (level, optname, buflen))
        entry = self._entry()
        if buflen == 0:
            # The kernel writes what it has, as into a C `int` of 0.
            data = options.get(entry, level, optname, 4).ljust(4, b"\0")
            return int.from_bytes(data, sys.byteorder, signed=True)
        if not 0 < buflen <= 1024:
            raise OSError("getsockopt buflen out of range")
        return options.get(entry, level, optname, buflen)

    def listen(self, backlog=min(SOMAXCONN, 128), /):
        """listen([backlog])"""
        backlog = max(arguments.c_int(backlog), 0)
        with calling:
            self._entry().handle.listen(backlog)

    def recv(self, bufsize, flags=0, /):
        """recv(buffersize[, flags]) -> data"""
        bufsize = arguments.size(bufsize, "recv")
        flags = _flags(_RECEIVE_FLAGS, ReceiveFlags, flags)
        entry = self._entry()
        if bufsize == 0:
            # CPython does not ask the kernel.
            return b""
        with calling:
            return entry.handle.recv(bufsize, flags)

    def recvfrom(self, bufsize, flags=0, /):
        """recvfrom(buffersize[, flags]) -> (data, address info)"""
        bufsize = arguments.size(bufsize, "recvfrom")
        flags = _flags(_RECEIVE_FLAGS, ReceiveFlags, flags)
        with calling:
            data, address = self._entry().handle.recv_from(bufsize, flags)
        return data, addresses.of_sender(address)

    def recv_into(self, buffer, nbytes=0, flags=0):
        """recv_into(buffer, [nbytes[, flags]]) -> nbytes_read"""
        return self._into("recv_into", buffer, nbytes, flags)[0]

    def recvfrom_into(self, buffer, nbytes=0, flags=0):
        """recvfrom_into(buffer[, nbytes[, flags]]) -> (nbytes, address info)"""
        return self._into("recvfrom_into", buffer, nbytes, flags)

    def _into(self, caller, buffer, nbytes, flags):
        view = arguments.writable(buffer)
        nbytes = arguments.size(nbytes, caller)
        if nbytes > len(view):
            raise ValueError(_TOO_SMALL[caller])
        nbytes = nbytes or len(view)
        if nbytes == 0 and caller == "recv_into":
            return 0, None
        message = self._receive(nbytes, flags)
        view[: len(message.data)] = message.data
        return message.length, addresses.of_sender(message.sender)

    def _receive(self, length, flags):
        flags = _flags(_RECEIVE_FLAGS, ReceiveFlags, flags)
        entry = self._entry()
        with calling:
            return wit_messages.receive(entry.handle, length, flags)

    def recvmsg(self, bufsize, ancbufsize=0, flags=0, /):
        """recvmsg(bufsize[, ancbufsize[, flags]]) -> (data, ancdata, msg_flags, address)"""
        bufsize = arguments.ssize(bufsize)
        ancbufsize = arguments.ssize(ancbufsize)
        flags = arguments.c_int(flags)
        if bufsize < 0:
            raise ValueError("negative buffer size in recvmsg()")
        message, items, told = self._receive_message(bufsize, ancbufsize, flags)
        return message.data, items, told, addresses.of_sender(message.sender)

    def recvmsg_into(self, buffers, ancbufsize=0, flags=0, /):
        """recvmsg_into(buffers[, ancbufsize[, flags]]) -> (nbytes, ancdata, msg_flags, address)"""
        try:
            buffers = list(buffers)
        except TypeError:
            raise TypeError("recvmsg_into() argument 1 must be an iterable") from None
        views = [arguments.writable(buffer) for buffer in buffers]
        ancbufsize = arguments.ssize(ancbufsize)
        flags = arguments.c_int(flags)
        length = sum(map(len, views))
        message, items, told = self._receive_message(length, ancbufsize, flags)
        rest = message.data
        for view in views:
            part, rest = rest[: len(view)], rest[len(view) :]
            view[: len(part)] = part
        return message.length, items, told, addresses.of_sender(message.sender)

    def _receive_message(self, length, room, flags):
        if not 0 <= room <= 0x7FFFFFFF:
            raise ValueError("invalid ancillary data buffer length")
        message = self._receive(min(length, 0x7FFFFFFF), flags)
        items, told = messages.received(message, room)
        return message, items, told | flags & MSG_CMSG_CLOEXEC

    def send(self, data, flags=0, /):
        """send(data[, flags]) -> count"""
        data = arguments.data(data)
        flags = _flags(_SEND_FLAGS, SendFlags, flags)
        entry = self._entry()
        with calling:
            return entry.handle.send(self._whole(data), flags)

    def sendall(self, data, flags=0, /):
        """sendall(data[, flags])"""
        data = arguments.data(data)
        flags = _flags(_SEND_FLAGS, SendFlags, flags)
        entry = self._entry()
        if self._type != SOCK_STREAM or len(data) <= _PIECE:
            with calling:
                return entry.handle.send_all(self._whole(data), flags)
        try:
            deadline = self._timeout and time.monotonic_ns() + self._timeout
            for start in range(0, len(data), _PIECE):
                if deadline:
                    # The time is the total of the call; 0 would not wait.
                    entry.set_timeout(max(deadline - time.monotonic_ns(), 1))
                with calling:
                    entry.handle.send_all(data[start : start + _PIECE], flags)
        finally:
            if entry.timeout != self._timeout:
                entry.set_timeout(self._timeout)

    def _whole(self, data):
        """What one call may hand over: the start of a stream, or a message."""
        if self._type == SOCK_STREAM:
            return data[:_PIECE]
        if len(data) > _MOST_OF_A_MESSAGE:
            raise failure("EMSGSIZE")
        return data

    def sendto(self, data, *args):
        """sendto(data[, flags], address) -> count"""
        if len(args) not in (1, 2):
            raise TypeError(f"sendto() takes 2 or 3 arguments ({len(args) + 1} given)")
        *flags, address = args
        data = arguments.data(data)
        flags = _flags(_SEND_FLAGS, SendFlags, *flags or [0])
        remote = self._address(address, "sendto")
        sys.audit("socket.sendto", self, address)
        with calling:
            return self._entry().handle.send_to(self._whole(data), flags, remote)

    def sendmsg(self, buffers, ancdata=(), flags=0, address=None, /):
        """sendmsg(buffers[, ancdata[, flags[, address]]]) -> count"""
        data = _buffers(buffers, "sendmsg")
        control, passed = messages.to_send(_ancillary(ancdata))
        return self._send_message("sendmsg", data, control, passed, flags, address)

    def sendmsg_afalg(self, msg=(), *, op, iv=None, assoclen=None, flags=0):
        """sendmsg_afalg([msg], *, op[, iv[, assoclen[, flags=MSG_MORE]]])"""
        if self._family != AF_ALG:
            raise OSError("algset is only supported for AF_ALG")
        op = arguments.c_int(op)
        if op < 0:
            raise TypeError("Invalid or missing argument 'op'")
        control = [wit_messages.SentControl_AlgorithmOperation(op)]
        if iv is not None:
            control.append(
                wit_messages.SentControl_AlgorithmInitializationVector(arguments.data(iv))
            )
        if assoclen is not None:
            assoclen = arguments.c_int(assoclen)
            if assoclen < 0:
                raise TypeError("assoclen must be positive")
            control.append(wit_messages.SentControl_AlgorithmAssociatedLength(assoclen))
        data = _buffers(msg, "sendmsg_afalg")
        return self._send_message("sendmsg_afalg", data, control, [], flags, None)

    def _send_message(self, caller, data, control, passed, flags, address):
        flags = _flags(_SEND_FLAGS, SendFlags, flags)
        remote = None
        if address is not None:
            remote = self._address(address, caller)
            sys.audit("socket.sendmsg", self, address)
        data = self._first_of(data)
        entry = self._entry()
        with calling:
            return wit_messages.send(entry.handle, data, control, passed, flags, remote)

    def _first_of(self, buffers):
        """What one call may hand over: the first buffers of a stream, or a message."""
        room = _PIECE if self._type == SOCK_STREAM else _MOST_OF_A_MESSAGE
        first = []
        for buffer in buffers:
            part = arguments.data(buffer[:room] if self._type == SOCK_STREAM else buffer)
            room -= len(part)
            first.append(part)
            if room <= 0 and self._type == SOCK_STREAM:
                break
        if room < 0:
            raise failure("EMSGSIZE")
        return first

    def setblocking(self, flag, /):
        """setblocking(flag)"""
        self._set_timeout(None if flag else 0)

    def getblocking(self):
        """getblocking() -> bool"""
        return self._timeout != 0

    def settimeout(self, timeout, /):
        """settimeout(timeout)"""
        self._set_timeout(_parse_timeout(timeout))

    def gettimeout(self):
        """gettimeout() -> timeout"""
        return None if self._timeout is None else self._timeout / 1e9

    def _set_timeout(self, nanoseconds):
        entry = descriptors.socket(self._fd)
        if entry.timeout != nanoseconds:
            entry.set_timeout(nanoseconds)
        self._timeout = nanoseconds

    def setsockopt(self, level, optname, value, *optlen):
        """setsockopt(level, option, value: int)
        setsockopt(level, option, value: buffer)
        setsockopt(level, option, None, optlen: int)"""
        level, optname = arguments.c_int(level), arguments.c_int(optname)
        entry = self._entry()
        if value is None:
            if len(optlen) != 1:
                raise TypeError("setsockopt() requires 4 arguments when value is None")
            length = arguments.masked(optlen[0])
            return options.set_length(entry, level, optname, length)
        if optlen:
            raise TypeError("setsockopt() argument 3 must be None when optlen is given")
        if hasattr(type(value), "__index__"):
            data = arguments.c_int(value).to_bytes(4, sys.byteorder, signed=True)
        else:
            data = arguments.data(value)
        if len(data) > 1024:
            raise failure("EINVAL")
        options.set(entry, level, optname, data)

    def shutdown(self, how, /):
        """shutdown(flag)"""
        how = _SHUTDOWN.get(arguments.c_int(how))
        entry = self._entry()
        if how is None:
            raise failure("EINVAL")
        with calling:
            entry.handle.shutdown(how)


# As CPython's: `socket.socket` of Lib/socket.py is another class.
socket.__module__ = "_socket"
SocketType = socket


def _of_fileno(fileno, family, type, proto):
    """The socket of a number, and what the kernel would tell about it."""
    if isinstance(fileno, float):
        raise TypeError("integer argument expected, got float")
    fd = arguments.c_int(fileno)
    if fd < 0:
        raise ValueError("negative file descriptor")
    entry = descriptors.socket(fd)
    family = entry.family if family == -1 else family
    kind = entry.type if type == -1 else type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)
    proto = options.protocol(entry) if proto == -1 else proto
    return fd, family, kind, proto


def _buffers(buffers, caller):
    try:
        buffers = list(buffers)
    except TypeError:
        raise TypeError(f"{caller}() argument 1 must be an iterable") from None
    # Not their contents yet: of a stream a call takes the first of them.
    return [arguments.readable(buffer) for buffer in buffers]


def _ancillary(ancdata):
    try:
        items = list(ancdata)
    except TypeError:
        raise TypeError("sendmsg() argument 2 must be an iterable") from None
    checked = []
    for item in items:
        if not isinstance(item, (tuple, list)) or len(item) != 3:
            raise TypeError("[sendmsg() ancillary data items] must be sequence of length 3")
        level, kind, data = item
        checked.append((arguments.c_int(level), arguments.c_int(kind), arguments.data(data)))
    return checked


def socketpair(family=AF_UNIX, type=SOCK_STREAM, proto=0, /):
    """socketpair([family[, type [, proto]]]) -> (socket object, socket object)"""
    family, type, proto = map(arguments.c_int, (family, type, proto))
    kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)
    if proto < 0:
        raise failure("EPROTONOSUPPORT")
    with calling:
        handles = Socket.create_pair(families.to_family(family), families.to_type(kind), proto)
    pair = []
    for handle in handles:
        fd = descriptors.add(descriptors.Entry(handle, family, kind, proto))
        end = socket.__new__(socket)
        end._adopt(fd, family, kind, proto, type)
        pair.append(end)
    return tuple(pair)


def dup(fileno, /):
    """dup(integer) -> integer"""
    return descriptors.duplicate(arguments.c_int(fileno))


def close(fileno, /):
    """close(integer) -> None"""
    try:
        descriptors.close(arguments.c_int(fileno))
    except ConnectionResetError:
        pass


def getdefaulttimeout():
    """getdefaulttimeout() -> timeout"""
    return None if _default_timeout is None else _default_timeout / 1e9


def setdefaulttimeout(timeout, /):
    """setdefaulttimeout(timeout)"""
    global _default_timeout
    _default_timeout = _parse_timeout(timeout)


# What Lib/socket.py takes.
__all__ = [
    *CONSTANTS,
    "CMSG_LEN",
    "CMSG_SPACE",
    "SocketType",
    "close",
    "dup",
    "error",
    "gaierror",
    "getaddrinfo",
    "getdefaulttimeout",
    "gethostbyaddr",
    "gethostbyname",
    "gethostbyname_ex",
    "gethostname",
    "getnameinfo",
    "getprotobyname",
    "getservbyname",
    "getservbyport",
    "has_ipv6",
    "herror",
    "htonl",
    "htons",
    "if_indextoname",
    "if_nameindex",
    "if_nametoindex",
    "inet_aton",
    "inet_ntoa",
    "inet_ntop",
    "inet_pton",
    "ntohl",
    "ntohs",
    "setdefaulttimeout",
    "sethostname",
    "socket",
    "socketpair",
    "timeout",
]
