/* Limits: those of the host are not the guest's to see. */
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#define WEAK __attribute__((weak))
/* MOST of table.rs */
#define DESCRIPTORS 4096

/* Of src/table.rs. */
extern void __capsock_limit_descriptors(unsigned most);

static struct rlimit descriptors = {DESCRIPTORS, DESCRIPTORS};

WEAK int getrlimit(int resource, struct rlimit *limit) {
    if (resource < 0 || resource >= RLIM_NLIMITS) {
        errno = EINVAL;
        return -1;
    }
    if (resource == RLIMIT_NOFILE)
        *limit = descriptors;
    else
        limit->rlim_cur = limit->rlim_max = resource == RLIMIT_CORE ? 0 : RLIM_INFINITY;
    return 0;
}

/* That of descriptors may be lowered, and raised to what it may be at most. Another one
   may be set to what it is. */
WEAK int setrlimit(int resource, const struct rlimit *limit) {
    struct rlimit now;
    if (getrlimit(resource, &now))
        return -1;
    if (limit->rlim_cur > limit->rlim_max) {
        errno = EINVAL;
        return -1;
    }
    if (resource == RLIMIT_NOFILE && limit->rlim_max <= now.rlim_max) {
        descriptors = *limit;
        __capsock_limit_descriptors((unsigned)limit->rlim_cur);
        return 0;
    }
    if (limit->rlim_cur == now.rlim_cur && limit->rlim_max == now.rlim_max)
        return 0;
    errno = EPERM;
    return -1;
}

/* libc's has other numbers, and knows the first two members: what passes, of the clock. */
int __real_getrusage(int who, struct rusage *usage);
int __wrap_getrusage(int who, struct rusage *usage) {
    static const int self = 1, children = 2;
    if (who != RUSAGE_SELF && who != RUSAGE_THREAD && who != RUSAGE_CHILDREN) {
        errno = EINVAL;
        return -1;
    }
    memset(usage, 0, sizeof *usage);
    if (who != RUSAGE_CHILDREN)
        usage->ru_maxrss = (long)__builtin_wasm_memory_size(0) * 64;
    return __real_getrusage(who == RUSAGE_CHILDREN ? children : self, usage);
}

WEAK int getdtablesize(void) { return (int)descriptors.rlim_cur; }
WEAK int flock(int fd, int operation) { (void)fd; (void)operation; errno = ENOSYS; return -1; }
WEAK int lockf(int fd, int command, off_t length) { (void)fd; (void)command; (void)length; errno = ENOSYS; return -1; }
