#ifndef __CAPSOCK_FCNTL_H
#define __CAPSOCK_FCNTL_H

#include_next <fcntl.h>
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

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
