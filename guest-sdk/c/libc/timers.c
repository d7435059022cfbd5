/* Timers that raise SIGALRM, where the program waits or calls the SDK: nothing interrupts
   one that computes. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

/* Of src/thread/alarm.rs, in microseconds. */
struct alarm { uint64_t left, interval; };
extern void __capsock_alarm(const struct alarm *new, struct alarm *old);

WEAK unsigned alarm(unsigned seconds) {
    struct alarm new = {(uint64_t)seconds * 1000000, 0}, old;
    __capsock_alarm(&new, &old);
    /* A part of a second is one: 0 is that none was set. */
    return (unsigned)((old.left + 999999) / 1000000);
}

WEAK useconds_t ualarm(useconds_t time, useconds_t interval) {
    struct alarm new = {time, interval}, old;
    __capsock_alarm(&new, &old);
    return (useconds_t)old.left;
}

static int is_time(const struct timeval *time) { return time->tv_sec >= 0 && time->tv_usec >= 0 && time->tv_usec < 1000000; }
static uint64_t of(const struct timeval *time) { return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec; }
static struct timeval to(uint64_t time) { return (struct timeval){(time_t)(time / 1000000), (suseconds_t)(time % 1000000)}; }

/* Computing time cannot be told while a program computes. */
WEAK int setitimer(int which, const struct itimerval *restrict value, struct itimerval *restrict old) {
    struct alarm new = {0, 0}, before;
    if (which < ITIMER_REAL || which > ITIMER_PROF || (value && !(is_time(&value->it_value) && is_time(&value->it_interval)))) {
        errno = EINVAL;
        return -1;
    }
    if (value)
        new = (struct alarm){of(&value->it_value), of(&value->it_interval)};
    if (which != ITIMER_REAL) {
        if (new.left) {
            errno = ENOSYS;
            return -1;
        }
        if (old)
            memset(old, 0, sizeof *old);
        return 0;
    }
    __capsock_alarm(value ? &new : NULL, &before);
    if (old)
        *old = (struct itimerval){.it_interval = to(before.interval), .it_value = to(before.left)};
    return 0;
}

WEAK int getitimer(int which, struct itimerval *value) { return setitimer(which, NULL, value); }

WEAK int settimeofday(const struct timeval *time, const struct timezone *zone) { (void)time; (void)zone; errno = EPERM; return -1; }

/* A guest has no time zones. */
WEAK char *tzname[2] = {(char *)"UTC", (char *)"UTC"};
WEAK long timezone = 0;
WEAK int daylight = 0;
WEAK void tzset(void) {}
