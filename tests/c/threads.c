/* pthread_create(3) and the life of threads. */
#include "say.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

/* Says nothing: the new one may speak first. */
static void make(pthread_t *made, void *(*run)(void *), void *argument) {
    if (pthread_create(made, NULL, run, argument))
        puts("not made");
}

static _Thread_local int own = 7;
static _Thread_local char zeros[100];
static _Thread_local struct { char text[16]; double number; } filled = {"begun", 2.5};

static void *double_it(void *argument) { return (void *)((intptr_t)argument * 2); }

static void *use_own(void *argument) {
    IS(own == 7);
    IS(zeros[99] == 0);
    IS(filled.number == 2.5 && strcmp(filled.text, "begun") == 0);
    own += (int)(intptr_t)argument;
    zeros[99] = 1;
    strcpy(filled.text, "over");
    return (void *)(intptr_t)own;
}

static void *fail_with(void *argument) {
    errno = (int)(intptr_t)argument;
    sched_yield();
    return (void *)(intptr_t)errno;
}

static void *exit_deep(void *argument) {
    pthread_exit((void *)((intptr_t)argument + 1));
}

static sem_t gate;

static void *wait_at_gate(void *argument) {
    sem_wait(&gate);
    return argument;
}

static void *join_self(void *argument) {
    (void)argument;
    DO(pthread_join(pthread_self(), NULL));
    return NULL;
}

static void *name_itself(void *argument) {
    char name[16];
    (void)argument;
    DO(pthread_setname_np(pthread_self(), "worker"));
    DO(pthread_setname_np(pthread_self(), "a name of sixteen"));
    DO(pthread_getname_np(pthread_self(), name, sizeof name));
    puts(name);
    DO(pthread_getname_np(pthread_self(), name, 4));
    return NULL;
}

static int fill(int depth) {
    volatile char room[1024];
    memset((char *)room, depth, sizeof room);
    return depth == 0 ? 0 : room[depth % 1024] + fill(depth - 1);
}

static void *use_stack(void *argument) { return (void *)(intptr_t)(fill((int)(intptr_t)argument) != 0); }

static _Alignas(16) char room[1 << 16];

static void *be_in_room(void *none) {
    char local = 1;
    IS(&local > room && &local < room + sizeof room);
    return none;
}

static void *say_done(void *argument) {
    sem_post(argument);
    return NULL;
}

void threads(void) {
    pthread_t made, others[50];
    pthread_attr_t attributes;
    void *result;
    size_t size;
    int state;

    DO(pthread_create(&made, NULL, double_it, (void *)21));
    DO(pthread_join(made, &result));
    printf("%ld\n", (long)(intptr_t)result);
    IS(pthread_equal(pthread_self(), pthread_self()) != 0);
    for (int count = 0; count < 50; count++)
        pthread_create(&others[count], NULL, double_it, (void *)(intptr_t)count);
    long sum = 0;
    for (int count = 49; count >= 0; count--) {
        pthread_join(others[count], &result);
        sum += (long)(intptr_t)result;
    }
    printf("sum %ld\n", sum);

    own = 1;
    make(&made, use_own, (void *)3);
    DO(pthread_join(made, &result));
    printf("%ld, and %d here\n", (long)(intptr_t)result, own);
    IS(zeros[99] == 0);
    make(&made, use_own, (void *)4);
    DO(pthread_join(made, &result));
    printf("%ld\n", (long)(intptr_t)result);

    errno = EBADF;
    pthread_create(&made, NULL, fail_with, (void *)EPIPE);
    sched_yield();
    IS(errno == EBADF);
    pthread_join(made, &result);
    IS((intptr_t)result == EPIPE && errno == EBADF);

    DO(pthread_create(&made, NULL, exit_deep, (void *)1));
    DO(pthread_join(made, &result));
    printf("%ld\n", (long)(intptr_t)result);

    sem_init(&gate, 0, 0);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 10000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    DO(pthread_create(&made, NULL, wait_at_gate, (void *)5));
    DO(pthread_tryjoin_np(made, &result));
    DO(pthread_timedjoin_np(made, &result, &soon));
    DO(pthread_kill(made, 0));
    DO(pthread_kill(made, 1000));
    sem_post(&gate);
    DO(pthread_join(made, &result));
    printf("%ld\n", (long)(intptr_t)result);
    make(&made, join_self, NULL);
    DO(pthread_join(made, NULL));
    make(&made, name_itself, NULL);
    DO(pthread_join(made, NULL));

    DO(pthread_attr_init(&attributes));
    DO(pthread_attr_getdetachstate(&attributes, &state));
    IS(state == PTHREAD_CREATE_JOINABLE);
    DO(pthread_attr_setstacksize(&attributes, 1 << 20));
    DO(pthread_attr_getstacksize(&attributes, &size));
    IS(size == 1 << 20);
    DO(pthread_create(&made, &attributes, use_stack, (void *)700));
    DO(pthread_join(made, &result));
    IS(result != NULL);
    DO(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    DO(pthread_create(&made, &attributes, say_done, &gate));
    sem_wait(&gate);
    DO(pthread_attr_setdetachstate(&attributes, 77));
    DO(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_JOINABLE));
    DO(pthread_attr_setstack(&attributes, room, sizeof room));
    if (pthread_create(&made, &attributes, be_in_room, NULL) || pthread_join(made, NULL))
        puts("not made");
    DO(pthread_attr_destroy(&attributes));
    DO(pthread_create(&made, NULL, wait_at_gate, NULL));
    DO(pthread_detach(made));
    DO(pthread_detach(made));
    DO(pthread_join(made, NULL));
    sem_post(&gate);
    SAY(sched_yield());
    DO(pthread_getattr_np(pthread_self(), &attributes));
    DO(pthread_attr_getstack(&attributes, &result, &size));
    IS((char *)&size > (char *)result && (char *)&size < (char *)result + size);
}

/* Of thread-specific data. */
static pthread_key_t key, again;
static int destroyed;

static void destroy(void *value) { destroyed += (int)(intptr_t)value; }

static void destroy_again(void *value) {
    destroyed += 1000;
    if ((intptr_t)value > 1)
        pthread_setspecific(again, (void *)((intptr_t)value - 1));
}

static void *use_keys(void *argument) {
    IS(pthread_getspecific(key) == NULL);
    DO(pthread_setspecific(key, argument));
    DO(pthread_setspecific(again, (void *)3));
    IS(pthread_getspecific(key) == argument);
    return NULL;
}

void thread_data(void) {
    pthread_t made;
    DO(pthread_key_create(&key, destroy));
    DO(pthread_key_create(&again, destroy_again));
    DO(pthread_setspecific(key, (void *)1));
    make(&made, use_keys, (void *)5);
    DO(pthread_join(made, NULL));
    printf("destroyed %d\n", destroyed);
    IS(pthread_getspecific(key) == (void *)1);
    DO(pthread_key_delete(key));
    IS(pthread_getspecific(key) == NULL);
    DO(pthread_setspecific(key, NULL));
    DO(pthread_key_delete(key));
    pthread_key_t new;
    DO(pthread_key_create(&new, NULL));
    IS(pthread_getspecific(new) == NULL);
    DO(pthread_key_delete(9999));
}

/* Of cancellation. */
static void say_cleaning(void *argument) { printf("cleaning %s\n", (const char *)argument); }

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int ends[2];
static sem_t ready;

static void unlock(void *argument) {
    (void)argument;
    DO(pthread_mutex_unlock(&mutex));
}

static void *wait_for_ever(void *argument) {
    const char *how = argument;
    char byte;
    pthread_cleanup_push(say_cleaning, "first");
    pthread_cleanup_push(say_cleaning, "second");
    pthread_cleanup_push(say_cleaning, "never");
    pthread_cleanup_pop(0);
    if (strcmp(how, "condition") == 0) {
        pthread_mutex_lock(&mutex);
        pthread_cleanup_push(unlock, NULL);
        sem_post(&ready);
        pthread_cond_wait(&never, &mutex);
        pthread_cleanup_pop(0);
    } else if (strcmp(how, "read") == 0) {
        sem_post(&ready);
        SAY(read(ends[0], &byte, 1));
    } else if (strcmp(how, "sleep") == 0) {
        sem_post(&ready);
        sleep(1000);
    } else if (strcmp(how, "semaphore") == 0) {
        sem_post(&ready);
        sem_wait(&gate);
    } else {
        int old;
        DO(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
        IS(old == PTHREAD_CANCEL_ENABLE);
        DO(pthread_setcancelstate(77, &old));
        sem_post(&ready);
        usleep(20000);
        pthread_testcancel();
        puts("not canceled yet");
        DO(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL));
        pthread_testcancel();
    }
    puts("never said");
    pthread_cleanup_pop(1);
    pthread_cleanup_pop(1);
    return NULL;
}

static void *run_handlers(void *argument) {
    pthread_cleanup_push(say_cleaning, "popped");
    pthread_cleanup_pop(1);
    return argument;
}

void canceling(void) {
    const char *const ways[] = {"condition", "read", "sleep", "semaphore", "disabled"};
    pthread_t made;
    void *result;
    SAY(pipe(ends));
    sem_init(&gate, 0, 0);
    sem_init(&ready, 0, 0);
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        puts(ways[way]);
        make(&made, wait_for_ever, (void *)ways[way]);
        sem_wait(&ready);
        /* Once it waits. */
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        int canceled = pthread_cancel(made);
        DO(pthread_join(made, &result));
        DO(canceled);
        IS(result == PTHREAD_CANCELED);
    }
    /* What the canceled ones had is free. */
    DO(pthread_mutex_trylock(&mutex));
    SAY(close(ends[0]));
    SAY(close(ends[1]));
    make(&made, run_handlers, NULL);
    DO(pthread_join(made, &result));
    IS(result == NULL);
    DO(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL));
    DO(pthread_setcanceltype(77, NULL));
}

/* The main thread ends before the others do, and the program with the last one. */
static void *say_last(void *argument) {
    DO(pthread_join(*(pthread_t *)argument, NULL));
    puts("the last one");
    return NULL;
}

void exiting(void) {
    static pthread_t main_thread;
    pthread_t made;
    main_thread = pthread_self();
    make(&made, say_last, &main_thread);
    pthread_exit(NULL);
}

static sigset_t of_user(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return set;
}

static sem_t is_ready;
static pthread_t handled_by;
static void note_thread(int number) { (void)number; handled_by = pthread_self(); }

static void *wait_for_signal(void *argument) {
    sigset_t set = of_user(), mask;
    int number;
    (void)argument;
    /* It has the mask of who made it. */
    DO(pthread_sigmask(SIG_BLOCK, NULL, &mask));
    SAY(sigismember(&mask, SIGUSR1));
    sem_post(&is_ready);
    DO(sigwait(&set, &number));
    IS(number == SIGUSR1);
    return NULL;
}

static void *wait_open(void *argument) {
    sigset_t set = of_user();
    char byte;
    DO(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
    sem_post(&is_ready);
    SAY(read(*(int *)argument, &byte, 1));
    return NULL;
}

static void *send_to_main(void *argument) {
    struct timespec moment = {0, 20000000};
    pthread_t main_thread = *(pthread_t *)argument;
    nanosleep(&moment, NULL);
    /* One that blocks it itself, in one of the two ways. */
    sigset_t set = of_user();
    DO(pthread_sigmask(SIG_BLOCK, &set, NULL));
    pthread_kill(main_thread, SIGUSR1);
    return NULL;
}

/* The main thread has what comes for the process, though this one could have it too and
   runs first. */
static void *send_to_process(void *argument) {
    struct timespec moment = {0, 20000000};
    (void)argument;
    nanosleep(&moment, NULL);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 10; i++)
        sched_yield();
    return NULL;
}

/* What comes for a thread that blocks it waits for that thread. */
static void *take_later(void *argument) {
    sigset_t set = of_user(), pending;
    DO(pthread_sigmask(SIG_BLOCK, &set, NULL));
    sem_post(&is_ready);
    sem_wait(argument);
    DO(sigpending(&pending));
    SAY(sigismember(&pending, SIGUSR1));
    handled_by = 0;
    DO(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
    IS(pthread_equal(handled_by, pthread_self()));
    return NULL;
}

static void wait_for_own(void) {
    sigset_t pending;
    sem_t is_sent;
    pthread_t made;
    sem_init(&is_sent, 0, 0);
    make(&made, take_later, &is_sent);
    sem_wait(&is_ready);
    handled_by = 0;
    pthread_kill(made, SIGUSR1);
    sched_yield();
    DO(sigpending(&pending));
    SAY(sigismember(&pending, SIGUSR1));
    IS(!handled_by);
    sem_post(&is_sent);
    DO(pthread_join(made, NULL));
    sem_destroy(&is_sent);
}

/* Which thread has a signal: sigwait(3), pthread_kill(3), and a mask for each. */
void thread_signals(void) {
    struct sigaction action = {.sa_handler = note_thread};
    sigset_t set = of_user();
    pthread_t made, main_thread = pthread_self();
    int ends[2];
    char byte;
    SAY(pipe(ends));
    SAY(sigaction(SIGUSR1, &action, NULL));
    sem_init(&is_ready, 0, 0);
    DO(pthread_sigmask(SIG_BLOCK, &set, NULL));
    make(&made, wait_for_signal, NULL);
    sem_wait(&is_ready);
    kill(getpid(), SIGUSR1);
    DO(pthread_join(made, NULL));
    /* The one that does not block it has it, and its call ends. */
    make(&made, wait_open, &ends[0]);
    sem_wait(&is_ready);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    kill(getpid(), SIGUSR1);
    DO(pthread_join(made, NULL));
    IS(pthread_equal(handled_by, made));
    make(&made, wait_open, &ends[0]);
    sem_wait(&is_ready);
    nanosleep(&(struct timespec){0, 20000000}, NULL);
    handled_by = main_thread;
    pthread_t target = made;
    pthread_kill(target, SIGUSR1);
    DO(pthread_join(made, NULL));
    IS(pthread_equal(handled_by, target));
    DO(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
    handled_by = made;
    make(&made, send_to_main, &main_thread);
    SAY(read(ends[0], &byte, 1));
    DO(pthread_join(made, NULL));
    IS(pthread_equal(handled_by, main_thread));
    handled_by = made;
    make(&made, send_to_process, NULL);
    SAY(read(ends[0], &byte, 1));
    DO(pthread_join(made, NULL));
    IS(pthread_equal(handled_by, main_thread));
    wait_for_own();
    DO(pthread_kill(main_thread, 0));
    DO(pthread_kill(main_thread, 999));
    SAY(close(ends[0]));
    SAY(close(ends[1]));
    sem_destroy(&is_ready);
}
