/* cannot DIRECTORY: what a guest cannot have is there to link, and fails: a line for each
   function. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <pty.h>
#include <pwd.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define FAILS(call, error)                                                          \
    do {                                                                            \
        errno = 0;                                                                  \
        long long result = (long long)(call);                                       \
        if (result != -1 || errno != error)                                         \
            printf("%s = %lld, errno %d (%s), not %s\n", #call, result, errno, strerror(errno), #error); \
        else                                                                        \
            printf("%s: %s\n", #call, #error);                                      \
    } while (0)

#define IS(condition) printf("%s%s\n", #condition, (condition) ? "" : ": no")

int main(int count, char **arguments) {
    const char *directory = arguments[count - 1];
    char *const none[] = {NULL};
    char file[PATH_MAX];
    struct termios terminal;
    struct rlimit limit = {5, 5};
    struct itimerval soon = {.it_value = {1, 0}};
    sigset_t set;
    int controller, controlled;
    snprintf(file, sizeof file, "%s/file", directory);
    FAILS(fork(), ENOSYS);
    FAILS(vfork(), ENOSYS);
    FAILS(execv("/bin/true", none), ENOSYS);
    FAILS(execvp("true", none), ENOSYS);
    FAILS(execl("/bin/true", "true", NULL), ENOSYS);
    FAILS(daemon(0, 0), ENOSYS);
    FAILS(system("true"), ENOSYS);
    IS(system(NULL) == 0);
    IS(popen("true", "r") == NULL && errno == ENOSYS);
    FAILS(wait(NULL), ECHILD);
    FAILS(waitpid(-1, NULL, WNOHANG), ECHILD);
    FAILS(kill(1, SIGTERM), ESRCH);
    FAILS(setsid(), EPERM);
    FAILS(nice(1), EPERM);
    FAILS(chroot("/"), EPERM);
    FAILS(prctl(PR_SET_NAME, "name"), EINVAL);
    FAILS(setuid(0), EPERM);
    FAILS(setgid(0), EPERM);
    FAILS(setgroups(0, NULL), EPERM);
    FAILS(chown("/tmp", 0, 0), ENOSYS);
    IS(getuid() == 65534 && geteuid() == 65534);
    IS(getpwuid(getuid()) == NULL);
    IS(getgrnam("root") == NULL);
    FAILS(setrlimit(RLIMIT_AS, &limit), EPERM);
    IS(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 4096);
    FAILS(flock(0, LOCK_EX), ENOSYS);
    FAILS(msync(NULL, 0, MS_SYNC), ENOSYS);
    FAILS(setitimer(ITIMER_PROF, &soon, NULL), ENOSYS);
    FAILS(pause(), ENOSYS);
    FAILS(sigsuspend((sigemptyset(&set), &set)), ENOSYS);
    FAILS(clock_settime(CLOCK_REALTIME, &(struct timespec){0, 0}), EPERM);
    FAILS(tcgetattr(0, &terminal), ENOTTY);
    FAILS(openpty(&controller, &controlled, NULL, NULL, NULL), ENOSYS);
    FAILS(forkpty(&controller, NULL, NULL, NULL), ENOSYS);
    FAILS(posix_openpt(O_RDWR), ENOSYS);
    FAILS(grantpt(0), ENOTTY);
    IS(ptsname(0) == NULL && errno == ENOTTY);
    FAILS(open(directory, O_TMPFILE | O_RDWR, 0600), EISDIR);
    FAILS(open(file, O_WRONLY | O_CREAT | O_SYNC, 0600), ENOTSUP);
    FAILS(open(file, O_WRONLY | O_CREAT | O_DSYNC, 0600), ENOTSUP);
    FAILS(mkfifo("/tmp/fifo", 0600), ENOSYS);

    /* A file in memory has no more than there is, and cannot be sent. */
    int memory = memfd_create("memory", 0), pair[2];
    FAILS(ftruncate(memory, 1LL << 40), ENOSPC);
    FAILS(ftruncate(memory, 4095LL << 20), ENOSPC);
    FAILS(pwrite(memory, "x", 1, 1LL << 40), ENOSPC);
    IS(pwrite(memory, "x", 1, 1 << 20) == 1 && lseek(memory, 0, SEEK_END) == (1 << 20) + 1);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    union { struct cmsghdr header; char room[CMSG_SPACE(sizeof memory)]; } sent = {
        .header = {.cmsg_len = CMSG_LEN(sizeof memory), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS},
    };
    memcpy(CMSG_DATA(&sent.header), &memory, sizeof memory);
    struct iovec byte = {"x", 1};
    struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = &sent, .msg_controllen = sizeof sent};
    FAILS(sendmsg(pair[0], &message, 0), EACCES);
    struct ifreq interface = {.ifr_name = "lo"};
    FAILS(ioctl(pair[0], SIOCSIFFLAGS, &interface), EPERM);
    FAILS(ioctl(pair[0], SIOCADDRT, &interface), EPERM);
    IS(dlopen("libc.so.6", RTLD_NOW) == NULL && strcmp(dlerror(), "libc.so.6: a guest has no shared libraries") == 0);
    IS(dlopen(NULL, RTLD_NOW) != NULL && dlerror() == NULL);
    IS(dlsym(RTLD_DEFAULT, "puts") == NULL && dlerror() != NULL && dlerror() == NULL);
    FAILS(res_query("example.org", 1, 1, NULL, 0), ENOSYS);
    return 0;
}
