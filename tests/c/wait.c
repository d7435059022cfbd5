/* poll(2), select(2) and epoll(7). */
#include "say.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static const char *events_of(unsigned events) {
    static char text[64];
    static const struct { unsigned bit; const char *name; } names[] = {
        {POLLIN, "IN "}, {POLLPRI, "PRI "}, {POLLOUT, "OUT "}, {POLLERR, "ERR "}, {POLLHUP, "HUP "},
        {POLLNVAL, "NVAL "}, {POLLRDHUP, "RDHUP "}, {POLLRDNORM, "RDNORM "}, {POLLWRNORM, "WRNORM "},
    };
    *text = 0;
    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        if (events & names[at].bit)
            strcat(text, names[at].name);
    return text;
}

#define POLL(fds, count, time)                                                      \
    do {                                                                            \
        SAY(poll(fds, count, time));                                                \
        for (int at = 0; at < (int)(count); at++)                                   \
            printf("  %d: %s\n", at, events_of((fds)[at].revents));                 \
    } while (0)

void polling(void) {
    int pair[2], port, server = listener(AF_INET, &port);
    char buffer[16];
    SAY(poll(NULL, 0, 10));
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    struct pollfd two[3] = {{pair[0], POLLIN | POLLOUT, 0}, {pair[1], POLLIN, 0}, {-1, POLLIN, 0}};
    POLL(two, 3, 0);
    SAY(write(pair[0], "x", 1));
    POLL(two, 3, -1);
    two[1].events = POLLIN | POLLOUT | POLLRDNORM | POLLRDHUP;
    POLL(two, 2, 1000);
    SAY(shutdown(pair[0], SHUT_WR));
    POLL(two, 2, 1000);
    SAY(read(pair[1], buffer, sizeof buffer));
    two[1].events = 0;
    POLL(two, 2, 0);
    SAY(close(pair[0]));
    POLL(two, 2, 0);
    struct pollfd same[2] = {{pair[1], POLLIN, 0}, {pair[1], POLLOUT, 0}};
    POLL(same, 2, 0);
    struct pollfd bad[2] = {{777, POLLIN, 0}, {server, POLLIN, 0}};
    POLL(bad, 2, 1000);
    /* A socket that was never connected, and a listener. */
    int fresh;
    GET(fresh, socket(AF_INET, SOCK_STREAM, 0));
    struct pollfd new[2] = {{fresh, POLLIN | POLLOUT, 0}, {server, POLLIN | POLLOUT, 0}};
    POLL(new, 2, 0);
    struct sockaddr_storage address = loopback(AF_INET, port);
    SAY(connect(fresh, (struct sockaddr *)&address, sizeof(struct sockaddr_in)));
    POLL(new, 2, 1000);
    struct timespec time = {0, 20000000};
    struct pollfd none = {fresh, POLLIN, 0};
    SAY(ppoll(&none, 1, &time, NULL));
    time.tv_nsec = -1;
    SAY(ppoll(&none, 1, &time, NULL));
}

void selecting(void) {
    int pair[2];
    fd_set read_set, write_set, except_set;
    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    struct timeval time = {0, 10000};
    FD_ZERO(&read_set);
    FD_SET(pair[0], &read_set);
    SAY(select(pair[0] + 1, &read_set, NULL, NULL, &time));
    IS(FD_ISSET(pair[0], &read_set));
    SAY(write(pair[1], "x", 1));
    FD_ZERO(&read_set);
    FD_ZERO(&write_set);
    FD_ZERO(&except_set);
    FD_SET(pair[0], &read_set);
    FD_SET(pair[0], &write_set);
    FD_SET(pair[1], &read_set);
    FD_SET(pair[0], &except_set);
    SAY(select(pair[1] + 1, &read_set, &write_set, &except_set, NULL));
    IS(FD_ISSET(pair[0], &read_set));
    IS(FD_ISSET(pair[0], &write_set));
    IS(FD_ISSET(pair[1], &read_set));
    IS(FD_ISSET(pair[0], &except_set));
    struct timespec precise = {0, 1000};
    FD_ZERO(&read_set);
    FD_SET(pair[1], &read_set);
    SAY(pselect(pair[1] + 1, &read_set, NULL, NULL, &precise, NULL));
    FD_ZERO(&read_set);
    // The kernel says EBADF only below the size of its table, which is 64 at least.
    close(63);
    FD_SET(63, &read_set);
    SAY(select(64, &read_set, NULL, NULL, &time));
    SAY(select(-1, NULL, NULL, NULL, &time));
    time = (struct timeval){0, 1000};
    SAY(select(0, NULL, NULL, NULL, &time));
    SAY(close(pair[1]));
    FD_ZERO(&read_set);
    FD_SET(pair[0], &read_set);
    SAY(select(pair[0] + 1, &read_set, NULL, NULL, NULL));
}

static void wait_for(int set, int time) {
    struct epoll_event events[8];
    errno = 0;
    int count = epoll_wait(set, events, 8, time);
    printf("epoll_wait = %d\n", count);
    for (int at = 0; at < count; at++)
        printf("  %llu: %s\n", (unsigned long long)events[at].data.u64, events_of(events[at].events));
}

static int control(int set, int operation, int fd, unsigned events, unsigned long long data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(set, operation, fd, &event);
}

void epolling(void) {
    int set, pair[2], other, copy;
    char buffer[16];
    SAY(epoll_create(0));
    SAY(epoll_create1(77777));
    GET(set, epoll_create1(EPOLL_CLOEXEC));
    SAY(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair));
    SAY(control(set, EPOLL_CTL_MOD, pair[0], EPOLLIN, 1));
    SAY(control(set, EPOLL_CTL_DEL, pair[0], 0, 0));
    SAY(control(set, EPOLL_CTL_ADD, pair[0], EPOLLIN, 10));
    SAY(control(set, EPOLL_CTL_ADD, pair[0], EPOLLIN, 10));
    SAY(control(set, EPOLL_CTL_ADD, 999, EPOLLIN, 10));
    SAY(control(set, EPOLL_CTL_ADD, set, EPOLLIN, 10));
    SAY(control(pair[0], EPOLL_CTL_ADD, pair[1], EPOLLIN, 10));
    SAY(control(set, 99, pair[0], EPOLLIN, 10));
    struct epoll_event event;
    SAY(epoll_wait(set, &event, 0, 0));
    SAY(epoll_wait(pair[0], &event, 1, 0));
    wait_for(set, 10);
    SAY(write(pair[1], "ab", 2));
    wait_for(set, -1);
    wait_for(set, 0);
    SAY(control(set, EPOLL_CTL_MOD, pair[0], EPOLLIN | EPOLLET, 11));
    wait_for(set, 0);
    wait_for(set, 0);
    SAY(write(pair[1], "c", 1));
    wait_for(set, 0);
    SAY(control(set, EPOLL_CTL_MOD, pair[0], EPOLLIN | EPOLLONESHOT, 12));
    wait_for(set, 0);
    wait_for(set, 0);
    SAY(control(set, EPOLL_CTL_MOD, pair[0], EPOLLIN | EPOLLOUT, 0x123456789abcdef0));
    wait_for(set, 0);
    SAY(read(pair[0], buffer, sizeof buffer));
    wait_for(set, 0);
    SAY(control(set, EPOLL_CTL_DEL, pair[0], 0, 0));
    wait_for(set, 0);
    /* Two numbers of one socket. */
    GET(copy, dup(pair[0]));
    SAY(control(set, EPOLL_CTL_ADD, pair[0], EPOLLOUT, 20));
    SAY(control(set, EPOLL_CTL_ADD, copy, EPOLLOUT, 21));
    struct epoll_event both[4];
    SAY(epoll_wait(set, both, 4, 0));
    SAY(control(set, EPOLL_CTL_DEL, copy, 0, 0));
    SAY(close(copy));
    wait_for(set, 0);
    SAY(control(set, EPOLL_CTL_DEL, pair[0], 0, 0));
    /* What is closed leaves the set. */
    SAY(control(set, EPOLL_CTL_ADD, pair[1], EPOLLOUT, 30));
    SAY(close(pair[1]));
    wait_for(set, 0);
    SAY(control(set, EPOLL_CTL_ADD, pair[0], EPOLLIN | EPOLLRDHUP, 31));
    wait_for(set, 0);
    SAY(close(pair[0]));
    /* A set in a set, with an eventfd and a timer in it. */
    int event_fd, timer;
    GET(other, epoll_create(1));
    GET(event_fd, eventfd(0, EFD_NONBLOCK));
    GET(timer, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    SAY(control(set, EPOLL_CTL_ADD, other, EPOLLIN, 40));
    SAY(control(other, EPOLL_CTL_ADD, event_fd, EPOLLIN, 41));
    SAY(control(other, EPOLL_CTL_ADD, timer, EPOLLIN, 42));
    wait_for(set, 0);
    SAY(eventfd_write(event_fd, 3));
    wait_for(set, 1000);
    wait_for(other, 1000);
    eventfd_t value;
    SAY(eventfd_read(event_fd, &value));
    wait_for(set, 0);
    struct itimerspec soon = {.it_value = {0, 20000000}};
    SAY(timerfd_settime(timer, 0, &soon, NULL));
    wait_for(other, 0);
    wait_for(other, -1);
    wait_for(set, -1);
    unsigned long long ends;
    SAY(read(timer, &ends, 8));
    wait_for(set, 0);
    struct pollfd wait[2] = {{set, POLLIN, 0}, {event_fd, POLLIN | POLLOUT, 0}};
    POLL(wait, 2, 0);
    SAY(eventfd_write(event_fd, 1));
    POLL(wait, 2, -1);
    SAY(epoll_pwait(set, &event, 1, 0, NULL));
    SAY(control(other, EPOLL_CTL_DEL, timer, 0, 0));
    SAY(control(set, EPOLL_CTL_DEL, other, 0, 0));
    SAY(close(other));
    SAY(close(set));
}
