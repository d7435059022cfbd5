/* Numbers of descriptors, files, and stdio on sockets. */
#include "say.h"
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

void duplicates(void) {
    int fd, copy, pair[2];
    char buffer[8];
    GET(fd, socket(AF_UNIX, SOCK_STREAM, 0));
    GET(copy, dup(fd));
    SAY(fcntl(fd, F_SETFL, O_NONBLOCK));
    IS(fcntl(copy, F_GETFL) & O_NONBLOCK);
    SAY(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SAY(fcntl(fd, F_GETFD));
    SAY(fcntl(copy, F_GETFD));
    SAY(dup2(fd, 10));
    SAY(fcntl(10, F_GETFD));
    SAY(dup2(fd, fd));
    SAY(dup2(fd, -1));
    SAY(dup2(999, 5));
    SAY(dup3(fd, 11, 0));
    SAY(dup3(fd, fd, 0));
    SAY(fcntl(fd, F_DUPFD, 10));
    SAY(fcntl(fd, F_DUPFD_CLOEXEC, 20));
    SAY(fcntl(20, F_GETFD));
    SAY(fcntl(fd, F_DUPFD, -1));
    SAY(fcntl(fd, 424242, 0));
    SAY(close(fd));
    SAY(dup(999));
    GET(fd, socket(AF_UNIX, SOCK_STREAM, 0));
    SAY(close(copy));
    SAY(close(10));
    SAY(close(11));
    /* A connection ends with its last number. */
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    GET(copy, dup(pair[0]));
    SAY(close(pair[0]));
    SAY(write(copy, "open", 4));
    SAY(read(pair[1], buffer, sizeof buffer));
    SAY(dup2(pair[1], copy));
    SAY(read(pair[1], buffer, sizeof buffer));
    /* Standard output can be one. */
    int saved = dup(1), ends[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    fflush(stdout);
    dup2(ends[0], 1);
    printf("redirected");
    fflush(stdout);
    dup2(saved, 1);
    SAY(read(ends[1], buffer, 5));
    SAY(memcmp(buffer, "redir", 5));
    struct rusage usage;
    SAY(getrusage(RUSAGE_SELF, &usage));
    IS(usage.ru_maxrss > 0 && usage.ru_utime.tv_usec < 1000000);
    SAY(getrusage(RUSAGE_CHILDREN, &usage));
    IS(usage.ru_maxrss == 0);
    SAY(getrusage(99, &usage));
    /* There may be fewer than there are. */
    struct rlimit limit, too_much;
    SAY(getrlimit(RLIMIT_NOFILE, &limit));
    too_much = limit;
    limit.rlim_cur = 20;
    SAY(setrlimit(RLIMIT_NOFILE, &limit));
    int last, count = 0;
    while ((last = dup(0)) >= 0)
        count = last;
    printf("%s after %d\n", errno_name(errno), count);
    SAY(fcntl(0, F_DUPFD, 20));
    SAY(dup2(0, 20));
    SAY(dup2(0, 19));
    SAY(socket(AF_INET, SOCK_STREAM, 0));
    SAY(pipe(ends));
    too_much.rlim_cur = 20;
    too_much.rlim_max = 10;
    SAY(setrlimit(RLIMIT_NOFILE, &too_much));
    SAY(getrlimit(RLIMIT_NOFILE, &limit));
    printf("%d\n", (int)limit.rlim_cur);
    limit.rlim_cur = 0;
    SAY(setrlimit(RLIMIT_NOFILE, &limit));
    SAY(dup(0));
    SAY(fcntl(0, F_DUPFD, 0));
}

/* The mode, and what a descriptor keeps of the rest. */
static void say_flags(const char *what, int fd) {
    int flags = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);
    printf("%s: %#o, close on exec %d\n", what, flags & (O_ACCMODE | O_APPEND | O_NONBLOCK), descriptor);
}

void opening(void) {
    int fd, other, ends[2], port;
    struct sockaddr_storage address;
    FILE *stream;
    char name[PATH_MAX];
    const char *path = in_directory("file");
    printf("%d %d %d %d\n", O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE);
    printf("%#o %#o %#o %#o\n", O_CREAT, O_EXCL, O_TRUNC, O_APPEND);
    printf("%#o %#o %#o %#o\n", O_NONBLOCK, O_NOCTTY, O_SYNC, O_DSYNC);
    printf("%#o %#o %#o %#o\n", O_CLOEXEC, O_DIRECT, O_NOATIME, O_PATH);
    printf("%#o %#o %#o %#o\n", O_ASYNC, O_RSYNC, O_TMPFILE, O_LARGEFILE);
    printf("%d %d\n", O_NDELAY == O_NONBLOCK, O_DIRECTORY | O_NOFOLLOW);
    printf("%#o %#o %#o\n", EFD_NONBLOCK, TFD_NONBLOCK, SOCK_NONBLOCK);
    printf("%#o %#o %#o %#o\n", EFD_CLOEXEC, TFD_CLOEXEC, SOCK_CLOEXEC, EPOLL_CLOEXEC);
    GET(fd, open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    say_flags("to write", fd);
    SAY(write(fd, "abc", 3));
    SAY(read(fd, name, 1));
    SAY(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    say_flags("to append", fd);
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(write(fd, "d", 1));
    GET(other, dup3(fd, 40, O_CLOEXEC));
    say_flags("the same", other);
    SAY(dup3(fd, 41, O_NONBLOCK));
    SAY(fcntl(fd, F_SETFL, 0));
    say_flags("neither", other);
    SAY(close(other));
    SAY(close(fd));
    GET(fd, open(path, O_RDONLY));
    say_flags("to read", fd);
    SAY(read(fd, name, 10));
    SAY(write(fd, "x", 1));
    SAY(close(fd));
    SAY(open(path, O_RDONLY | O_DIRECTORY));
    SAY(symlink("file", in_directory("link")));
    SAY(open(in_directory("link"), O_RDONLY | O_NOFOLLOW));
    GET(fd, open(path, O_RDWR | O_TRUNC));
    say_flags("both", fd);
    SAY(read(fd, name, 10));
    SAY(close(fd));
    GET(fd, creat(in_directory("made"), 0600));
    say_flags("made", fd);
    SAY(close(fd));
    /* By libc's own functions. */
    stream = fopen(path, "a+");
    say_flags("a+", fileno(stream));
    fputs("line", stream);
    SAY(fclose(stream));
    stream = fopen(path, "r");
    say_flags("r", fileno(stream));
    IS(fgets(name, sizeof name, stream) && !strcmp(name, "line"));
    SAY(fclose(stream));
    IS(fopen(path, "wx") == NULL && errno == EEXIST);
    /* libc's own number of O_APPEND is that of O_WRONLY. */
    GET(fd, open(path, O_WRONLY));
    stream = fdopen(fd, "a");
    say_flags("fdopen", fd);
    fputs(" and another", stream);
    SAY(fclose(stream));
    snprintf(name, sizeof name, "%s/XXXXXX", directory);
    fd = mkostemp(name, O_APPEND | O_CLOEXEC);
    say_flags("temporary", fd);
    SAY(close(fd));
    /* The mode is not the caller's. */
    snprintf(name, sizeof name, "%s/XXXXXX", directory);
    fd = mkostemp(name, O_WRONLY);
    say_flags("temporary", fd);
    SAY(close(fd));
    SAY(pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    say_flags("reader", ends[0]);
    say_flags("writer", ends[1]);
    SAY(pipe2(ends, O_APPEND));
    GET(fd, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    say_flags("eventfd", fd);
    GET(fd, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    say_flags("timerfd", fd);
    GET(fd, epoll_create1(EPOLL_CLOEXEC));
    say_flags("epoll", fd);
    GET(fd, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    say_flags("socket", fd);
    GET(fd, open("/dev/null", O_RDWR | O_CLOEXEC));
    say_flags("/dev/null", fd);
    GET(fd, open("/dev/null", O_RDONLY));
    say_flags("/dev/null to read", fd);
    SAY(write(fd, "x", 1));
    GET(fd, open("/dev/zero", O_WRONLY | O_NONBLOCK));
    say_flags("/dev/zero to write", fd);
    SAY(read(fd, name, 1));
    SAY(write(fd, "x", 1));
    /* What is taken no notice of, and what is refused. */
    GET(fd, open(path, O_RDWR | O_NOCTTY | O_NOATIME | O_LARGEFILE));
    say_flags("without notice", fd);
    SAY(fcntl(fd, F_SETFL, O_APPEND | O_RDONLY | O_CREAT | O_EXCL | O_TRUNC));
    say_flags("to append", fd);
    SAY(fcntl(fd, F_SETFL, O_SYNC | O_DIRECTORY));
    say_flags("not to append", fd);
    SAY(chdir(directory));
    SAY(open("", O_RDONLY));
    IS(fopen("", "r") == NULL && errno == ENOENT);
    SAY(open(directory, O_RDWR));
    SAY(open(directory, O_TMPFILE | O_RDONLY, 0600));
    GET(other, open(directory, O_PATH | O_DIRECTORY));
    SAY(openat(other, ".", O_TMPFILE | O_RDONLY, 0600));
    SAY(openat(other, "", O_RDONLY));
    GET(fd, openat(other, "made", O_WRONLY | O_APPEND | O_CLOEXEC));
    say_flags("beneath", fd);
    SAY(openat(other, "made", O_WRONLY | O_CREAT | O_EXCL, 0600));
    SAY(socket(AF_INET, SOCK_STREAM | O_APPEND, 0));
    SAY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
    say_flags("of a pair", ends[1]);
    fd = listener(AF_INET, &port);
    SAY(fcntl(fd, F_SETFL, O_NONBLOCK));
    say_flags("listener", fd);
    SAY(accept4(fd, NULL, NULL, O_APPEND));
    SAY(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    address = loopback(AF_INET, port);
    GET(other, socket(AF_INET, SOCK_STREAM, 0));
    SAY(connect(other, (struct sockaddr *)&address, size_of_family(AF_INET)));
    SAY(fcntl(fd, F_SETFL, 0));
    GET(other, accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    say_flags("accepted", other);
    SAY(eventfd(0, O_APPEND));
    SAY(timerfd_create(CLOCK_MONOTONIC, O_APPEND));
    SAY(epoll_create1(O_NONBLOCK));
}

void files(void) {
    int fd, at;
    char buffer[32];
    struct stat status;
    const char *path = in_directory("file");
    GET(fd, open(path, O_RDWR | O_CREAT | O_TRUNC, 0600));
    SAY(write(fd, "0123456789", 10));
    SAY(lseek(fd, 2, SEEK_SET));
    SAY(read(fd, buffer, 3));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(pread(fd, buffer, 4, 6));
    SAY(pwrite(fd, "ab", 2, 0));
    struct iovec parts[2] = {{"xy", 2}, {"z", 1}}, rooms[2] = {{buffer, 2}, {buffer + 2, 8}};
    SAY(writev(fd, parts, 2));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(readv(fd, rooms, 2));
    SAY(memcmp(buffer, "ab234xyz89", 10));
    SAY(fstat(fd, &status));
    IS(S_ISREG(status.st_mode));
    printf("size %lld\n", (long long)status.st_size);
    SAY(ftruncate(fd, 4));
    SAY(fsync(fd));
    SAY(lseek(fd, 0, SEEK_END));
    SAY(lseek(fd, -9, SEEK_SET));
    SAY(isatty(fd));
    SAY(recv(fd, buffer, 1, 0));
    SAY(getsockname(fd, NULL, NULL));
    SAY(close(fd));
    SAY(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
    SAY(open(in_directory("absent"), O_RDONLY));
    GET(fd, open(directory, O_RDONLY | O_DIRECTORY));
    GET(at, openat(fd, "file", O_RDONLY));
    SAY(read(at, buffer, sizeof buffer));
    SAY(fstatat(fd, "file", &status, 0));
    SAY(openat(at, "file", O_RDONLY));
    SAY(mkdirat(fd, "inner", 0700));
    DIR *stream = fdopendir(fd);
    int count = 0;
    while (readdir(stream))
        count++;
    IS(count >= 4);
    IS(dirfd(stream) == fd);
    SAY(closedir(stream));
    SAY(close(fd));
    SAY(close(at));
    stream = opendir(in_directory("inner"));
    IS(stream && dirfd(stream) >= 3);
    SAY(closedir(stream));
    SAY(rmdir(in_directory("inner")));
    SAY(unlink(path));
    SAY(unlink(path));
    GET(fd, open("/dev/null", O_RDWR));
    SAY(read(fd, buffer, 1));
    SAY(write(fd, buffer, 5));
    SAY(fstat(fd, &status));
    IS(S_ISCHR(status.st_mode));
    SAY(close(fd));
    SAY(stat("/dev/null", &status));
    IS(S_ISCHR(status.st_mode));
    SAY(fstatat(AT_FDCWD, "/dev/zero", &status, 0));
    IS(S_ISCHR(status.st_mode));
    SAY(access("/dev/null", R_OK | W_OK));
    SAY(access("/dev/null", X_OK));
    SAY(stat("/etc/resolv.conf", &status));
    IS(S_ISREG(status.st_mode));
    SAY(stat("/dev/none", &status));
    GET(fd, open("/dev/urandom", O_RDONLY));
    SAY(read(fd, buffer, 32));
    SAY(close(fd));
    FILE *resolver = fopen("/etc/resolv.conf", "r");
    IS(resolver != NULL);
    if (resolver)
        fclose(resolver);
    int temporary = mkstemp(strcpy(buffer, "/tmp/none-XXXXX"));
    SAY(temporary);
}

void streams(void) {
    int pair[2];
    char line[64];
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    FILE *out = fdopen(pair[0], "w"), *in = fdopen(pair[1], "r");
    IS(fileno(in) == pair[1]);
    SAY(fprintf(out, "line %d\nsecond\n", 1));
    SAY(fflush(out));
    printf("%s", fgets(line, sizeof line, in));
    printf("%s", fgets(line, sizeof line, in));
    for (int at = 0; at < 10000; at++)
        fputc('a' + at % 26, out);
    fputc('\n', out);
    SAY(fflush(out));
    int sum = 0, letter;
    while ((letter = fgetc(in)) != '\n')
        sum += letter;
    printf("sum %d\n", sum);
    SAY(fclose(out));
    SAY(fgetc(in));
    IS(feof(in));
    SAY(fclose(in));
    SAY(close(pair[1]));
    SAY(dprintf(1, "dprintf\n"));
}

void sending_files(void) {
    int fd, pair[2];
    off_t offset = 4;
    char buffer[64];
    connection(AF_INET, pair);
    GET(fd, open(in_directory("sent"), O_RDWR | O_CREAT | O_TRUNC, 0600));
    SAY(write(fd, "the file that is sent", 21));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(sendfile(pair[0], fd, NULL, 8));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(read(pair[1], buffer, sizeof buffer));
    SAY(memcmp(buffer, "the file", 8));
    SAY(sendfile(pair[0], fd, &offset, 100));
    printf("offset %lld\n", (long long)offset);
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(recv(pair[1], buffer, 17, MSG_WAITALL));
    SAY(memcmp(buffer, "file that is sent", 17));
    SAY(sendfile(pair[0], fd, &offset, 100));
    SAY(sendfile(pair[0], pair[1], NULL, 1));
    SAY(sendfile(pair[0], 999, NULL, 1));
    SAY(sendfile(999, fd, NULL, 1));
    SAY(close(fd));
    SAY(unlink(in_directory("sent")));
}

void memory_files(void) {
    int fd, other, pair[2];
    char buffer[64], name[251];
    off_t offset = 2;
    struct stat status;
    GET(fd, memfd_create("text", MFD_CLOEXEC));
    SAY(fcntl(fd, F_GETFD));
    SAY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
    SAY(read(fd, buffer, sizeof buffer));
    SAY(write(fd, "in memory", 9));
    SAY(lseek(fd, 0, SEEK_CUR));
    SAY(read(fd, buffer, sizeof buffer));
    SAY(pread(fd, buffer, sizeof buffer, 3));
    IS(memcmp(buffer, "memory", 6) == 0);
    SAY(pread(fd, buffer, sizeof buffer, 100));
    SAY(pread(fd, buffer, sizeof buffer, -1));
    SAY(pwrite(fd, "IN", 2, 0));
    SAY(pwrite(fd, "far", 3, 20));
    SAY(pwrite(fd, buffer, 0, 100));
    SAY(fstat(fd, &status));
    IS(S_ISREG(status.st_mode) && (status.st_mode & 0777) == 0777);
    printf("%lld bytes, %d links\n", (long long)status.st_size, (int)status.st_nlink);
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(ioctl(fd, FIONREAD, &other) == 0 ? other : -1);
    struct iovec parts[] = {{buffer, 4}, {buffer + 4, 60}};
    SAY(readv(fd, parts, 2));
    IS(memcmp(buffer, "IN memory\0\0\0\0\0\0\0\0\0\0\0far", 23) == 0);
    SAY(preadv(fd, parts, 2, 15));
    SAY(pwritev(fd, parts, 1, 40));
    SAY(lseek(fd, -4, SEEK_END));
    SAY(lseek(fd, -1, SEEK_SET));
    SAY(lseek(fd, 0, 77));
    SAY(lseek(fd, 1000, SEEK_SET));
    SAY(read(fd, buffer, 1));
    SAY(ftruncate(fd, 5));
    SAY(ftruncate(fd, 12));
    SAY(ftruncate(fd, -1));
    SAY(pread(fd, buffer, sizeof buffer, 0));
    IS(memcmp(buffer, "IN me\0\0\0\0\0\0", 12) == 0);
    DO(posix_fallocate(fd, 10, 10));
    DO(posix_fallocate(fd, 10, 0));
    SAY(lseek(fd, 0, SEEK_END));
    SAY(fsync(fd));
    SAY(fdatasync(fd));
    SAY(isatty(fd));

    /* A duplicate has the same position, and the same file. */
    GET(other, dup(fd));
    SAY(lseek(fd, 3, SEEK_SET));
    SAY(read(other, buffer, 2));
    IS(memcmp(buffer, "me", 2) == 0);
    SAY(fcntl(other, F_SETFL, O_APPEND));
    SAY(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND));
    SAY(write(fd, "end", 3));
    SAY(lseek(other, 0, SEEK_CUR));
    SAY(fcntl(other, F_SETFL, 0));
    SAY(close(fd));
    SAY(pread(other, buffer, sizeof buffer, 18));
    IS(memcmp(buffer, "\0\0end", 5) == 0);

    /* It is always ready. */
    struct pollfd waited = {.fd = other, .events = POLLIN | POLLOUT};
    SAY(poll(&waited, 1, 0));
    printf("%d\n", waited.revents);
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    SAY(epoll_ctl(set, EPOLL_CTL_ADD, other, &event));
    close(set);

    connection(AF_INET, pair);
    SAY(lseek(other, 0, SEEK_SET));
    SAY(sendfile(pair[0], other, NULL, 2));
    SAY(sendfile(pair[0], other, &offset, 100));
    SAY(lseek(other, 0, SEEK_CUR));
    printf("offset %lld\n", (long long)offset);
    SAY(recv(pair[1], buffer, 23, MSG_WAITALL));
    IS(memcmp(buffer, "IN me", 5) == 0);

    FILE *stream = fdopen(other, "r+");
    SAY(fseek(stream, 0, SEEK_END));
    SAY(fprintf(stream, "%d\n", 5));
    rewind(stream);
    SAY(fread(buffer, 1, sizeof buffer, stream));
    SAY(ftruncate(fileno(stream), 0));
    SAY(fclose(stream));

    /* As much as there is memory for. */
    GET(fd, memfd_create("", 0));
    SAY(fcntl(fd, F_GETFD));
    static char block[1 << 16];
    memset(block, 'x', sizeof block);
    long long sum = 0;
    for (int count = 0; count < 256; count++)
        sum += write(fd, block, sizeof block);
    printf("%lld\n", sum);
    SAY(pread(fd, buffer, 2, (16 << 20) - 1));
    SAY(ftruncate(fd, 0));
    SAY(close(fd));

    memset(name, 'n', sizeof name);
    name[250] = 0;
    SAY(memfd_create(name, 0));
    SAY(memfd_create("no", 0x4000));
    name[249] = 0;
    GET(fd, memfd_create(name, MFD_ALLOW_SEALING));
    SAY(close(fd));
}

static volatile sig_atomic_t handled;
static void handler(int number) { handled = number; }

static volatile sig_atomic_t again;
static void raise_again(int number) {
    raise(SIGUSR1);
    if (++again < 3)
        raise(number);
    printf("in it: again %d\n", (int)again);
}

void signals(void) {
    struct sigaction action = {.sa_handler = handler}, old;
    sigset_t set, before;
    SAY(sigaction(SIGUSR1, &action, &old));
    IS(old.sa_handler == SIG_DFL);
    SAY(raise(SIGUSR1));
    printf("handled %d\n", handled == SIGUSR1);
    handled = 0;
    SAY(sigemptyset(&set));
    SAY(sigaddset(&set, SIGUSR1));
    SAY(sigismember(&set, SIGUSR1));
    SAY(sigismember(&set, SIGUSR2));
    SAY(sigprocmask(SIG_BLOCK, &set, &before));
    SAY(kill(getpid(), SIGUSR1));
    printf("handled %d\n", (int)handled);
    sigset_t waiting;
    SAY(sigpending(&waiting));
    SAY(sigismember(&waiting, SIGUSR1));
    SAY(sigprocmask(SIG_SETMASK, &before, NULL));
    printf("handled %d\n", handled == SIGUSR1);
    IS(signal(SIGUSR1, SIG_IGN) == handler);
    SAY(raise(SIGUSR1));
    SAY(sigaction(SIGKILL, &action, NULL));
    SAY(sigaction(999, &action, NULL));
    SAY(raise(0));
    SAY(kill(getpid(), 0));
    SAY(kill(getpid(), 999));
    /* What is blocked waits for who asks for it. */
    siginfo_t info;
    struct timespec none = {0, 0}, moment = {0, 1000000}, wrong = {0, 1000000000};
    SAY(sigaction(SIGUSR1, &action, NULL));
    SAY(sigprocmask(SIG_BLOCK, &set, NULL));
    SAY(sigtimedwait(&set, NULL, &none));
    SAY(sigtimedwait(&set, NULL, &moment));
    SAY(sigtimedwait(&set, NULL, &wrong));
    handled = 0;
    SAY(raise(SIGUSR1));
    IS(sigtimedwait(&set, &info, &none) == SIGUSR1 && info.si_signo == SIGUSR1);
    SAY(raise(SIGUSR1));
    int number;
    SAY(sigwait(&set, &number));
    IS(number == SIGUSR1);
    SAY(raise(SIGUSR1));
    IS(sigwaitinfo(&set, NULL) == SIGUSR1);
    printf("handled %d\n", (int)handled);
    /* The handler of what sigsuspend(2) lets in is called before it waits. */
    sigset_t open_set;
    sigemptyset(&open_set);
    SAY(raise(SIGUSR1));
    SAY(sigsuspend(&open_set));
    printf("handled %d\n", handled == SIGUSR1);
    SAY(sigpending(&waiting));
    SAY(sigismember(&waiting, SIGUSR1));
    SAY(sigprocmask(SIG_BLOCK, NULL, &waiting));
    SAY(sigismember(&waiting, SIGUSR1));
    SAY(sigprocmask(999, &set, NULL));
    /* What a wait lets in ends it. */
    SAY(raise(SIGUSR1));
    SAY(pselect(0, NULL, NULL, NULL, NULL, &open_set));
    SAY(pselect(0, NULL, NULL, NULL, &moment, &open_set));
    SAY(raise(SIGUSR1));
    SAY(ppoll(NULL, 0, NULL, &open_set));
    SAY(ppoll(NULL, 0, &moment, &set));
    SAY(raise(SIGUSR1));
    struct epoll_event event;
    int polls;
    GET(polls, epoll_create1(0));
    SAY(epoll_pwait(polls, &event, 1, -1, &open_set));
    SAY(epoll_pwait(polls, &event, 1, 1, &open_set));
    SAY(close(polls));
    /* A handler may raise what it blocks, and what its mask blocks. */
    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = raise_again, .sa_mask = set}, NULL);
    SAY(sigprocmask(SIG_UNBLOCK, &set, NULL));
    handled = 0;
    SAY(raise(SIGUSR2));
    printf("again %d, handled %d\n", (int)again, (int)handled);
    SAY(siginterrupt(SIGUSR1, 0));
    SAY(sigaction(SIGUSR1, NULL, &old));
    IS(old.sa_flags & SA_RESTART);
    SAY(siginterrupt(999, 0));
}

/* The names of a stream, in their order. */
static void say_names(DIR *stream) {
    char names[8][NAME_MAX + 1];
    int count = 0;
    struct dirent *entry;
    while ((entry = readdir(stream)) && count < 8)
        snprintf(names[count++], sizeof *names, "%s", entry->d_name);
    qsort(names, count, sizeof *names, (int (*)(const void *, const void *))strcmp);
    for (int at = 0; at < count; at++)
        printf("%s\n", names[at]);
}

/* A directory by its number, which several lead to. */
void directories(void) {
    int fd, other;
    DIR *stream;
    struct stat status;
    struct timespec times[2] = {{1000000000, 0}, {1100000000, 0}};
    const char *path = in_directory("inner");
    SAY(mkdir(path, 0700));
    GET(fd, open(path, O_RDONLY | O_DIRECTORY));
    GET(other, openat(fd, "one", O_WRONLY | O_CREAT, 0600));
    SAY(close(other));
    GET(other, openat(fd, "two", O_WRONLY | O_CREAT, 0600));
    SAY(close(other));
    GET(other, dup(fd));
    stream = fdopendir(other);
    IS(stream != NULL && dirfd(stream) == other);
    say_names(stream);
    rewinddir(stream);
    say_names(stream);
    SAY(closedir(stream));
    SAY(fcntl(other, F_GETFD));
    /* The first one is there still. */
    SAY(fstatat(fd, "one", &status, 0));
    SAY(utimensat(fd, "one", times, 0));
    SAY(fstatat(fd, "one", &status, 0));
    printf("%lld\n", (long long)status.st_mtime);
    SAY(unlinkat(fd, "one", 0));
    SAY(unlinkat(fd, "two", 0));
    SAY(close(fd));
    SAY(utimensat(AT_FDCWD, path, times, 0));
    SAY(stat(path, &status));
    printf("%lld\n", (long long)status.st_mtime);
    SAY(utimensat(AT_FDCWD, in_directory("absent"), times, 0));
    SAY(fdopendir(fd) == NULL ? -1 : 0);
    SAY(access(path, R_OK | X_OK));
    SAY(access(in_directory("absent"), F_OK));
    SAY(rmdir(path));
}
