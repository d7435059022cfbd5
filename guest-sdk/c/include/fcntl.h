#ifndef __CAPSOCK_FCNTL_H
#define __CAPSOCK_FCNTL_H

#include_next <fcntl.h>
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

/* wasi-libc's values, but without casts, so that #if has them too. */
#undef O_APPEND
#undef O_DSYNC
#undef O_NONBLOCK
#undef O_RSYNC
#undef O_SYNC
#undef O_CREAT
#undef O_DIRECTORY
#undef O_EXCL
#undef O_TRUNC
#define O_APPEND 1
#define O_DSYNC 2
#define O_NONBLOCK 4
#define O_RSYNC 8
#define O_SYNC 16
#define O_CREAT 0x1000
#define O_DIRECTORY 0x2000
#define O_EXCL 0x4000
#define O_TRUNC 0x8000

#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#define F_SETOWN 8
#define F_GETOWN 9
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#ifndef O_NDELAY
#define O_NDELAY O_NONBLOCK
#endif
#ifndef O_LARGEFILE
#define O_LARGEFILE 0
#endif

#ifdef __cplusplus
}
#endif

#endif
