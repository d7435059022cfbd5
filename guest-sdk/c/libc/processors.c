/* sched(7): a guest runs on one processor, and nothing is scheduled otherwise. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

static int fail(int number) {
    errno = number;
    return -1;
}

/* A process is 0, or the guest's own number. */
static int is_other(pid_t pid) { return pid != 0 && pid != getpid(); }

WEAK int sched_getcpu(void) { return 0; }

WEAK int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *processors) {
    if (is_other(pid))
        return fail(ESRCH);
    if (size < sizeof(long))
        return fail(EINVAL);
    memset(processors, 0, size);
    CPU_SET_S(0, size, processors);
    return 0;
}

/* Those that are not there do not matter, if one is. */
WEAK int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *processors) {
    if (is_other(pid))
        return fail(ESRCH);
    return CPU_ISSET_S(0, size, processors) ? 0 : fail(EINVAL);
}

WEAK int __sched_cpucount(size_t size, const cpu_set_t *processors) {
    int count = 0;
    for (size_t number = 0; number < size * 8; number++)
        count += CPU_ISSET_S(number, size, processors) != 0;
    return count;
}

WEAK int sched_getscheduler(pid_t pid) { return is_other(pid) ? fail(ESRCH) : SCHED_OTHER; }
WEAK int sched_getparam(pid_t pid, struct sched_param *parameters) {
    if (is_other(pid))
        return fail(ESRCH);
    memset(parameters, 0, sizeof *parameters);
    return 0;
}
WEAK int sched_setscheduler(pid_t pid, int policy, const struct sched_param *parameters) {
    if (is_other(pid))
        return fail(ESRCH);
    if (sched_get_priority_min(policy) < 0 || parameters->sched_priority < sched_get_priority_min(policy) ||
        parameters->sched_priority > sched_get_priority_max(policy))
        return fail(EINVAL);
    return policy == SCHED_OTHER ? 0 : fail(EPERM);
}
WEAK int sched_setparam(pid_t pid, const struct sched_param *parameters) {
    return sched_setscheduler(pid, SCHED_OTHER, parameters);
}
