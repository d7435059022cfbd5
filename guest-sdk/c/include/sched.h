#ifndef __CAPSOCK_SCHED_H
#define __CAPSOCK_SCHED_H

#include <capsock/upstream.h>

// It declares memcpy and memset itself, and C++ wants the ones that do not throw first.
#ifdef __cplusplus
#include <string.h>
#endif

#define __wasilibc_unmodified_upstream
#include_next <sched.h>
#undef __wasilibc_unmodified_upstream

#endif
