#ifndef __CAPSOCK_STRUCT_RUSAGE_H
#define __CAPSOCK_STRUCT_RUSAGE_H

#include <__struct_timeval.h>

/* As Linux has it; libc's has the first two. */
struct rusage {
    struct timeval ru_utime, ru_stime;
    long ru_maxrss, ru_ixrss, ru_idrss, ru_isrss, ru_minflt, ru_majflt, ru_nswap;
    long ru_inblock, ru_oublock, ru_msgsnd, ru_msgrcv, ru_nsignals, ru_nvcsw, ru_nivcsw;
    long __reserved[16];
};

#endif
