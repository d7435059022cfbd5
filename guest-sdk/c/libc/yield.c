/* capsock_yield: threads that compute let others go on. */
#include <capsock.h>
#include <sched.h>
#include <time.h>

/* So many turns of a loop take less than the time between two switches. */
enum { CALLS = 200, NANOSECONDS = 2000000 };

int __capsock_calls_left = CALLS;

void __capsock_yield(void) {
    static long long last;
    struct timespec now;
    __capsock_calls_left = CALLS;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long time = now.tv_sec * 1000000000LL + now.tv_nsec;
    if (time - last < NANOSECONDS)
        return;
    last = time;
    sched_yield();
}
