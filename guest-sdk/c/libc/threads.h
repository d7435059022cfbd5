/* What of a thread only C can keep: the stack, the thread-local storage, and how it
   ends. The rest is in ../src/thread. */
#pragma once
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct work {
    /* The main thread's is 1. */
    pthread_t id;
    void *(*run)(void *);
    void *argument;
    /* From its lowest address; null is the stack of the main thread. */
    char *stack;
    size_t size;
    int is_own;
    /* The thread-local storage of this thread, to be freed. */
    void *storage;
    struct __ptcb *cleanup;
    /* Where pthread_exit(3) goes back to. */
    void *base;
};

extern struct work *__capsock_work;

/* How a thread runs and ends, if the program has pthread_exit(3) in it: else it
   returns from its function. */
extern void *(*__capsock_run)(struct work *);
extern void (*__capsock_exit)(void *);

/* Of with-threads/stdio.c: a thread that ends is in no function of stdio any more. */
extern void __capsock_leave_files(void);
/* Every thread waits for another one, and the program ends. */
extern int __capsock_is_stuck;

/* The base of thread-local storage, where the program has any. */
struct storage {
    uintptr_t (*get)(void);
    void (*set)(uintptr_t);
    /* A new one, or null where there is no memory. */
    void *(*allocate)(void);
};
extern const struct storage *__capsock_storage;

/* Of src/thread. */
extern int __capsock_thread_may_begin(void (*go_on)(uint32_t), uint32_t index, uint32_t spare);
extern pthread_t __capsock_thread_add(uint32_t index, int is_detached, struct work *);
extern struct work *__capsock_thread_work(void);
extern struct work *__capsock_thread_work_of(pthread_t);
extern void __capsock_thread_end(void *result);
extern uint32_t __capsock_thread_leave(void);
extern int __capsock_thread_is_main(void);
extern void __capsock_thread_end_of_main(void);
extern int __capsock_thread_cancel(pthread_t);
extern int __capsock_thread_is_known(pthread_t);
extern int __capsock_thread_is_detached(pthread_t);
