/* wasi-libc hides what WASI does not have of musl's headers behind
   __wasilibc_unmodified_upstream. The headers beside this one include them with
   it, where the SDK has what they declare. What wasi-libc defines itself comes
   first, so that it is not defined again. */
#ifndef __CAPSOCK_UPSTREAM_H
#define __CAPSOCK_UPSTREAM_H

#include <features.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <__typedef_time_t.h>
#include <__typedef_suseconds_t.h>
#include <__struct_timeval.h>
#include <__struct_timespec.h>
#include <__struct_iovec.h>
#define __DEFINED_time_t
#define __DEFINED_suseconds_t
#define __DEFINED_struct_timeval
#define __DEFINED_struct_timespec
#define __DEFINED_struct_iovec
#define __DEFINED_struct__IO_FILE

#endif
