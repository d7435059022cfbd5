/* Programs with threads that end with an error: stuck WHAT. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, other = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t empty;

static void *lock_both(void *argument) {
    pthread_mutex_t **both = argument;
    pthread_mutex_lock(both[0]);
    sched_yield();
    pthread_mutex_lock(both[1]);
    return NULL;
}

static void *wait_for_condition(void *none) {
    pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&own);
    pthread_cond_wait(&never, &own);
    return none;
}

static void *wait_for_semaphore(void *none) { sem_wait(&empty); return none; }

static void *lock_stream(void *none) {
    flockfile(stdout);
    pthread_mutex_lock(&one);
    return none;
}

__attribute__((noinline)) static int fill(int depth) {
    volatile char room[1000];
    memset((char *)room, depth, sizeof room);
    return depth == 0 ? 0 : room[depth % 1000] + fill(depth - 1);
}

static void *overflow(void *depth) { return (void *)(intptr_t)fill((int)(intptr_t)depth); }

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    pthread_t first, second, third, fourth;
    puts("begun");
    if (strcmp(what, "deadlock") == 0) {
        pthread_mutex_t *forwards[] = {&one, &other}, *backwards[] = {&other, &one};
        pthread_create(&first, NULL, lock_both, forwards);
        pthread_create(&second, NULL, lock_both, backwards);
        pthread_setname_np(second, "backwards");
        pthread_create(&third, NULL, wait_for_condition, NULL);
        pthread_create(&fourth, NULL, wait_for_semaphore, NULL);
        pthread_join(first, NULL);
    } else if (strcmp(what, "alone") == 0) {
        pthread_mutex_lock(&one);
        pthread_mutex_lock(&one);
    } else if (strcmp(what, "stream") == 0) {
        pthread_mutex_lock(&one);
        pthread_create(&first, NULL, lock_stream, NULL);
        sched_yield();
        puts("never said");
    } else if (strcmp(what, "overflow") == 0) {
        pthread_create(&first, NULL, overflow, (void *)100);
        pthread_join(first, NULL);
        puts("deep enough");
        fflush(stdout);
        pthread_create(&first, NULL, overflow, (void *)1000);
        pthread_join(first, NULL);
    } else {
        return 1;
    }
    puts("never said");
    return 0;
}
