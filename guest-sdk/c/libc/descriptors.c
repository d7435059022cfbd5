/* What is variadic in C, or of libc's own types: the rest is Rust's, in ../src. */
#define __capsock_of_libc__
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* What ../src knows by Linux's numbers is what is translated; of the rest nothing comes
   of it in WASI either. */
static const struct { int of_linux, of_libc; } flags_of_open[] = {
    {O_APPEND, LIBC_APPEND},       {O_CREAT, LIBC_CREAT}, {O_DIRECTORY, LIBC_DIRECTORY},
    {O_EXCL, LIBC_EXCL},           {O_NOFOLLOW, LIBC_NOFOLLOW}, {O_NONBLOCK, LIBC_NONBLOCK},
    {O_TRUNC, LIBC_TRUNC},         {O_SYNC & ~O_DSYNC, LIBC_SYNC}, {O_DSYNC, LIBC_DSYNC},
    {O_PATH, LIBC_SEARCH},
};
enum { FLAGS_OF_OPEN = sizeof flags_of_open / sizeof *flags_of_open };

static int to_libc(int flags) {
    static const int modes[] = {LIBC_RDONLY, LIBC_WRONLY, LIBC_RDONLY | LIBC_WRONLY, 0};
    int translated = flags & O_PATH ? 0 : modes[flags & O_ACCMODE];
    for (int at = 0; at < FLAGS_OF_OPEN; at++)
        if (flags & flags_of_open[at].of_linux)
            translated |= flags_of_open[at].of_libc;
    return translated;
}

static int to_linux(int flags) {
    int translated = flags & LIBC_WRONLY ? (flags & LIBC_RDONLY ? O_RDWR : O_WRONLY) : O_RDONLY;
    for (int at = 0; at < FLAGS_OF_OPEN; at++)
        if (flags & flags_of_open[at].of_libc)
            translated |= flags_of_open[at].of_linux;
    return translated;
}

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

void __capsock_set_errno(int number) { errno = number; }
int __capsock_errno(void) { return errno; }
void __capsock_set_h_errno(int number) { h_errno = number; }

/* Of these the argument is a number; of the rest, which fail, it is not looked at. */
static int has_number(int command) {
    return command == F_SETFD || command == F_SETFL || command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

int __capsock_linux_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    int argument = has_number(command) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return __capsock_fcntl(fd, command, argument);
}

int __wrap_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    int argument = has_number(command) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    int result = __capsock_fcntl(fd, command, command == F_SETFL ? to_linux(argument) : argument);
    return command == F_GETFL && result >= 0 ? to_libc(result) : result;
}

int __capsock_real_fcntl(int fd, int command, int argument) {
    int result = __real_fcntl(fd, command, command == F_SETFL ? to_libc(argument) : argument);
    return command == F_GETFL && result >= 0 ? to_linux(result) : result;
}

int __wrap_ioctl(int fd, int request, ...) {
    va_list arguments;
    va_start(arguments, request);
    /* Every request that is known has a pointer. */
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return __capsock_ioctl(fd, request, argument);
}

int __capsock_linux_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return __capsock_open(path, flags, mode);
}

int __wrap_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & LIBC_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return __capsock_open(path, to_linux(flags), mode);
}

int __wrap_creat(const char *path, mode_t mode) {
    return __capsock_open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* What libc makes of an open without a mode. */
int __wrap___wasilibc_open_nomode(const char *path, int flags) { return __capsock_open(path, to_linux(flags), 0); }

int __capsock_real_open(const char *path, int flags, mode_t mode) { return __real_open(path, to_libc(flags), mode); }

int __capsock_linux_openat(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return __capsock_openat(at, path, flags, mode);
}

int __wrap_openat(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & LIBC_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return __capsock_openat(at, path, to_linux(flags), mode);
}

int __capsock_real_openat(int at, const char *path, int flags, mode_t mode) {
    return __real_openat(at, path, to_libc(flags), mode);
}

/* Of freopen(3): the number of one becomes the other's. */
int __wrap___wasilibc_fd_renumber(int from, int to) {
    if (dup2(from, to) < 0)
        return -1;
    close(from);
    return 0;
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
    static const mode_t modes[] = {S_IFIFO | 0600, S_IFCHR | 0666, S_IFSOCK | 0777, S_IFREG | 0444, 0600, S_IFREG | 0777};
    *status = (struct stat){.st_mode = modes[kind], .st_nlink = 1, .st_blksize = 4096};
}

int __capsock_is_untyped(const struct stat *status) { return (status->st_mode & S_IFMT) == 0; }

/* What stat(2) tells of the file of a Unix socket. */
void __capsock_fill_socket(struct stat *status, unsigned long long device, unsigned long long inode, unsigned mode,
                           unsigned owner, unsigned group) {
    *status = (struct stat){
        .st_dev = device, .st_ino = inode, .st_mode = S_IFSOCK | mode, .st_nlink = 1, .st_uid = owner, .st_gid = group, .st_blksize = 4096,
    };
}

/* And of a regular file. */
void __capsock_fill_file(struct stat *status, unsigned long long size, unsigned long long inode,
                         unsigned long long links, const long long times[3]) {
    status->st_size = size;
    status->st_blocks = (size + 511) / 512;
    status->st_ino = inode;
    status->st_nlink = links;
    status->st_atim.tv_sec = times[0];
    status->st_mtim.tv_sec = times[1];
    status->st_ctim.tv_sec = times[2];
}

int __wrap_timerfd_create(clockid_t clock, int flags) {
    return __capsock_timerfd_create(clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC ? clock : -1, flags);
}
