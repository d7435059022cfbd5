#ifndef CAPSOCK_BLUETOOTH_RFCOMM_H
#define CAPSOCK_BLUETOOTH_RFCOMM_H

#include <bluetooth/bluetooth.h>

struct sockaddr_rc {
    sa_family_t rc_family;
    bdaddr_t rc_bdaddr;
    uint8_t rc_channel;
};

#endif
