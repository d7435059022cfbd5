"""What goes over an interface, as the documentation's sniffer for Windows does it:
sniffer.py INTERFACE"""

import socket
import sys

# create a raw socket, which receives nothing yet, and bind it to the interface
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind((sys.argv[1], socket.ETH_P_ALL))
print('listening on', sys.argv[1], flush=True)

# receive packages
while True:
    print(s.recvfrom(65565), flush=True)
