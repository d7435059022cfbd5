/* err(3) and syslog(3): to standard error. */
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define WEAK __attribute__((weak))

static void print(int with_errno, const char *format, va_list arguments) {
    int number = errno;
    if (format)
        vfprintf(stderr, format, arguments);
    if (with_errno)
        fprintf(stderr, "%s%s", format ? ": " : "", strerror(number));
    fputc('\n', stderr);
}

WEAK void vwarn(const char *format, va_list arguments) { print(1, format, arguments); }
WEAK void vwarnx(const char *format, va_list arguments) { print(0, format, arguments); }
WEAK _Noreturn void verr(int status, const char *format, va_list arguments) { print(1, format, arguments); exit(status); }
WEAK _Noreturn void verrx(int status, const char *format, va_list arguments) { print(0, format, arguments); exit(status); }

WEAK void warn(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vwarn(format, arguments);
    va_end(arguments);
}
WEAK void warnx(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vwarnx(format, arguments);
    va_end(arguments);
}
WEAK _Noreturn void err(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    verr(status, format, arguments);
}
WEAK _Noreturn void errx(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    verrx(status, format, arguments);
}

static const char *identity;
static int mask = 0xff;

WEAK void openlog(const char *name, int options, int facility) { (void)options; (void)facility; identity = name; }
WEAK void closelog(void) { identity = NULL; }
WEAK int setlogmask(int new) {
    int old = mask;
    if (new)
        mask = new;
    return old;
}
WEAK void vsyslog(int priority, const char *format, va_list arguments) {
    int number = errno;
    if (!(mask & LOG_MASK(LOG_PRI(priority))))
        return;
    if (identity)
        fprintf(stderr, "%s: ", identity);
    /* %m is the text of errno. */
    char expanded[1024];
    size_t at = 0;
    for (const char *from = format; *from && at < sizeof expanded - 2;) {
        if (from[0] == '%' && from[1] == 'm') {
            for (const char *text = strerror(number); *text && at < sizeof expanded - 2; text++)
                expanded[at++] = *text;
            from += 2;
        } else if (from[0] == '%' && from[1]) {
            expanded[at++] = *from++;
            expanded[at++] = *from++;
        } else {
            expanded[at++] = *from++;
        }
    }
    expanded[at] = 0;
    vfprintf(stderr, expanded, arguments);
    fputc('\n', stderr);
    errno = number;
}
WEAK void syslog(int priority, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}
