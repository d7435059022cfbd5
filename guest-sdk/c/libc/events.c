/* eventfd_read(3) and eventfd_write(3) */
#include <sys/eventfd.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

WEAK int eventfd_read(int fd, eventfd_t *value) { return read(fd, value, sizeof *value) == sizeof *value ? 0 : -1; }
WEAK int eventfd_write(int fd, eventfd_t value) { return write(fd, &value, sizeof value) == sizeof value ? 0 : -1; }
