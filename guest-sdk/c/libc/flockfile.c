/* flockfile(3) of a program without threads. Others have with-threads/stdio.c. */
#include "threads.h"
#include <stdio.h>

#define WEAK __attribute__((weak))

WEAK void __wrap_flockfile(FILE *file) { (void)file; }
WEAK int __wrap_ftrylockfile(FILE *file) { (void)file; return 0; }
WEAK void __wrap_funlockfile(FILE *file) { (void)file; }
WEAK void __capsock_leave_files(void) {}
