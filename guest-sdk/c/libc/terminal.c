/* Terminals: a guest may write to one, and has no more of it. */
#include <errno.h>
#include <pty.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define WEAK __attribute__((weak))

static int fail(void) {
    errno = ENOTTY;
    return -1;
}
static int fail_to_open(void) {
    errno = ENOSYS;
    return -1;
}

WEAK int tcgetattr(int fd, struct termios *mode) { (void)fd; (void)mode; return fail(); }
WEAK int tcsetattr(int fd, int when, const struct termios *mode) { (void)fd; (void)when; (void)mode; return fail(); }
WEAK int tcflush(int fd, int queue) { (void)fd; (void)queue; return fail(); }
WEAK int tcdrain(int fd) { (void)fd; return fail(); }
WEAK int tcflow(int fd, int action) { (void)fd; (void)action; return fail(); }
WEAK int tcsendbreak(int fd, int duration) { (void)fd; (void)duration; return fail(); }
WEAK pid_t tcgetpgrp(int fd) { (void)fd; return fail(); }
WEAK int tcsetpgrp(int fd, pid_t group) { (void)fd; (void)group; return fail(); }
WEAK char *ttyname(int fd) { (void)fd; errno = ENOTTY; return NULL; }
WEAK int ttyname_r(int fd, char *name, size_t size) { (void)fd; (void)name; (void)size; return ENOTTY; }
WEAK int openpty(int *controller, int *terminal, char *name, const struct termios *mode, const struct winsize *size) {
    (void)controller; (void)terminal; (void)name; (void)mode; (void)size;
    return fail_to_open();
}
WEAK int forkpty(int *controller, char *name, const struct termios *mode, const struct winsize *size) {
    (void)controller; (void)name; (void)mode; (void)size;
    return fail_to_open();
}
WEAK int posix_openpt(int flags) { (void)flags; return fail_to_open(); }
WEAK int grantpt(int fd) { (void)fd; return fail(); }
WEAK int unlockpt(int fd) { (void)fd; return fail(); }
WEAK char *ptsname(int fd) { (void)fd; errno = ENOTTY; return NULL; }
WEAK int ptsname_r(int fd, char *name, size_t size) { (void)fd; (void)name; (void)size; return ENOTTY; }
WEAK char *getpass(const char *prompt) { (void)prompt; errno = ENXIO; return NULL; }

WEAK speed_t cfgetospeed(const struct termios *mode) { return mode->__c_ospeed; }
WEAK speed_t cfgetispeed(const struct termios *mode) { return mode->__c_ispeed; }
WEAK int cfsetospeed(struct termios *mode, speed_t speed) { mode->__c_ospeed = speed; return 0; }
WEAK int cfsetispeed(struct termios *mode, speed_t speed) { mode->__c_ispeed = speed; return 0; }
WEAK void cfmakeraw(struct termios *mode) {
    mode->c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    mode->c_oflag &= ~OPOST;
    mode->c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    mode->c_cflag = (mode->c_cflag & ~(CSIZE | PARENB)) | CS8;
}
