/* Threads that wait for the network, for files and for time while others run. */
#include "say.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>

/* Runs the one in a thread that waits, and the other here, which ends the wait. */
static void against(void *(*waits)(void *), void (*wakes)(void)) {
    pthread_t made;
    pthread_create(&made, NULL, waits, NULL);
    usleep(5000);
    wakes();
    pthread_join(made, NULL);
}

static int pair[2], server, port;
static char buffer[64];

static void *wait_in_read(void *none) { memset(buffer, 0, sizeof buffer); SAY(read(pair[0], buffer, sizeof buffer)); puts(buffer); return none; }
static void *wait_in_recv(void *none) { memset(buffer, 0, sizeof buffer); SAY(recv(pair[0], buffer, sizeof buffer, 0)); puts(buffer); return none; }
static void *wait_for_all(void *none) { memset(buffer, 0, sizeof buffer); SAY(recv(pair[0], buffer, 10, MSG_WAITALL)); puts(buffer); return none; }
static void *wait_in_recvmsg(void *none) {
    struct iovec room = {buffer, sizeof buffer};
    struct msghdr message = {.msg_iov = &room, .msg_iovlen = 1};
    memset(buffer, 0, sizeof buffer);
    SAY(recvmsg(pair[0], &message, 0));
    puts(buffer);
    return none;
}
static void *wait_in_readv(void *none) {
    struct iovec rooms[2] = {{buffer, 2}, {buffer + 2, 10}};
    memset(buffer, 0, sizeof buffer);
    SAY(readv(pair[0], rooms, 2));
    puts(buffer);
    return none;
}
static void *wait_in_poll(void *none) {
    struct pollfd wait = {pair[0], POLLIN, 0};
    SAY(poll(&wait, 1, -1));
    IS(wait.revents == POLLIN);
    SAY(read(pair[0], buffer, sizeof buffer));
    return none;
}
static void *wait_in_select(void *none) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    SAY(select(pair[0] + 1, &set, NULL, NULL, NULL));
    SAY(read(pair[0], buffer, sizeof buffer));
    return none;
}
static void *wait_in_epoll(void *none) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 9};
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &event);
    SAY(epoll_wait(set, &event, 1, -1));
    IS(event.events == EPOLLIN && event.data.u32 == 9);
    SAY(read(pair[0], buffer, sizeof buffer));
    close(set);
    return none;
}
static void *wait_in_accept(void *none) {
    int accepted;
    SAY((accepted = accept(server, NULL, NULL)) >= 0);
    SAY(send(accepted, "welcome", 7, 0));
    close(accepted);
    return none;
}
static void *wait_in_fgets(void *none) {
    FILE *file = fdopen(dup(pair[0]), "r");
    IS(fgets(buffer, sizeof buffer, file) == buffer);
    fputs(buffer, stdout);
    fclose(file);
    return none;
}
/* What wakes says nothing: the two would speak at once. */
static void say_if_not(int is_well, const char *what) {
    if (!is_well)
        puts(what);
}
static void write_line(void) { say_if_not(write(pair[1], "a line\n", 7) == 7, "not written"); }
static void write_some(void) { say_if_not(write(pair[1], "hello", 5) == 5, "not written"); }
static void write_twice(void) {
    say_if_not(write(pair[1], "01234", 5) == 5, "not written");
    usleep(5000);
    say_if_not(write(pair[1], "56789", 5) == 5, "not written");
}
static void hang_up(void) { close(pair[1]); }
static void connect_here(void) {
    struct sockaddr_storage address = loopback(AF_INET, port);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    say_if_not(connect(client, (struct sockaddr *)&address, size_of_family(AF_INET)) == 0, "not connected");
    memset(buffer, 0, sizeof buffer);
    say_if_not(recv(client, buffer, sizeof buffer, MSG_WAITALL) == 7, "not received");
    close(client);
}

static int counter_fd, timer_fd, set_fd;
static void *wait_for_counter(void *none) {
    uint64_t value;
    SAY(read(counter_fd, &value, 8));
    printf("value %d\n", (int)value);
    return none;
}
static void count(void) { eventfd_write(counter_fd, 3); }
static void *wait_for_timer(void *none) {
    uint64_t value;
    SAY(read(timer_fd, &value, 8));
    printf("value %d\n", (int)value);
    return none;
}
static void *wait_for_timer_in_poll(void *none) {
    struct pollfd wait = {timer_fd, POLLIN, 0};
    SAY(poll(&wait, 1, -1));
    return none;
}
static void arm(void) {
    struct itimerspec soon = {.it_value = {0, 1000000}};
    timerfd_settime(timer_fd, 0, &soon, NULL);
}
/* What is added to a set that is waited for is waited for as well. */
static void *wait_in_set(void *none) {
    struct epoll_event event;
    SAY(epoll_wait(set_fd, &event, 1, -1));
    IS(event.data.u32 == 5);
    return none;
}
static void add_to_set(void) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = 5};
    epoll_ctl(set_fd, EPOLL_CTL_ADD, pair[0], &event);
    usleep(2000);
    write_some();
}

static char large[1 << 20];
static void *send_much(void *none) { SAY(write(pair[1], large, sizeof large)); return none; }
static void read_much(void) {
    size_t total = 0;
    ssize_t length;
    while (total < sizeof large && (length = read(pair[0], large, 10000)) > 0)
        total += (size_t)length;
    say_if_not(total == sizeof large, "not all is read");
}

static void *sleep_some(void *none) { usleep(50000); return none; }

static void *receive_in_time(void *none) {
    struct timeval time = {0, 20000};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    SAY(recv(pair[0], buffer, 1, 0));
    SAY(recv(pair[0], buffer, 1, MSG_DONTWAIT));
    struct pollfd wait = {pair[0], POLLIN, 0};
    SAY(poll(&wait, 1, 20));
    return none;
}
static void nothing(void) {}

/* Who tries again and again does not keep others from what is waited for. */
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static sem_t holding, left;
static void *hold(void *none) {
    pthread_mutex_lock(&held);
    sem_post(&holding);
    usleep(5000);
    pthread_mutex_unlock(&held);
    sem_post(&left);
    write_some();
    return none;
}
static void try_again(void) {
    long tries = 0;
    pthread_t made;
    sem_init(&holding, 0, 0);
    sem_init(&left, 0, 0);
    pthread_create(&made, NULL, hold, NULL);
    sem_wait(&holding);
    while (pthread_mutex_trylock(&held))
        tries++;
    pthread_mutex_unlock(&held);
    while (sem_trywait(&left))
        tries++;
    while (recv(pair[0], buffer, sizeof buffer, MSG_DONTWAIT) != 5)
        tries++;
    pthread_join(made, NULL);
    IS(tries > 0);
}

static void *look_up(void *none) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo("localhost", "80", &hints, &found) == 0) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, buffer, sizeof buffer);
        puts(buffer);
        freeaddrinfo(found);
    }
    IS(getaddrinfo("no such name", "80", &hints, &found) == EAI_NONAME);
    return none;
}

static int echoes;
static void *echo(void *argument) {
    int fd = (int)(intptr_t)argument;
    char echoed[32];
    ssize_t length;
    while ((length = read(fd, echoed, sizeof echoed)) > 0) {
        if (write(fd, echoed, (size_t)length) != length)
            break;
        __atomic_add_fetch(&echoes, 1, __ATOMIC_SEQ_CST);
    }
    close(fd);
    return NULL;
}

static void *serve(void *none) {
    pthread_t made[10];
    for (int count = 0; count < 10; count++)
        pthread_create(&made[count], NULL, echo, (void *)(intptr_t)accept(server, NULL, NULL));
    for (int count = 0; count < 10; count++)
        pthread_join(made[count], NULL);
    return none;
}

static void *ask(void *argument) {
    struct sockaddr_storage address = loopback(AF_INET, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), right = 0;
    char sent[32], received[32];
    if (connect(fd, (struct sockaddr *)&address, size_of_family(AF_INET)))
        puts("not connected");
    for (int round = 0; round < 20; round++) {
        int length = snprintf(sent, sizeof sent, "%d of %d", round, (int)(intptr_t)argument);
        if (write(fd, sent, (size_t)length) == length && recv(fd, received, (size_t)length, MSG_WAITALL) == length)
            right += memcmp(sent, received, (size_t)length) == 0;
    }
    close(fd);
    return (void *)(intptr_t)right;
}

void waits(void) {
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    against(wait_in_read, write_some);
    against(wait_in_recv, write_some);
    against(wait_for_all, write_twice);
    against(wait_in_recvmsg, write_some);
    against(wait_in_readv, write_some);
    against(wait_in_poll, write_some);
    against(wait_in_select, write_some);
    against(wait_in_epoll, write_some);
    against(wait_in_fgets, write_line);
    against(send_much, read_much);
    against(receive_in_time, nothing);
    struct timeval no_time = {0, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &no_time, sizeof no_time);
    try_again();
    set_fd = epoll_create1(0);
    against(wait_in_set, add_to_set);
    against(wait_in_read, nothing);
    against(wait_in_read, hang_up);
    SAY(close(pair[0]));

    SAY(pipe(pair));
    against(wait_in_read, write_some);
    against(send_much, read_much);
    against(wait_in_read, hang_up);
    SAY(close(pair[0]));

    server = listener(AF_INET, &port);
    against(wait_in_accept, connect_here);
    puts(buffer);
    GET(counter_fd, eventfd(0, 0));
    against(wait_for_counter, count);
    GET(timer_fd, timerfd_create(CLOCK_MONOTONIC, 0));
    against(wait_for_timer, arm);
    against(wait_for_timer_in_poll, arm);

    against(look_up, nothing);

    /* Ten that sleep take as long as one. */
    struct timespec begun, ended;
    pthread_t made[10];
    clock_gettime(CLOCK_MONOTONIC, &begun);
    for (int at = 0; at < 10; at++)
        pthread_create(&made[at], NULL, sleep_some, NULL);
    for (int at = 0; at < 10; at++)
        pthread_join(made[at], NULL);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    long time = (ended.tv_sec - begun.tv_sec) * 1000 + (ended.tv_nsec - begun.tv_nsec) / 1000000;
    IS(time >= 49 && time < 400);

    pthread_t serving;
    void *right;
    long sum = 0;
    pthread_create(&serving, NULL, serve, NULL);
    for (int at = 0; at < 10; at++)
        pthread_create(&made[at], NULL, ask, (void *)(intptr_t)at);
    for (int at = 0; at < 10; at++) {
        pthread_join(made[at], &right);
        sum += (long)(intptr_t)right;
    }
    pthread_join(serving, NULL);
    printf("%ld answers, and %s\n", sum, echoes >= 200 ? "no fewer echoes" : "fewer echoes");
}
