#ifndef __CAPSOCK_SCHED_H
#define __CAPSOCK_SCHED_H

#include_next <sched.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What wasi-libc leaves out. */
#ifndef SCHED_OTHER
#define SCHED_OTHER 0
#define SCHED_FIFO 1
#define SCHED_RR 2
#define SCHED_BATCH 3
#define SCHED_IDLE 5
int sched_get_priority_max(int);
int sched_get_priority_min(int);
#endif

#ifdef __cplusplus
}
#endif

#endif
