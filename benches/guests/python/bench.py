"""The programs that are measured, on Python's socket module: as a native program
and as a guest. See bench-std, whose programs they are."""

import os
import socket
import ssl
import sys
import threading

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


def repeat(address, act):
    """Does it as often as is asked for, again and again."""
    s = connect(address)
    while times := s.recv(8, socket.MSG_WAITALL):
        for _ in range(int.from_bytes(times, sys.byteorder)):
            act()
        s.sendall(b"x")


def contexts(directory):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(os.path.join(directory, "tls.pem"), os.path.join(directory, "tls.key"))
    return server, ssl.create_default_context(cafile=os.path.join(directory, "tls.pem"))


def beside(serve):
    """A listener whose connections another thread serves, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            serve(listener.accept()[0])

    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()


def tls_handshake(address, directory):
    server, client = contexts(directory)

    def serve(connection):
        with server.wrap_socket(connection, server_side=True) as s:
            s.recv(1)

    peer = beside(serve)

    def act():
        with client.wrap_socket(socket.create_connection(peer), server_hostname="localhost") as s:
            s.sendall(b"x")
            s.recv(1)

    repeat(address, act)


def tls_bulk(address, directory):
    server, client = contexts(directory)
    data = b"x" * (1 << 20)

    def serve(connection):
        buffer = memoryview(bytearray(1 << 16))
        with server.wrap_socket(connection, server_side=True) as s:
            while True:
                left = len(data)
                while left:
                    count = s.recv_into(buffer[: min(left, len(buffer))])
                    if not count:
                        return
                    left -= count
                s.sendall(b"x")

    s = client.wrap_socket(socket.create_connection(beside(serve)), server_hostname="localhost")

    def act():
        s.sendall(data)
        s.recv(1)

    repeat(address, act)


def threads(address, directory):
    def act():
        event = threading.Event()
        made = [threading.Thread(target=event.wait) for _ in range(1000)]
        for thread in made:
            thread.start()
        event.set()
        for thread in made:
            thread.join()

    repeat(address, act)


PROGRAMS = {
    "echo-tcp": lambda address, size: echo(connect(address), int(size)),
    "echo-unix": echo_unix,
    "echo-udp": echo_udp,
    "sink": sink,
    "source": source,
    "accept": accept,
    "tls-handshake": tls_handshake,
    "tls-bulk": tls_bulk,
    "threads": threads,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
