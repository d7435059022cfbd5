/* What is variadic in C, or of libc's own types: the rest is Rust's, in ../src. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define IS_OF_LIBC(flag, value) _Static_assert(flag == value, "wasi-libc has another value of " #flag)
IS_OF_LIBC(O_APPEND, __WASI_FDFLAGS_APPEND);
IS_OF_LIBC(O_DSYNC, __WASI_FDFLAGS_DSYNC);
IS_OF_LIBC(O_NONBLOCK, __WASI_FDFLAGS_NONBLOCK);
IS_OF_LIBC(O_RSYNC, __WASI_FDFLAGS_RSYNC);
IS_OF_LIBC(O_SYNC, __WASI_FDFLAGS_SYNC);
IS_OF_LIBC(O_CREAT, __WASI_OFLAGS_CREAT << 12);
IS_OF_LIBC(O_DIRECTORY, __WASI_OFLAGS_DIRECTORY << 12);
IS_OF_LIBC(O_EXCL, __WASI_OFLAGS_EXCL << 12);
IS_OF_LIBC(O_TRUNC, __WASI_OFLAGS_TRUNC << 12);

int __capsock_fcntl(int fd, int command, int argument);
int __capsock_ioctl(int fd, int request, void *argument);
int __capsock_open(const char *path, int flags, mode_t mode);
int __capsock_openat(int at, const char *path, int flags, mode_t mode);
int __capsock_timerfd_create(int clock, int flags);

int __real_fcntl(int, int, ...);
int __real_open(const char *, int, ...);
int __real_openat(int, const char *, int, ...);
int __real_fstat(int, struct stat *);
off_t __real_lseek(int, off_t, int);
int __real_utimensat(int, const char *, const struct timespec[2], int);

void __capsock_set_errno(int number) { errno = number; }
int __capsock_errno(void) { return errno; }
void __capsock_set_h_errno(int number) { h_errno = number; }

int __wrap_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    int argument = 0;
    /* These have an argument, and it is a number. */
    if (command == F_SETFD || command == F_SETFL || command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        argument = va_arg(arguments, int);
    va_end(arguments);
    return __capsock_fcntl(fd, command, argument);
}

int __capsock_real_fcntl(int fd, int command, int argument) { return __real_fcntl(fd, command, argument); }

int __wrap_ioctl(int fd, int request, ...) {
    va_list arguments;
    va_start(arguments, request);
    /* Every request that is known has a pointer. */
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return __capsock_ioctl(fd, request, argument);
}

int __wrap_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return __capsock_open(path, flags, mode);
}

int __wrap_creat(const char *path, mode_t mode) {
    return __capsock_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* What libc makes of an open without a mode. */
int __wrap___wasilibc_open_nomode(const char *path, int flags) { return __capsock_open(path, flags, 0); }

int __capsock_real_open(const char *path, int flags, mode_t mode) { return __real_open(path, flags, mode); }

int __wrap_openat(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return __capsock_openat(at, path, flags, mode);
}

int __capsock_real_openat(int at, const char *path, int flags, mode_t mode) {
    return __real_openat(at, path, flags, mode);
}

int __capsock_utimensat(int at, const char *path, const struct timespec times[2], int flags) {
    return __real_utimensat(at, path, times, flags);
}

/* How much of a regular file is after its position. */
long long __capsock_real_rest(int fd) {
    struct stat status;
    if (__real_fstat(fd, &status) < 0)
        return -1;
    off_t position = __real_lseek(fd, 0, SEEK_CUR);
    if (position < 0) {
        errno = ENOTTY;
        return -1;
    }
    return status.st_size > position ? status.st_size - position : 0;
}

int __capsock_inode(int fd, unsigned long long *inode) {
    struct stat status;
    if (__real_fstat(fd, &status) < 0)
        return -1;
    *inode = status.st_ino;
    return 0;
}

/* What fstat(2) tells of what libc has not opened; the kinds are those of file.rs. */
void __capsock_fill_stat(struct stat *status, int kind) {
    static const mode_t modes[] = {S_IFIFO | 0600, S_IFCHR | 0666, S_IFSOCK | 0777, S_IFREG | 0444, 0600};
    *status = (struct stat){.st_mode = modes[kind], .st_nlink = 1, .st_blksize = 4096};
}

int __wrap_timerfd_create(clockid_t clock, int flags) {
    return __capsock_timerfd_create(clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC ? clock : -1, flags);
}
