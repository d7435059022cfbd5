import socket
import struct

# The broadcast manager: see 'struct bcm_msg_head' in <linux/can/bcm.h>
s = socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_BCM)
s.connect(('vcan0',))
head = struct.pack('@IIIllllII', socket.CAN_BCM_TX_SEND, 0, 0, 0, 0, 0, 0, 0x123, 1)
frame = struct.pack('=IB3x8s', 0x123, 3, b'\x01\x02\x03'.ljust(8, b'\x00'))
s.send(head + frame)
