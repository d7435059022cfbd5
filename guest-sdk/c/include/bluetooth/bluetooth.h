/* Bluetooth, as BlueZ's header of this name has it for sockets. */
#ifndef CAPSOCK_BLUETOOTH_H
#define CAPSOCK_BLUETOOTH_H

#include <stdint.h>
#include <sys/socket.h>

#define BTPROTO_L2CAP 0
#define BTPROTO_HCI 1
#define BTPROTO_SCO 2
#define BTPROTO_RFCOMM 3
#define BTPROTO_BNEP 4
#define BTPROTO_CMTP 5
#define BTPROTO_HIDP 6
#define BTPROTO_AVDTP 7
#define BTPROTO_ISO 8

#define SOL_HCI 0
#define SOL_L2CAP 6
#define SOL_SCO 17
#define SOL_RFCOMM 18
#define SOL_BLUETOOTH 274

#define BT_SECURITY 4
#define BT_DEFER_SETUP 7
#define BT_FLUSHABLE 8
#define BT_POWER 9
#define BT_CHANNEL_POLICY 10
#define BT_VOICE 11

#define BDADDR_BREDR 0
#define BDADDR_LE_PUBLIC 1
#define BDADDR_LE_RANDOM 2

/* The last byte of the text comes first. */
typedef struct {
    uint8_t b[6];
} __attribute__((packed)) bdaddr_t;

#define BDADDR_ANY (&(bdaddr_t){{0, 0, 0, 0, 0, 0}})
#define BDADDR_ALL (&(bdaddr_t){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}})
#define BDADDR_LOCAL (&(bdaddr_t){{0, 0, 0, 0xff, 0xff, 0xff}})

#endif
