/* Mutexes, condition variables and their like, and C11's. */
#include "say.h"
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <threads.h>
#include <time.h>

static struct timespec in_milliseconds(clockid_t clock, int time) {
    struct timespec then;
    clock_gettime(clock, &then);
    then.tv_nsec += time * 1000000L;
    then.tv_sec += then.tv_nsec / 1000000000;
    then.tv_nsec %= 1000000000;
    return then;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int counter;

static void *count_up(void *argument) {
    for (int round = 0; round < 200; round++) {
        pthread_mutex_lock(&mutex);
        int before = counter;
        sched_yield();
        counter = before + (int)(intptr_t)argument;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void *try_mutex(void *argument) {
    struct timespec soon = in_milliseconds(CLOCK_REALTIME, 10);
    DO(pthread_mutex_trylock(argument));
    DO(pthread_mutex_timedlock(argument, &soon));
    soon = in_milliseconds(CLOCK_MONOTONIC, 10);
    DO(pthread_mutex_clocklock(argument, CLOCK_MONOTONIC, &soon));
    return NULL;
}

static void *unlock_it(void *argument) {
    DO(pthread_mutex_unlock(argument));
    return NULL;
}

static void in_thread(void *(*run)(void *), void *argument) {
    pthread_t made;
    pthread_create(&made, NULL, run, argument);
    pthread_join(made, NULL);
}

static void *try_lock(void *argument) {
    struct timespec soon = in_milliseconds(CLOCK_REALTIME, 10);
    DO(pthread_rwlock_tryrdlock(argument));
    DO(pthread_rwlock_trywrlock(argument));
    DO(pthread_rwlock_timedwrlock(argument, &soon));
    return NULL;
}

static void *read_it(void *argument) {
    DO(pthread_rwlock_tryrdlock(argument));
    DO(pthread_rwlock_unlock(argument));
    return NULL;
}

static void *add_in_lock(void *argument) {
    for (int round = 0; round < 100; round++) {
        pthread_rwlock_wrlock(&lock);
        int before = counter;
        sched_yield();
        counter = before + (int)(intptr_t)argument;
        pthread_rwlock_unlock(&lock);
        pthread_rwlock_rdlock(&lock);
        sched_yield();
        pthread_rwlock_unlock(&lock);
    }
    return NULL;
}

static pthread_spinlock_t spin;

static void *spin_up(void *argument) {
    for (int round = 0; round < 100; round++) {
        pthread_spin_lock(&spin);
        int before = counter;
        counter = before + (int)(intptr_t)argument;
        pthread_spin_unlock(&spin);
    }
    return NULL;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void do_once(void) {
    sched_yield();
    puts("once");
}
static void *call_once_each(void *argument) {
    pthread_once(&once, do_once);
    return argument;
}

static pthread_barrier_t barrier;
static int serial, before_barrier;

static void *meet(void *argument) {
    for (int round = 1; round <= 10; round++) {
        __atomic_add_fetch(&before_barrier, 1, __ATOMIC_SEQ_CST);
        int which = pthread_barrier_wait(&barrier);
        if (which == PTHREAD_BARRIER_SERIAL_THREAD)
            __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
        if (before_barrier < round * 5)
            puts("too early");
        pthread_barrier_wait(&barrier);
    }
    return argument;
}

static void together(void *(*run)(void *), int count) {
    pthread_t made[8];
    for (int at = 0; at < count; at++)
        pthread_create(&made[at], NULL, run, (void *)1);
    for (int at = 0; at < count; at++)
        pthread_join(made[at], NULL);
}

void locks(void) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t other;
    int kind;
    together(count_up, 5);
    printf("counted %d\n", counter);
    DO(pthread_mutex_lock(&mutex));
    in_thread(try_mutex, &mutex);
    DO(pthread_mutex_unlock(&mutex));
    struct timespec wrong = {0, 1000000000};
    DO(pthread_mutex_timedlock(&mutex, &wrong));
    DO(pthread_mutex_trylock(&mutex));
    DO(pthread_mutex_destroy(&mutex));
    DO(pthread_mutex_unlock(&mutex));
    DO(pthread_mutex_destroy(&mutex));

    DO(pthread_mutexattr_init(&attributes));
    DO(pthread_mutexattr_gettype(&attributes, &kind));
    IS(kind == PTHREAD_MUTEX_NORMAL);
    DO(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE));
    DO(pthread_mutex_init(&other, &attributes));
    DO(pthread_mutex_lock(&other));
    DO(pthread_mutex_lock(&other));
    DO(pthread_mutex_trylock(&other));
    DO(pthread_mutex_unlock(&other));
    DO(pthread_mutex_unlock(&other));
    in_thread(try_mutex, &other);
    in_thread(unlock_it, &other);
    DO(pthread_mutex_unlock(&other));
    DO(pthread_mutex_unlock(&other));
    DO(pthread_mutex_destroy(&other));
    DO(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK));
    DO(pthread_mutex_init(&other, &attributes));
    DO(pthread_mutex_lock(&other));
    DO(pthread_mutex_lock(&other));
    DO(pthread_mutex_trylock(&other));
    in_thread(unlock_it, &other);
    DO(pthread_mutex_unlock(&other));
    DO(pthread_mutex_unlock(&other));
    DO(pthread_mutexattr_settype(&attributes, 77));
    DO(pthread_mutexattr_destroy(&attributes));

    counter = 0;
    DO(pthread_rwlock_rdlock(&lock));
    DO(pthread_rwlock_rdlock(&lock));
    in_thread(read_it, &lock);
    in_thread(try_lock, &lock);
    DO(pthread_rwlock_unlock(&lock));
    DO(pthread_rwlock_unlock(&lock));
    DO(pthread_rwlock_unlock(&lock));
    DO(pthread_rwlock_wrlock(&lock));
    DO(pthread_rwlock_wrlock(&lock));
    DO(pthread_rwlock_rdlock(&lock));
    in_thread(try_lock, &lock);
    DO(pthread_rwlock_unlock(&lock));
    together(add_in_lock, 5);
    printf("counted %d\n", counter);

    counter = 0;
    DO(pthread_spin_init(&spin, 0));
    DO(pthread_spin_lock(&spin));
    DO(pthread_spin_trylock(&spin));
    DO(pthread_spin_unlock(&spin));
    together(spin_up, 5);
    printf("counted %d\n", counter);
    DO(pthread_spin_destroy(&spin));

    together(call_once_each, 5);
    DO(pthread_barrier_init(&barrier, NULL, 0));
    DO(pthread_barrier_init(&barrier, NULL, 5));
    together(meet, 5);
    printf("serial %d, before %d\n", serial, before_barrier);
    DO(pthread_barrier_destroy(&barrier));
}

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static int turn, waiting, woken;

static void *take_turns(void *argument) {
    int mine = (int)(intptr_t)argument;
    for (int round = 0; round < 3; round++) {
        pthread_mutex_lock(&guard);
        while (turn != mine)
            pthread_cond_wait(&condition, &guard);
        printf("turn of %d\n", mine);
        turn = 1 - mine;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&guard);
    }
    return NULL;
}

static void *be_woken(void *argument) {
    pthread_mutex_lock(&guard);
    waiting++;
    int now = turn;
    while (turn == now)
        pthread_cond_wait(&condition, &guard);
    woken++;
    pthread_mutex_unlock(&guard);
    return argument;
}

/* A queue of eight that four write and three read. */
static struct { int item[8], first, count; pthread_mutex_t mutex; pthread_cond_t filled, emptied; } queue = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER, .emptied = PTHREAD_COND_INITIALIZER};

static void put(int item) {
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == 8)
        pthread_cond_wait(&queue.emptied, &queue.mutex);
    queue.item[(queue.first + queue.count++) % 8] = item;
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.mutex);
}

static int take(void) {
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == 0)
        pthread_cond_wait(&queue.filled, &queue.mutex);
    int item = queue.item[queue.first];
    queue.first = (queue.first + 1) % 8;
    queue.count--;
    pthread_cond_signal(&queue.emptied);
    pthread_mutex_unlock(&queue.mutex);
    return item;
}

static void *produce(void *argument) {
    for (int item = 1; item <= 300; item++)
        put(item);
    return argument;
}

static void *consume(void *argument) {
    (void)argument;
    long sum = 0;
    for (int item; (item = take());)
        sum += item;
    return (void *)(intptr_t)sum;
}

void conditions(void) {
    pthread_t made[7];
    pthread_condattr_t attributes;
    clockid_t clock;
    void *result;
    for (int mine = 0; mine < 2; mine++)
        pthread_create(&made[mine], NULL, take_turns, (void *)(intptr_t)mine);
    for (int mine = 0; mine < 2; mine++)
        pthread_join(made[mine], NULL);
    for (int each = 0; each < 5; each++)
        pthread_create(&made[each], NULL, be_woken, NULL);
    for (int all = 0; !all; sched_yield()) {
        pthread_mutex_lock(&guard);
        all = waiting == 5;
        pthread_mutex_unlock(&guard);
    }
    pthread_mutex_lock(&guard);
    turn += 10;
    DO(pthread_cond_broadcast(&condition));
    pthread_mutex_unlock(&guard);
    for (int each = 0; each < 5; each++)
        pthread_join(made[each], NULL);
    printf("woken %d\n", woken);

    struct timespec soon = in_milliseconds(CLOCK_REALTIME, 10), wrong = {0, -1};
    pthread_mutex_lock(&guard);
    DO(pthread_cond_timedwait(&condition, &guard, &soon));
    DO(pthread_cond_timedwait(&condition, &guard, &wrong));
    DO(pthread_mutex_trylock(&guard));
    soon = in_milliseconds(CLOCK_MONOTONIC, 10);
    DO(pthread_cond_clockwait(&condition, &guard, CLOCK_MONOTONIC, &soon));
    DO(pthread_mutex_unlock(&guard));
    DO(pthread_cond_signal(&condition));
    DO(pthread_cond_destroy(&condition));

    DO(pthread_condattr_init(&attributes));
    DO(pthread_condattr_getclock(&attributes, &clock));
    IS(clock == CLOCK_REALTIME);
    DO(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    DO(pthread_condattr_getclock(&attributes, &clock));
    IS(clock == CLOCK_MONOTONIC);
    pthread_cond_t monotonic;
    DO(pthread_cond_init(&monotonic, &attributes));
    pthread_mutex_lock(&guard);
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    soon = in_milliseconds(CLOCK_MONOTONIC, 30);
    DO(pthread_cond_timedwait(&monotonic, &guard, &soon));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    IS((ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000 >= 29);
    pthread_mutex_unlock(&guard);

    for (int each = 0; each < 3; each++)
        pthread_create(&made[each], NULL, consume, NULL);
    for (int each = 3; each < 7; each++)
        pthread_create(&made[each], NULL, produce, NULL);
    for (int each = 3; each < 7; each++)
        pthread_join(made[each], NULL);
    for (int each = 0; each < 3; each++)
        put(0);
    long sum = 0;
    for (int each = 0; each < 3; each++) {
        pthread_join(made[each], &result);
        sum += (long)(intptr_t)result;
    }
    printf("consumed %ld\n", sum);
}

static sem_t semaphore, answered;

static void *answer(void *argument) {
    for (int round = 0; round < 5; round++) {
        sem_wait(&semaphore);
        sem_post(&answered);
    }
    return argument;
}

void semaphores(void) {
    int value;
    pthread_t made;
    SAY(sem_init(&semaphore, 0, 2));
    SAY(sem_init(&answered, 0, 0));
    SAY(sem_getvalue(&semaphore, &value));
    printf("value %d\n", value);
    SAY(sem_wait(&semaphore));
    SAY(sem_trywait(&semaphore));
    SAY(sem_trywait(&semaphore));
    struct timespec soon = in_milliseconds(CLOCK_REALTIME, 10), wrong = {0, 1000000000};
    SAY(sem_timedwait(&semaphore, &soon));
    SAY(sem_timedwait(&semaphore, &wrong));
    soon = in_milliseconds(CLOCK_MONOTONIC, 10);
    SAY(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &soon));
    pthread_create(&made, NULL, answer, NULL);
    for (int round = 0; round < 5; round++) {
        sem_post(&semaphore);
        sem_wait(&answered);
    }
    pthread_join(made, NULL);
    SAY(sem_getvalue(&answered, &value));
    printf("value %d\n", value);
    SAY(sem_init(&answered, 0, SEM_VALUE_MAX));
    SAY(sem_post(&answered));
    SAY(sem_init(&answered, 0, SEM_VALUE_MAX + 1u));
    SAY(sem_destroy(&semaphore));
}

/* C11. */
static mtx_t c11_mutex;
static cnd_t c11_condition;
static tss_t c11_key;
static once_flag c11_flag = ONCE_FLAG_INIT;
static int c11_state;
static thread_local int c11_own = 3;

static void say_once(void) { puts("once"); }
static void say_destroyed(void *value) { printf("destroyed %d\n", (int)(intptr_t)value); }

static int c11_run(void *argument) {
    call_once(&c11_flag, say_once);
    tss_set(c11_key, argument);
    mtx_lock(&c11_mutex);
    c11_state = 1;
    cnd_signal(&c11_condition);
    mtx_unlock(&c11_mutex);
    c11_own += 10;
    return (int)(intptr_t)tss_get(c11_key) + c11_own;
}

static int c11_exit(void *argument) {
    (void)argument;
    thrd_exit(-5);
}

static int c11_try(void *argument) {
    struct timespec soon = in_milliseconds(CLOCK_REALTIME, 10);
    IS(mtx_trylock(argument) == thrd_busy);
    IS(mtx_timedlock(argument, &soon) == thrd_timedout);
    return 0;
}

void c11(void) {
    thrd_t made;
    int result;
    IS(mtx_init(&c11_mutex, mtx_timed) == thrd_success);
    IS(cnd_init(&c11_condition) == thrd_success);
    IS(tss_create(&c11_key, say_destroyed) == thrd_success);
    if (thrd_create(&made, c11_run, (void *)4) != thrd_success)
        puts("not made");
    mtx_lock(&c11_mutex);
    while (!c11_state)
        cnd_wait(&c11_condition, &c11_mutex);
    mtx_unlock(&c11_mutex);
    IS(thrd_join(made, &result) == thrd_success);
    printf("%d, and %d here\n", result, c11_own);
    IS(tss_get(c11_key) == NULL);
    call_once(&c11_flag, say_once);
    IS(thrd_create(&made, c11_exit, NULL) == thrd_success);
    IS(thrd_join(made, &result) == thrd_success);
    printf("%d\n", result);
    mtx_lock(&c11_mutex);
    if (thrd_create(&made, c11_try, &c11_mutex) != thrd_success)
        puts("not made");
    IS(thrd_join(made, NULL) == thrd_success);
    struct timespec soon = in_milliseconds(CLOCK_REALTIME, 10);
    IS(cnd_timedwait(&c11_condition, &c11_mutex, &soon) == thrd_timedout);
    mtx_unlock(&c11_mutex);
    mtx_destroy(&c11_mutex);
    cnd_destroy(&c11_condition);
    IS(mtx_init(&c11_mutex, mtx_plain | mtx_recursive) == thrd_success);
    IS(mtx_lock(&c11_mutex) == thrd_success);
    IS(mtx_trylock(&c11_mutex) == thrd_success);
    IS(thrd_equal(thrd_current(), thrd_current()) != 0);
    struct timespec short_time = {0, 1000000};
    IS(thrd_sleep(&short_time, NULL) == 0);
    thrd_yield();
    tss_delete(c11_key);
}
