#ifndef __CAPSOCK_SYS_IOCTL_H
#define __CAPSOCK_SYS_IOCTL_H

#include <features.h>

/* How Linux makes the numbers of requests. */
#define _IOC(direction, type, number, size) (((direction) << 30) | ((size) << 16) | ((type) << 8) | (number))
#define _IOC_NONE 0U
#define _IOC_WRITE 1U
#define _IOC_READ 2U
#define _IO(type, number) _IOC(_IOC_NONE, (type), (number), 0)
#define _IOW(type, number, kind) _IOC(_IOC_WRITE, (type), (number), sizeof(kind))
#define _IOR(type, number, kind) _IOC(_IOC_READ, (type), (number), sizeof(kind))
#define _IOWR(type, number, kind) _IOC(_IOC_READ | _IOC_WRITE, (type), (number), sizeof(kind))

#ifdef __cplusplus
extern "C" {
#endif

#define FIONREAD 0x541B
#define TIOCINQ FIONREAD
#define FIONBIO 0x5421
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define TIOCNOTTY 0x5422
#define SIOCATMARK 0x8905
#define SIOCGIFNAME 0x8910
#define SIOCGIFCONF 0x8912
#define SIOCGIFFLAGS 0x8913
#define SIOCGIFADDR 0x8915
#define SIOCGIFBRDADDR 0x8919
#define SIOCGIFNETMASK 0x891b
#define SIOCGIFMTU 0x8921
#define SIOCGIFHWADDR 0x8927
#define SIOCGIFINDEX 0x8933

struct winsize {
    unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

int ioctl(int, int, ...);

#ifdef __cplusplus
}
#endif

#endif
