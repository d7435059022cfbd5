"""Bad arguments: what each raises, a line a call. The guest and CPython are to
print the same types. Values are left out (`else 1`) where versions of CPython
differ, where the policy comes first, and where they would do something."""

import socket
import select

LONE = '\udcff\ud800'
BIG = 1 << 70


class Index:
    def __index__(self):
        return 7


def calls(tcp, udp, unix):
    for value in ('x', 1.5, None, b'x', -1, BIG, LONE, (), Index(), [1]):
        yield 'socket', lambda: socket.socket(value)
        yield 'socket type', lambda: socket.socket(socket.AF_INET, value)
        yield 'socket proto', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, value) if type(value) is not Index else 1
        yield 'socket fileno', lambda: socket.socket(fileno=value)
        yield 'bind', lambda: tcp.bind(value)
        yield 'bind host', lambda: tcp.bind((value, 0)) if value != 'x' and value != b'x' else 1
        yield 'bind port', lambda: tcp.bind(('127.0.0.1', value)) if type(value) is not Index else 1
        yield 'bind unix', lambda: unix.bind(value) if value not in ('x', b'x', LONE) else 1
        yield 'connect triple', lambda: tcp.connect(('127.0.0.1', 1, value))
        yield 'recv', lambda: udp.recv(value, socket.MSG_DONTWAIT)
        yield 'recv flags', lambda: tcp.recv(1, value) if value != -1 and type(value) is not Index else 1
        yield 'recv_into', lambda: tcp.recv_into(value)
        yield 'recv_into size', lambda: tcp.recv_into(bytearray(4), value) if type(value) is not Index else 1
        yield 'recvfrom', lambda: udp.recvfrom(value, socket.MSG_DONTWAIT)
        yield 'recvmsg', lambda: udp.recvmsg(value, 0, socket.MSG_DONTWAIT)
        yield 'recvmsg room', lambda: udp.recvmsg(1, value, socket.MSG_DONTWAIT)
        yield 'recvmsg_into', lambda: tcp.recvmsg_into(value, 0, socket.MSG_DONTWAIT)
        yield 'send', lambda: tcp.send(value)
        yield 'send flags', lambda: tcp.send(b'', value) if value != -1 else 1
        yield 'sendall', lambda: tcp.sendall(value)
        yield 'sendto', lambda: udp.sendto(value, ('127.0.0.1', 1)) if not isinstance(value, bytes) else 1
        yield 'sendto flags', lambda: udp.sendto(b'', value, 5)
        yield 'sendto address', lambda: udp.sendto(b'', value)
        yield 'sendmsg', lambda: tcp.sendmsg(value)
        yield 'sendmsg item', lambda: tcp.sendmsg([value])
        yield 'sendmsg ancillary', lambda: unix.sendmsg([b'x'], value)
        yield 'sendmsg ancillary item', lambda: unix.sendmsg([b'x'], [value])
        yield 'sendmsg level', lambda: unix.sendmsg([b'x'], [(value, 1, b'')])
        yield 'listen', lambda: unix.listen(value)
        yield 'settimeout', lambda: tcp.settimeout(value) or tcp.settimeout(None)
        yield 'setdefaulttimeout', lambda: socket.setdefaulttimeout(value) or socket.setdefaulttimeout(None)
        yield 'setsockopt level', lambda: tcp.setsockopt(value, 1, 1) if type(value) not in (Index,) and value != -1 else 1
        yield 'setsockopt', lambda: tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, value) if value != BIG else 1
        yield 'setsockopt none', lambda: tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, None, value) if value != -1 and type(value) is not Index else 1
        yield 'getsockopt', lambda: tcp.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, value) if type(value) is not Index else 1
        yield 'shutdown', lambda: tcp.shutdown(value)
        yield 'getaddrinfo', lambda: socket.getaddrinfo(value, 1) if type(value) not in (str, bytes) else 1
        yield 'getaddrinfo port', lambda: socket.getaddrinfo('127.0.0.1', value) if value != -1 and value != BIG else 1
        yield 'getaddrinfo family', lambda: socket.getaddrinfo('127.0.0.1', 1, value)
        yield 'getaddrinfo type', lambda: socket.getaddrinfo('127.0.0.1', 1, 0, value)
        yield 'getaddrinfo flags', lambda: socket.getaddrinfo('127.0.0.1', 1, 0, 1, 0, value) if type(value) is not Index else 1
        yield 'getnameinfo', lambda: socket.getnameinfo(value, 3)
        yield 'getnameinfo port', lambda: socket.getnameinfo(('127.0.0.1', value), 3)
        yield 'getnameinfo flags', lambda: socket.getnameinfo(('127.0.0.1', 1), value) if type(value) is not Index and value != -1 else 1
        yield 'gethostbyname', lambda: socket.gethostbyname(value) if type(value) not in (str, bytes) else 1
        yield 'getservbyname', lambda: socket.getservbyname(value)
        yield 'getservbyport', lambda: socket.getservbyport(value)
        yield 'getprotobyname', lambda: socket.getprotobyname(value)
        yield 'if_nametoindex', lambda: socket.if_nametoindex(value) if not isinstance(value, (str, bytes)) else 1
        yield 'htons', lambda: socket.htons(value) if value != -1 else 1
        yield 'ntohl', lambda: socket.ntohl(value) if value != -1 and type(value) is not Index else 1
        yield 'inet_aton', lambda: socket.inet_aton(value)
        yield 'inet_ntoa', lambda: socket.inet_ntoa(value)
        yield 'inet_pton', lambda: socket.inet_pton(socket.AF_INET, value)
        yield 'inet_pton family', lambda: socket.inet_pton(value, '::1')
        yield 'inet_ntop', lambda: socket.inet_ntop(socket.AF_INET6, value)
        yield 'CMSG_LEN', lambda: socket.CMSG_LEN(value)
        yield 'CMSG_SPACE', lambda: socket.CMSG_SPACE(value)
        yield 'dup', lambda: socket.dup(value)
        yield 'close', lambda: socket.close(value)
        yield 'select', lambda: select.select(value, [], [], 0) if value != [1] else 1
        yield 'select item', lambda: select.select([value], [], [], 0) if type(value) is not Index else 1
        yield 'select timeout', lambda: select.select([tcp], [], [], value) if value is not None and type(value) is not Index else 1
        yield 'poll', lambda: select.poll().register(value) if type(value) is not Index else 1
        yield 'poll mask', lambda: select.poll().register(tcp, value) if type(value) is not Index else 1
        yield 'poll timeout', lambda: select.poll().poll(value) if value is not None and value != -1 else 1
        yield 'epoll', lambda: select.epoll().register(value) if type(value) is not Index else 1
        yield 'epoll mask', lambda: select.epoll().register(tcp, value)
        yield 'epoll most', lambda: select.epoll().poll(0, value)


def told(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return 'nothing'


tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
unix, _peer = socket.socketpair()
tcp.setblocking(False)
udp.setblocking(False)
for name, call in calls(tcp, udp, unix):
    print(name, told(call))
