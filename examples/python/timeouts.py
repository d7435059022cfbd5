import socket

with socket.create_server(('127.0.0.1', 0)) as server:
    server.settimeout(0.05)
    try:
        server.accept()
    except TimeoutError as error:
        print('accept:', error)
    server.setblocking(False)
    try:
        server.accept()
    except BlockingIOError as error:
        print('accept:', type(error).__name__)
    print(server.gettimeout(), server.getblocking())
socket.setdefaulttimeout(10)
with socket.socket() as s:
    print(s.gettimeout())
