#ifndef __CAPSOCK_TYPEDEF_CLOCKID_T_H
#define __CAPSOCK_TYPEDEF_CLOCKID_T_H

/* Linux's numbers, and not wasi-libc's pointers. */
typedef int clockid_t;

#endif
