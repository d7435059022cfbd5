/* eventfd(2), timerfd_create(2) and pipe(2). */
#include "say.h"
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>

static const char *state(int fd) {
    struct pollfd wait = {fd, POLLIN | POLLOUT, 0};
    poll(&wait, 1, 0);
    return wait.revents & POLLIN ? wait.revents & POLLOUT ? "both" : "readable" : wait.revents & POLLOUT ? "writable" : "neither";
}

void events(void) {
    int fd;
    uint64_t value;
    GET(fd, eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    puts(state(fd));
    SAY(read(fd, &value, 4));
    SAY(read(fd, &value, 8));
    printf("value %llu\n", (unsigned long long)value);
    puts(state(fd));
    SAY(read(fd, &value, 8));
    value = 5;
    SAY(write(fd, &value, 8));
    SAY(write(fd, &value, 8));
    SAY(write(fd, &value, 4));
    SAY(eventfd_read(fd, &value));
    printf("value %llu\n", (unsigned long long)value);
    value = UINT64_MAX;
    SAY(write(fd, &value, 8));
    value = UINT64_MAX - 1;
    SAY(write(fd, &value, 8));
    SAY(eventfd_write(fd, 1));
    SAY(close(fd));
    GET(fd, eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    SAY(read(fd, &value, 8));
    printf("value %llu\n", (unsigned long long)value);
    SAY(read(fd, &value, 8));
    SAY(read(fd, &value, 8));
    SAY(eventfd(0, 12345678));
}

void timers(void) {
    int fd;
    uint64_t ends;
    struct itimerspec left, wanted = {.it_value = {0, 30000000}, .it_interval = {0, 10000000}};
    GET(fd, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    SAY(read(fd, &ends, 8));
    SAY(timerfd_gettime(fd, &left));
    printf("left %lld %ld\n", (long long)left.it_value.tv_sec, (long)left.it_value.tv_nsec);
    SAY(timerfd_settime(fd, 0, &wanted, &left));
    SAY(timerfd_gettime(fd, &left));
    IS(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 30000000);
    IS(left.it_interval.tv_nsec == 10000000);
    SAY(read(fd, &ends, 8));
    struct pollfd wait = {fd, POLLIN, 0};
    SAY(poll(&wait, 1, 2000));
    nanosleep(&(struct timespec){0, 35000000}, NULL);
    SAY(read(fd, &ends, 8));
    IS(ends >= 3);
    wanted = (struct itimerspec){.it_value = {0, 0}};
    SAY(timerfd_settime(fd, 0, &wanted, NULL));
    SAY(poll(&wait, 1, 30));
    SAY(fcntl(fd, F_SETFL, 0));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    wanted = (struct itimerspec){.it_value = {now.tv_sec, now.tv_nsec + 1 < 1000000000 ? now.tv_nsec + 1 : now.tv_nsec}};
    SAY(timerfd_settime(fd, TFD_TIMER_ABSTIME, &wanted, NULL));
    SAY(read(fd, &ends, 8));
    IS(ends == 1);
    wanted = (struct itimerspec){.it_value = {0, 20000000}};
    SAY(timerfd_settime(fd, 0, &wanted, NULL));
    SAY(read(fd, &ends, 8));
    wanted.it_value.tv_nsec = 1000000000;
    SAY(timerfd_settime(fd, 0, &wanted, NULL));
    SAY(write(fd, &ends, 8));
    SAY(timerfd_settime(1, 0, &left, NULL));
    GET(fd, timerfd_create(CLOCK_REALTIME, 0));
    clock_gettime(CLOCK_REALTIME, &now);
    wanted = (struct itimerspec){.it_value = {now.tv_sec - 5, 0}};
    SAY(timerfd_settime(fd, TFD_TIMER_ABSTIME, &wanted, NULL));
    SAY(read(fd, &ends, 8));
}

void pipes(void) {
    int ends[2], value;
    char buffer[16];
    struct stat status;
    SAY(pipe(ends));
    printf("%d %d\n", ends[0], ends[1]);
    SAY(write(ends[1], "pipe", 4));
    puts(state(ends[0]));
    puts(state(ends[1]));
    SAY(ioctl(ends[0], FIONREAD, &value));
    printf("FIONREAD %d\n", value);
    SAY(read(ends[0], buffer, sizeof buffer));
    SAY(read(ends[1], buffer, 1));
    SAY(write(ends[0], buffer, 1));
    SAY(fstat(ends[0], &status));
    IS(S_ISFIFO(status.st_mode));
    SAY(lseek(ends[0], 0, SEEK_CUR));
    IS((fcntl(ends[0], F_GETFL) & O_ACCMODE) == O_RDONLY);
    IS((fcntl(ends[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
    SAY(send(ends[1], "x", 1, 0));
    SAY(write(ends[1], "rest", 4));
    SAY(close(ends[1]));
    SAY(read(ends[0], buffer, sizeof buffer));
    SAY(read(ends[0], buffer, sizeof buffer));
    SAY(close(ends[0]));
    SAY(pipe2(ends, O_NONBLOCK));
    SAY(read(ends[0], buffer, 1));
    SAY(fcntl(ends[0], F_SETFL, 0));
    SAY(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    SAY(pipe2(ends, 1 << 30));
}
