/* What a program may do, and what is this SDK's own: every other header is Linux's.
   Functions that fail return -1, with errno; capsock_error says it in words. */
#ifndef CAPSOCK_H
#define CAPSOCK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether an operation on one target is allowed, such as "connect" on
   "tcp://192.0.2.1:443": 1 or 0. Asking is not told to the host as a denial.
   EINVAL: the operation or the target does not follow the grammar, or stands for more
   than one. */
int capsock_may(const char *operation, const char *target);

/* Gives up, for good, what these rules do not allow, as pledge of OpenBSD: from now on
   an operation has to be allowed by the rules that the program was started with, and by
   those of each limit. With no rule it gives up all that needs a grant.
   EINVAL: a rule does not follow the grammar; EMFILE: there are too many limits or rules.
   After an error nothing has changed. */
int capsock_limit(const char *const *rules, size_t count);

/* The rules that the program was started with, a line each, in memory that is to be
   freed; NULL where there is none left. */
char *capsock_grants(void);

/* Why the last of these functions failed; "" where none has. */
const char *capsock_error(void);

/* Makes `size` bytes at `data`, which stay where they are, a file that can be read at
   `path`, as those of capsock-embed are. It stands before a file of the host.
   ENAMETOOLONG: the path is longer than 4,096 bytes. */
int capsock_add_file(const char *path, const void *data, size_t size);

/* For programs that compute for long, to be called often: every two milliseconds it lets
   other threads go on, which are cooperative, and signals in. Other calls of it cost one subtraction. */
extern int __capsock_calls_left;
void __capsock_yield(void);
static inline void capsock_yield(void) {
    if (--__capsock_calls_left < 0)
        __capsock_yield();
}

#ifdef __cplusplus
}
#endif

#endif
