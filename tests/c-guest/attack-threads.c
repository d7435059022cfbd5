/* What threads could do to the host: attack-threads WHAT. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *name_of(int number) {
    return number == 0 ? "ok" : number == EAGAIN ? "EAGAIN" : number == EACCES ? "EACCES" : strerror(number);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static void *wait_at_gate(void *none) {
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return none;
}

/* As many as there can be, twice: those that ended leave room. */
static void flood(void) {
    for (int round = 0; round < 2; round++) {
        static pthread_t made[100000];
        int count = 0, error = 0;
        pthread_mutex_lock(&gate);
        while (count < 100000 && !(error = pthread_create(&made[count], NULL, wait_at_gate, NULL)))
            count++;
        pthread_mutex_unlock(&gate);
        for (int at = 0; at < count; at++)
            pthread_join(made[at], NULL);
        printf("%s%d, %s", round ? ", " : "", count, name_of(error));
    }
}

/* Without asking whether there may be more. */
__attribute__((import_module("$root"), import_name("[thread-new-indirect-v0]"))) extern uint32_t new_thread(void (*start)(int), int);
static void nothing(int unused) { (void)unused; }
static void flood_past_the_library(void) {
    for (;;)
        new_thread(nothing, 0);
}

/* One that the host never runs to its end. */
#pragma clang diagnostic ignored "-Winfinite-recursion"
static void *recurse(void *depth) {
    volatile intptr_t deeper = (intptr_t)depth + 1;
    void *result = recurse((void *)deeper);
    return (void *)((intptr_t)result + deeper);
}

static int listener, datagrams, pair[2];
static void *accept_one(void *none) { accept(listener, NULL, NULL); return none; }
static void *receive(void *none) { char byte; recv(datagrams, &byte, 1, 0); return none; }
static void *read_one(void *none) { char byte; (void)!read(pair[0], &byte, 1); return none; }
static void *write_all(void *none) { static char much[1 << 22]; (void)!write(pair[0], much, sizeof much); return none; }
static void *poll_one(void *none) { struct pollfd wait = {pair[0], POLLIN, 0}; poll(&wait, 1, -1); return none; }
static void *sleep_long(void *none) { sleep(100000); return none; }
static void *spin(void *none) { for (volatile int stop = 0; !stop;) {} return none; }
static void *yield(void *none) { for (;;) sched_yield(); return none; }

static int bound(int kind) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, kind, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || (kind == SOCK_STREAM && listen(fd, 4)))
        printf("bound: %s, ", name_of(errno));
    return fd;
}

/* In as many calls as there are that wait. */
static void wait_everywhere(void) {
    static void *(*const waits[])(void *) = {accept_one, receive, read_one, write_all, poll_one, sleep_long, wait_at_gate};
    pthread_t made;
    listener = bound(SOCK_STREAM);
    datagrams = bound(SOCK_DGRAM);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_mutex_lock(&gate);
    for (size_t at = 0; at < sizeof waits / sizeof *waits; at++)
        pthread_create(&made, NULL, waits[at], NULL);
    usleep(20000);
}

static void *connect_out(void *result) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *(int *)result = connect(fd, (struct sockaddr *)&address, sizeof address) ? errno : 0;
    return NULL;
}

int main(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "";
    pthread_t made;
    int result = -1;
    if (strcmp(what, "threads-flood") == 0) {
        flood();
    } else if (strcmp(what, "threads-flood-raw") == 0) {
        flood_past_the_library();
    } else if (strcmp(what, "threads-recurse") == 0) {
        pthread_create(&made, NULL, recurse, NULL);
        pthread_join(made, NULL);
    } else if (strcmp(what, "threads-cut") == 0) {
        wait_everywhere();
        pthread_create(&made, NULL, spin, NULL);
        pthread_join(made, NULL);
    } else if (strcmp(what, "threads-wait") == 0) {
        wait_everywhere();
        pthread_create(&made, NULL, sleep_long, NULL);
        pthread_join(made, NULL);
    } else if (strcmp(what, "threads-yield") == 0) {
        pthread_create(&made, NULL, yield, NULL);
        yield(NULL);
    } else if (strcmp(what, "threads-left") == 0) {
        wait_everywhere();
        printf("left");
    } else if (strcmp(what, "threads-connect") == 0) {
        pthread_create(&made, NULL, connect_out, &result);
        pthread_join(made, NULL);
        printf("%s", name_of(result));
    } else {
        return 1;
    }
    return 0;
}
