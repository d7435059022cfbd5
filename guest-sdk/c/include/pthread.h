#ifndef __CAPSOCK_PTHREAD_H
#define __CAPSOCK_PTHREAD_H

/* Threads are there. */
#ifndef _REENTRANT
#define _REENTRANT
#endif
#include_next <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What wasi-libc leaves out. */
#ifdef __cplusplus
[[noreturn]]
#else
_Noreturn
#endif
void pthread_exit(void *);
int pthread_cancel(pthread_t);
int pthread_kill(pthread_t, int);
int pthread_getschedparam(pthread_t, int *__restrict, struct sched_param *__restrict);
int pthread_setschedparam(pthread_t, int, const struct sched_param *);
int pthread_attr_getschedparam(const pthread_attr_t *__restrict, struct sched_param *__restrict);
int pthread_attr_setschedparam(pthread_attr_t *__restrict, const struct sched_param *__restrict);
int pthread_mutex_clocklock(pthread_mutex_t *__restrict, clockid_t, const struct timespec *__restrict);
int pthread_cond_clockwait(pthread_cond_t *__restrict, pthread_mutex_t *__restrict, clockid_t, const struct timespec *__restrict);

#ifdef __cplusplus
}
#endif

#endif
