#ifndef __CAPSOCK_SYS_IOCTL_H
#define __CAPSOCK_SYS_IOCTL_H

#include <features.h>
/* SIOCGIFADDR and its kind. */
#include <linux/sockios.h>

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
#define TIOCOUTQ 0x5411
#define FIONBIO 0x5421
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define TIOCNOTTY 0x5422

struct winsize {
    unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};

int ioctl(int, int, ...);

#ifdef __cplusplus
}
#endif

#endif
