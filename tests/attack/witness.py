"""Sees what arrives, at every address of its network namespace and of another.

`witness.py DIR NAMESPACE`: prints `ready`; then, for each line of standard input, what
has arrived since the last one.
"""

import array
import ctypes
import os
import socket
import sys
import threading

directory = sys.argv[1]
os.makedirs(f"{directory}/granted")
os.symlink("../outside.sock", f"{directory}/granted/link.sock")
os.symlink("..", f"{directory}/granted/up")
os.symlink("granted", f"{directory}/alias")


def datagrams(port):
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", port))
    return udp


def unix(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    return listener


def give(listener):
    """Nine sockets, then a file, to each who connects."""
    while True:
        guest, _ = listener.accept()
        nine = [socket.socket() for _ in range(9)]
        for offered in [[s.fileno() for s in nine], [sys.stderr.fileno()]]:
            guest.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", offered))])
            guest.recv(1)


def give_files(listener):
    """To each who connects, one by one: a file that can be read and written, the ends
    of a pipe, and what is neither a file nor a pipe."""
    path = f"{directory}/given"
    while True:
        guest, _ = listener.accept()
        with open(path, "w") as file:
            file.write("given")
        reader, writer = os.pipe()
        os.write(writer, b"piped")
        offers = [
            os.open(path, os.O_RDWR),
            reader,
            writer,
            os.open(directory, os.O_RDONLY),
            os.open("/dev/null", os.O_RDWR),
            os.open(path, os.O_PATH),
            os.open("/proc/self/mem", os.O_RDWR),
            os.open(path, os.O_ACCMODE),
            os.eventfd(0),
        ]
        for offered in offers:
            try:
                guest.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [offered]))])
                guest.recv(1)
            except OSError:
                # It has had what it wanted.
                break
        for offered in offers:
            os.close(offered)
        guest.close()


listeners = [
    socket.create_server(("::", 9), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64),
    unix(f"{directory}/outside.sock"),
    unix(f"{directory}/granted/inside.sock"),
    unix("\0watched"),
]
receivers = [datagrams(9)]
neighbour = datagrams(7)  # A peer that is granted.
threading.Thread(target=give, args=[unix(f"{directory}/granted/giver.sock")], daemon=True).start()
threading.Thread(target=give_files, args=[unix(f"{directory}/granted/files.sock")], daemon=True).start()
# What is made from here on is in the other namespace.
with open(sys.argv[2]) as namespace:
    assert ctypes.CDLL(None).setns(namespace.fileno(), 0) == 0
listeners.append(socket.create_server(("::", 9), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64))
receivers.append(datagrams(9))
for watched in listeners + receivers:
    watched.setblocking(False)


def seen(watched):
    while True:
        try:
            if watched in listeners:
                with watched.accept()[0] as connection:
                    yield f"a connection at {connection.getsockname()!r}"
            else:
                yield f"a datagram of {watched.recvfrom(1)[1]!r}"
        except BlockingIOError:
            return


print("ready", flush=True)
for _ in sys.stdin:
    print("; ".join(event for watched in listeners + receivers for event in seen(watched)), flush=True)
