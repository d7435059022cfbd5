#ifndef __CAPSOCK_NETINET_IP_H
#define __CAPSOCK_NETINET_IP_H

#include <netinet/in.h>
#include_next <netinet/ip.h>

/* RFC 5865; newer than musl's header. */
#ifndef IPTOS_DSCP_VA
#define IPTOS_DSCP_VA 0xb0
#endif

#endif
