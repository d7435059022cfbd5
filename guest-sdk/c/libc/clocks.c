/* clock_gettime(2) and its kin, by Linux's numbers of the clocks. A guest cannot know
   how long it has used a processor. */
#include <errno.h>
#include <time.h>

#define WEAK __attribute__((weak))

/* libc's clocks are pointers, and it calls these functions with them. */
typedef const struct __clockid *clock_of_libc;

int __real_clock_gettime(clock_of_libc, struct timespec *);
int __real_clock_getres(clock_of_libc, struct timespec *);

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

WEAK int clock_settime(clockid_t clock, const struct timespec *time) { (void)clock; (void)time; return fail(EPERM); }
