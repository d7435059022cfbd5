/* What a program may do, and giving it up: capsock.h. */
#include <capsock.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    const char *rules[] = {"allow connect tcp://127.0.0.1:81"};
    const char *wrong[] = {"allow everything"};
    char *grants = capsock_grants();
    printf("%s", grants);
    free(grants);
    printf("%d\n", capsock_may("connect", "tcp://127.0.0.1:80"));
    printf("%d\n", capsock_may("connect", "tcp://127.0.0.1:82"));
    printf("%d %d\n", capsock_may("connect", "tcp://127.0.0.1:*"), errno == EINVAL);
    printf("%s\n", capsock_error());
    printf("%d %d\n", capsock_limit(wrong, 1), errno == EINVAL);
    printf("%d\n", capsock_limit(rules, 1));
    printf("%d\n", capsock_may("connect", "tcp://127.0.0.1:80"));
    printf("%d\n", capsock_may("connect", "tcp://127.0.0.1:81"));
    printf("%d\n", capsock_limit(NULL, 0));
    printf("%d\n", capsock_may("connect", "tcp://127.0.0.1:81"));
    exit(43);
}
