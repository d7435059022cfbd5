#ifndef __CAPSOCK_SETJMP_H
#define __CAPSOCK_SETJMP_H

#ifdef __capsock_exceptions__

#ifndef __wasm_exception_handling__
#define __wasm_exception_handling__
#include_next <setjmp.h>
#undef __wasm_exception_handling__
#else
#include_next <setjmp.h>
#endif
/* The compiler knows these two, and there are no masks that a jump restores. */
#define sigsetjmp(place, mask) setjmp(place)
#define siglongjmp(place, value) longjmp(place, value)
#undef _setjmp
#undef _longjmp
#define _setjmp(place) setjmp(place)
#define _longjmp(place, value) longjmp(place, value)

#else

#ifdef __cplusplus
extern "C" {
#endif

/* setjmp(3) returns 0, and longjmp(3) ends the program with a message. */
typedef struct __jmp_buf_tag {
    unsigned long __unused[1];
} jmp_buf[1];
typedef jmp_buf sigjmp_buf;

int setjmp(jmp_buf);
int sigsetjmp(sigjmp_buf, int);
_Noreturn void longjmp(jmp_buf, int);
_Noreturn void siglongjmp(sigjmp_buf, int);
#define _setjmp setjmp
#define _longjmp longjmp

#ifdef __cplusplus
}
#endif

#endif

#endif
