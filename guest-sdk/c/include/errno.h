#ifndef __CAPSOCK_ERRNO_H
#define __CAPSOCK_ERRNO_H

#include_next <errno.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What wasi-libc has no number for. */
#define EHOSTDOWN 101
#define ENODATA 102
#define ENOKEY 103
#define ENONET 104
#define EPFNOSUPPORT 105
#define ESHUTDOWN 106
#define ESOCKTNOSUPPORT 107
#define ETOOMANYREFS 108
#define EUSERS 109

#ifdef __cplusplus
}
#endif

#endif
