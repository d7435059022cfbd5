#ifndef __CAPSOCK_SEMAPHORE_H
#define __CAPSOCK_SEMAPHORE_H

#include_next <semaphore.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

int sem_clockwait(sem_t *__restrict, clockid_t, const struct timespec *__restrict);

#ifdef __cplusplus
}
#endif

#endif
