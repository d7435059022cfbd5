/* pthread_exit(3) and pthread_cancel(3): a thread jumps back to where it began. A
   program without them needs no jumps. */
#include "threads.h"
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <threads.h>

static void clean_up(struct work *work) {
    while (work->cleanup) {
        struct __ptcb *handler = work->cleanup;
        work->cleanup = handler->__next;
        handler->__f(handler->__x);
    }
}

static void *result_of_exit;

static void *run(struct work *work) {
    jmp_buf base;
    if (setjmp(base))
        return result_of_exit;
    work->base = base;
    return work->run(work->argument);
}

static _Noreturn void end(void *result) {
    struct work *work = __capsock_work;
    __capsock_leave_files();
    clean_up(work);
    if (__capsock_thread_is_main()) {
        __capsock_thread_end_of_main();
        exit(0);
    }
    if (!work->base)
        /* It began before this file's constructor ran. */
        abort();
    result_of_exit = result;
    longjmp(*(jmp_buf *)work->base, 1);
}

__attribute__((constructor(101))) static void prepare(void) {
    __capsock_run = run;
    __capsock_exit = end;
}

_Noreturn void __wrap_pthread_exit(void *result) { end(result); }
_Noreturn void __wrap_thrd_exit(int result) { end((void *)(intptr_t)result); }

int __wrap_pthread_cancel(pthread_t thread) { return __capsock_thread_cancel(thread); }
