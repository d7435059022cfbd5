#ifndef __CAPSOCK_SYS_SYSMACROS_H
#define __CAPSOCK_SYS_SYSMACROS_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define major(device) ((unsigned)(((device) >> 8) & 0xfff))
#define minor(device) ((unsigned)((device) & 0xff))
#define makedev(major, minor) ((((dev_t)(major)) << 8) | (minor))

#ifdef __cplusplus
}
#endif

#endif
