/* Message queues of POSIX, which a guest has none of; and STREAMS, which Linux has
   none of. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stropts.h>

#define WEAK __attribute__((weak))

static int fail(void) {
    errno = ENOSYS;
    return -1;
}

WEAK mqd_t mq_open(const char *name, int flags, ...) { (void)name; (void)flags; return fail(); }
WEAK int mq_close(mqd_t queue) { (void)queue; return fail(); }
WEAK int mq_unlink(const char *name) { (void)name; return fail(); }
WEAK int mq_getattr(mqd_t queue, struct mq_attr *attributes) { (void)queue; (void)attributes; return fail(); }
WEAK int mq_setattr(mqd_t queue, const struct mq_attr *restrict new, struct mq_attr *restrict old) {
    (void)queue; (void)new; (void)old;
    return fail();
}
WEAK int mq_notify(mqd_t queue, const struct sigevent *event) { (void)queue; (void)event; return fail(); }
WEAK int mq_send(mqd_t queue, const char *message, size_t length, unsigned priority) {
    (void)queue; (void)message; (void)length; (void)priority;
    return fail();
}
WEAK int mq_timedsend(mqd_t queue, const char *message, size_t length, unsigned priority, const struct timespec *time) {
    (void)time;
    return mq_send(queue, message, length, priority);
}
WEAK ssize_t mq_receive(mqd_t queue, char *room, size_t size, unsigned *priority) {
    (void)queue; (void)room; (void)size; (void)priority;
    return fail();
}
WEAK ssize_t mq_timedreceive(mqd_t queue, char *restrict room, size_t size, unsigned *restrict priority, const struct timespec *restrict time) {
    (void)time;
    return mq_receive(queue, room, size, priority);
}

WEAK int isastream(int fd) { return fcntl(fd, F_GETFD) < 0 ? -1 : 0; }
