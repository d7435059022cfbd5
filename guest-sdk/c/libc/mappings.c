/* Memory that is a file's: libc's mmap(2) reads the file once. */
#include <errno.h>
#include <sys/mman.h>

#define WEAK __attribute__((weak))

/* Nothing goes back to the file. */
WEAK int msync(void *start, size_t length, int flags) {
    (void)start; (void)length; (void)flags;
    errno = ENOSYS;
    return -1;
}
