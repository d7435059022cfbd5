#ifndef __CAPSOCK_FCNTL_H
#define __CAPSOCK_FCNTL_H

#ifdef __capsock_of_libc__
#include_next <fcntl.h>
/* What libc's own functions pass, for the one file that translates. */
enum {
    LIBC_APPEND = O_APPEND,
    LIBC_DSYNC = O_DSYNC,
    LIBC_NONBLOCK = O_NONBLOCK,
    LIBC_RSYNC = O_RSYNC,
    LIBC_SYNC = O_SYNC,
    LIBC_CREAT = O_CREAT,
    LIBC_DIRECTORY = O_DIRECTORY,
    LIBC_EXCL = O_EXCL,
    LIBC_TRUNC = O_TRUNC,
    LIBC_NOFOLLOW = O_NOFOLLOW,
    LIBC_RDONLY = O_RDONLY,
    LIBC_WRONLY = O_WRONLY,
    LIBC_SEARCH = O_SEARCH,
};
#else
/* A program's own calls pass Linux's numbers, and go to functions that know them; libc's
   own go to those of the plain names, which are its own. */
#define open __capsock_libc_open
#define openat __capsock_libc_openat
#define fcntl __capsock_libc_fcntl
#include_next <fcntl.h>
#undef open
#undef openat
#undef fcntl
#endif
#include <sys/stat.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef __capsock_of_libc__
int open(const char *, int, ...) __asm__("__capsock_linux_open");
int openat(int, const char *, int, ...) __asm__("__capsock_linux_openat");
int fcntl(int, int, ...) __asm__("__capsock_linux_fcntl");
#endif

#undef O_ACCMODE
#undef O_APPEND
#undef O_CLOEXEC
#undef O_CREAT
#undef O_DIRECTORY
#undef O_DSYNC
#undef O_EXCL
#undef O_EXEC
#undef O_NDELAY
#undef O_NOCTTY
#undef O_NOFOLLOW
#undef O_NONBLOCK
#undef O_RDONLY
#undef O_RDWR
#undef O_RSYNC
#undef O_SEARCH
#undef O_SYNC
#undef O_TRUNC
#undef O_TTY_INIT
#undef O_WRONLY
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_ACCMODE 3
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_NDELAY O_NONBLOCK
#define O_DSYNC 010000
#define O_ASYNC 020000
#define O_DIRECT 040000
#define O_LARGEFILE 0
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_NOATIME 01000000
#define O_CLOEXEC 02000000
#define O_SYNC 04010000
#define O_RSYNC O_SYNC
#define O_PATH 010000000
#define O_TMPFILE 020200000
#define O_SEARCH O_PATH
#define O_EXEC O_PATH
#define O_TTY_INIT 0

#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#define F_SETOWN 8
#define F_GETOWN 9
#define F_SETSIG 10
#define F_GETSIG 11
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

#ifdef __cplusplus
}
#endif

#endif
