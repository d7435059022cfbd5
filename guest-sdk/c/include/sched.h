#ifndef __CAPSOCK_SCHED_H
#define __CAPSOCK_SCHED_H

#include <capsock/upstream.h>

#define __wasilibc_unmodified_upstream
#include_next <sched.h>
#undef __wasilibc_unmodified_upstream

#endif
