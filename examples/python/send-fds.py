"""The two functions of Python's documentation, and a connection that goes from
one to the other: send-fds.py PATH send|receive"""

import socket, array
import sys

def send_fds(sock, msg, fds):
    return sock.sendmsg([msg], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])

def recv_fds(sock, msglen, maxfds):
    fds = array.array("i")   # Array of ints
    msg, ancdata, flags, addr = sock.recvmsg(msglen, socket.CMSG_LEN(maxfds * fds.itemsize))
    for cmsg_level, cmsg_type, cmsg_data in ancdata:
        if cmsg_level == socket.SOL_SOCKET and cmsg_type == socket.SCM_RIGHTS:
            # Append data, ignoring any truncated integers at the end.
            fds.frombytes(cmsg_data[:len(cmsg_data) - (len(cmsg_data) % fds.itemsize)])
    return msg, list(fds)

path, role = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as s:
    s.connect(path)
    if role == 'send':
        ours, theirs = socket.socketpair()
        send_fds(s, b'a socket', [theirs.fileno()])
        theirs.close()
        ours.sendall(b'through the socket that was sent')
    else:
        msg, fds = recv_fds(s, 100, 4)
        print(msg.decode(), len(fds))
        with socket.socket(fileno=fds[0]) as received:
            print(received.recv(100).decode())
