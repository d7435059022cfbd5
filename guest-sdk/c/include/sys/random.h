#ifndef __CAPSOCK_SYS_RANDOM_H
#define __CAPSOCK_SYS_RANDOM_H

#include <capsock/upstream.h>

#define __wasilibc_unmodified_upstream
#include_next <sys/random.h>
#undef __wasilibc_unmodified_upstream

// glibc has it here too.
#ifdef __cplusplus
extern "C"
#endif
int getentropy(void *, size_t);

#endif
