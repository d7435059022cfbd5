/* Threads of the component model: pthread_create(3), and the switch from one to
   another, which saves what belongs to a thread. A program without pthread_create
   has none of it, and imports none of its functions. */
#include "threads.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMPORT(name) __attribute__((import_module("$root"), import_name(name)))
IMPORT("[thread-new-indirect-v0]") extern uint32_t new_thread(void (*start)(int), int);
IMPORT("[thread-index]") extern uint32_t this_thread(void);
IMPORT("[thread-suspend-then-resume]") extern int go_on_with(uint32_t index);

/* PTHREAD_STACK_MIN of musl is 2 KiB, which printf(3) alone uses up. */
#define LEAST_STACK (16 << 10)
/* As musl has it. A program sets it with pthread_attr_setstacksize(3). */
static size_t default_stack = 128 << 10;

/* The lowest words of a stack. */
#define GUARD 0x5afe57acu
#define GUARDS 16

static struct work *ended;
/* A stack of an ended thread, for the next one. */
static struct { char *start; size_t size; } spare;
/* Threads of the host that have ended their work and wait for more. None of them
   ends: the host would choose by itself who goes on. There is room for all. */
static struct { uint32_t *index, count, room; } idle;

static inline uintptr_t stack_pointer(void) {
    uintptr_t value;
    __asm__ volatile("global.get __stack_pointer\n\tlocal.set %0" : "=r"(value));
    return value;
}

static inline void set_stack_pointer(uintptr_t value) {
    __asm__ volatile("local.get %0\n\tglobal.set __stack_pointer" ::"r"(value));
}

/* By what it was, and what is left of the stack. */
static _Noreturn void tell_overflow(void) {
    static const char text[] = "a thread has overflowed its stack: pthread_attr_setstacksize sets its size\n";
    (void)!write(2, text, sizeof text - 1);
    abort();
}

#ifdef __capsock_stack_checks__
/* The linker has every function look whether its part of the stack is within these,
   and call the second one if it is not. */
__attribute__((import_module("env"), import_name("__capsock_set_stack_limits"))) extern void set_stack_limits(uintptr_t highest, uintptr_t lowest);

void __capsock_overflowed(uintptr_t pointer) {
    (void)pointer;
    set_stack_limits(UINTPTR_MAX, 0);
    /* What is below is not of this stack: it goes on at the beginning. */
    if (__capsock_work->stack)
        set_stack_pointer((uintptr_t)(__capsock_work->stack + __capsock_work->size));
    tell_overflow();
}

/* Below the main stack there is no memory. */
static void set_limits(const struct work *work) {
    if (work->stack)
        set_stack_limits((uintptr_t)(work->stack + work->size), (uintptr_t)work->stack);
    else
        set_stack_limits(UINTPTR_MAX, 0);
}

/* While the stack is another one and the limits are not. */
static void lift_limits(void) { set_stack_limits(UINTPTR_MAX, 0); }
#else
static void set_limits(const struct work *work) { (void)work; }
static void lift_limits(void) {}
#endif

/* For where nothing looks: what is found too late is found all the same. */
static void check_guard(const struct work *work) {
    if (!work->stack)
        return;
    const uint32_t *guard = (const uint32_t *)work->stack;
    for (int at = 0; at < GUARDS; at++)
        if (guard[at] != GUARD)
            tell_overflow();
}

/* Frees what the thread that ended before this one ran had. */
static void free_ended(void) {
    struct work *work = ended;
    if (!work)
        return;
    ended = NULL;
    if (work->is_own && !spare.start) {
        spare.start = work->stack;
        spare.size = work->size;
    } else if (work->is_own) {
        free(work->stack);
    }
    free(work->storage);
    free(work);
}

/* Goes on with another thread; it returns when this one goes on. */
__attribute__((noinline)) static void go_on(uint32_t index) {
    struct work *mine = __capsock_work;
    uintptr_t pointer = stack_pointer(), storage = __capsock_storage ? __capsock_storage->get() : 0;
    int number = errno, host_number = h_errno;
    check_guard(mine);
    lift_limits();
    go_on_with(index);
    set_stack_pointer(pointer);
    set_limits(mine);
    if (__capsock_storage)
        __capsock_storage->set(storage);
    errno = number;
    h_errno = host_number;
    __capsock_work = mine;
    if (ended)
        free_ended();
}

/* These two are not inlined, since the stack is another one between them. */
__attribute__((noinline)) static uintptr_t begin(void) {
    struct work *work = __capsock_work = __capsock_thread_work();
    /* A stack of the program's own may begin anywhere. */
    return (uintptr_t)(work->stack + work->size) & ~(uintptr_t)15;
}

__attribute__((noinline)) static void run(void) {
    struct work *work = __capsock_work;
    set_limits(work);
    if (__capsock_storage)
        __capsock_storage->set((uintptr_t)work->storage);
    errno = 0;
    if (ended)
        free_ended();
    void *result = __capsock_run ? __capsock_run(work) : work->run(work->argument);
    check_guard(work);
    __capsock_thread_end(result);
    ended = work;
}

/* Gives the turn to the next thread. It returns when there is new work. */
__attribute__((noinline)) static void leave(uint32_t mine) {
    uint32_t next = __capsock_thread_leave();
    idle.index[idle.count++] = mine;
    lift_limits();
    go_on_with(next);
}

static void start(int unused) {
    (void)unused;
    for (uint32_t mine = this_thread();; leave(mine)) {
        set_stack_pointer(begin());
        run();
    }
}

/* A thread of the host, or 0 where there is no memory. */
static uint32_t take_idle(void) {
    static uint32_t made;
    if (idle.count)
        return idle.index[--idle.count];
    if (made == idle.room) {
        uint32_t room = idle.room * 2 + 16, *index = realloc(idle.index, room * sizeof *index);
        if (!index)
            return 0;
        idle.index = index;
        idle.room = room;
    }
    made++;
    return new_thread(start, 0);
}

/* Not before libc, which has none: a test of configure declares it otherwise, and the
   linker knows what to do with that for a function by its own name. */
int pthread_create(pthread_t *restrict made, const pthread_attr_t *restrict attributes, void *(*function)(void *), void *restrict argument) {
    if (!__capsock_thread_may_begin(go_on, this_thread(), idle.count))
        return EAGAIN;
    void *stack = NULL;
    size_t size = 0;
    int is_detached = 0;
    if (attributes) {
        if (pthread_attr_getstack(attributes, &stack, &size) || !stack) {
            stack = NULL;
            size = 0;
            pthread_attr_getstacksize(attributes, &size);
        }
        pthread_attr_getdetachstate(attributes, &is_detached);
    }
    if (!size)
        size = default_stack;
    if (!stack && size < LEAST_STACK)
        size = LEAST_STACK;
    size &= ~(size_t)15;

    struct work *work = calloc(1, sizeof *work);
    if (!work)
        return EAGAIN;
    work->run = function;
    work->argument = argument;
    work->size = size;
    work->is_own = !stack;
    work->stack = stack;
    if (!stack && spare.start && spare.size == size) {
        work->stack = spare.start;
        spare.start = NULL;
    } else if (!stack) {
        work->stack = aligned_alloc(16, size);
    }
    if (__capsock_storage)
        work->storage = __capsock_storage->allocate();
    uint32_t index = work->stack && (!__capsock_storage || work->storage) ? take_idle() : 0;
    if (!index) {
        if (work->is_own)
            free(work->stack);
        free(work->storage);
        free(work);
        return EAGAIN;
    }
    for (int at = 0; at < GUARDS; at++)
        ((uint32_t *)work->stack)[at] = GUARD;
    *made = work->id = __capsock_thread_add(index, is_detached, work);
    return 0;
}

int __wrap_pthread_setattr_default_np(const pthread_attr_t *attributes) {
    return pthread_attr_getstacksize(attributes, &default_stack);
}

int __wrap_pthread_getattr_default_np(pthread_attr_t *attributes) {
    pthread_attr_init(attributes);
    return pthread_attr_setstacksize(attributes, default_stack);
}
