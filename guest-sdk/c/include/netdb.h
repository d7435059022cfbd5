#ifndef __CAPSOCK_NETDB_H
#define __CAPSOCK_NETDB_H

#include <netinet/in.h>
/* libc has one variable, whose value each thread keeps for itself. */
#define h_errno __capsock_no_h_errno
#include_next <netdb.h>
#undef h_errno

#ifdef __cplusplus
extern "C" {
#endif

extern int h_errno;
#define h_errno h_errno

#ifndef NI_IDN
#define NI_IDN 0x20
#endif
#undef NI_MAXHOST
#undef NI_MAXSERV
#define NI_MAXHOST 1025
#define NI_MAXSERV 32

#ifdef __cplusplus
}
#endif

#endif
