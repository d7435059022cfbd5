/* Where the SDK was built without exceptions, setjmp(3) returns, and longjmp(3)
   cannot: it says so and ends the program. */
#ifndef __capsock_exceptions__
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define WEAK __attribute__((weak))

WEAK int setjmp(jmp_buf place) { (void)place; return 0; }
WEAK int sigsetjmp(sigjmp_buf place, int mask) { (void)place; (void)mask; return 0; }
WEAK _Noreturn void longjmp(jmp_buf place, int value) {
    (void)place; (void)value;
    fputs("longjmp: not supported\n", stderr);
    abort();
}
WEAK _Noreturn void siglongjmp(sigjmp_buf place, int value) { longjmp(place, value); }

#else
typedef int nothing;
#endif
