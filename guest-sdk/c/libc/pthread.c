/* What of pthread.h, semaphore.h and sched.h is there without a thread
   being made. Locks are in ../src/thread. */
#include "threads.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct work main_work = {.id = (pthread_t)1};
struct work *__capsock_work = &main_work;
void *(*__capsock_run)(struct work *);
void (*__capsock_exit)(void *);
const struct storage *__capsock_storage;

/* Of src/thread. */
extern int __capsock_clock_nanosleep(int clock, int is_absolute, const struct timespec *, struct timespec *);
extern int __capsock_mutex_clocklock(pthread_mutex_t *, int clock, const struct timespec *);
extern int __capsock_cond_init(pthread_cond_t *, int clock);
extern int __capsock_cond_clockwait(pthread_cond_t *, pthread_mutex_t *, int clock, const struct timespec *);
extern int __capsock_sem_clockwait(sem_t *, int clock, const struct timespec *);

_Noreturn void __capsock_thread_exit(void *result) {
    if (__capsock_exit)
        __capsock_exit(result);
    abort();
}

/* What is left to be written waits for no lock of a FILE. */
int __capsock_is_stuck;

_Noreturn void __capsock_stuck(const char *text, size_t length) {
    __capsock_is_stuck = 1;
    fflush(NULL);
    (void)!write(2, text, length);
    _Exit(128 + SIGABRT);
}

/* libc's own functions have its pointers. */
static int number_of(clockid_t clock) {
    if (clock == CLOCK_REALTIME || clock == (clockid_t)&_CLOCK_REALTIME)
        return 0;
    return clock == CLOCK_MONOTONIC || clock == (clockid_t)&_CLOCK_MONOTONIC ? 1 : -1;
}

static int fail(int number) {
    errno = number;
    return -1;
}

/* Sleep. */

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *wanted, struct timespec *left) {
    return __capsock_clock_nanosleep(number_of(clock), flags & TIMER_ABSTIME, wanted, left);
}

int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left) {
    int number = __capsock_clock_nanosleep(0, 0, wanted, left);
    return number ? fail(number) : 0;
}

int __wrap_usleep(useconds_t time) {
    struct timespec wanted = {time / 1000000, time % 1000000 * 1000};
    return __wrap_nanosleep(&wanted, NULL);
}

unsigned __wrap_sleep(unsigned seconds) {
    struct timespec wanted = {seconds, 0}, left = {seconds, 0};
    /* Of what is left, a half of a second is one more. */
    return __wrap_nanosleep(&wanted, &left) ? (unsigned)left.tv_sec + (left.tv_nsec >= 500000000) : 0;
}

/* Threads. */

void __wrap__pthread_cleanup_push(struct __ptcb *handler, void (*function)(void *), void *argument) {
    *handler = (struct __ptcb){function, argument, __capsock_work->cleanup};
    __capsock_work->cleanup = handler;
}

void __wrap__pthread_cleanup_pop(struct __ptcb *handler, int is_run) {
    __capsock_work->cleanup = handler->__next;
    if (is_run)
        handler->__f(handler->__x);
}

int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes) {
    if (!__capsock_thread_is_known(thread))
        return ESRCH;
    pthread_attr_init(attributes);
    struct work *work = __capsock_thread_work_of(thread);
    if (work) {
        pthread_attr_setstack(attributes, work->stack, work->size);
    } else {
        extern char __stack_low, __stack_high;
        pthread_attr_setstack(attributes, &__stack_low, &__stack_high - &__stack_low);
    }
    return pthread_attr_setdetachstate(attributes, __capsock_thread_is_detached(thread));
}

/* There are no processes that could be forked, nor processors to choose from. */
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void)) { (void)before; (void)parent; (void)child; return 0; }
int __wrap_pthread_getconcurrency(void) { return 0; }
int __wrap_pthread_setconcurrency(int level) { return level < 0 ? EINVAL : 0; }
extern void __capsock_send_thread_signal(pthread_t thread, int number);
int __wrap_pthread_kill(pthread_t thread, int number) {
    if (!__capsock_thread_is_known(thread))
        return ESRCH;
    if (number < 0 || number >= _NSIG)
        return EINVAL;
    if (number)
        __capsock_send_thread_signal(thread, number);
    return 0;
}
int __wrap_pthread_setschedprio(pthread_t thread, int priority) { (void)thread; return priority ? EINVAL : 0; }
int __wrap_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameters) {
    if (!__capsock_thread_is_known(thread))
        return ESRCH;
    return policy == SCHED_OTHER && parameters->sched_priority == 0 ? 0 : policy == SCHED_OTHER ? EINVAL : EPERM;
}
int __wrap_pthread_getschedparam(pthread_t thread, int *restrict policy, struct sched_param *restrict parameters) {
    if (!__capsock_thread_is_known(thread))
        return ESRCH;
    *policy = SCHED_OTHER;
    memset(parameters, 0, sizeof *parameters);
    return 0;
}
int __wrap_pthread_getcpuclockid(pthread_t thread, clockid_t *clock) { (void)thread; (void)clock; return ENOENT; }
int __wrap_sched_get_priority_max(int policy) { return policy == SCHED_OTHER ? 0 : policy == SCHED_FIFO || policy == SCHED_RR ? 99 : fail(EINVAL); }
int __wrap_sched_get_priority_min(int policy) { return policy == SCHED_OTHER ? 0 : policy == SCHED_FIFO || policy == SCHED_RR ? 1 : fail(EINVAL); }

/* Attributes: libc's condattr_getclock sets nothing. The lowest bits are the clock. */
#define SHARED 0x80000000u
int __wrap_pthread_condattr_setclock(pthread_condattr_t *attributes, clockid_t clock) {
    int number = number_of(clock);
    if (number < 0)
        return EINVAL;
    attributes->__attr = (attributes->__attr & SHARED) | (unsigned)number;
    return 0;
}
int __wrap_pthread_condattr_getclock(const pthread_condattr_t *restrict attributes, clockid_t *restrict clock) {
    *clock = (attributes->__attr & ~SHARED) == 1 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    return 0;
}
int __wrap_pthread_cond_init(pthread_cond_t *restrict condition, const pthread_condattr_t *restrict attributes) {
    return __capsock_cond_init(condition, attributes ? (int)(attributes->__attr & ~SHARED) : 0);
}
int __wrap_pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time) {
    return __capsock_cond_clockwait(condition, mutex, number_of(clock), time);
}
int __wrap_pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time) {
    return __capsock_mutex_clocklock(mutex, number_of(clock), time);
}
/* No thread ends by itself while it has a lock and others could find it so. */
int __wrap_pthread_mutex_consistent(pthread_mutex_t *mutex) { (void)mutex; return EINVAL; }

/* Semaphores. Those with a name are of several processes. */
sem_t *__wrap_sem_open(const char *name, int flags, ...) { (void)name; (void)flags; errno = ENOSYS; return SEM_FAILED; }
int __wrap_sem_close(sem_t *semaphore) { (void)semaphore; return fail(EINVAL); }
int __wrap_sem_unlink(const char *name) { (void)name; return fail(ENOENT); }
int __wrap_sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict time) {
    return __capsock_sem_clockwait(semaphore, number_of(clock), time);
}
