#ifndef __CAPSOCK_NETINET_IN_H
#define __CAPSOCK_NETINET_IN_H

#include <capsock/upstream.h>
#include <sys/socket.h>

#define __wasilibc_unmodified_upstream
#include_next <netinet/in.h>
#undef __wasilibc_unmodified_upstream

#endif
