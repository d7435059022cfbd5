/* Locks of FILEs, which libc's have none of. A program that makes threads is linked
   with this before libc's functions, and any other one without it.

   Each FILE has a record, found by its address, from when it is opened until it is
   closed. A FILE without one is libc's own on the stack, as of snprintf(3), and is not
   locked. What is not here is, in libc, a call of what is: printf(3) of vfprintf. */
#include "../threads.h"
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Begins as `Mutex` in ../../src/thread/locks.rs, to be waited for as one. No thread
   interrupts another one: as long as nobody waits, C needs no more than these words. */
struct lock {
    uint32_t kind;
    pthread_t owner;
    uint32_t count;
    uint32_t waiting;
    uint32_t is_due;
    /* Null once it is closed and threads still wait. */
    FILE *file;
    struct lock *next;
};
_Static_assert(offsetof(struct lock, file) <= sizeof(pthread_mutex_t), "a mutex of ../../src/thread");

enum { OF_FILE = PTHREAD_MUTEX_RECURSIVE | 4 };

/* What one flockfile(3) adds to the count, and what a function that is under way does. */
enum { ASKED = 1, INSIDE = 1 << 16 };

enum { BUCKETS = 64 };
static struct lock *buckets[BUCKETS];
static struct lock standard[3];
static struct lock *last = standard;

static struct lock **bucket_of(const FILE *file) {
    return &buckets[(uint32_t)(uintptr_t)file * 2654435769u >> 26];
}

static inline struct lock *find(const FILE *file) {
    struct lock *lock = last;
    if (lock->file == file)
        return lock;
    for (lock = *bucket_of(file); lock; lock = lock->next)
        if (lock->file == file)
            return last = lock;
    return NULL;
}

static void add(struct lock *lock, FILE *file) {
    struct lock **bucket = bucket_of(file);
    *lock = (struct lock){.kind = OF_FILE, .file = file, .next = *bucket};
    *bucket = lock;
}

__attribute__((noinline)) static void wait_for(struct lock *lock, uint32_t weight) {
    if (__capsock_is_stuck)
        return;
    pthread_mutex_lock((pthread_mutex_t *)lock);
    lock->count = weight;
}

static inline void take(struct lock *lock, uint32_t weight) {
    pthread_t me = __capsock_work->id;
    if (lock->owner == me) {
        lock->count += weight;
    } else if (!lock->owner) {
        lock->owner = me;
        lock->count = weight;
    } else {
        wait_for(lock, weight);
    }
}

__attribute__((noinline)) static void wake(struct lock *lock) {
    if (lock->waiting) {
        lock->count = 1;
        pthread_mutex_unlock((pthread_mutex_t *)lock);
    } else if (lock->file) {
        lock->owner = 0;
    } else {
        free(lock);
    }
}

static inline void leave(struct lock *lock, uint32_t weight) {
    if (!lock || lock->owner != __capsock_work->id)
        return;
    lock->count -= weight;
    if (lock->count)
        return;
    if (lock->waiting || !lock->file)
        wake(lock);
    else
        lock->owner = 0;
}

static inline struct lock *enter(const FILE *file) {
    struct lock *lock = find(file);
    if (lock)
        take(lock, INSIDE);
    return lock;
}

static int is_standard(const struct lock *lock) { return lock >= standard && lock < standard + 3; }

/* The FILE is closed. */
static void bury(struct lock *lock) {
    struct lock **at = bucket_of(lock->file);
    while (*at && *at != lock)
        at = &(*at)->next;
    if (*at)
        *at = lock->next;
    if (last == lock)
        last = standard;
    lock->file = NULL;
    lock->count = 0;
    wake(lock);
}

/* flockfile(3) */

void __wrap_flockfile(FILE *file) {
    struct lock *lock = find(file);
    if (lock)
        take(lock, ASKED);
}

int __wrap_ftrylockfile(FILE *file) {
    struct lock *lock = find(file);
    if (lock && lock->owner && lock->owner != __capsock_work->id) {
        /* A program tries again and again. */
        sched_yield();
        return -1;
    }
    if (lock)
        take(lock, ASKED);
    return 0;
}

void __wrap_funlockfile(FILE *file) { leave(find(file), ASKED); }

/* A thread that ends leaves the functions that it is in, but what it has asked for it
   has for ever, as in Linux. */
void __capsock_leave_files(void) {
    for (int at = 0; at < BUCKETS; at++) {
        for (struct lock *lock = buckets[at], *next; lock; lock = next) {
            next = lock->next;
            if (lock->owner == __capsock_work->id)
                leave(lock, lock->count & ~(uint32_t)(INSIDE - 1));
        }
    }
}

/* What opens and closes. */

int __real_fclose(FILE *);
int __real_fflush(FILE *);
FILE *__real_freopen(const char *, const char *, FILE *);

static FILE *opened(FILE *file) {
    if (!file || find(file))
        return file;
    struct lock *lock = malloc(sizeof *lock);
    if (!lock) {
        __real_fclose(file);
        errno = ENOMEM;
        return NULL;
    }
    add(lock, file);
    return file;
}

#define OPENS(name, parameters, arguments)                                          \
    FILE *__real_##name parameters;                                                 \
    FILE *__wrap_##name parameters { return opened(__real_##name arguments); }

OPENS(fopen, (const char *path, const char *mode), (path, mode))
OPENS(fdopen, (int fd, const char *mode), (fd, mode))
OPENS(__fdopen, (int fd, const char *mode), (fd, mode))
OPENS(fmemopen, (void *buffer, size_t size, const char *mode), (buffer, size, mode))
OPENS(fopencookie, (void *cookie, const char *mode, cookie_io_functions_t functions), (cookie, mode, functions))
OPENS(open_memstream, (char **text, size_t *size), (text, size))
OPENS(open_wmemstream, (wchar_t **text, size_t *size), (text, size))

int __wrap_fclose(FILE *file) {
    struct lock *lock = enter(file);
    int result = __real_fclose(file);
    if (lock && !is_standard(lock))
        bury(lock);
    else
        leave(lock, INSIDE);
    return result;
}

/* One that fails closes the FILE. */
FILE *__wrap_freopen(const char *path, const char *mode, FILE *file) {
    enter(file);
    FILE *result = __real_freopen(path, mode, file);
    leave(find(file), INSIDE);
    return result;
}

/* Every FILE. libc's own would write what another thread is writing. One that is read
   is not waited for: it has nothing to be written. */

static int is_inside(const struct lock *lock) { return lock->count >= INSIDE; }

static int flush_all(int is_end) {
    int result = 0;
    for (int at = 0; at < BUCKETS; at++) {
        for (struct lock *lock = buckets[at], *next; lock; lock = next) {
            next = lock->next;
            if (!__fwriting(lock->file))
                continue;
            if (is_end && lock->owner && lock->owner != __capsock_work->id && !is_inside(lock))
                continue;
            take(lock, INSIDE);
            if (lock->file)
                result |= __real_fflush(lock->file);
            /* Others may have been here meanwhile. */
            next = lock->file ? lock->next : buckets[at];
            if (!is_end || !lock->file)
                leave(lock, INSIDE);
        }
    }
    return result;
}

int __wrap_fflush(FILE *file) {
    if (!file)
        return flush_all(0);
    struct lock *lock = enter(file);
    int result = __real_fflush(file);
    leave(lock, INSIDE);
    return result;
}

/* exit(3) writes what is left, without locks. So that it is not written twice, what is
   being written is waited for, and no other thread writes from then on. Who has but
   asked for a lock is not waited for, as in glibc. */
static void end(void) { flush_all(1); }

__attribute__((constructor(0))) static void begin(void) {
    FILE *const files[] = {stdin, stdout, stderr};
    for (int at = 0; at < 3; at++)
        add(&standard[at], files[at]);
    /* The first that is given is called last. */
    atexit(end);
}

/* What reads and writes. */

#define LOCKS(type, name, file, parameters, arguments)                              \
    type __real_##name parameters;                                                  \
    type __wrap_##name parameters {                                                 \
        struct lock *lock = enter(file);                                            \
        type result = __real_##name arguments;                                      \
        leave(lock, INSIDE);                                                        \
        return result;                                                              \
    }

#define LOCKS_VOID(name, file, parameters, arguments)                               \
    void __real_##name parameters;                                                  \
    void __wrap_##name parameters {                                                 \
        struct lock *lock = enter(file);                                            \
        __real_##name arguments;                                                    \
        leave(lock, INSIDE);                                                        \
    }

LOCKS(int, fgetc, file, (FILE *file), (file))
LOCKS(int, getc, file, (FILE *file), (file))
LOCKS(int, getchar, stdin, (void), ())
LOCKS(int, ungetc, file, (int byte, FILE *file), (byte, file))
LOCKS(char *, fgets, file, (char *text, int size, FILE *file), (text, size, file))
LOCKS(char *, fgetln, file, (FILE *file, size_t *length), (file, length))
LOCKS(ssize_t, getdelim, file, (char **line, size_t *size, int end, FILE *file), (line, size, end, file))
LOCKS(size_t, fread, file, (void *to, size_t size, size_t count, FILE *file), (to, size, count, file))
LOCKS(int, vfscanf, file, (FILE *file, const char *format, va_list arguments), (file, format, arguments))

LOCKS(int, fputc, file, (int byte, FILE *file), (byte, file))
LOCKS(int, putc, file, (int byte, FILE *file), (byte, file))
LOCKS(int, putchar, stdout, (int byte), (byte))
LOCKS(int, fputs, file, (const char *text, FILE *file), (text, file))
LOCKS(int, puts, stdout, (const char *text), (text))
LOCKS(size_t, fwrite, file, (const void *from, size_t size, size_t count, FILE *file), (from, size, count, file))
LOCKS(int, vfprintf, file, (FILE *file, const char *format, va_list arguments), (file, format, arguments))
LOCKS_VOID(perror, stderr, (const char *text), (text))

LOCKS(wint_t, fgetwc, file, (FILE *file), (file))
LOCKS(wint_t, ungetwc, file, (wint_t character, FILE *file), (character, file))
LOCKS(wchar_t *, fgetws, file, (wchar_t *text, int size, FILE *file), (text, size, file))
LOCKS(int, vfwscanf, file, (FILE *file, const wchar_t *format, va_list arguments), (file, format, arguments))
LOCKS(wint_t, fputwc, file, (wchar_t character, FILE *file), (character, file))
LOCKS(int, fputws, file, (const wchar_t *text, FILE *file), (text, file))
LOCKS(int, vfwprintf, file, (FILE *file, const wchar_t *format, va_list arguments), (file, format, arguments))

LOCKS(int, fseek, file, (FILE *file, long to, int from), (file, to, from))
LOCKS(int, fseeko, file, (FILE *file, off_t to, int from), (file, to, from))
LOCKS(long, ftell, file, (FILE *file), (file))
LOCKS(off_t, ftello, file, (FILE *file), (file))
LOCKS(int, fgetpos, file, (FILE *file, fpos_t *position), (file, position))
LOCKS(int, fsetpos, file, (FILE *file, const fpos_t *position), (file, position))
LOCKS_VOID(rewind, file, (FILE *file), (file))
LOCKS(int, setvbuf, file, (FILE *file, char *buffer, int kind, size_t size), (file, buffer, kind, size))
LOCKS(int, feof, file, (FILE *file), (file))
LOCKS(int, ferror, file, (FILE *file), (file))
LOCKS_VOID(clearerr, file, (FILE *file), (file))

/* Those of libc call what is locked. */

int __wrap_fputs_unlocked(const char *text, FILE *file) {
    size_t length = strlen(text);
    return fwrite_unlocked(text, 1, length, file) == length ? 0 : EOF;
}
wint_t __wrap_getwchar_unlocked(void) { return fgetwc_unlocked(stdin); }
wint_t __wrap_putwchar_unlocked(wchar_t character) { return fputwc_unlocked(character, stdout); }
