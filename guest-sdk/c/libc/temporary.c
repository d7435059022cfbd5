/* Temporary files, in the directories that the guest has. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

/* Fills in the six X before the suffix; NULL where they are not there. */
static char *fill(char *template, int suffix) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strlen(template);
    unsigned char random[6];
    if (suffix < 0 || length < 6 + (size_t)suffix || memcmp(template + length - suffix - 6, "XXXXXX", 6)) {
        errno = EINVAL;
        return NULL;
    }
    if (getrandom(random, sizeof random, 0) < 0)
        return NULL;
    char *at = template + length - suffix - 6;
    for (int place = 0; place < 6; place++)
        at[place] = letters[random[place] % (sizeof letters - 1)];
    return at;
}

WEAK int mkostemps(char *template, int suffix, int flags) {
    for (int attempt = 0; attempt < 100; attempt++) {
        char *at = fill(template, suffix);
        if (!at)
            return -1;
        int fd = open(template, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
        memcpy(at, "XXXXXX", 6);
    }
    return -1;
}
WEAK int mkstemp(char *template) { return mkostemps(template, 0, 0); }
WEAK int mkostemp(char *template, int flags) { return mkostemps(template, 0, flags); }
WEAK int mkstemps(char *template, int suffix) { return mkostemps(template, suffix, 0); }
WEAK char *mktemp(char *template) {
    if (!fill(template, 0))
        *template = 0;
    return template;
}
WEAK char *mkdtemp(char *template) {
    for (int attempt = 0; attempt < 100; attempt++) {
        char *at = fill(template, 0);
        if (!at)
            return NULL;
        if (mkdir(template, 0700) == 0)
            return template;
        if (errno != EEXIST)
            return NULL;
        memcpy(at, "XXXXXX", 6);
    }
    return NULL;
}
WEAK FILE *tmpfile(void) {
    char template[] = "/tmp/tmpfile-XXXXXX";
    int fd = mkstemp(template);
    if (fd < 0)
        return NULL;
    unlink(template);
    return fdopen(fd, "w+");
}
WEAK char *tmpnam(char *name) { (void)name; return NULL; }
