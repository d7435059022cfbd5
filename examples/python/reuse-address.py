import socket

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', 50007))
s.listen()
conn, addr = s.accept()
# The end that closes first is the one that waits: TIME_WAIT.
conn.close()
print('closed', addr)
