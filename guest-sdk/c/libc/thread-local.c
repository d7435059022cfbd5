/* _Thread_local. The compiler has it at an offset from __tls_base, which for the
   linker is constant where memory is not shared, unless it is defined here. All of it
   is at the beginning of the data, and what is linked first (first.c) marks its end. */
#include "threads.h"
#include <stdlib.h>
#include <string.h>

/* Each thread has its own value of it. */
__asm__(".globl __tls_base\n.globaltype __tls_base, i32\n__tls_base:\n");

extern char __global_base;
extern const int __capsock_first;

static void *image;
static size_t size;

static uintptr_t get(void) {
    uintptr_t value;
    __asm__ volatile("global.get __tls_base\n\tlocal.set %0" : "=r"(value));
    return value;
}

static void set(uintptr_t value) { __asm__ volatile("local.get %0\n\tglobal.set __tls_base" ::"r"(value)); }

static void *allocate(void) {
    void *storage = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (storage)
        memcpy(storage, image, size);
    return storage;
}

static const struct storage storage = {get, set, allocate};

/* Before all others: it keeps what a thread begins with. */
__attribute__((constructor(0))) static void begin(void) {
    char *start = &__global_base;
    size = (size_t)((const char *)&__capsock_first - start);
    image = malloc(size);
    if (!image)
        abort();
    memcpy(image, start, size);
    set((uintptr_t)start);
    __capsock_storage = &storage;
}
