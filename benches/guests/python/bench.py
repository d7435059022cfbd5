"""The programs that are measured, on Python's socket module: as a native program
and as a guest. See bench-std, whose programs they are."""

import socket
import sys

REQUEST = 64


def endpoint(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def connect(address):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.connect(endpoint(address))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def echo(s, size):
    while data := s.recv(size):
        s.sendall(data)


def echo_unix(path, size):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    echo(s, int(size))


def echo_udp(address, size):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(endpoint(address))
    s.send(b"hello")
    while (data := s.recv(int(size))) != b"q":
        s.send(data)


def sink(address, size, batch):
    s, left = connect(address), int(batch)
    buffer = memoryview(bytearray(int(size)))
    while count := s.recv_into(buffer[: min(int(size), left)]):
        left -= count
        if left == 0:
            s.sendall(b"x")
            left = int(batch)


def source(address, size, batch):
    s, data = connect(address), b"x" * int(size)
    while s.recv(1):
        left = int(batch)
        while left > 0:
            s.sendall(data[:left])
            left -= min(left, len(data))


def accept(control):
    listener = socket.create_server(("127.0.0.1", 0))
    connect(control).sendall(b"%d\n" % listener.getsockname()[1])
    request = b""
    while not request.startswith(b"q"):
        connection, _peer = listener.accept()
        with connection:
            request = b""
            while len(request) < REQUEST:
                request += connection.recv(REQUEST - len(request))
            connection.sendall(request)


PROGRAMS = {
    "echo-tcp": lambda address, size: echo(connect(address), int(size)),
    "echo-unix": echo_unix,
    "echo-udp": echo_udp,
    "sink": sink,
    "source": source,
    "accept": accept,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
