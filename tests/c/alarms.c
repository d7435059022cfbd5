/* alarm(2) and setitimer(2), in calls that wait. */
#include "say.h"
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>

static volatile int count;
static int pair[2];

static void tick(int number) { count += number == SIGALRM; }
static void write_one(int number) {
    (void)number;
    count++;
    (void)!write(pair[1], "!", 1);
}

static void handle(void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGALRM, &action, NULL);
}

static void in_milliseconds(int time, int interval) {
    struct itimerval timer = {{0, interval * 1000}, {0, time * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

void alarms(void) {
    char byte;
    struct itimerval timer, wrong = {{0, 0}, {0, 1000000}};
    struct timespec second = {1, 0}, left = {9, 9}, none = {0, 0};
    handle(tick, 0);
    SAY(alarm(100));
    SAY(alarm(50));
    SAY(getitimer(ITIMER_REAL, &timer));
    IS(timer.it_value.tv_sec == 49 && timer.it_interval.tv_sec == 0);
    SAY(alarm(0));
    SAY(alarm(0));
    SAY(getitimer(ITIMER_REAL, &timer));
    IS(timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0);
    SAY(setitimer(ITIMER_REAL, &wrong, NULL));
    SAY(setitimer(77, &timer, NULL));

    in_milliseconds(20, 0);
    SAY(nanosleep(&second, &left));
    IS(count == 1 && left.tv_sec == 0 && left.tv_nsec > 500000000 && left.tv_nsec < 1000000000);
    in_milliseconds(20, 0);
    SAY(pause());
    printf("count %d\n", count);
    in_milliseconds(10, 10);
    for (int round = 0; round < 3; round++)
        pause();
    in_milliseconds(0, 0);
    IS(count >= 5);

    SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    in_milliseconds(20, 0);
    SAY(read(pair[0], &byte, 1));
    struct pollfd wait = {pair[0], POLLIN, 0};
    in_milliseconds(20, 0);
    SAY(poll(&wait, 1, -1));
    in_milliseconds(20, 0);
    SAY(poll(NULL, 0, 2000));
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    in_milliseconds(20, 0);
    SAY(select(pair[0] + 1, &set, NULL, NULL, NULL));
    int events = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(events, EPOLL_CTL_ADD, pair[0], &event);
    in_milliseconds(20, 0);
    SAY(epoll_wait(events, &event, 1, -1));
    int port, server = listener(AF_INET, &port);
    in_milliseconds(20, 0);
    SAY(accept(server, NULL, NULL));

    /* A call that is begun again returns what the handler has written. */
    handle(write_one, SA_RESTART);
    count = 0;
    in_milliseconds(20, 0);
    SAY(read(pair[0], &byte, 1));
    IS(byte == '!' && count == 1);
    in_milliseconds(20, 0);
    SAY(poll(&wait, 1, -1));
    SAY(read(pair[0], &byte, 1));
    struct timeval time = {1, 0};
    setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    in_milliseconds(20, 0);
    SAY(accept(server, NULL, NULL));
    SAY(read(pair[0], &byte, 1));

    /* One that is ignored, or held back, ends no call. */
    handle(SIG_IGN, 0);
    in_milliseconds(10, 0);
    SAY(poll(NULL, 0, 30));
    handle(tick, 0);
    count = 0;
    sigset_t alarm_set, old;
    sigemptyset(&alarm_set);
    sigaddset(&alarm_set, SIGALRM);
    SAY(sigprocmask(SIG_BLOCK, &alarm_set, &old));
    in_milliseconds(10, 0);
    SAY(poll(NULL, 0, 30));
    printf("count %d\n", count);
    SAY(sigprocmask(SIG_SETMASK, &old, NULL));
    printf("count %d\n", count);
    SAY(nanosleep(&none, NULL));
    sigemptyset(&alarm_set);
    in_milliseconds(10, 0);
    SAY(sigsuspend(&alarm_set));
    printf("count %d\n", count);
}
