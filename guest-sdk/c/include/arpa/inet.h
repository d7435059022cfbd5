#ifndef __CAPSOCK_ARPA_INET_H
#define __CAPSOCK_ARPA_INET_H

#include <netinet/in.h>
#include_next <arpa/inet.h>

#ifdef __cplusplus
extern "C" {
#endif

/* wasi-libc hides some. */
char *inet_ntoa(struct in_addr);
in_addr_t inet_addr(const char *);

#ifdef __cplusplus
}
#endif

#endif
