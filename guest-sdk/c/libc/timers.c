/* Timers that would raise a signal by themselves: nothing can interrupt a guest. */
#include <errno.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

/* alarm(2) cannot fail: none was set before, and errno says that none is now. */
WEAK unsigned alarm(unsigned seconds) {
    if (seconds)
        errno = ENOSYS;
    return 0;
}

WEAK int setitimer(int which, const struct itimerval *restrict value, struct itimerval *restrict old) {
    (void)which;
    if (value && (value->it_value.tv_sec || value->it_value.tv_usec)) {
        errno = ENOSYS;
        return -1;
    }
    if (old)
        memset(old, 0, sizeof *old);
    return 0;
}

WEAK int getitimer(int which, struct itimerval *value) {
    (void)which;
    memset(value, 0, sizeof *value);
    return 0;
}

WEAK int settimeofday(const struct timeval *time, const struct timezone *zone) { (void)time; (void)zone; errno = EPERM; return -1; }

/* A guest has no time zones. */
WEAK char *tzname[2] = {(char *)"UTC", (char *)"UTC"};
WEAK long timezone = 0;
WEAK int daylight = 0;
WEAK void tzset(void) {}
