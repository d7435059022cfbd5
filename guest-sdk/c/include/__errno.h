#ifndef __CAPSOCK___ERRNO_H
#define __CAPSOCK___ERRNO_H

#ifdef __cplusplus
extern "C" {
#endif

/* libc has one variable, whose value each thread keeps for itself. */
extern int errno;
#define errno errno

#ifdef __cplusplus
}
#endif

#endif
