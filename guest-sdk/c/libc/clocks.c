/* clock_gettime(2) and its kin, by Linux's numbers of the clocks. A guest cannot know
   how long it has used a processor. */
#include <errno.h>
#include <time.h>

#define WEAK __attribute__((weak))

/* libc's clocks are pointers, and it calls these functions with them. */
struct __clockid;
extern const struct __clockid _CLOCK_REALTIME, _CLOCK_MONOTONIC;
typedef const struct __clockid *clock_of_libc;

int __real_clock_gettime(clock_of_libc, struct timespec *);
int __real_clock_getres(clock_of_libc, struct timespec *);
int __real_clock_nanosleep(clock_of_libc, int, const struct timespec *, struct timespec *);

/* Null where there is none. */
static clock_of_libc find(clockid_t clock) {
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return &_CLOCK_REALTIME;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return &_CLOCK_MONOTONIC;
    }
    clock_of_libc pointer = (clock_of_libc)clock;
    return pointer == &_CLOCK_REALTIME || pointer == &_CLOCK_MONOTONIC ? pointer : NULL;
}

static int fail(int number) {
    errno = number;
    return -1;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time) {
    return find(clock) ? __real_clock_gettime(find(clock), time) : fail(EINVAL);
}

int __wrap_clock_getres(clockid_t clock, struct timespec *resolution) {
    return find(clock) ? __real_clock_getres(find(clock), resolution) : fail(EINVAL);
}

/* libc waits for no time of CLOCK_REALTIME: for how long it is until then. */
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest) {
    clock_of_libc found = find(clock);
    struct timespec wait = *time, now;
    if (!found)
        return EINVAL;
    if (!(flags & TIMER_ABSTIME) || found != &_CLOCK_REALTIME || wait.tv_nsec < 0 || wait.tv_nsec >= 1000000000)
        return __real_clock_nanosleep(found, flags, time, rest);
    if (__real_clock_gettime(found, &now))
        return errno;
    wait.tv_sec -= now.tv_sec;
    wait.tv_nsec -= now.tv_nsec;
    if (wait.tv_nsec < 0) {
        wait.tv_sec--;
        wait.tv_nsec += 1000000000;
    }
    return wait.tv_sec < 0 ? 0 : __real_clock_nanosleep(&_CLOCK_MONOTONIC, 0, &wait, NULL);
}

WEAK int clock_settime(clockid_t clock, const struct timespec *time) { (void)clock; (void)time; return fail(EPERM); }
