/* What threads do, on the C SDK, and as a native program beside it. */
#include "common.h"
#include <sched.h>

static void *nothing(void *none) { return none; }

static void create_and_join(uint64_t times) {
    for (; times > 0; times--) {
        pthread_t made;
        if (pthread_create(&made, NULL, nothing, NULL) || pthread_join(made, NULL))
            errx(1, "pthread_create");
    }
}

static void *yield(void *times) {
    for (uint64_t left = *(uint64_t *)times; left > 0; left--)
        sched_yield();
    return NULL;
}

/* Of two threads that yield to each other, each half of the times. */
static void take_turns(uint64_t times) {
    uint64_t half = (times + 1) / 2;
    pthread_t made;
    pthread_create(&made, NULL, yield, &half);
    yield(&half);
    pthread_join(made, NULL);
}

struct echo { int fd; size_t size; };
static void *echo_in_thread(void *echo_of) {
    const struct echo *of = echo_of;
    echo(of->fd, of->size);
    return NULL;
}

/* The echo by one thread while another one waits. */
static void echo_beside(int fd, size_t size) {
    struct echo of = {fd, size};
    pthread_t made;
    if (pthread_create(&made, NULL, echo_in_thread, &of) || pthread_join(made, NULL))
        errx(1, "pthread_create");
}

int main(int count, char **words) {
    const char *program = count > 2 ? words[1] : "";
    int fd = count > 2 ? connected(SOCK_STREAM, words[2]) : -1;
    if (strcmp(program, "echo-tcp") == 0 && count > 3)
        echo_beside(fd, (size_t)atol(words[3]));
    else if (strcmp(program, "create") == 0)
        repeat(fd, create_and_join);
    else if (strcmp(program, "switch") == 0)
        repeat(fd, take_turns);
    else if (strcmp(program, "mutex") == 0)
        repeat(fd, lock_and_unlock);
    else
        errx(1, "no program %s", program);
    return 0;
}
