#ifndef __CAPSOCK_NETDB_H
#define __CAPSOCK_NETDB_H

#include <netinet/in.h>
#include_next <netdb.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef NI_MAXHOST
#define NI_MAXHOST 255
#define NI_MAXSERV 32
#endif

#ifdef __cplusplus
}
#endif

#endif
